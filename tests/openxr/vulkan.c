#include "vulkan.h"

#include "app.h"

#include <check.h>
#include <dlfcn.h>
#include <string.h>

#define INSTANCE(name) PFN_vk##name name = (PFN_vk##name)vulkan->get(vulkan->instance, "vk" #name)

/* What lavapipe leaks is known by its library's name (tests/lsan.supp), so that stays until leaks
 * are looked for. */
static void keep_driver(const struct vulkan *vulkan)
{
    INSTANCE(GetDeviceProcAddr);
    PFN_vkVoidFunction function = GetDeviceProcAddr(vulkan->device, "vkQueueSubmit");
    const void *address;
    Dl_info driver;
    memcpy(&address, &function, sizeof address);
    ck_assert(dladdr(address, &driver));
    ck_assert_ptr_nonnull(dlopen(driver.dli_fname, RTLD_NOW | RTLD_NODELETE));
}

bool vulkan_start(struct vulkan *vulkan, XrInstance instance)
{
    const VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .apiVersion = VK_API_VERSION_1_1};
    const VkInstanceCreateInfo instance_info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                                .pApplicationInfo = &app};
    XrGraphicsRequirementsVulkan2KHR requirements = {.type =
                                                         XR_TYPE_GRAPHICS_REQUIREMENTS_VULKAN2_KHR};
    XrVulkanInstanceCreateInfoKHR make = {.type = XR_TYPE_VULKAN_INSTANCE_CREATE_INFO_KHR,
                                          .systemId = 1,
                                          .vulkanCreateInfo = &instance_info};
    VkResult result;
    *vulkan = (struct vulkan){NULL};
    void *library = dlopen("libvulkan.so.1", RTLD_NOW);
    void *symbol = library ? dlsym(library, "vkGetInstanceProcAddr") : NULL;
    if (!symbol)
        return false;
    memcpy(&vulkan->get, &symbol, sizeof symbol);
#define XR(name) PFN_##name name = (PFN_##name)app_function(instance, #name)
    XR(xrGetVulkanGraphicsRequirements2KHR);
    XR(xrCreateVulkanInstanceKHR);
    XR(xrGetVulkanGraphicsDevice2KHR);
    XR(xrCreateVulkanDeviceKHR);
    make.pfnGetInstanceProcAddr = vulkan->get;
    ck_assert_int_eq(xrGetVulkanGraphicsRequirements2KHR(instance, 1, &requirements), XR_SUCCESS);
    ck_assert_int_eq(xrCreateVulkanInstanceKHR(instance, &make, &vulkan->instance, &result),
                     XR_SUCCESS);
    if (result != VK_SUCCESS)
        return false;
    XrVulkanGraphicsDeviceGetInfoKHR device = {.type = XR_TYPE_VULKAN_GRAPHICS_DEVICE_GET_INFO_KHR,
                                               .systemId = 1,
                                               .vulkanInstance = vulkan->instance};
    if (xrGetVulkanGraphicsDevice2KHR(instance, &device, &vulkan->physical_device) != XR_SUCCESS)
        return false;
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    const VkDeviceCreateInfo device_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                            .queueCreateInfoCount = 1,
                                            .pQueueCreateInfos = &queue};
    XrVulkanDeviceCreateInfoKHR make_device = {.type = XR_TYPE_VULKAN_DEVICE_CREATE_INFO_KHR,
                                               .systemId = 1,
                                               .pfnGetInstanceProcAddr = vulkan->get,
                                               .vulkanPhysicalDevice = vulkan->physical_device,
                                               .vulkanCreateInfo = &device_info};
    ck_assert_int_eq(xrCreateVulkanDeviceKHR(instance, &make_device, &vulkan->device, &result),
                     XR_SUCCESS);
    ck_assert_int_eq(result, VK_SUCCESS);
    keep_driver(vulkan);
    INSTANCE(GetDeviceQueue);
    GetDeviceQueue(vulkan->device, 0, 0, &vulkan->queue);
    return true;
}

void vulkan_stop(struct vulkan *vulkan)
{
    INSTANCE(DestroyDevice);
    INSTANCE(DestroyInstance);
    DestroyDevice(vulkan->device, NULL);
    DestroyInstance(vulkan->instance, NULL);
}

XrGraphicsBindingVulkan2KHR vulkan_binding(const struct vulkan *vulkan)
{
    return (XrGraphicsBindingVulkan2KHR){.type = XR_TYPE_GRAPHICS_BINDING_VULKAN2_KHR,
                                         .instance = vulkan->instance,
                                         .physicalDevice = vulkan->physical_device,
                                         .device = vulkan->device};
}

/* The first kind that the host can read. */
static uint32_t host_memory(const struct vulkan *vulkan, uint32_t bits)
{
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties memories;
    INSTANCE(GetPhysicalDeviceMemoryProperties);
    GetPhysicalDeviceMemoryProperties(vulkan->physical_device, &memories);
    for (uint32_t i = 0; i < memories.memoryTypeCount; i++)
        if ((bits & (1u << i)) && (memories.memoryTypes[i].propertyFlags & wanted) == wanted)
            return i;
    ck_abort_msg("no memory that the host can read");
}

static void record_copy(const struct vulkan *vulkan, VkCommandBuffer commands, VkImage image,
                        uint32_t layer, VkExtent3D extent, VkBuffer buffer)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkImageMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                                    .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
                                    .oldLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL,
                                    .newLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .image = image,
                                    .subresourceRange = {VK_IMAGE_ASPECT_DEPTH_BIT, 0, 1, 0, 2}};
    const VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_DEPTH_BIT, 0, layer, 1},
                                    .imageExtent = extent};
    INSTANCE(BeginCommandBuffer);
    INSTANCE(EndCommandBuffer);
    INSTANCE(CmdPipelineBarrier);
    INSTANCE(CmdCopyImageToBuffer);
    BeginCommandBuffer(commands, &begin);
    CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
                       0, 0, NULL, 0, NULL, 1, &barrier);
    CmdCopyImageToBuffer(commands, image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, buffer, 1, &copy);
    barrier.srcAccessMask = VK_ACCESS_TRANSFER_READ_BIT;
    barrier.dstAccessMask = VK_ACCESS_SHADER_READ_BIT;
    barrier.oldLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    barrier.newLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL;
    CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                       0, 0, NULL, 0, NULL, 1, &barrier);
    EndCommandBuffer(commands);
}

static void submit_copy(const struct vulkan *vulkan, VkImage image, uint32_t layer,
                        VkExtent3D extent, VkBuffer buffer)
{
    const VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkCommandPool pool;
    VkCommandBuffer commands;
    INSTANCE(CreateCommandPool);
    INSTANCE(DestroyCommandPool);
    INSTANCE(AllocateCommandBuffers);
    INSTANCE(QueueSubmit);
    INSTANCE(QueueWaitIdle);
    ck_assert_int_eq(CreateCommandPool(vulkan->device, &pool_info, NULL, &pool), VK_SUCCESS);
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = 1};
    ck_assert_int_eq(AllocateCommandBuffers(vulkan->device, &allocate, &commands), VK_SUCCESS);
    record_copy(vulkan, commands, image, layer, extent, buffer);
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                 .commandBufferCount = 1,
                                 .pCommandBuffers = &commands};
    ck_assert_int_eq(QueueSubmit(vulkan->queue, 1, &submit, VK_NULL_HANDLE), VK_SUCCESS);
    ck_assert_int_eq(QueueWaitIdle(vulkan->queue), VK_SUCCESS);
    DestroyCommandPool(vulkan->device, pool, NULL);
}

void vulkan_read(const struct vulkan *vulkan, VkImage image, uint32_t layer, uint32_t width,
                 uint32_t height, uint16_t *pixels)
{
    const size_t bytes = (size_t)width * height * sizeof *pixels;
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                     .size = bytes,
                                     .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkMemoryRequirements needs;
    void *mapped;
    INSTANCE(CreateBuffer);
    INSTANCE(DestroyBuffer);
    INSTANCE(GetBufferMemoryRequirements);
    INSTANCE(AllocateMemory);
    INSTANCE(FreeMemory);
    INSTANCE(BindBufferMemory);
    INSTANCE(MapMemory);
    ck_assert_int_eq(CreateBuffer(vulkan->device, &info, NULL, &buffer), VK_SUCCESS);
    GetBufferMemoryRequirements(vulkan->device, buffer, &needs);
    const VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                           .allocationSize = needs.size,
                                           .memoryTypeIndex =
                                               host_memory(vulkan, needs.memoryTypeBits)};
    ck_assert_int_eq(AllocateMemory(vulkan->device, &allocate, NULL, &memory), VK_SUCCESS);
    ck_assert_int_eq(BindBufferMemory(vulkan->device, buffer, memory, 0), VK_SUCCESS);
    ck_assert_int_eq(MapMemory(vulkan->device, memory, 0, VK_WHOLE_SIZE, 0, &mapped), VK_SUCCESS);
    submit_copy(vulkan, image, layer, (VkExtent3D){width, height, 1}, buffer);
    memcpy(pixels, mapped, bytes);
    DestroyBuffer(vulkan->device, buffer, NULL);
    FreeMemory(vulkan->device, memory, NULL);
}
