/* Lists of system calls (seccomp): what a process leaves itself. */
#ifndef DAEMON_FILTER_H
#define DAEMON_FILTER_H

#include "base/status.h"

#include <stdint.h>

/* A call that may only be made with this value of an argument (from 0). */
struct daemon_filter_call {
    const char *name;
    unsigned argument;
    uint64_t value;
};

struct daemon_filter {
    const char *const *calls, *const *more;  /* NULL-terminated; more may be NULL */
    const struct daemon_filter_call *narrow; /* the last has no name */
};

/* Every other call fails with EPERM from now on, in every thread. Names that this machine or
 * libseccomp does not know are left out. With a sanitizer, which needs more and is no deployment,
 * nothing is done. UNSUPPORTED by a kernel without seccomp. */
enum percept_status daemon_filter_set(const struct daemon_filter *filter,
                                      struct percept_error *error);

/* Was this built with a sanitizer? */
extern const int daemon_sanitized;

#endif
