/*
 * Why: quantised forms are worth a kernel where networks spend their time and nowhere else. What a
 * backend does not offer in 8 bits is computed in floats between a DEQUANTIZE and a QUANTIZE, which
 * is what the quantised node means.
 */
#include "runtime/passes.h"
#include "runtime/passes/match.h"

static bool is_quantised(const struct prt_graph *graph, uint32_t id)
{
    return id != PRT_NO_VALUE && graph->values[id].kind == PRT_VALUE_TENSOR &&
           graph->values[id].tensor.quant.kind != PRT_QUANT_NONE;
}

/* The float tensor that a quantised one stands for, lying likewise. */
static uint32_t add_float_twin(struct prt_graph *graph, uint32_t id)
{
    struct prt_tensor tensor = graph->values[id].tensor;
    tensor.dtype = PRT_F32;
    tensor.quant = (struct prt_quant){0};
    return prt_graph_add_tensor(graph, &tensor);
}

static bool append(struct prt_graph *graph, const struct prt_node *like, enum prt_op op,
                   uint32_t from, uint32_t to)
{
    struct prt_node *node = prt_graph_add_node(graph, op, 1, 1);
    if (!node)
        return false;
    node->inputs[0] = from;
    node->outputs[0] = to;
    node->origin = like->origin;
    node->name = like->name;
    return true;
}

static bool append_expanded(struct prt_graph *graph, struct prt_node node)
{
    uint32_t y = node.outputs[0];
    for (unsigned i = 0; i < node.input_count; i++) {
        uint32_t from = node.inputs[i];
        if (!is_quantised(graph, from))
            continue;
        uint32_t to = add_float_twin(graph, from);
        if (to == PRT_NO_VALUE || !append(graph, &node, PRT_OP_DEQUANTIZE, from, to))
            return false;
        node.inputs[i] = to;
    }
    /* Requantising is quantising what was dequantised; all else computes a float first. */
    bool rounds = is_quantised(graph, y) && node.op != PRT_OP_QUANTIZE;
    uint32_t result = rounds ? add_float_twin(graph, y) : y;
    if (result == PRT_NO_VALUE)
        return false;
    node.outputs[0] = result;
    if (!prt_match_append(graph, &node))
        return false;
    return result == y || append(graph, &node, PRT_OP_QUANTIZE, result, y);
}

/* Views need no backend: their bytes stay where they are. */
static bool expandable(const struct prt_graph *graph, const struct prt_node *node)
{
    if (node->op == PRT_OP_DEQUANTIZE || node->op == PRT_OP_BLOB || node->op == PRT_OP_PERMUTE ||
        node->op == PRT_OP_RESHAPE)
        return false;
    for (unsigned i = 0; i < node->input_count; i++)
        if (is_quantised(graph, node->inputs[i]))
            return true;
    return false;
}

enum percept_status prt_pass_expand(struct prt_graph *graph,
                                    const struct prt_backend *const *backends,
                                    struct percept_error *error)
{
    const struct prt_node *old = graph->nodes;
    uint32_t count = graph->node_count;
    graph->nodes = NULL;
    graph->node_count = graph->node_capacity = 0;
    for (uint32_t n = 0; n < count; n++) {
        bool expands = expandable(graph, &old[n]) && !prt_match_backend(graph, &old[n], backends);
        if (!(expands ? append_expanded(graph, old[n]) : prt_match_append(graph, &old[n])))
            return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to expand quantised nodes");
    }
    return prt_graph_finish(graph, error);
}
