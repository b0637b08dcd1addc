/*
 * What each thread of a pipeline did when, for whoever wants to see an interval of it. While nobody
 * does, it costs a relaxed load of a variable that nobody writes. Private to pipelines; the engine
 * (pipelines/engine.h) begins and reads.
 */
#ifndef PIPELINES_TRACE_H
#define PIPELINES_TRACE_H

#include "pipelines/engine.h"

#include <stdatomic.h>

#define PIPE_TRACE_EVENTS 16384 /* of a thread, the newest; a power of two */

struct pipe_trace_ring;

/* A thread's place: empty until somebody wants to see it. The loop's thread fills and frees it. */
typedef _Atomic(struct pipe_trace_ring *) pipe_trace_slot;

/* When recording ends, CLOCK_MONOTONIC; 0: it is off. Written by the engine's thread; relaxed: a
 * thread may hear of it an event later. */
extern _Atomic int64_t pipe_trace_until_ns;

/* Of the calling thread, from now on; the slot must outlive it. */
void pipe_trace_here(pipe_trace_slot *slot);

/* Now, if it is wanted, for pipe_trace_end; else 0. */
int64_t pipe_trace_now(void);

static inline int64_t pipe_trace_begin(void)
{
    return atomic_load_explicit(&pipe_trace_until_ns, memory_order_relaxed) ? pipe_trace_now() : 0;
}

/* What began then has ended. The name must live as long as the slot. */
void pipe_trace_add(enum pipe_trace_kind kind, const char *name, int64_t begin_ns, int64_t number,
                    int64_t other);

static inline void pipe_trace_end(enum pipe_trace_kind kind, const char *name, int64_t begin_ns)
{
    pipe_trace_add(kind, name, begin_ns, 0, 0);
}

/* ---- the engine's thread ---- */

enum percept_status pipe_trace_open(pipe_trace_slot *slot, struct percept_error *error);
void pipe_trace_close(pipe_trace_slot *slot); /* its thread has ended */
/* The events that began at `since_ns` or later; those that end as this runs may be missing. */
void pipe_trace_read(pipe_trace_slot *slot, int64_t since_ns, const struct pipe_trace_event *about,
                     pipe_trace_fn tell, void *context);

#endif
