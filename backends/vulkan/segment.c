/* Why: turns nodes into dispatches once, so that a run is one submission. */
#include "backends/vulkan/segment.h"

#include "backends/vulkan/shared_memory.h"
#include "backends/vulkan/tune.h"
#include "backends/vulkan/vulkan.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/slab.h"
#include "runtime/cache/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_BYTES (VK_FAULT_KINDS * VK_FAULT_WORDS * sizeof(uint32_t))

static enum percept_status no_memory(struct percept_error *error)
{
    return percept_fail(error, PERCEPT_NO_MEMORY, "vulkan: no memory for a segment");
}

/* ---- what kernels call ---- */

uint32_t vk_type(const struct vk_emit *emit, uint32_t value)
{
    static const uint8_t codes[] = {
        [PRT_F32] = VK_F32, [PRT_F16] = VK_F16, [PRT_BF16] = VK_BF16, [PRT_I8] = VK_I8,
        [PRT_U8] = VK_U8,   [PRT_BOOL] = VK_U8, [PRT_I16] = VK_I16,   [PRT_U16] = VK_U16,
        [PRT_I32] = VK_I32, [PRT_U32] = VK_I32, [PRT_I64] = VK_I64,   [PRT_U64] = VK_I64,
    };
    const struct prt_segment *segment = emit->segment;
    if (segment->roots[segment->places[value].root].is_half)
        return VK_F16;
    return codes[emit->graph->values[value].tensor.dtype];
}

bool vk_is_half(const struct vk_emit *emit)
{
    return emit->segment->half;
}

bool vk_same_place(const struct vk_emit *emit, uint32_t a, uint32_t b)
{
    const struct prt_place *places = emit->segment->places;
    return places[a].root == places[b].root && places[a].delta == places[b].delta;
}

bool vk_in_state(const struct vk_emit *emit, uint32_t value)
{
    return emit->graph->values[emit->segment->places[value].root].flags & PRT_FLAG_STATE;
}

void *vk_pack(const struct vk_emit *emit, size_t bytes, struct vk_operand *operand)
{
    struct vk_weights *weights = &emit->segment->weights;
    void *data = vk_weights_add(weights, emit->device, bytes, emit->error);
    uint32_t piece = weights->count - 1;
    if (data)
        *operand = (struct vk_operand){
            .source = VK_PACKED, .value = piece, .bytes = weights->pieces[piece].bytes};
    return data;
}

struct vk_operand vk_scratch(const struct vk_emit *emit, size_t offset, size_t bytes)
{
    struct prt_segment *segment = emit->segment;
    if (offset + bytes > segment->scratch_bytes)
        segment->scratch_bytes = offset + bytes;
    return (struct vk_operand){.source = VK_SCRATCH, .offset = offset, .bytes = bytes};
}

/* A constant operand as it is, once a segment. */
static enum percept_status pack_constant(const struct vk_emit *emit, struct vk_operand *operand)
{
    struct prt_segment *segment = emit->segment;
    const struct prt_place *place = &segment->places[operand->value];
    const struct prt_value *root = &segment->graph->values[place->root];
    struct vk_operand *whole = &segment->roots[place->root].packed;
    if (whole->source == VK_UNBOUND) {
        void *data = vk_pack(emit, root->bytes, whole);
        if (!data)
            return PERCEPT_NO_MEMORY;
        if (root->bytes)
            memcpy(data, root->data, root->bytes);
    }
    operand->source = VK_PACKED;
    operand->value = whole->value;
    operand->offset = place->delta;
    operand->bytes = whole->bytes - place->delta;
    return PERCEPT_OK;
}

void vk_spread(const struct vk_emit *emit, uint64_t items, uint32_t local, uint32_t groups[3])
{
    uint64_t count = (items + local - 1) / local;
    uint64_t most = emit->device->limits.maxComputeWorkGroupCount[0];
    uint64_t rows = (count + most - 1) / most;
    groups[0] = (uint32_t)(rows > 1 ? most : count);
    groups[1] = (uint32_t)(rows ? rows : 1);
    groups[2] = 1;
}

/* Room for one more dispatch. */
static bool grow(struct prt_segment *segment)
{
    if (segment->dispatch_count < segment->dispatch_capacity)
        return true;
    uint32_t more = segment->dispatch_capacity ? 2 * segment->dispatch_capacity : 64;
    struct vk_dispatch *grown = realloc(segment->dispatches, more * sizeof *grown);
    if (!grown)
        return false;
    segment->dispatches = grown;
    segment->dispatch_capacity = more;
    return true;
}

static bool keep_params(struct prt_segment *segment, const struct vk_call *call, size_t *offset)
{
    size_t alignment = VK_BIND_ALIGNMENT, needed = segment->params_bytes + call->params_bytes;
    if (needed + alignment > segment->params_capacity) {
        size_t capacity = 2 * (needed + alignment);
        unsigned char *grown = realloc(segment->params, capacity);
        if (!grown)
            return false;
        segment->params = grown;
        segment->params_capacity = capacity;
    }
    *offset = segment->params_bytes;
    memcpy(segment->params + *offset, call->params, call->params_bytes);
    segment->params_bytes = (needed + alignment - 1) / alignment * alignment;
    return true;
}

static enum percept_status add_dispatch(const struct vk_emit *emit, const struct vk_call *call)
{
    struct prt_segment *segment = emit->segment;
    if (!grow(segment))
        return no_memory(emit->error);
    struct vk_dispatch *dispatch = &segment->dispatches[segment->dispatch_count];
    *dispatch = (struct vk_dispatch){.params_bytes = call->params_bytes};
    dispatch->step = emit->step;
    if (!call->unnamed)
        segment->kernels[emit->step] = vk_shader_name(call->shader);
    memcpy(dispatch->operands, call->operands, sizeof dispatch->operands);
    for (unsigned i = 0; i < 3; i++) {
        dispatch->groups[i] = call->groups[i] ? call->groups[i] : 1;
        if (dispatch->groups[i] > emit->device->limits.maxComputeWorkGroupCount[i])
            return percept_fail(emit->error, PERCEPT_LIMIT,
                                "vulkan: %s is too large for the device",
                                prt_op_name(emit->node->op));
    }
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < VK_OPERANDS && status == PERCEPT_OK; i++) {
        struct vk_operand *operand = &dispatch->operands[i];
        if (operand->source == VK_VALUE &&
            vk_is_constant(segment, segment->places[operand->value].root))
            status = pack_constant(emit, operand);
    }
    if (status == PERCEPT_OK && !keep_params(segment, call, &dispatch->params))
        status = no_memory(emit->error);
    if (status == PERCEPT_OK)
        status = vk_pipelines_get(emit->device, call->shader, call->constants, call->constant_count,
                                  &dispatch->pipeline, emit->error);
    if (status == PERCEPT_OK)
        segment->dispatch_count++;
    return status;
}

enum percept_status vk_dispatch(const struct vk_emit *emit, const struct vk_call *call)
{
    struct prt_segment *segment = emit->segment;
    if (!call->size_count)
        return add_dispatch(emit, call);
    struct vk_call settled = *call;
    bool known = vk_tuning_settle(segment->tuning, emit->device, &settled);
    enum percept_status status = add_dispatch(emit, &settled);
    segment->tuned += status == PERCEPT_OK && known;
    if (status == PERCEPT_OK && !known)
        vk_tuning_note(segment->tuning, segment, call);
    return status;
}

/* ---- compiling ---- */

static void destroy(struct prt_segment *segment)
{
    if (!segment)
        return;
    struct vk_device *device = segment->device;
    if (segment->run.in_flight)
        (void)vk_wait(device, &segment->work, NULL);
    vk_tuning_close(segment->tuning);
    if (segment->queries)
        device->api.DestroyQueryPool(device->device, segment->queries, NULL);
    if (segment->descriptors)
        device->api.DestroyDescriptorPool(device->device, segment->descriptors, NULL);
    if (segment->pool)
        device->api.DestroyCommandPool(device->device, segment->pool, NULL);
    if (device) {
        vk_lane_leave(device, segment->work.priority);
        vk_weights_free(&segment->weights, device);
        vk_buffer_destroy(device, &segment->parameters);
        vk_buffer_destroy(device, &segment->scratch);
        vk_buffer_destroy(device, &segment->fault);
        vk_buffer_destroy(device, &segment->own);
        vk_buffer_destroy(device, &segment->staging);
    }
    vk_device_release(device);
    free(segment->own_places);
    free(segment->roots);
    free(segment->touched);
    free(segment->dispatches);
    free(segment->kernels);
    free(segment->params);
    free(segment->recorded_for);
    free(segment->pieces);
    if (segment->saved)
        base_slab_return(segment->saved, segment->saved_bytes);
    pthread_mutex_destroy(&segment->lock);
    free(segment);
}

/* What the dispatches need on the device besides values. */
static enum percept_status make_buffers(struct prt_segment *segment, struct percept_error *error)
{
    struct vk_device *device = segment->device;
    enum percept_status status = vk_weights_settle(&segment->weights, device, true, error);
    if (status == PERCEPT_OK)
        status =
            vk_buffer_create(device, segment->params_bytes, false, &segment->parameters, error);
    if (status == PERCEPT_OK)
        status = vk_buffer_create(device, 2 * VK_BIND_ALIGNMENT, true, &segment->fault, error);
    if (status == PERCEPT_OK && segment->scratch_bytes)
        status = vk_buffer_create(device, segment->scratch_bytes, false, &segment->scratch, error);
    return status;
}

static enum percept_status emit_node(struct prt_segment *segment, uint32_t index,
                                     struct percept_error *error)
{
    const struct prt_node *node = &segment->graph->nodes[segment->nodes[index]];
    const struct vk_kernel *kernel = vk_kernel_of(node->op);
    const char *refusal = kernel ? kernel->refuses(segment->graph, node) : "it has no shader";
    if (refusal)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "vulkan: cannot run %s (%s): %s",
                            prt_op_name(node->op), node->name ? node->name : "unnamed", refusal);
    struct vk_emit emit = {segment->device, segment, segment->graph, node, index, error};
    enum percept_status status = kernel->emit(&emit);
    return status == PERCEPT_OK
               ? vk_weights_settle(&segment->weights, segment->device, false, error)
               : status;
}

static void key_of(const struct prt_segment *segment, struct base_hash *key)
{
    const struct vk_device *device = segment->device;
    *key = (struct base_hash){0};
    base_hash_add(key, "vulkan pipelines", sizeof "vulkan pipelines");
    base_hash_add(key, device->properties.pipelineCacheUUID, VK_UUID_SIZE);
    base_hash_add(key, &device->properties.driverVersion, sizeof device->properties.driverVersion);
    base_hash_add(key, &segment->nodes[0], sizeof segment->nodes[0]);
}

/* What the driver compiled for this program before. True when there was some. */
static bool load_pipelines(struct prt_segment *segment, struct prt_cache *cache)
{
    struct base_hash key;
    key_of(segment, &key);
    size_t bytes = 0;
    void *saved = prt_cache_find(cache, &key, &bytes);
    if (!saved)
        return false;
    vk_pipelines_load(segment->device, saved, bytes);
    prt_cache_keep(cache, &key, saved, bytes);
    segment->saved = saved; /* stays until the cache is closed */
    segment->saved_bytes = bytes;
    return true;
}

static void save_pipelines(struct prt_segment *segment, struct prt_cache *cache)
{
    struct base_hash key;
    key_of(segment, &key);
    size_t bytes;
    void *saved = vk_pipelines_save(segment->device, &bytes);
    if (saved)
        prt_cache_keep_own(cache, &key, saved, bytes);
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **out,
                                   struct percept_error *error)
{
    const char *why;
    struct prt_segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return no_memory(error);
    pthread_mutex_init(&segment->lock, NULL);
    segment->graph = compile->graph;
    segment->nodes = compile->nodes;
    segment->node_count = compile->node_count;
    segment->half = compile->half;
    segment->work.priority = compile->priority;
    segment->kernels = calloc((size_t)compile->node_count + 1, sizeof *segment->kernels);
    segment->device = vk_device_get(&why);
    if (segment->device)
        vk_lane_join(segment->device, compile->priority);
    enum percept_status status = PERCEPT_OK;
    if (!segment->device)
        status = percept_fail(error, PERCEPT_NOT_FOUND, "vulkan: %s", why);
    else if (!segment->kernels)
        status = no_memory(error);
    if (status == PERCEPT_OK)
        status = vk_find_roots(segment, compile, error);
    if (status == PERCEPT_OK)
        segment->tuning = vk_tuning_open(segment->device, compile);
    bool known = status == PERCEPT_OK && compile->cache && load_pipelines(segment, compile->cache);
    for (uint32_t i = 0; i < compile->node_count && status == PERCEPT_OK; i++)
        status = emit_node(segment, i, error);
    if (status == PERCEPT_OK)
        status = make_buffers(segment, error);
    if (status == PERCEPT_OK)
        vk_tuning_run(segment->tuning, segment);
    vk_tuning_close(segment->tuning);
    segment->tuning = NULL;
    if (status == PERCEPT_OK && compile->cache && !known)
        save_pipelines(segment, compile->cache);
    if (status != PERCEPT_OK) {
        destroy(segment);
        return status;
    }
    *out = segment;
    return PERCEPT_OK;
}

/* ---- running ---- */

/* The fault of the node that comes first; NULL for none. */
static const uint32_t *first_fault(const struct prt_segment *segment)
{
    const uint32_t *first = NULL, *fault = segment->fault.mapped;
    for (unsigned kind = 0; kind < VK_FAULT_KINDS; kind++, fault += VK_FAULT_WORDS)
        if (fault[VK_FAULT_STATE] && (!first || fault[VK_FAULT_NODE] < first[VK_FAULT_NODE]))
            first = fault;
    return first;
}

static enum percept_status check_fault(const struct prt_segment *segment,
                                       struct percept_error *error)
{
    const uint32_t *fault = first_fault(segment);
    if (!fault)
        return PERCEPT_OK;
    const struct prt_node *node = &segment->graph->nodes[fault[VK_FAULT_NODE]];
    char name[64];
    int64_t index;
    memcpy(&index, &fault[VK_FAULT_INDEX], sizeof index);
    snprintf(name, sizeof name, "%s", node->name ? node->name : prt_op_name(node->op));
    for (char *c = name; *c && !node->name; c++)
        *c = (char)(*c == '_' ? ' ' : *c); /* as the CPU calls them */
    if (node->op == PRT_OP_EXPECT)
        return percept_fail(error, PERCEPT_CANCELLED, "%s: a size is %lld, not %lld", name,
                            (long long)index, (long long)node->attrs.expect.size);
    return percept_fail(error, PERCEPT_INVALID, "%s: index %lld is outside of a dimension of %u",
                        name, (long long)index, fault[VK_FAULT_SIZE]);
}

/* Ticks of the device, counted from when the run began, as times of this host. */
static void read_times(const struct prt_segment *segment, int64_t begun_ns,
                       struct prt_step_time *times)
{
    const struct vk_device *device = segment->device;
    uint32_t count = segment->node_count + 1;
    uint64_t *ticks = calloc(count, sizeof *ticks);
    if (ticks && segment->queries &&
        device->api.GetQueryPoolResults(device->device, segment->queries, 0, count,
                                        count * sizeof *ticks, ticks, sizeof *ticks,
                                        VK_QUERY_RESULT_64_BIT) == VK_SUCCESS) {
        double period = (double)device->limits.timestampPeriod;
        for (uint32_t i = 0; i + 1 < count; i++) {
            times[i].start_ns = begun_ns + (int64_t)((double)(ticks[i] - ticks[0]) * period);
            times[i].end_ns = begun_ns + (int64_t)((double)(ticks[i + 1] - ticks[0]) * period);
        }
    }
    for (uint32_t i = 0; i + 1 < count; i++)
        times[i].kernel = segment->kernels[i] ? segment->kernels[i] : "none";
    free(ticks);
}

/* ---- a run, under the segment's lock ---- */

static enum percept_status begin_run(struct prt_segment *segment,
                                     const struct prt_execution *execution,
                                     struct percept_error *error)
{
    if (segment->run.in_flight)
        return percept_fail(error, PERCEPT_BUSY, "vulkan: the segment is running already");
    if (atomic_load(&segment->device->lost))
        return vk_fail(segment->device, VK_ERROR_DEVICE_LOST, "vkQueueSubmit", error);
    bool cut = vk_gives_way(segment->device, segment->work.priority);
    enum percept_status status =
        vk_record(segment, execution->data, execution->times != NULL, cut, error);
    if (status != PERCEPT_OK)
        return status;
    memset(segment->fault.mapped, 0, FAULT_BYTES);
    vk_bring_in(segment, execution->data);
    segment->run.data = execution->data;
    segment->run.times = execution->times;
    segment->run.begun_ns = base_clock_ns();
    segment->work.pieces = segment->pieces;
    segment->work.piece_count = segment->piece_count;
    status = vk_submit(segment->device, &segment->work, error);
    segment->run.in_flight = status == PERCEPT_OK;
    return status;
}

static enum percept_status end_run(struct prt_segment *segment, struct percept_error *error)
{
    struct vk_run *run = &segment->run;
    if (!run->in_flight)
        return percept_fail(error, PERCEPT_INVALID, "vulkan: the segment is not running");
    enum percept_status status = vk_wait(segment->device, &segment->work, error);
    run->in_flight = false;
    vk_device_has_run();
    run->submissions = segment->work.submissions;
    if (status == PERCEPT_OK)
        status = check_fault(segment, error);
    /* The run may begin again: for that it needs the sizes that it found, and the states that were.
     */
    if (status == PERCEPT_OK || status == PERCEPT_CANCELLED)
        vk_bring_out(segment, run->data, status == PERCEPT_OK);
    if (status != PERCEPT_OK)
        return status;
    if (run->times)
        read_times(segment, run->begun_ns, run->times);
    return PERCEPT_OK;
}

static enum percept_status start(struct prt_segment *segment, const struct prt_execution *execution,
                                 struct percept_error *error)
{
    pthread_mutex_lock(&segment->lock);
    enum percept_status status = begin_run(segment, execution, error);
    pthread_mutex_unlock(&segment->lock);
    return status;
}

static enum percept_status wait(struct prt_segment *segment, struct percept_error *error)
{
    pthread_mutex_lock(&segment->lock);
    enum percept_status status = end_run(segment, error);
    pthread_mutex_unlock(&segment->lock);
    return status;
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    struct prt_segment *own = (struct prt_segment *)(uintptr_t)segment;
    pthread_mutex_lock(&own->lock);
    enum percept_status status = begin_run(own, execution, error);
    if (status == PERCEPT_OK)
        status = end_run(own, error);
    pthread_mutex_unlock(&own->lock);
    return status;
}

static size_t scratch_bytes(const struct prt_segment *segment)
{
    (void)segment;
    return 0;
}

static void stats(const struct prt_segment *segment, struct prt_segment_stats *stats)
{
    *stats = (struct prt_segment_stats){
        .dispatches = segment->dispatch_count,
        .tuned = segment->tuned,
        .submissions = segment->run.submissions,
        .copied_bytes = vk_copied_bytes(segment),
        .device_bytes = segment->weights.bytes + segment->parameters.bytes + segment->own.bytes +
                        segment->scratch.bytes,
    };
}

/* ---- the backend ---- */

static const char *absent(void)
{
    const char *why;
    struct vk_device *device = vk_device_get(&why);
    vk_device_release(device);
    return device ? NULL : why;
}

/* Shaders know codes of one byte, and biases. */
static bool has_wide_codes(const struct prt_graph *graph, const struct prt_node *node)
{
    for (unsigned i = 0; i <= node->input_count; i++) {
        const struct prt_tensor *tensor =
            i < node->input_count ? vk_tensor(graph, node, i) : vk_result(graph, node);
        if (tensor && tensor->quant.kind != PRT_QUANT_NONE && prt_dtype_size(tensor->dtype) == 2)
            return true;
    }
    return false;
}

static const char *refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct vk_kernel *kernel = vk_kernel_of(node->op);
    if (has_wide_codes(graph, node))
        return "its codes have 16 bits";
    return kernel ? kernel->refuses(graph, node) : "it has no shader";
}

/* What is kept of a graph depends on what the device's kernels take. */
static const char *code(void)
{
    return absent() ? "absent" : vk_device_name();
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return refuses(graph, node) == NULL;
}

const struct prt_backend prt_vulkan_backend = {
    .version = PRT_BACKEND_VERSION,
    .name = "vulkan",
    .absent = absent,
    .supports = supports,
    .refuses = refuses,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
    .execute = execute,
    .start = start,
    .wait = wait,
    .destroy = destroy,
    .memory_create = vk_shared_memory_create,
    .memory_destroy = vk_shared_memory_destroy,
    .memory_import = vk_shared_memory_import,
    .memory_forget = vk_shared_memory_forget,
    .memory_export = vk_shared_memory_export,
    .code = code,
    .stats = stats,
};
