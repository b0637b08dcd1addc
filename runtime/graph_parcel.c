/* Why: see graph_parcel.h. What goes is a shallow copy of the graph, or of one node of it, whose
 * constants are read from where they are while it is written. */
#include "runtime/graph_parcel.h"

#include "runtime/program_data.h"

#include <string.h>

/* The graph that goes, in whose arena all of this is. */
struct packing {
    struct prt_image_parcel parcel;
    struct prt_graph copy;
    struct prt_parcel_source *sources;
};

static bool is_constant(const struct prt_value *value)
{
    return value->kind == PRT_VALUE_TENSOR && value->flags & PRT_FLAG_CONSTANT;
}

/* A value by itself: its data as they are in memory once they are read, or to be absent. */
static void take_value(struct packing *packing, uint32_t to, uint32_t from, bool is_sent)
{
    const struct prt_value *original = &packing->parcel.graph->values[from];
    struct prt_value *value = &packing->copy.values[to];
    *value = *original;
    packing->sources[to] = (struct prt_parcel_source){from, is_sent};
    if (value->kind != PRT_VALUE_TENSOR)
        return;
    value->flags &= ~(uint32_t)PRT_FLAGS_DEFERRED;
    value->factors = NULL; /* reading multiplies */
    if (!is_constant(value))
        value->data = NULL;
    else if (!is_sent && value->bytes > packing->parcel.absent_bytes)
        packing->parcel.absent_bytes = value->bytes;
}

static bool make_room(struct packing *packing, uint32_t values, uint32_t nodes)
{
    struct prt_graph *copy = &packing->copy;
    copy->values = base_arena_array(&copy->arena, values, sizeof *copy->values);
    copy->nodes = base_arena_array(&copy->arena, nodes, sizeof *copy->nodes);
    packing->sources = base_arena_array(&copy->arena, values, sizeof *packing->sources);
    packing->parcel.sources = packing->sources;
    copy->value_count = copy->value_capacity = values;
    copy->node_count = copy->node_capacity = nodes;
    return copy->values && copy->nodes && packing->sources;
}

/* A payload may be in a file of which it was not read yet. */
static bool fetch_payload(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_blob_attrs *blob = &node->attrs.blob;
    return node->op != PRT_OP_BLOB ||
           prt_program_need(graph->program, blob->payload, blob->bytes, NULL) == PERCEPT_OK;
}

static bool pack(struct packing *packing, size_t *bytes)
{
    return prt_graph_image_parcel(&packing->parcel, &packing->copy, bytes) != NULL;
}

/* ---- all of a graph ---- */

/* What nobody uses any more may be of a kind that only importers know. */
static bool is_alive(const struct prt_value *value)
{
    return value->uses || value->producer != PRT_NO_VALUE ||
           value->flags & (PRT_FLAG_INPUT | PRT_FLAG_OUTPUT | PRT_FLAG_STATE);
}

static bool pack_nodes(struct packing *packing, const uint32_t *nodes, uint32_t node_count,
                       size_t *bytes)
{
    const struct prt_graph *graph = packing->parcel.graph;
    struct prt_graph *copy = &packing->copy;
    bool *wanted = base_arena_array(&copy->arena, (size_t)graph->value_count + 1, sizeof *wanted);
    if (!wanted || !make_room(packing, graph->value_count, graph->node_count))
        return false;
    for (uint32_t n = 0; n < node_count; n++) {
        const struct prt_node *node = &graph->nodes[nodes[n]];
        for (unsigned i = 0; i < node->input_count; i++)
            if (node->inputs[i] != PRT_NO_VALUE)
                wanted[node->inputs[i]] = true;
        if (!fetch_payload(graph, node))
            return false;
    }
    for (uint32_t i = 0; i < graph->value_count; i++)
        if (is_alive(&graph->values[i]))
            take_value(packing, i, i, wanted[i]);
        else
            copy->values[i].producer = PRT_NO_VALUE;
    memcpy(copy->nodes, graph->nodes, graph->node_count * sizeof *copy->nodes);
    copy->inputs = graph->inputs;
    copy->outputs = graph->outputs;
    copy->states = graph->states;
    copy->data_sizes = graph->data_sizes;
    copy->input_count = graph->input_count;
    copy->output_count = graph->output_count;
    copy->state_count = graph->state_count;
    copy->data_size_count = graph->data_size_count;
    copy->hidden_output_count = graph->hidden_output_count;
    return pack(packing, bytes);
}

bool prt_parcel_of_nodes(const struct prt_graph *graph, const uint32_t *nodes, uint32_t node_count,
                         prt_parcel_memory allocate, void *context, size_t *bytes)
{
    struct packing packing = {.parcel = {.graph = graph, .allocate = allocate, .context = context}};
    bool packed = pack_nodes(&packing, nodes, node_count, bytes);
    base_arena_reset(&packing.copy.arena);
    return packed;
}

/* ---- one node ---- */

/* The number that a value has among those that go; it is added if it is new. */
static uint32_t number_of(struct packing *packing, uint32_t id)
{
    struct prt_graph *copy = &packing->copy;
    if (id == PRT_NO_VALUE)
        return id;
    for (uint32_t i = 0; i < copy->value_count; i++)
        if (packing->sources[i].id == id)
            return i;
    take_value(packing, copy->value_count, id,
               packing->parcel.graph->values[id].bytes <= PRT_DEFERRED_LARGE);
    return copy->value_count++;
}

static bool pack_node(struct packing *packing, const struct prt_node *node, size_t *bytes)
{
    struct prt_graph *copy = &packing->copy;
    uint32_t most = (uint32_t)node->input_count + node->output_count;
    uint32_t *operands = base_arena_array(&copy->arena, most + 1, sizeof *operands);
    copy->inputs = base_arena_array(&copy->arena, most + 1, sizeof *copy->inputs);
    if (!operands || !copy->inputs || !make_room(packing, most, 1) ||
        !fetch_payload(packing->parcel.graph, node))
        return false;
    copy->value_count = 0;
    copy->nodes[0] = *node;
    copy->nodes[0].inputs = operands;
    copy->nodes[0].outputs = copy->outputs = operands + node->input_count;
    copy->output_count = node->output_count;
    for (unsigned i = 0; i < node->output_count; i++)
        copy->outputs[i] = number_of(packing, node->outputs[i]);
    uint32_t results = copy->value_count;
    for (unsigned i = 0; i < node->input_count; i++)
        operands[i] = number_of(packing, node->inputs[i]);
    for (uint32_t i = results; i < copy->value_count; i++)
        if (copy->values[i].kind == PRT_VALUE_TENSOR &&
            !(copy->values[i].flags & (PRT_FLAG_CONSTANT | PRT_FLAG_STATE)))
            copy->inputs[copy->input_count++] = i;
    return pack(packing, bytes);
}

bool prt_parcel_of_node(const struct prt_graph *graph, const struct prt_node *node,
                        prt_parcel_memory allocate, void *context, size_t *bytes)
{
    struct packing packing = {.parcel = {.graph = graph, .allocate = allocate, .context = context}};
    bool packed = pack_node(&packing, node, bytes);
    base_arena_reset(&packing.copy.arena);
    return packed;
}
