/*
 * Why: a VGF file says what runs on which tensors; here it becomes Vulkan objects, once, and a run
 * is two copies and one submission of commands that are recorded already.
 */
#include "backends/vgf/model.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_OBJECTS = 8 }; /* bind points of a session */

/* A resource that is no constant. */
struct tensor {
    VkTensorARM tensor;
    VkTensorViewARM view;
    VkDeviceMemory memory;
    void *mapped;
    size_t bytes;
};

/* A graph that is dispatched. */
struct part {
    VkDescriptorSetLayout sets[PRT_VGF_SETS];
    VkDescriptorSet bound[PRT_VGF_SETS];
    uint32_t set_count;
    VkDescriptorPool pool;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDataGraphPipelineSessionARM session;
    VkDeviceMemory memory[MOST_OBJECTS];
    uint32_t memory_count;
};

struct vgf_model {
    struct vgf_device *device;
    struct base_arena arena;
    struct tensor *tensors; /* by resource; zeroed for constants */
    struct part *parts;
    uint32_t tensor_count, part_count;
    uint32_t *inputs, *outputs; /* resources */
    uint32_t input_count, output_count;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkFence fence;
    pthread_mutex_t lock; /* of tensors and fence, while it runs */
    size_t bytes;
};

/* What building needs and a run does not. */
struct builder {
    struct vgf_model *model;
    const struct prt_vgf *file;
    VkTensorDescriptionARM *descriptions; /* by resource */
    struct percept_error *error;
};

#define TRY(builder, call, name)                                                        \
    do {                                                                                \
        VkResult result_ = (call);                                                      \
        if (result_ != VK_SUCCESS)                                                      \
            return vgf_fail((builder)->model->device, result_, name, (builder)->error); \
    } while (0)

static enum percept_status no_memory(struct builder *builder)
{
    return percept_fail(builder->error, PERCEPT_NO_MEMORY, "vgf: no memory for a model");
}

/* ---- memory ---- */

static enum percept_status allocate(struct builder *builder, const VkMemoryRequirements *needs,
                                    bool for_host, VkDeviceMemory *memory)
{
    struct vgf_device *device = builder->model->device;
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .allocationSize = needs->size ? needs->size : 1,
                                 .memoryTypeIndex =
                                     vgf_memory_type(device, needs->memoryTypeBits, for_host)};
    if (info.memoryTypeIndex == UINT32_MAX)
        return percept_fail(builder->error, PERCEPT_UNSUPPORTED,
                            "vgf: %s: its tensors cannot lie in memory that the host reads",
                            device->name);
    TRY(builder, device->api.AllocateMemory(device->device, &info, NULL, memory),
        "vkAllocateMemory");
    builder->model->bytes += (size_t)info.allocationSize;
    return PERCEPT_OK;
}

/* ---- tensors ---- */

static enum percept_status describe(struct builder *builder, uint32_t index)
{
    const struct prt_vgf_resource *resource = &builder->file->resources[index];
    const VkPhysicalDeviceTensorPropertiesARM *limits = &builder->model->device->limits;
    uint64_t elements = resource->bytes / prt_dtype_size(resource->dtype);
    bool fits = resource->rank <= limits->maxTensorDimensionCount &&
                resource->bytes <= limits->maxTensorSize && elements <= limits->maxTensorElements;
    for (uint32_t i = 0; i < resource->rank && fits; i++)
        fits = (uint64_t)resource->sizes[i] <= limits->maxPerDimensionTensorElements;
    if (!fits)
        return percept_fail(builder->error, PERCEPT_LIMIT,
                            "vgf: %s: tensor %u (%u dimensions, %zu bytes) is too large",
                            builder->model->device->name, index, resource->rank, resource->bytes);
    builder->descriptions[index] =
        (VkTensorDescriptionARM){.sType = VK_STRUCTURE_TYPE_TENSOR_DESCRIPTION_ARM,
                                 .tiling = VK_TENSOR_TILING_LINEAR_ARM,
                                 .format = (VkFormat)resource->format,
                                 .dimensionCount = resource->rank,
                                 .pDimensions = resource->sizes,
                                 .usage = VK_TENSOR_USAGE_DATA_GRAPH_BIT_ARM};
    return PERCEPT_OK;
}

static enum percept_status make_tensor(struct builder *builder, uint32_t index)
{
    const struct prt_vgf_resource *resource = &builder->file->resources[index];
    struct vgf_device *device = builder->model->device;
    const struct vgf_api *api = &device->api;
    struct tensor *tensor = &builder->model->tensors[index];
    bool for_host = resource->category != PRT_VGF_INTERMEDIATE;
    VkTensorCreateInfoARM create = {.sType = VK_STRUCTURE_TYPE_TENSOR_CREATE_INFO_ARM,
                                    .pDescription = &builder->descriptions[index]};
    tensor->bytes = resource->bytes;
    TRY(builder, api->CreateTensorARM(device->device, &create, NULL, &tensor->tensor),
        "vkCreateTensorARM");
    VkTensorMemoryRequirementsInfoARM which = {
        .sType = VK_STRUCTURE_TYPE_TENSOR_MEMORY_REQUIREMENTS_INFO_ARM, .tensor = tensor->tensor};
    VkMemoryRequirements2 needs = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    api->GetTensorMemoryRequirementsARM(device->device, &which, &needs);
    if (needs.memoryRequirements.size < tensor->bytes)
        needs.memoryRequirements.size = tensor->bytes; /* what we copy is inside in any case */
    enum percept_status status =
        allocate(builder, &needs.memoryRequirements, for_host, &tensor->memory);
    if (status != PERCEPT_OK)
        return status;
    VkBindTensorMemoryInfoARM bind = {.sType = VK_STRUCTURE_TYPE_BIND_TENSOR_MEMORY_INFO_ARM,
                                      .tensor = tensor->tensor,
                                      .memory = tensor->memory};
    TRY(builder, api->BindTensorMemoryARM(device->device, 1, &bind), "vkBindTensorMemoryARM");
    if (for_host)
        TRY(builder,
            api->MapMemory(device->device, tensor->memory, 0, VK_WHOLE_SIZE, 0, &tensor->mapped),
            "vkMapMemory");
    VkTensorViewCreateInfoARM view = {.sType = VK_STRUCTURE_TYPE_TENSOR_VIEW_CREATE_INFO_ARM,
                                      .tensor = tensor->tensor,
                                      .format = create.pDescription->format};
    TRY(builder, api->CreateTensorViewARM(device->device, &view, NULL, &tensor->view),
        "vkCreateTensorViewARM");
    return PERCEPT_OK;
}

static enum percept_status make_tensors(struct builder *builder)
{
    const struct prt_vgf *file = builder->file;
    struct vgf_model *model = builder->model;
    model->tensors = base_arena_array(&model->arena, file->resource_count, sizeof *model->tensors);
    builder->descriptions =
        base_arena_array(&model->arena, file->resource_count, sizeof *builder->descriptions);
    if (!model->tensors || !builder->descriptions)
        return no_memory(builder);
    model->tensor_count = file->resource_count;
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < file->resource_count && status == PERCEPT_OK; i++) {
        status = describe(builder, i);
        if (status == PERCEPT_OK && file->resources[i].category != PRT_VGF_CONSTANT)
            status = make_tensor(builder, i);
    }
    return status;
}

/* ---- what a graph is bound to ---- */

static enum percept_status make_set_layout(struct builder *builder,
                                           const struct prt_vgf_segment *segment, uint32_t set,
                                           VkDescriptorSetLayout *layout)
{
    struct vgf_device *device = builder->model->device;
    VkDescriptorSetLayoutBinding *bindings =
        base_arena_array(&builder->model->arena, segment->binding_count, sizeof *bindings);
    uint32_t count = 0;
    if (!bindings)
        return no_memory(builder);
    for (uint32_t i = 0; i < segment->binding_count; i++)
        if (segment->bindings[i].set == set)
            bindings[count++] =
                (VkDescriptorSetLayoutBinding){.binding = segment->bindings[i].binding,
                                               .descriptorType = VK_DESCRIPTOR_TYPE_TENSOR_ARM,
                                               .descriptorCount = 1,
                                               .stageFlags = VK_SHADER_STAGE_ALL};
    VkDescriptorSetLayoutCreateInfo info = {.sType =
                                                VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                            .bindingCount = count,
                                            .pBindings = bindings};
    TRY(builder, device->api.CreateDescriptorSetLayout(device->device, &info, NULL, layout),
        "vkCreateDescriptorSetLayout");
    return PERCEPT_OK;
}

static enum percept_status make_sets(struct builder *builder, const struct prt_vgf_segment *segment,
                                     struct part *part)
{
    struct vgf_device *device = builder->model->device;
    const struct vgf_api *api = &device->api;
    VkDescriptorPoolSize size = {.type = VK_DESCRIPTOR_TYPE_TENSOR_ARM,
                                 .descriptorCount = segment->binding_count};
    VkDescriptorPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = part->set_count,
                                       .poolSizeCount = segment->binding_count ? 1 : 0,
                                       .pPoolSizes = &size};
    TRY(builder, api->CreateDescriptorPool(device->device, &pool, NULL, &part->pool),
        "vkCreateDescriptorPool");
    VkDescriptorSetAllocateInfo allocate_sets = {.sType =
                                                     VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                                 .descriptorPool = part->pool,
                                                 .descriptorSetCount = part->set_count,
                                                 .pSetLayouts = part->sets};
    TRY(builder, api->AllocateDescriptorSets(device->device, &allocate_sets, part->bound),
        "vkAllocateDescriptorSets");
    for (uint32_t i = 0; i < segment->binding_count; i++) {
        const struct prt_vgf_binding *binding = &segment->bindings[i];
        VkWriteDescriptorSetTensorARM tensor = {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_TENSOR_ARM,
            .tensorViewCount = 1,
            .pTensorViews = &builder->model->tensors[binding->resource].view};
        VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                      .pNext = &tensor,
                                      .dstSet = part->bound[binding->set],
                                      .dstBinding = binding->binding,
                                      .descriptorCount = 1,
                                      .descriptorType = VK_DESCRIPTOR_TYPE_TENSOR_ARM};
        api->UpdateDescriptorSets(device->device, 1, &write, 0, NULL);
    }
    return PERCEPT_OK;
}

static enum percept_status bind(struct builder *builder, const struct prt_vgf_segment *segment,
                                struct part *part)
{
    struct vgf_device *device = builder->model->device;
    enum percept_status status = PERCEPT_OK;
    for (; part->set_count < segment->set_count && status == PERCEPT_OK; part->set_count++)
        status = make_set_layout(builder, segment, part->set_count, &part->sets[part->set_count]);
    if (status != PERCEPT_OK)
        return status;
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = part->set_count,
                                         .pSetLayouts = part->sets};
    TRY(builder, device->api.CreatePipelineLayout(device->device, &layout, NULL, &part->layout),
        "vkCreatePipelineLayout");
    return part->set_count ? make_sets(builder, segment, part) : PERCEPT_OK;
}

/* ---- pipelines ---- */

static enum percept_status make_pipeline(struct builder *builder,
                                         const struct prt_vgf_segment *segment, struct part *part)
{
    const struct prt_vgf_module *code = &builder->file->modules[segment->module];
    struct vgf_device *device = builder->model->device;
    struct base_arena *arena = &builder->model->arena;
    VkDataGraphPipelineConstantARM *constants =
        base_arena_array(arena, segment->constant_count, sizeof *constants);
    VkDataGraphPipelineResourceInfoARM *resources =
        base_arena_array(arena, segment->binding_count, sizeof *resources);
    if (!constants || !resources)
        return no_memory(builder);
    for (uint32_t i = 0; i < segment->constant_count; i++) {
        const struct prt_vgf_constant *constant = &builder->file->constants[segment->constants[i]];
        constants[i] = (VkDataGraphPipelineConstantARM){
            .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_CONSTANT_ARM,
            .pNext = &builder->descriptions[constant->resource],
            .id = i,
            .pConstantData = constant->data};
    }
    for (uint32_t i = 0; i < segment->binding_count; i++)
        resources[i] = (VkDataGraphPipelineResourceInfoARM){
            .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_RESOURCE_INFO_ARM,
            .pNext = &builder->descriptions[segment->bindings[i].resource],
            .descriptorSet = segment->bindings[i].set,
            .binding = segment->bindings[i].binding};
    VkShaderModuleCreateInfo module = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                       .codeSize = (size_t)code->word_count * sizeof *code->words,
                                       .pCode = code->words};
    VkDataGraphPipelineShaderModuleCreateInfoARM shader = {
        .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_SHADER_MODULE_CREATE_INFO_ARM,
        .pName = code->entry,
        .constantCount = segment->constant_count,
        .pConstants = constants};
    VkDataGraphPipelineCreateInfoARM info = {
        .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_CREATE_INFO_ARM,
        .pNext = &shader,
        .layout = part->layout,
        .resourceInfoCount = segment->binding_count,
        .pResourceInfos = resources};
    TRY(builder, device->api.CreateShaderModule(device->device, &module, NULL, &shader.module),
        "vkCreateShaderModule");
    VkResult result = device->api.CreateDataGraphPipelinesARM(
        device->device, VK_NULL_HANDLE, VK_NULL_HANDLE, 1, &info, NULL, &part->pipeline);
    device->api.DestroyShaderModule(device->device, shader.module, NULL);
    TRY(builder, result, "vkCreateDataGraphPipelinesARM");
    return PERCEPT_OK;
}

static enum percept_status bind_object(struct builder *builder, struct part *part,
                                       VkDataGraphPipelineSessionBindPointARM point, uint32_t index)
{
    struct vgf_device *device = builder->model->device;
    if (part->memory_count == MOST_OBJECTS)
        return percept_fail(builder->error, PERCEPT_LIMIT,
                            "vgf: a graph needs more than %d pieces of memory", MOST_OBJECTS);
    VkDataGraphPipelineSessionMemoryRequirementsInfoARM which = {
        .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_SESSION_MEMORY_REQUIREMENTS_INFO_ARM,
        .session = part->session,
        .bindPoint = point,
        .objectIndex = index};
    VkMemoryRequirements2 needs = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    device->api.GetDataGraphPipelineSessionMemoryRequirementsARM(device->device, &which, &needs);
    if (needs.memoryRequirements.size == 0)
        return PERCEPT_OK;
    VkDeviceMemory *memory = &part->memory[part->memory_count];
    enum percept_status status = allocate(builder, &needs.memoryRequirements, false, memory);
    if (status != PERCEPT_OK)
        return status;
    part->memory_count++;
    VkBindDataGraphPipelineSessionMemoryInfoARM bound = {
        .sType = VK_STRUCTURE_TYPE_BIND_DATA_GRAPH_PIPELINE_SESSION_MEMORY_INFO_ARM,
        .session = part->session,
        .bindPoint = point,
        .objectIndex = index,
        .memory = *memory};
    TRY(builder, device->api.BindDataGraphPipelineSessionMemoryARM(device->device, 1, &bound),
        "vkBindDataGraphPipelineSessionMemoryARM");
    return PERCEPT_OK;
}

static enum percept_status make_session(struct builder *builder, struct part *part)
{
    struct vgf_device *device = builder->model->device;
    VkDataGraphPipelineSessionCreateInfoARM create = {
        .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_SESSION_CREATE_INFO_ARM,
        .dataGraphPipeline = part->pipeline};
    TRY(builder,
        device->api.CreateDataGraphPipelineSessionARM(device->device, &create, NULL,
                                                      &part->session),
        "vkCreateDataGraphPipelineSessionARM");
    VkDataGraphPipelineSessionBindPointRequirementsInfoARM which = {
        .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_SESSION_BIND_POINT_REQUIREMENTS_INFO_ARM,
        .session = part->session};
    VkDataGraphPipelineSessionBindPointRequirementARM points[MOST_OBJECTS];
    uint32_t count = MOST_OBJECTS;
    for (uint32_t i = 0; i < MOST_OBJECTS; i++)
        points[i] = (VkDataGraphPipelineSessionBindPointRequirementARM){
            .sType = VK_STRUCTURE_TYPE_DATA_GRAPH_PIPELINE_SESSION_BIND_POINT_REQUIREMENT_ARM};
    TRY(builder,
        device->api.GetDataGraphPipelineSessionBindPointRequirementsARM(device->device, &which,
                                                                        &count, points),
        "vkGetDataGraphPipelineSessionBindPointRequirementsARM");
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < points[i].numObjects && status == PERCEPT_OK; k++)
            status = bind_object(builder, part, points[i].bindPoint, k);
    return status;
}

static enum percept_status make_parts(struct builder *builder)
{
    const struct prt_vgf *file = builder->file;
    struct vgf_model *model = builder->model;
    model->parts = base_arena_array(&model->arena, file->segment_count, sizeof *model->parts);
    if (!model->parts)
        return no_memory(builder);
    model->part_count = file->segment_count;
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < file->segment_count && status == PERCEPT_OK; i++) {
        status = bind(builder, &file->segments[i], &model->parts[i]);
        if (status == PERCEPT_OK)
            status = make_pipeline(builder, &file->segments[i], &model->parts[i]);
        if (status == PERCEPT_OK)
            status = make_session(builder, &model->parts[i]);
    }
    return status;
}

/* ---- commands ---- */

/* What follows, the host at last, sees what was written. */
static void wait_for_writes(const struct vgf_model *model)
{
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT |
                                                VK_ACCESS_MEMORY_WRITE_BIT |
                                                VK_ACCESS_HOST_READ_BIT};
    model->device->api.CmdPipelineBarrier(model->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                          VK_PIPELINE_STAGE_ALL_COMMANDS_BIT |
                                              VK_PIPELINE_STAGE_HOST_BIT,
                                          0, 1, &barrier, 0, NULL, 0, NULL);
}

static enum percept_status record(struct builder *builder)
{
    struct vgf_model *model = builder->model;
    struct vgf_device *device = model->device;
    const struct vgf_api *api = &device->api;
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = device->family};
    TRY(builder, api->CreateCommandPool(device->device, &pool, NULL, &model->pool),
        "vkCreateCommandPool");
    VkCommandBufferAllocateInfo buffer = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                          .commandPool = model->pool,
                                          .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                          .commandBufferCount = 1};
    TRY(builder, api->AllocateCommandBuffers(device->device, &buffer, &model->commands),
        "vkAllocateCommandBuffers");
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    TRY(builder, api->CreateFence(device->device, &fence, NULL, &model->fence), "vkCreateFence");
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    TRY(builder, api->BeginCommandBuffer(model->commands, &begin), "vkBeginCommandBuffer");
    for (uint32_t i = 0; i < model->part_count; i++) {
        const struct part *part = &model->parts[i];
        api->CmdBindPipeline(model->commands, VK_PIPELINE_BIND_POINT_DATA_GRAPH_ARM,
                             part->pipeline);
        if (part->set_count)
            api->CmdBindDescriptorSets(model->commands, VK_PIPELINE_BIND_POINT_DATA_GRAPH_ARM,
                                       part->layout, 0, part->set_count, part->bound, 0, NULL);
        api->CmdDispatchDataGraphARM(model->commands, part->session, NULL);
        wait_for_writes(model);
    }
    TRY(builder, api->EndCommandBuffer(model->commands), "vkEndCommandBuffer");
    return PERCEPT_OK;
}

/* ---- the model ---- */

static enum percept_status copy_ends(struct builder *builder)
{
    const struct prt_vgf *file = builder->file;
    struct vgf_model *model = builder->model;
    model->input_count = file->input_count;
    model->output_count = file->output_count;
    model->inputs =
        base_arena_copy(&model->arena, file->inputs, file->input_count * sizeof *file->inputs);
    model->outputs =
        base_arena_copy(&model->arena, file->outputs, file->output_count * sizeof *file->outputs);
    return model->inputs && model->outputs ? PERCEPT_OK : no_memory(builder);
}

enum percept_status vgf_model_create(struct vgf_device *device, const struct prt_vgf *file,
                                     struct vgf_model **model, struct percept_error *error)
{
    struct vgf_model *made = calloc(1, sizeof *made);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "vgf: no memory for a model");
    made->device = device;
    pthread_mutex_init(&made->lock, NULL);
    struct builder builder = {.model = made, .file = file, .error = error};
    enum percept_status status = copy_ends(&builder);
    if (status == PERCEPT_OK)
        status = make_tensors(&builder);
    if (status == PERCEPT_OK)
        status = make_parts(&builder);
    if (status == PERCEPT_OK)
        status = record(&builder);
    if (status == PERCEPT_OK)
        *model = made;
    else
        vgf_model_destroy(made);
    return status;
}

static void destroy_part(const struct vgf_device *device, const struct part *part)
{
    const struct vgf_api *api = &device->api;
    if (part->session)
        api->DestroyDataGraphPipelineSessionARM(device->device, part->session, NULL);
    for (uint32_t i = 0; i < part->memory_count; i++)
        api->FreeMemory(device->device, part->memory[i], NULL);
    if (part->pipeline)
        api->DestroyPipeline(device->device, part->pipeline, NULL);
    if (part->layout)
        api->DestroyPipelineLayout(device->device, part->layout, NULL);
    if (part->pool)
        api->DestroyDescriptorPool(device->device, part->pool, NULL);
    for (uint32_t i = 0; i < part->set_count; i++)
        if (part->sets[i])
            api->DestroyDescriptorSetLayout(device->device, part->sets[i], NULL);
}

static void destroy_tensor(const struct vgf_device *device, const struct tensor *tensor)
{
    const struct vgf_api *api = &device->api;
    if (tensor->view)
        api->DestroyTensorViewARM(device->device, tensor->view, NULL);
    if (tensor->tensor)
        api->DestroyTensorARM(device->device, tensor->tensor, NULL);
    if (tensor->memory)
        api->FreeMemory(device->device, tensor->memory, NULL);
}

void vgf_model_destroy(struct vgf_model *model)
{
    if (!model)
        return;
    const struct vgf_api *api = &model->device->api;
    if (model->fence)
        api->DestroyFence(model->device->device, model->fence, NULL);
    if (model->pool)
        api->DestroyCommandPool(model->device->device, model->pool, NULL);
    for (uint32_t i = 0; i < model->part_count; i++)
        destroy_part(model->device, &model->parts[i]);
    for (uint32_t i = 0; i < model->tensor_count; i++)
        destroy_tensor(model->device, &model->tensors[i]);
    pthread_mutex_destroy(&model->lock);
    base_arena_reset(&model->arena);
    free(model);
}

/* ---- running ---- */

static enum percept_status submit(struct vgf_model *model, struct percept_error *error)
{
    struct vgf_device *device = model->device;
    const struct vgf_api *api = &device->api;
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &model->commands};
    VkResult result = api->ResetFences(device->device, 1, &model->fence);
    if (result != VK_SUCCESS)
        return vgf_fail(device, result, "vkResetFences", error);
    pthread_mutex_lock(&device->queue_lock);
    result = api->QueueSubmit(device->queue, 1, &info, model->fence);
    pthread_mutex_unlock(&device->queue_lock);
    if (result != VK_SUCCESS)
        return vgf_fail(device, result, "vkQueueSubmit", error);
    result = api->WaitForFences(device->device, 1, &model->fence, VK_TRUE, UINT64_MAX);
    return result == VK_SUCCESS ? PERCEPT_OK : vgf_fail(device, result, "vkWaitForFences", error);
}

enum percept_status vgf_model_run(struct vgf_model *model, const void *const *inputs,
                                  void *const *outputs, struct percept_error *error)
{
    pthread_mutex_lock(&model->lock);
    for (uint32_t i = 0; i < model->input_count; i++) {
        const struct tensor *tensor = &model->tensors[model->inputs[i]];
        memcpy(tensor->mapped, inputs[i], tensor->bytes);
    }
    enum percept_status status = submit(model, error);
    for (uint32_t i = 0; i < model->output_count && status == PERCEPT_OK; i++) {
        const struct tensor *tensor = &model->tensors[model->outputs[i]];
        memcpy(outputs[i], tensor->mapped, tensor->bytes);
    }
    pthread_mutex_unlock(&model->lock);
    return status;
}

size_t vgf_model_bytes(const struct vgf_model *model)
{
    return model->bytes;
}

size_t vgf_model_copied(const struct vgf_model *model)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < model->input_count; i++)
        bytes += model->tensors[model->inputs[i]].bytes;
    for (uint32_t i = 0; i < model->output_count; i++)
        bytes += model->tensors[model->outputs[i]].bytes;
    return bytes;
}
