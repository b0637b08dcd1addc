/*
 * The GPU: one for the process, shared by all segments. Private to the Vulkan backend.
 *
 * Thread-safe. A device that was lost stays with the segments that were compiled for it, which then
 * fail; whoever asks next gets a new one.
 */
#ifndef BACKENDS_VULKAN_DEVICE_H
#define BACKENDS_VULKAN_DEVICE_H

#include "backends/vulkan/api.h"
#include "backends/vulkan/matrices.h"
#include "backends/vulkan/queue.h"
#include "base/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VK_OPERANDS = 7 }; /* storage buffers of a dispatch; binding 0 is its parameters */

/* Every offset that a descriptor may have, on any device (limits.minStorageBufferOffsetAlignment).
 */
enum { VK_BIND_ALIGNMENT = 256 };

struct vk_pipeline_table; /* pipelines.h */

struct vk_device {
    struct vk_api api;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    uint32_t family;
    const char *name; /* in properties */
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceLimits limits; /* likewise */
    VkPhysicalDeviceMemoryProperties memory;
    bool has_timestamps, has_int64, has_int_dot;
    bool has_float16;  /* arithmetic of floats of 16 bits */
    bool uses_int_dot; /* it has, and says that it is quick; tests may say so for it */
    struct vk_matrix_shapes matrices; /* that a subgroup multiplies at once */
    bool uses_matrices; /* they are what the device is quickest with; tests may say so for it */
    uint32_t
        idle_below; /* work-groups that a dispatch should have, if it can; tests may say more */
    uint32_t
        preferred_size; /* of those that a dispatch may have, unless tuned; not 0 in tests only */
    uint32_t subgroup;  /* size; 1 where a shader cannot add up over one */
    uint32_t device_type,
        host_type; /* memory types: of the device, and one that we may read and write */
    bool
        shares_memory; /* device_type is memory that the host reads and writes as fast as its own */
    /* external_memory.c: of memory of the host and of dma-bufs, 0 where the driver has none of it
     */
    VkExternalMemoryFeatureFlags host_features, dma_buf_features;
    size_t import_alignment; /* of the host's */
    uint32_t others_family;  /* stands for other devices' queues */
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout pipeline_layout;
    struct vk_pipeline_table *pipelines;

    pthread_mutex_t queue_lock; /* over the lanes */
    struct vk_lane lanes[VK_PRIORITIES];
    unsigned lane_count;
    atomic_bool lost;
    unsigned users; /* under the lock of device.c */
};

/* A reference to the device, made at the first call; NULL, and *why is static text, when there is
 * none that will do. */
struct vk_device *vk_device_get(const char **why);
void vk_device_release(struct vk_device *device); /* NULL is fine */
/* Drivers and layers make some of what they have at the first run only, and a process ends what was
 * made last first: from here on the device goes before that. */
void vk_device_has_run(void);
/* Of the first device that there was: static text. */
const char *vk_device_name(void);

/* Of the device that vk_device_get gives: has it integers of 64 bits? */
bool vk_has_int64(void);

/* Does the physical device have an extension? */
bool vk_has_extension(const struct vk_device *device, const char *name);

/* A Vulkan call failed: notes a lost device, and says which call and what. */
enum percept_status vk_fail(struct vk_device *device, VkResult result, const char *call,
                            struct percept_error *error);

struct vk_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    size_t bytes;
    void *mapped;      /* of memory that the host sees, else NULL */
    bool is_of_others; /* other devices may use its memory, too */
};

/* Zeroed memory is not promised. On failure *buffer is as it was. */
enum percept_status vk_buffer_create(struct vk_device *device, size_t bytes, bool for_host,
                                     struct vk_buffer *buffer, struct percept_error *error);
void vk_buffer_destroy(struct vk_device *device, struct vk_buffer *buffer); /* zeroed is fine */

#endif
