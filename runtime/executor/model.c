/* Why: ties program, passes, plan and backends into what a user holds: a thing that runs. */
#include "runtime/prt.h"

#include "base/checked.h"
#include "base/clock.h"
#include "runtime/executor/strided.h"
#include "runtime/passes.h"
#include "runtime/plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* A run of nodes on one backend. */
struct segment {
    const struct prt_backend *backend;
    struct prt_segment *compiled;
    uint32_t *nodes; /* into the model's order */
    uint32_t node_count;
};

struct prt_model {
    struct prt_graph *graph;
    struct prt_plan plan;
    struct base_pool *pool;
    struct segment *segments;
    uint32_t segment_count;
    uint32_t *order;             /* the nodes that run, in order */
    struct prt_step_time *times; /* room for the longest segment's profile */
    void *memory;                /* arena, then scratch */
    void *scratch;
    void **data; /* by value */
    struct prt_model_stats stats;
    bool observable; /* each segment has one node */
};

/* ---- making ---- */

/* Group the nodes that run into segments: a new one wherever the backend changes. */
static enum percept_status make_segments(struct prt_model *model, struct percept_error *error)
{
    uint32_t count = model->graph->node_count, longest = 0, used = 0;
    model->order = calloc((size_t)count + 1, sizeof *model->order);
    model->segments = calloc((size_t)count + 1, sizeof *model->segments);
    if (!model->order || !model->segments)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    for (uint32_t n = 0; n < count; n++) {
        const struct prt_backend *backend = model->plan.backends[n];
        if (!backend)
            continue;
        struct segment *last =
            model->segment_count ? &model->segments[model->segment_count - 1] : NULL;
        if (!last || last->backend != backend || model->observable) {
            last = &model->segments[model->segment_count++];
            *last = (struct segment){.backend = backend, .nodes = model->order + used};
        }
        model->order[used++] = n;
        longest = ++last->node_count > longest ? last->node_count : longest;
    }
    model->times = calloc((size_t)longest + 1, sizeof *model->times);
    return model->times ? PERCEPT_OK
                        : percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
}

static enum percept_status compile_segments(struct prt_model *model, struct percept_error *error)
{
    for (uint32_t i = 0; i < model->segment_count; i++) {
        struct segment *segment = &model->segments[i];
        struct prt_compile compile = {model->graph, segment->nodes, segment->node_count,
                                      model->pool ? base_pool_threads(model->pool) : 1};
        enum percept_status status = segment->backend->compile(&compile, &segment->compiled, error);
        if (status != PERCEPT_OK)
            return status;
        size_t scratch = segment->backend->scratch_bytes(segment->compiled);
        if (scratch > model->stats.scratch_bytes)
            model->stats.scratch_bytes = scratch;
    }
    return PERCEPT_OK;
}

/* One block for everything that runs touch, on huge pages when it is large: fewer TLB misses. */
static enum percept_status make_memory(struct prt_model *model, struct percept_error *error)
{
    size_t arena = model->plan.arena_bytes, scratch, total, rounded;
    bool huge = base_align_size(model->stats.scratch_bytes, PRT_PLAN_ALIGNMENT, &scratch) &&
                base_add_size(arena, scratch, &total) && total >= HUGE_PAGE;
    size_t alignment = huge ? HUGE_PAGE : PRT_PLAN_ALIGNMENT;
    if (!base_align_size(model->stats.scratch_bytes, PRT_PLAN_ALIGNMENT, &scratch) ||
        !base_add_size(arena, scratch, &total) ||
        !base_align_size(total ? total : 1, alignment, &rounded) ||
        !(model->memory = aligned_alloc(alignment, rounded)))
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for %zu + %zu bytes of tensors",
                            arena, model->stats.scratch_bytes);
    if (huge)
        (void)madvise(model->memory, rounded, MADV_HUGEPAGE); /* a wish, not a need */
    memset(model->memory, 0, total); /* also takes the page faults before the first run */
    model->scratch = (unsigned char *)model->memory + arena;
    model->stats.arena_bytes = arena;
    return PERCEPT_OK;
}

static enum percept_status bind_values(struct prt_model *model, struct percept_error *error)
{
    const struct prt_graph *graph = model->graph;
    model->data = calloc((size_t)graph->value_count + 1, sizeof *model->data);
    if (!model->data)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        model->data[i] = prt_plan_address(graph, &model->plan, model->memory, i);
        if (value->flags & PRT_FLAG_STATE && value->data && model->data[i] && value->bytes)
            memcpy(model->data[i], value->data, value->bytes);
        if (value->flags & PRT_FLAG_CONSTANT && value->uses)
            model->stats.constant_bytes += value->bytes;
    }
    return PERCEPT_OK;
}

static enum percept_status build(struct prt_model *model, const struct prt_model_options *options,
                                 struct percept_error *error)
{
    enum percept_status status =
        prt_passes_run(model->graph, options->backends, !options->no_fusion, error);
    if (status == PERCEPT_OK)
        status = prt_plan_make(model->graph, options->backends, &model->plan, error);
    if (status == PERCEPT_OK)
        status = make_segments(model, error);
    if (status == PERCEPT_OK)
        status = compile_segments(model, error);
    if (status == PERCEPT_OK)
        status = make_memory(model, error);
    if (status == PERCEPT_OK)
        status = bind_values(model, error);
    return status;
}

enum percept_status prt_model_from_graph(struct prt_graph *graph,
                                         const struct prt_model_options *options,
                                         struct prt_model **model, struct percept_error *error)
{
    int64_t start = base_clock_ns();
    if (!options || !options->backends || !options->backends[0])
        return percept_fail(error, PERCEPT_INVALID, "a model needs a list of backends");
    struct prt_model *made = calloc(1, sizeof *made);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    made->graph = graph;
    made->pool = options->pool;
    made->observable = options->observable;
    enum percept_status status = build(made, options, error);
    if (status != PERCEPT_OK) {
        made->graph = NULL; /* still the caller's */
        prt_model_destroy(made);
        return status;
    }
    made->stats.node_count = graph->node_count;
    made->stats.segment_count = made->segment_count;
    made->stats.load_ns = base_clock_ns() - start;
    *model = made;
    return PERCEPT_OK;
}

enum percept_status prt_model_create(const struct prt_program *program,
                                     const struct prt_model_options *options,
                                     struct prt_model **model, struct percept_error *error)
{
    int64_t start = base_clock_ns();
    struct prt_graph *graph = NULL;
    struct prt_model *made = NULL;
    const char *method = options && options->method ? options->method : "forward";
    enum percept_status status = prt_program_import(program, method, &graph, error);
    if (status == PERCEPT_OK)
        status = prt_model_from_graph(graph, options, &made, error);
    if (status != PERCEPT_OK) {
        prt_graph_destroy(graph);
        return status;
    }
    made->stats.load_ns = base_clock_ns() - start;
    *model = made;
    return PERCEPT_OK;
}

void prt_model_destroy(struct prt_model *model)
{
    if (!model)
        return;
    for (uint32_t i = 0; i < model->segment_count; i++)
        model->segments[i].backend->destroy(model->segments[i].compiled);
    free(model->segments);
    free(model->order);
    free(model->times);
    free(model->memory);
    free(model->data);
    prt_plan_free(&model->plan);
    prt_graph_destroy(model->graph);
    free(model);
}

/* ---- inputs and outputs ---- */

size_t prt_model_input_count(const struct prt_model *model)
{
    return model->graph->input_count;
}

size_t prt_model_output_count(const struct prt_model *model)
{
    return model->graph->output_count;
}

/* The tensor value at a place of one of the method's two lists, or NULL. */
static const struct prt_value *interface_tensor(const struct prt_model *model, const uint32_t *ids,
                                                uint32_t count, size_t index)
{
    if (index >= count || model->graph->values[ids[index]].kind != PRT_VALUE_TENSOR)
        return NULL;
    return &model->graph->values[ids[index]];
}

static const struct prt_value *input_at(const struct prt_model *model, size_t index)
{
    return interface_tensor(model, model->graph->inputs, model->graph->input_count, index);
}

static const struct prt_value *output_at(const struct prt_model *model, size_t index)
{
    return interface_tensor(model, model->graph->outputs, model->graph->output_count, index);
}

const struct prt_tensor *prt_model_input_spec(const struct prt_model *model, size_t index)
{
    const struct prt_value *value = input_at(model, index);
    return value ? &value->tensor : NULL;
}

const struct prt_tensor *prt_model_output_spec(const struct prt_model *model, size_t index)
{
    const struct prt_value *value = output_at(model, index);
    return value ? &value->tensor : NULL;
}

void *prt_model_input_data(struct prt_model *model, size_t index)
{
    return input_at(model, index) ? model->data[model->graph->inputs[index]] : NULL;
}

const void *prt_model_output_data(const struct prt_model *model, size_t index)
{
    return output_at(model, index) ? model->data[model->graph->outputs[index]] : NULL;
}

static enum percept_status check_copy(const struct prt_value *value, const char *what, size_t index,
                                      size_t size, struct percept_error *error)
{
    if (!value)
        return percept_fail(error, PERCEPT_INVALID, "%s %zu is no tensor of the method", what,
                            index);
    if (size != value->bytes)
        return percept_fail(error, PERCEPT_INVALID, "%s %zu has %zu bytes, not %zu", what, index,
                            value->bytes, size);
    return PERCEPT_OK;
}

enum percept_status prt_model_set_input(struct prt_model *model, size_t index, const void *data,
                                        size_t size, struct percept_error *error)
{
    const struct prt_value *value = input_at(model, index);
    enum percept_status status = check_copy(value, "input", index, size, error);
    if (status == PERCEPT_OK)
        prt_copy_from_row_major(&value->tensor, prt_model_input_data(model, index), data);
    return status;
}

enum percept_status prt_model_get_output(const struct prt_model *model, size_t index, void *data,
                                         size_t size, struct percept_error *error)
{
    const struct prt_value *value = output_at(model, index);
    enum percept_status status = check_copy(value, "output", index, size, error);
    if (status == PERCEPT_OK)
        prt_copy_to_row_major(&value->tensor, data, prt_model_output_data(model, index));
    return status;
}

/* ---- running ---- */

enum percept_status prt_model_run(struct prt_model *model, struct percept_error *error)
{
    return prt_model_run_profiled(model, NULL, error);
}

enum percept_status prt_model_run_profiled(struct prt_model *model, struct prt_step_time *times,
                                           struct percept_error *error)
{
    struct prt_execution execution = {.data = model->data,
                                      .scratch = model->scratch,
                                      .pool = model->pool,
                                      .times = times ? model->times : NULL};
    if (times)
        memset(times, 0, model->graph->node_count * sizeof *times);
    for (uint32_t i = 0; i < model->segment_count; i++) {
        const struct segment *segment = &model->segments[i];
        enum percept_status status =
            segment->backend->execute(segment->compiled, &execution, error);
        if (status != PERCEPT_OK)
            return status;
        for (uint32_t n = 0; times && n < segment->node_count; n++)
            times[segment->nodes[n]] = model->times[n];
    }
    return PERCEPT_OK;
}

enum percept_status prt_model_run_observed(struct prt_model *model, prt_model_observer observer,
                                           void *context, struct percept_error *error)
{
    const struct prt_execution execution = {
        .data = model->data, .scratch = model->scratch, .pool = model->pool};
    if (!model->observable)
        return percept_fail(error, PERCEPT_INVALID, "the model was not made observable");
    /* A node without a backend has its result where an earlier one put it. */
    uint32_t next = 0;
    for (uint32_t n = 0; n < model->graph->node_count; n++) {
        if (model->plan.backends[n]) {
            const struct segment *segment = &model->segments[next++];
            enum percept_status status =
                segment->backend->execute(segment->compiled, &execution, error);
            if (status != PERCEPT_OK)
                return status;
        }
        observer(context, n, model->data[model->graph->nodes[n].outputs[0]]);
    }
    return PERCEPT_OK;
}

/* ---- looking inside ---- */

void prt_model_stats(const struct prt_model *model, struct prt_model_stats *stats)
{
    *stats = model->stats;
}

const struct prt_graph *prt_model_graph(const struct prt_model *model)
{
    return model->graph;
}

const struct prt_backend *prt_model_placement(const struct prt_model *model, uint32_t node)
{
    return node < model->graph->node_count ? model->plan.backends[node] : NULL;
}
