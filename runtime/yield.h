/* Between two steps of a run, and two parts of a plan: is it time to ask whoever shares the
 * processor? (struct prt_yield) */
#ifndef RUNTIME_YIELD_H
#define RUNTIME_YIELD_H

#include "base/clock.h"
#include "runtime/backend.h"

static inline void prt_yield_step(struct prt_yield *yield)
{
    if (PRT_ONE_BACKEND)
        return; /* in a small build nobody shares */
    int64_t now = yield ? base_clock_ns() : 0;
    if (!yield || now - yield->last_ns < yield->bound_ns)
        return;
    yield->last_ns = now;
    yield->step(yield->context);
}

/* A model that meets new sizes is planned by the thread that runs it. Where nothing is locked. */
static inline void prt_yield_plan(void)
{
    if (!PRT_ONE_BACKEND)
        base_pool_pause();
}

#endif
