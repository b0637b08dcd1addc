/* The backends that this build has. Adding one is one row in known.c. */
#ifndef BACKENDS_BACKENDS_H
#define BACKENDS_BACKENDS_H

#include "runtime/backend.h"

/* What a model runs on unless somebody asks for more: the CPU, which runs everything.
 * NULL-terminated, as all lists of backends. */
extern const struct prt_backend *const percept_backends[];

/* All of them, the CPU first, to choose from by name; some may be absent on this machine. */
extern const struct prt_backend *const percept_known_backends[];

#endif
