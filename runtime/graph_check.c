/* Why: importers translate files nobody vouches for. What they build is checked here once: that
 * every tensor is well formed, and that values are defined exactly once and before their use. */
#include "runtime/graph_check.h"

#include <string.h>

static enum percept_status bad_value(const struct prt_graph *graph, uint32_t id,
                                     struct percept_error *error, const char *what)
{
    const char *name = graph->values[id].name;
    return percept_fail(error, PERCEPT_MALFORMED, "value %u%s%s: %s", id, name ? " " : "",
                        name ? name : "", what);
}

static bool permutation(const uint8_t *order, unsigned rank)
{
    uint32_t seen = 0;
    for (unsigned i = 0; i < rank; i++) {
        if (order[i] >= rank || (seen & (1u << order[i])))
            return false;
        seen |= 1u << order[i];
    }
    return true;
}

typedef uint32_t four_words __attribute__((vector_size(16)));

/* Four at a time and without a branch: a network has many thousand, and each pass has them checked.
 * Read as integers, numbers above 0 are those that neither subtracting 1 nor adding what infinity
 * is short of the sign makes negative. */
static bool all_positive(const float *scales, uint32_t count)
{
    const uint32_t up_to_sign = 0x80000000u - 0x7f800000u;
    four_words wrong = {0}, bits = {1, 1, 1, 1};
    for (; count >= 4; count -= 4, scales += 4) {
        memcpy(&bits, scales, sizeof bits);
        wrong |= (bits - 1) | (bits + up_to_sign);
    }
    memcpy(&bits, scales, count * sizeof *scales); /* others have been looked at */
    wrong |= (bits - 1) | (bits + up_to_sign);
    return !((wrong[0] | wrong[1] | wrong[2] | wrong[3]) >> 31);
}

static const char *check_codes(enum prt_dtype dtype, uint32_t count, const float *scales,
                               const int32_t *zero_points)
{
    int32_t codes = dtype == PRT_I32 ? 1 : 1 << 8 * prt_dtype_size(dtype);
    int32_t least = dtype == PRT_I8 || dtype == PRT_I16 ? -codes / 2 : 0, most = least + codes - 1;
    bool right = true;
    if (!all_positive(scales, count))
        return "quantisation scale is not a positive number";
    for (uint32_t i = 0; zero_points && i < count; i++)
        right &= (zero_points[i] >= least) & (zero_points[i] <= most);
    return right ? NULL : "quantisation zero point is outside of the type's range";
}

static const char *check_quant(const struct prt_tensor *tensor)
{
    const struct prt_quant *quant = &tensor->quant;
    if (quant->kind == PRT_QUANT_NONE)
        return NULL;
    if (tensor->dtype != PRT_I8 && tensor->dtype != PRT_U8 && tensor->dtype != PRT_I16 &&
        tensor->dtype != PRT_U16 && tensor->dtype != PRT_I32)
        return "quantised element type is not int8, uint8, int16, uint16 or int32";
    if (quant->kind == PRT_QUANT_PER_TENSOR)
        return check_codes(tensor->dtype, 1, &quant->scale, &quant->zero_point);
    if (quant->kind != PRT_QUANT_PER_CHANNEL)
        return "unknown kind of quantisation";
    if (quant->axis >= tensor->rank || quant->count != (uint32_t)tensor->sizes[quant->axis] ||
        !quant->scales)
        return "per-channel quantisation does not fit the tensor";
    return check_codes(tensor->dtype, quant->count, quant->scales, quant->zero_points);
}

static const char *check_tensor(const struct prt_value *value)
{
    size_t bytes;
    if (!prt_dtype_known((int)value->tensor.dtype))
        return "unknown element type";
    if (value->tensor.rank > PRT_MAX_RANK)
        return "too many dimensions";
    if (!permutation(value->tensor.dim_order, value->tensor.rank))
        return "dim order is not a permutation";
    if (!prt_tensor_bytes(&value->tensor, &bytes))
        return "negative size or too many elements";
    if (bytes != value->bytes)
        return "byte count disagrees with the sizes";
    if (value->flags & PRT_FLAG_CONSTANT && !value->data && bytes)
        return "constant without data";
    if (value->data && (uintptr_t)value->data % prt_dtype_size(value->tensor.dtype) != 0)
        return "data is not aligned for its element type";
    return check_quant(&value->tensor);
}

enum percept_status prt_graph_check_values(const struct prt_graph *graph,
                                           struct percept_error *error)
{
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        bool alive =
            value->uses || value->flags & PRT_FLAG_INPUT || value->producer != PRT_NO_VALUE;
        const char *wrong = value->kind == PRT_VALUE_TENSOR && alive ? check_tensor(value) : NULL;
        if (wrong)
            return bad_value(graph, i, error, wrong);
    }
    return PERCEPT_OK;
}

static bool needs_producer(const struct prt_value *value)
{
    return value->kind == PRT_VALUE_TENSOR &&
           !(value->flags & (PRT_FLAG_INPUT | PRT_FLAG_CONSTANT | PRT_FLAG_STATE));
}

static enum percept_status check_operands(struct prt_graph *graph, uint32_t index,
                                          struct percept_error *error)
{
    const struct prt_node *node = &graph->nodes[index];
    for (unsigned i = 0; i < node->input_count; i++) {
        uint32_t id = node->inputs[i];
        if (id == PRT_NO_VALUE)
            continue;
        if (id >= graph->value_count)
            return percept_fail(error, PERCEPT_MALFORMED, "node %u %s: operand %u does not exist",
                                index, prt_op_name(node->op), i);
        if (needs_producer(&graph->values[id]) && graph->values[id].producer == PRT_NO_VALUE)
            return bad_value(graph, id, error, "read before it is computed");
    }
    for (unsigned i = 0; i < node->output_count; i++) {
        uint32_t id = node->outputs[i];
        if (id >= graph->value_count || graph->values[id].kind != PRT_VALUE_TENSOR)
            return percept_fail(error, PERCEPT_MALFORMED, "node %u %s: result %u is no tensor",
                                index, prt_op_name(node->op), i);
        if (!needs_producer(&graph->values[id]) || graph->values[id].producer != PRT_NO_VALUE)
            return bad_value(graph, id, error, "written twice, or an input or constant");
        graph->values[id].producer = index;
    }
    return PERCEPT_OK;
}

enum percept_status prt_graph_check_order(struct prt_graph *graph, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < graph->value_count; i++)
        graph->values[i].producer = PRT_NO_VALUE;
    for (uint32_t n = 0; n < graph->node_count && status == PERCEPT_OK; n++)
        if (!graph->nodes[n].removed)
            status = check_operands(graph, n, error);
    for (uint32_t i = 0; i < graph->output_count && status == PERCEPT_OK; i++) {
        const struct prt_value *value = &graph->values[graph->outputs[i]];
        if (needs_producer(value) && value->producer == PRT_NO_VALUE)
            status = bad_value(graph, graph->outputs[i], error,
                               "an output of the method that nothing computes");
    }
    return status;
}
