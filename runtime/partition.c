/*
 * Why: each change of backend costs a submission, a wait and copies. A node that another backend
 * must run is often not needed yet where it stands, nor what stands before it needed by it.
 */
#include "runtime/partition.h"

#include <stdlib.h>
#include <string.h>

enum { ANYWHERE = UINT8_MAX }; /* a view: costs nothing wherever it is */

struct partition {
    const struct prt_graph *graph;
    uint8_t *homes;  /* by node: index of its backend */
    bool *placed;    /* by node */
    uint32_t *order; /* nodes, as placed */
    uint32_t count;
};

static bool is_view(const struct prt_node *node)
{
    return node->op == PRT_OP_PERMUTE || node->op == PRT_OP_RESHAPE;
}

static bool is_ready(const struct partition *p, uint32_t n)
{
    const struct prt_node *node = &p->graph->nodes[n];
    for (unsigned i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == PRT_NO_VALUE)
            continue;
        uint32_t producer = p->graph->values[node->inputs[i]].producer;
        if (producer != PRT_NO_VALUE && !p->placed[producer])
            return false;
    }
    return true;
}

/* All that a backend can do now, in the order in which it stands. */
static bool take_turn(struct partition *p, uint8_t backend)
{
    bool any = false;
    for (uint32_t n = 0; n < p->graph->node_count; n++) {
        if (p->placed[n] || (p->homes[n] != backend && p->homes[n] != ANYWHERE) || !is_ready(p, n))
            continue;
        p->placed[n] = true;
        p->order[p->count++] = n;
        any |= p->homes[n] != ANYWHERE;
    }
    return any;
}

/* How many runs there are when `first` begins and the others follow it in turns. */
static uint32_t arrange(struct partition *p, uint8_t first, uint8_t backends)
{
    uint32_t runs = 0;
    memset(p->placed, 0, p->graph->node_count);
    p->count = 0;
    for (uint8_t b = first; p->count < p->graph->node_count; b = (uint8_t)((b + 1) % backends))
        runs += take_turn(p, b);
    return runs;
}

static uint32_t runs_as_it_is(const struct partition *p)
{
    uint32_t runs = 0;
    uint8_t last = ANYWHERE;
    for (uint32_t n = 0; n < p->graph->node_count; n++) {
        if (p->homes[n] == ANYWHERE || p->homes[n] == last)
            continue;
        last = p->homes[n];
        runs++;
    }
    return runs;
}

/* False when some node has no home: whoever plans says so. */
static bool find_homes(struct partition *p, const struct prt_backend *const *backends)
{
    for (uint32_t n = 0; n < p->graph->node_count; n++) {
        const struct prt_node *node = &p->graph->nodes[n];
        uint8_t b = 0;
        while (backends[b] && !backends[b]->supports(p->graph, node))
            b++;
        if (!backends[b])
            return false;
        p->homes[n] = is_view(node) ? ANYWHERE : b;
    }
    return true;
}

static enum percept_status reorder(struct prt_graph *graph, const struct partition *p,
                                   struct percept_error *error)
{
    struct prt_node *nodes = malloc((size_t)graph->node_count * sizeof *nodes);
    if (!nodes)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to place nodes");
    for (uint32_t i = 0; i < graph->node_count; i++)
        nodes[i] = graph->nodes[p->order[i]];
    memcpy(graph->nodes, nodes, (size_t)graph->node_count * sizeof *nodes);
    free(nodes);
    return prt_graph_finish(graph, error);
}

enum percept_status prt_partition(struct prt_graph *graph,
                                  const struct prt_backend *const *backends,
                                  struct percept_error *error)
{
    uint8_t count = 0;
    while (backends[count])
        count++;
    if (PRT_ONE_BACKEND || count < 2 || graph->node_count < 3)
        return PERCEPT_OK;
    size_t nodes = graph->node_count;
    struct partition p = {.graph = graph,
                          .homes = malloc(nodes),
                          .placed = malloc(nodes * sizeof *p.placed),
                          .order = malloc(nodes * sizeof *p.order)};
    enum percept_status status = PERCEPT_OK;
    if (!p.homes || !p.placed || !p.order) {
        status = percept_fail(error, PERCEPT_NO_MEMORY, "no memory to place nodes");
    } else if (find_homes(&p, backends)) {
        uint32_t fewest = runs_as_it_is(&p);
        uint8_t best = count;
        for (uint8_t first = 0; first < count && fewest > 1; first++) {
            uint32_t runs = arrange(&p, first, count);
            if (runs < fewest) {
                fewest = runs;
                best = first;
            }
        }
        if (best < count) {
            (void)arrange(&p, best, count);
            status = reorder(graph, &p, error);
        }
    }
    free(p.homes);
    free(p.placed);
    free(p.order);
    return status;
}
