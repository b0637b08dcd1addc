/*
 * A method compiled for given numbers and sizes: what a model runs. Private to the executor.
 *
 * A model has several when its method takes numbers or tensors of dynamic shape, since those decide
 * loops and sizes, or when only the data tell a size. They share
 * the program's constants and the model's states; each has its own arena.
 */
#ifndef RUNTIME_EXECUTOR_VARIANT_H
#define RUNTIME_EXECUTOR_VARIANT_H

#include "runtime/placement.h"
#include "runtime/plan.h"
#include "runtime/prt.h"

/* The method that the options name. */
static inline const char *prt_model_method(const struct prt_model_options *options)
{
    return options->method ? options->method : "forward";
}

/* A run of nodes on one backend. */
struct prt_variant_segment {
    const struct prt_backend *backend;
    struct prt_segment *compiled;
    uint32_t *nodes; /* into the variant's order */
    uint32_t node_count;
};

/* Which backend runs which nodes. */
struct prt_variant_placement {
    /* Those of the options, without those that failed; NULL-terminated. */
    const struct prt_backend *backends[PRT_MAX_BACKENDS + 1];
    struct percept_error gave_up;       /* how the last of those failed; OK for none */
    const struct prt_backend **by_node; /* as prt_plan's */
    struct prt_variant_segment *segments;
    uint32_t segment_count;
    uint32_t *order;             /* the nodes that run, in order */
    struct prt_step_time *times; /* room for the longest segment's profile */
};

struct prt_variant {
    struct prt_graph *graph;
    /* Most preferred first; each has fewer backends than the one before it. Earlier ones than the
     * current have segments of which a run failed, and that may be well again. */
    struct prt_variant_placement placements[PRT_MAX_BACKENDS];
    unsigned placement_count, current;
    struct prt_plan plan; /* its `backends` are those of the current placement */
    struct base_pool *pool;
    struct prt_arena *arena;                  /* NULL: memory is its own */
    const struct prt_backend *memory_backend; /* whose memory it is; NULL: the host's */
    void *memory;                             /* arena, then scratch */
    size_t memory_bytes;
    void *scratch;
    void *later_scratch; /* of backends that took over and need more; else NULL */
    size_t later_scratch_bytes;
    void **data; /* by value; of states and their views only once the model has given their place */
    struct prt_model_stats stats;
    bool observable; /* each segment has one node */
    bool half;       /* of the options, as the three below */
    enum prt_priority priority;
    const char *folder;
    int64_t tune_ns;
};

/* Takes the graph over on success. The placement was made for the options' list and graph, or is
 * NULL: then a node is on the first that supports it. The cache is the program's, or NULL. */
enum percept_status prt_variant_create(struct prt_graph *graph,
                                       const struct prt_model_options *options,
                                       const struct prt_placement *placement,
                                       struct prt_cache *cache, struct prt_variant **variant,
                                       struct percept_error *error);
void prt_variant_destroy(struct prt_variant *variant); /* NULL is fine */

static inline const struct prt_variant_placement *
prt_variant_placement(const struct prt_variant *variant)
{
    return &variant->placements[variant->current];
}

/* Before a run: go back to the most preferred backends that are well. */
void prt_variant_return(struct prt_variant *variant);

/*
 * A backend failed as it ran: its nodes go to those that follow it in the list, for good or, where
 * it can tell that it is well again, until then. All tensors stay where they are. Returns the
 * cause, unchanged, when no other backend would do, or when the fault is not the backend's; then
 * the variant is as it was.
 */
enum percept_status prt_variant_fall_back(struct prt_variant *variant,
                                          const struct prt_backend *failed,
                                          enum percept_status cause, struct percept_error *error);

/* Have the nodes run on these backends of the list, one a node; entries of nodes that need no work
 * do not count. All tensors stay where they are. A backend that cannot take in its part is given
 * up. After a failure the variant is fit only to be destroyed. */
enum percept_status prt_variant_move(struct prt_variant *variant,
                                     const struct prt_backend *const *backends,
                                     struct percept_error *error);

/* The root (plan.h) lies at memory: fills in its address and those of its views. */
void prt_variant_place(struct prt_variant *variant, uint32_t root, void *memory);

#endif
