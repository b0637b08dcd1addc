/* How workgroups share rows: for kernels whose shaders include fold.glsl. Private to the Vulkan
 * backend. */
#ifndef BACKENDS_VULKAN_ROWS_H
#define BACKENDS_VULKAN_ROWS_H

#include "backends/vulkan/step.h"

/* Invocations for a row of `length`; fewer when neighbouring rows lie side by side, so that enough
 * of them read one piece of memory. */
static inline uint32_t vk_lanes(int64_t length, bool across)
{
    uint32_t lanes = 1, most = across ? 8 : VK_ROWS_LOCAL;
    while (lanes < most && (int64_t)lanes * 4 < length)
        lanes *= 2;
    return lanes;
}

/* The variant of a shader that adds up over subgroups, where that is of use. */
static inline enum vk_shader vk_folding(const struct vk_emit *emit, uint32_t lanes,
                                        enum vk_shader plain, enum vk_shader subgroup)
{
    return lanes == VK_ROWS_LOCAL && emit->device->subgroup > 1 ? subgroup : plain;
}

#endif
