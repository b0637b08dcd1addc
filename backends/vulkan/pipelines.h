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

/* What the driver has compiled so far, as it wants to have it back in another process: malloc'ed;
 * NULL when there is nothing. */
void *vk_pipelines_save(struct vk_device *device, size_t *bytes);
/* Take in what was saved by a process with this driver and device. It is only a help: a driver
 * takes what it can use. */
void vk_pipelines_load(struct vk_device *device, const void *saved, size_t bytes);

/* Thread-safe. The pipeline is the table's. */
enum percept_status vk_pipelines_get(struct vk_device *device, enum vk_shader shader,
                                     const uint32_t *constants, unsigned count,
                                     VkPipeline *pipeline, struct percept_error *error);

#endif
