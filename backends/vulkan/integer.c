/* Why: what TOSA computes of plain integers is exact to the bit, so nothing here goes through
 * floats (runtime/graph_integer.h). */
#include "backends/vulkan/elements.h"

#include <string.h>

/* All tensors of a node, and whether shaders can count along both axes of its windows, whose
 * coordinates go up to reach[i]. */
static const char *refuses_sizes(const struct prt_graph *graph, const struct prt_node *node,
                                 const int64_t reach[2])
{
    for (unsigned i = 0; i < node->input_count; i++)
        if (vk_refuses_large(vk_tensor(graph, node, i)))
            return vk_refuses_large(vk_tensor(graph, node, i));
    if (reach[0] > INT32_MAX || reach[1] > INT32_MAX)
        return "its windows reach too far";
    return vk_refuses_large(vk_result(graph, node));
}

static void copy_sizes(int32_t to[4], const struct prt_tensor *x)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = x->sizes[i];
}

/* ---- RESCALE ---- */

struct rescale_params {
    VK_PARAMS_HEAD;
    int32_t zero_x, zero_y, least;
    uint32_t most, count, scales, unused[2];
};

static const char *rescale_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    return refuses_sizes(graph, node, (const int64_t[2]){0});
}

/* Bits without a sign where the attributes say so; of 32 bits the CPU takes them with one. */
static uint32_t rescaled_type(const struct vk_emit *emit, uint32_t value, bool is_unsigned)
{
    uint32_t type = vk_type(emit, value);
    if (is_unsigned && type == VK_I8)
        return VK_U8;
    return is_unsigned && type == VK_I16 ? VK_U16 : type;
}

static enum percept_status rescale_emit(const struct vk_emit *emit)
{
    const struct prt_rescale_attrs *attrs = &emit->node->attrs.rescale;
    const struct prt_tensor *y = vk_result(emit->graph, emit->node);
    unsigned bits = 8 * (unsigned)prt_dtype_size(y->dtype);
    struct rescale_params params = {
        .zero_x = attrs->zero_x,
        .zero_y = attrs->zero_y,
        .least = attrs->unsigned_y ? 0 : (int32_t) - ((int64_t)1 << (bits - 1)),
        .most = UINT32_MAX >> (attrs->unsigned_y ? 32 - bits : 33 - bits),
        .count = (uint32_t)prt_tensor_elements(y),
        .scales = attrs->count,
    };
    if (params.count == 0)
        return PERCEPT_OK;
    struct vk_call call = {
        .shader = VK_SHADER_rescale,
        .constant_count = 4,
        .constants = {0, vk_type(emit, emit->node->outputs[0]),
                      rescaled_type(emit, emit->node->inputs[0], attrs->unsigned_x),
                      attrs->double_round},
        .params = &params,
        .params_bytes = sizeof params,
        .operands[1] = vk_read(emit->node->inputs[0]),
    };
    int32_t *scales = vk_pack(emit, 2 * (size_t)attrs->count * sizeof *scales, &call.operands[2]);
    if (!scales)
        return PERCEPT_NO_MEMORY;
    for (uint32_t i = 0; i < attrs->count; i++) {
        scales[i] = attrs->multipliers[i];
        scales[attrs->count + i] = attrs->shifts[i];
    }
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_rescale = {rescale_refuses, rescale_emit};

/* ---- INTEGER_CONV, INTEGER_MATMUL ---- */

struct layer_params {
    VK_PARAMS_HEAD;
    int32_t x[4], y[4], kernel[2], stride[2], dilation[2], padding[2];
    int32_t w_strides[4], inputs, outputs, w_image;
    uint32_t count;
    int32_t zero_x, zero_w, unused[2];
};

/* An invocation a result. */
static enum percept_status dispatch_layer(const struct vk_emit *emit, struct layer_params *params,
                                          bool transposed, uint32_t bias)
{
    enum { LOCAL = 64 };
    const struct prt_node *node = emit->node;
    params->count = (uint32_t)prt_tensor_elements(vk_result(emit->graph, node));
    if (params->count == 0)
        return PERCEPT_OK;
    struct vk_call call = {
        .shader = VK_SHADER_integer_layer,
        .constant_count = 5,
        .constants = {LOCAL, vk_type(emit, node->inputs[0]), vk_type(emit, node->inputs[1]),
                      transposed, bias},
        .params = params,
        .params_bytes = sizeof *params,
        .operands = {vk_write(node->outputs[0]), vk_read(node->inputs[0]),
                     vk_read(node->inputs[1])},
    };
    if (bias)
        call.operands[3] = vk_read(node->inputs[2]);
    vk_spread(emit, params->count, LOCAL, call.groups);
    return vk_dispatch(emit, &call);
}

static const char *integer_conv_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_integer_conv_attrs *a = &node->attrs.integer_conv;
    const struct prt_tensor *w = vk_tensor(graph, node, 1), *y = vk_result(graph, node);
    unsigned rows = a->kind == PRT_INTEGER_DEPTHWISE ? 0 : 1;
    int64_t reach[2];
    for (unsigned i = 0; i < 2; i++) {
        int64_t before = a->padding[2 * i] < 0 ? -(int64_t)a->padding[2 * i] : a->padding[2 * i];
        reach[i] = (int64_t)y->sizes[1 + i] * a->stride[i] +
                   (int64_t)w->sizes[rows + i] * a->dilation[i] + before;
    }
    return refuses_sizes(graph, node, reach);
}

static enum percept_status integer_conv_emit(const struct vk_emit *emit)
{
    const struct prt_integer_conv_attrs *a = &emit->node->attrs.integer_conv;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *w = vk_tensor(emit->graph, emit->node, 1),
                            *bias = vk_tensor(emit->graph, emit->node, 2),
                            *y = vk_result(emit->graph, emit->node);
    bool depthwise = a->kind == PRT_INTEGER_DEPTHWISE;
    const int32_t *kernel = w->sizes + (depthwise ? 0 : 1);
    struct layer_params params = {.inputs = depthwise ? 1 : x->sizes[3],
                                  .outputs = depthwise ? w->sizes[3] : y->sizes[3],
                                  .zero_x = a->zero_x,
                                  .zero_w = a->zero_weight};
    copy_sizes(params.x, x);
    copy_sizes(params.y, y);
    for (unsigned i = 0; i < 2; i++) {
        params.kernel[i] = kernel[i];
        params.stride[i] = a->stride[i];
        params.dilation[i] = a->dilation[i];
        params.padding[i] = a->padding[2 * i];
    }
    int32_t pixel = depthwise ? y->sizes[3] : x->sizes[3]; /* weights of a tap */
    params.w_strides[0] = depthwise ? 1 : kernel[0] * kernel[1] * pixel;
    params.w_strides[1] = kernel[1] * pixel;
    params.w_strides[2] = pixel;
    params.w_strides[3] = 1;
    return dispatch_layer(emit, &params, a->kind == PRT_INTEGER_TRANSPOSED,
                          bias->sizes[0] == 1 ? 1 : 2);
}

const struct vk_kernel vk_integer_conv = {integer_conv_refuses, integer_conv_emit};

static const char *integer_matmul_refuses(const struct prt_graph *graph,
                                          const struct prt_node *node)
{
    return refuses_sizes(graph, node, (const int64_t[2]){0});
}

/* Rows of a are pixels, and each batch has weights of its own. */
static enum percept_status integer_matmul_emit(const struct vk_emit *emit)
{
    const struct prt_integer_matmul_attrs *attrs = &emit->node->attrs.integer_matmul;
    const struct prt_tensor *a = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    int32_t inputs = a->sizes[2], outputs = y->sizes[2];
    struct layer_params params = {
        .x = {a->sizes[0], a->sizes[1], 1, inputs},
        .y = {y->sizes[0], y->sizes[1], 1, outputs},
        .kernel = {1, 1},
        .stride = {1, 1},
        .dilation = {1, 1},
        .w_strides = {1, 0, 0, outputs},
        .inputs = inputs,
        .outputs = outputs,
        .w_image = inputs * outputs,
        .zero_x = attrs->zero_a,
        .zero_w = attrs->zero_b,
    };
    return dispatch_layer(emit, &params, false, 0);
}

const struct vk_kernel vk_integer_matmul = {integer_matmul_refuses, integer_matmul_emit};

/* ---- INTEGER_POOL ---- */

struct integer_pool_params {
    VK_PARAMS_HEAD;
    int32_t x[4], y[4], kernel[2], stride[2], padding[2], zero_x, zero_y;
    uint32_t count, unused[3];
};

static const char *integer_pool_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_pool_attrs *window = &node->attrs.integer_pool.window;
    const struct prt_tensor *y = vk_result(graph, node);
    int64_t reach[2];
    for (unsigned i = 0; i < 2; i++)
        reach[i] = (int64_t)y->sizes[1 + i] * window->stride[i] + window->kernel[i];
    return refuses_sizes(graph, node, reach);
}

static enum percept_status integer_pool_emit(const struct vk_emit *emit)
{
    const struct prt_integer_pool_attrs *attrs = &emit->node->attrs.integer_pool;
    const struct prt_tensor *y = vk_result(emit->graph, emit->node);
    struct integer_pool_params params = {.zero_x = attrs->zero_x,
                                         .zero_y = attrs->zero_y,
                                         .count = (uint32_t)prt_tensor_elements(y)};
    copy_sizes(params.x, vk_tensor(emit->graph, emit->node, 0));
    copy_sizes(params.y, y);
    for (unsigned i = 0; i < 2; i++) {
        params.kernel[i] = attrs->window.kernel[i];
        params.stride[i] = attrs->window.stride[i];
        params.padding[i] = attrs->window.padding[2 * i];
    }
    struct vk_call call = {
        .shader = VK_SHADER_integer_pool,
        .constant_count = 3,
        .constants = {0, vk_type(emit, emit->node->inputs[0]), attrs->window.is_max},
        .params = &params,
        .params_bytes = sizeof params,
        .operands[1] = vk_read(emit->node->inputs[0]),
    };
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_integer_pool = {integer_pool_refuses, integer_pool_emit};

/* ---- SCALED_RESIZE ---- */

struct scaled_resize_params {
    VK_PARAMS_HEAD;
    int32_t x[4], y[4], scale[4], offset[2];
    uint32_t count, unused;
};

static const char *scaled_resize_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_scaled_resize_attrs *a = &node->attrs.scaled_resize;
    const struct prt_tensor *y = vk_result(graph, node);
    int64_t reach[2];
    for (unsigned i = 0; i < 2; i++)
        reach[i] = (int64_t)y->sizes[1 + i] * a->scale[2 * i + 1] + 2 * INT16_MAX;
    return refuses_sizes(graph, node, reach);
}

static enum percept_status scaled_resize_emit(const struct vk_emit *emit)
{
    const struct prt_scaled_resize_attrs *a = &emit->node->attrs.scaled_resize;
    const struct prt_tensor *y = vk_result(emit->graph, emit->node);
    struct scaled_resize_params params = {.offset = {a->offset[0], a->offset[1]},
                                          .count = (uint32_t)prt_tensor_elements(y)};
    copy_sizes(params.x, vk_tensor(emit->graph, emit->node, 0));
    copy_sizes(params.y, y);
    memcpy(params.scale, a->scale, sizeof params.scale);
    struct vk_call call = {
        .shader = VK_SHADER_scaled_resize,
        .constant_count = 4,
        .constants = {0, vk_type(emit, emit->node->outputs[0]),
                      vk_type(emit, emit->node->inputs[0]), a->bilinear},
        .params = &params,
        .params_bytes = sizeof params,
        .operands[1] = vk_read(emit->node->inputs[0]),
    };
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_scaled_resize = {scaled_resize_refuses, scaled_resize_emit};
