/* Why: a driver takes milliseconds to compile a shader, and networks ask for the same few. */
#include "backends/vulkan/pipelines.h"

#include "backends/vulkan/prune.h"

#include <stdlib.h>
#include <string.h>

struct code {
    const char *name;
    const uint32_t *words;
    size_t bytes;
};

#include "shaders.inc" /* made by CMake: the SPIR-V of each row of the table */

static const struct code codes[VK_SHADER_COUNT] = {
#define VK_SHADER_ROW(name) {#name, name##_words, sizeof name##_words},
    VK_SHADER_TABLE(VK_SHADER_ROW)
#undef VK_SHADER_ROW
};

struct pipeline {
    struct pipeline *next;
    enum vk_shader shader;
    unsigned count;
    uint32_t constants[VK_CONSTANTS];
    VkPipeline pipeline;
};

struct vk_pipeline_table {
    const struct vk_device *device;
    pthread_mutex_t lock; /* over all below */
    struct pipeline *lists[VK_SHADER_COUNT];
    VkPipelineCache cache;
};

const char *vk_shader_name(enum vk_shader shader)
{
    return codes[shader].name;
}

struct vk_pipeline_table *vk_pipelines_create(const struct vk_device *device)
{
    struct vk_pipeline_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->device = device;
    pthread_mutex_init(&table->lock, NULL);
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    (void)device->api.CreatePipelineCache(device->device, &info, NULL, &table->cache); /* a help */
    return table;
}

void vk_pipelines_destroy(struct vk_pipeline_table *table)
{
    if (!table)
        return;
    const struct vk_api *api = &table->device->api;
    for (unsigned i = 0; i < VK_SHADER_COUNT; i++) {
        for (struct pipeline *entry = table->lists[i], *next; entry; entry = next) {
            next = entry->next;
            api->DestroyPipeline(table->device->device, entry->pipeline, NULL);
            free(entry);
        }
    }
    if (table->cache)
        api->DestroyPipelineCache(table->device->device, table->cache, NULL);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

static VkResult make_module(const struct vk_device *device, const struct pipeline *entry,
                            VkShaderModule *module)
{
    const struct code *code = &codes[entry->shader];
    size_t count = code->bytes / sizeof *code->words;
    uint32_t *pruned = vk_prune(code->words, &count, entry->constants, entry->count);
    VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                     .codeSize = count * sizeof *code->words,
                                     .pCode = pruned ? pruned : code->words};
    VkResult result = device->api.CreateShaderModule(device->device, &info, NULL, module);
    free(pruned);
    return result;
}

static bool has_matrices(enum vk_shader shader)
{
    return shader == VK_SHADER_matrices || shader == VK_SHADER_matrices_dots;
}

static VkResult make(struct vk_pipeline_table *table, struct pipeline *entry)
{
    const struct vk_device *device = table->device;
    VkShaderModule module;
    VkResult result = make_module(device, entry, &module);
    if (result != VK_SUCCESS)
        return result;
    VkSpecializationMapEntry map[VK_CONSTANTS];
    for (unsigned i = 0; i < entry->count; i++)
        map[i] = (VkSpecializationMapEntry){i, i * (uint32_t)sizeof(uint32_t), sizeof(uint32_t)};
    VkSpecializationInfo constants = {entry->count, map, entry->count * sizeof(uint32_t),
                                      entry->constants};
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .flags = has_matrices(entry->shader)
                               ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT
                               : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .layout = device->pipeline_layout};
    result = device->api.CreateComputePipelines(device->device, table->cache, 1, &info, NULL,
                                                &entry->pipeline);
    device->api.DestroyShaderModule(device->device, module, NULL);
    return result;
}

enum percept_status vk_pipelines_get(struct vk_device *device, enum vk_shader shader,
                                     const uint32_t *constants, unsigned count,
                                     VkPipeline *pipeline, struct percept_error *error)
{
    struct vk_pipeline_table *table = device->pipelines;
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&table->lock);
    struct pipeline *entry = table->lists[shader];
    while (entry && (entry->count != count ||
                     memcmp(entry->constants, constants, count * sizeof *constants) != 0))
        entry = entry->next;
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
        if (entry) {
            entry->shader = shader;
            entry->count = count;
            memcpy(entry->constants, constants, count * sizeof *constants);
            result = make(table, entry);
        }
        if (result == VK_SUCCESS) {
            entry->next = table->lists[shader];
            table->lists[shader] = entry;
        } else {
            free(entry);
            entry = NULL;
            status = vk_fail(device, result, codes[shader].name, error);
        }
    }
    if (entry)
        *pipeline = entry->pipeline;
    pthread_mutex_unlock(&table->lock);
    return status;
}

/* ---- on disk ---- */

void *vk_pipelines_save(struct vk_device *device, size_t *bytes)
{
    struct vk_pipeline_table *table = device->pipelines;
    void *data = NULL;
    pthread_mutex_lock(&table->lock);
    if (table->cache &&
        device->api.GetPipelineCacheData(device->device, table->cache, bytes, NULL) == VK_SUCCESS)
        data = malloc(*bytes ? *bytes : 1);
    if (data &&
        device->api.GetPipelineCacheData(device->device, table->cache, bytes, data) != VK_SUCCESS) {
        free(data);
        data = NULL;
    }
    pthread_mutex_unlock(&table->lock);
    return data;
}

/* Drivers should look at what they get; not all do. */
static bool is_ours(const struct vk_device *device, const void *saved, size_t bytes)
{
    VkPipelineCacheHeaderVersionOne header;
    if (bytes < sizeof header)
        return false;
    memcpy(&header, saved, sizeof header);
    return header.headerSize >= sizeof header &&
           header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
           header.vendorID == device->properties.vendorID &&
           header.deviceID == device->properties.deviceID &&
           memcmp(header.pipelineCacheUUID, device->properties.pipelineCacheUUID, VK_UUID_SIZE) ==
               0;
}

void vk_pipelines_load(struct vk_device *device, const void *saved, size_t bytes)
{
    struct vk_pipeline_table *table = device->pipelines;
    VkPipelineCache from;
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                      .initialDataSize = bytes,
                                      .pInitialData = saved};
    if (!is_ours(device, saved, bytes) ||
        device->api.CreatePipelineCache(device->device, &info, NULL, &from) != VK_SUCCESS)
        return;
    pthread_mutex_lock(&table->lock);
    if (table->cache)
        (void)device->api.MergePipelineCaches(device->device, table->cache, 1, &from);
    pthread_mutex_unlock(&table->lock);
    device->api.DestroyPipelineCache(device->device, from, NULL);
}
