/*
 * Why: Cadence's operators whose weights are codes of 8 bits and whose activations are float32. The
 * weights become real numbers once, when the model is made. See import_cadence.c.
 */
#include "runtime/import_cadence.h"

/* (input, weight, w_scale, bias, b_scale, out): the input is real, and the weight [in, out] */
enum percept_status prt_cadence_linear_of_reals(struct prt_import *import,
                                                const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    uint32_t weight, bias;
    const struct prt_weight_view view = prt_aten_weight_view(import, call->operands[1]);
    enum percept_status status = prt_aten_weight_of(
        import, call->operands[1], &view, prt_call_number(import, call, 2, 0), 0, &weight);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[3], prt_call_number(import, call, 4, 0),
                                     0, &bias);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(
        import, PRT_OP_LINEAR, prt_call_output(call), 5,
        (const uint32_t[]){call->operands[0], weight, bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.linear.weight_is_io = true;
    return PERCEPT_OK;
}

/* ---- a step of a GRU ---- */

enum { RESET, UPDATE, NEW, GATES };

/* weight x + bias, as [1, hidden] for each gate. */
static enum percept_status gates_of(struct prt_import *import, uint32_t x, uint32_t weight,
                                    double scale, uint32_t bias, double bias_scale, int32_t hidden,
                                    uint32_t gates[GATES])
{
    const struct prt_weight_view view = prt_aten_weight_view(import, weight);
    const struct prt_tensor *in = prt_import_spec(import, x);
    const struct prt_tensor *b = prt_import_spec(import, bias);
    uint32_t all;
    if (view.rank != 2 || view.sizes[0] / GATES != hidden || view.sizes[0] % GATES ||
        view.sizes[1] != in->sizes[1] || b->rank != 1 || b->sizes[0] != view.sizes[0])
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "a weight or a bias does not have %d gates of %d", GATES, hidden);
    struct prt_tensor spec = prt_import_like(in, 2, (const int32_t[]){1, view.sizes[0]});
    enum percept_status status = prt_aten_weight_of(import, weight, &view, scale, 0, &weight);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, bias, bias_scale, 0, &bias);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &all);
    if (status == PERCEPT_OK)
        status = prt_aten_linear(import, x, weight, bias, all);
    spec.sizes[1] = hidden;
    for (int i = 0; i < GATES && status == PERCEPT_OK; i++) {
        status = prt_import_temporary(import, &spec, &gates[i]);
        if (status == PERCEPT_OK)
            status = prt_aten_slice(import, all, 1, (int64_t)i * hidden, (int64_t)(i + 1) * hidden,
                                    1, gates[i]);
    }
    return status;
}

/* One vector, however many dimensions of size 1 stand before it, as [1, n]. */
static enum percept_status row_of(struct prt_import *import, uint32_t x, uint32_t *row)
{
    const struct prt_tensor *spec = prt_import_spec(import, x);
    for (unsigned i = 0; i < spec->rank; i++)
        if (spec->dtype != PRT_F32 || (i + 1u < spec->rank && spec->sizes[i] != 1))
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "more than one step of one row");
    if (spec->rank == 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "a row without dimensions");
    return prt_aten_as(import, x, 2, (const int32_t[]){1, spec->sizes[spec->rank - 1]}, row);
}

/* *n = n + z (h - n), n = tanh(in + r hn), r and z = sigmoid(in + hidden) */
static enum percept_status step_of(struct prt_import *import, uint32_t in[GATES],
                                   const uint32_t own[GATES], uint32_t h)
{
    uint32_t *n = &in[NEW], less = h;
    enum percept_status status = PERCEPT_OK;
    for (int i = RESET; i <= UPDATE && status == PERCEPT_OK; i++) {
        status = prt_aten_with(import, PRT_BINARY_ADD, &in[i], own[i]);
        if (status == PERCEPT_OK)
            status = prt_aten_apply(import, PRT_UNARY_SIGMOID, 0, 0, &in[i]);
    }
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_MUL, &in[RESET], own[NEW]);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_ADD, n, in[RESET]);
    if (status == PERCEPT_OK)
        status = prt_aten_apply(import, PRT_UNARY_TANH, 0, 0, n);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_SUB, &less, *n);
    if (status == PERCEPT_OK)
        status = prt_aten_with(import, PRT_BINARY_MUL, &less, in[UPDATE]);
    return status == PERCEPT_OK ? prt_aten_with(import, PRT_BINARY_ADD, n, less) : status;
}

/* (inputs, hidden, weights_inputs, w_i_scale, weights_hidden, w_h_scale, bias_inputs, b_scale,
 * bias_hidden, out): out has the new hidden state twice */
enum percept_status prt_cadence_gru(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    uint32_t x, h, in[GATES], own[GATES], both, y = prt_call_output(call);
    double bias_scale = prt_call_number(import, call, 7, 0);
    enum percept_status status = row_of(import, call->operands[0], &x);
    if (status == PERCEPT_OK)
        status = row_of(import, call->operands[1], &h);
    if (status != PERCEPT_OK)
        return status;
    int32_t hidden = prt_import_spec(import, h)->sizes[1];
    status = gates_of(import, x, call->operands[2], prt_call_number(import, call, 3, 0),
                      call->operands[6], bias_scale, hidden, in);
    if (status == PERCEPT_OK)
        status = gates_of(import, h, call->operands[4], prt_call_number(import, call, 5, 0),
                          call->operands[8], bias_scale, hidden, own);
    if (status == PERCEPT_OK)
        status = step_of(import, in, own, h);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor spec =
        prt_import_like(prt_import_spec(import, h), 2, (const int32_t[]){2, hidden});
    status = prt_import_temporary(import, &spec, &both);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_CONCAT, both, 2, (const uint32_t[]){in[NEW], in[NEW]});
    return node ? prt_import_reshape(import, both, y) : PERCEPT_NO_MEMORY;
}
