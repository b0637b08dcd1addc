/* Why: windows and samples of channels-last images, four channels an invocation. */
#include "backends/vulkan/elements.h"

#include <math.h>

/* Both ways in which a graph states images lie in memory as N, H, W, C. */
static bool fits(const struct prt_tensor *tensor, bool nhwc)
{
    return nhwc ? tensor->rank == 4 && prt_tensor_is_contiguous(tensor)
                : prt_tensor_is_channels_last(tensor);
}

static void sizes_of(const struct prt_tensor *tensor, bool nhwc, int32_t sizes[4])
{
    static const uint8_t order[2][4] = {{0, 2, 3, 1}, {0, 1, 2, 3}};
    for (unsigned i = 0; i < 4; i++)
        sizes[i] = tensor->sizes[order[nhwc][i]];
}

static const char *refuses_layout(const struct prt_tensor *x, const struct prt_tensor *y, bool nhwc)
{
    if (!fits(x, nhwc) || !fits(y, nhwc))
        return "the image is not channels last in memory";
    const char *refusal = vk_refuses_large(x);
    return refusal ? refusal : vk_refuses_large(y);
}

/* ---- pools ---- */

struct pool_params {
    VK_PARAMS_HEAD;
    struct vk_coding coding;
    int32_t x[4], y[4];
    int32_t kernel[2], stride[2], dilation[2], padding[2], edge[2], unused[2];
    uint32_t count, more_unused[3];
};

static const char *pool2d_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_pool_attrs *attrs = &node->attrs.pool;
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (attrs->act.kind == PRT_ACT_PRELU)
        return "it ends in a PReLU";
    const char *refusal = refuses_layout(x, y, attrs->nhwc);
    return refusal ? refusal : vk_refuses_unreal(x, y);
}

static enum percept_status pool2d_emit(const struct vk_emit *emit)
{
    const struct prt_pool_attrs *attrs = &emit->node->attrs.pool;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct pool_params params = {.coding = vk_coding_of(x, y),
                                 .count = (uint32_t)prt_tensor_elements(y)};
    bool clamps = attrs->act.kind == PRT_ACT_CLAMP;
    params.coding.scale[2] = clamps ? attrs->act.lo : -HUGE_VALF;
    params.coding.scale[3] = clamps ? attrs->act.hi : HUGE_VALF;
    sizes_of(x, attrs->nhwc, params.x);
    sizes_of(y, attrs->nhwc, params.y);
    for (unsigned i = 0; i < 2; i++) {
        params.kernel[i] = attrs->kernel[i];
        params.stride[i] = attrs->stride[i];
        params.dilation[i] = attrs->dilation[i];
        params.padding[i] = attrs->padding[2 * i];
        params.edge[i] = params.x[1 + i] + attrs->padding[2 * i + 1];
    }
    struct vk_call call = {.shader = VK_SHADER_pool2d,
                           .constant_count = 6,
                           .constants = {0, vk_type(emit, emit->node->outputs[0]),
                                         vk_type(emit, emit->node->inputs[0]),
                                         params.y[3] % 4 == 0 ? 4 : 1, attrs->is_max,
                                         attrs->count_include_pad},
                           .params = &params,
                           .params_bytes = sizeof params,
                           .operands[1] = vk_read(emit->node->inputs[0])};
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_pool2d = {pool2d_refuses, pool2d_emit};

/* ---- resizes ---- */

struct resize_params {
    VK_PARAMS_HEAD;
    struct vk_coding coding;
    int32_t x[4], y[4];
    float steps[4];
    uint32_t count, unused[3];
};

static const char *resize2d_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_resize_attrs *attrs = &node->attrs.resize;
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    const char *refusal = refuses_layout(x, y, attrs->nhwc);
    if (refusal)
        return refusal;
    int32_t sizes[2][4], most = 1 << 24;
    sizes_of(x, attrs->nhwc, sizes[0]);
    sizes_of(y, attrs->nhwc, sizes[1]);
    for (unsigned i = 0; i < 4; i++)
        if (sizes[i / 2][1 + i % 2] > most)
            return "it has more rows or columns than 32-bit floats count";
    return attrs->bilinear ? vk_refuses_unreal(x, y) : NULL;
}

/* As PyTorch's area_pixel_compute_scale: input steps an output step. */
static float step_of(const struct prt_resize_attrs *attrs, int axis, int32_t in, int32_t out)
{
    if (attrs->align_corners)
        return out > 1 ? (float)(in - 1) / (float)(out - 1) : 0;
    return attrs->scale[axis] > 0 ? (float)(1.0 / attrs->scale[axis]) : (float)in / (float)out;
}

static enum percept_status resize2d_emit(const struct vk_emit *emit)
{
    const struct prt_resize_attrs *attrs = &emit->node->attrs.resize;
    uint32_t from = emit->node->inputs[0], to = emit->node->outputs[0];
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct resize_params params = {.coding = vk_coding_of(x, y)};
    sizes_of(x, attrs->nhwc, params.x);
    sizes_of(y, attrs->nhwc, params.y);
    params.steps[0] = step_of(attrs, 0, params.x[1], params.y[1]);
    params.steps[1] = step_of(attrs, 1, params.x[2], params.y[2]);
    params.steps[2] = attrs->half_pixel && !attrs->align_corners ? 0.5f : 0;
    /* What only moves is of one type; else it goes between F32 and F16. */
    bool moves = !attrs->bilinear && vk_type(emit, from) == vk_type(emit, to);
    bool doubled = prt_dtype_size(y->dtype) == 8;
    if (doubled) {
        params.x[3] *= 2;
        params.y[3] *= 2;
    }
    params.count = (uint32_t)prt_tensor_elements(y) * (doubled ? 2 : 1);
    struct vk_call call = {.shader = VK_SHADER_resize2d,
                           .constant_count = 6,
                           .constants = {0, moves ? vk_mover(emit, to) : vk_type(emit, to),
                                         moves ? vk_mover(emit, from) : vk_type(emit, from),
                                         params.y[3] % 4 == 0 ? 4 : 1,
                                         attrs->bilinear ? VK_SAMPLE_BILINEAR
                                         : moves         ? VK_SAMPLE_MOVE
                                                         : VK_SAMPLE_CONVERT,
                                         attrs->align_corners},
                           .params = &params,
                           .params_bytes = sizeof params,
                           .operands[1] = vk_read(emit->node->inputs[0])};
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_resize2d = {resize2d_refuses, resize2d_emit};
