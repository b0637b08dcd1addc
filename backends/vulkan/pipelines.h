/*
 * Shaders, and the pipelines made of them: one for each shader and set of specialisation constants
 * that some segment has asked for, kept as long as the device. Private to the Vulkan backend.
 */
#ifndef BACKENDS_VULKAN_PIPELINES_H
#define BACKENDS_VULKAN_PIPELINES_H

#include "backends/vulkan/device.h"
#include "shader_table.h" /* made by CMake: a row for each shaders/<name>.comp */

enum vk_shader {
#define VK_SHADER_ENUM(name) VK_SHADER_##name,
    VK_SHADER_TABLE(VK_SHADER_ENUM)
#undef VK_SHADER_ENUM
        VK_SHADER_COUNT
};

const char *vk_shader_name(enum vk_shader shader);

enum { VK_CONSTANTS = 24 }; /* most that a shader has; constant_id counts from 0 */

struct vk_pipeline_table *vk_pipelines_create(const struct vk_device *device);
void vk_pipelines_destroy(struct vk_pipeline_table *table); /* NULL is fine */

/* Thread-safe. The pipeline is the table's. */
enum percept_status vk_pipelines_get(struct vk_device *device, enum vk_shader shader,
                                     const uint32_t *constants, unsigned count,
                                     VkPipeline *pipeline, struct percept_error *error);

#endif
