/* Why: where GPU and host have one memory, as on every headset, a tensor need not be moved. */
#include "backends/vulkan/shared_memory.h"

#include "backends/vulkan/external_memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct memory {
    struct memory *next;
    struct vk_device *device; /* a reference */
    struct vk_buffer buffer;
    const void *owner; /* of what was imported; of our own it is the address */
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct memory *list; /* under the lock */
/* Under the lock; read without it by a segment, whose own memory nobody destroys while it runs. */
static atomic_uint_least64_t age;

/* Takes over the reference and the buffer; without memory for the entry they are ended. */
static bool keep(struct vk_device *device, struct vk_buffer *buffer, const void *owner)
{
    struct memory *memory = malloc(sizeof *memory);
    if (!memory) {
        vk_buffer_destroy(device, buffer);
        vk_device_release(device);
        return false;
    }
    pthread_mutex_lock(&list_lock);
    *memory = (struct memory){list, device, *buffer, owner};
    list = memory;
    pthread_mutex_unlock(&list_lock);
    return true;
}

void *vk_shared_memory_create(size_t bytes)
{
    const char *why;
    struct vk_buffer buffer;
    struct vk_device *device = vk_device_get(&why);
    if (!device || !device->shares_memory ||
        vk_buffer_create(device, bytes, true, &buffer, NULL) != PERCEPT_OK) {
        vk_device_release(device);
        return NULL;
    }
    memset(buffer.mapped, 0, bytes);
    return keep(device, &buffer, buffer.mapped) ? buffer.mapped : NULL;
}

bool vk_shared_memory_import(const void *owner, int fd, void *memory, size_t bytes)
{
    const char *why;
    struct vk_buffer buffer;
    struct vk_shared known;
    struct vk_device *device = vk_device_get(&why);
    if (device && vk_shared_memory_find(device, memory, bytes, &known)) {
        vk_device_release(device);
        return true;
    }
    if (!device || !vk_external_import(device, fd, memory, bytes, &buffer)) {
        vk_device_release(device);
        return false;
    }
    return keep(device, &buffer, owner);
}

void *vk_shared_memory_export(size_t bytes, int *fd)
{
    const char *why;
    int handle;
    struct vk_buffer buffer;
    struct vk_device *device = vk_device_get(&why);
    if (!device || !vk_external_export(device, bytes, &buffer, &handle)) {
        vk_device_release(device);
        return NULL;
    }
    memset(buffer.mapped, 0, bytes);
    if (!keep(device, &buffer, buffer.mapped)) {
        close(handle);
        return NULL;
    }
    *fd = handle;
    return buffer.mapped;
}

/* The first entry of the owner, out of the list. */
static struct memory *take_out(const void *owner)
{
    pthread_mutex_lock(&list_lock);
    struct memory **place = &list;
    while (*place && (*place)->owner != owner)
        place = &(*place)->next;
    struct memory *memory = *place;
    if (memory)
        *place = memory->next;
    atomic_fetch_add(&age, memory != NULL);
    pthread_mutex_unlock(&list_lock);
    return memory;
}

/* What was imported once more after a device was lost has several entries. */
void vk_shared_memory_forget(const void *owner)
{
    for (struct memory *memory; (memory = take_out(owner));) {
        vk_buffer_destroy(memory->device, &memory->buffer);
        vk_device_release(memory->device);
        free(memory);
    }
}

void vk_shared_memory_destroy(void *memory, size_t bytes)
{
    (void)bytes;
    vk_shared_memory_forget(memory);
}

bool vk_shared_memory_find(const struct vk_device *device, const void *address, size_t bytes,
                           struct vk_shared *shared)
{
    bool found = false;
    pthread_mutex_lock(&list_lock);
    for (const struct memory *memory = list; memory && !found; memory = memory->next) {
        uintptr_t start = (uintptr_t)memory->buffer.mapped, at = (uintptr_t)address;
        if (memory->device != device || at < start || at - start > memory->buffer.bytes ||
            bytes > memory->buffer.bytes - (at - start))
            continue;
        *shared =
            (struct vk_shared){memory->buffer.buffer, at - start, memory->buffer.is_of_others};
        found = true;
    }
    pthread_mutex_unlock(&list_lock);
    return found;
}

uint64_t vk_shared_memory_age(void)
{
    return atomic_load(&age);
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
