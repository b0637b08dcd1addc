/*
 * Why dlopen: the layer is loaded into apps that draw with anything; one that draws with Vulkan has
 * its loader already.
 */
#include "openxr/depth_images.h"

#include "openxr/chain.h"

#include "base/clock.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#ifdef XR_USE_GRAPHICS_API_VULKAN

#define PATIENCE_NS ((uint64_t)BASE_NS_PER_S) /* for a copy of a few hundred kilobytes */

void graphics_find(const void *chain, struct graphics *graphics)
{
    const XrGraphicsBindingVulkanKHR *binding =
        chain_find(chain, XR_TYPE_GRAPHICS_BINDING_VULKAN_KHR, true);
    *graphics = (struct graphics){.instance = NULL};
    if (binding)
        *graphics = (struct graphics){.instance = binding->instance,
                                      .physical_device = binding->physicalDevice,
                                      .device = binding->device,
                                      .family = binding->queueFamilyIndex,
                                      .queue = binding->queueIndex};
}

#define OF_INSTANCE(X)                   \
    X(GetDeviceProcAddr)                 \
    X(GetPhysicalDeviceMemoryProperties) \
    X(GetPhysicalDeviceQueueFamilyProperties)

#define OF_DEVICE(X)               \
    X(GetDeviceQueue)              \
    X(CreateImage)                 \
    X(DestroyImage)                \
    X(GetImageMemoryRequirements)  \
    X(BindImageMemory)             \
    X(CreateBuffer)                \
    X(DestroyBuffer)               \
    X(GetBufferMemoryRequirements) \
    X(BindBufferMemory)            \
    X(AllocateMemory)              \
    X(FreeMemory)                  \
    X(MapMemory)                   \
    X(CreateFence)                 \
    X(DestroyFence)                \
    X(ResetFences)                 \
    X(WaitForFences)               \
    X(CreateCommandPool)           \
    X(DestroyCommandPool)          \
    X(AllocateCommandBuffers)      \
    X(BeginCommandBuffer)          \
    X(EndCommandBuffer)            \
    X(CmdPipelineBarrier)          \
    X(CmdCopyBufferToImage)        \
    X(QueueSubmit)

struct api {
#define X(name) PFN_vk##name name;
    OF_INSTANCE(X)
    OF_DEVICE(X)
#undef X
};

struct depth_image {
    VkImage image;
    VkDeviceMemory memory;
    VkBuffer staging;
    VkDeviceMemory staging_memory;
    uint16_t *pixels; /* of the staging buffer */
    VkCommandBuffer commands;
    VkFence copied; /* by the layer's own work */
};

struct depth_images {
    struct api vk;
    VkDevice device;
    VkQueue queue;
    VkPhysicalDeviceMemoryProperties memories;
    VkCommandPool pool;
    uint32_t width, height;
    unsigned turn;      /* of the next image */
    int64_t capture_ns; /* of the map in the one before; 0: none is */
    struct depth_image all[DEPTH_IMAGES];
};

/* ---- making ---- */

static bool find_functions(struct api *vk, VkInstance instance, VkDevice device)
{
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL); /* the app's; it stays */
    PFN_vkGetInstanceProcAddr get = NULL;
    void *symbol = loader ? dlsym(loader, "vkGetInstanceProcAddr") : NULL;
    if (!symbol)
        return false;
    memcpy(&get, &symbol, sizeof symbol);
#define X(name)                                         \
    vk->name = (PFN_vk##name)get(instance, "vk" #name); \
    if (!vk->name)                                      \
        return false;
    OF_INSTANCE(X)
#undef X
#define X(name)                                                         \
    vk->name = (PFN_vk##name)vk->GetDeviceProcAddr(device, "vk" #name); \
    if (!vk->name)                                                      \
        return false;
    OF_DEVICE(X)
#undef X
    return true;
}

/* Only queues for graphics copy into depth images. */
static bool queue_fits(const struct api *vk, VkPhysicalDevice device, uint32_t family)
{
    enum { FAMILIES = 32 };
    VkQueueFamilyProperties families[FAMILIES];
    uint32_t count = FAMILIES;
    vk->GetPhysicalDeviceQueueFamilyProperties(device, &count, families);
    return family < count && (families[family].queueFlags & VK_QUEUE_GRAPHICS_BIT);
}

static VkResult allocate(const struct depth_images *images, const VkMemoryRequirements *needs,
                         VkMemoryPropertyFlags flags, VkDeviceMemory *memory)
{
    for (uint32_t i = 0; i < images->memories.memoryTypeCount; i++) {
        if (!(needs->memoryTypeBits & (1u << i)) ||
            (images->memories.memoryTypes[i].propertyFlags & flags) != flags)
            continue;
        const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                           .allocationSize = needs->size,
                                           .memoryTypeIndex = i};
        return images->vk.AllocateMemory(images->device, &info, NULL, memory);
    }
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

static VkResult make_image(const struct depth_images *images, struct depth_image *one)
{
    const struct api *vk = &images->vk;
    const VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                                    .imageType = VK_IMAGE_TYPE_2D,
                                    .format = VK_FORMAT_D16_UNORM,
                                    .extent = {images->width, images->height, 1},
                                    .mipLevels = 1,
                                    .arrayLayers = 2,
                                    .samples = VK_SAMPLE_COUNT_1_BIT,
                                    .tiling = VK_IMAGE_TILING_OPTIMAL,
                                    .usage = VK_IMAGE_USAGE_SAMPLED_BIT |
                                             VK_IMAGE_USAGE_TRANSFER_DST_BIT |
                                             VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
                                    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
                                    .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED};
    VkMemoryRequirements needs;
    VkResult result = vk->CreateImage(images->device, &info, NULL, &one->image);
    if (result != VK_SUCCESS)
        return result;
    vk->GetImageMemoryRequirements(images->device, one->image, &needs);
    result = allocate(images, &needs, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, &one->memory);
    return result == VK_SUCCESS ? vk->BindImageMemory(images->device, one->image, one->memory, 0)
                                : result;
}

static VkResult make_staging(const struct depth_images *images, struct depth_image *one)
{
    const struct api *vk = &images->vk;
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                     .size = (VkDeviceSize)images->width * images->height *
                                             sizeof *one->pixels,
                                     .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
                                     .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
    VkMemoryRequirements needs;
    void *mapped;
    VkResult result = vk->CreateBuffer(images->device, &info, NULL, &one->staging);
    if (result != VK_SUCCESS)
        return result;
    vk->GetBufferMemoryRequirements(images->device, one->staging, &needs);
    result = allocate(images, &needs,
                      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                      &one->staging_memory);
    if (result == VK_SUCCESS)
        result = vk->BindBufferMemory(images->device, one->staging, one->staging_memory, 0);
    if (result == VK_SUCCESS)
        result = vk->MapMemory(images->device, one->staging_memory, 0, VK_WHOLE_SIZE, 0, &mapped);
    if (result == VK_SUCCESS)
        one->pixels = mapped;
    return result;
}

/* Behind whatever reads the image's old contents, before whatever reads the new ones. */
static VkResult record(const struct depth_images *images, struct depth_image *one)
{
    const struct api *vk = &images->vk;
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkImageMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                    .oldLayout = VK_IMAGE_LAYOUT_UNDEFINED,
                                    .newLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                                    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .image = one->image,
                                    .subresourceRange = {VK_IMAGE_ASPECT_DEPTH_BIT, 0, 1, 0, 2}};
    VkBufferImageCopy copies[2];
    for (uint32_t layer = 0; layer < 2; layer++) /* one camera: both eyes are given its map */
        copies[layer] =
            (VkBufferImageCopy){.imageSubresource = {VK_IMAGE_ASPECT_DEPTH_BIT, 0, layer, 1},
                                .imageExtent = {images->width, images->height, 1}};
    VkResult result = vk->BeginCommandBuffer(one->commands, &begin);
    if (result != VK_SUCCESS)
        return result;
    vk->CmdPipelineBarrier(one->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                           VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
    vk->CmdCopyBufferToImage(one->commands, one->staging, one->image,
                             VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 2, copies);
    barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
    barrier.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT;
    barrier.oldLayout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
    barrier.newLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL;
    vk->CmdPipelineBarrier(one->commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                           VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
    return vk->EndCommandBuffer(one->commands);
}

static VkResult make_one(const struct depth_images *images, struct depth_image *one)
{
    const struct api *vk = &images->vk;
    const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
                                     .flags = VK_FENCE_CREATE_SIGNALED_BIT};
    const VkCommandBufferAllocateInfo commands = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = images->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1};
    VkResult result = make_image(images, one);
    if (result == VK_SUCCESS)
        result = make_staging(images, one);
    if (result == VK_SUCCESS)
        result = vk->CreateFence(images->device, &fence, NULL, &one->copied);
    if (result == VK_SUCCESS)
        result = vk->AllocateCommandBuffers(images->device, &commands, &one->commands);
    return result == VK_SUCCESS ? record(images, one) : result;
}

static VkResult make_all(struct depth_images *images, uint32_t family)
{
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .queueFamilyIndex = family};
    VkResult result = images->vk.CreateCommandPool(images->device, &pool, NULL, &images->pool);
    for (size_t i = 0; i < DEPTH_IMAGES && result == VK_SUCCESS; i++)
        result = make_one(images, &images->all[i]);
    return result;
}

XrResult depth_images_create(const struct graphics *graphics, uint32_t width, uint32_t height,
                             struct depth_images **result)
{
    if (!graphics->device)
        return XR_ERROR_FUNCTION_UNSUPPORTED;
    struct depth_images *images = calloc(1, sizeof *images);
    if (!images)
        return XR_ERROR_OUT_OF_MEMORY;
    images->device = graphics->device;
    images->width = width;
    images->height = height;
    if (!find_functions(&images->vk, graphics->instance, graphics->device) ||
        !queue_fits(&images->vk, graphics->physical_device, graphics->family)) {
        free(images); /* nothing is made yet */
        return XR_ERROR_FUNCTION_UNSUPPORTED;
    }
    images->vk.GetPhysicalDeviceMemoryProperties(graphics->physical_device, &images->memories);
    images->vk.GetDeviceQueue(images->device, graphics->family, graphics->queue, &images->queue);
    VkResult made = make_all(images, graphics->family);
    if (made != VK_SUCCESS) {
        depth_images_destroy(images);
        return made == VK_ERROR_OUT_OF_HOST_MEMORY || made == VK_ERROR_OUT_OF_DEVICE_MEMORY
                   ? XR_ERROR_OUT_OF_MEMORY
                   : XR_ERROR_RUNTIME_FAILURE;
    }
    *result = images;
    return XR_SUCCESS;
}

void depth_images_destroy(struct depth_images *images)
{
    if (!images)
        return;
    const struct api *vk = &images->vk;
    for (size_t i = 0; i < DEPTH_IMAGES; i++) {
        struct depth_image *one = &images->all[i];
        if (one->copied)
            vk->WaitForFences(images->device, 1, &one->copied, VK_TRUE, PATIENCE_NS);
        vk->DestroyFence(images->device, one->copied, NULL);
        vk->DestroyBuffer(images->device, one->staging, NULL);
        vk->DestroyImage(images->device, one->image, NULL);
        vk->FreeMemory(images->device, one->staging_memory, NULL);
        vk->FreeMemory(images->device, one->memory, NULL);
    }
    vk->DestroyCommandPool(images->device, images->pool, NULL);
    free(images);
}

/* ---- use ---- */

XrResult depth_images_list(const struct depth_images *images, uint32_t count,
                           XrSwapchainImageBaseHeader *list)
{
    XrSwapchainImageVulkanKHR *all = (XrSwapchainImageVulkanKHR *)list;
    for (uint32_t i = 0; i < count; i++)
        if (all[i].type != XR_TYPE_SWAPCHAIN_IMAGE_VULKAN_KHR)
            return XR_ERROR_VALIDATION_FAILURE;
    for (uint32_t i = 0; i < count; i++)
        all[i].image = images->all[i].image;
    return XR_SUCCESS;
}

/* A swapchain keeps its size; a map of another one is stretched, as its fov goes with it. */
static void fill(const struct depth_images *images, const struct feed_depth *depth,
                 uint16_t *pixels)
{
    for (uint32_t y = 0; y < images->height; y++) {
        const uint16_t *row = depth->projected +
                              (size_t)((uint64_t)y * depth->height / images->height) * depth->width;
        uint16_t *to = pixels + (size_t)y * images->width;
        if (depth->width == images->width)
            memcpy(to, row, images->width * sizeof *row);
        else
            for (uint32_t x = 0; x < images->width; x++)
                to[x] = row[(uint64_t)x * depth->width / images->width];
    }
}

XrResult depth_images_put(struct depth_images *images, const struct feed_depth *depth,
                          uint32_t *index)
{
    const struct api *vk = &images->vk;
    unsigned turn = images->turn;
    struct depth_image *one = &images->all[turn];
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                 .commandBufferCount = 1,
                                 .pCommandBuffers = &one->commands};
    if (images->capture_ns != 0 && images->capture_ns == depth->capture_ns) {
        *index = (turn + DEPTH_IMAGES - 1) % DEPTH_IMAGES;
        return XR_SUCCESS;
    }
    if (vk->WaitForFences(images->device, 1, &one->copied, VK_TRUE, PATIENCE_NS) != VK_SUCCESS)
        return XR_ERROR_RUNTIME_FAILURE;
    fill(images, depth, one->pixels);
    if (vk->ResetFences(images->device, 1, &one->copied) != VK_SUCCESS ||
        vk->QueueSubmit(images->queue, 1, &submit, one->copied) != VK_SUCCESS)
        return XR_ERROR_RUNTIME_FAILURE;
    images->capture_ns = depth->capture_ns;
    images->turn = (turn + 1) % DEPTH_IMAGES;
    *index = turn;
    return XR_SUCCESS;
}

#else /* without Vulkan's headers there are no images */

void graphics_find(const void *chain, struct graphics *graphics)
{
    (void)chain;
    *graphics = (struct graphics){.instance = NULL};
}

XrResult depth_images_create(const struct graphics *graphics, uint32_t width, uint32_t height,
                             struct depth_images **images)
{
    (void)graphics, (void)width, (void)height, (void)images;
    return XR_ERROR_FUNCTION_UNSUPPORTED;
}

void depth_images_destroy(struct depth_images *images)
{
    (void)images;
}

XrResult depth_images_list(const struct depth_images *images, uint32_t count,
                           XrSwapchainImageBaseHeader *list)
{
    (void)images, (void)count, (void)list;
    return XR_ERROR_FUNCTION_UNSUPPORTED;
}

XrResult depth_images_put(struct depth_images *images, const struct feed_depth *depth,
                          uint32_t *index)
{
    (void)images, (void)depth, (void)index;
    return XR_ERROR_FUNCTION_UNSUPPORTED;
}

#endif
