/* An app's Vulkan, made through XR_KHR_vulkan_enable2. Needs libvulkan. */
#ifndef TESTS_OPENXR_VULKAN_H
#define TESTS_OPENXR_VULKAN_H

#include "openxr/openxr_declarations.h"

#include <stdbool.h>

struct vulkan {
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    PFN_vkGetInstanceProcAddr get;
};

/* False: there is no device here. Asserts that all else goes well. */
bool vulkan_start(struct vulkan *vulkan, XrInstance instance);
void vulkan_stop(struct vulkan *vulkan);
XrGraphicsBindingVulkan2KHR vulkan_binding(const struct vulkan *vulkan);

/* Copy a layer of a D16 image, which is in SHADER_READ_ONLY_OPTIMAL and stays so, on the queue,
 * behind all that is there. */
void vulkan_read(const struct vulkan *vulkan, VkImage image, uint32_t layer, uint32_t width,
                 uint32_t height, uint16_t *pixels);

#endif
