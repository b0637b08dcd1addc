/* Why: where GPU and host have one memory, as on every headset, a tensor need not be moved. */
#include "backends/vulkan/shared_memory.h"

#include <stdlib.h>
#include <string.h>

struct memory {
    struct memory *next;
    struct vk_device *device; /* a reference */
    struct vk_buffer buffer;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct memory *list; /* under the lock */

void *vk_shared_memory_create(size_t bytes)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    struct memory *memory = device && device->shares_memory ? calloc(1, sizeof *memory) : NULL;
    if (!memory || vk_buffer_create(device, bytes, true, &memory->buffer, NULL) != PERCEPT_OK) {
        free(memory);
        vk_device_release(device);
        return NULL;
    }
    memory->device = device;
    memset(memory->buffer.mapped, 0, bytes);
    pthread_mutex_lock(&list_lock);
    memory->next = list;
    list = memory;
    pthread_mutex_unlock(&list_lock);
    return memory->buffer.mapped;
}

void vk_shared_memory_destroy(void *address, size_t bytes)
{
    (void)bytes;
    pthread_mutex_lock(&list_lock);
    struct memory **place = &list;
    while (*place && (*place)->buffer.mapped != address)
        place = &(*place)->next;
    struct memory *memory = *place;
    if (memory)
        *place = memory->next;
    pthread_mutex_unlock(&list_lock);
    if (!memory)
        return;
    vk_buffer_destroy(memory->device, &memory->buffer);
    vk_device_release(memory->device);
    free(memory);
}

bool vk_shared_memory_find(const struct vk_device *device, const void *address, size_t bytes,
                           VkBuffer *buffer, size_t *offset)
{
    bool found = false;
    pthread_mutex_lock(&list_lock);
    for (const struct memory *memory = list; memory && !found; memory = memory->next) {
        uintptr_t start = (uintptr_t)memory->buffer.mapped, at = (uintptr_t)address;
        if (memory->device != device || at < start || at - start > memory->buffer.bytes ||
            bytes > memory->buffer.bytes - (at - start))
            continue;
        *buffer = memory->buffer.buffer;
        *offset = at - start;
        found = true;
    }
    pthread_mutex_unlock(&list_lock);
    return found;
}

enum percept_status vk_copy_up(struct vk_device *device, const void *data, size_t bytes,
                               const struct vk_buffer *buffer, size_t offset,
                               struct percept_error *error)
{
    const struct vk_api *api = &device->api;
    struct vk_buffer staging = {0};
    enum percept_status status = vk_buffer_create(device, bytes, true, &staging, error);
    if (status != PERCEPT_OK)
        return status;
    memcpy(staging.mapped, data, bytes);
    VkCommandPool pool = VK_NULL_HANDLE;
    VkCommandBuffer commands;
    VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = device->family};
    VkResult result = api->CreateCommandPool(device->device, &info, NULL, &pool);
    VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    if (result == VK_SUCCESS)
        result = api->AllocateCommandBuffers(device->device, &allocate, &commands);
    if (result == VK_SUCCESS)
        result = api->BeginCommandBuffer(commands, &begin);
    if (result == VK_SUCCESS) {
        VkBufferCopy region = {0, offset, bytes};
        api->CmdCopyBuffer(commands, staging.buffer, buffer->buffer, 1, &region);
        VkMemoryBarrier seen = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                .dstAccessMask =
                                    VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_UNIFORM_READ_BIT};
        api->CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                                VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &seen, 0, NULL, 0,
                                NULL);
        result = api->EndCommandBuffer(commands);
    }
    struct vk_work work = {.pieces = &commands, .piece_count = 1};
    if (result != VK_SUCCESS)
        status = vk_fail(device, result, "vkBeginCommandBuffer", error);
    else
        status = vk_submit(device, &work, error);
    if (status == PERCEPT_OK)
        status = vk_wait(device, &work, error);
    if (pool)
        api->DestroyCommandPool(device->device, pool, NULL);
    vk_buffer_destroy(device, &staging);
    return status;
}
