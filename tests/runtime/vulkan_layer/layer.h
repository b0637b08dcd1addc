/* What the parts of the layer share; layer.c says what it is for. */
#ifndef TESTS_RUNTIME_VULKAN_LAYER_LAYER_H
#define TESTS_RUNTIME_VULKAN_LAYER_LAYER_H

#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

/* What comes next for each function. Asked for when instance and device are made: later the loader
 * answers with the first of all layers. */
struct layer_next {
    PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr;
    PFN_vkEnumeratePhysicalDevices vkEnumeratePhysicalDevices;
    PFN_vkEnumerateDeviceExtensionProperties vkEnumerateDeviceExtensionProperties;
    PFN_vkGetPhysicalDeviceExternalBufferProperties vkGetPhysicalDeviceExternalBufferProperties;
    PFN_vkGetPhysicalDeviceFeatures2 vkGetPhysicalDeviceFeatures2;
    PFN_vkGetPhysicalDeviceMemoryProperties vkGetPhysicalDeviceMemoryProperties;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties vkGetPhysicalDeviceQueueFamilyProperties;
    PFN_vkGetDeviceProcAddr vkGetDeviceProcAddr;
    PFN_vkGetDeviceQueue vkGetDeviceQueue;
    PFN_vkQueueSubmit vkQueueSubmit;
    PFN_vkAllocateMemory vkAllocateMemory;
    PFN_vkFreeMemory vkFreeMemory;
    PFN_vkGetBufferMemoryRequirements vkGetBufferMemoryRequirements;
};
extern struct layer_next next;

/* The number after "name=" in PERCEPT_VULKAN_FAULTS, or 0; for a name alone 1. */
unsigned long fault(const char *name);

/* ---- dma_buf.c: the layer's own of these functions ---- */

VKAPI_ATTR VkResult VKAPI_CALL layer_enumerate_extensions(VkPhysicalDevice physical,
                                                          const char *layer, uint32_t *count,
                                                          VkExtensionProperties *list);
VKAPI_ATTR void VKAPI_CALL layer_get_external(VkPhysicalDevice physical,
                                              const VkPhysicalDeviceExternalBufferInfo *info,
                                              VkExternalBufferProperties *properties);
VKAPI_ATTR VkResult VKAPI_CALL layer_get_fd(VkDevice of, const VkMemoryGetFdInfoKHR *info, int *fd);
VKAPI_ATTR VkResult VKAPI_CALL layer_get_fd_properties(VkDevice of,
                                                       VkExternalMemoryHandleTypeFlagBits type,
                                                       int fd, VkMemoryFdPropertiesKHR *properties);
VKAPI_ATTR void VKAPI_CALL layer_free(VkDevice of, VkDeviceMemory memory,
                                      const VkAllocationCallbacks *allocator);

/* An allocation, from or for a dma-buf if it asks for that. */
VkResult layer_allocate(VkDevice of, const VkMemoryAllocateInfo *info,
                        const VkAllocationCallbacks *allocator, VkDeviceMemory *memory);

/* In place of the extensions that a device is asked for, those that the driver has; at most as many
 * as before. Returns how many. */
uint32_t layer_driver_extensions(const VkDeviceCreateInfo *info, const char **names);

#endif
