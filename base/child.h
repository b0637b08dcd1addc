/*
 * A program that runs beside us and cannot be relied on: how it is found, started with
 * nothing but the descriptors that it is to have, waited for and ended. Linux only.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The descriptors that it is given have numbers from here on, in order; a filter's from 0 on. */
enum { BASE_CHILD_FD = 3, BASE_CHILD_MOST_FDS = 4 };

/* The program that the environment variable names or, without one, the file of that name beside
 * this program's. False when it cannot be run. */
bool base_child_find(const char *name, const char *variable, char path[PATH_MAX]);

struct base_child_start {
    const char *path;
    char *const *argv;            /* NULL-terminated */
    int fds[BASE_CHILD_MOST_FDS]; /* they stay the caller's */
    unsigned fd_count;
    bool is_filter; /* the first two are its standard input and output, and there are no others */
    int standard_error; /* -1: ours */
    bool is_early;      /* none of its kind is started later: base_child_any leaves it out */
};

/*
 * Start it, in a session of its own (what stops us from a terminal is not its business), with no
 * signal blocked or ignored and no other descriptors than the standard ones and those. Its parent
 * is the calling thread. 0, or an errno.
 */
int base_child_start(const struct base_child_start *start, pid_t *pid);

/* Has any been started, or tried, by this process? Then there may be more: one that goes down is
 * started again. */
bool base_child_any(void);

/* Let it end by itself for so long, then kill it, and what it started in its process group; it is
 * reaped. Returns its status, as waitpid does. */
int base_child_end(pid_t pid, int64_t patience_ns);

/* A memfd of that size for both sides, which neither can make larger or smaller. -1 with errno. */
int base_child_memory(const char *name, size_t bytes);

/* Sleep until there is something to read or the other end is gone; false when the deadline
 * (CLOCK_MONOTONIC; INT64_MAX: none) has passed first. It looks at least once. */
bool base_child_wait(int fd, int64_t deadline_ns);

#endif
