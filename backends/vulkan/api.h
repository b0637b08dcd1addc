/*
 * Vulkan's functions, found through the loader when it is there: nothing links to it. Private to
 * the Vulkan backend.
 */
#ifndef BACKENDS_VULKAN_API_H
#define BACKENDS_VULKAN_API_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#define VK_INSTANCE_FUNCTIONS(X)                 \
    X(DestroyInstance)                           \
    X(EnumeratePhysicalDevices)                  \
    X(GetPhysicalDeviceProperties2)              \
    X(GetPhysicalDeviceFeatures2)                \
    X(GetPhysicalDeviceMemoryProperties)         \
    X(GetPhysicalDeviceQueueFamilyProperties)    \
    X(GetPhysicalDeviceExternalBufferProperties) \
    X(EnumerateDeviceExtensionProperties)        \
    X(CreateDevice)                              \
    X(GetDeviceProcAddr)

#define VK_DEVICE_FUNCTIONS(X)     \
    X(DestroyDevice)               \
    X(GetDeviceQueue)              \
    X(QueueSubmit)                 \
    X(DeviceWaitIdle)              \
    X(AllocateMemory)              \
    X(FreeMemory)                  \
    X(MapMemory)                   \
    X(CreateBuffer)                \
    X(DestroyBuffer)               \
    X(GetBufferMemoryRequirements) \
    X(BindBufferMemory)            \
    X(CreateShaderModule)          \
    X(DestroyShaderModule)         \
    X(CreateDescriptorSetLayout)   \
    X(DestroyDescriptorSetLayout)  \
    X(CreatePipelineLayout)        \
    X(DestroyPipelineLayout)       \
    X(CreatePipelineCache)         \
    X(GetPipelineCacheData)        \
    X(MergePipelineCaches)         \
    X(DestroyPipelineCache)        \
    X(CreateComputePipelines)      \
    X(DestroyPipeline)             \
    X(CreateDescriptorPool)        \
    X(DestroyDescriptorPool)       \
    X(AllocateDescriptorSets)      \
    X(UpdateDescriptorSets)        \
    X(CreateCommandPool)           \
    X(DestroyCommandPool)          \
    X(AllocateCommandBuffers)      \
    X(BeginCommandBuffer)          \
    X(EndCommandBuffer)            \
    X(CmdBindPipeline)             \
    X(CmdBindDescriptorSets)       \
    X(CmdDispatch)                 \
    X(CmdPipelineBarrier)          \
    X(CmdCopyBuffer)               \
    X(CreateSemaphore)             \
    X(DestroySemaphore)            \
    X(CreateQueryPool)             \
    X(DestroyQueryPool)            \
    X(CmdResetQueryPool)           \
    X(CmdWriteTimestamp)           \
    X(GetQueryPoolResults)

/* Of extensions; NULL where they are not enabled. */
#define VK_OPTIONAL_FUNCTIONS(X) \
    X(GetMemoryFdKHR)            \
    X(GetMemoryFdPropertiesKHR)  \
    X(GetMemoryHostPointerPropertiesEXT)

struct vk_api {
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
#define VK_MEMBER(name) PFN_vk##name name;
    VK_INSTANCE_FUNCTIONS(VK_MEMBER)
    VK_DEVICE_FUNCTIONS(VK_MEMBER)
    VK_OPTIONAL_FUNCTIONS(VK_MEMBER)
#undef VK_MEMBER
    /* 1.2, or VK_KHR_timeline_semaphore */
    PFN_vkWaitSemaphores WaitSemaphores;
    PFN_vkGetSemaphoreCounterValue GetSemaphoreCounterValue;
};

/* Each fills what it is named after; NULL, or the name of what is missing. */
const char *vk_api_open(struct vk_api *api); /* the loader itself, never closed */
const char *vk_api_instance(struct vk_api *api, VkInstance instance);
const char *vk_api_device(struct vk_api *api, VkDevice device);

#endif
