/* Why one of each: tests have one app at a time that draws. */
#include "mock_vulkan.h"

#ifdef XR_USE_GRAPHICS_API_VULKAN

static struct {
    XrBool32 asked;
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    PFN_vkGetInstanceProcAddr get;
} vulkan;

#define CHECK(instance, given, type)                                 \
    do {                                                             \
        XrResult checked = mock_vulkan_check(instance, given, type); \
        if (checked != XR_SUCCESS)                                   \
            return checked;                                          \
    } while (0)

XRAPI_ATTR XrResult XRAPI_CALL mock_vulkan_requirements(
    XrInstance instance, XrSystemId system, XrGraphicsRequirementsVulkan2KHR *requirements)
{
    CHECK(instance, requirements, XR_TYPE_GRAPHICS_REQUIREMENTS_VULKAN2_KHR);
    if (system != 1)
        return mock_vulkan_offence(XR_ERROR_SYSTEM_INVALID, "an unknown system");
    requirements->minApiVersionSupported = XR_MAKE_VERSION(1, 0, 0);
    requirements->maxApiVersionSupported = XR_MAKE_VERSION(1, 3, 0);
    vulkan.asked = XR_TRUE;
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL
mock_vulkan_create_instance(XrInstance instance, const XrVulkanInstanceCreateInfoKHR *info,
                            VkInstance *made, VkResult *result)
{
    CHECK(instance, info, XR_TYPE_VULKAN_INSTANCE_CREATE_INFO_KHR);
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)info->pfnGetInstanceProcAddr(NULL, "vkCreateInstance");
    *result = create(info->vulkanCreateInfo, info->vulkanAllocator, made);
    vulkan.instance = *result == VK_SUCCESS ? *made : NULL;
    vulkan.get = info->pfnGetInstanceProcAddr;
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL mock_vulkan_device(XrInstance instance,
                                                  const XrVulkanGraphicsDeviceGetInfoKHR *info,
                                                  VkPhysicalDevice *device)
{
    CHECK(instance, info, XR_TYPE_VULKAN_GRAPHICS_DEVICE_GET_INFO_KHR);
    if (info->vulkanInstance != vulkan.instance)
        return mock_vulkan_offence(XR_ERROR_VALIDATION_FAILURE, "a VkInstance that is not ours");
    PFN_vkEnumeratePhysicalDevices enumerate =
        (PFN_vkEnumeratePhysicalDevices)vulkan.get(vulkan.instance, "vkEnumeratePhysicalDevices");
    uint32_t count = 1;
    VkResult result = enumerate(vulkan.instance, &count, device);
    if ((result != VK_SUCCESS && result != VK_INCOMPLETE) || count == 0)
        return XR_ERROR_RUNTIME_FAILURE;
    vulkan.physical_device = *device;
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL mock_vulkan_create_device(XrInstance instance,
                                                         const XrVulkanDeviceCreateInfoKHR *info,
                                                         VkDevice *made, VkResult *result)
{
    CHECK(instance, info, XR_TYPE_VULKAN_DEVICE_CREATE_INFO_KHR);
    if (info->vulkanPhysicalDevice != vulkan.physical_device)
        return mock_vulkan_offence(XR_ERROR_VALIDATION_FAILURE, "another physical device");
    PFN_vkCreateDevice create =
        (PFN_vkCreateDevice)info->pfnGetInstanceProcAddr(vulkan.instance, "vkCreateDevice");
    *result =
        create(info->vulkanPhysicalDevice, info->vulkanCreateInfo, info->vulkanAllocator, made);
    vulkan.device = *result == VK_SUCCESS ? *made : NULL;
    return XR_SUCCESS;
}

XrResult mock_vulkan_check_binding(const XrGraphicsBindingVulkan2KHR *binding)
{
    if (!vulkan.asked)
        return mock_vulkan_offence(XR_ERROR_GRAPHICS_REQUIREMENTS_CALL_MISSING,
                                   "requirements were not asked for");
    if (binding->instance != vulkan.instance || binding->physicalDevice != vulkan.physical_device ||
        binding->device != vulkan.device || !binding->device)
        return mock_vulkan_offence(XR_ERROR_GRAPHICS_DEVICE_INVALID, "another device");
    return XR_SUCCESS;
}

#endif
