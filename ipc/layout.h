/*
 * The shared memory of a topic, byte for byte (docs/ipc.md explains it for other languages).
 *
 * Two kinds of mapping meet here. The ring belongs to the daemon: one writer, and readers that map
 * it read-only. A page belongs to one subscription: its client writes, the daemon reads and
 * believes nothing. All fields are little-endian; the layout is the same on every machine we
 * support.
 */
#ifndef IPC_LAYOUT_H
#define IPC_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_RING_MAGIC   0x474e5250u /* "PRNG" */
#define IPC_RING_VERSION 1u
#define IPC_NAME_BYTES   64 /* topic and schema names, with the terminating NUL */
#define IPC_PAGE_BYTES   4096

/*
 * An entry names a sample: its sequence number (from 1) in the upper 48 bits, the slot it is in
 * below. 48 bits last nine years at a million samples a second.
 */
#define IPC_ENTRY_SLOT_BITS 16
#define IPC_SLOTS_MAX       (1u << IPC_ENTRY_SLOT_BITS)

static inline uint64_t ipc_entry(uint64_t sequence, uint32_t slot)
{
    return sequence << IPC_ENTRY_SLOT_BITS | slot;
}

static inline uint64_t ipc_entry_sequence(uint64_t entry)
{
    return entry >> IPC_ENTRY_SLOT_BITS;
}

static inline uint32_t ipc_entry_slot(uint64_t entry)
{
    return (uint32_t)(entry & (IPC_SLOTS_MAX - 1));
}

enum ipc_ring_state {
    IPC_RING_OPEN = 0,
    IPC_RING_ENDED = 1, /* no more samples will come */
    IPC_RING_MOVED = 2, /* the topic goes on in another ring: subscribe again */
};

struct ipc_ring_header {
    /* Written once, before anyone else sees the ring. */
    uint32_t magic;        /* IPC_RING_MAGIC */
    uint32_t version;      /* IPC_RING_VERSION */
    uint32_t slot_count;   /* 3..IPC_SLOTS_MAX */
    uint32_t header_bytes; /* offset of slot 0; a multiple of 64 */
    uint64_t slot_stride;  /* bytes from one slot to the next; a multiple of 64 */
    uint64_t payload_max;  /* bytes; at most slot_stride - 64 */
    uint64_t generation; /* random; another value is another life of the topic, sequences restart */
    char topic[IPC_NAME_BYTES];
    char schema[IPC_NAME_BYTES];
    uint8_t reserved[24];

    /* Written by the writer at each sample. */
    alignas(64) _Atomic uint64_t latest; /* entry of the newest sample; 0 before the first */
    _Atomic uint32_t state;              /* enum ipc_ring_state; changes after the last sample */

    alignas(
        64) _Atomic uint64_t index[]; /* slot_count entries; sample s is named by
                                         index[s % slot_count] until s + slot_count replaces it */
};

struct ipc_ring_slot {
    _Atomic uint64_t sequence; /* of the sample in it; 0 while the writer fills it */
    uint64_t size;             /* bytes of payload */
    int64_t capture_ns;        /* CLOCK_MONOTONIC */
    int64_t publish_ns;
    uint64_t reserved[4];
    uint8_t payload[];
};

/* How a reader wants to be woken: it writes this word, the daemon clears it as it wakes. */
enum ipc_wait {
    IPC_WAIT_NONE = 0,
    IPC_WAIT_FUTEX = 1,      /* sleeps in FUTEX_WAIT (not private) on the word itself */
    IPC_WAIT_DESCRIPTOR = 2, /* wants a byte on its wake-up socket */
};

struct ipc_ring_page {
    _Atomic uint32_t held;     /* slot that the reader reads, plus 1; 0 for none */
    _Atomic uint32_t wait;     /* enum ipc_wait */
    _Atomic uint64_t received; /* samples, as the client counts them: for people to look at */
    _Atomic uint64_t lost;
};

static_assert(offsetof(struct ipc_ring_header, topic) == 40, "layout");
static_assert(offsetof(struct ipc_ring_header, latest) == 192, "layout");
static_assert(offsetof(struct ipc_ring_header, state) == 200, "layout");
static_assert(offsetof(struct ipc_ring_header, index) == 256, "layout");
static_assert(sizeof(struct ipc_ring_slot) == 64, "layout");
static_assert(sizeof(struct ipc_ring_page) == 24, "layout");
static_assert(sizeof(_Atomic uint64_t) == 8 && ATOMIC_LLONG_LOCK_FREE == 2, "shared atomics");

#endif
