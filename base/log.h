/*
 * Logging for the daemon and the tools. Libraries (runtime, backends, the client) return errors
 * instead; they never log.
 *
 * One event a line on standard error: "perceptd: warning: text". Under systemd (JOURNAL_STREAM set)
 * the level is written as the "<4>" prefix that the journal reads.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum base_log_level { BASE_LOG_ERROR, BASE_LOG_WARNING, BASE_LOG_INFO, BASE_LOG_DEBUG };

/* Program name for the prefix and the most detailed level that is written. Call once, before
 * threads. */
void base_log_open(const char *program, enum base_log_level level);

/* Thread-safe; one write(2) a line, so lines of several threads do not mix. Control characters
 * in the text become spaces. */
void base_log(enum base_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
