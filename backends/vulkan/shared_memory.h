/*
 * Memory that host and GPU both use where it lies: what a segment finds there it need not copy.
 * Private to the Vulkan backend. Thread-safe.
 */
#ifndef BACKENDS_VULKAN_SHARED_MEMORY_H
#define BACKENDS_VULKAN_SHARED_MEMORY_H

#include "backends/vulkan/device.h"

/* Hooks of backend.h. create gives NULL where the device has memory of its own. */
void *vk_shared_memory_create(size_t bytes);
bool vk_shared_memory_import(const void *owner, int fd, void *memory, size_t bytes);
void vk_shared_memory_forget(const void *owner);
void *vk_shared_memory_export(size_t bytes, int *fd);
void vk_shared_memory_destroy(void *memory, size_t bytes);

/* Where bytes are. */
struct vk_shared {
    VkBuffer buffer;
    size_t at;
    bool is_of_others; /* other devices may use the memory, too */
};

/* The buffer that has `bytes` from `address` on; false when that is no such memory of this device.
 */
bool vk_shared_memory_find(const struct vk_device *device, const void *address, size_t bytes,
                           struct vk_shared *shared);

/* Grows whenever some of that memory is destroyed: what was found before may be no more, though
 * something else is at its address. */
uint64_t vk_shared_memory_age(void);

/* Copy to memory that only the device sees; waits for it. */
enum percept_status vk_copy_up(struct vk_device *device, const void *data, size_t bytes,
                               const struct vk_buffer *buffer, size_t offset,
                               struct percept_error *error);

#endif
