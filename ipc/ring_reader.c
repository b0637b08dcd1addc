/*
 * The reader's side of a ring: hold a sample, give it back, ask to be woken. Sizes come from the
 * reader's own copy of the shape; what is read from the ring is checked before it is used.
 */
#include "ipc/ring.h"

static const struct ipc_ring_slot *slot_at(const struct ipc_reader *reader, uint32_t slot)
{
    const uint8_t *base = (const uint8_t *)reader->header + reader->shape.header_bytes;
    return (const struct ipc_ring_slot *)(base + slot * reader->shape.slot_stride);
}

void ipc_reader_release(struct ipc_reader *reader)
{
    /* release: our reads of the payload come before the writer's next writes. */
    atomic_store_explicit(&reader->page->held, 0, memory_order_release);
}

static bool hold(struct ipc_reader *reader, uint64_t entry)
{
    uint32_t slot = ipc_entry_slot(entry);
    if (slot >= reader->shape.slot_count)
        return false;
    /* seq_cst on both: announce, then look; see ipc/ring.h. The load is the acquire for the
     * payload, too. */
    atomic_store_explicit(&reader->page->held, slot + 1, memory_order_seq_cst);
    if (atomic_load_explicit(&slot_at(reader, slot)->sequence, memory_order_seq_cst) ==
        ipc_entry_sequence(entry))
        return true;
    ipc_reader_release(reader);
    return false;
}

/* The entry of the oldest sample from want on that the ring still has and that is not too far back
 * for this reader; newest at the latest. */
static uint64_t find(const struct ipc_reader *reader, uint64_t want, uint64_t newest)
{
    uint64_t last = ipc_entry_sequence(newest);
    uint32_t count = reader->shape.slot_count;
    uint32_t depth = reader->depth < count ? reader->depth : count;
    if (last - want >= depth)
        want = last - depth + 1;
    for (; want < last; want++) {
        uint64_t entry =
            atomic_load_explicit(&reader->header->index[want % count], memory_order_acquire);
        const struct ipc_ring_slot *slot = slot_at(reader, ipc_entry_slot(entry) % count);
        if (ipc_entry_sequence(entry) == want &&
            atomic_load_explicit(&slot->sequence, memory_order_relaxed) == want)
            return entry;
    }
    return newest;
}

static enum ipc_take fill(struct ipc_reader *reader, uint64_t entry, struct ipc_sample *sample)
{
    const struct ipc_ring_slot *slot = slot_at(reader, ipc_entry_slot(entry));
    uint64_t sequence = ipc_entry_sequence(entry);
    uint64_t size = slot->size;
    if (size > reader->shape.payload_max) {
        ipc_reader_release(reader);
        return IPC_TAKE_BROKEN;
    }
    uint64_t lost = reader->started ? sequence - reader->last - 1 : 0;
    *sample = (struct ipc_sample){.data = slot->payload,
                                  .size = size,
                                  .sequence = sequence,
                                  .capture_ns = slot->capture_ns,
                                  .publish_ns = slot->publish_ns,
                                  .lost = lost};
    reader->last = sequence;
    reader->last_slot = ipc_entry_slot(entry);
    reader->started = true;
    reader->received++;
    reader->lost += lost;
    atomic_store_explicit(&reader->page->received, reader->received, memory_order_relaxed);
    atomic_store_explicit(&reader->page->lost, reader->lost, memory_order_relaxed);
    return IPC_TAKE_OK;
}

enum ipc_take ipc_reader_take(struct ipc_reader *reader, struct ipc_sample *sample)
{
    static const enum ipc_take nothing[] = {[IPC_RING_OPEN] = IPC_TAKE_NOTHING,
                                            [IPC_RING_ENDED] = IPC_TAKE_ENDED,
                                            [IPC_RING_MOVED] = IPC_TAKE_MOVED};
    /* acquire, and before latest: the state changes after the last sample, so whoever sees the
     * change sees that sample. */
    uint32_t state = atomic_load_explicit(&reader->header->state, memory_order_acquire);
    uint64_t want = reader->last + 1;
    for (;;) {
        uint64_t newest = atomic_load_explicit(&reader->header->latest, memory_order_acquire);
        if (ipc_entry_sequence(newest) < want)
            break;
        uint64_t entry = find(reader, want, newest);
        if (hold(reader, entry))
            return fill(reader, entry, sample);
        /* Too late for that one. If it was the newest, a newer one is there by now: the writer
         * never takes the slot of the newest. */
        want = ipc_entry_sequence(entry) + 1;
    }
    if (want != reader->last + 1 || state > IPC_RING_MOVED)
        return IPC_TAKE_BROKEN;
    return nothing[state];
}

bool ipc_reader_arm(struct ipc_reader *reader, enum ipc_wait how)
{
    /* seq_cst: announce, then look for news; the writer makes news, then looks for us. */
    atomic_store_explicit(&reader->page->wait, how, memory_order_seq_cst);
    uint64_t latest = atomic_load_explicit(&reader->header->latest, memory_order_seq_cst);
    uint32_t state = atomic_load_explicit(&reader->header->state, memory_order_seq_cst);
    if (ipc_entry_sequence(latest) <= reader->last && state == IPC_RING_OPEN)
        return false;
    ipc_reader_disarm(reader);
    return true;
}

bool ipc_reader_has_news(const struct ipc_reader *reader)
{
    /* relaxed: who takes what is there looks again, with the ordering that this needs. */
    uint64_t latest = atomic_load_explicit(&reader->header->latest, memory_order_relaxed);
    uint32_t state = atomic_load_explicit(&reader->header->state, memory_order_relaxed);
    return ipc_entry_sequence(latest) > reader->last || state != IPC_RING_OPEN;
}

const struct ipc_ring_slot *ipc_reader_guess(const struct ipc_reader *reader)
{
    uint32_t next = reader->last_slot + 1;
    return slot_at(reader, next < reader->shape.slot_count ? next : 0);
}

void ipc_reader_disarm(struct ipc_reader *reader)
{
    atomic_store_explicit(&reader->page->wait, IPC_WAIT_NONE, memory_order_relaxed);
}
