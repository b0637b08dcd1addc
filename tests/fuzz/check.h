/* Why: a failure must say what failed. Where it does not, the run ends with what it did say. */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

/* status came with error, which tells the same: it is returned. */
static inline enum percept_status fuzz_check(enum percept_status status,
                                             const struct percept_error *error)
{
    if (status != PERCEPT_OK && (error->status != status || error->message[0] == '\0')) {
        fprintf(stderr, "%s was returned, with the error %s: %s\n", percept_status_name(status),
                percept_status_name(error->status), error->message);
        abort();
    }
    return status;
}

#endif
