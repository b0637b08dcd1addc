/* Why: how threads run beside each other is seen, not computed from averages; and looking must not
 * change what is seen. */
#include "pipelines/trace.h"

#include "base/clock.h"

#include <stdlib.h>

/* One writer, the thread. Relaxed fields: what is whole is told by `count`. */
struct record {
    _Atomic(const char *) name;
    _Atomic int64_t begin_ns, end_ns, numbers[2];
    _Atomic int kind;
};

struct pipe_trace_ring {
    _Atomic uint64_t count; /* ever begun to be written; release after the event before is whole */
    struct record records[PIPE_TRACE_EVENTS];
};

_Atomic int64_t pipe_trace_until_ns;
static _Thread_local pipe_trace_slot *here;

void pipe_trace_here(pipe_trace_slot *slot)
{
    here = slot;
}

int64_t pipe_trace_now(void)
{
    int64_t now = base_clock_ns();
    return now < atomic_load_explicit(&pipe_trace_until_ns, memory_order_relaxed) ? now : 0;
}

void pipe_trace_add(enum pipe_trace_kind kind, const char *name, int64_t begin_ns, int64_t number,
                    int64_t other)
{
    /* acquire: the ring is whole. */
    struct pipe_trace_ring *ring =
        begin_ns && here ? atomic_load_explicit(here, memory_order_acquire) : NULL;
    if (!ring)
        return;
    uint64_t count = atomic_load_explicit(&ring->count, memory_order_relaxed);
    struct record *record = &ring->records[count % PIPE_TRACE_EVENTS];
    /* release on each: a reader that sees any of this event sees that the one before is whole and
     * that this place is no longer what it was (it looks at count again). */
    atomic_store_explicit(&record->name, name, memory_order_release);
    atomic_store_explicit(&record->begin_ns, begin_ns, memory_order_release);
    atomic_store_explicit(&record->end_ns, base_clock_ns(), memory_order_release);
    atomic_store_explicit(&record->numbers[0], number, memory_order_release);
    atomic_store_explicit(&record->numbers[1], other, memory_order_release);
    atomic_store_explicit(&record->kind, (int)kind, memory_order_release);
    atomic_store_explicit(&ring->count, count + 1, memory_order_release);
}

enum percept_status pipe_trace_open(pipe_trace_slot *slot, struct percept_error *error)
{
    if (atomic_load_explicit(slot, memory_order_relaxed))
        return PERCEPT_OK;
    struct pipe_trace_ring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for a trace");
    atomic_store_explicit(slot, ring, memory_order_release);
    return PERCEPT_OK;
}

void pipe_trace_close(pipe_trace_slot *slot)
{
    free(atomic_load_explicit(slot, memory_order_relaxed));
    atomic_store_explicit(slot, NULL, memory_order_relaxed);
}

void pipe_trace_read(pipe_trace_slot *slot, int64_t since_ns, const struct pipe_trace_event *about,
                     pipe_trace_fn tell, void *context)
{
    struct pipe_trace_ring *ring = atomic_load_explicit(slot, memory_order_relaxed);
    uint64_t end = ring ? atomic_load_explicit(&ring->count, memory_order_acquire) : 0;
    uint64_t at = end > PIPE_TRACE_EVENTS ? end - PIPE_TRACE_EVENTS : 0;
    for (; at < end; at++) {
        const struct record *record = &ring->records[at % PIPE_TRACE_EVENTS];
        struct pipe_trace_event event = *about;
        event.name = atomic_load_explicit(&record->name, memory_order_acquire);
        event.begin_ns = atomic_load_explicit(&record->begin_ns, memory_order_acquire);
        event.end_ns = atomic_load_explicit(&record->end_ns, memory_order_acquire);
        for (size_t i = 0; i < 2; i++)
            event.numbers[i] = atomic_load_explicit(&record->numbers[i], memory_order_acquire);
        event.kind =
            (enum pipe_trace_kind)atomic_load_explicit(&record->kind, memory_order_acquire);
        /* The writer has come round: it may be at this place, or past it. */
        if (atomic_load_explicit(&ring->count, memory_order_acquire) >= at + PIPE_TRACE_EVENTS)
            continue;
        if (event.begin_ns >= since_ns)
            tell(context, &event);
    }
}
