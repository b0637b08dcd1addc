/*
 * A Vulkan layer that makes a working driver behave as broken ones do, between our backend and the
 * real driver: a device that is lost, memory that runs out, a missing feature, memory that the host
 * does not see. PERCEPT_VULKAN_FAULTS names what it does, with commas between:
 *
 *     lose=N      from the Nth submission on, each is answered with VK_ERROR_DEVICE_LOST
 *     lose-once=N only the Nth
 *     memory=N    from the Nth allocation on, device memory is out
 *     timeline    the device has no timeline semaphores
 *     no-device   there is no device
 *     discrete    the device's own memory is a type that the host does not see
 *     queues=N    its families have N queues, which are one
 *     dma-buf     memory may come from dma-bufs and go to them; a memfd stands for one (dma_buf.c)
 *     no-import   memory of the host stays the host's
 *
 * It knows one instance and one device at a time, which is all that our backend makes.
 */
#include "layer.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct layer_next next;
static VkInstance instance;
static unsigned submissions, allocations;

unsigned long fault(const char *name)
{
    const char *faults = getenv("PERCEPT_VULKAN_FAULTS");
    size_t length = strlen(name);
    for (; faults; faults = strchr(faults, ',') ? strchr(faults, ',') + 1 : NULL) {
        if (strncmp(faults, name, length) != 0)
            continue;
        if (faults[length] == '=')
            return strtoul(faults + length + 1, NULL, 10);
        if (faults[length] == '\0' || faults[length] == ',')
            return 1;
    }
    return 0;
}

#define FIND(get, handle, name) next.name = (PFN_##name)get(handle, #name)

/* ---- instance ---- */

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkInstance *made)
{
    const VkLayerInstanceCreateInfo *link = info->pNext;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO ||
           link->function != VK_LAYER_LINK_INFO)
        link = link->pNext;
    VkLayerInstanceCreateInfo *ours = (VkLayerInstanceCreateInfo *)(uintptr_t)link;
    next.vkGetInstanceProcAddr = ours->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    ours->u.pLayerInfo = ours->u.pLayerInfo->pNext;
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)next.vkGetInstanceProcAddr(NULL, "vkCreateInstance");
    VkResult result = create(info, allocator, made);
    if (result != VK_SUCCESS)
        return result;
    instance = *made;
    FIND(next.vkGetInstanceProcAddr, instance, vkEnumeratePhysicalDevices);
    FIND(next.vkGetInstanceProcAddr, instance, vkEnumerateDeviceExtensionProperties);
    FIND(next.vkGetInstanceProcAddr, instance, vkGetPhysicalDeviceExternalBufferProperties);
    FIND(next.vkGetInstanceProcAddr, instance, vkGetPhysicalDeviceFeatures2);
    FIND(next.vkGetInstanceProcAddr, instance, vkGetPhysicalDeviceMemoryProperties);
    FIND(next.vkGetInstanceProcAddr, instance, vkGetPhysicalDeviceQueueFamilyProperties);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL enumerate_devices(VkInstance of, uint32_t *count,
                                                        VkPhysicalDevice *devices)
{
    if (!fault("no-device"))
        return next.vkEnumeratePhysicalDevices(of, count, devices);
    *count = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice physical,
                                               VkPhysicalDeviceFeatures2 *features)
{
    next.vkGetPhysicalDeviceFeatures2(physical, features);
    for (VkBaseOutStructure *s = (VkBaseOutStructure *)features; s; s = s->pNext)
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES &&
            fault("timeline"))
            ((VkPhysicalDeviceTimelineSemaphoreFeatures *)s)->timelineSemaphore = VK_FALSE;
}

/* The driver's type 0 twice: first as the device's own, then as the host's. */
static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice physical,
                                             VkPhysicalDeviceMemoryProperties *memory)
{
    next.vkGetPhysicalDeviceMemoryProperties(physical, memory);
    if (!fault("discrete"))
        return;
    memory->memoryTypeCount = 2;
    memory->memoryTypes[1] = memory->memoryTypes[0];
    memory->memoryTypes[0].propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    memory->memoryTypes[1].propertyFlags &=
        ~(VkMemoryPropertyFlags)VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
}

static VKAPI_ATTR void VKAPI_CALL get_families(VkPhysicalDevice physical, uint32_t *count,
                                               VkQueueFamilyProperties *families)
{
    next.vkGetPhysicalDeviceQueueFamilyProperties(physical, count, families);
    for (uint32_t i = 0; families && fault("queues") && i < *count; i++)
        families[i].queueCount = (uint32_t)fault("queues");
}

/* ---- device ---- */

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDevice *made)
{
    const VkLayerDeviceCreateInfo *link = info->pNext;
    while (link->sType != VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO ||
           link->function != VK_LAYER_LINK_INFO)
        link = link->pNext;
    VkLayerDeviceCreateInfo *ours = (VkLayerDeviceCreateInfo *)(uintptr_t)link;
    PFN_vkGetInstanceProcAddr get = ours->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    next.vkGetDeviceProcAddr = ours->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    ours->u.pLayerInfo = ours->u.pLayerInfo->pNext;
    PFN_vkCreateDevice create = (PFN_vkCreateDevice)get(instance, "vkCreateDevice");
    const char *names[64];
    VkDeviceQueueCreateInfo queue = info->pQueueCreateInfos[0];
    VkDeviceCreateInfo real = *info;
    if (info->enabledExtensionCount > sizeof names / sizeof names[0])
        return VK_ERROR_INITIALIZATION_FAILED;
    if (fault("queues"))
        queue.queueCount = 1;
    real.pQueueCreateInfos = &queue;
    real.enabledExtensionCount = layer_driver_extensions(info, names);
    real.ppEnabledExtensionNames = names;
    VkResult result = create(physical, &real, allocator, made);
    if (result != VK_SUCCESS)
        return result;
    FIND(next.vkGetDeviceProcAddr, *made, vkGetDeviceQueue);
    FIND(next.vkGetDeviceProcAddr, *made, vkQueueSubmit);
    FIND(next.vkGetDeviceProcAddr, *made, vkAllocateMemory);
    FIND(next.vkGetDeviceProcAddr, *made, vkFreeMemory);
    FIND(next.vkGetDeviceProcAddr, *made, vkGetBufferMemoryRequirements);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL get_queue(VkDevice of, uint32_t family, uint32_t index,
                                            VkQueue *queue)
{
    next.vkGetDeviceQueue(of, family, fault("queues") ? 0 : index, queue);
}

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count,
                                             const VkSubmitInfo *submits, VkFence fence)
{
    submissions++;
    if (fault("lose") && submissions >= fault("lose"))
        return VK_ERROR_DEVICE_LOST;
    if (fault("lose-once") && submissions == fault("lose-once"))
        return VK_ERROR_DEVICE_LOST;
    return next.vkQueueSubmit(queue, count, submits, fence);
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate(VkDevice of, const VkMemoryAllocateInfo *info,
                                               const VkAllocationCallbacks *allocator,
                                               VkDeviceMemory *memory)
{
    allocations++;
    if (fault("memory") && allocations >= fault("memory"))
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    VkMemoryAllocateInfo real = *info;
    if (fault("discrete"))
        real.memoryTypeIndex = 0;
    return layer_allocate(of, &real, allocator, memory);
}

static VKAPI_ATTR void VKAPI_CALL get_needs(VkDevice of, VkBuffer buffer,
                                            VkMemoryRequirements *needs)
{
    next.vkGetBufferMemoryRequirements(of, buffer, needs);
    if (fault("discrete"))
        needs->memoryTypeBits = 3;
}

/* ---- the loader's way in ---- */

static PFN_vkVoidFunction ours(const char *name)
{
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } functions[] = {
        {"vkCreateInstance", (PFN_vkVoidFunction)create_instance},
        {"vkEnumeratePhysicalDevices", (PFN_vkVoidFunction)enumerate_devices},
        {"vkGetPhysicalDeviceFeatures2", (PFN_vkVoidFunction)get_features},
        {"vkGetPhysicalDeviceMemoryProperties", (PFN_vkVoidFunction)get_memory},
        {"vkGetPhysicalDeviceQueueFamilyProperties", (PFN_vkVoidFunction)get_families},
        {"vkEnumerateDeviceExtensionProperties", (PFN_vkVoidFunction)layer_enumerate_extensions},
        {"vkGetPhysicalDeviceExternalBufferProperties", (PFN_vkVoidFunction)layer_get_external},
        {"vkCreateDevice", (PFN_vkVoidFunction)create_device},
        {"vkGetDeviceQueue", (PFN_vkVoidFunction)get_queue},
        {"vkQueueSubmit", (PFN_vkVoidFunction)submit},
        {"vkAllocateMemory", (PFN_vkVoidFunction)allocate},
        {"vkFreeMemory", (PFN_vkVoidFunction)layer_free},
        {"vkGetBufferMemoryRequirements", (PFN_vkVoidFunction)get_needs},
        {"vkGetMemoryFdKHR", (PFN_vkVoidFunction)layer_get_fd},
        {"vkGetMemoryFdPropertiesKHR", (PFN_vkVoidFunction)layer_get_fd_properties},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].function;
    return NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice of, const char *name)
{
    PFN_vkVoidFunction function = ours(name);
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)device_proc;
    return function ? function : next.vkGetDeviceProcAddr(of, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance of, const char *name)
{
    PFN_vkVoidFunction function = ours(name);
    if (strcmp(name, "vkGetInstanceProcAddr") == 0)
        return (PFN_vkVoidFunction)instance_proc;
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)device_proc;
    return function ? function : of ? next.vkGetInstanceProcAddr(of, name) : NULL;
}

EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface)
{
    if (interface->loaderLayerInterfaceVersion < 2)
        return VK_ERROR_INITIALIZATION_FAILED;
    interface->loaderLayerInterfaceVersion = 2;
    interface->pfnGetInstanceProcAddr = instance_proc;
    interface->pfnGetDeviceProcAddr = device_proc;
    interface->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
