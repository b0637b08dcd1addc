/* Why: the layers of networks: convolution, pooling, resizing. */
#include "runtime/import_aten.h"

/* ---- convolution ---- */

/* Two numbers a list states: one counts for both; none gives the fallback. */
static enum percept_status pair(struct prt_import *import, const struct prt_call *call,
                                unsigned index, int32_t fallback, int32_t *h, int32_t *w)
{
    int64_t items[2] = {fallback, fallback};
    uint32_t count;
    enum percept_status status = prt_call_ints(import, call, index, items, 2, &count);
    if (status != PERCEPT_OK)
        return status;
    if (count == 1)
        items[1] = items[0];
    for (int i = 0; i < 2; i++)
        if (items[i] < INT32_MIN || items[i] > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is %lld", index,
                                   (long long)items[i]);
    *h = (int32_t)items[0];
    *w = (int32_t)items[1];
    return PERCEPT_OK;
}

static enum percept_status conv_attrs(struct prt_import *import, const struct prt_call *call,
                                      struct prt_conv_attrs *attrs)
{
    enum percept_status status = pair(import, call, 3, 1, &attrs->stride[0], &attrs->stride[1]);
    if (status == PERCEPT_OK)
        status = pair(import, call, 4, 0, &attrs->padding[0], &attrs->padding[2]);
    if (status == PERCEPT_OK)
        status = pair(import, call, 5, 1, &attrs->dilation[0], &attrs->dilation[1]);
    if (status == PERCEPT_OK)
        status = pair(import, call, 7, 0, &attrs->output_padding[0], &attrs->output_padding[1]);
    int64_t groups = prt_call_int(import, call, 8, 1);
    if (status == PERCEPT_OK && (groups < 1 || groups > INT32_MAX))
        status = prt_import_fail(import, PERCEPT_MALFORMED, "has %lld groups", (long long)groups);
    attrs->padding[1] = attrs->padding[0];
    attrs->padding[3] = attrs->padding[2];
    attrs->groups = (int32_t)groups;
    attrs->transposed = prt_call_bool(import, call, 6);
    return status;
}

/* [A, B, L] as [A, B, 1, L]: in one dimension the height is 1. */
static enum percept_status with_height(struct prt_import *import, uint32_t x, uint32_t *id)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    const int32_t sizes[4] = {spec.sizes[0], spec.sizes[1], 1, spec.sizes[2]};
    spec = prt_import_like(&spec, 4, sizes);
    uint32_t wider;
    enum percept_status status = prt_import_temporary(import, &spec, &wider);
    if (status == PERCEPT_OK)
        status = prt_import_reshape(import, x, wider);
    if (status == PERCEPT_OK)
        *id = wider;
    return status;
}

/* Is it one for CONV2D, whose weights are packed when the graph is compiled? */
static bool packs(const struct prt_import *import, const struct prt_call *call)
{
    const struct prt_tensor *x = prt_import_spec(import, call->operands[0]);
    uint32_t bias = call->operands[2];
    return x->rank <= 4 && x->dtype == PRT_F32 && prt_tensor_elements(x) != 0 &&
           prt_aten_is_weight(import, call->operands[1]) &&
           (bias == PRT_NO_VALUE || prt_aten_is_weight(import, bias));
}

/* (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, out) */
static enum percept_status convolution(struct prt_import *import, const struct prt_aten_op *op,
                                       struct prt_call *call)
{
    (void)op;
    uint32_t x = call->operands[0], weight = call->operands[1], y = prt_call_output(call);
    uint32_t result = y;
    if (!packs(import, call))
        return prt_aten_conv3d(import, call);
    struct prt_conv_attrs attrs = {0};
    enum percept_status status = conv_attrs(import, call, &attrs);
    if (status != PERCEPT_OK)
        return status;
    unsigned rank = prt_import_spec(import, x)->rank;
    if (rank != prt_import_spec(import, weight)->rank || rank != prt_import_spec(import, y)->rank ||
        (rank != 3 && rank != 4))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%u dimensions are not supported",
                               rank);
    if (rank == 3) {
        struct prt_tensor spec = *prt_import_spec(import, y);
        const int32_t sizes[4] = {spec.sizes[0], spec.sizes[1], 1, spec.sizes[2]};
        spec = prt_import_like(&spec, 4, sizes);
        attrs.stride[0] = attrs.dilation[0] = 1;
        attrs.padding[0] = attrs.padding[1] = attrs.output_padding[0] = 0;
        status = with_height(import, x, &x);
        if (status == PERCEPT_OK)
            status = with_height(import, weight, &weight);
        if (status == PERCEPT_OK)
            status = prt_import_temporary(import, &spec, &result);
        if (status != PERCEPT_OK)
            return status;
    }
    struct prt_node *node = prt_import_node(
        import, PRT_OP_CONV2D, result, 5,
        (const uint32_t[]){x, weight, call->operands[2], PRT_NO_VALUE, PRT_NO_VALUE});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.conv = attrs;
    return rank == 3 ? prt_import_reshape(import, result, y) : PERCEPT_OK;
}

/* ---- pooling and resizing ---- */

/* (self, kernel, stride, padding, ...): the stride is the kernel when it is not given */
static enum percept_status window(struct prt_import *import, const struct prt_call *call,
                                  struct prt_pool_attrs *attrs)
{
    enum percept_status status = pair(import, call, 1, 0, &attrs->kernel[0], &attrs->kernel[1]);
    if (status == PERCEPT_OK && prt_call_list_count(import, call, 2) == 0) {
        attrs->stride[0] = attrs->kernel[0];
        attrs->stride[1] = attrs->kernel[1];
    } else if (status == PERCEPT_OK) {
        status = pair(import, call, 2, 1, &attrs->stride[0], &attrs->stride[1]);
    }
    if (status == PERCEPT_OK)
        status = pair(import, call, 3, 0, &attrs->padding[0], &attrs->padding[2]);
    attrs->padding[1] = attrs->padding[0];
    attrs->padding[3] = attrs->padding[2];
    attrs->dilation[0] = attrs->dilation[1] = 1;
    return status;
}

static enum percept_status pool_node(struct prt_import *import, uint32_t x,
                                     const struct prt_pool_attrs *attrs, uint32_t y)
{
    struct prt_node *node = prt_import_node(import, PRT_OP_POOL2D, y, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.pool = *attrs;
    return PERCEPT_OK;
}

/* (self, kernel, stride, padding, dilation, ceil_mode, out, indices): ceil_mode shows in the sizes;
 * the nodes of indices that nobody reads go */
static enum percept_status max_pool(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    struct prt_pool_attrs attrs = {.is_max = true};
    const struct prt_tensor *x = prt_import_spec(import, call->operands[0]);
    struct prt_pool3d_attrs where = {.kind = PRT_POOL3D_MAX_INDEX,
                                     .kernel = {1, 1, 1},
                                     .stride = {1, 1, 1},
                                     .dilation = {1, 1, 1}};
    if (x->rank != 4 || x->dtype != PRT_F32)
        return prt_aten_max_pool(import, op, call);
    enum percept_status status = window(import, call, &attrs);
    if (status == PERCEPT_OK)
        status = pair(import, call, 4, 1, &attrs.dilation[0], &attrs.dilation[1]);
    if (status == PERCEPT_OK)
        status = pool_node(import, call->operands[0], &attrs, prt_call_output(call));
    if (status != PERCEPT_OK)
        return status;
    for (int i = 0; i < 2; i++) {
        where.kernel[1 + i] = attrs.kernel[i];
        where.stride[1 + i] = attrs.stride[i];
        where.dilation[1 + i] = attrs.dilation[i];
        where.padding[1 + i] = attrs.padding[2 * i];
    }
    return prt_aten_pool3d(import, call->operands[0], 2, &where, call->operands[7]);
}

/* (self, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override, out) */
static enum percept_status average_pool(struct prt_import *import, const struct prt_aten_op *op,
                                        struct prt_call *call)
{
    struct prt_pool_attrs attrs = {.count_include_pad = prt_call_bool(import, call, 5)};
    const struct prt_tensor *x = prt_import_spec(import, call->operands[0]);
    if (x->rank != 4 || x->dtype == PRT_F64 || prt_call_has(import, call, 6))
        return prt_aten_average_pool(import, op, call);
    enum percept_status status = window(import, call, &attrs);
    return status == PERCEPT_OK
               ? pool_node(import, call->operands[0], &attrs, prt_call_output(call))
               : status;
}

/* (self, output_size, out): windows of one size where the sizes divide */
static enum percept_status adaptive_pool(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    uint32_t x = call->operands[0], y = prt_call_output(call);
    const struct prt_tensor *from = prt_import_spec(import, x), *to = prt_import_spec(import, y);
    struct prt_pool_attrs attrs = {.dilation = {1, 1}};
    if (from->rank != 4 || to->rank != 4 || from->dtype == PRT_F64)
        return prt_aten_adaptive_pool(import, op, call);
    if (to->sizes[2] == 1 && to->sizes[3] == 1)
        return prt_aten_reduce(import, PRT_REDUCE_MEAN, x, 1u << 2 | 1u << 3, true, y);
    for (int i = 0; i < 2; i++) {
        if (to->sizes[2 + i] < 1 || from->sizes[2 + i] % to->sizes[2 + i] != 0)
            return prt_aten_adaptive_pool(import, op, call);
        attrs.kernel[i] = attrs.stride[i] = from->sizes[2 + i] / to->sizes[2 + i];
    }
    return pool_node(import, x, &attrs, y);
}

static enum percept_status resize_node(struct prt_import *import, const struct prt_call *call,
                                       unsigned factors, struct prt_resize_attrs attrs)
{
    uint32_t count = prt_call_list_count(import, call, factors);
    if (count != 0 && count != 2)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %u factors", count);
    for (uint32_t i = 0; i < count; i++)
        attrs.scale[i] = prt_call_real(import, call, factors, i);
    struct prt_node *node =
        prt_import_node(import, PRT_OP_RESIZE2D, prt_call_output(call), 1, &call->operands[0]);
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.resize = attrs;
    return PERCEPT_OK;
}

/* (input, output_size, align_corners, scale_factors, out) */
static enum percept_status bilinear(struct prt_import *import, const struct prt_aten_op *op,
                                    struct prt_call *call)
{
    bool align = prt_call_bool(import, call, 2);
    if (prt_import_spec(import, call->operands[0])->dtype != PRT_F32)
        return prt_aten_resample_by(import, op, call);
    return resize_node(
        import, call, 3,
        (struct prt_resize_attrs){.bilinear = true, .align_corners = align, .half_pixel = !align});
}

/* (input, output_size, scale_factors, out) */
static enum percept_status nearest(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_call *call)
{
    (void)op;
    return resize_node(import, call, 2, (struct prt_resize_attrs){0});
}

static const struct prt_aten_op ops[] = {
    {"aten::convolution.out", "TTtLLLBLIOR", convolution, 0},
    {"aten::max_pool2d_with_indices.out", "TLLLLBOOR", max_pool, 2},
    {"aten::avg_pool2d.out", "TLLLBBiOR", average_pool, 2},
    {"aten::_adaptive_avg_pool2d.out", "TLOR", adaptive_pool, 2},
    {"aten::upsample_bilinear2d.vec_out", "TlBfOR", bilinear, 0},
    {"aten::upsample_nearest2d.vec_out", "TlfOR", nearest, 0},
};

const struct prt_aten_table prt_aten_nn = PRT_ATEN_TABLE(ops);
