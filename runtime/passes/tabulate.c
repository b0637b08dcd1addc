/*
 * Why: a function of an 8-bit code has 256 answers, however long the chain of nodes that spells it:
 * the hardswish of a quantised network is a sum, a clamp, two products and three roundings. A chain
 * from codes to codes becomes one TABLE, whose answers the chain itself gives: it is spelled once
 * more for the row of all codes, which is constant, so that the last fold computes it with the
 * kernels that would have run on every element.
 */
#include "runtime/passes.h"
#include "runtime/passes/match.h"

#include <string.h>

enum { CODES = 256 };

struct tabulate {
    struct prt_graph *graph;
    const struct prt_backend *const *backends;
    /* By value, for those from before the pass: */
    uint32_t *root;    /* the codes that it is a function of, element by element, or PRT_NO_VALUE */
    uint32_t *answers; /* what it is for each code of its root (of its own, if it is one), or
                          PRT_NO_VALUE */
    bool failed;       /* out of memory */
};

static bool is_codes(const struct prt_tensor *tensor)
{
    return (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8) &&
           tensor->quant.kind != PRT_QUANT_PER_CHANNEL;
}

/* Does each element of the result follow from the operands' elements at its place? */
static bool is_pointwise(const struct prt_node *node)
{
    switch (node->op) {
    case PRT_OP_BINARY:
    case PRT_OP_UNARY:
    case PRT_OP_PRELU:
    case PRT_OP_WHERE:
    case PRT_OP_CONVERT:
    case PRT_OP_QUANTIZE:
    case PRT_OP_DEQUANTIZE:
    case PRT_OP_CODES:
    case PRT_OP_TABLE:
        return true;
    case PRT_OP_RESCALE:
        return node->attrs.rescale.count == 1;
    default:
        return false;
    }
}

/* Is the operand the same number for every element (or the table itself)? */
static bool is_fixed(const struct prt_graph *graph, const struct prt_node *node, unsigned i)
{
    const struct prt_tensor *x = prt_match_tensor(graph, node->inputs[i]);
    if (!x)
        return true;
    return prt_match_is_constant(graph, node->inputs[i]) &&
           (prt_tensor_elements(x) == 1 || (node->op == PRT_OP_TABLE && i == 1));
}

/* The one tensor of codes that the result is a function of; PRT_NO_VALUE when there is none. */
static uint32_t find_root(const struct tabulate *tabulate, const struct prt_node *node)
{
    const struct prt_graph *graph = tabulate->graph;
    const struct prt_tensor *y = prt_match_tensor(graph, node->outputs[0]);
    uint32_t root = PRT_NO_VALUE;
    if (!is_pointwise(node) || prt_tensor_elements(y) <= CODES ||
        y->quant.kind == PRT_QUANT_PER_CHANNEL)
        return PRT_NO_VALUE;
    for (unsigned i = 0; i < node->input_count; i++) {
        uint32_t id = node->inputs[i], from;
        if (is_fixed(graph, node, i))
            continue;
        from = tabulate->root[id] != PRT_NO_VALUE ? tabulate->root[id] : id;
        const struct prt_tensor *x = prt_match_tensor(graph, from);
        if ((root != PRT_NO_VALUE && root != from) || !is_codes(x) ||
            prt_match_is_constant(graph, from) || !prt_tensor_same_sizes(x, y) ||
            !prt_tensor_same_sizes(prt_match_tensor(graph, id), y))
            return PRT_NO_VALUE;
        root = from;
    }
    return root;
}

/* A tensor of the same kind and rank for the row of all codes: numbers broadcast to it as before.
 */
static struct prt_tensor row_like(const struct prt_tensor *tensor)
{
    struct prt_tensor row = *tensor;
    for (uint8_t i = 0; i < row.rank; i++) {
        row.sizes[i] = i + 1 < row.rank ? 1 : CODES;
        row.dim_order[i] = i;
    }
    return row;
}

/* The row of all codes of a root, in order. */
static uint32_t add_codes(struct prt_graph *graph, uint32_t root)
{
    struct prt_tensor row = row_like(&graph->values[root].tensor);
    uint8_t *codes = base_arena_alloc(&graph->arena, CODES);
    if (!codes)
        return PRT_NO_VALUE;
    for (int i = 0; i < CODES; i++)
        codes[i] = (uint8_t)(row.dtype == PRT_I8 ? i + INT8_MIN : i);
    return prt_match_add_constant(graph, &row, codes);
}

static void append(struct tabulate *tabulate, const struct prt_node *node)
{
    if (!prt_match_append(tabulate->graph, node))
        tabulate->failed = true;
}

/* The node once more, for the row of all codes. */
static void append_answers(struct tabulate *tabulate, struct prt_node node, uint32_t root)
{
    struct prt_graph *graph = tabulate->graph;
    struct prt_tensor row = row_like(&graph->values[node.outputs[0]].tensor);
    uint32_t y = node.outputs[0];
    if (tabulate->answers[root] == PRT_NO_VALUE)
        tabulate->answers[root] = add_codes(graph, root);
    uint32_t *operands = base_arena_array(&graph->arena, node.input_count + 1u, sizeof *operands);
    uint32_t made = prt_graph_add_tensor(graph, &row);
    if (!operands || made == PRT_NO_VALUE || tabulate->answers[root] == PRT_NO_VALUE) {
        tabulate->failed = true;
        return;
    }
    for (unsigned i = 0; i < node.input_count; i++)
        operands[i] =
            is_fixed(graph, &node, i) ? node.inputs[i] : tabulate->answers[node.inputs[i]];
    operands[node.input_count] = made;
    node.inputs = operands;
    node.outputs = &operands[node.input_count];
    tabulate->root[y] = root;
    tabulate->answers[y] = made;
    append(tabulate, &node);
}

/* The node as a TABLE; itself when no backend has one. */
static void append_table(struct tabulate *tabulate, const struct prt_node *node, uint32_t root)
{
    struct prt_graph *graph = tabulate->graph;
    uint32_t *operands = base_arena_array(&graph->arena, 2, sizeof *operands);
    if (!operands) {
        tabulate->failed = true;
        return;
    }
    operands[0] = root;
    operands[1] = tabulate->answers[node->outputs[0]];
    struct prt_node table = *node;
    table.op = PRT_OP_TABLE;
    table.input_count = 2;
    table.inputs = operands;
    memset(&table.attrs, 0, sizeof table.attrs);
    append(tabulate, prt_match_backend(graph, &table, tabulate->backends) ? &table : node);
}

static bool has_codes(const struct prt_graph *graph)
{
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (is_codes(prt_match_tensor(graph, graph->nodes[n].outputs[0])))
            return true;
    return false;
}

enum percept_status prt_pass_tabulate(struct prt_graph *graph,
                                      const struct prt_backend *const *backends,
                                      struct percept_error *error)
{
    const struct prt_node *old = graph->nodes;
    uint32_t count = graph->node_count, values = graph->value_count;
    struct tabulate tabulate = {.graph = graph, .backends = backends};
    if (!has_codes(graph))
        return PERCEPT_OK;
    tabulate.root = base_arena_array(&graph->arena, values, sizeof *tabulate.root);
    tabulate.answers = base_arena_array(&graph->arena, values, sizeof *tabulate.answers);
    tabulate.failed = !tabulate.root || !tabulate.answers;
    for (uint32_t i = 0; i < values && !tabulate.failed; i++)
        tabulate.root[i] = tabulate.answers[i] = PRT_NO_VALUE;
    graph->nodes = NULL;
    graph->node_count = graph->node_capacity = 0;
    for (uint32_t n = 0; n < count && !tabulate.failed; n++) {
        uint32_t root = find_root(&tabulate, &old[n]);
        if (root != PRT_NO_VALUE)
            append_answers(&tabulate, old[n], root);
        if (root != PRT_NO_VALUE && !tabulate.failed &&
            is_codes(prt_match_tensor(graph, old[n].outputs[0])))
            append_table(&tabulate, &old[n], root);
        else
            append(&tabulate, &old[n]);
    }
    if (tabulate.failed)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to tabulate functions of codes");
    return prt_graph_finish(graph, error);
}
