/* Which of a segment's memory others see: what a backend with memory of its own has to bring in
 * before a run, and out after it. Private to the runtime and backends. */
#ifndef RUNTIME_CROSSINGS_H
#define RUNTIME_CROSSINGS_H

#include "runtime/backend.h"

/* Of a root (backend.h). */
struct prt_crossing {
    bool used, written; /* by the nodes */
    bool enters;        /* used, and somebody else wrote it before they run */
    bool leaves;        /* written, and somebody else reads it after */
};

/* Into crossings, zeroed, one a value of the graph; those of roots get a meaning. places are the
 * compile's; if it has none, each value is its own root, and all that is used enters and leaves. */
void prt_crossings_find(const struct prt_compile *compile, struct prt_crossing *crossings);

#endif
