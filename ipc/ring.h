/*
 * The ring algorithm over plain memory, writer's and reader's side. No file descriptors here: the
 * same code runs over a memfd in production and over malloc under ThreadSanitizer.
 *
 * A reader that wants a slot announces it on its page, then looks whether the slot still has the
 * sample it came for. A writer that wants a slot invalidates it, then looks whether anybody has
 * announced it. Both do their store before their load in the one total order of seq_cst, so at
 * least one of them sees the other (Dekker), and neither waits.
 */
#ifndef IPC_RING_H
#define IPC_RING_H

#include "ipc/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_SEATS_MAX 64 /* subscriptions of one topic */

/* Sizes of a ring, computed once and never read back from shared memory. */
struct ipc_ring_shape {
    uint32_t slot_count;
    uint32_t header_bytes;
    uint64_t slot_stride;
    uint64_t payload_max;
    size_t bytes; /* of all */
};

/* False when it would overflow. */
bool ipc_ring_shape(size_t payload_max, uint32_t slot_count, struct ipc_ring_shape *shape);

/* ---- writer ---- */

/* A subscription as the writer sees it. Made and freed by the loop thread. */
struct ipc_seat {
    struct ipc_ring_page *page; /* writable by the client, too: any value may be in it */
    _Atomic int wake_fd;        /* our end of the wake-up socket; -1 without one. Set once */
    _Atomic int64_t rung_ns;    /* that its client has had us spend on wakes; see ring_writer.c */
    uint64_t retired_at;        /* the scan that may still see it */
    struct ipc_seat *next;      /* in the list of retired seats */
};

/* Has waking it taken so long that it is not done any more? Any thread. */
bool ipc_seat_is_muted(const struct ipc_seat *seat);

/* Of a topic, over all its rings. The writer writes, any thread reads, relaxed. */
struct ipc_ring_counters {
    _Atomic uint64_t published, dropped, bytes;
};

struct ipc_ring {
    struct ipc_ring_header *header;
    struct ipc_ring_shape shape;

    /* Writer thread only. */
    uint64_t sequence;         /* of the newest sample */
    uint32_t newest;           /* its slot */
    uint32_t loaned;           /* slot being filled, or IPC_SLOTS_MAX */
    _Atomic uint32_t gathered; /* what sleepers of several seats sleep on before they are woken */

    /* Loop thread writes, writer reads. */
    _Atomic uint32_t active; /* slots in use: the first so many of slot_count */
    _Atomic(struct ipc_seat *) seats[IPC_SEATS_MAX];
    _Atomic uint32_t seat_end; /* no seat at or after this index */

    _Atomic uint64_t scan;    /* odd while the writer looks at seats. Writer writes, loop reads */
    struct ipc_seat *retired; /* loop thread only */
    void (*release)(struct ipc_seat *seat);
    struct ipc_ring_counters *counters;
};

/* memory: shape->bytes, zeroed, 64-byte aligned. active: slots to use at first, 3..slot_count.
 * release frees a seat that nobody can see any more. */
void ipc_ring_init(struct ipc_ring *ring, const struct ipc_ring_shape *shape, void *memory,
                   uint32_t active, const char *topic, const char *schema, uint64_t generation,
                   struct ipc_ring_counters *counters, void (*release)(struct ipc_seat *seat));
/* Count on from where another ring of the topic has got to. Writer thread, before the first loan.
 */
void ipc_ring_follow(struct ipc_ring *ring, const struct ipc_ring *before);

/* Writer thread; as ipc_topic_loan and ipc_topic_publish of ipc/server.h. */
void *ipc_ring_loan(struct ipc_ring *ring);
/* The payload of the loan; NULL: there is none. */
void *ipc_ring_loaned(struct ipc_ring *ring);
void ipc_ring_publish(struct ipc_ring *ring, size_t size, int64_t capture_ns);
/* Set the state and wake everybody. Writer thread, or any once the writer has stopped. */
void ipc_ring_finish(struct ipc_ring *ring, enum ipc_ring_state state);

/* Loop thread. False when all seats up to limit are taken. */
bool ipc_ring_attach(struct ipc_ring *ring, struct ipc_seat *seat, unsigned limit);
/*
 * Take the seat out, wake its reader, and release the seat: now, or, if the writer is looking at it
 * this moment, in a later attach, detach or reap. Never on the writer's thread.
 */
void ipc_ring_detach(struct ipc_ring *ring, struct ipc_seat *seat);
/* Release the detached seats that the writer has let go of; all of them once it has stopped. */
void ipc_ring_reap(struct ipc_ring *ring);

/* ---- reader ---- */

struct ipc_reader {
    const struct ipc_ring_header *header;
    struct ipc_ring_shape shape;
    struct ipc_ring_page *page;
    uint64_t last;           /* sequence of the sample taken last */
    uint32_t last_slot;      /* where it was */
    bool started;            /* last means something */
    uint32_t depth;          /* how many samples it reads of those it lacks, newest last; from 1 */
    uint64_t received, lost; /* of this subscription, over all its rings */
};

struct ipc_sample {
    const void *data;
    size_t size;
    uint64_t sequence;
    int64_t capture_ns, publish_ns;
    uint64_t lost;
};

enum ipc_take {
    IPC_TAKE_OK,
    IPC_TAKE_NOTHING, /* no new sample */
    IPC_TAKE_ENDED,   /* nor will there be one */
    IPC_TAKE_MOVED,   /* not in this ring */
    IPC_TAKE_BROKEN,  /* the ring contradicts itself */
};

/* Hold the next sample; *sample is written for OK only. Never blocks. Release before. */
enum ipc_take ipc_reader_take(struct ipc_reader *reader, struct ipc_sample *sample);
void ipc_reader_release(struct ipc_reader *reader);
/* Announce how to be woken; returns true if there is something to take already (and takes the
 * announcement back). */
bool ipc_reader_arm(struct ipc_reader *reader, enum ipc_wait how);
void ipc_reader_disarm(struct ipc_reader *reader);
/* Where the next sample is most likely. */
const struct ipc_ring_slot *ipc_reader_guess(const struct ipc_reader *reader);
/* Is there something to take, or the end? The cheapest look there is. */
bool ipc_reader_has_news(const struct ipc_reader *reader);

#endif
