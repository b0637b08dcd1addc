/* The one device that runs graphs, and Vulkan's functions. Private to the VGF backend. */
#ifndef BACKENDS_VGF_DEVICE_H
#define BACKENDS_VGF_DEVICE_H

#include "backends/vgf/arm.h"
#include "base/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define VGF_INSTANCE_FUNCTIONS(X)             \
    X(DestroyInstance)                        \
    X(EnumeratePhysicalDevices)               \
    X(GetPhysicalDeviceProperties2)           \
    X(GetPhysicalDeviceFeatures2)             \
    X(GetPhysicalDeviceMemoryProperties)      \
    X(GetPhysicalDeviceQueueFamilyProperties) \
    X(EnumerateDeviceExtensionProperties)     \
    X(CreateDevice)                           \
    X(GetDeviceProcAddr)

#define VGF_DEVICE_FUNCTIONS(X)                            \
    X(DestroyDevice)                                       \
    X(GetDeviceQueue)                                      \
    X(QueueSubmit)                                         \
    X(AllocateMemory)                                      \
    X(FreeMemory)                                          \
    X(MapMemory)                                           \
    X(CreateShaderModule)                                  \
    X(DestroyShaderModule)                                 \
    X(CreateDescriptorSetLayout)                           \
    X(DestroyDescriptorSetLayout)                          \
    X(CreatePipelineLayout)                                \
    X(DestroyPipelineLayout)                               \
    X(DestroyPipeline)                                     \
    X(CreateDescriptorPool)                                \
    X(DestroyDescriptorPool)                               \
    X(AllocateDescriptorSets)                              \
    X(UpdateDescriptorSets)                                \
    X(CreateCommandPool)                                   \
    X(DestroyCommandPool)                                  \
    X(AllocateCommandBuffers)                              \
    X(BeginCommandBuffer)                                  \
    X(EndCommandBuffer)                                    \
    X(CmdBindPipeline)                                     \
    X(CmdBindDescriptorSets)                               \
    X(CmdPipelineBarrier)                                  \
    X(CreateFence)                                         \
    X(DestroyFence)                                        \
    X(ResetFences)                                         \
    X(WaitForFences)                                       \
    X(CreateTensorARM)                                     \
    X(DestroyTensorARM)                                    \
    X(CreateTensorViewARM)                                 \
    X(DestroyTensorViewARM)                                \
    X(GetTensorMemoryRequirementsARM)                      \
    X(BindTensorMemoryARM)                                 \
    X(CreateDataGraphPipelinesARM)                         \
    X(CreateDataGraphPipelineSessionARM)                   \
    X(DestroyDataGraphPipelineSessionARM)                  \
    X(GetDataGraphPipelineSessionBindPointRequirementsARM) \
    X(GetDataGraphPipelineSessionMemoryRequirementsARM)    \
    X(BindDataGraphPipelineSessionMemoryARM)               \
    X(CmdDispatchDataGraphARM)

struct vgf_api {
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
#define VGF_MEMBER(name) PFN_vk##name name;
    VGF_INSTANCE_FUNCTIONS(VGF_MEMBER)
    VGF_DEVICE_FUNCTIONS(VGF_MEMBER)
#undef VGF_MEMBER
};

struct vgf_device {
    struct vgf_api api;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    pthread_mutex_t queue_lock; /* of the queue */
    uint32_t family;
    bool emulated; /* by Arm's layers */
    VkPhysicalDeviceMemoryProperties memory;
    VkPhysicalDeviceTensorPropertiesARM limits;
    char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE + 64]; /* with the driver's version */
    atomic_bool lost; /* set by who finds out; a later model begins with a new device */
    unsigned users;   /* under device.c's lock */
};

/* The device, made when it is first asked for; NULL and why not (static text). Release it. */
struct vgf_device *vgf_device_get(const char **why);
void vgf_device_release(struct vgf_device *device); /* NULL is fine */

/* Name and driver version of the first device of the process; "" before there was one. */
const char *vgf_device_name(void);

/* Fills error with what a call of Vulkan failed at; yields the status. */
enum percept_status vgf_fail(struct vgf_device *device, VkResult result, const char *call,
                             struct percept_error *error);

/* A memory type out of `bits`: one that the host reads and writes, or any, the fastest for the
 * device; UINT32_MAX when there is none. */
uint32_t vgf_memory_type(const struct vgf_device *device, uint32_t bits, bool for_host);

#endif
