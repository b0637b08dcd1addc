/* Why: commands are recorded once for the addresses of a model and submitted at each run. */
#include "backends/vulkan/segment.h"
#include "backends/vulkan/shared_memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- where the roots lie ---- */

/* Roots of the segment's own memory that the host's must be copied with. */
static bool is_own(const struct prt_segment *segment, const struct vk_root *root)
{
    return root->buffer == segment->own.buffer;
}

static bool is_staged(const struct prt_segment *segment, const struct vk_root *root)
{
    return is_own(segment, root) && (root->enters || root->leaves);
}

/* The segment's own memory, when some value is not in memory that we share, and the host's side of
 * it, when the host cannot reach that. */
static enum percept_status make_own(struct prt_segment *segment, struct percept_error *error)
{
    if (segment->own.buffer)
        return PERCEPT_OK;
    enum percept_status status =
        vk_buffer_create(segment->device, segment->own_bytes, false, &segment->own, error);
    size_t staged = 0;
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        struct vk_root *root = &segment->roots[segment->touched[t]];
        root->staged = staged;
        if (root->enters || root->leaves)
            staged += (root->bytes + 63) / 64 * 64;
    }
    if (status == PERCEPT_OK && !segment->own.mapped)
        status = vk_buffer_create(segment->device, staged, true, &segment->staging, error);
    return status;
}

static enum percept_status locate(struct prt_segment *segment, void *const *data,
                                  struct percept_error *error)
{
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        struct vk_root *root = &segment->roots[segment->touched[t]];
        size_t rounded = (root->bytes + 3) / 4 * 4; /* shaders write whole words */
        struct vk_shared shared;
        if (!vk_shared_memory_find(segment->device, data[segment->touched[t]], rounded, &shared)) {
            enum percept_status status = make_own(segment, error);
            if (status != PERCEPT_OK)
                return status;
            shared = (struct vk_shared){segment->own.buffer, root->offset, false};
        }
        root->buffer = shared.buffer;
        root->at = shared.at;
        root->is_of_others = shared.is_of_others;
    }
    return PERCEPT_OK;
}

static unsigned char *host_side(const struct prt_segment *segment, const struct vk_root *root)
{
    return segment->own.mapped ? (unsigned char *)segment->own.mapped + root->offset
                               : (unsigned char *)segment->staging.mapped + root->staged;
}

void vk_bring_in(const struct prt_segment *segment, void *const *data)
{
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct vk_root *root = &segment->roots[segment->touched[t]];
        if (is_own(segment, root) && root->enters && root->bytes)
            memcpy(host_side(segment, root), data[segment->touched[t]], root->bytes);
    }
}

void vk_bring_out(const struct prt_segment *segment, void *const *data, bool with_states)
{
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct vk_root *root = &segment->roots[segment->touched[t]];
        if (!with_states && segment->graph->values[segment->touched[t]].flags & PRT_FLAG_STATE)
            continue;
        if (is_own(segment, root) && root->leaves && root->bytes)
            memcpy(data[segment->touched[t]], host_side(segment, root), root->bytes);
    }
}

size_t vk_copied_bytes(const struct prt_segment *segment)
{
    size_t bytes = 0;
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct vk_root *root = &segment->roots[segment->touched[t]];
        if (segment->own.buffer && is_own(segment, root))
            bytes += root->bytes * ((size_t)root->enters + (size_t)root->leaves);
    }
    return bytes;
}

/* ---- barriers ---- */

enum { MAX_ACCESSES = 256 };

/* What dispatches since the last barrier read and write. */
struct hazards {
    struct access {
        VkBuffer buffer;
        size_t start, end;
        bool written;
    } list[MAX_ACCESSES];
    unsigned count;
};

static bool conflicts(const struct hazards *hazards, const struct access *access)
{
    for (unsigned i = 0; i < hazards->count; i++) {
        const struct access *other = &hazards->list[i];
        if (other->buffer == access->buffer && other->start < access->end &&
            access->start < other->end && (other->written || access->written))
            return true;
    }
    return false;
}

static void barrier(const struct prt_segment *segment, VkPipelineStageFlags from,
                    VkAccessFlags written, VkPipelineStageFlags to, VkAccessFlags used)
{
    VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = written, .dstAccessMask = used};
    segment->device->api.CmdPipelineBarrier(segment->commands, from, to, 0, 1, &memory, 0, NULL, 0,
                                            NULL);
}

/* ---- binding ---- */

struct binding {
    VkDescriptorBufferInfo info;
    uint32_t base;        /* words from the binding's start to the operand's */
    struct access access; /* of its bytes */
};

static struct binding bind(const struct prt_segment *segment, const struct vk_operand *operand)
{
    /* Whoever has no operand does not look, but something must be bound: what nobody writes. */
    struct binding bound = {.info = {segment->fault.buffer, VK_BIND_ALIGNMENT, VK_BIND_ALIGNMENT}};
    size_t at = operand->offset, bytes = operand->bytes;
    if (operand->source == VK_UNBOUND)
        return bound;
    if (operand->source == VK_FAULTS) {
        bound.info.offset = 0;
        bound.access = (struct access){bound.info.buffer, 0, bytes, operand->written};
        return bound;
    }
    if (operand->source == VK_SCRATCH)
        bound.info.buffer = segment->scratch.buffer;
    if (operand->source == VK_PACKED) {
        const struct vk_weight_piece *piece = &segment->weights.pieces[operand->value];
        bound.info.buffer = piece->buffer;
        at += piece->offset;
    }
    if (operand->source == VK_VALUE) {
        const struct prt_place *place = &segment->places[operand->value];
        const struct vk_root *root = &segment->roots[place->root];
        bound.info.buffer = root->buffer;
        bytes = segment->graph->values[operand->value].bytes;
        at = root->at + (root->is_half ? place->delta / 2 : place->delta);
        bytes = root->is_half ? bytes / 2 : bytes;
    }
    size_t alignment = segment->device->limits.minStorageBufferOffsetAlignment;
    bytes = bytes ? (bytes + 3) / 4 * 4 : 4;
    bound.info.offset = at / alignment * alignment;
    bound.base = (uint32_t)((at - bound.info.offset) / 4);
    bound.info.range = at - bound.info.offset + bytes;
    bound.access = (struct access){bound.info.buffer, at, at + bytes, operand->written};
    return bound;
}

static enum percept_status write_set(struct prt_segment *segment,
                                     const struct vk_dispatch *dispatch, VkDescriptorSet set,
                                     struct binding *bindings, struct percept_error *error)
{
    VkDescriptorBufferInfo params = {segment->parameters.buffer, dispatch->params,
                                     dispatch->params_bytes};
    VkWriteDescriptorSet writes[VK_OPERANDS + 1];
    uint32_t *base = (uint32_t *)(void *)(segment->params + dispatch->params);
    for (uint32_t i = 0; i <= VK_OPERANDS; i++) {
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet = set,
                                           .dstBinding = i,
                                           .descriptorCount = 1,
                                           .descriptorType = i ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                                               : VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,
                                           .pBufferInfo = i ? &bindings[i - 1].info : &params};
        if (i == 0)
            continue;
        bindings[i - 1] = bind(segment, &dispatch->operands[i - 1]);
        base[i - 1] = bindings[i - 1].base;
        if (bindings[i - 1].info.range != VK_WHOLE_SIZE &&
            bindings[i - 1].info.range > segment->device->limits.maxStorageBufferRange)
            return percept_fail(error, PERCEPT_LIMIT,
                                "vulkan: a tensor of %zu bytes is more than the device can bind",
                                (size_t)bindings[i - 1].info.range);
    }
    segment->device->api.UpdateDescriptorSets(segment->device->device, VK_OPERANDS + 1, writes, 0,
                                              NULL);
    return PERCEPT_OK;
}

static enum percept_status make_sets(struct prt_segment *segment, VkDescriptorSet *sets,
                                     struct percept_error *error)
{
    const struct vk_api *api = &segment->device->api;
    uint32_t count = segment->dispatch_count;
    if (segment->descriptors)
        api->DestroyDescriptorPool(segment->device->device, segment->descriptors, NULL);
    segment->descriptors = VK_NULL_HANDLE;
    VkDescriptorPoolSize sizes[2] = {{VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, count},
                                     {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, count * VK_OPERANDS}};
    VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = count,
                                       .poolSizeCount = 2,
                                       .pPoolSizes = sizes};
    VkResult result =
        api->CreateDescriptorPool(segment->device->device, &info, NULL, &segment->descriptors);
    for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) {
        VkDescriptorSetAllocateInfo allocate = {.sType =
                                                    VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                                .descriptorPool = segment->descriptors,
                                                .descriptorSetCount = 1,
                                                .pSetLayouts = &segment->device->set_layout};
        result = api->AllocateDescriptorSets(segment->device->device, &allocate, &sets[i]);
    }
    return result == VK_SUCCESS
               ? PERCEPT_OK
               : vk_fail(segment->device, result, "vkAllocateDescriptorSets", error);
}

/* ---- commands ---- */

/* Dispatches of a piece, where it may end at the first barrier that follows: no barrier is added.
 */
enum { PIECE = 8 };

static enum percept_status make_pool(struct prt_segment *segment, bool profile,
                                     struct percept_error *error)
{
    const struct vk_api *api = &segment->device->api;
    VkDevice device = segment->device->device;
    if (segment->pool)
        api->DestroyCommandPool(device, segment->pool, NULL);
    segment->pool = VK_NULL_HANDLE;
    VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = segment->device->family};
    VkResult result = api->CreateCommandPool(device, &info, NULL, &segment->pool);
    VkQueryPoolCreateInfo queries = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                     .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                     .queryCount = segment->node_count + 1};
    if (result == VK_SUCCESS && profile && segment->device->has_timestamps && !segment->queries)
        result = api->CreateQueryPool(device, &queries, NULL, &segment->queries);
    return result == VK_SUCCESS ? PERCEPT_OK
                                : vk_fail(segment->device, result, "vkCreateCommandPool", error);
}

static enum percept_status begin_piece(struct prt_segment *segment, struct percept_error *error)
{
    const struct vk_api *api = &segment->device->api;
    VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = segment->pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult result =
        api->AllocateCommandBuffers(segment->device->device, &allocate, &segment->commands);
    if (result == VK_SUCCESS)
        result = api->BeginCommandBuffer(segment->commands, &begin);
    if (result != VK_SUCCESS)
        return vk_fail(segment->device, result, "vkBeginCommandBuffer", error);
    segment->pieces[segment->piece_count++] = segment->commands;
    return PERCEPT_OK;
}

static enum percept_status end_piece(struct prt_segment *segment, struct percept_error *error)
{
    VkResult result = segment->device->api.EndCommandBuffer(segment->commands);
    return result == VK_SUCCESS ? PERCEPT_OK
                                : vk_fail(segment->device, result, "vkEndCommandBuffer", error);
}

static void copy_staged(const struct prt_segment *segment, bool in)
{
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct vk_root *root = &segment->roots[segment->touched[t]];
        if (!is_staged(segment, root) || !(in ? root->enters : root->leaves) || !root->bytes)
            continue;
        VkBuffer own = segment->own.buffer, host = segment->staging.buffer;
        VkBufferCopy region = {in ? root->staged : root->at, in ? root->at : root->staged,
                               root->bytes};
        segment->device->api.CmdCopyBuffer(segment->commands, in ? host : own, in ? own : host, 1,
                                           &region);
    }
}

/* Take roots over from other devices, or give them back. */
static void pass_on(const struct prt_segment *segment, bool in)
{
    uint32_t family = segment->device->family, others = segment->device->others_family;
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct vk_root *root = &segment->roots[segment->touched[t]];
        if (!root->is_of_others || !root->bytes)
            continue;
        VkBufferMemoryBarrier memory = {
            .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
            .srcAccessMask = in ? 0 : VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
            .dstAccessMask = in ? VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT : 0,
            .srcQueueFamilyIndex = in ? others : family,
            .dstQueueFamilyIndex = in ? family : others,
            .buffer = root->buffer,
            .offset = root->at,
            .size = (root->bytes + 3) / 4 * 4};
        segment->device->api.CmdPipelineBarrier(
            segment->commands,
            in ? VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT : VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            in ? VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT : VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0,
            NULL, 1, &memory, 0, NULL);
    }
}

static void stamp(const struct prt_segment *segment, uint32_t query)
{
    if (segment->queries && segment->is_profiled)
        segment->device->api.CmdWriteTimestamp(
            segment->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, segment->queries, query);
}

/* What it waits for is the barrier's, which holds from one piece to the next, too. */
static enum percept_status next_piece(struct prt_segment *segment, struct percept_error *error)
{
    enum percept_status status = end_piece(segment, error);
    return status == PERCEPT_OK ? begin_piece(segment, error) : status;
}

static enum percept_status record_dispatches(struct prt_segment *segment,
                                             const VkDescriptorSet *sets,
                                             struct percept_error *error)
{
    const struct vk_api *api = &segment->device->api;
    struct hazards hazards = {.count = 0};
    uint32_t stamped = 0, piece = 0; /* dispatches in it */
    for (uint32_t d = 0; d < segment->dispatch_count; d++) {
        const struct vk_dispatch *dispatch = &segment->dispatches[d];
        struct binding bindings[VK_OPERANDS];
        enum percept_status status = write_set(segment, dispatch, sets[d], bindings, error);
        if (status != PERCEPT_OK)
            return status;
        for (; stamped < dispatch->step; stamped++)
            stamp(segment, stamped + 1);
        bool waits = hazards.count + VK_OPERANDS > MAX_ACCESSES;
        for (unsigned i = 0; i < VK_OPERANDS; i++)
            waits |= conflicts(&hazards, &bindings[i].access);
        if (waits) {
            barrier(segment, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
                    VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                    VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
            hazards.count = 0;
        }
        if (waits && segment->is_cut && piece >= PIECE) {
            status = next_piece(segment, error);
            if (status != PERCEPT_OK)
                return status;
            piece = 0;
        }
        piece++;
        for (unsigned i = 0; i < VK_OPERANDS; i++)
            if (bindings[i].access.end)
                hazards.list[hazards.count++] = bindings[i].access;
        api->CmdBindPipeline(segment->commands, VK_PIPELINE_BIND_POINT_COMPUTE, dispatch->pipeline);
        api->CmdBindDescriptorSets(segment->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                                   segment->device->pipeline_layout, 0, 1, &sets[d], 0, NULL);
        api->CmdDispatch(segment->commands, dispatch->groups[0], dispatch->groups[1],
                         dispatch->groups[2]);
    }
    for (; stamped < segment->node_count; stamped++)
        stamp(segment, stamped + 1);
    return PERCEPT_OK;
}

static enum percept_status record(struct prt_segment *segment, const VkDescriptorSet *sets,
                                  struct percept_error *error)
{
    segment->piece_count = 0;
    enum percept_status status = begin_piece(segment, error);
    if (status != PERCEPT_OK)
        return status;
    if (segment->queries && segment->is_profiled)
        segment->device->api.CmdResetQueryPool(segment->commands, segment->queries, 0,
                                               segment->node_count + 1);
    bool stages = segment->staging.buffer != VK_NULL_HANDLE;
    if (stages) {
        copy_staged(segment, true);
        barrier(segment, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
    }
    pass_on(segment, true);
    stamp(segment, 0);
    status = record_dispatches(segment, sets, error);
    if (status != PERCEPT_OK)
        return status;
    if (stages) {
        barrier(segment, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
                VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
        copy_staged(segment, false);
    }
    barrier(segment, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
            VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_HOST_BIT,
            VK_ACCESS_HOST_READ_BIT);
    pass_on(segment, false);
    return end_piece(segment, error);
}

/* They say where in its binding an operand begins, so they are known only now. */
static enum percept_status send_parameters(struct prt_segment *segment, struct percept_error *error)
{
    if (!segment->params_bytes)
        return PERCEPT_OK;
    if (!segment->parameters.mapped)
        return vk_copy_up(segment->device, segment->params, segment->params_bytes,
                          &segment->parameters, 0, error);
    memcpy(segment->parameters.mapped, segment->params, segment->params_bytes);
    return PERCEPT_OK;
}

static bool same_addresses(const struct prt_segment *segment, void *const *data)
{
    if (segment->recorded_at != vk_shared_memory_age())
        return false;
    for (uint32_t t = 0; t < segment->touched_count; t++)
        if (segment->recorded_for[t] != data[segment->touched[t]])
            return false;
    return true;
}

enum percept_status vk_record(struct prt_segment *segment, void *const *data, bool profile,
                              bool cut, struct percept_error *error)
{
    if (segment->is_recorded && segment->is_profiled == profile && segment->is_cut >= cut &&
        same_addresses(segment, data))
        return PERCEPT_OK;
    segment->is_recorded = false;
    segment->is_profiled = profile;
    segment->is_cut = cut;
    segment->recorded_at = vk_shared_memory_age();
    VkDescriptorSet *sets = calloc((size_t)segment->dispatch_count + 1, sizeof(VkDescriptorSet));
    if (!segment->recorded_for)
        segment->recorded_for =
            calloc((size_t)segment->touched_count + 1, sizeof *segment->recorded_for);
    if (!segment->pieces)
        segment->pieces = calloc((size_t)segment->dispatch_count + 1, sizeof(VkCommandBuffer));
    enum percept_status status = PERCEPT_OK;
    if (!sets || !segment->recorded_for || !segment->pieces)
        status = percept_fail(error, PERCEPT_NO_MEMORY, "vulkan: no memory to record a run");
    if (status == PERCEPT_OK)
        status = locate(segment, data, error);
    if (status == PERCEPT_OK)
        status = make_pool(segment, profile, error);
    if (status == PERCEPT_OK && segment->dispatch_count)
        status = make_sets(segment, sets, error);
    if (status == PERCEPT_OK)
        status = record(segment, sets, error);
    if (status == PERCEPT_OK)
        status = send_parameters(segment, error);
    free(sets);
    if (status != PERCEPT_OK)
        return status;
    for (uint32_t t = 0; t < segment->touched_count; t++)
        segment->recorded_for[t] = data[segment->touched[t]];
    segment->is_recorded = true;
    return PERCEPT_OK;
}
