/* Why: one place decides how a line looks and that it goes out whole. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *text;
    int syslog_level;
} levels[] = {
    [BASE_LOG_ERROR] = {"error: ", 3},
    [BASE_LOG_WARNING] = {"warning: ", 4},
    [BASE_LOG_INFO] = {"", 6},
    [BASE_LOG_DEBUG] = {"debug: ", 7},
};

static const char *program_name = "percept";
static enum base_log_level max_level = BASE_LOG_INFO;
static bool to_journal;

void base_log_open(const char *program, enum base_log_level level)
{
    program_name = program;
    max_level = level;
    to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void base_log(enum base_log_level level, const char *format, ...)
{
    if (level > max_level)
        return;
    char line[1024], prefix[8] = "";
    if (to_journal)
        snprintf(prefix, sizeof prefix, "<%d>", levels[level].syslog_level);
    int used =
        snprintf(line, sizeof line - 1, "%s%s: %s", prefix, program_name, levels[level].text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, sizeof line - 1 - (size_t)used, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    size_t length = strlen(line);
    line[length++] = '\n';
    /* Nothing sensible can be done when standard error is gone. */
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}
