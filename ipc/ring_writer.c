/*
 * The writer's side of a ring: find a slot that nobody reads, fill it, say so, wake who sleeps.
 * Every step is bounded by the number of slots and seats; nothing here depends on what a client
 * does.
 */
#include "ipc/ring.h"

#include "base/checked.h"
#include "base/clock.h"
#include "ipc/futex.h"

#include <string.h>
#include <sys/socket.h>

#define NO_SLOT IPC_SLOTS_MAX

/*
 * To send to a wake-up socket is to call everybody who polls its other end, which for a client that
 * means ill are a hundred thousand watches, and twenty milliseconds. So it is timed: what a send
 * takes is added up, what one takes on a slow machine is taken off each time, and with so much of
 * it there are no more. One alone counts for so much that ten of them are needed: the host may take
 * the processor away in the middle of any.
 */
#define RING_USUAL_NS (100 * BASE_NS_PER_US)
#define RING_MOST_NS  (2 * BASE_NS_PER_MS)
#define RING_ONCE_NS  (RING_MOST_NS / 10 + RING_USUAL_NS)

bool ipc_ring_shape(size_t payload_max, uint32_t slot_count, struct ipc_ring_shape *shape)
{
    size_t index, header, stride, slots, bytes;
    if (payload_max == 0 || slot_count < 3 || slot_count > IPC_SLOTS_MAX)
        return false;
    if (!base_mul_size(slot_count, sizeof(uint64_t), &index) ||
        !base_align_size(sizeof(struct ipc_ring_header) + index, IPC_PAGE_BYTES, &header) ||
        !base_add_size(payload_max, sizeof(struct ipc_ring_slot), &stride) ||
        !base_align_size(stride, 64, &stride) || !base_mul_size(stride, slot_count, &slots) ||
        !base_add_size(header, slots, &bytes) || !base_align_size(bytes, IPC_PAGE_BYTES, &bytes))
        return false;
    *shape = (struct ipc_ring_shape){.slot_count = slot_count,
                                     .header_bytes = (uint32_t)header,
                                     .slot_stride = stride,
                                     .payload_max = payload_max,
                                     .bytes = bytes};
    return true;
}

void ipc_ring_init(struct ipc_ring *ring, const struct ipc_ring_shape *shape, void *memory,
                   uint32_t active, const char *topic, const char *schema, uint64_t generation,
                   struct ipc_ring_counters *counters, void (*release)(struct ipc_seat *seat))
{
    struct ipc_ring_header *header = memory;
    header->magic = IPC_RING_MAGIC;
    header->version = IPC_RING_VERSION;
    header->slot_count = shape->slot_count;
    header->header_bytes = shape->header_bytes;
    header->slot_stride = shape->slot_stride;
    header->payload_max = shape->payload_max;
    header->generation = generation;
    strncpy(header->topic, topic, IPC_NAME_BYTES - 1);
    strncpy(header->schema, schema, IPC_NAME_BYTES - 1);
    *ring = (struct ipc_ring){.header = header,
                              .shape = *shape,
                              .newest = active - 1,
                              .loaned = NO_SLOT,
                              .active = active,
                              .release = release,
                              .counters = counters};
}

void ipc_ring_follow(struct ipc_ring *ring, const struct ipc_ring *before)
{
    ring->sequence = before->sequence;
}

static struct ipc_ring_slot *slot_at(struct ipc_ring *ring, uint32_t slot)
{
    uint8_t *base = (uint8_t *)ring->header + ring->shape.header_bytes;
    return (struct ipc_ring_slot *)(base + slot * ring->shape.slot_stride);
}

static _Atomic uint64_t *index_of(struct ipc_ring *ring, uint64_t sequence)
{
    return &ring->header->index[sequence % ring->shape.slot_count];
}

/*
 * Seats are freed only when no scan can see them. seq_cst on scan and on the seat pointers: either
 * the loop sees the odd scan and defers, or this scan sees the NULL that the loop stored before.
 */
static void scan_begin(struct ipc_ring *ring)
{
    uint64_t scan = atomic_load_explicit(&ring->scan, memory_order_relaxed);
    atomic_store_explicit(&ring->scan, scan + 1, memory_order_seq_cst);
}

static void scan_end(struct ipc_ring *ring)
{
    uint64_t scan = atomic_load_explicit(&ring->scan, memory_order_relaxed);
    /* release: what we did with the seats comes before the loop may free them. */
    atomic_store_explicit(&ring->scan, scan + 1, memory_order_release);
}

static bool is_held(struct ipc_ring *ring, uint32_t slot)
{
    uint32_t end = atomic_load_explicit(&ring->seat_end, memory_order_seq_cst);
    for (uint32_t i = 0; i < end; i++) {
        struct ipc_seat *seat = atomic_load_explicit(&ring->seats[i], memory_order_seq_cst);
        /* seq_cst: after the invalidation in claim(); as an acquire it also orders the reader's
         * last look at the payload before our first write to it. */
        if (seat && atomic_load_explicit(&seat->page->held, memory_order_seq_cst) == slot + 1)
            return true;
    }
    return false;
}

/*
 * Round the ring from the newest sample, so the oldest goes first. A client can refuse us one slot
 * for as long as it likes; to refuse more it would have to guess which one we try each time, and
 * all it would win is a counted drop.
 */
static uint32_t claim(struct ipc_ring *ring)
{
    uint32_t active = atomic_load_explicit(&ring->active, memory_order_acquire);
    for (uint32_t step = 1; step < active; step++) {
        uint32_t candidate = (ring->newest + step) % active;
        if (is_held(ring, candidate))
            continue;
        struct ipc_ring_slot *slot = slot_at(ring, candidate);
        uint64_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
        atomic_store_explicit(&slot->sequence, 0, memory_order_seq_cst);
        if (!is_held(ring, candidate))
            return candidate;
        /* Somebody came for it in between. Nothing in it has changed. */
        atomic_store_explicit(&slot->sequence, sequence, memory_order_release);
    }
    return NO_SLOT;
}

void *ipc_ring_loan(struct ipc_ring *ring)
{
    if (ring->loaned == NO_SLOT) {
        /* Readers have had them since; they come back while the slot is filled. */
        __builtin_prefetch(&ring->header->latest, 1);
        __builtin_prefetch(index_of(ring, ring->sequence + 1), 1);
        scan_begin(ring);
        ring->loaned = claim(ring);
        scan_end(ring);
    }
    if (ring->loaned == NO_SLOT) {
        atomic_fetch_add_explicit(&ring->counters->dropped, 1, memory_order_relaxed);
        return NULL;
    }
    return slot_at(ring, ring->loaned)->payload;
}

void *ipc_ring_loaned(struct ipc_ring *ring)
{
    return ring->loaned == NO_SLOT ? NULL : slot_at(ring, ring->loaned)->payload;
}

bool ipc_seat_is_muted(const struct ipc_seat *seat)
{
    return atomic_load_explicit(&seat->rung_ns, memory_order_relaxed) > RING_MOST_NS;
}

static void ring_bell(struct ipc_seat *seat)
{
    int fd = atomic_load_explicit(&seat->wake_fd, memory_order_acquire);
    if (fd < 0 || ipc_seat_is_muted(seat))
        return;
    int64_t before = base_clock_thread_ns();
    /* A full socket has already woken its reader. */
    send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    int64_t took = base_clock_thread_ns() - before;
    int64_t rung = atomic_load_explicit(&seat->rung_ns, memory_order_relaxed) - RING_USUAL_NS +
                   (took < RING_ONCE_NS ? took : RING_ONCE_NS);
    /* The loop may ring it, too, as it ends; then one of both is not counted. */
    atomic_store_explicit(&seat->rung_ns, rung > 0 ? rung : 0, memory_order_relaxed);
}

/* If it waits that way: it does no more, and has to be woken. What else a page says is the client's
 * nonsense, and the client's loss. */
static bool take_wait(struct ipc_seat *seat, enum ipc_wait how)
{
    /* seq_cst: after the store that made news; pairs with ipc_reader_arm. */
    uint32_t wait = how;
    return atomic_load_explicit(&seat->page->wait, memory_order_seq_cst) == how &&
           atomic_compare_exchange_strong(&seat->page->wait, &wait, IPC_WAIT_NONE);
}

/* Those that wait that way: how many. */
static uint32_t find_waiting(struct ipc_ring *ring, enum ipc_wait how,
                             struct ipc_seat *found[IPC_SEATS_MAX])
{
    uint32_t count = 0, end = atomic_load_explicit(&ring->seat_end, memory_order_seq_cst);
    for (uint32_t i = 0; i < end; i++) {
        struct ipc_seat *seat = atomic_load_explicit(&ring->seats[i], memory_order_seq_cst);
        if (seat && take_wait(seat, how))
            found[count++] = seat;
    }
    return count;
}

/*
 * One by one, the first that wakes may take the processor from us before the others are woken. So
 * the sleepers, one of each seat, are led to a word that is ours alone, and woken there all at
 * once.
 */
static void wake_sleepers(struct ipc_ring *ring, struct ipc_seat *const seats[], uint32_t count)
{
    int sleepers = 0;
    for (uint32_t i = 0; i < count && count > 1; i++)
        sleepers += ipc_futex_move_one(&seats[i]->page->wait, &ring->gathered);
    if (count == 1)
        ipc_futex_wake(&seats[0]->page->wait, 1);
    else if (sleepers > 0)
        ipc_futex_wake(&ring->gathered, sleepers);
}

/* First those for whom it takes a known time. */
static void wake_all(struct ipc_ring *ring)
{
    struct ipc_seat *waiting[IPC_SEATS_MAX];
    scan_begin(ring);
    wake_sleepers(ring, waiting, find_waiting(ring, IPC_WAIT_FUTEX, waiting));
    uint32_t bells = find_waiting(ring, IPC_WAIT_DESCRIPTOR, waiting);
    for (uint32_t i = 0; i < bells; i++)
        ring_bell(waiting[i]);
    scan_end(ring);
}

/* Of one that this thread alone counts. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

void ipc_ring_publish(struct ipc_ring *ring, size_t size, int64_t capture_ns)
{
    if (ring->loaned == NO_SLOT)
        return;
    if (size > ring->shape.payload_max)
        size = ring->shape.payload_max;
    struct ipc_ring_slot *slot = slot_at(ring, ring->loaned);
    slot->size = size;
    slot->capture_ns = capture_ns;
    slot->publish_ns = base_clock_ns();

    uint64_t sequence = ++ring->sequence;
    uint64_t entry = ipc_entry(sequence, ring->loaned);
    /* release: a reader that finds the sequence in the slot finds the payload. */
    atomic_store_explicit(&slot->sequence, sequence, memory_order_release);
    atomic_store_explicit(index_of(ring, sequence), entry, memory_order_release);
    /* seq_cst: before the loads in wake(). */
    atomic_store_explicit(&ring->header->latest, entry, memory_order_seq_cst);
    ring->newest = ring->loaned;
    ring->loaned = NO_SLOT;
    wake_all(ring);
    count(&ring->counters->published, 1);
    count(&ring->counters->bytes, size);
}

void ipc_ring_finish(struct ipc_ring *ring, enum ipc_ring_state state)
{
    /* seq_cst: after the last sample, before the loads in wake(). */
    atomic_store_explicit(&ring->header->state, state, memory_order_seq_cst);
    wake_all(ring);
}

bool ipc_ring_attach(struct ipc_ring *ring, struct ipc_seat *seat, unsigned limit)
{
    ipc_ring_reap(ring);
    for (uint32_t i = 0; i < limit && i < IPC_SEATS_MAX; i++) {
        if (atomic_load_explicit(&ring->seats[i], memory_order_relaxed))
            continue;
        /* The end first: a scan that misses the seat must not miss it after the client has it,
         * and the client gets it only after both stores. */
        if (i >= atomic_load_explicit(&ring->seat_end, memory_order_relaxed))
            atomic_store_explicit(&ring->seat_end, i + 1, memory_order_seq_cst);
        atomic_store_explicit(&ring->seats[i], seat, memory_order_seq_cst);
        return true;
    }
    return false;
}

void ipc_ring_detach(struct ipc_ring *ring, struct ipc_seat *seat)
{
    for (uint32_t i = 0; i < IPC_SEATS_MAX; i++)
        if (atomic_load_explicit(&ring->seats[i], memory_order_relaxed) == seat)
            atomic_store_explicit(&ring->seats[i], NULL, memory_order_seq_cst);
    if (take_wait(seat, IPC_WAIT_FUTEX))
        ipc_futex_wake(&seat->page->wait, 1);
    if (take_wait(seat, IPC_WAIT_DESCRIPTOR))
        ring_bell(seat);
    seat->retired_at = atomic_load_explicit(&ring->scan, memory_order_seq_cst);
    seat->next = ring->retired;
    ring->retired = seat;
    ipc_ring_reap(ring);
}

void ipc_ring_reap(struct ipc_ring *ring)
{
    /* acquire: after all that the writer did with a seat in the scan that has ended. */
    uint64_t scan = atomic_load_explicit(&ring->scan, memory_order_acquire);
    struct ipc_seat **link = &ring->retired;
    while (*link) {
        struct ipc_seat *seat = *link;
        if (seat->retired_at % 2 == 1 && seat->retired_at == scan) {
            link = &seat->next;
            continue;
        }
        *link = seat->next;
        ring->release(seat);
    }
}
