/* A run of nodes on the remote processor. Private to the backend. */
#ifndef BACKENDS_DSP_SEGMENT_H
#define BACKENDS_DSP_SEGMENT_H

#include "backends/dsp/link.h"
#include "backends/dsp/lower.h"
#include "runtime/backend.h"

#include <pthread.h>
#include <stdatomic.h>

/* Where the bytes of a root (runtime/backend.h) are for the processor, and who else uses them. */
struct dsp_root {
    bool used, written; /* by this segment */
    bool enters;        /* somebody wrote it before the segment runs */
    bool leaves;        /* somebody reads it after */
    enum dsp_space space;
    size_t bytes, offset; /* offset: in that space */
    uint32_t first, last; /* steps that touch it */
};

struct dsp_segment_step {
    struct dsp_lowered lowered;
    uint32_t node; /* place among the segment's */
    unsigned part;
};

struct prt_segment {
    struct dsp_link *link;
    const struct prt_graph *graph;
    const uint32_t *nodes;
    uint32_t node_count, step_count;
    struct dsp_segment_step *steps;
    struct prt_place *own_places; /* when the compile has none */
    const struct prt_place *places;
    struct dsp_root *roots; /* by value id; meaningful for roots */
    uint32_t *touched;      /* the roots in use */
    uint32_t touched_count;

    size_t local_bytes; /* of the processor's own memory, for values */
    size_t arena_bytes, constants_bytes;
    size_t block, block_bytes; /* of shared memory: all of the following, as offsets into that */
    bool has_block;
    size_t program, times, constants, arena;
    uint64_t handle;      /* 0: not loaded */
    pthread_mutex_t lock; /* link, block and handle; one run at a time */

    struct {
        atomic_bool is_hurt; /* released by mend.c when it runs again */
        struct prt_segment *next;
        int64_t due_ns, well_ns; /* when to try, since when it was well; CLOCK_MONOTONIC */
        unsigned attempts;
    } mend; /* the others are under mend.c's lock */
};

/* roots.c: where the values of the steps lie, and which of them go in and out. */
enum percept_status dsp_find_roots(struct prt_segment *segment, const struct prt_compile *compile,
                                   struct percept_error *error);

/* residents.c: which values stay in the processor's own memory, so that all tiles fit beside them.
 * LIMIT, with both sizes named, when a step does not fit into all of it. */
enum percept_status dsp_find_residents(struct prt_segment *segment, size_t memory,
                                       struct percept_error *error);

/* program.c: where all is in the segment's block; shared memory for that of the link, filled, and
 * the program loaded; and all of that given back, with the link. */
enum percept_status dsp_lay_out_segment(struct prt_segment *segment, struct percept_error *error);
enum percept_status dsp_put_segment(struct prt_segment *segment, struct percept_error *error);
void dsp_leave_link(struct prt_segment *segment);

/* mend.c: after a run that failed, have the segment put on a processor that works; is it; and no
 * more of that, since it goes. */
void dsp_mend_later(struct prt_segment *segment);
bool dsp_is_well(const struct prt_segment *segment);
void dsp_mend_never(struct prt_segment *segment);

/* The place of an operand in its space. */
size_t dsp_root_offset(const struct prt_segment *segment, uint32_t value);

#endif
