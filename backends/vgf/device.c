/* Why: finds who runs graphs on this machine: a driver that does it by itself, or else Arm's
 * emulation layers over another, when the loader knows of them. */
#include "backends/vgf/device.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The graph layer stands on the tensor layer. */
static const char *const layers[] = {"VK_LAYER_ML_Graph_Emulation", "VK_LAYER_ML_Tensor_Emulation"};
enum { LAYERS = sizeof layers / sizeof layers[0] };

static const char *const needed[] = {VK_ARM_TENSORS_EXTENSION_NAME,
                                     VK_ARM_DATA_GRAPH_EXTENSION_NAME};
/* What the two are built on; drivers of Vulkan 1.4 may have them in the core. */
static const char *const wished[] = {"VK_KHR_maintenance5", "VK_KHR_deferred_host_operations"};

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vgf_device *current;            /* under the lock; has a reference of its own */
static char first_name[sizeof current->name]; /* written once, under the lock */
static const char *absent_because;            /* under the lock; once found so, it stays */

/* ---- functions ---- */

static bool open_loader(struct vgf_api *api)
{
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL); /* never closed */
    void *symbol = loader ? dlsym(loader, "vkGetInstanceProcAddr") : NULL;
    memcpy(&api->GetInstanceProcAddr, &symbol, sizeof symbol);
    return symbol != NULL;
}

#define FIND(name)                                 \
    api->name = (PFN_vk##name)get(of, "vk" #name); \
    found &= api->name != NULL;

static bool find_instance_functions(struct vgf_api *api, VkInstance of)
{
    PFN_vkGetInstanceProcAddr get = api->GetInstanceProcAddr;
    bool found = true;
    VGF_INSTANCE_FUNCTIONS(FIND)
    return found;
}

static bool find_device_functions(struct vgf_api *api, VkDevice of)
{
    PFN_vkGetDeviceProcAddr get = api->GetDeviceProcAddr;
    bool found = true;
    VGF_DEVICE_FUNCTIONS(FIND)
    return found;
}
#undef FIND

/* ---- choosing ---- */

static bool has_extension(const struct vgf_api *api, VkPhysicalDevice physical, const char *name)
{
    uint32_t count = 0;
    if (api->EnumerateDeviceExtensionProperties(physical, NULL, &count, NULL) != VK_SUCCESS)
        return false;
    VkExtensionProperties *list = calloc(count + 1, sizeof *list);
    bool found = false;
    if (list && api->EnumerateDeviceExtensionProperties(physical, NULL, &count, list) >= 0)
        for (uint32_t i = 0; i < count; i++)
            found |= strcmp(list[i].extensionName, name) == 0;
    free(list);
    return found;
}

static uint32_t find_family(const struct vgf_api *api, VkPhysicalDevice physical)
{
    VkQueueFamilyProperties list[16];
    uint32_t count = sizeof list / sizeof list[0];
    api->GetPhysicalDeviceQueueFamilyProperties(physical, &count, list);
    for (uint32_t i = 0; i < count; i++)
        if (list[i].queueFlags & VK_QUEUE_DATA_GRAPH_BIT_ARM)
            return i;
    return UINT32_MAX;
}

static bool runs_graphs(const struct vgf_api *api, VkPhysicalDevice physical)
{
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!has_extension(api, physical, needed[i]))
            return false;
    VkPhysicalDeviceTensorFeaturesARM tensors = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TENSOR_FEATURES_ARM};
    VkPhysicalDeviceDataGraphFeaturesARM graphs = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DATA_GRAPH_FEATURES_ARM, .pNext = &tensors};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &graphs};
    api->GetPhysicalDeviceFeatures2(physical, &features);
    return tensors.tensors && graphs.dataGraph && find_family(api, physical) != UINT32_MAX;
}

/* The first that runs graphs, one that is no CPU if there is such a one. */
static const char *choose(struct vgf_device *device)
{
    const struct vgf_api *api = &device->api;
    VkPhysicalDevice list[16];
    uint32_t count = sizeof list / sizeof list[0];
    const char *wanted = getenv("PERCEPT_VULKAN_DEVICE");
    bool found = false, on_cpu = true;
    if (api->EnumeratePhysicalDevices(device->instance, &count, list) < 0)
        count = 0;
    for (uint32_t i = 0; i < count && on_cpu; i++) {
        VkPhysicalDeviceProperties2 properties = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
        api->GetPhysicalDeviceProperties2(list[i], &properties);
        bool is_cpu = properties.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
        if ((found && is_cpu) || (wanted && !strstr(properties.properties.deviceName, wanted)) ||
            !runs_graphs(api, list[i]))
            continue;
        device->physical = list[i];
        found = true;
        on_cpu = is_cpu;
    }
    return found ? NULL
                 : "no Vulkan device has VK_ARM_tensors and VK_ARM_data_graph, nor are there "
                   "Arm's emulation layers (docs/vgf.md)";
}

/* ---- making ---- */

static bool has_layers(const struct vgf_api *api)
{
    PFN_vkEnumerateInstanceLayerProperties list_layers =
        (PFN_vkEnumerateInstanceLayerProperties)api->GetInstanceProcAddr(
            NULL, "vkEnumerateInstanceLayerProperties");
    uint32_t count = 0;
    unsigned found = 0;
    if (!list_layers || list_layers(&count, NULL) != VK_SUCCESS)
        return false;
    VkLayerProperties *list = calloc(count + 1, sizeof *list);
    if (list && list_layers(&count, list) >= 0)
        for (uint32_t i = 0; i < count; i++)
            for (unsigned l = 0; l < LAYERS; l++)
                found |= strcmp(list[i].layerName, layers[l]) == 0 ? 1u << l : 0;
    free(list);
    return found == (1u << LAYERS) - 1;
}

static const char *make_instance(struct vgf_device *device)
{
    struct vgf_api *api = &device->api;
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)api->GetInstanceProcAddr(NULL, "vkCreateInstance");
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pEngineName = "percept",
                                     .apiVersion = VK_API_VERSION_1_3};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pApplicationInfo = &application,
                                 .enabledLayerCount = device->emulated ? LAYERS : 0,
                                 .ppEnabledLayerNames = layers};
    if (!create || create(&info, NULL, &device->instance) != VK_SUCCESS)
        return "no Vulkan driver is installed, or none works";
    return find_instance_functions(api, device->instance) ? NULL
                                                          : "the Vulkan loader is older than 1.1";
}

static const char *make_device(struct vgf_device *device)
{
    struct vgf_api *api = &device->api;
    VkPhysicalDeviceTensorFeaturesARM tensors = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TENSOR_FEATURES_ARM};
    VkPhysicalDeviceDataGraphFeaturesARM graphs = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DATA_GRAPH_FEATURES_ARM, .pNext = &tensors};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &graphs};
    api->GetPhysicalDeviceFeatures2(device->physical, &features);
    features.features.robustBufferAccess = VK_FALSE;
    graphs.dataGraphUpdateAfterBind = graphs.dataGraphDescriptorBuffer = VK_FALSE;
    tensors.descriptorBindingStorageTensorUpdateAfterBind = VK_FALSE;
    const char *extensions[4];
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        extensions[count++] = needed[i];
    for (size_t i = 0; i < sizeof wished / sizeof wished[0]; i++)
        if (has_extension(api, device->physical, wished[i]))
            extensions[count++] = wished[i];
    device->family = find_family(api, device->physical);
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = device->family,
                                     .queueCount = 1,
                                     .pQueuePriorities = (const float[]){1.0f}};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &features,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = count,
                               .ppEnabledExtensionNames = extensions};
    if (api->CreateDevice(device->physical, &info, NULL, &device->device) != VK_SUCCESS)
        return "the driver makes no device that runs graphs";
    if (!find_device_functions(api, device->device))
        return "the driver lacks functions of VK_ARM_tensors or VK_ARM_data_graph";
    api->GetDeviceQueue(device->device, device->family, 0, &device->queue);
    return NULL;
}

static void describe(struct vgf_device *device)
{
    const struct vgf_api *api = &device->api;
    device->limits = (VkPhysicalDeviceTensorPropertiesARM){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TENSOR_PROPERTIES_ARM};
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES, .pNext = &device->limits};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &driver};
    api->GetPhysicalDeviceProperties2(device->physical, &properties);
    api->GetPhysicalDeviceMemoryProperties(device->physical, &device->memory);
    snprintf(device->name, sizeof device->name, "%.200s, %.40s%s", properties.properties.deviceName,
             driver.driverInfo, device->emulated ? ", emulated" : "");
}

static void destroy(struct vgf_device *device)
{
    const struct vgf_api *api = &device->api;
    if (device->device && api->DestroyDevice)
        api->DestroyDevice(device->device, NULL);
    if (device->instance && api->DestroyInstance)
        api->DestroyInstance(device->instance, NULL);
    pthread_mutex_destroy(&device->queue_lock);
    free(device);
}

static struct vgf_device *make(bool emulated, const char **why)
{
    struct vgf_device *device = calloc(1, sizeof *device);
    if (!device) {
        *why = "out of memory";
        return NULL;
    }
    device->emulated = emulated;
    pthread_mutex_init(&device->queue_lock, NULL);
    *why = NULL;
    if (!open_loader(&device->api))
        *why = "the Vulkan loader (libvulkan.so.1) is not installed";
    else if (emulated && !has_layers(&device->api))
        *why = "no layers";
    if (!*why)
        *why = make_instance(device);
    if (!*why)
        *why = choose(device);
    if (!*why)
        *why = make_device(device);
    if (!*why) {
        describe(device);
        return device;
    }
    destroy(device);
    return NULL;
}

/* ---- sharing ---- */

static void release_locked(struct vgf_device *device)
{
    if (--device->users == 0)
        destroy(device);
}

/* As the Vulkan backend does: drivers and layers see their objects go before they do. */
static void close_device(void)
{
    pthread_mutex_lock(&current_lock);
    if (current)
        release_locked(current);
    current = NULL;
    pthread_mutex_unlock(&current_lock);
}

static void make_current(void)
{
    const char *why;
    current = make(false, &absent_because);
    if (!current && (current = make(true, &why)))
        absent_because = NULL;
    if (!current)
        return;
    current->users = 1;
    if (!first_name[0]) {
        memcpy(first_name, current->name, sizeof first_name);
        (void)atexit(close_device);
    }
}

struct vgf_device *vgf_device_get(const char **why)
{
    pthread_mutex_lock(&current_lock);
    if (current && atomic_load(&current->lost)) {
        release_locked(current);
        current = NULL;
    }
    if (!current && !absent_because)
        make_current();
    struct vgf_device *device = current;
    if (device)
        device->users++;
    *why = absent_because;
    pthread_mutex_unlock(&current_lock);
    return device;
}

void vgf_device_release(struct vgf_device *device)
{
    if (!device)
        return;
    pthread_mutex_lock(&current_lock);
    release_locked(device);
    pthread_mutex_unlock(&current_lock);
}

const char *vgf_device_name(void)
{
    return first_name;
}

/* ---- small services ---- */

enum percept_status vgf_fail(struct vgf_device *device, VkResult result, const char *call,
                             struct percept_error *error)
{
    switch (result) {
    case VK_ERROR_DEVICE_LOST:
        atomic_store(&device->lost, true);
        return percept_fail(error, PERCEPT_DISCONNECTED, "vgf: %s: the device was lost (%s)",
                            device->name, call);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return percept_fail(error, PERCEPT_NO_MEMORY, "vgf: %s: out of memory (%s)", device->name,
                            call);
    default:
        return percept_fail(error, PERCEPT_INTERNAL, "vgf: %s: %s failed with %d", device->name,
                            call, (int)result);
    }
}

uint32_t vgf_memory_type(const struct vgf_device *device, uint32_t bits, bool for_host)
{
    const VkMemoryPropertyFlags shared =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    uint32_t best = UINT32_MAX;
    int best_score = -1;
    for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = device->memory.memoryTypes[i].propertyFlags;
        int score = for_host ? (flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT ? 1 : 0)
                             : (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT ? 1 : 0);
        bool fits = bits >> i & 1 && (!for_host || (flags & shared) == shared);
        if (fits && score > best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}
