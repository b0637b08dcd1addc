/*
 * One dispatch of the shaders that multiply and add up: tile.comp, few_rows.comp, depthwise.comp.
 * For conv.c, rows.c and matmul.c; what the numbers mean is said in shaders/layer.glsl.
 */
#ifndef BACKENDS_VULKAN_LAYER_H
#define BACKENDS_VULKAN_LAYER_H

#include "backends/vulkan/step.h"

/* The shaders' uniform block. */
struct vk_layer_params {
    VK_PARAMS_HEAD;
    int32_t x[4], y[4], grid[4], place[4], window[4], taps[4], depth[4], zero[4];
    float bounds[4], numbers[4];
    int32_t lead[8], lead_x[8], lead_w[8];
};

struct vk_layer {
    const struct vk_emit *emit;
    struct vk_layer_params params;
    uint32_t type_w, numbers, act, after, weights, windows;
    bool depthwise;
    bool dots;         /* four codes at once: shaders/dots.glsl */
    bool halves;       /* floats of 16 bits multiply */
    int32_t groups;    /* or matrices */
    uint32_t residual; /* value, or PRT_NO_VALUE */
    struct vk_operand w, channels, row_codes;
    /* Of each group and column: scale, where rows have codes of their own; then, with dots, the sum
     * of its weights. With halves, 1 / the factor of its weights. */
    struct vk_operand group_numbers;
};

/* A layer with an input of `rows` rows: nothing but the operands is left to be filled in. */
void vk_layer_rows(struct vk_layer *layer, int32_t rows, int32_t inputs, int32_t outputs);

/* Once all is filled in but what the sizes tell. */
enum percept_status vk_layer_dispatch(const struct vk_layer *layer);

/* Does few_rows.comp compute it? Once all is filled in but the weights. */
bool vk_layer_is_few(const struct vk_layer *layer);

/* Do cooperative matrices, if its numbers are halves or codes? Likewise. */
bool vk_layer_takes_matrices(const struct vk_layer *layer);

/* More rows or groups than a dispatch takes on every device. */
bool vk_layer_is_too_large(int64_t rows, int64_t groups);

/* ---- layer_pack.c ---- */

/* The bytes of a constant operand, which may still be in its file: then *owned is a copy to be
 * freed, else NULL. */
enum percept_status vk_read_constant(const struct vk_emit *emit, unsigned index, const void **data,
                                     void **owned);

/* Where the weight of a group's output, a kernel's row and column and a group's input lies. */
struct vk_weight {
    const void *data; /* F32 or I8 */
    bool is_code;
    int64_t strides[4], group;       /* output, row, column, input; from group to group */
    int32_t groups, outputs, inputs; /* of a group */
};

/* The rows and columns of a kernel that take part: from first on, each step-th. */
struct vk_taps {
    int32_t first[2], step[2], count[2];
};

/* Fills in w, type_w and depth; dots and group_numbers as well, once `numbers` is. */
enum percept_status vk_layer_pack(struct vk_layer *layer, const struct vk_weight *weight,
                                  const struct vk_taps *taps);
/* The same for rows of `groups` groups of codes with a scale each: w [outputs, inputs] and scales
 * [outputs, groups]. */
enum percept_status vk_layer_pack_groups(struct vk_layer *layer, const int8_t *codes,
                                         const float *scales, int32_t groups);

/* Room for bias, slope and scale of each output channel, zeros at first, at vk_layer_channel of
 * each; once the weight is packed. False without memory. */
struct vk_channels {
    float *bias, *slope, *scale;
};
bool vk_layer_channels(struct vk_layer *layer, struct vk_channels *channels);
static inline size_t vk_layer_channel(const struct vk_layer *layer, int32_t channel)
{
    int32_t outputs = layer->depthwise ? layer->params.y[2] : layer->params.y[3];
    size_t columns = 4 * (size_t)layer->params.depth[2];
    return (size_t)(channel / outputs) * columns + (size_t)(channel % outputs);
}

/* Outputs, or inputs, with those that fill the last four up. */
static inline int32_t vk_layer_columns(int32_t outputs)
{
    return (outputs + 3) / 4 * 4;
}

#endif
