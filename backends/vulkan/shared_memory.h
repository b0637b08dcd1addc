/*
 * Memory that host and GPU both use where it lies: what a segment finds there it need not copy.
 * Private to the Vulkan backend. Thread-safe.
 */
#ifndef BACKENDS_VULKAN_SHARED_MEMORY_H
#define BACKENDS_VULKAN_SHARED_MEMORY_H

#include "backends/vulkan/device.h"

/* Hooks of backend.h. NULL where the device has memory of its own. */
void *vk_shared_memory_create(size_t bytes);
void vk_shared_memory_destroy(void *memory, size_t bytes);

/* The buffer that has `bytes` from `address` on, and how far into it they are; false when that is
 * no such memory of this device. */
bool vk_shared_memory_find(const struct vk_device *device, const void *address, size_t bytes,
                           VkBuffer *buffer, size_t *offset);

/* Copy to memory that only the device sees; waits for it. */
enum percept_status vk_copy_up(struct vk_device *device, const void *data, size_t bytes,
                               const struct vk_buffer *buffer, size_t offset,
                               struct percept_error *error);

#endif
