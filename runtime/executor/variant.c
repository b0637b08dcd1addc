/* Why: ties graph, passes, plan and backends into something that can run. */
#include "runtime/executor/variant.h"

#include "base/checked.h"
#include "base/pages.h"
#include "runtime/deferred.h"
#include "runtime/executor/arena.h"
#include "runtime/executor/kept.h"
#include "runtime/partition.h"
#include "runtime/passes.h"
#include "runtime/placement/measure.h"
#include "runtime/yield.h"

#include <stdlib.h>
#include <string.h>

/* Group the nodes that run into segments: a new one wherever the backend changes. */
static enum percept_status make_segments(const struct prt_variant *variant,
                                         struct prt_variant_placement *placement,
                                         struct percept_error *error)
{
    uint32_t count = variant->graph->node_count, longest = 0, used = 0;
    placement->order = calloc((size_t)count + 1, sizeof *placement->order);
    placement->segments = calloc((size_t)count + 1, sizeof *placement->segments);
    if (!placement->order || !placement->segments)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    for (uint32_t n = 0; n < count; n++) {
        const struct prt_backend *backend = placement->by_node[n];
        if (!backend)
            continue;
        struct prt_variant_segment *last =
            placement->segment_count ? &placement->segments[placement->segment_count - 1] : NULL;
        if (!last || last->backend != backend || variant->observable) {
            last = &placement->segments[placement->segment_count++];
            *last =
                (struct prt_variant_segment){.backend = backend, .nodes = placement->order + used};
        }
        placement->order[used++] = n;
        longest = ++last->node_count > longest ? last->node_count : longest;
    }
    placement->times = calloc((size_t)longest + 1, sizeof *placement->times);
    return placement->times ? PERCEPT_OK
                            : percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
}

static enum percept_status compile_segments(struct prt_variant *variant,
                                            struct prt_variant_placement *placement,
                                            struct prt_cache *cache,
                                            const struct prt_backend **failed,
                                            struct percept_error *error)
{
    for (uint32_t i = 0; i < placement->segment_count; i++) {
        struct prt_variant_segment *segment = &placement->segments[i];
        struct prt_compile compile = {
            .graph = variant->graph,
            .nodes = segment->nodes,
            .node_count = segment->node_count,
            .threads = variant->pool ? base_pool_threads(variant->pool) : 1,
            .places = variant->plan.places,
            .arena_bytes = variant->plan.arena_bytes,
            .half = variant->half,
            .priority = variant->priority,
            .cache = cache,
            .folder = variant->folder,
            .tune_ns = variant->tune_ns,
        };
        enum percept_status status = segment->backend->compile(&compile, &segment->compiled, error);
        if (status != PERCEPT_OK) {
            *failed = segment->backend;
            return status;
        }
        size_t scratch = segment->backend->scratch_bytes(segment->compiled);
        if (scratch > variant->stats.scratch_bytes)
            variant->stats.scratch_bytes = scratch;
    }
    return PERCEPT_OK;
}

/* Memory of a backend, or the host's (NULL): the arena's, if there is one, else the variant's own.
 */
static void *take_memory(const struct prt_variant *variant, const struct prt_backend *owner,
                         size_t bytes)
{
    if (variant->arena)
        return prt_arena_need(variant->arena, owner, bytes);
    return owner ? owner->memory_create(bytes) : base_pages_reserve(bytes);
}

/* One block for everything that runs touch, on huge pages when it is large: fewer TLB misses. */
static enum percept_status make_memory(struct prt_variant *variant, struct percept_error *error)
{
    size_t arena = variant->plan.arena_bytes, scratch, total = 0;
    if (base_align_size(variant->stats.scratch_bytes, PRT_PLAN_ALIGNMENT, &scratch) &&
        base_add_size(arena, scratch, &total)) {
        const struct prt_backend *first = prt_variant_placement(variant)->backends[0];
        size_t some = total ? total : 1;
        if (!PRT_ONE_BACKEND && first->memory_create)
            variant->memory = take_memory(variant, first, some);
        variant->memory_backend = variant->memory ? first : NULL;
        if (!variant->memory)
            variant->memory = take_memory(variant, NULL, some);
    }
    if (!variant->memory)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for %zu + %zu bytes of tensors",
                            arena, variant->stats.scratch_bytes);
    variant->memory_bytes = total;
    variant->scratch = (unsigned char *)variant->memory + arena;
    variant->stats.arena_bytes = arena;
    if (!variant->arena && !variant->memory_backend)
        base_pages_wish_huge(variant->memory, 0, total);
    return PERCEPT_OK;
}

static enum percept_status bind_values(struct prt_variant *variant, struct percept_error *error)
{
    const struct prt_graph *graph = variant->graph;
    variant->data = calloc((size_t)graph->value_count + 1, sizeof *variant->data);
    if (!variant->data)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        variant->data[i] = prt_plan_address(graph, &variant->plan, variant->memory, i);
        if (value->flags & PRT_FLAG_CONSTANT && value->uses)
            variant->stats.constant_bytes += value->bytes;
    }
    return PERCEPT_OK;
}

void prt_variant_place(struct prt_variant *variant, uint32_t root, void *memory)
{
    for (uint32_t i = 0; i < variant->graph->value_count; i++)
        if (variant->graph->values[i].kind == PRT_VALUE_TENSOR &&
            variant->plan.places[i].root == root)
            variant->data[i] = (unsigned char *)memory + variant->plan.places[i].delta;
}

static void drop_segments(struct prt_variant_placement *placement)
{
    for (uint32_t i = 0; i < placement->segment_count; i++)
        placement->segments[i].backend->destroy(placement->segments[i].compiled);
    free(placement->segments);
    free(placement->order);
    free(placement->times);
    placement->segments = NULL;
    placement->segment_count = 0;
    placement->order = NULL;
    placement->times = NULL;
}

static void drop_placement(struct prt_variant_placement *placement)
{
    drop_segments(placement);
    free(placement->by_node);
    placement->by_node = NULL;
}

static void use_placement(struct prt_variant *variant, unsigned index)
{
    variant->current = index;
    variant->plan.backends = variant->placements[index].by_node;
    variant->stats.segment_count = variant->placements[index].segment_count;
}

static void note_cause(struct prt_variant_placement *placement, enum percept_status cause,
                       const struct percept_error *error)
{
    placement->gave_up = error ? *error : (struct percept_error){0};
    placement->gave_up.status = cause;
}

/* Take a backend off the list, when what it failed at is its own fault and others can do it. */
static bool give_up(struct prt_variant *variant, struct prt_variant_placement *placement,
                    const struct prt_backend *failed, enum percept_status cause,
                    const struct percept_error *error)
{
    const struct prt_backend *others[PRT_MAX_BACKENDS + 1] = {NULL};
    struct prt_plan plan = {.places = variant->plan.places, .backends = placement->by_node};
    unsigned kept = 0;
    for (unsigned i = 0; placement->backends[i]; i++)
        if (placement->backends[i] != failed)
            others[kept++] = placement->backends[i];
    if (PRT_ONE_BACKEND || !failed || failed->on_host || kept == 0 || cause == PERCEPT_INVALID ||
        cause == PERCEPT_CANCELLED ||
        prt_plan_place(variant->graph, others, &plan, NULL) != PERCEPT_OK)
        return false;
    memcpy(placement->backends, others, sizeof others);
    note_cause(placement, cause, error);
    return true;
}

/* Segments for a placement, without those backends that cannot take in theirs. */
static enum percept_status take_in(struct prt_variant *variant,
                                   struct prt_variant_placement *placement, struct prt_cache *cache,
                                   struct percept_error *error)
{
    for (;;) {
        const struct prt_backend *failed = NULL;
        struct percept_error cause = {0};
        enum percept_status status = make_segments(variant, placement, &cause);
        if (status == PERCEPT_OK)
            status = compile_segments(variant, placement, cache, &failed, &cause);
        if (status == PERCEPT_OK)
            return PERCEPT_OK;
        drop_segments(placement);
        if (!give_up(variant, placement, failed, status, &cause)) {
            if (error)
                *error = cause;
            return status;
        }
    }
}

static enum percept_status build(struct prt_variant *variant,
                                 const struct prt_model_options *options,
                                 const struct prt_placement *placement, struct prt_cache *cache,
                                 struct percept_error *error)
{
    struct prt_variant_placement *first = &variant->placements[0];
    unsigned count = 0;
    for (; options->backends[count] && count < PRT_MAX_BACKENDS; count++)
        first->backends[count] = options->backends[count];
    if (count == 0)
        return percept_fail(error, PERCEPT_INVALID, "a model needs a backend");
    variant->placement_count = 1;
    enum percept_status status = PERCEPT_OK;
    if (!variant->graph->kept)
        status = prt_passes_run(variant->graph, options->backends, !options->no_fusion, error);
    if (status == PERCEPT_OK)
        status = prt_deferred_settle(variant->graph, error);
    if (status == PERCEPT_OK)
        prt_kept_add_constants(cache, variant->graph);
    prt_yield_plan();
    if (status == PERCEPT_OK)
        status = prt_partition(variant->graph, first->backends, error);
    prt_yield_plan();
    if (status == PERCEPT_OK)
        status = prt_plan_make(variant->graph, first->backends, &variant->plan, error);
    prt_yield_plan();
    if (status == PERCEPT_OK && !PRT_ONE_BACKEND && placement)
        prt_placement_apply(placement, variant->graph, first->backends, variant->plan.backends);
    first->by_node = variant->plan.backends;
    if (status == PERCEPT_OK)
        status = take_in(variant, first, cache, error);
    if (status == PERCEPT_OK)
        status = make_memory(variant, error);
    if (status == PERCEPT_OK)
        status = bind_values(variant, error);
    variant->stats.node_count = variant->graph->node_count;
    variant->stats.segment_count = first->segment_count;
    return status;
}

enum percept_status prt_variant_create(struct prt_graph *graph,
                                       const struct prt_model_options *options,
                                       const struct prt_placement *placement,
                                       struct prt_cache *cache, struct prt_variant **variant,
                                       struct percept_error *error)
{
    struct prt_variant *made = calloc(1, sizeof *made);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    made->graph = graph;
    made->pool = options->pool;
    made->arena = options->arena;
    made->observable = options->observable;
    made->half = options->half;
    made->priority = options->priority;
    made->folder = options->cache;
    made->tune_ns = options->tune_ns;
    enum percept_status status = build(made, options, placement, cache, error);
    if (status != PERCEPT_OK) {
        made->graph = NULL; /* still the caller's */
        prt_variant_destroy(made);
        return status;
    }
    *variant = made;
    return PERCEPT_OK;
}

void prt_variant_destroy(struct prt_variant *variant)
{
    if (!variant)
        return;
    for (unsigned i = 0; i < variant->placement_count; i++)
        drop_placement(&variant->placements[i]);
    if (!variant->arena && variant->memory_backend)
        variant->memory_backend->memory_destroy(variant->memory, variant->memory_bytes);
    else if (!variant->arena)
        base_pages_free(variant->memory, variant->memory_bytes);
    base_pages_free(variant->later_scratch, variant->later_scratch_bytes);
    free(variant->data);
    variant->plan.backends = NULL; /* a placement's, and gone */
    prt_plan_free(&variant->plan);
    prt_graph_destroy(variant->graph);
    free(variant);
}

/* The arena stays where callers know it to be; scratch need not. */
static enum percept_status find_scratch(struct prt_variant *variant, struct percept_error *error)
{
    size_t needed = variant->stats.scratch_bytes;
    if (needed <= variant->memory_bytes - variant->plan.arena_bytes)
        return PERCEPT_OK;
    base_pages_free(variant->later_scratch, variant->later_scratch_bytes);
    variant->later_scratch_bytes = needed;
    variant->scratch = variant->later_scratch = base_pages_reserve(needed);
    return variant->scratch ? PERCEPT_OK
                            : percept_fail(error, PERCEPT_NO_MEMORY,
                                           "no memory for %zu bytes of scratch", needed);
}

static bool has(const struct prt_variant_placement *placement, const struct prt_backend *backend)
{
    const struct prt_backend *const *b = placement->backends;
    while (*b && *b != backend)
        b++;
    return *b != NULL;
}

/* One more placement: the last one's nodes without a backend. The cause when no other takes them.
 */
static enum percept_status add_placement(struct prt_variant *variant,
                                         const struct prt_backend *failed,
                                         enum percept_status cause, struct percept_error *error)
{
    size_t count = variant->graph->node_count;
    const struct prt_variant_placement *last = &variant->placements[variant->placement_count - 1];
    struct prt_variant_placement made = {0};
    memcpy(made.backends, last->backends, sizeof made.backends);
    made.by_node = calloc(count + 1, sizeof *made.by_node);
    if (!made.by_node)
        return cause;
    memcpy(made.by_node, last->by_node, count * sizeof *made.by_node);
    enum percept_status status = cause;
    if (give_up(variant, &made, failed, cause, error))
        status = take_in(variant, &made, NULL, error);
    if (status == PERCEPT_OK)
        status = find_scratch(variant, error);
    if (status == PERCEPT_OK)
        variant->placements[variant->placement_count++] = made;
    else
        drop_placement(&made);
    return status;
}

enum percept_status prt_variant_fall_back(struct prt_variant *variant,
                                          const struct prt_backend *failed,
                                          enum percept_status cause, struct percept_error *error)
{
    unsigned next = variant->current + 1;
    if (PRT_ONE_BACKEND)
        return cause;
    while (next < variant->placement_count && has(&variant->placements[next], failed))
        next++;
    if (next == variant->placement_count) {
        enum percept_status status = add_placement(variant, failed, cause, error);
        if (status != PERCEPT_OK)
            return status;
    } else {
        note_cause(&variant->placements[next], cause, error);
    }
    /* For good: all before it have the backend, since the current one has. */
    for (unsigned i = 0; !failed->is_well && i < next; i++)
        drop_placement(&variant->placements[i]);
    if (!failed->is_well) {
        variant->placement_count -= next;
        memmove(variant->placements, variant->placements + next,
                variant->placement_count * sizeof *variant->placements);
        next = 0;
    }
    use_placement(variant, next);
    return PERCEPT_OK;
}

static bool is_well(const struct prt_variant_placement *placement)
{
    for (uint32_t i = 0; i < placement->segment_count; i++) {
        const struct prt_variant_segment *segment = &placement->segments[i];
        if (segment->backend->is_well && !segment->backend->is_well(segment->compiled))
            return false;
    }
    return true;
}

void prt_variant_return(struct prt_variant *variant)
{
    for (unsigned i = 0; !PRT_ONE_BACKEND && i < variant->current; i++) {
        if (is_well(&variant->placements[i]))
            use_placement(variant, i); /* which ends the loop */
    }
}

enum percept_status prt_variant_move(struct prt_variant *variant,
                                     const struct prt_backend *const *backends,
                                     struct percept_error *error)
{
    struct prt_variant_placement moved = variant->placements[variant->current];
    for (unsigned i = 0; i < variant->placement_count; i++)
        if (i != variant->current) /* they would lead back */
            drop_placement(&variant->placements[i]);
    for (uint32_t n = 0; n < variant->graph->node_count; n++)
        if (moved.by_node[n])
            moved.by_node[n] = backends[n];
    drop_segments(&moved);
    variant->placements[0] = moved;
    variant->placement_count = 1;
    enum percept_status status = take_in(variant, &variant->placements[0], NULL, error);
    if (status == PERCEPT_OK)
        status = find_scratch(variant, error);
    use_placement(variant, 0);
    return status;
}
