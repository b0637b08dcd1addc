/* Why: a machine without a GPU has no loader either, and must run our programs all the same. */
#include "backends/vulkan/api.h"

#include <dlfcn.h>
#include <string.h>

const char *vk_api_open(struct vk_api *api)
{
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    void *symbol = loader ? dlsym(loader, "vkGetInstanceProcAddr") : NULL;
    if (!symbol)
        return "libvulkan.so.1";
    memcpy(&api->GetInstanceProcAddr, &symbol, sizeof symbol);
    return NULL;
}

const char *vk_api_instance(struct vk_api *api, VkInstance instance)
{
#define VK_FIND(name)                                                         \
    api->name = (PFN_vk##name)api->GetInstanceProcAddr(instance, "vk" #name); \
    if (!api->name)                                                           \
        return "vk" #name;
    VK_INSTANCE_FUNCTIONS(VK_FIND)
#undef VK_FIND
    return NULL;
}

const char *vk_api_device(struct vk_api *api, VkDevice device)
{
#define VK_FIND(name)                                                     \
    api->name = (PFN_vk##name)api->GetDeviceProcAddr(device, "vk" #name); \
    if (!api->name)                                                       \
        return "vk" #name;
    VK_DEVICE_FUNCTIONS(VK_FIND)
#undef VK_FIND
#define VK_FIND(name) api->name = (PFN_vk##name)api->GetDeviceProcAddr(device, "vk" #name);
    VK_OPTIONAL_FUNCTIONS(VK_FIND)
#undef VK_FIND
#define VK_FIND_EITHER(name)                                                    \
    api->name = (PFN_vk##name)api->GetDeviceProcAddr(device, "vk" #name "KHR"); \
    if (!api->name)                                                             \
        api->name = (PFN_vk##name)api->GetDeviceProcAddr(device, "vk" #name);   \
    if (!api->name)                                                             \
        return "vk" #name;
    VK_FIND_EITHER(WaitSemaphores)
    VK_FIND_EITHER(GetSemaphoreCounterValue)
#undef VK_FIND_EITHER
    return NULL;
}
