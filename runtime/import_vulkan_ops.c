/* Why: the operators that only Vulkan blobs have, built from ATen's. */
#include "runtime/import_vulkan.h"

#include <math.h>

/* (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, min, max) */
static enum percept_status conv_with_clamp(struct prt_import *import, const struct prt_aten_op *op,
                                           struct prt_call *call)
{
    (void)op;
    const struct prt_aten_op *convolution = prt_aten_find("aten::convolution.out");
    uint32_t y = prt_call_output(call), sum;
    enum percept_status status = prt_import_temporary(import, prt_import_spec(import, y), &sum);
    if (status != PERCEPT_OK)
        return status;
    struct prt_call inner = *call;
    inner.signature = convolution->signature;
    inner.count = 11;
    inner.operands[9] = sum; /* where that row's result is */
    status = convolution->translate(import, convolution, &inner);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_CLAMP, sum,
                                prt_call_number(import, call, 9, -INFINITY),
                                prt_call_number(import, call, 10, INFINITY), y);
    return status;
}

/* (x, weight, eps): x / sqrt(mean(x * x) + eps) * weight */
static enum percept_status rms_norm(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], y = prt_call_output(call), squares, mean, scale, normed;
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (spec.rank == 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no dimension to norm");
    struct prt_tensor row = prt_import_like(&spec, spec.rank, spec.sizes);
    row.sizes[spec.rank - 1] = 1;
    enum percept_status status = prt_import_temporary(import, &spec, &squares);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_SQUARE, x, 0, 0, squares);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &row, &mean);
    if (status == PERCEPT_OK)
        status =
            prt_aten_reduce(import, PRT_REDUCE_MEAN, squares, 1u << (spec.rank - 1), true, mean);
    if (status == PERCEPT_OK)
        status = prt_aten_with_number(import, PRT_BINARY_ADD, mean,
                                      prt_call_number(import, call, 2, 0), &mean);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &row, &scale);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_RSQRT, mean, 0, 0, scale);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &normed);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, x, scale, 1, normed);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_MUL, normed, call->operands[1], 1, y);
    return status;
}

/* (x, kernel, stride, padding, dilation, ceil_mode): without the places of the maxima, which nobody
 * reads */
static enum percept_status max_pool(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    (void)op;
    const struct prt_aten_op *row = prt_aten_find("aten::max_pool2d_with_indices.out");
    struct prt_tensor places = *prt_import_spec(import, prt_call_output(call));
    places.dtype = PRT_I64;
    struct prt_call inner = *call;
    enum percept_status status = prt_import_temporary(import, &places, &inner.operands[7]);
    return status == PERCEPT_OK ? row->translate(import, row, &inner) : status;
}

/* (x): all elements are the kind */
static enum percept_status full_like(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    uint32_t value;
    enum percept_status status = prt_import_int(import, op->kind, &value);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_FULL, prt_call_output(call), 1, &value)
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* (x, bound): 0 where x is from -bound to bound */
static enum percept_status hardshrink(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    struct prt_tensor spec = *prt_import_spec(import, prt_call_output(call)), truth = spec;
    uint32_t size, bound, inside, zeros;
    truth.dtype = PRT_BOOL;
    enum percept_status status = prt_import_temporary(import, &spec, &size);
    if (status == PERCEPT_OK)
        status = prt_aten_unary(import, PRT_UNARY_ABS, call->operands[0], 0, 0, size);
    if (status == PERCEPT_OK)
        status = prt_import_double(import, prt_call_number(import, call, 1, 0), &bound);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &truth, &inside);
    if (status == PERCEPT_OK)
        status = prt_aten_binary(import, PRT_BINARY_LE, size, bound, 1, inside);
    if (status == PERCEPT_OK)
        status = prt_aten_filled(import, &spec, 0, &zeros);
    if (status != PERCEPT_OK)
        return status;
    return prt_import_node(import, PRT_OP_WHERE, prt_call_output(call), 3,
                           (const uint32_t[]){inside, zeros, call->operands[0]})
               ? PERCEPT_OK
               : PERCEPT_NO_MEMORY;
}

/* Along one axis of an image: (0, 1, 2, ..) * stride from an offset on, for each pixel. */
static enum percept_status positions(struct prt_import *import, const struct prt_call *call,
                                     int32_t axis, const int32_t sizes[3], uint32_t *id)
{
    double stride = prt_call_number(import, call, 1, 0),
           offset = prt_call_number(import, call, 2, 0);
    int32_t along[] = {1, 1, 1};
    along[axis] = sizes[axis];
    struct prt_tensor spec = {.dtype = PRT_F32, .rank = 1, .sizes = {sizes[axis]}};
    uint32_t ends[2], line;
    enum percept_status status = prt_import_double(import, offset * stride, &ends[0]);
    if (status == PERCEPT_OK)
        status = prt_import_double(import, stride, &ends[1]);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &line);
    if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_RANGE, line, 2, ends))
        status = PERCEPT_NO_MEMORY;
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, line, 3, along, &line);
    return status == PERCEPT_OK ? prt_aten_broadcast(import, line, 3, sizes, id) : status;
}

/* (x, stride, offset): where the pixels of x are, column first */
static enum percept_status grid_priors(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    const struct prt_tensor x = *prt_import_spec(import, call->operands[0]);
    uint32_t parts[2], joined;
    if (x.rank < 2)
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes no image");
    const int32_t sizes[] = {x.sizes[x.rank - 2], x.sizes[x.rank - 1], 1};
    struct prt_tensor spec = {
        .dtype = PRT_F32, .rank = 3, .dim_order = {0, 1, 2}, .sizes = {sizes[0], sizes[1], 2}};
    enum percept_status status = positions(import, call, 1, sizes, &parts[0]);
    if (status == PERCEPT_OK)
        status = positions(import, call, 0, sizes, &parts[1]);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &joined);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node = prt_import_node(import, PRT_OP_CONCAT, joined, 2, parts);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.concat.axis = 2;
    return prt_aten_into(import, joined, prt_call_output(call));
}

/* (query, key, value, mask, scale): softmax(query key^T * scale + mask) value */
static enum percept_status attention(struct prt_import *import, const struct prt_aten_op *op,
                                     struct prt_call *call)
{
    (void)op;
    const struct prt_tensor *q = prt_import_spec(import, call->operands[0]);
    if (q->rank < 2 || q->sizes[q->rank - 1] < 1)
        return prt_import_fail(import, PERCEPT_MALFORMED, "takes no rows of queries");
    double usual = 1 / sqrt(q->sizes[q->rank - 1]);
    const uint32_t inputs[5] = {call->operands[0], call->operands[1], call->operands[2],
                                call->operands[3], PRT_NO_VALUE};
    struct prt_node *node =
        prt_import_node(import, PRT_OP_ATTENTION, prt_call_output(call), 5, inputs);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.attention =
        (struct prt_attention_attrs){.scale = (float)prt_call_number(import, call, 4, usual)};
    return PERCEPT_OK;
}

static const struct prt_aten_op ops[] = {
    {"aten.max_pool2d.default", "TLLLLBO", max_pool, 0},
    {"aten.ones_like.default", "_O", full_like, 1},
    {"aten.zeros_like.default", "_O", full_like, 0},
    {"aten.hardshrink.default", "TNO", hardshrink, 0},
    {"et_vk.grid_priors.default", "TIDO", grid_priors, 0},
    {"et_vk.conv_with_clamp.default", "TTtLLLBLInnO", conv_with_clamp, 0},
    {"et_vk.rms_norm.default", "TTDO", rms_norm, 0},
    {"et_vk.sdpa.default", "TTTtdO", attention, 0},
};

const struct prt_aten_table prt_vulkan_ops = PRT_ATEN_TABLE(ops);
