/* A run of nodes that a host has taken in. Private to the backend. */
#ifndef BACKENDS_ISOLATED_SEGMENT_H
#define BACKENDS_ISOLATED_SEGMENT_H

#include "backends/isolated/host.h"

/* A root (runtime/backend.h) that others write before a run, or read after it. */
struct isolated_root {
    uint32_t id;
    size_t offset, bytes; /* offset: in the shared memory */
};

struct prt_segment {
    struct isolated_host *host;
    struct prt_compile compile; /* as it came; its graph, nodes and places outlive us */
    uint64_t *at;               /* by root: where it lies in the shared memory */
    struct isolated_root *enters, *leaves;
    uint32_t enter_count, leave_count;
    size_t times, shared_bytes;

    /* Under the host's lock. */
    struct prt_segment *next; /* of the host's */
    uint64_t generation;      /* of the host that has it; 0: none has */
    bool is_in_flight;        /* from start to wait */
    bool is_loading;          /* the supervisor has it taken in */
    bool is_refused;          /* no host will be asked to take it in again */
    unsigned losses;          /* hosts in a row that were lost while they took it in */

    /* The run's in flight, else the loader's. */
    unsigned char *shared;
    uint64_t handle;
    struct isolated_call call;
    struct isolated_reply reply;
    void *const *data;
    struct prt_step_time *times_wanted;
    struct prt_segment_stats stats; /* as last told */
};

enum percept_status isolated_compile(struct isolated_host *host, const struct prt_compile *compile,
                                     struct prt_segment **segment, struct percept_error *error);
/* The hooks of a proxy that take a segment. */
size_t isolated_scratch_bytes(const struct prt_segment *segment);
enum percept_status isolated_execute(const struct prt_segment *segment,
                                     const struct prt_execution *execution,
                                     struct percept_error *error);
enum percept_status isolated_start(struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error);
enum percept_status isolated_wait(struct prt_segment *segment, struct percept_error *error);
bool isolated_is_well(const struct prt_segment *segment);
void isolated_segment_stats(const struct prt_segment *segment, struct prt_segment_stats *stats);
void isolated_destroy(struct prt_segment *segment);

/* parcel.c: memory for what goes to the host, and its descriptor. */
struct isolated_parcel {
    int fd;
    void *memory;
    size_t bytes;       /* of the memory: the parcel, and the room for lists behind it */
    size_t lists;       /* where that begins */
    size_t extra_bytes; /* how much of it is wanted; set before the first use */
};
void *isolated_parcel_memory(void *parcel, size_t bytes); /* a prt_parcel_memory */
void isolated_parcel_close(struct isolated_parcel *parcel);

#endif
