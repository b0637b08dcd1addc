/* Which placement of nodes costs least, if costs add up. Private to the runtime. */
#ifndef RUNTIME_PLACEMENT_PROPOSE_H
#define RUNTIME_PLACEMENT_PROPOSE_H

#include "runtime/placement.h"

#include <stddef.h>

#define PRT_NEVER INT64_MAX /* the backend does not run the node */

struct prt_costs {
    uint32_t node_count; /* those that run, in order */
    unsigned backend_count;
    const int64_t *ns[PRT_MAX_BACKENDS];   /* by backend, then node; or PRT_NEVER */
    int64_t crossing_ns[PRT_MAX_BACKENDS]; /* of each segment there */
};

/* The cheapest: homes[n] is a backend that runs node n. False without memory, or when some node has
 * no backend. */
bool prt_placement_propose(const struct prt_costs *costs, uint8_t *homes);

#endif
