/* Why: finds the one GPU that all segments share. */
#include "backends/vulkan/device.h"

#include "backends/vulkan/external_memory.h"
#include "backends/vulkan/pipelines.h"

#include <stdlib.h>
#include <string.h>

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vk_device *current; /* under the lock; has a reference of its own */
static char first_name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE]; /* written once, under the lock */
static const char *absent_because; /* under the lock; once found so, it stays */

/* Vulkan does not tell how many cores there are; this many work-groups keep most GPUs busy. */
enum { MANY_CORES = 64 };

/* ---- choosing ---- */

static bool has_extension(const struct vk_api *api, VkPhysicalDevice physical, const char *name)
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

bool vk_has_extension(const struct vk_device *device, const char *name)
{
    return has_extension(&device->api, device->physical, name);
}

/* The family that only computes, if there is one: it does not wait for what is drawn. */
static uint32_t find_family(const struct vk_api *api, VkPhysicalDevice physical,
                            VkQueueFamilyProperties *family)
{
    VkQueueFamilyProperties list[16];
    uint32_t count = sizeof list / sizeof list[0], found = UINT32_MAX;
    api->GetPhysicalDeviceQueueFamilyProperties(physical, &count, list);
    for (uint32_t i = 0; i < count; i++) {
        if (!(list[i].queueFlags & VK_QUEUE_COMPUTE_BIT))
            continue;
        if (found == UINT32_MAX || !(list[i].queueFlags & VK_QUEUE_GRAPHICS_BIT)) {
            found = i;
            *family = list[i];
        }
    }
    return found;
}

/* What we cannot do without; NULL when the device has it. */
static const char *refuses(const struct vk_api *api, VkPhysicalDevice physical)
{
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    api->GetPhysicalDeviceProperties2(physical, &properties);
    VkQueueFamilyProperties family;
    if (properties.properties.apiVersion < VK_API_VERSION_1_1)
        return "the device has no Vulkan 1.1";
    if (properties.properties.limits.maxPerStageDescriptorStorageBuffers < VK_OPERANDS)
        return "the device binds too few storage buffers";
    if (find_family(api, physical, &family) == UINT32_MAX)
        return "the device has no queue that computes";
    if (properties.properties.apiVersion < VK_API_VERSION_1_2 &&
        !has_extension(api, physical, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME))
        return "the device has no timeline semaphores";
    return NULL;
}

static int rank(VkPhysicalDeviceType type)
{
    static const int ranks[] = {[VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU] = 4,
                                [VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU] = 3,
                                [VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU] = 2,
                                [VK_PHYSICAL_DEVICE_TYPE_CPU] = 1};
    return (size_t)type < sizeof ranks / sizeof ranks[0] ? ranks[type] : 0;
}

static const char *choose(struct vk_device *device)
{
    const struct vk_api *api = &device->api;
    VkPhysicalDevice list[16];
    uint32_t count = sizeof list / sizeof list[0];
    const char *wanted = getenv("PERCEPT_VULKAN_DEVICE"), *why = "there is no Vulkan device";
    int best = -1;
    if (api->EnumeratePhysicalDevices(device->instance, &count, list) < 0)
        return why;
    if (count && wanted)
        why = "no device has the name that PERCEPT_VULKAN_DEVICE asks for";
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties2 properties = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
        api->GetPhysicalDeviceProperties2(list[i], &properties);
        if (wanted && !strstr(properties.properties.deviceName, wanted))
            continue;
        const char *refusal = refuses(api, list[i]);
        if (refusal) {
            why = best < 0 ? refusal : why;
        } else if (rank(properties.properties.deviceType) > best) {
            best = rank(properties.properties.deviceType);
            device->physical = list[i];
            device->properties = properties.properties;
            device->limits = properties.properties.limits;
            device->name = device->properties.deviceName;
        }
    }
    return best < 0 ? why : NULL;
}

/* ---- making ---- */

static const char *make_instance(struct vk_device *device)
{
    struct vk_api *api = &device->api;
    if (vk_api_open(api))
        return "the Vulkan loader (libvulkan.so.1) is not installed";
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)api->GetInstanceProcAddr(NULL, "vkCreateInstance");
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pEngineName = "percept",
                                     .apiVersion = VK_API_VERSION_1_2};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pApplicationInfo = &application};
    if (!create || create(&info, NULL, &device->instance) != VK_SUCCESS)
        return "no Vulkan driver is installed, or none works";
    return vk_api_instance(api, device->instance) ? "the Vulkan loader is older than 1.1" : NULL;
}

static void find_memory_types(struct vk_device *device)
{
    const VkMemoryPropertyFlags ours =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkMemoryPropertyFlags fast = ours | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    device->api.GetPhysicalDeviceMemoryProperties(device->physical, &device->memory);
    int best_device = -1, best_host = -1;
    for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = device->memory.memoryTypes[i].propertyFlags;
        bool is_fast = (flags & fast) == fast;
        int as_device = (flags & local ? 2 : 0) + (is_fast ? 1 : 0);
        int as_host = (flags & ours) != ours ? -1 : is_fast ? 1 : 0;
        if (as_device > best_device) {
            best_device = as_device;
            device->device_type = i;
            device->shares_memory = as_device == 3;
        }
        if (as_host > best_host) {
            best_host = as_host;
            device->host_type = i;
        }
    }
}

/* Invocations that shaders may add up in one step. */
static uint32_t find_subgroup(const struct vk_api *api, VkPhysicalDevice physical)
{
    const VkSubgroupFeatureFlags needed =
        VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT;
    VkPhysicalDeviceSubgroupProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &subgroup};
    api->GetPhysicalDeviceProperties2(physical, &properties);
    bool adds_up = (subgroup.supportedOperations & needed) == needed &&
                   subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT;
    return adds_up && subgroup.subgroupSize ? subgroup.subgroupSize : 1;
}

/* Is it quicker to multiply four codes at once? The device has the extension. */
static bool finds_dots_quick(const struct vk_api *api, VkPhysicalDevice physical)
{
    VkPhysicalDeviceShaderIntegerDotProductProperties dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &dot};
    api->GetPhysicalDeviceProperties2(physical, &properties);
    return dot.integerDotProduct4x8BitPackedSignedAccelerated;
}

/* Not where they are computed without such hardware. */
static void find_matrices(struct vk_device *device, struct vk_matrix_chain *chain,
                          const VkPhysicalDeviceShaderFloat16Int8Features *small)
{
    device->matrices = vk_matrices_find(&device->api, device->instance, device->physical, chain);
    if (!small->shaderFloat16)
        device->matrices.halves = (struct vk_matrix_shape){0};
    if (!small->shaderInt8)
        device->matrices.codes = (struct vk_matrix_shape){0};
    device->uses_matrices = device->properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU;
    chain->matrices.cooperativeMatrixRobustBufferAccess = VK_FALSE;
    chain->memory.vulkanMemoryModelAvailabilityVisibilityChains = VK_FALSE;
    chain->subgroups.subgroupSizeControl = VK_FALSE;
}

static const char *make_device(struct vk_device *device)
{
    const struct vk_api *api = &device->api;
    VkQueueFamilyProperties family = {0};
    float priorities[VK_PRIORITIES];
    device->family = find_family(api, device->physical, &family);
    device->lane_count = vk_lane_priorities(family.queueCount, priorities);
    device->has_timestamps = family.timestampValidBits > 0 && device->limits.timestampPeriod > 0;
    find_memory_types(device);
    device->subgroup = find_subgroup(api, device->physical);
    device->idle_below =
        device->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU ? 1 : MANY_CORES;

    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES};
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
    bool can_dot =
        has_extension(api, device->physical, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
    timeline.pNext = can_dot ? &dot : NULL;
    VkPhysicalDeviceShaderFloat16Int8Features small = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
    bool can_small =
        has_extension(api, device->physical, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME);
    small.pNext = timeline.pNext;
    timeline.pNext = can_small ? &small : timeline.pNext;
    struct vk_matrix_chain matrices;
    bool lists_matrices =
        has_extension(api, device->physical, VK_MATRICES_EXTENSION) &&
        has_extension(api, device->physical, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    if (lists_matrices)
        timeline.pNext = vk_matrices_chain(&matrices, timeline.pNext);
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &timeline};
    api->GetPhysicalDeviceFeatures2(device->physical, &features);
    if (!timeline.timelineSemaphore)
        return "the device has no timeline semaphores";
    device->has_int64 = features.features.shaderInt64;
    device->has_float16 = small.shaderFloat16;
    if (lists_matrices)
        find_matrices(device, &matrices, &small);
    small.shaderInt8 = device->matrices.codes.rows > 0;
    device->has_int_dot = dot.shaderIntegerDotProduct;
    device->uses_int_dot = device->has_int_dot && finds_dots_quick(api, device->physical);
    features.features = (VkPhysicalDeviceFeatures){.shaderInt64 = device->has_int64};

    const char *extensions[6 + VK_EXTERNAL_EXTENSIONS];
    uint32_t count = vk_external_find(device, extensions);
    if (has_extension(api, device->physical, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME))
        extensions[count++] = VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME;
    if (can_small)
        extensions[count++] = VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME;
    if (device->has_int_dot)
        extensions[count++] = VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME;
    if (lists_matrices) {
        extensions[count++] = VK_MATRICES_EXTENSION;
        extensions[count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    }
    if (lists_matrices &&
        has_extension(api, device->physical, VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME))
        extensions[count++] = VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = device->family,
                                     .queueCount = device->lane_count,
                                     .pQueuePriorities = priorities};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &features,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = count,
                               .ppEnabledExtensionNames = extensions};
    if (api->CreateDevice(device->physical, &info, NULL, &device->device) != VK_SUCCESS)
        return "the driver makes no device";
    if (vk_api_device(&device->api, device->device))
        return "the driver lacks functions of Vulkan 1.1";
    return NULL;
}

/* One layout for all shaders: parameters, then operands. */
static const char *make_layouts(struct vk_device *device)
{
    const struct vk_api *api = &device->api;
    VkDescriptorSetLayoutBinding bindings[VK_OPERANDS + 1];
    for (uint32_t i = 0; i <= VK_OPERANDS; i++)
        bindings[i] =
            (VkDescriptorSetLayoutBinding){.binding = i,
                                           .descriptorType = i ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                                               : VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,
                                           .descriptorCount = 1,
                                           .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    VkDescriptorSetLayoutCreateInfo set = {.sType =
                                               VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                           .bindingCount = VK_OPERANDS + 1,
                                           .pBindings = bindings};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 1,
                                         .pSetLayouts = &device->set_layout};
    if (api->CreateDescriptorSetLayout(device->device, &set, NULL, &device->set_layout) ||
        api->CreatePipelineLayout(device->device, &layout, NULL, &device->pipeline_layout) ||
        !vk_lanes_create(device) || !(device->pipelines = vk_pipelines_create(device)))
        return "the driver has no memory for a device";
    return NULL;
}

static void destroy(struct vk_device *device)
{
    const struct vk_api *api = &device->api;
    if (device->device && api->DestroyDevice) {
        if (api->DeviceWaitIdle)
            api->DeviceWaitIdle(device->device);
        vk_pipelines_destroy(device->pipelines);
        vk_lanes_destroy(device);
        if (device->pipeline_layout)
            api->DestroyPipelineLayout(device->device, device->pipeline_layout, NULL);
        if (device->set_layout)
            api->DestroyDescriptorSetLayout(device->device, device->set_layout, NULL);
        api->DestroyDevice(device->device, NULL);
    }
    if (device->instance && api->DestroyInstance)
        api->DestroyInstance(device->instance, NULL);
    pthread_mutex_destroy(&device->queue_lock);
    free(device);
}

static struct vk_device *make(const char **why)
{
    struct vk_device *device = calloc(1, sizeof *device);
    if (!device) {
        *why = "out of memory";
        return NULL;
    }
    pthread_mutex_init(&device->queue_lock, NULL);
    *why = make_instance(device);
    if (!*why)
        *why = choose(device);
    if (!*why)
        *why = make_device(device);
    if (!*why)
        *why = make_layouts(device);
    if (!*why)
        return device;
    destroy(device);
    return NULL;
}

/* ---- sharing ---- */

static void release_locked(struct vk_device *device)
{
    if (--device->users == 0)
        destroy(device);
}

/* At the end of the process, so that drivers and layers see their objects go. Registered after
 * the driver was loaded, so it runs before the driver's own end. */
static void close_device(void)
{
    pthread_mutex_lock(&current_lock);
    if (current)
        release_locked(current);
    current = NULL;
    pthread_mutex_unlock(&current_lock);
}

void vk_device_has_run(void)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&told))
        (void)atexit(close_device);
}

struct vk_device *vk_device_get(const char **why)
{
    pthread_mutex_lock(&current_lock);
    if (current && atomic_load(&current->lost)) {
        release_locked(current);
        current = NULL;
    }
    if (!current && !absent_because) {
        current = make(&absent_because);
        if (current) {
            current->users = 1;
            if (!first_name[0]) {
                memcpy(first_name, current->name, sizeof first_name);
                (void)atexit(close_device);
            }
        }
    }
    struct vk_device *device = current;
    if (device)
        device->users++;
    *why = absent_because;
    pthread_mutex_unlock(&current_lock);
    return device;
}

bool vk_has_int64(void)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    bool has = device && device->has_int64;
    vk_device_release(device);
    return has;
}

void vk_device_release(struct vk_device *device)
{
    if (!device)
        return;
    pthread_mutex_lock(&current_lock);
    release_locked(device);
    pthread_mutex_unlock(&current_lock);
}

const char *vk_device_name(void)
{
    return first_name;
}

/* ---- faults ---- */

enum percept_status vk_fail(struct vk_device *device, VkResult result, const char *call,
                            struct percept_error *error)
{
    static const struct {
        VkResult result;
        enum percept_status status;
        const char *text;
    } known[] = {
        {VK_ERROR_DEVICE_LOST, PERCEPT_DISCONNECTED, "the device was lost"},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, PERCEPT_NO_MEMORY, "the device is out of memory"},
        {VK_ERROR_OUT_OF_HOST_MEMORY, PERCEPT_NO_MEMORY, "the driver is out of memory"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].result != result)
            continue;
        if (known[i].status == PERCEPT_DISCONNECTED)
            atomic_store(&device->lost, true);
        return percept_fail(error, known[i].status, "vulkan: %s: %s (%s)", device->name,
                            known[i].text, call);
    }
    return percept_fail(error, PERCEPT_INTERNAL, "vulkan: %s: %s failed with %d", device->name,
                        call, (int)result);
}

/* ---- memory ---- */

enum percept_status vk_buffer_create(struct vk_device *device, size_t bytes, bool for_host,
                                     struct vk_buffer *buffer, struct percept_error *error)
{
    const struct vk_api *api = &device->api;
    struct vk_buffer made = {.bytes = bytes};
    uint32_t type = for_host && !device->shares_memory ? device->host_type : device->device_type;
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = bytes ? bytes : 4,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    const char *call = "vkCreateBuffer";
    VkResult result = api->CreateBuffer(device->device, &info, NULL, &made.buffer);
    if (result == VK_SUCCESS) {
        VkMemoryRequirements needs;
        api->GetBufferMemoryRequirements(device->device, made.buffer, &needs);
        VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .allocationSize = needs.size,
                                         .memoryTypeIndex = type};
        call = "vkAllocateMemory";
        result = needs.memoryTypeBits & 1u << type
                     ? api->AllocateMemory(device->device, &allocate, NULL, &made.memory)
                     : VK_ERROR_FEATURE_NOT_PRESENT;
    }
    if (result == VK_SUCCESS) {
        call = "vkBindBufferMemory";
        result = api->BindBufferMemory(device->device, made.buffer, made.memory, 0);
    }
    if (result == VK_SUCCESS && (for_host || device->shares_memory)) {
        call = "vkMapMemory";
        result = api->MapMemory(device->device, made.memory, 0, VK_WHOLE_SIZE, 0, &made.mapped);
    }
    if (result != VK_SUCCESS) {
        vk_buffer_destroy(device, &made);
        return vk_fail(device, result, call, error);
    }
    *buffer = made;
    return PERCEPT_OK;
}

void vk_buffer_destroy(struct vk_device *device, struct vk_buffer *buffer)
{
    if (buffer->buffer)
        device->api.DestroyBuffer(device->device, buffer->buffer, NULL);
    if (buffer->memory)
        device->api.FreeMemory(device->device, buffer->memory, NULL);
    *buffer = (struct vk_buffer){0};
}
