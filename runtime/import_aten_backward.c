/* Why: gradients that ExecuTorch's portable kernels offer, so a program may train a layer: each is
 * the forward operator with its operands in other places. */
#include "runtime/import_aten.h"

#include <string.h>

/* ---- max pool ---- */

/* (grad_output, self, kernel, stride, padding, dilation, ceil_mode, indices, grad_input): each
 * gradient goes to where its maximum was */
static enum percept_status max_pool_backward(struct prt_import *import,
                                             const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    uint32_t gradient = call->operands[0], index = call->operands[7], y = prt_call_output(call);
    struct prt_tensor from = *prt_import_spec(import, gradient), to = *prt_import_spec(import, y);
    if (from.rank < 3 || from.rank > 4 || to.rank != from.rank ||
        !prt_tensor_same_sizes(&from, prt_import_spec(import, index)))
        return prt_import_fail(import, PERCEPT_MALFORMED, "operands of unlike sizes");
    unsigned planes = from.rank - 2u;
    int64_t areas[2] = {(int64_t)from.sizes[planes] * from.sizes[planes + 1],
                        (int64_t)to.sizes[planes] * to.sizes[planes + 1]};
    if (areas[0] > INT32_MAX || areas[1] > INT32_MAX)
        return prt_import_fail(import, PERCEPT_LIMIT, "a plane of too many elements");
    uint32_t zeros, result;
    struct prt_index_attrs attrs = prt_aten_index_straight();
    attrs.from[planes] = PRT_INDEXED;
    attrs.add = true;
    from.sizes[planes] = (int32_t)areas[0];
    to.sizes[planes] = (int32_t)areas[1];
    struct prt_tensor flat = prt_import_like(&to, planes + 1, to.sizes);
    enum percept_status status = prt_aten_as(import, gradient, planes + 1, from.sizes, &gradient);
    if (status == PERCEPT_OK)
        status = prt_aten_as(import, index, planes + 1, from.sizes, &index);
    if (status == PERCEPT_OK)
        status = prt_aten_filled(import, &flat, 0, &zeros);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &flat, &result);
    if (status == PERCEPT_OK)
        status = prt_aten_scatter(import, zeros, gradient, 1, &index, &attrs, result);
    return status == PERCEPT_OK ? prt_aten_into(import, result, y) : status;
}

/* ---- convolution ---- */

struct backward {
    struct prt_conv3d_attrs attrs; /* of the forward operator */
    enum prt_dtype dtype;
    uint32_t gradient, x, weight; /* five dimensions, in dtype */
};

static enum percept_status conv_node(struct prt_import *import, uint32_t x, uint32_t weight,
                                     const struct prt_conv3d_attrs *attrs, const int32_t *sizes,
                                     uint32_t *y)
{
    struct prt_tensor spec = prt_import_like(prt_import_spec(import, x), 5, sizes);
    enum percept_status status = prt_import_temporary(import, &spec, y);
    if (status != PERCEPT_OK)
        return status;
    struct prt_node *node =
        prt_import_node(import, PRT_OP_CONV3D, *y, 3, (const uint32_t[]){x, weight, PRT_NO_VALUE});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.conv3d = *attrs;
    return PERCEPT_OK;
}

/* Of the input: the other of convolution and transposed convolution, with the same weight. */
static enum percept_status input_gradient(struct prt_import *import, const struct backward *b,
                                          uint32_t *y)
{
    const struct prt_tensor *x = prt_import_spec(import, b->x);
    struct prt_tensor to = *x, from = *prt_import_spec(import, b->gradient),
                      weight = *prt_import_spec(import, b->weight);
    struct prt_conv3d_attrs attrs = b->attrs;
    attrs.transposed = !b->attrs.transposed;
    for (int i = 0; i < 3; i++) {
        /* What the stride of the forward operator did not reach. */
        int64_t reached = ((int64_t)from.sizes[2 + i] - 1) * attrs.stride[i] -
                          2 * (int64_t)attrs.padding[i] +
                          ((int64_t)weight.sizes[2 + i] - 1) * attrs.dilation[i] + 1;
        int64_t rest = to.sizes[2 + i] - reached;
        if (attrs.transposed && (rest < 0 || rest > INT32_MAX))
            return prt_import_fail(import, PERCEPT_MALFORMED, "operands of unlike sizes");
        attrs.output_padding[i] = attrs.transposed ? (int32_t)rest : 0;
    }
    return conv_node(import, b->gradient, b->weight, &attrs, to.sizes, y);
}

/* [N, g * C, ..] as [C, g * N, ..] */
static enum percept_status groups_outside(struct prt_import *import, uint32_t x, int32_t groups,
                                          uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    int32_t n = spec.sizes[0], c = spec.sizes[1] / groups;
    const int32_t *s = spec.sizes + 2;
    const int32_t apart[6] = {n, groups, c, s[0], s[1], s[2]};
    const int32_t turned[6] = {c, groups, n, s[0], s[1], s[2]};
    const int32_t joined[5] = {c, groups * n, s[0], s[1], s[2]};
    static const uint8_t order[PRT_MAX_RANK] = {2, 1, 0, 3, 4, 5};
    struct prt_tensor moved = prt_import_like(&spec, 6, turned);
    uint32_t split, exchanged;
    enum percept_status status = prt_aten_as(import, x, 6, apart, &split);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &moved, &exchanged);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, split, order, exchanged);
    return status == PERCEPT_OK ? prt_aten_as(import, exchanged, 5, joined, y) : status;
}

static enum percept_status exchanged_axes(struct prt_import *import, uint32_t x, uint32_t *y)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    int32_t first = spec.sizes[0];
    static const uint8_t order[PRT_MAX_RANK] = {1, 0, 2, 3, 4};
    spec.sizes[0] = spec.sizes[1];
    spec.sizes[1] = first;
    spec = prt_import_like(&spec, 5, spec.sizes);
    enum percept_status status = prt_import_temporary(import, &spec, y);
    return status == PERCEPT_OK ? prt_import_permute(import, x, order, *y) : status;
}

/*
 * Of the weight: the input convolved with the gradient, images in the place of channels; stride and
 * dilation change places. Of a transposed convolution, the gradient with the input.
 */
static enum percept_status weight_gradient(struct prt_import *import, const struct backward *b,
                                           uint32_t *y)
{
    uint32_t wide = b->attrs.transposed ? b->gradient : b->x;
    uint32_t narrow = b->attrs.transposed ? b->x : b->gradient;
    struct prt_tensor weight = *prt_import_spec(import, b->weight);
    struct prt_tensor image = *prt_import_spec(import, wide),
                      taps = *prt_import_spec(import, narrow);
    struct prt_conv3d_attrs attrs = b->attrs;
    attrs.transposed = false;
    memcpy(attrs.stride, b->attrs.dilation, sizeof attrs.stride);
    memcpy(attrs.dilation, b->attrs.stride, sizeof attrs.dilation);
    memset(attrs.output_padding, 0, sizeof attrs.output_padding);
    if (image.sizes[1] % attrs.groups != 0 || (int64_t)attrs.groups * image.sizes[0] > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %d groups", attrs.groups);
    int32_t sizes[5] = {image.sizes[1] / attrs.groups, taps.sizes[1]};
    for (int i = 0; i < 3; i++) {
        int64_t room = image.sizes[2 + i] + 2 * (int64_t)attrs.padding[i] -
                       ((int64_t)taps.sizes[2 + i] - 1) * attrs.dilation[i] - 1;
        int64_t count = room < 0 || attrs.stride[i] < 1 ? 0 : room / attrs.stride[i] + 1;
        if (count < weight.sizes[2 + i] || count > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "operands of unlike sizes");
        sizes[2 + i] = (int32_t)count;
    }
    enum percept_status status = groups_outside(import, wide, attrs.groups, &wide);
    if (status == PERCEPT_OK)
        status = exchanged_axes(import, narrow, &narrow);
    if (status == PERCEPT_OK)
        status = conv_node(import, wide, narrow, &attrs, sizes, y);
    for (int i = 0; i < 3 && status == PERCEPT_OK; i++) { /* windows that the forward one lacks */
        uint32_t part;
        if (sizes[2 + i] == weight.sizes[2 + i])
            continue;
        sizes[2 + i] = weight.sizes[2 + i];
        struct prt_tensor spec = prt_import_like(prt_import_spec(import, *y), 5, sizes);
        status = prt_import_temporary(import, &spec, &part);
        if (status == PERCEPT_OK)
            status = prt_aten_slice(import, *y, 2 + i, 0, sizes[2 + i], 1, part);
        *y = part;
    }
    return status == PERCEPT_OK ? exchanged_axes(import, *y, y) : status;
}

/* (grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed, output_padding,
 * groups, output_mask, grad_input, grad_weight, grad_bias): what nobody reads is dropped later */
static enum percept_status convolution_backward(struct prt_import *import,
                                                const struct prt_aten_op *op, struct prt_call *call)
{
    (void)op;
    struct backward b = {
        .gradient = call->operands[0], .x = call->operands[1], .weight = call->operands[2]};
    struct prt_tensor spec = *prt_import_spec(import, b.x);
    unsigned rank = spec.rank;
    uint32_t y;
    if (rank < 3 || rank > 5 || prt_import_spec(import, b.gradient)->rank != rank ||
        prt_import_spec(import, b.weight)->rank != rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "operands of unlike rank");
    b.dtype = spec.dtype == PRT_F64 ? PRT_F64 : PRT_F32;
    enum percept_status status = prt_aten_conv3d_attrs(import, call, 4, rank - 2, &b.attrs);
    uint32_t *operands[3] = {&b.gradient, &b.x, &b.weight};
    for (int i = 0; i < 3 && status == PERCEPT_OK; i++)
        status = prt_aten_with_volume(import, operands[i], b.dtype);
    if (status == PERCEPT_OK && call->operands[11] != PRT_NO_VALUE) {
        status = input_gradient(import, &b, &y);
        if (status == PERCEPT_OK)
            status = prt_aten_into(import, y, call->operands[11]);
    }
    if (status == PERCEPT_OK && call->operands[12] != PRT_NO_VALUE) {
        status = weight_gradient(import, &b, &y);
        if (status == PERCEPT_OK)
            status = prt_aten_into(import, y, call->operands[12]);
    }
    if (status == PERCEPT_OK && call->operands[13] != PRT_NO_VALUE) {
        struct prt_tensor sums = prt_import_like(prt_import_spec(import, b.gradient), 1,
                                                 prt_import_spec(import, b.gradient)->sizes + 1);
        status = prt_import_temporary(import, &sums, &y);
        if (status == PERCEPT_OK)
            status = prt_aten_reduce(import, PRT_REDUCE_SUM, b.gradient, 0x1d, false, y);
        if (status == PERCEPT_OK)
            status = prt_aten_into(import, y, call->operands[13]);
    }
    return status;
}

static const struct prt_aten_op ops[] = {
    {"aten::convolution_backward.out", "TTTlLLLBLI_OOOR", convolution_backward, 0},
    {"aten::max_pool2d_with_indices_backward.grad_input", "TTLLLLBTOR", max_pool_backward, 0},
};

const struct prt_aten_table prt_aten_backward = PRT_ATEN_TABLE(ops);
