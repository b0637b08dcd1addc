/*
 * A topic: a ring in sealed shared memory and the seats of its subscribers.
 *
 * What has been mapped can't be taken back. So when somebody may not read a topic any more, the
 * topic goes on in another ring, which those who may are given; the old one never changes again.
 * The loop makes the ring and leaves it in `next`; the writer takes it with its next sample.
 *
 * The memfd is as large as it could ever get (its size is sealed), but memory is only taken for the
 * slots in use: `depth` samples for readers that are behind, one that the writer fills, and one
 * for each subscriber to hold. With that many a publisher always finds a free slot.
 */
#include "ipc/topic.h"

#include "ipc/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEPTH_MAX     4096
#define PAYLOAD_MAX   ((size_t)256 << 20)
#define DEFAULT_DEPTH ((size_t)4 << 20) /* bytes of samples kept by default, */
#define DEPTH_LEAST   4                 /* but at least and at most so many samples */
#define DEPTH_MOST    64
#define SEATS_BYTES   ((size_t)256 << 20) /* bytes for slots that subscribers may hold, */
#define SEATS_LEAST   8                   /* but at least so many subscribers */

static size_t clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

bool ipc_topic_name_valid(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return length > 0 && length < IPC_NAME_BYTES && name[length] == '\0';
}

const char *ipc_topic_name(const struct ipc_topic *topic)
{
    return topic->name;
}

const char *ipc_topic_schema(const struct ipc_topic *topic)
{
    return topic->schema;
}

static void release_seat(struct ipc_seat *seat)
{
    munmap(seat->page, IPC_PAGE_BYTES);
    int fd = atomic_load_explicit(&seat->wake_fd, memory_order_relaxed);
    if (fd >= 0)
        close(fd);
    free(seat);
}

/* ---- rings ---- */

/* Back the first `slots` slots with memory now: running out later would be a SIGBUS in the writer.
 * Also take the page faults now: a picture's worth of them costs more than copying it. */
static enum percept_status reserve(const struct ipc_topic *topic, int fd,
                                   const struct ipc_ring_shape *shape, void *memory, uint32_t slots,
                                   struct percept_error *error)
{
    off_t bytes = (off_t)(shape->header_bytes + slots * shape->slot_stride);
    int result = posix_fallocate(fd, 0, bytes);
    if (result != 0)
        return percept_fail_errno(error, result, "%lld bytes of shared memory for topic '%s'",
                                  (long long)bytes, topic->name);
    (void)madvise(memory, (size_t)bytes, MADV_POPULATE_WRITE); /* a wish: Linux 5.14 */
    return PERCEPT_OK;
}

/* Slots to use: the depth, one that the writer fills, and one for each subscriber to hold. */
static uint32_t slots_for(const struct ipc_topic *topic, unsigned subscribers)
{
    uint32_t least = topic->depth < 2 ? 3 : topic->depth + 1;
    return least + subscribers;
}

static enum percept_status create_ring(struct ipc_topic *topic, unsigned subscribers,
                                       struct ipc_topic_ring **result, struct percept_error *error)
{
    struct ipc_topic_ring *ring = calloc(1, sizeof *ring);
    struct ipc_ring_shape shape;
    void *memory;
    if (!ring)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for topic '%s'", topic->name);
    if (!ipc_ring_shape(topic->max_bytes, slots_for(topic, topic->max_subscribers), &shape)) {
        free(ring);
        return percept_fail(error, PERCEPT_LIMIT, "topic '%s' is too large", topic->name);
    }
    enum percept_status status =
        ipc_memfd_create(topic->name, shape.bytes, IPC_SEALS_RING, &ring->fd, &memory, error);
    if (status != PERCEPT_OK) {
        free(ring);
        return status;
    }
    uint32_t active = slots_for(topic, subscribers);
    status = reserve(topic, ring->fd, &shape, memory, active, error);
    if (status != PERCEPT_OK) {
        munmap(memory, shape.bytes);
        close(ring->fd);
        free(ring);
        return status;
    }
    ipc_ring_init(&ring->ring, &shape, memory, active, topic->name, topic->schema,
                  topic->generation, &topic->counters, release_seat);
    *result = ring;
    return PERCEPT_OK;
}

/* One without seats that the writer has left or never seen. */
static void destroy_ring(struct ipc_topic_ring *ring)
{
    ipc_ring_reap(&ring->ring);
    munmap(ring->ring.header, ring->ring.shape.bytes);
    close(ring->fd);
    free(ring);
}

/* Let go of rings that the writer has left and nobody has a seat in. */
static void reap(struct ipc_topic *topic)
{
    struct ipc_topic_ring **link = &topic->rings;
    while (*link) {
        struct ipc_topic_ring *ring = *link;
        if (ring->seats > 0 || !ipc_topic_ring_left(ring)) {
            link = &ring->older;
            continue;
        }
        *link = ring->older;
        destroy_ring(ring);
    }
}

void ipc_topic_reap(struct ipc_topic *topic)
{
    for (struct ipc_topic_ring *ring = topic->rings; ring; ring = ring->older)
        ipc_ring_reap(&ring->ring);
    reap(topic);
}

bool ipc_topic_ring_left(const struct ipc_topic_ring *ring)
{
    /* acquire: after all that the writer did with it. */
    return atomic_load_explicit(&ring->left, memory_order_acquire);
}

/* ---- the topic ---- */

static enum percept_status check_options(const struct ipc_topic_options *options,
                                         struct percept_error *error)
{
    if (!options->name || !ipc_topic_name_valid(options->name))
        return percept_fail(error, PERCEPT_INVALID,
                            "a topic name has 1 to 63 of [a-z0-9._-], not '%s'",
                            options->name ? options->name : "");
    if (!options->schema || strlen(options->schema) >= IPC_NAME_BYTES)
        return percept_fail(error, PERCEPT_INVALID, "topic '%s' needs a schema of up to 63 bytes",
                            options->name);
    if (options->max_bytes == 0 || options->max_bytes > PAYLOAD_MAX || options->slots > DEPTH_MAX)
        return percept_fail(error, PERCEPT_LIMIT,
                            "topic '%s': payloads of %zu bytes, %u kept; the most is %zu and %d",
                            options->name, options->max_bytes, options->slots, PAYLOAD_MAX,
                            DEPTH_MAX);
    return PERCEPT_OK;
}

enum percept_status ipc_topic_create(const struct ipc_topic_options *options,
                                     struct ipc_topic **result, struct percept_error *error)
{
    enum percept_status status = check_options(options, error);
    if (status != PERCEPT_OK)
        return status;
    struct ipc_topic *topic = calloc(1, sizeof *topic);
    if (!topic)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for topic '%s'",
                            options->name);
    strcpy(topic->name, options->name);
    strcpy(topic->schema, options->schema);
    topic->max_bytes = options->max_bytes;
    topic->look = options->look;
    topic->look_context = options->look_context;
    topic->depth = options->slots ? options->slots
                                  : (unsigned)clamp(DEFAULT_DEPTH / options->max_bytes, DEPTH_LEAST,
                                                    DEPTH_MOST);
    topic->max_subscribers =
        (unsigned)clamp(SEATS_BYTES / options->max_bytes, SEATS_LEAST, IPC_SEATS_MAX);
    if (getrandom(&topic->generation, sizeof topic->generation, 0) != sizeof topic->generation)
        status = percept_fail_errno(error, errno, "getrandom");
    else
        status = create_ring(topic, 0, &topic->rings, error);
    if (status != PERCEPT_OK) {
        free(topic);
        return status;
    }
    atomic_init(&topic->current, topic->rings);
    *result = topic;
    return PERCEPT_OK;
}

void ipc_topic_destroy(struct ipc_topic *topic)
{
    if (!topic)
        return;
    while (topic->rings) {
        struct ipc_topic_ring *ring = topic->rings;
        topic->rings = ring->older;
        destroy_ring(ring);
    }
    free(topic);
}

/* ---- the writer ---- */

/* The ring to write to: a new one if the loop has made one. */
static struct ipc_ring *go_on(struct ipc_topic *topic)
{
    struct ipc_topic_ring *from = atomic_load_explicit(&topic->current, memory_order_relaxed);
    if (!atomic_load_explicit(&topic->next, memory_order_relaxed))
        return &from->ring;
    /* seq_cst: after the store to closed, if that was us; see ipc_topic_move. As an acquire, it
     * makes the ring whole. */
    struct ipc_topic_ring *to = atomic_exchange_explicit(&topic->next, NULL, memory_order_seq_cst);
    if (!to)
        return &from->ring; /* the loop took it back */
    ipc_ring_follow(&to->ring, &from->ring);
    /* Readers that MOVED wakes find the new ring. */
    atomic_store_explicit(&topic->current, to, memory_order_release);
    ipc_ring_finish(&from->ring, IPC_RING_MOVED);
    /* release: we are done with it before the loop frees it. */
    atomic_store_explicit(&from->left, true, memory_order_release);
    return &to->ring;
}

void *ipc_topic_loan(struct ipc_topic *topic)
{
    if (atomic_load_explicit(&topic->halted, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&topic->counters.dropped, 1, memory_order_relaxed);
        return NULL;
    }
    return ipc_ring_loan(go_on(topic));
}

void ipc_topic_publish(struct ipc_topic *topic, size_t size, int64_t capture_ns)
{
    /* Where the loan was, even if there is a newer ring by now. */
    struct ipc_topic_ring *ring = atomic_load_explicit(&topic->current, memory_order_relaxed);
    void *payload = topic->look ? ipc_ring_loaned(&ring->ring) : NULL;
    if (payload)
        topic->look(topic->look_context, payload, size);
    ipc_ring_publish(&ring->ring, size, capture_ns);
}

void ipc_topic_close(struct ipc_topic *topic)
{
    /* seq_cst: before the exchange in go_on; see ipc_topic_move. */
    atomic_store_explicit(&topic->closed, true, memory_order_seq_cst);
    ipc_ring_finish(go_on(topic), IPC_RING_ENDED);
}

/* ---- the loop ---- */

void ipc_topic_stats(const struct ipc_topic *topic, struct ipc_topic_stats *stats)
{
    const struct ipc_ring_counters *counters = &topic->counters;
    *stats = (struct ipc_topic_stats){
        .name = topic->name,
        .schema = topic->schema,
        .published = atomic_load_explicit(&counters->published, memory_order_relaxed),
        .dropped = atomic_load_explicit(&counters->dropped, memory_order_relaxed),
        .bytes = atomic_load_explicit(&counters->bytes, memory_order_relaxed),
        .max_bytes = topic->max_bytes,
        .subscribers = atomic_load_explicit(&topic->subscribers, memory_order_relaxed),
        .closed = atomic_load_explicit(&topic->closed, memory_order_relaxed),
    };
}

enum percept_status ipc_topic_move(struct ipc_topic *topic, struct percept_error *error)
{
    reap(topic);
    if (atomic_load_explicit(&topic->closed, memory_order_seq_cst))
        return PERCEPT_OK; /* nothing will be written any more */
    if (atomic_load_explicit(&topic->next, memory_order_relaxed))
        return PERCEPT_OK; /* one waits for the writer, and nobody else has seen it */
    struct ipc_topic_ring *ring;
    enum percept_status status = create_ring(
        topic, atomic_load_explicit(&topic->subscribers, memory_order_relaxed), &ring, error);
    atomic_store_explicit(&topic->halted, status != PERCEPT_OK, memory_order_relaxed);
    if (status != PERCEPT_OK)
        return status;
    /* seq_cst on both sides: either the writer that closes the topic finds the ring, or we find it
     * closed, and take the ring back. */
    atomic_store_explicit(&topic->next, ring, memory_order_seq_cst);
    if (atomic_load_explicit(&topic->closed, memory_order_seq_cst) &&
        atomic_exchange_explicit(&topic->next, NULL, memory_order_seq_cst)) {
        destroy_ring(ring);
        return PERCEPT_OK;
    }
    ring->older = topic->rings;
    topic->rings = ring;
    return PERCEPT_OK;
}

/* What could not be done when it should have been. */
static void catch_up(struct ipc_topic *topic)
{
    reap(topic);
    if (atomic_load_explicit(&topic->halted, memory_order_relaxed))
        (void)ipc_topic_move(topic, NULL);
}

static enum percept_status create_seat(struct ipc_seat **result, int *page_fd,
                                       struct percept_error *error)
{
    struct ipc_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for a subscription");
    void *page;
    enum percept_status status =
        ipc_memfd_create("subscription", IPC_PAGE_BYTES, IPC_SEALS_PAGE, page_fd, &page, error);
    if (status != PERCEPT_OK) {
        free(seat);
        return status;
    }
    seat->page = page;
    atomic_init(&seat->wake_fd, -1);
    *result = seat;
    return PERCEPT_OK;
}

void ipc_topic_hide_past(struct ipc_topic *topic)
{
    const struct ipc_topic_ring *next = atomic_load_explicit(&topic->next, memory_order_seq_cst);
    for (struct ipc_topic_ring *ring = topic->rings; ring; ring = ring->older)
        ring->hidden |= ring != next; /* that one is empty */
}

/* The ring that is written to; where that is hidden, the newest: the writer has yet to go on to it,
 * or is about to. */
static enum percept_status ring_for_newcomers(const struct ipc_topic *topic,
                                              struct ipc_topic_ring **ring,
                                              struct percept_error *error)
{
    /* acquire: a ring that the writer has gone on to. If it goes on to another meanwhile, this one
     * says so to its reader. */
    struct ipc_topic_ring *current = atomic_load_explicit(&topic->current, memory_order_acquire);
    struct ipc_topic_ring *open = current->hidden ? topic->rings : current;
    if (open->hidden)
        return percept_fail(error, PERCEPT_NOT_FOUND,
                            "topic '%s' has ended, and what was in it has been forgotten",
                            topic->name);
    *ring = open;
    return PERCEPT_OK;
}

enum percept_status ipc_topic_attach(struct ipc_topic *topic, struct ipc_topic_ring **result_ring,
                                     struct ipc_seat **result, int *page_fd,
                                     struct percept_error *error)
{
    unsigned subscribers = atomic_load_explicit(&topic->subscribers, memory_order_relaxed);
    if (subscribers >= topic->max_subscribers)
        return percept_fail(error, PERCEPT_LIMIT,
                            "topic '%s' has %u subscribers, the most it takes", topic->name,
                            subscribers);
    catch_up(topic);
    struct ipc_seat *seat;
    int fd;
    struct ipc_topic_ring *at;
    enum percept_status status = ring_for_newcomers(topic, &at, error);
    if (status == PERCEPT_OK)
        status = create_seat(&seat, &fd, error);
    if (status != PERCEPT_OK)
        return status;

    struct ipc_ring *ring = &at->ring;
    /* A slot for it to hold; those of subscribers that have gone are used again. */
    uint32_t active = slots_for(topic, at->seats + 1);
    if (active > atomic_load_explicit(&ring->active, memory_order_relaxed)) {
        status = reserve(topic, at->fd, &ring->shape, ring->header, active, error);
        if (status == PERCEPT_OK)
            atomic_store_explicit(&ring->active, active, memory_order_release);
    }
    if (status == PERCEPT_OK && !ipc_ring_attach(ring, seat, topic->max_subscribers))
        status = percept_fail(error, PERCEPT_LIMIT, "topic '%s' has no seat left", topic->name);
    if (status != PERCEPT_OK) {
        release_seat(seat);
        close(fd);
        return status;
    }
    at->seats++;
    atomic_store_explicit(&topic->subscribers, subscribers + 1, memory_order_relaxed);
    *result_ring = at;
    *result = seat;
    *page_fd = fd;
    return PERCEPT_OK;
}

/*
 * A socket pair, not an eventfd: a client that shares our eventfd can clear O_NONBLOCK for both of
 * us, fill the counter, and so stop the writer. send(MSG_DONTWAIT) is ours alone to decide.
 */
enum percept_status ipc_topic_add_wake(struct ipc_seat *seat, int *fd, struct percept_error *error)
{
    int pair[2];
    if (atomic_load_explicit(&seat->wake_fd, memory_order_relaxed) >= 0)
        return percept_fail(error, PERCEPT_EXISTS, "the subscription has a wake-up socket");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return percept_fail_errno(error, errno, "socketpair");
    shutdown(pair[0], SHUT_RD); /* it has nothing to tell us */
    /* release: the socket is whole before the writer sends to it. */
    atomic_store_explicit(&seat->wake_fd, pair[0], memory_order_release);
    *fd = pair[1];
    return PERCEPT_OK;
}

void ipc_topic_detach(struct ipc_topic *topic, struct ipc_topic_ring *ring, struct ipc_seat *seat)
{
    atomic_fetch_sub_explicit(&topic->subscribers, 1, memory_order_relaxed);
    ipc_ring_detach(&ring->ring, seat);
    ring->seats--;
    catch_up(topic);
}
