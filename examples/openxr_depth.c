/*
 * Print how far away is what is straight ahead, as any OpenXR app that draws with Vulkan may ask:
 * nothing here knows of Percept. The image is read back where an app would sample it in a shader.
 *     cc openxr_depth.c -lopenxr_loader -lvulkan -o openxr_depth
 *     ENABLE_XR_APILAYER_PERCEPT_1=1 ./openxr_depth [FRAMES]
 * OpenXR's headers before 1.0.29 lack the extension; openxr/openxr_declarations.h has it for them.
 */
#include <vulkan/vulkan.h>

#include "openxr/openxr_declarations.h"

#include <stdio.h>
#include <stdlib.h>

static XrInstance instance;
static XrSystemId headset;
static XrSession session;
static VkPhysicalDevice gpu;
static VkDevice device;
static VkQueue queue;
static VkCommandBuffer commands;
static VkBuffer buffer;
static const uint16_t *pixels; /* of the buffer */

static void check(XrResult result, const char *what)
{
    if (XR_SUCCEEDED(result))
        return;
    fprintf(stderr, "openxr_depth: %s: result %d\n", what, (int)result);
    exit(1);
}

static void check_vulkan(VkResult result, const char *what)
{
    if (result == VK_SUCCESS)
        return;
    fprintf(stderr, "openxr_depth: %s: VkResult %d\n", what, (int)result);
    exit(2); /* no device, mostly */
}

#define CALL(function, ...) check(function(__VA_ARGS__), #function)
#define VK(function, ...)   check_vulkan(function(__VA_ARGS__), #function)
#define LOAD(name)   \
    PFN_##name name; \
    check(xrGetInstanceProcAddr(instance, #name, (PFN_xrVoidFunction *)&name), #name)

/* A Vulkan device of the runtime's choice, with one queue. The example takes the first family. */
static XrGraphicsBindingVulkan2KHR start_vulkan(void)
{
    VkApplicationInfo app = {VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
    VkInstanceCreateInfo instance_info = {VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                          .pApplicationInfo = &app};
    XrGraphicsRequirementsVulkan2KHR needs = {XR_TYPE_GRAPHICS_REQUIREMENTS_VULKAN2_KHR};
    XrVulkanInstanceCreateInfoKHR make = {
        XR_TYPE_VULKAN_INSTANCE_CREATE_INFO_KHR, .systemId = headset,
        .pfnGetInstanceProcAddr = vkGetInstanceProcAddr, .vulkanCreateInfo = &instance_info};
    XrGraphicsBindingVulkan2KHR binding = {XR_TYPE_GRAPHICS_BINDING_VULKAN2_KHR};
    VkResult result;
    LOAD(xrGetVulkanGraphicsRequirements2KHR);
    LOAD(xrCreateVulkanInstanceKHR);
    LOAD(xrGetVulkanGraphicsDevice2KHR);
    LOAD(xrCreateVulkanDeviceKHR);
    CALL(xrGetVulkanGraphicsRequirements2KHR, instance, headset, &needs);
    CALL(xrCreateVulkanInstanceKHR, instance, &make, &binding.instance, &result);
    check_vulkan(result, "vkCreateInstance");
    XrVulkanGraphicsDeviceGetInfoKHR get = {XR_TYPE_VULKAN_GRAPHICS_DEVICE_GET_INFO_KHR, NULL,
                                            headset, binding.instance};
    if (XR_FAILED(xrGetVulkanGraphicsDevice2KHR(instance, &get, &gpu)))
        check_vulkan(VK_ERROR_INITIALIZATION_FAILED, "xrGetVulkanGraphicsDevice2KHR");
    const float priority = 1;
    VkDeviceQueueCreateInfo queue_info = {VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                          .queueCount = 1, .pQueuePriorities = &priority};
    VkDeviceCreateInfo device_info = {VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                      .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue_info};
    XrVulkanDeviceCreateInfoKHR make_device = {
        XR_TYPE_VULKAN_DEVICE_CREATE_INFO_KHR, .systemId = headset,
        .pfnGetInstanceProcAddr = vkGetInstanceProcAddr, .vulkanPhysicalDevice = gpu,
        .vulkanCreateInfo = &device_info};
    CALL(xrCreateVulkanDeviceKHR, instance, &make_device, &device, &result);
    check_vulkan(result, "vkCreateDevice");
    vkGetDeviceQueue(device, 0, 0, &queue);
    binding.physicalDevice = gpu;
    binding.device = device;
    return binding;
}

/* For one pixel, in memory that the host sees. */
static void make_buffer(void)
{
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkBufferCreateInfo info = {VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 4,
                               .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VkCommandPoolCreateInfo pool_info = {VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                         .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT};
    VkPhysicalDeviceMemoryProperties kinds;
    VkMemoryRequirements needs;
    VkCommandPool pool;
    VkDeviceMemory memory;
    VK(vkCreateBuffer, device, &info, NULL, &buffer);
    vkGetBufferMemoryRequirements(device, buffer, &needs);
    vkGetPhysicalDeviceMemoryProperties(gpu, &kinds);
    VkMemoryAllocateInfo allocate = {VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                     .allocationSize = needs.size};
    while (!(needs.memoryTypeBits & (1u << allocate.memoryTypeIndex)) ||
           (kinds.memoryTypes[allocate.memoryTypeIndex].propertyFlags & wanted) != wanted)
        allocate.memoryTypeIndex++; /* there always is one */
    VK(vkAllocateMemory, device, &allocate, NULL, &memory);
    VK(vkBindBufferMemory, device, buffer, memory, 0);
    VK(vkMapMemory, device, memory, 0, VK_WHOLE_SIZE, 0, (void **)&pixels);
    VK(vkCreateCommandPool, device, &pool_info, NULL, &pool);
    VkCommandBufferAllocateInfo one = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                       .commandPool = pool, .commandBufferCount = 1};
    VK(vkAllocateCommandBuffers, device, &one, &commands);
}

/* The layout that images come in, and that they are to be left in, is SHADER_READ_ONLY_OPTIMAL. */
static uint16_t read_pixel(VkImage image, int32_t x, int32_t y)
{
    VkCommandBufferBeginInfo begin = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_DEPTH_BIT, 0, 0, 1},
                              .imageOffset = {x, y, 0},
                              .imageExtent = {1, 1, 1}};
    VkImageMemoryBarrier barrier = {VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
                                    .oldLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL,
                                    .newLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                    .image = image,
                                    .subresourceRange = {VK_IMAGE_ASPECT_DEPTH_BIT, 0, 1, 0, 2}};
    VkSubmitInfo submit = {VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1,
                           .pCommandBuffers = &commands};
    VK(vkBeginCommandBuffer, commands, &begin);
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
    vkCmdCopyImageToBuffer(commands, image, barrier.newLayout, buffer, 1, &copy);
    barrier.dstAccessMask = VK_ACCESS_SHADER_READ_BIT;
    barrier.oldLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    barrier.newLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL;
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
    VK(vkEndCommandBuffer, commands);
    VK(vkQueueSubmit, queue, 1, &submit, VK_NULL_HANDLE);
    VK(vkQueueWaitIdle, queue);
    return *pixels;
}

/* A runtime says when a session may begin. */
static void begin_session(void)
{
    XrSessionBeginInfo info = {XR_TYPE_SESSION_BEGIN_INFO, NULL,
                               XR_VIEW_CONFIGURATION_TYPE_PRIMARY_STEREO};
    XrSessionState state = XR_SESSION_STATE_UNKNOWN;
    while (state != XR_SESSION_STATE_READY) {
        XrEventDataBuffer event = {.type = XR_TYPE_EVENT_DATA_BUFFER};
        CALL(xrPollEvent, instance, &event);
        if (event.type == XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED)
            state = ((XrEventDataSessionStateChanged *)&event)->state;
    }
    CALL(xrBeginSession, session, &info);
}

int main(int argc, char **argv)
{
    const char *extensions[] = {XR_KHR_VULKAN_ENABLE2_EXTENSION_NAME,
                                XR_META_ENVIRONMENT_DEPTH_EXTENSION_NAME};
    XrInstanceCreateInfo create = {
        XR_TYPE_INSTANCE_CREATE_INFO,
        .applicationInfo = {"openxr_depth", 1, "", 0, XR_MAKE_VERSION(1, 0, 0)},
        .enabledExtensionCount = 2, .enabledExtensionNames = extensions};
    XrSystemGetInfo get = {XR_TYPE_SYSTEM_GET_INFO, NULL, XR_FORM_FACTOR_HEAD_MOUNTED_DISPLAY};
    CALL(xrCreateInstance, &create, &instance);
    CALL(xrGetSystem, instance, &get, &headset);
    XrGraphicsBindingVulkan2KHR binding = start_vulkan();
    XrSessionCreateInfo with = {XR_TYPE_SESSION_CREATE_INFO, &binding, 0, headset};
    XrReferenceSpaceCreateInfo view = {XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                       NULL,
                                       XR_REFERENCE_SPACE_TYPE_VIEW,
                                       {{0, 0, 0, 1}, {0, 0, 0}}};
    XrEnvironmentDepthImageAcquireInfoMETA acquire = {
        XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_ACQUIRE_INFO_META};
    CALL(xrCreateSession, instance, &with, &session);
    CALL(xrCreateReferenceSpace, session, &view, &acquire.space);
    make_buffer();
    begin_session();

    LOAD(xrCreateEnvironmentDepthProviderMETA);
    LOAD(xrStartEnvironmentDepthProviderMETA);
    LOAD(xrCreateEnvironmentDepthSwapchainMETA);
    LOAD(xrEnumerateEnvironmentDepthSwapchainImagesMETA);
    LOAD(xrGetEnvironmentDepthSwapchainStateMETA);
    LOAD(xrAcquireEnvironmentDepthImageMETA);
    XrEnvironmentDepthProviderCreateInfoMETA provide = {
        XR_TYPE_ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META};
    XrEnvironmentDepthSwapchainCreateInfoMETA chain_info = {
        XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_CREATE_INFO_META};
    XrEnvironmentDepthSwapchainStateMETA state = {XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_STATE_META};
    XrEnvironmentDepthProviderMETA provider;
    XrEnvironmentDepthSwapchainMETA swapchain;
    XrSwapchainImageVulkan2KHR images[16];
    uint32_t count = 0;
    for (int i = 0; i < 16; i++)
        images[i] = (XrSwapchainImageVulkan2KHR){XR_TYPE_SWAPCHAIN_IMAGE_VULKAN2_KHR};
    CALL(xrCreateEnvironmentDepthProviderMETA, session, &provide, &provider);
    CALL(xrStartEnvironmentDepthProviderMETA, provider);
    CALL(xrCreateEnvironmentDepthSwapchainMETA, provider, &chain_info, &swapchain);
    CALL(xrGetEnvironmentDepthSwapchainStateMETA, swapchain, &state);
    CALL(xrEnumerateEnvironmentDepthSwapchainImagesMETA, swapchain, 16, &count,
         (XrSwapchainImageBaseHeader *)images);
    for (long left = argc > 1 ? strtol(argv[1], NULL, 10) : -1; left != 0;) {
        XrFrameState frame = {XR_TYPE_FRAME_STATE};
        XrEnvironmentDepthImageMETA image = {
            XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_META,
            .views = {{XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META},
                      {XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META}}};
        CALL(xrWaitFrame, session, NULL, &frame);
        CALL(xrBeginFrame, session, NULL);
        acquire.displayTime = frame.predictedDisplayTime;
        XrResult result = xrAcquireEnvironmentDepthImageMETA(provider, &acquire, &image);
        check(result, "xrAcquireEnvironmentDepthImageMETA");
        if (result == XR_SUCCESS) {
            uint16_t pixel = read_pixel(images[image.swapchainIndex].image,
                                        (int32_t)state.width / 2, (int32_t)state.height / 2);
            float d = (float)pixel / 65535, range = image.farZ - image.nearZ;
            if (pixel == 65535)
                printf("straight ahead: not known\n");
            else
                printf("straight ahead: %.3f m\n",
                       (double)(image.nearZ * image.farZ / (image.farZ - d * range)));
            fflush(stdout);
            left -= left > 0;
        }
        XrFrameEndInfo end = {XR_TYPE_FRAME_END_INFO,           NULL, frame.predictedDisplayTime,
                              XR_ENVIRONMENT_BLEND_MODE_OPAQUE, 0,    NULL};
        CALL(xrEndFrame, session, &end);
    }
    CALL(xrDestroyInstance, instance); /* and with it all that is its */
    vkDestroyDevice(device, NULL);
    vkDestroyInstance(binding.instance, NULL);
    return 0;
}
