/* Why: ops over row-major tensors that are too rare for more than a plain loop: three dimensions,
 * samples, distances, tables. */
#include "backends/vulkan/elements.h"

#include <math.h>

#define CHECK(name) _Static_assert(VK_##name == PRT_##name, "shaders/codes.h")
CHECK(GRID_BILINEAR);
CHECK(GRID_NEAREST);
CHECK(GRID_BICUBIC);
CHECK(GRID_ZEROS);
CHECK(GRID_BORDER);
CHECK(GRID_REFLECTION);
CHECK(POOL3D_MAX);
CHECK(POOL3D_MAX_INDEX);
CHECK(POOL3D_AVERAGE);

/* All operands, and the result, row-major and of real numbers. */
static const char *refuses_operands(const struct prt_graph *graph, const struct prt_node *node,
                                    bool real_result)
{
    for (unsigned i = 0; i <= node->input_count; i++) {
        const struct prt_tensor *x =
            i < node->input_count ? vk_tensor(graph, node, i) : vk_result(graph, node);
        if (!x)
            continue;
        if (!prt_tensor_is_contiguous(x))
            return "a tensor is not row-major";
        if (!vk_is_real(x) && (i < node->input_count || real_result))
            return "the elements are no real numbers of 32 bits";
        if (vk_refuses_large(x))
            return vk_refuses_large(x);
    }
    return NULL;
}

/* ---- samples ---- */

struct grid_params {
    VK_PARAMS_HEAD;
    int32_t x[2];
    uint32_t area, channels, count, unused[3];
};

static const char *grid_sample_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    return refuses_operands(graph, node, true);
}

static enum percept_status grid_sample_emit(const struct vk_emit *emit)
{
    const struct prt_grid_attrs *attrs = &emit->node->attrs.grid;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct grid_params params = {.x = {x->sizes[2], x->sizes[3]},
                                 .area = (uint32_t)(y->sizes[2] * y->sizes[3]),
                                 .channels = (uint32_t)y->sizes[1],
                                 .count = (uint32_t)prt_tensor_elements(y)};
    struct vk_call call = {
        .shader = VK_SHADER_grid_sample,
        .constant_count = 7,
        .constants = {0, vk_type(emit, emit->node->outputs[0]),
                      vk_type(emit, emit->node->inputs[0]), vk_type(emit, emit->node->inputs[1]),
                      attrs->mode, attrs->edge, attrs->align_corners},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {[1] = vk_read(emit->node->inputs[0]), vk_read(emit->node->inputs[1])}};
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_grid_sample = {grid_sample_refuses, grid_sample_emit};

/* ---- pools ---- */

struct pool3d_params {
    VK_PARAMS_HEAD;
    int32_t x[4], y[4], kernel[4], stride[4], dilation[4], padding[4];
    uint32_t count;
    float divisor;
    uint32_t unused[2];
};

static const char *pool3d_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    for (unsigned i = 1; i < 4; i++) /* adaptive windows multiply sizes */
        if ((int64_t)x->sizes[i] * (y->sizes[i] + 1) > INT32_MAX)
            return "it has too many rows";
    return refuses_operands(graph, node, node->attrs.pool3d.kind != PRT_POOL3D_MAX_INDEX);
}

static enum percept_status pool3d_emit(const struct vk_emit *emit)
{
    const struct prt_pool3d_attrs *attrs = &emit->node->attrs.pool3d;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct pool3d_params params = {.count = (uint32_t)prt_tensor_elements(y),
                                   .divisor = (float)attrs->divisor};
    for (unsigned i = 0; i < 3; i++) {
        params.x[i] = x->sizes[1 + i];
        params.y[i] = y->sizes[1 + i];
        params.kernel[i] = attrs->kernel[i];
        params.stride[i] = attrs->stride[i];
        params.dilation[i] = attrs->adaptive ? 1 : attrs->dilation[i];
        params.padding[i] = attrs->padding[i];
    }
    struct vk_call call = {.shader = VK_SHADER_pool3d,
                           .constant_count = 6,
                           .constants = {0, vk_type(emit, emit->node->outputs[0]),
                                         vk_type(emit, emit->node->inputs[0]), attrs->kind,
                                         attrs->adaptive, attrs->count_include_pad},
                           .params = &params,
                           .params_bytes = sizeof params,
                           .operands[1] = vk_read(emit->node->inputs[0])};
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_pool3d = {pool3d_refuses, pool3d_emit};

/* ---- convolutions ---- */

struct conv3d_params {
    VK_PARAMS_HEAD;
    int32_t x[4], y[4], kernel[4], stride[4], dilation[4], padding[4];
    int32_t groups;
    uint32_t count, unused[2];
};

static const char *conv3d_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    return refuses_operands(graph, node, true);
}

static enum percept_status conv3d_emit(const struct vk_emit *emit)
{
    const struct prt_conv3d_attrs *attrs = &emit->node->attrs.conv3d;
    const struct prt_node *node = emit->node;
    const struct prt_tensor *x = vk_tensor(emit->graph, node, 0),
                            *weight = vk_tensor(emit->graph, node, 1),
                            *y = vk_result(emit->graph, node);
    bool biased = vk_tensor(emit->graph, node, 2) != NULL;
    struct conv3d_params params = {.groups = attrs->groups,
                                   .count = (uint32_t)prt_tensor_elements(y)};
    for (unsigned i = 0; i < 4; i++) {
        params.x[i] = x->sizes[1 + i];
        params.y[i] = y->sizes[1 + i];
    }
    for (unsigned i = 0; i < 3; i++) {
        params.kernel[i] = weight->sizes[2 + i];
        params.stride[i] = attrs->stride[i];
        params.dilation[i] = attrs->dilation[i];
        params.padding[i] = attrs->padding[i];
    }
    struct vk_call call = {
        .shader = VK_SHADER_conv3d,
        .constant_count = 7,
        .constants = {0, vk_type(emit, node->outputs[0]), vk_type(emit, node->inputs[0]),
                      vk_type(emit, node->inputs[1]), biased ? vk_type(emit, node->inputs[2]) : 0,
                      attrs->transposed, biased},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {[1] = vk_read(node->inputs[0]), vk_read(node->inputs[1])}};
    if (biased)
        call.operands[3] = vk_read(node->inputs[2]);
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_conv3d = {conv3d_refuses, conv3d_emit};

/* ---- distances ---- */

struct distance_params {
    VK_PARAMS_HEAD;
    uint32_t rows, columns, along, count;
    float norm, unused[3];
};

static const char *distance_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    return refuses_operands(graph, node, true);
}

static enum percept_status distance_emit(const struct vk_emit *emit)
{
    double p = emit->node->attrs.distance.p;
    const struct prt_tensor *a = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct distance_params params = {.rows = (uint32_t)y->sizes[y->rank - 2],
                                     .columns = (uint32_t)y->sizes[y->rank - 1],
                                     .along = (uint32_t)a->sizes[a->rank - 1],
                                     .count = (uint32_t)prt_tensor_elements(y),
                                     .norm = (float)p};
    uint32_t norm = p == 0     ? VK_NORM_COUNT
                    : p == 1   ? VK_NORM_SUM
                    : p == 2   ? VK_NORM_SQUARES
                    : isinf(p) ? VK_NORM_GREATEST
                               : VK_NORM_POWERS;
    struct vk_call call = {
        .shader = VK_SHADER_distance,
        .constant_count = 5,
        .constants = {0, vk_type(emit, emit->node->outputs[0]),
                      vk_type(emit, emit->node->inputs[0]), vk_type(emit, emit->node->inputs[1]),
                      norm},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {[1] = vk_read(emit->node->inputs[0]), vk_read(emit->node->inputs[1])}};
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_distance = {distance_refuses, distance_emit};

/* ---- tables ---- */

struct table_params {
    VK_PARAMS_HEAD;
    uint32_t count, unused[3];
};

static const char *table_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    return prt_tensor_same_layout(x, y) ? vk_refuses_large(x) : "the layouts differ";
}

static enum percept_status table_emit(const struct vk_emit *emit)
{
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0);
    struct table_params params = {.count = (uint32_t)prt_tensor_elements(x)};
    bool interpolates = x->dtype == PRT_I16;
    struct vk_call call = {
        .shader = interpolates ? VK_SHADER_table_halves : VK_SHADER_table,
        .constant_count = interpolates ? 1 : 2,
        .constants = {0, x->dtype == PRT_I8 ? 0x80808080u : 0},
        .params = &params,
        .params_bytes = sizeof params,
        .operands = {[1] = vk_read(emit->node->inputs[0]), vk_read(emit->node->inputs[1])}};
    return vk_dispatch_fours(emit, &call, params.count);
}

const struct vk_kernel vk_table = {table_refuses, table_emit};

/* ---- expected sizes ---- */

struct expect_params {
    VK_PARAMS_HEAD;
    int64_t size;
    uint32_t node, unused;
};

static const char *expect_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph, (void)node;
    return NULL;
}

/* What follows in the segment runs, too, before the host sees that a size is another one: SCATTER
 * then leaves states alone (gather.c). */
static enum percept_status expect_emit(const struct vk_emit *emit)
{
    struct expect_params params = {.size = emit->node->attrs.expect.size,
                                   .node = (uint32_t)(emit->node - emit->graph->nodes)};
    struct vk_call call = {.shader = VK_SHADER_expect,
                           .constant_count = 1,
                           .constants = {1},
                           .params = &params,
                           .params_bytes = sizeof params,
                           .operands = {vk_write(emit->node->outputs[0]),
                                        vk_read(emit->node->inputs[0]), vk_faults_in_order(true)}};
    return vk_dispatch(emit, &call);
}

const struct vk_kernel vk_expect = {expect_refuses, expect_emit};
