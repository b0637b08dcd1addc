/*
 * Memory that the device did not make itself (VK_EXT_external_memory_host, a dma-buf by
 * VK_EXT_external_memory_dma_buf), or that others can have. What a driver offers of it, it offers
 * each by itself. Private to the Vulkan backend.
 */
#ifndef BACKENDS_VULKAN_EXTERNAL_MEMORY_H
#define BACKENDS_VULKAN_EXTERNAL_MEMORY_H

#include "backends/vulkan/device.h"

enum { VK_EXTERNAL_EXTENSIONS = 4 };

/* Before the device is made: finds what there is of it, and adds the names of extensions to enable.
 * Returns how many. */
uint32_t vk_external_find(struct vk_device *device, const char **names);

/* A buffer over what the host sees at `memory`: the beginning of the dma-buf fd or, where that is
 * -1, the host's own memory. Its `mapped` is where the host sees its first byte. False when the
 * driver or the device cannot; then *buffer is as it was. */
bool vk_external_import(struct vk_device *device, int fd, void *memory, size_t bytes,
                        struct vk_buffer *buffer);

/* A buffer that the host sees, and a dma-buf of it, the caller's. False likewise. */
bool vk_external_export(struct vk_device *device, size_t bytes, struct vk_buffer *buffer, int *fd);

#endif
