/* Why: what the graph calls CONV2D and LINEAR, as products of matrices. */
#include "backends/vulkan/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_CODE_DEPTH = 65535,    /* products of codes that an int32 holds in any case */
    MAX_DEPTHWISE_CODES = 512, /* and a float, exactly */
};

/* ---- what fits ---- */

static const struct prt_value *constant(const struct prt_graph *graph, const struct prt_node *node,
                                        unsigned index)
{
    const struct prt_value *value = &graph->values[node->inputs[index]];
    return value->flags & PRT_FLAG_CONSTANT ? value : NULL;
}

static bool is_codes(const struct prt_tensor *tensor)
{
    return (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8) &&
           tensor->quant.kind == PRT_QUANT_PER_TENSOR;
}

static const char *operands_refused(const struct prt_graph *graph, const struct prt_node *node)
{
    static const unsigned constants[] = {1, 2, 4};
    for (unsigned i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (vk_tensor(graph, node, constants[i]) && !constant(graph, node, constants[i]))
            return "its weight, bias or slope is computed";
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node),
                            *residual = vk_tensor(graph, node, 3);
    if (residual && !prt_tensor_same_layout(residual, y))
        return "the residual lies otherwise than the result";
    if (prt_tensor_elements(x) > INT32_MAX || prt_tensor_elements(y) > INT32_MAX)
        return "it has too many elements";
    if (x->dtype == PRT_F32)
        return y->dtype == PRT_F32 ? NULL : "its types differ";
    if (!is_codes(x) || !is_codes(y) || y->dtype != x->dtype ||
        (residual && (!is_codes(residual) || residual->dtype != x->dtype)))
        return "it is neither of 32-bit floats nor of 8-bit codes of one scale";
    if (vk_tensor(graph, node, 1)->quant.zero_point != 0)
        return "its weight has a zero point";
    return NULL;
}

/* ---- what belongs to an output channel ---- */

static float scale_of(const struct prt_tensor *weight, int32_t channel)
{
    const struct prt_quant *quant = &weight->quant;
    if (quant->kind != PRT_QUANT_PER_CHANNEL)
        return quant->scale;
    return quant->scales[(uint32_t)channel % quant->count]; /* of one group, when transposed */
}

/* Bias, slope and scale; sums of codes become numbers of steps of y, as conv.c of the CPU has it.
 */
static bool fill_channels(struct vk_layer *layer)
{
    const struct prt_graph *graph = layer->emit->graph;
    const struct prt_node *node = layer->emit->node;
    const struct prt_tensor *bias = vk_tensor(graph, node, 2), *slope = vk_tensor(graph, node, 4),
                            *weight = vk_tensor(graph, node, 1);
    struct vk_channels channels;
    if (!vk_layer_channels(layer, &channels))
        return false;
    const void *biases = bias ? constant(graph, node, 2)->data : NULL;
    const float *slopes = slope ? constant(graph, node, 4)->data : NULL;
    for (int32_t c = 0; c < layer->params.y[2]; c++) {
        size_t at = vk_layer_channel(layer, c);
        float unit = 1;
        if (layer->numbers == VK_NUMBERS_CODES) {
            unit = 1 / vk_result(graph, node)->quant.scale;
            channels.scale[at] =
                vk_tensor(graph, node, 0)->quant.scale * scale_of(weight, c) * unit;
        }
        if (slope)
            channels.slope[at] = slopes[slope->sizes[0] == 1 ? 0 : c];
        if (bias)
            channels.bias[at] = bias->dtype == PRT_F32
                                    ? ((const float *)biases)[c] * unit
                                    : (float)((const int32_t *)biases)[c] * channels.scale[at];
    }
    return true;
}

static float clamp(float v, float lo, float hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void fill_epilogue(struct vk_layer *layer, const struct prt_activation *act,
                          const struct prt_after *after)
{
    const struct prt_graph *graph = layer->emit->graph;
    const struct prt_node *node = layer->emit->node;
    const struct prt_tensor *y = vk_result(graph, node), *residual = vk_tensor(graph, node, 3),
                            *x = vk_tensor(graph, node, 0);
    struct vk_layer_params *p = &layer->params;
    bool bounded = act->kind == PRT_ACT_CLAMP;
    layer->act = (uint32_t)act->kind;
    layer->after = after->present ? (uint32_t)after->function : VK_UNARY_NONE;
    layer->residual = node->inputs[3];
    p->bounds[0] = bounded ? act->lo : -HUGE_VALF;
    p->bounds[1] = bounded ? act->hi : HUGE_VALF;
    p->bounds[2] = after->scale;
    p->bounds[3] = after->shift;
    p->numbers[0] = (float)after->a;
    p->numbers[1] = (float)after->b;
    if (!is_codes(x))
        return;
    layer->numbers = VK_NUMBERS_CODES;
    float least = (float)((y->dtype == PRT_I8 ? -128 : 0) - y->quant.zero_point);
    p->bounds[0] = clamp(rintf(p->bounds[0] / y->quant.scale), least, least + 255);
    p->bounds[1] = clamp(rintf(p->bounds[1] / y->quant.scale), least, least + 255);
    p->zero[0] = x->quant.zero_point;
    p->zero[1] = residual ? residual->quant.zero_point : 0;
    p->zero[2] = y->quant.zero_point;
    p->numbers[2] = residual ? residual->quant.scale / y->quant.scale : 0;
}

/* ---- weights ---- */

/* The numbers of the weight; *owned is to be freed. */
static enum percept_status read_weight(const struct vk_emit *emit, struct vk_weight *weight,
                                       void **owned)
{
    const struct prt_value *value = constant(emit->graph, emit->node, 1);
    weight->is_code = value->tensor.dtype == PRT_I8;
    return vk_read_constant(emit, 1, &weight->data, owned);
}

/* Pack and add one dispatch; bias and the like are packed with the first. */
static enum percept_status add(struct vk_layer *layer, const struct vk_weight *weight,
                               const struct vk_taps *taps)
{
    enum percept_status status = vk_layer_pack(layer, weight, taps);
    if (status != PERCEPT_OK)
        return status;
    if (layer->channels.source == VK_UNBOUND && !fill_channels(layer))
        return PERCEPT_NO_MEMORY;
    return vk_layer_dispatch(layer);
}

/* ---- CONV2D ---- */

struct image {
    int32_t n, h, w, c;
};

static struct image image_of(const struct prt_tensor *tensor, bool nhwc)
{
    const int32_t *s = tensor->sizes;
    return nhwc ? (struct image){s[0], s[1], s[2], s[3]} : (struct image){s[0], s[2], s[3], s[1]};
}

static bool is_image(const struct prt_tensor *tensor, bool nhwc)
{
    return nhwc ? tensor->rank == 4 && prt_tensor_is_contiguous(tensor)
                : prt_tensor_is_channels_last(tensor);
}

static const char *conv_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_conv_attrs *attrs = &node->attrs.conv;
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node),
                            *weight = vk_tensor(graph, node, 1);
    if (!is_image(x, attrs->nhwc) || !is_image(y, attrs->nhwc))
        return "its images are not channels last";
    const char *refused = operands_refused(graph, node);
    if (refused)
        return refused;
    struct image from = image_of(x, attrs->nhwc), to = image_of(y, attrs->nhwc);
    int64_t taps = attrs->nhwc ? (int64_t)weight->sizes[1] * weight->sizes[2]
                               : (int64_t)weight->sizes[2] * weight->sizes[3];
    int64_t inputs = from.c / attrs->groups;
    if (is_codes(x) && taps * inputs > (inputs == 1 ? MAX_DEPTHWISE_CODES : MAX_CODE_DEPTH))
        return "a sum of codes is too long";
    if (vk_layer_is_too_large((int64_t)to.n * to.h * to.w, inputs == 1 ? 1 : attrs->groups))
        return "it is too large";
    return NULL;
}

static void weight_of(const struct vk_emit *emit, int32_t inputs, int32_t outputs,
                      struct vk_weight *weight, int32_t kernel[2])
{
    const struct prt_conv_attrs *attrs = &emit->node->attrs.conv;
    const struct prt_tensor *tensor = vk_tensor(emit->graph, emit->node, 1);
    /* Where output channel, row, column and input channel are among the weight's dimensions. */
    static const unsigned dimensions[3][4] = {{0, 1, 2, 3}, {0, 2, 3, 1}, {1, 2, 3, 0}};
    bool input_first = attrs->transposed && !attrs->nhwc;
    const unsigned *at = dimensions[attrs->nhwc ? 0 : input_first ? 2 : 1];
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(tensor, strides);
    for (unsigned i = 0; i < 4; i++)
        weight->strides[i] = strides[at[i]];
    weight->groups = attrs->groups;
    weight->inputs = inputs / attrs->groups;
    weight->outputs = outputs / attrs->groups;
    weight->group =
        input_first ? weight->inputs * weight->strides[3] : weight->outputs * weight->strides[0];
    kernel[0] = tensor->sizes[at[1]];
    kernel[1] = tensor->sizes[at[2]];
}

static int32_t common_divisor(int32_t a, int32_t b)
{
    while (b) {
        int32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/*
 * Along one axis, the pixels phase, phase + stride, .. of the result of a transposed convolution:
 * they see the same taps, every so many, and so are a plain convolution with windows one pixel
 * apart. Tap k of result o reads pixel (o + padding - k * dilation) / stride, if that is whole.
 */
static void settle_phase(const struct prt_conv_attrs *attrs, int axis, int32_t phase, int32_t size,
                         int32_t kernel, struct vk_layer_params *p, struct vk_taps *taps)
{
    int32_t stride = attrs->stride[axis], dilation = attrs->dilation[axis];
    int32_t common = common_divisor(stride, dilation), first = 0;
    int32_t at = phase + attrs->padding[2 * axis];
    while (first < stride / common && (at - (int64_t)first * dilation) % stride != 0)
        first++;
    bool none = first == stride / common || first >= kernel;
    taps->first[axis] = first;
    taps->step[axis] = stride / common;
    taps->count[axis] = none ? 0 : (kernel - 1 - first) / taps->step[axis] + 1;
    p->place[axis] = phase;
    p->place[2 + axis] = stride;
    p->window[axis] = 1;
    p->window[2 + axis] = -(dilation / common);
    p->taps[axis] = none ? 0 : (int32_t) - ((at - (int64_t)first * dilation) / stride);
    p->grid[2 - axis] = phase < size ? (size - 1 - phase) / stride + 1 : 0; /* lines for now */
}

static enum percept_status add_transposed(struct vk_layer *layer, const struct vk_weight *weight,
                                          const int32_t kernel[2], int32_t images)
{
    const struct prt_conv_attrs *attrs = &layer->emit->node->attrs.conv;
    struct vk_layer_params *p = &layer->params;
    enum percept_status status = PERCEPT_OK;
    for (int32_t i = 0; i < attrs->stride[0] && i < p->y[0]; i++)
        for (int32_t j = 0; j < attrs->stride[1] && j < p->y[1] && status == PERCEPT_OK; j++) {
            struct vk_taps taps;
            settle_phase(attrs, 0, i, p->y[0], kernel[0], p, &taps);
            int32_t lines = p->grid[2];
            settle_phase(attrs, 1, j, p->y[1], kernel[1], p, &taps);
            p->grid[2] = p->grid[1];
            p->grid[1] = lines * p->grid[2];
            p->grid[0] = images * p->grid[1];
            status = add(layer, weight, &taps);
        }
    return status;
}

static enum percept_status add_plain(struct vk_layer *layer, const struct vk_weight *weight,
                                     const int32_t kernel[2], int32_t images)
{
    const struct prt_conv_attrs *attrs = &layer->emit->node->attrs.conv;
    struct vk_layer_params *p = &layer->params;
    struct vk_taps taps = {{0, 0}, {1, 1}, {kernel[0], kernel[1]}};
    memcpy(p->grid, (int32_t[]){images * p->y[0] * p->y[1], p->y[0] * p->y[1], p->y[1], 0},
           sizeof p->grid);
    memcpy(p->place, (int32_t[]){0, 0, 1, 1}, sizeof p->place);
    memcpy(p->window,
           (int32_t[]){attrs->stride[0], attrs->stride[1], attrs->dilation[0], attrs->dilation[1]},
           sizeof p->window);
    p->taps[0] = attrs->padding[0];
    p->taps[1] = attrs->padding[2];
    bool same = kernel[0] * kernel[1] == 1 && attrs->stride[0] * attrs->stride[1] == 1 &&
                p->taps[0] == 0 && p->taps[1] == 0 && p->x[0] == p->y[0] && p->x[1] == p->y[1];
    layer->windows = !same;
    return add(layer, weight, &taps);
}

static enum percept_status conv_emit(const struct vk_emit *emit)
{
    const struct prt_conv_attrs *attrs = &emit->node->attrs.conv;
    struct image x = image_of(vk_tensor(emit->graph, emit->node, 0), attrs->nhwc),
                 y = image_of(vk_result(emit->graph, emit->node), attrs->nhwc);
    struct vk_weight weight;
    int32_t kernel[2];
    weight_of(emit, x.c, y.c, &weight, kernel);
    struct vk_layer layer = {.emit = emit,
                             .windows = 1,
                             .groups = attrs->groups,
                             .depthwise = weight.inputs == 1 && attrs->groups > 1};
    memcpy(layer.params.x, (int32_t[]){x.h, x.w, x.c, weight.inputs}, sizeof layer.params.x);
    memcpy(layer.params.y, (int32_t[]){y.h, y.w, y.c, weight.outputs}, sizeof layer.params.y);
    fill_epilogue(&layer, &attrs->act, &attrs->after);
    void *owned;
    enum percept_status status = read_weight(emit, &weight, &owned);
    if (status == PERCEPT_OK)
        status = (attrs->transposed ? add_transposed : add_plain)(&layer, &weight, kernel, x.n);
    free(owned);
    return status;
}

const struct vk_kernel vk_conv = {conv_refuses, conv_emit};

/* ---- LINEAR ---- */

static int64_t rows_of(const struct prt_tensor *x)
{
    int64_t rows = 1;
    for (unsigned i = 0; i + 1 < x->rank; i++)
        rows *= x->sizes[i];
    return rows;
}

static const char *linear_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "its rows do not lie one after the other";
    const char *refused = operands_refused(graph, node);
    if (refused)
        return refused;
    if (is_codes(x) && x->sizes[x->rank - 1] > MAX_CODE_DEPTH)
        return "a sum of codes is too long";
    return vk_layer_is_too_large(rows_of(x), 1) ? "it is too large" : NULL;
}

static enum percept_status linear_emit(const struct vk_emit *emit)
{
    const struct prt_linear_attrs *attrs = &emit->node->attrs.linear;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *tensor = vk_tensor(emit->graph, emit->node, 1);
    unsigned out = attrs->weight_is_io ? 1 : 0;
    int32_t inputs = tensor->sizes[1 - out], outputs = tensor->sizes[out];
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(tensor, strides);
    struct vk_weight weight = {.strides = {strides[out], 0, 0, strides[1 - out]},
                               .groups = 1,
                               .outputs = outputs,
                               .inputs = inputs};
    struct vk_taps taps = {{0, 0}, {1, 1}, {1, 1}};
    struct vk_layer layer = {.emit = emit};
    vk_layer_rows(&layer, (int32_t)rows_of(x), inputs, outputs);
    if (layer.params.grid[0] == 0)
        return PERCEPT_OK;
    fill_epilogue(&layer, &attrs->act, &attrs->after);
    void *owned;
    enum percept_status status = read_weight(emit, &weight, &owned);
    if (status == PERCEPT_OK)
        status = add(&layer, &weight, &taps);
    free(owned);
    return status;
}

const struct vk_kernel vk_linear = {linear_refuses, linear_emit};
