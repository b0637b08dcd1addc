/*
 * Why: Cadence's convolutions, of one or two dimensions, channels first or last, are one layer on
 * images; what has one dimension is an image of height 1. See import_cadence.c.
 */
#include "runtime/import_cadence.h"

/* Two numbers of a list: of a list of one, or of a single dimension, the last is the width's. */
static enum percept_status pair(struct prt_import *import, const struct prt_call *call,
                                unsigned index, bool single, int32_t alone, int32_t *h, int32_t *w)
{
    int64_t items[2];
    uint32_t count;
    enum percept_status status = prt_call_ints(import, call, index, items, 2, &count);
    if (status != PERCEPT_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        if (items[i] < 0 || items[i] > INT32_MAX)
            return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is out of range", index);
    if (count == 0)
        return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is empty", index);
    *h = single ? alone : (int32_t)items[0];
    *w = (int32_t)items[count - 1];
    return PERCEPT_OK;
}

/* From argument 3 on: stride, padding, dilation. */
static enum percept_status window_of(struct prt_import *import, const struct prt_call *call,
                                     bool single, struct prt_conv_attrs *attrs)
{
    enum percept_status status =
        pair(import, call, 3, single, 1, &attrs->stride[0], &attrs->stride[1]);
    if (status == PERCEPT_OK)
        status = pair(import, call, 4, single, 0, &attrs->padding[0], &attrs->padding[2]);
    if (status == PERCEPT_OK)
        status = pair(import, call, 5, single, 1, &attrs->dilation[0], &attrs->dilation[1]);
    attrs->padding[1] = attrs->padding[0];
    attrs->padding[3] = attrs->padding[2];
    return status;
}

static enum percept_status groups_of(struct prt_import *import, const struct prt_call *call,
                                     unsigned index, struct prt_conv_attrs *attrs)
{
    int64_t groups = prt_call_int(import, call, index, 1);
    if (groups < 1 || groups > INT32_MAX)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %lld groups", (long long)groups);
    attrs->groups = (int32_t)groups;
    return PERCEPT_OK;
}

/* ---- one dimension ---- */

static void heighten(const struct prt_tensor *spec, bool last, int32_t sizes[4])
{
    const int32_t *n = spec->sizes;
    sizes[0] = n[0];
    sizes[1] = last ? 1 : n[1];
    sizes[2] = last ? n[1] : 1;
    sizes[3] = n[2];
}

/* x of three dimensions as an image; and a real result that becomes y. */
static enum percept_status image_of(struct prt_import *import, bool last, uint32_t *x)
{
    const struct prt_tensor *spec = prt_import_spec(import, *x);
    int32_t sizes[4];
    if (spec->rank == 4)
        return PERCEPT_OK;
    heighten(spec, last, sizes);
    return prt_aten_as(import, *x, 4, sizes, x);
}

static enum percept_status result_of(struct prt_import *import, bool last, uint32_t y,
                                     uint32_t *image)
{
    const struct prt_tensor *spec = prt_import_spec(import, y);
    const struct prt_tensor real = {.dtype = PRT_F32};
    int32_t sizes[4];
    if (spec->rank == 4)
        return prt_aten_real_result(import, y, image);
    heighten(spec, last, sizes);
    struct prt_tensor wide = prt_import_like(&real, 4, sizes);
    return prt_import_temporary(import, &wide, image);
}

static enum percept_status finish(struct prt_import *import, uint32_t image, double scale,
                                  double zero, uint32_t y)
{
    uint32_t flat = image;
    enum percept_status status = PERCEPT_OK;
    if (prt_import_spec(import, y)->rank == 3) {
        status = prt_aten_real_result(import, y, &flat);
        if (status == PERCEPT_OK)
            status = prt_import_reshape(import, image, flat);
    }
    return status == PERCEPT_OK ? prt_aten_codes_of(import, flat, scale, zero, y) : status;
}

/* ---- layers ---- */

struct operands {
    uint32_t x, weight, bias, y;
};

static enum percept_status layer(struct prt_import *import, const struct operands *layer,
                                 const struct prt_conv_attrs *attrs)
{
    struct prt_node *node = prt_import_node(
        import, PRT_OP_CONV2D, layer->y, 5,
        (const uint32_t[]){layer->x, layer->weight, layer->bias, PRT_NO_VALUE, PRT_NO_VALUE});
    if (!node)
        return PERCEPT_NO_MEMORY;
    node->attrs.conv = *attrs;
    return PERCEPT_OK;
}

/* x's spatial dimensions are those of y and of the weight, which may leave out the one input
 * channel of a depthwise convolution when channels are last. */
static enum percept_status check_ranks(struct prt_import *import, const struct prt_call *call,
                                       bool last)
{
    unsigned x = prt_import_spec(import, call->operands[0])->rank,
             weight = prt_import_spec(import, call->operands[1])->rank,
             y = prt_import_spec(import, prt_call_output(call))->rank;
    if ((x == 3 || x == 4) && y == x && (weight == x || (last && weight == x - 1)))
        return PERCEPT_OK;
    return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                           "an input of %u dimensions and a weight of %u", x, weight);
}

static struct prt_weight_view view_of(const struct prt_import *import, uint32_t weight, bool last,
                                      bool single)
{
    struct prt_weight_view view = prt_aten_weight_view(import, weight);
    const int32_t *n = view.sizes;
    const int64_t *s = view.strides;
    if (last && view.rank == 2) /* [K, O] */
        return (struct prt_weight_view){4, {n[1], 1, n[0], 1}, {s[1], 0, s[0], 0}, 0};
    if (last && view.rank == 3 && !single) /* [kh, kw, O] */
        return (struct prt_weight_view){4, {n[2], n[0], n[1], 1}, {s[2], s[0], s[1], 0}, 0};
    if (view.rank == 3 && last) /* [O, K, I] */
        return (struct prt_weight_view){4, {n[0], 1, n[1], n[2]}, {s[0], 0, s[1], s[2]}, 0};
    if (view.rank == 3) /* [O, I, K] */
        return (struct prt_weight_view){4, {n[0], n[1], 1, n[2]}, {s[0], s[1], 0, s[2]}, 0};
    return view;
}

/* (input, weight, bias, stride, padding, dilation, ..), and from argument `groups` on (groups,
 * in_zero, weight_zero, bias_scale, out_scale, out_zero, ..) */
static enum percept_status quantised(struct prt_import *import, const struct prt_call *call,
                                     unsigned groups, const struct prt_weight_view *view,
                                     struct prt_conv_attrs attrs)
{
    enum { IN_ZERO, WEIGHT_ZERO, SCALE, OUT_SCALE, OUT_ZERO, COUNT };
    double n[COUNT];
    struct operands all = {.x = call->operands[0]};
    uint32_t y = prt_call_output(call);
    bool single = prt_import_spec(import, all.x)->rank == 3;
    enum percept_status status = prt_aten_known_numbers(import, call, groups + 1, COUNT, n);
    if (status == PERCEPT_OK)
        status = groups_of(import, call, groups, &attrs);
    if (status == PERCEPT_OK)
        status = window_of(import, call, single, &attrs);
    if (status == PERCEPT_OK)
        status = image_of(import, attrs.nhwc, &all.x);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, all.x, 1, n[IN_ZERO], &all.x);
    if (status == PERCEPT_OK)
        status = prt_aten_weight_of(import, call->operands[1], view, n[SCALE], n[WEIGHT_ZERO],
                                    &all.weight);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[2], n[SCALE], 0, &all.bias);
    if (status == PERCEPT_OK)
        status = result_of(import, attrs.nhwc, y, &all.y);
    if (status == PERCEPT_OK)
        status = layer(import, &all, &attrs);
    return status == PERCEPT_OK ? finish(import, all.y, n[OUT_SCALE], n[OUT_ZERO], y) : status;
}

/* (input, weight, bias, stride, padding, dilation, groups, in_zero, weight_zero, bias_scale,
 * out_scale, out_zero, out_multiplier, out_shift[, offset], out) */
static enum percept_status conv(struct prt_import *import, const struct prt_aten_op *op,
                                struct prt_call *call)
{
    bool last = op->kind == CHANNELS_LAST;
    enum percept_status status = check_ranks(import, call, last);
    if (status != PERCEPT_OK)
        return status;
    bool single = prt_import_spec(import, call->operands[0])->rank == 3;
    const struct prt_weight_view view = view_of(import, call->operands[1], last, single);
    return quantised(import, call, 6, &view, (struct prt_conv_attrs){.nhwc = last});
}

/* A weight [O/groups, I, k..] whose taps are in reverse, as PyTorch's [I, O/groups, kh, kw]. */
static struct prt_weight_view reversed(const struct prt_import *import, uint32_t weight)
{
    struct prt_weight_view view = prt_aten_weight_view(import, weight);
    bool single = view.rank == 3;
    int32_t h = single ? 1 : view.sizes[2], w = view.sizes[single ? 2 : 3];
    int64_t down = single ? 0 : view.strides[2], right = view.strides[single ? 2 : 3];
    return (struct prt_weight_view){
        .rank = 4,
        .sizes = {view.sizes[1], view.sizes[0], h, w},
        .strides = {view.strides[1], view.strides[0], -down, -right},
        .first = (h - 1) * down + (w - 1) * right,
    };
}

/* (input, weight, bias, stride, padding, dilation, output_padding, groups, in_zero, weight_zero,
 * bias_scale, out_scale, out_zero, out_multiplier, out_shift, channel_last, out) */
static enum percept_status transposed(struct prt_import *import, const struct prt_aten_op *op,
                                      struct prt_call *call)
{
    (void)op;
    struct prt_conv_attrs attrs = {.transposed = true};
    if (prt_call_bool(import, call, 15)) /* nothing says how its weight lies */
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "channels that are last");
    enum percept_status status = check_ranks(import, call, false);
    if (status != PERCEPT_OK)
        return status;
    bool single = prt_import_spec(import, call->operands[0])->rank == 3;
    const struct prt_weight_view view = reversed(import, call->operands[1]);
    status = pair(import, call, 6, single, 0, &attrs.output_padding[0], &attrs.output_padding[1]);
    return status == PERCEPT_OK ? quantised(import, call, 7, &view, attrs) : status;
}

/* (input [N, L, I], weight [K, O, I], w_scale, bias, b_scale, out [N, O, L']): the input is real */
static enum percept_status conv_of_reals(struct prt_import *import, const struct prt_aten_op *op,
                                         struct prt_call *call)
{
    (void)op;
    static const uint8_t channels_first[] = {0, 3, 1, 2};
    struct prt_conv_attrs attrs = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .nhwc = true};
    struct operands all = {.x = call->operands[0]};
    uint32_t y = prt_call_output(call), moved;
    struct prt_weight_view view = prt_aten_weight_view(import, call->operands[1]);
    if (prt_import_spec(import, all.x)->rank != 3 || view.rank != 3 ||
        prt_import_spec(import, y)->rank != 3)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%u dimensions are not supported",
                               prt_import_spec(import, all.x)->rank);
    const int32_t *n = view.sizes;
    const int64_t *s = view.strides;
    view = (struct prt_weight_view){4, {n[1], 1, n[0], n[2]}, {s[1], 0, s[0], s[2]}, 0};
    const int32_t *to = prt_import_spec(import, y)->sizes;
    const int32_t last[4] = {to[0], 1, to[2], to[1]}, first[4] = {to[0], to[1], 1, to[2]};
    enum percept_status status = image_of(import, true, &all.x);
    if (status == PERCEPT_OK)
        status = prt_aten_weight_of(import, call->operands[1], &view,
                                    prt_call_number(import, call, 2, 0), 0, &all.weight);
    if (status == PERCEPT_OK)
        status = prt_aten_numbers_of(import, call->operands[3], prt_call_number(import, call, 4, 0),
                                     0, &all.bias);
    struct prt_tensor spec = prt_import_like(prt_import_spec(import, y), 4, last);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &all.y);
    if (status == PERCEPT_OK)
        status = layer(import, &all, &attrs);
    spec = prt_import_like(prt_import_spec(import, y), 4, first);
    if (status == PERCEPT_OK)
        status = prt_import_temporary(import, &spec, &moved);
    if (status == PERCEPT_OK)
        status = prt_import_permute(import, all.y, channels_first, moved);
    return status == PERCEPT_OK ? prt_import_reshape(import, moved, y) : status;
}

#define NUMBERS(name)     "cadence::quantized_" name ".per_tensor_out", "QQQLLLIIIDDIIIOR", conv
#define WITH_OFFSET(name) "cadence::quantized_" name ".per_tensor_out", "QQQLLLIIIDDIIItOR", conv
#define TENSORS(name)     "cadence::quantized_" name ".out", "QQQLLLIITTDITTOR", conv

/* clang-format off */
static const struct prt_aten_op ops[] = {
    {NUMBERS("conv2d_nchw"), CHANNELS_FIRST},
    {TENSORS("conv2d_nchw"), CHANNELS_FIRST},
    {NUMBERS("conv2d_nchw_asym8sxsym8s_asym8s"), CHANNELS_FIRST},
    {NUMBERS("conv2d_nchw_asym8uxsym8u_asym8u"), CHANNELS_FIRST},
    {NUMBERS("conv2d_nchw_dilated_asym8sxsym8s_asym8s"), CHANNELS_FIRST},
    {NUMBERS("conv2d_nchw_dilated_asym8uxsym8u_asym8u"), CHANNELS_FIRST},
    {NUMBERS("conv2d_nchw_depthwise_asym8sxsym8s_asym8s"), CHANNELS_FIRST},
    {NUMBERS("conv2d_nchw_depthwise_asym8uxsym8u_asym8u"), CHANNELS_FIRST},
    {WITH_OFFSET("conv2d_nhwc"), CHANNELS_LAST},
    {TENSORS("conv2d_nhwc"), CHANNELS_LAST},
    {NUMBERS("conv2d_nhwc_asym8sxsym8s_asym8s"), CHANNELS_LAST},
    {NUMBERS("conv2d_nhwc_asym8uxsym8u_asym8u"), CHANNELS_LAST},
    {NUMBERS("conv2d_nhwc_dilated_asym8sxsym8s_asym8s"), CHANNELS_LAST},
    {NUMBERS("conv2d_nhwc_dilated_asym8uxsym8u_asym8u"), CHANNELS_LAST},
    {NUMBERS("conv2d_nhwc_depthwise_asym8sxsym8s_asym8s"), CHANNELS_LAST},
    {NUMBERS("conv2d_nhwc_depthwise_asym8uxsym8u_asym8u"), CHANNELS_LAST},
    {"cadence::quantized_conv2d_depthwise_nhwc.out", "QQQLLLIIIDDIIIOR", conv, CHANNELS_LAST},
    {NUMBERS("conv1d_ncl"), CHANNELS_FIRST},
    {TENSORS("conv1d_ncl"), CHANNELS_FIRST},
    {WITH_OFFSET("conv1d_nlc"), CHANNELS_LAST},
    {TENSORS("conv1d_nlc"), CHANNELS_LAST},
    {NUMBERS("depthwise_conv1d_ncl"), CHANNELS_FIRST},
    {NUMBERS("depthwise_conv1d_nlc"), CHANNELS_LAST},
    {"cadence::quantized_transposed_conv.out", "QQQLLLLIITTDITTBOR", transposed, 0},
    {"cadence::quantized_w8a32_conv.out", "TQDQDOR", conv_of_reals, 0},
    {"cadence::quantized_w8a32_linear.out", "TQDQDOR", prt_cadence_linear_of_reals, 0},
    {"cadence::quantized_w8a32_gru.out", "TTQDQDQDQOR", prt_cadence_gru, 0},
    {"cadence::quantized_max_pool2d_nchw.out", "QLLLLBOR", prt_cadence_max_pool, CHANNELS_FIRST},
    {"cadence::quantized_max_pool2d_nhwc.out", "QLLLLBOR", prt_cadence_max_pool, CHANNELS_LAST},
    {"cadence::avg_pool2d.out", "QLllBBitBOR", prt_cadence_average_pool, 0},
    {"cadence::im2row.out", "QLLLLTBOR", prt_cadence_rows, 0},
    {"cadence::im2row.per_tensor_out", "QLLLLIBOR", prt_cadence_rows, 0},
    {"cadence::transposed_im2row.out", "QLLLLLTBOR", prt_cadence_transposed_rows, 0},
};
/* clang-format on */

const struct prt_aten_table prt_aten_cadence_layers = PRT_ATEN_TABLE(ops);
