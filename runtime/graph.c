/* Why: the one data structure between importers, passes and backends. Building it is dumb appends
 * into an arena; prt_graph_finish then proves what everyone after it relies on. */
#include "runtime/graph.h"

#include "base/slab.h"
#include "runtime/deferred.h"
#include "runtime/graph_check.h"

#include <stdlib.h>
#include <string.h>

/* Apart from each other: a build without messages needs no names. */
static const char *const names[] = {
#define OP_NAME(name, text, layout) (text),
    PRT_OP_TABLE(OP_NAME)
#undef OP_NAME
};
static const uint8_t layouts[] = {
#define OP_LAYOUT(name, text, layout) PRT_LAYOUT_##layout,
    PRT_OP_TABLE(OP_LAYOUT)
#undef OP_LAYOUT
};

const char *prt_op_name(enum prt_op op)
{
    return (unsigned)op < PRT_OP_COUNT ? names[op] : "unknown";
}

enum prt_layout_rule prt_op_layout(enum prt_op op)
{
    return (unsigned)op < PRT_OP_COUNT ? (enum prt_layout_rule)layouts[op] : PRT_LAYOUT_ANY;
}

enum percept_status prt_graph_create(struct prt_graph **graph, struct percept_error *error)
{
    struct prt_graph *created = calloc(1, sizeof *created);
    if (!created)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a graph");
    *graph = created;
    return PERCEPT_OK;
}

void prt_graph_destroy(struct prt_graph *graph)
{
    if (!graph)
        return;
    base_arena_reset(&graph->arena);
    if (prt_deferred_any() && graph->kept) /* else there is nothing to keep */
        base_slab_return(graph->kept, graph->kept_bytes);
    if (prt_deferred_any() && graph->constants)
        base_slab_return(graph->constants, graph->constants_bytes);
    free(graph);
}

/* Room for one more row. The old array stays in the arena: doubling wastes at most as much as is
 * used. */
static bool grow(struct prt_graph *graph, void **rows, uint32_t count, uint32_t *capacity,
                 size_t size)
{
    if (count < *capacity)
        return true;
    if (*capacity > UINT32_MAX / 4)
        return false;
    uint32_t wanted = *capacity ? *capacity * 2 : 64;
    void *larger = base_arena_array(&graph->arena, wanted, size);
    if (!larger)
        return false;
    if (count)
        memcpy(larger, *rows, count * size);
    *rows = larger;
    *capacity = wanted;
    return true;
}

uint32_t prt_graph_add_value(struct prt_graph *graph, enum prt_value_kind kind)
{
    void *rows = graph->values;
    if (!grow(graph, &rows, graph->value_count, &graph->value_capacity, sizeof *graph->values))
        return PRT_NO_VALUE;
    graph->values = rows;
    graph->values[graph->value_count] = (struct prt_value){.kind = kind, .producer = PRT_NO_VALUE};
    return graph->value_count++;
}

uint32_t prt_graph_add_tensor(struct prt_graph *graph, const struct prt_tensor *tensor)
{
    size_t bytes;
    struct prt_tensor copy = *tensor; /* it may lie in graph->values, which may move */
    if (!prt_tensor_bytes(&copy, &bytes))
        return PRT_NO_VALUE;
    uint32_t id = prt_graph_add_value(graph, PRT_VALUE_TENSOR);
    if (id != PRT_NO_VALUE) {
        graph->values[id].tensor = copy;
        graph->values[id].bytes = bytes;
    }
    return id;
}

bool prt_node_resize_inputs(struct prt_graph *graph, struct prt_node *node, unsigned count)
{
    if (count > UINT16_MAX)
        return false;
    if (count > node->input_count) {
        uint32_t *wider = base_arena_array(&graph->arena, count, sizeof *wider);
        if (!wider)
            return false;
        for (unsigned i = 0; i < count; i++)
            wider[i] = i < node->input_count ? node->inputs[i] : PRT_NO_VALUE;
        node->inputs = wider;
    }
    node->input_count = (uint16_t)count;
    return true;
}

struct prt_node *prt_graph_add_node(struct prt_graph *graph, enum prt_op op, unsigned inputs,
                                    unsigned outputs)
{
    void *rows = graph->nodes;
    if (inputs > UINT16_MAX || outputs > UINT16_MAX ||
        !grow(graph, &rows, graph->node_count, &graph->node_capacity, sizeof *graph->nodes))
        return NULL;
    graph->nodes = rows;
    uint32_t *operands = base_arena_array(&graph->arena, inputs + outputs, sizeof *operands);
    if (!operands)
        return NULL;
    for (unsigned i = 0; i < inputs + outputs; i++)
        operands[i] = PRT_NO_VALUE;
    struct prt_node *node = &graph->nodes[graph->node_count++];
    *node = (struct prt_node){.op = op,
                              .input_count = (uint16_t)inputs,
                              .output_count = (uint16_t)outputs,
                              .inputs = operands,
                              .outputs = operands + inputs};
    return node;
}

int64_t prt_value_int(const struct prt_graph *graph, uint32_t id, int64_t fallback)
{
    if (id == PRT_NO_VALUE || graph->values[id].kind != PRT_VALUE_INT)
        return fallback;
    return graph->values[id].i;
}

void prt_slice_range(const struct prt_graph *graph, const struct prt_node *node, int64_t *start,
                     int64_t *end)
{
    int64_t size = graph->values[node->inputs[0]].tensor.sizes[node->attrs.slice.axis];
    int64_t bounds[2] = {prt_value_int(graph, node->inputs[1], 0),
                         prt_value_int(graph, node->inputs[2], INT64_MAX)};
    for (int i = 0; i < 2; i++) {
        if (bounds[i] < 0)
            bounds[i] += size;
        bounds[i] = bounds[i] < 0 ? 0 : bounds[i] > size ? size : bounds[i];
    }
    *start = bounds[0];
    *end = bounds[1] < bounds[0] ? bounds[0] : bounds[1];
}

/* ---- finish ---- */

/* Flags of the method's inputs and outputs follow the graph's two lists. */
static enum percept_status mark_interface(struct prt_graph *graph, struct percept_error *error)
{
    for (uint32_t i = 0; i < graph->value_count; i++)
        graph->values[i].flags &= ~(uint32_t)(PRT_FLAG_INPUT | PRT_FLAG_OUTPUT);
    for (uint32_t i = 0; i < graph->input_count; i++) {
        if (graph->inputs[i] >= graph->value_count)
            return percept_fail(error, PERCEPT_MALFORMED, "input %u of the method is no value", i);
        struct prt_value *value = &graph->values[graph->inputs[i]];
        if (value->flags & (PRT_FLAG_CONSTANT | PRT_FLAG_STATE))
            return percept_fail(error, PERCEPT_MALFORMED, "input %u of the method is a constant",
                                i);
        value->flags |= PRT_FLAG_INPUT;
    }
    for (uint32_t i = 0; i < graph->output_count; i++) {
        if (graph->outputs[i] >= graph->value_count)
            return percept_fail(error, PERCEPT_MALFORMED, "output %u of the method is no value", i);
        graph->values[graph->outputs[i]].flags |= PRT_FLAG_OUTPUT;
    }
    return PERCEPT_OK;
}

/* Walking backwards over nodes in execution order, a node is alive when a later live node or the
 * caller reads a result of it. Counts uses on the way. */
static void count_uses(struct prt_graph *graph)
{
    for (uint32_t i = 0; i < graph->value_count; i++)
        graph->values[i].uses = graph->values[i].flags & PRT_FLAG_OUTPUT ? 1 : 0;
    for (uint32_t n = graph->node_count; n-- > 0;) {
        struct prt_node *node = &graph->nodes[n];
        if (node->removed)
            continue;
        uint32_t wanted = 0;
        for (unsigned i = 0; i < node->output_count; i++)
            wanted += graph->values[node->outputs[i]].uses;
        node->removed = wanted == 0;
        for (unsigned i = 0; i < node->input_count && !node->removed; i++)
            if (node->inputs[i] != PRT_NO_VALUE)
                graph->values[node->inputs[i]].uses++;
    }
}

static void compact(struct prt_graph *graph)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < graph->value_count; i++)
        graph->values[i].producer = PRT_NO_VALUE;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].removed)
            continue;
        graph->nodes[kept] = graph->nodes[n];
        for (unsigned i = 0; i < graph->nodes[kept].output_count; i++)
            graph->values[graph->nodes[kept].outputs[i]].producer = kept;
        kept++;
    }
    graph->node_count = kept;
}

enum percept_status prt_graph_finish(struct prt_graph *graph, struct percept_error *error)
{
    enum percept_status status = mark_interface(graph, error);
    if (status == PERCEPT_OK)
        status = prt_graph_check_order(graph, error);
    if (status != PERCEPT_OK)
        return status;
    count_uses(graph);
    compact(graph);
    status = prt_graph_check_values(graph, error);
    return status == PERCEPT_OK ? prt_graph_check_shapes(graph, error) : status;
}
