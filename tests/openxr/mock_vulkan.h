/* XR_KHR_vulkan_enable2 of the mock runtime: what an app makes through it, and nothing else, may
 * be in its session. Needs no link to Vulkan: apps bring it. */
#ifndef TESTS_OPENXR_MOCK_VULKAN_H
#define TESTS_OPENXR_MOCK_VULKAN_H

#include "openxr/openxr_declarations.h"

#ifdef XR_USE_GRAPHICS_API_VULKAN

/* What checks handles and structs in the runtime. */
XrResult mock_vulkan_check(XrInstance instance, const void *given, XrStructureType type);
XrResult mock_vulkan_offence(XrResult result, const char *what);

XRAPI_ATTR XrResult XRAPI_CALL mock_vulkan_requirements(
    XrInstance instance, XrSystemId system, XrGraphicsRequirementsVulkan2KHR *requirements);
XRAPI_ATTR XrResult XRAPI_CALL
mock_vulkan_create_instance(XrInstance instance, const XrVulkanInstanceCreateInfoKHR *info,
                            VkInstance *made, VkResult *result);
XRAPI_ATTR XrResult XRAPI_CALL mock_vulkan_device(XrInstance instance,
                                                  const XrVulkanGraphicsDeviceGetInfoKHR *info,
                                                  VkPhysicalDevice *device);
XRAPI_ATTR XrResult XRAPI_CALL mock_vulkan_create_device(XrInstance instance,
                                                         const XrVulkanDeviceCreateInfoKHR *info,
                                                         VkDevice *made, VkResult *result);

/* Is it what was made here, after the requirements were asked for? */
XrResult mock_vulkan_check_binding(const XrGraphicsBindingVulkan2KHR *binding);

#endif
#endif
