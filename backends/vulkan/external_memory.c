/* Why: a camera's frame is in memory already; the device may read it there. */
#include "backends/vulkan/external_memory.h"

#include "base/checked.h"

#include <fcntl.h>
#include <unistd.h>

static const VkBufferUsageFlags usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT;

/* ---- what there is ---- */

static VkExternalMemoryFeatureFlags features(const struct vk_device *device,
                                             VkExternalMemoryHandleTypeFlagBits type)
{
    VkPhysicalDeviceExternalBufferInfo asked = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = usage,
        .handleType = type};
    VkExternalBufferProperties told = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    device->api.GetPhysicalDeviceExternalBufferProperties(device->physical, &asked, &told);
    return told.externalMemoryProperties.externalMemoryFeatures;
}

static size_t host_alignment(const struct vk_device *device)
{
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &host};
    device->api.GetPhysicalDeviceProperties2(device->physical, &properties);
    return host.minImportedHostPointerAlignment;
}

uint32_t vk_external_find(struct vk_device *device, const char **names)
{
    uint32_t count = 0;
    if (vk_has_extension(device, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) {
        names[count++] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
        device->import_alignment = host_alignment(device);
        device->host_features =
            features(device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT);
    }
    device->others_family = VK_QUEUE_FAMILY_EXTERNAL;
    if (vk_has_extension(device, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME) &&
        vk_has_extension(device, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME)) {
        names[count++] = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
        names[count++] = VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
        device->dma_buf_features = features(device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
        if (vk_has_extension(device, VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME)) {
            names[count++] = VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME;
            device->others_family = VK_QUEUE_FAMILY_FOREIGN_EXT;
        }
    }
    return count;
}

/* ---- buffers ---- */

/* One of the types that the buffer and the memory agree on, preferably as we have it elsewhere. */
static bool choose_type(const struct vk_device *device, uint32_t bits, VkMemoryPropertyFlags needed,
                        uint32_t *type)
{
    const uint32_t preferred[] = {device->device_type, device->host_type};
    for (uint32_t i = 0; i < 2 + device->memory.memoryTypeCount; i++) {
        *type = i < 2 ? preferred[i] : i - 2;
        if (bits & 1u << *type &&
            (device->memory.memoryTypes[*type].propertyFlags & needed) == needed)
            return true;
    }
    return false;
}

/* How a buffer comes by its memory. */
struct source {
    VkExternalMemoryHandleTypeFlagBits type;
    VkExternalMemoryFeatureFlags features; /* of the handle type */
    uint32_t type_bits;                    /* memory types that will do */
    VkMemoryPropertyFlags needed;
    const void *chain; /* for vkAllocateMemory */
    int *fd;           /* NULL, or what the memory owns once it is there: then -1 */
};

static bool make_buffer(struct vk_device *device, const struct source *source, size_t bytes,
                        struct vk_buffer *buffer)
{
    const struct vk_api *api = &device->api;
    struct vk_buffer made = {.bytes = bytes};
    VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = source->type};
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .pNext = &external,
                               .size = bytes,
                               .usage = usage};
    if (api->CreateBuffer(device->device, &info, NULL, &made.buffer) != VK_SUCCESS)
        return false;
    VkMemoryRequirements needs;
    api->GetBufferMemoryRequirements(device->device, made.buffer, &needs);
    VkMemoryDedicatedAllocateInfo dedicated = {.sType =
                                                   VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                               .pNext = source->chain,
                                               .buffer = made.buffer};
    bool alone = source->features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT;
    VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                     .pNext = alone ? &dedicated : source->chain,
                                     .allocationSize = needs.size > bytes ? needs.size : bytes};
    bool has = choose_type(device, needs.memoryTypeBits & source->type_bits, source->needed,
                           &allocate.memoryTypeIndex) &&
               api->AllocateMemory(device->device, &allocate, NULL, &made.memory) == VK_SUCCESS;
    if (has && source->fd)
        *source->fd = -1;
    if (!has || api->BindBufferMemory(device->device, made.buffer, made.memory, 0) != VK_SUCCESS) {
        vk_buffer_destroy(device, &made);
        return false;
    }
    *buffer = made;
    return true;
}

/* Whole pages around it: the host has all of them. */
static bool import_host(struct vk_device *device, void *memory, size_t bytes,
                        struct vk_buffer *buffer)
{
    const VkExternalMemoryHandleTypeFlagBits type =
        VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    size_t before = device->import_alignment ? (uintptr_t)memory % device->import_alignment : 0;
    unsigned char *start = (unsigned char *)memory - before;
    /* Elsewhere the device would reach it over a bus, element by element: better to copy once. */
    if (!device->shares_memory || !device->api.GetMemoryHostPointerPropertiesEXT ||
        !(device->host_features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) ||
        !base_align_size(bytes + before, device->import_alignment, &bytes))
        return false;
    VkMemoryHostPointerPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
    if (device->api.GetMemoryHostPointerPropertiesEXT(device->device, type, start, &properties) !=
        VK_SUCCESS)
        return false;
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = type,
        .pHostPointer = start};
    const struct source source = {.type = type,
                                  .features = device->host_features,
                                  .type_bits = properties.memoryTypeBits,
                                  .needed = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                                  .chain = &import};
    if (!make_buffer(device, &source, bytes, buffer))
        return false;
    buffer->mapped = start;
    return true;
}

static bool import_dma_buf(struct vk_device *device, int fd, void *memory, size_t bytes,
                           struct vk_buffer *buffer)
{
    const VkExternalMemoryHandleTypeFlagBits type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    if (!(device->dma_buf_features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) ||
        !device->api.GetMemoryFdPropertiesKHR ||
        device->api.GetMemoryFdPropertiesKHR(device->device, type, fd, &properties) != VK_SUCCESS)
        return false;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR, .handleType = type, .fd = own};
    const struct source source = {.type = type,
                                  .features = device->dma_buf_features,
                                  .type_bits = properties.memoryTypeBits,
                                  .chain = &import,
                                  .fd = &own};
    if (own < 0)
        return false;
    if (!make_buffer(device, &source, bytes, buffer)) {
        if (own >= 0)
            close(own);
        return false;
    }
    buffer->mapped = memory;
    buffer->is_of_others = true;
    return true;
}

bool vk_external_import(struct vk_device *device, int fd, void *memory, size_t bytes,
                        struct vk_buffer *buffer)
{
    return fd < 0 ? import_host(device, memory, bytes, buffer)
                  : import_dma_buf(device, fd, memory, bytes, buffer);
}

bool vk_external_export(struct vk_device *device, size_t bytes, struct vk_buffer *buffer, int *fd)
{
    const VkExternalMemoryHandleTypeFlagBits type = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    VkExportMemoryAllocateInfo export = {.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                         .handleTypes = type};
    const struct source source = {.type = type,
                                  .features = device->dma_buf_features,
                                  .type_bits = UINT32_MAX,
                                  .needed = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                            VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                                  .chain = &export};
    struct vk_buffer made;
    int handle;
    if (!(device->dma_buf_features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) ||
        !device->api.GetMemoryFdKHR || !base_align_size(bytes, 4, &bytes) ||
        !make_buffer(device, &source, bytes, &made))
        return false;
    VkMemoryGetFdInfoKHR get = {.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
                                .memory = made.memory,
                                .handleType = type};
    if (device->api.MapMemory(device->device, made.memory, 0, VK_WHOLE_SIZE, 0, &made.mapped) !=
            VK_SUCCESS ||
        device->api.GetMemoryFdKHR(device->device, &get, &handle) != VK_SUCCESS) {
        vk_buffer_destroy(device, &made);
        return false;
    }
    made.is_of_others = true;
    *buffer = made;
    *fd = handle;
    return true;
}
