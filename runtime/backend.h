/*
 * What a processor must offer to run part of a graph. Built in or a plugin; the runtime knows
 * backends only by this.
 *
 * A backend compiles a run of nodes into a segment once (packs weights, picks kernels) and executes
 * it often. Memory of values between nodes is the runtime's: it plans one arena and hands each
 * execution a table of addresses.
 *
 * What a kernel may count on when its segment executes:
 *   - the graph's rules (graph.h), and layouts as prt_op_layout says; weights of CONV2D and LINEAR,
 *     and operands that broadcast, may lie in any dim_order;
 *   - operands and results overlap only as equal addresses, and only for UNARY, BINARY and PRELU,
 *     whose result may lie over an operand of the same sizes, type and layout, and for SCATTER,
 *     whose result may lie over x;
 *   - views are free: a PERMUTE, RESHAPE or LAYOUT whose result can share its operand's memory, and
 *     a CONCAT whose parts were computed in place, never reach a backend. A PERMUTE or RESHAPE that
 *     does (from an input of the method straight to an output) is a copy of bytes.
 */
#ifndef RUNTIME_BACKEND_H
#define RUNTIME_BACKEND_H

#include "base/status.h"
#include "base/thread_pool.h"
#include "runtime/graph.h"

#define PRT_BACKEND_VERSION 6

/* Of a small build whose only backend is on the host: what several need is left out, and so is
 * sharing the processor (struct prt_yield). */
#ifndef PRT_ONE_BACKEND
#define PRT_ONE_BACKEND 0
#endif

struct prt_cache;   /* runtime/cache/cache.h */
struct prt_segment; /* a backend's compiled nodes; each backend defines its own */

/*
 * Where a value lies: delta bytes into the storage of its root. A root is a constant (its data), a
 * state (wherever its owner keeps it) or has an offset in the arena. Many values may share a root:
 * views, parts of a concatenation, and results written over an operand.
 */
struct prt_place {
    uint32_t root;
    size_t delta;
    size_t offset; /* of a root in the arena; unused for constants and states */
};

/* Whose work goes first where several models want one device. */
enum prt_priority { PRT_PRIORITY_LOW = -1, PRT_PRIORITY_NORMAL = 0, PRT_PRIORITY_HIGH = 1 };

struct prt_compile {
    const struct prt_graph *graph; /* finished; outlives the segment */
    const uint32_t *nodes;         /* indices into graph->nodes, in execution order */
    uint32_t node_count;
    unsigned threads; /* most workers that an execution will have */
    /* By value; outlive the segment. NULL: nothing is planned, each value has storage of its own.
     * A backend with memory of its own may lay it out likewise. */
    const struct prt_place *places;
    size_t arena_bytes;
    bool half; /* floats between the nodes may be of 16 bits */
    enum prt_priority priority;
    struct prt_cache *cache; /* of what need not be computed again by the next process; or NULL */
    const char *folder;      /* of the cache, for what is known of the device; NULL: none */
    int64_t tune_ns;         /* time to find out what is quickest on the device; 0: none */
};

/* Filled by an execution when the caller wants a profile: one entry a node of the compile, in
 * order. */
struct prt_step_time {
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    const char *kernel;       /* which kernel ran, static text */
};

/*
 * Whoever shares a processor among models wants a say between two steps of a run: one a thread that
 * runs models, for all of them. A step is the least that runs without: of a single convolution that
 * takes 5 ms, the caller hears after 5 ms, whatever the bound. A backend that computes on the
 * caller's thread asks before each of its steps (runtime/yield.h).
 *
 * All are called on the thread that runs the model, with no lock held and the pool's workers at
 * rest, and may take as long as they like; they must not run or change a model of this thread.
 */
struct prt_yield {
    /* Between two steps, when bound_ns have passed since it was called last. */
    void (*step)(void *context);
    /* Before and after the thread waits for a device, which needs no CPU. May be NULL, both. */
    void (*wait)(void *context);
    void (*resume)(void *context);
    void *context;
    int64_t bound_ns;
    int64_t last_ns; /* when it was called last; the caller sets it to now before a run */
};

struct prt_execution {
    void *const *data; /* address of each value by id; 64-byte aligned for planned ones; NULL for
                          non-tensors */
    void *scratch;     /* scratch_bytes of the segment, 64-byte aligned; contents undefined */
    struct base_pool *pool;      /* NULL: the caller's thread only */
    struct prt_step_time *times; /* NULL, or node_count entries */
    struct prt_yield *yield;     /* NULL: nobody wants a say */
};

/* What a run costs beside the computing, for people who look into it. */
struct prt_segment_stats {
    uint32_t dispatches;  /* on a device; 0 for those that compute by themselves */
    uint32_t tuned;       /* of these: of a size that was found to be quickest */
    uint32_t submissions; /* to it, as last run */
    size_t copied_bytes;  /* between the host's memory and the device's, as last run */
    size_t device_bytes;  /* that the segment alone has there */
};

struct prt_backend {
    uint32_t version; /* PRT_BACKEND_VERSION */
    const char *name; /* "cpu" */
    /* It computes where the host's memory is, and is quick to begin: what needs computing once,
     * when a model is made, is left to such a one if there is any. */
    bool on_host;

    /* NULL when present and usable; else why not (static text). */
    const char *(*absent)(void);

    /* Can it run this node, with these dtypes and layouts? Cheap; called while placing. Reads only
     * graph values. */
    bool (*supports)(const struct prt_graph *graph, const struct prt_node *node);

    /* On success *segment is owned by the caller. */
    enum percept_status (*compile)(const struct prt_compile *compile, struct prt_segment **segment,
                                   struct percept_error *error);
    /* Bytes of scratch an execution needs. */
    size_t (*scratch_bytes)(const struct prt_segment *segment);

    /* Synchronous; no allocation, no syscall but the pool's wake-ups. A segment may run in several
     * threads at once with different data and scratch. */
    enum percept_status (*execute)(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error);
    void (*destroy)(struct prt_segment *segment); /* NULL is fine; waits for a run in flight */

    /* Why it does not support a node, static text; NULL when it does. May be NULL: it just does
     * not.
     */
    const char *(*refuses)(const struct prt_graph *graph, const struct prt_node *node);

    /* Memory that its device uses where it lies, for the tensors of models whose first choice the
     * backend is: what is there need not be copied. 64-byte aligned, zeroed. Both may be NULL;
     * memory_create may return NULL, then memory is the host's. */
    void *(*memory_create)(size_t bytes);
    void (*memory_destroy)(void *memory, size_t bytes);

    /* Have its device use memory from elsewhere where it lies: what the host sees at `memory`,
     * which is the beginning of the dma-buf fd or, where that is -1, memory of the host. The
     * descriptor stays the caller's. False when the device cannot; then what is there is copied.
     * Asking again is quick when the device has it. It ends with memory_forget for the same owner,
     * which is any address that is nobody else's. Both may be NULL. */
    bool (*memory_import)(const void *owner, int fd, void *memory, size_t bytes);
    void (*memory_forget)(const void *owner);
    /* Zeroed memory of its device that the host sees and that others can have by a dma-buf, *fd,
     * the caller's; NULL when there is no such. Ends with memory_destroy. May be NULL. */
    void *(*memory_export)(size_t bytes, int *fd);

    /* May be NULL: nothing to tell. */
    void (*stats)(const struct prt_segment *segment, struct prt_segment_stats *stats);

    /* Which of its code it takes on this machine, static text: what it has a part in is kept for
     * that code only. May be NULL: then nothing is. */
    const char *(*code)(void);

    /*
     * The same as execute in two steps, for one that has a device to compute on: start returns once
     * the work is on its way there, wait when its results are where they belong. Both NULL: it
     * computes on the caller's thread.
     *
     * From start to wait, which another thread may call, the run is in flight. Meanwhile the memory
     * of all values that the segment reads or writes is the device's, and so is the scratch: nobody
     * else may read what it writes, or write either. `data` and `times` stay where they are, too;
     * the execution itself may go. One run of a segment may be in flight at a time: another start
     * or execute is BUSY, and a wait without a start INVALID. What goes wrong after start has
     * returned OK is what wait returns; either way nothing is in flight after it.
     */
    enum percept_status (*start)(struct prt_segment *segment, const struct prt_execution *execution,
                                 struct percept_error *error);
    enum percept_status (*wait)(struct prt_segment *segment, struct percept_error *error);

    /* Of a segment of which a run failed: can it be tried again? Quick; asked before each run until
     * it is so, and meanwhile others run its nodes. May be NULL: what failed once is not. */
    bool (*is_well)(const struct prt_segment *segment);

    /* For people, static text. release: of the backend or of the library behind it; device: what it
     * computes on here, when it is present. Both may be NULL and may return NULL; device is then
     * what `code` says. */
    const char *(*release)(void);
    const char *(*device)(void);

    /* An option from whoever set this machine up ("device", "NPU"). Called before anything else of
     * the backend, from one thread; key and value are copied if kept. It holds until the process
     * ends. INVALID with a text that names the key, for one that it does not know with those that
     * it knows, or for a value with what was expected. May be NULL: it has no options. */
    enum percept_status (*set)(const char *key, const char *value, struct percept_error *error);
};

#endif
