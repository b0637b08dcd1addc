/* The backends that this build has. Adding one is one row in backends.c. */
#ifndef BACKENDS_BACKENDS_H
#define BACKENDS_BACKENDS_H

#include "runtime/backend.h"

/* NULL-terminated, most preferred first: the CPU, which runs everything. One may be absent. */
extern const struct prt_backend *const percept_backends[];

#endif
