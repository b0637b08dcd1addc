/*
 * Why: lavapipe of our time knows no dma-bufs, but takes in memory of the host. So a dma-buf that
 * is imported here is mapped and that memory taken in; one that is exported is a memfd, mapped
 * before.
 */
#include "layer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, MOST = 64 };

static const VkExternalMemoryHandleTypeFlagBits dma_buf =
    VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

/* Memory that was made so. The tests that ask for it have one thread. */
static struct {
    VkDeviceMemory memory;
    void *mapped;
    size_t bytes;
    int fd;
} made[MOST];

/* ---- what there is ---- */

VKAPI_ATTR VkResult VKAPI_CALL layer_enumerate_extensions(VkPhysicalDevice physical,
                                                          const char *layer, uint32_t *count,
                                                          VkExtensionProperties *list)
{
    static const VkExtensionProperties ours = {
        VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
        VK_EXT_EXTERNAL_MEMORY_DMA_BUF_SPEC_VERSION,
    };
    VkExtensionProperties all[256];
    uint32_t found = 255, kept = 0;
    VkResult result = next.vkEnumerateDeviceExtensionProperties(physical, layer, &found, all);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < found; i++)
        if (!fault("no-import") ||
            strcmp(all[i].extensionName, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) != 0)
            all[kept++] = all[i];
    if (fault("dma-buf"))
        all[kept++] = ours;
    uint32_t room = *count;
    *count = list && room < kept ? room : kept;
    if (list)
        memcpy(list, all, *count * sizeof *list);
    return list && room < kept ? VK_INCOMPLETE : VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL layer_get_external(VkPhysicalDevice physical,
                                              const VkPhysicalDeviceExternalBufferInfo *info,
                                              VkExternalBufferProperties *properties)
{
    next.vkGetPhysicalDeviceExternalBufferProperties(physical, info, properties);
    if (info->handleType == dma_buf && fault("dma-buf"))
        properties->externalMemoryProperties = (VkExternalMemoryProperties){
            VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT | VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT,
            dma_buf, dma_buf};
}

uint32_t layer_driver_extensions(const VkDeviceCreateInfo *info, const char **names)
{
    uint32_t count = 0;
    bool has_host = false;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++)
        has_host |= strcmp(info->ppEnabledExtensionNames[i],
                           VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) == 0;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        const char *name = info->ppEnabledExtensionNames[i];
        bool ours = strcmp(name, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME) == 0;
        if (!ours)
            names[count++] = name;
        else if (!has_host)
            names[count++] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    }
    return count;
}

VKAPI_ATTR VkResult VKAPI_CALL layer_get_fd_properties(VkDevice of,
                                                       VkExternalMemoryHandleTypeFlagBits type,
                                                       int fd, VkMemoryFdPropertiesKHR *properties)
{
    (void)of;
    if (type != dma_buf || lseek(fd, 0, SEEK_END) <= 0)
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    properties->memoryTypeBits = fault("discrete") ? 3 : 1;
    return VK_SUCCESS;
}

/* ---- memory ---- */

static const void *find(const void *chain, VkStructureType type)
{
    const VkBaseInStructure *s = chain;
    while (s && s->sType != type)
        s = s->pNext;
    return s;
}

/* The driver's memory over the first bytes of fd, which is ours from then on. */
static VkResult take_in(VkDevice of, const VkMemoryAllocateInfo *info, int fd,
                        const VkAllocationCallbacks *allocator, VkDeviceMemory *memory)
{
    size_t bytes = (info->allocationSize + PAGE - 1) / PAGE * PAGE, slot = 0;
    while (slot < MOST && made[slot].memory)
        slot++;
    void *mapped =
        slot < MOST ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (mapped == MAP_FAILED)
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = mapped};
    VkMemoryAllocateInfo real = *info;
    real.pNext = &import;
    real.allocationSize = bytes;
    VkResult result = next.vkAllocateMemory(of, &real, allocator, memory);
    if (result != VK_SUCCESS) {
        munmap(mapped, bytes);
        return result;
    }
    made[slot].memory = *memory;
    made[slot].mapped = mapped;
    made[slot].bytes = bytes;
    made[slot].fd = fd;
    return VK_SUCCESS;
}

VkResult layer_allocate(VkDevice of, const VkMemoryAllocateInfo *info,
                        const VkAllocationCallbacks *allocator, VkDeviceMemory *memory)
{
    const VkImportMemoryFdInfoKHR *import =
        find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
    const VkExportMemoryAllocateInfo *export =
        find(info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    if (import && import->handleType == dma_buf)
        return take_in(of, info, import->fd, allocator, memory);
    if (!export || export->handleTypes != dma_buf)
        return next.vkAllocateMemory(of, info, allocator, memory);
    int fd = memfd_create("stands for a dma-buf", MFD_CLOEXEC);
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (fd >= 0 && ftruncate(fd, (off_t)((info->allocationSize + PAGE - 1) / PAGE * PAGE)) == 0)
        result = take_in(of, info, fd, allocator, memory);
    if (result != VK_SUCCESS && fd >= 0)
        close(fd);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL layer_get_fd(VkDevice of, const VkMemoryGetFdInfoKHR *info, int *fd)
{
    (void)of;
    for (size_t i = 0; i < MOST && info->handleType == dma_buf; i++)
        if (made[i].memory == info->memory && (*fd = dup(made[i].fd)) >= 0)
            return VK_SUCCESS;
    return VK_ERROR_TOO_MANY_OBJECTS;
}

VKAPI_ATTR void VKAPI_CALL layer_free(VkDevice of, VkDeviceMemory memory,
                                      const VkAllocationCallbacks *allocator)
{
    next.vkFreeMemory(of, memory, allocator);
    for (size_t i = 0; i < MOST && memory; i++) {
        if (made[i].memory != memory)
            continue;
        munmap(made[i].mapped, made[i].bytes);
        close(made[i].fd);
        made[i].memory = VK_NULL_HANDLE;
    }
}
