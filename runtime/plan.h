/*
 * Which backend runs each node, and where each value lies. Private to the runtime.
 */
#ifndef RUNTIME_PLAN_H
#define RUNTIME_PLAN_H

#include "runtime/backend.h"
#include "runtime/graph.h"

#define PRT_PLAN_ALIGNMENT 64

/* What a hostile file could make us allocate; the activations of real networks stay far below. */
#define PRT_PLAN_LIMIT      ((size_t)4 << 30)
#define PRT_PLAN_MAX_VALUES 65536 /* packing takes time in its square */

struct prt_plan {
    struct prt_place *places;            /* by value */
    const struct prt_backend **backends; /* by node; NULL: the result is in place already, nothing
                                            to run */
    size_t arena_bytes;
};

/*
 * Plan a finished graph whose layouts are settled. UNSUPPORTED names the node that no backend
 * takes. plan is filled on success; free it with prt_plan_free.
 */
enum percept_status prt_plan_make(const struct prt_graph *graph,
                                  const struct prt_backend *const *backends, struct prt_plan *plan,
                                  struct percept_error *error);
/* Place the nodes of a plan on other backends: where values lie does not change. On failure the
 * plan is as it was. */
enum percept_status prt_plan_place(const struct prt_graph *graph,
                                   const struct prt_backend *const *backends, struct prt_plan *plan,
                                   struct percept_error *error);
void prt_plan_free(struct prt_plan *plan); /* a zeroed plan is fine */

/* Address of a value given the arena's; NULL for one without storage (a scalar, an unused value)
 * and for states and their views, which lie outside of the arena. */
void *prt_plan_address(const struct prt_graph *graph, const struct prt_plan *plan, void *arena,
                       uint32_t value);

#endif
