/* Why: there are as many placements as products of backends; the cheapest path through the nodes in
 * their order is found in one walk. That costs add up is only nearly so: whoever asks measures. */
#include "runtime/placement/propose.h"

#include <stdlib.h>
#include <string.h>

/* The cheapest way to be on `b` at the node, given what it costs to be on each before. */
static int64_t arrive(const struct prt_costs *costs, uint32_t node, unsigned b,
                      const int64_t *before, uint8_t *from)
{
    int64_t best = PRT_NEVER;
    if (costs->ns[b][node] == PRT_NEVER)
        return PRT_NEVER;
    for (unsigned a = 0; a < costs->backend_count; a++) {
        if (before[a] == PRT_NEVER)
            continue;
        int64_t enter = node == 0 || a != b ? costs->crossing_ns[b] : 0;
        if (before[a] + enter < best) {
            best = before[a] + enter;
            *from = (uint8_t)a;
        }
    }
    return best == PRT_NEVER ? best : best + costs->ns[b][node];
}

bool prt_placement_propose(const struct prt_costs *costs, uint8_t *homes)
{
    unsigned count = costs->backend_count;
    uint8_t *from = calloc((size_t)costs->node_count + 1, PRT_MAX_BACKENDS);
    int64_t now[PRT_MAX_BACKENDS] = {0}, before[PRT_MAX_BACKENDS];
    if (!from)
        return false;
    for (uint32_t n = 0; n < costs->node_count; n++) {
        memcpy(before, now, sizeof before);
        for (unsigned b = 0; b < count; b++)
            now[b] = arrive(costs, n, b, before, &from[(size_t)n * PRT_MAX_BACKENDS + b]);
    }
    unsigned best = 0;
    for (unsigned b = 1; b < count; b++)
        if (now[b] <= now[best]) /* the last is the host */
            best = b;
    bool found = now[best] != PRT_NEVER;
    for (uint32_t n = costs->node_count; found && n-- > 0;) {
        homes[n] = (uint8_t)best;
        best = from[(size_t)n * PRT_MAX_BACKENDS + best];
    }
    free(from);
    return found;
}
