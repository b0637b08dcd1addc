/* Why: see crossings.h. */
#include "runtime/crossings.h"

static bool is_tensor(const struct prt_graph *graph, uint32_t id)
{
    return id != PRT_NO_VALUE && graph->values[id].kind == PRT_VALUE_TENSOR;
}

static struct prt_crossing *of(const struct prt_compile *compile, struct prt_crossing *crossings,
                               uint32_t id)
{
    return &crossings[compile->places ? compile->places[id].root : id];
}

static void find_used(const struct prt_compile *compile, struct prt_crossing *crossings)
{
    for (uint32_t n = 0; n < compile->node_count; n++) {
        const struct prt_node *node = &compile->graph->nodes[compile->nodes[n]];
        for (unsigned i = 0; i < node->input_count; i++)
            if (is_tensor(compile->graph, node->inputs[i]))
                of(compile, crossings, node->inputs[i])->used = true;
        for (unsigned i = 0; i < node->output_count; i++) {
            struct prt_crossing *result = of(compile, crossings, node->outputs[i]);
            result->used = result->written = true;
        }
    }
}

static void find_neighbours(const struct prt_compile *compile, struct prt_crossing *crossings)
{
    const struct prt_graph *graph = compile->graph;
    uint32_t first = compile->nodes[0], last = compile->nodes[compile->node_count - 1];
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        if (value->kind != PRT_VALUE_TENSOR)
            continue;
        struct prt_crossing *crossing = of(compile, crossings, i);
        bool alone = !compile->places;
        crossing->enters |= alone || (value->flags & (PRT_FLAG_INPUT | PRT_FLAG_STATE)) != 0 ||
                            (value->producer != PRT_NO_VALUE && value->producer < first);
        crossing->leaves |= alone || (value->flags & (PRT_FLAG_OUTPUT | PRT_FLAG_STATE)) != 0;
    }
    for (uint32_t n = last + 1; n < graph->node_count; n++)
        for (unsigned i = 0; i < graph->nodes[n].input_count; i++)
            if (is_tensor(graph, graph->nodes[n].inputs[i]))
                of(compile, crossings, graph->nodes[n].inputs[i])->leaves = true;
}

void prt_crossings_find(const struct prt_compile *compile, struct prt_crossing *crossings)
{
    const struct prt_graph *graph = compile->graph;
    if (compile->node_count == 0)
        return;
    find_used(compile, crossings);
    find_neighbours(compile, crossings);
    for (uint32_t i = 0; i < graph->value_count; i++) {
        bool constant =
            graph->values[i].kind == PRT_VALUE_TENSOR && graph->values[i].flags & PRT_FLAG_CONSTANT;
        crossings[i].enters &= crossings[i].used && !constant;
        crossings[i].leaves &= crossings[i].written && !constant;
    }
}
