/*
 * A topic: a ring in sealed shared memory and the seats of its subscribers.
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

static void release_seat(struct ipc_seat *seat)
{
    munmap(seat->page, IPC_PAGE_BYTES);
    int fd = atomic_load_explicit(&seat->wake_fd, memory_order_relaxed);
    if (fd >= 0)
        close(fd);
    free(seat);
}

/* Back the first `slots` slots with memory now: running out later would be a SIGBUS in the writer.
 * Also take the page faults now: a picture's worth of them costs more than copying it. */
static enum percept_status reserve(struct ipc_topic *topic, const struct ipc_ring_shape *shape,
                                   void *memory, uint32_t slots, struct percept_error *error)
{
    off_t bytes = (off_t)(shape->header_bytes + slots * shape->slot_stride);
    int result = posix_fallocate(topic->fd, 0, bytes);
    if (result != 0)
        return percept_fail_errno(error, result, "%lld bytes of shared memory for topic '%s'",
                                  (long long)bytes, topic->name);
    (void)madvise(memory, (size_t)bytes, MADV_POPULATE_WRITE); /* a wish: Linux 5.14 */
    return PERCEPT_OK;
}

enum percept_status ipc_topic_create(const struct ipc_topic_options *options,
                                     struct ipc_topic **result, struct percept_error *error)
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

    struct ipc_topic *topic = calloc(1, sizeof *topic);
    if (!topic)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for topic '%s'",
                            options->name);
    topic->fd = -1;
    strcpy(topic->name, options->name);
    strcpy(topic->schema, options->schema);
    topic->depth = options->slots ? options->slots
                                  : (unsigned)clamp(DEFAULT_DEPTH / options->max_bytes, DEPTH_LEAST,
                                                    DEPTH_MOST);
    topic->max_subscribers =
        (unsigned)clamp(SEATS_BYTES / options->max_bytes, SEATS_LEAST, IPC_SEATS_MAX);

    struct ipc_ring_shape shape;
    void *memory;
    enum percept_status status = PERCEPT_LIMIT;
    uint32_t active = topic->depth < 2 ? 3 : topic->depth + 1;
    uint64_t generation;
    if (getrandom(&generation, sizeof generation, 0) != sizeof generation)
        status = percept_fail_errno(error, errno, "getrandom");
    else if (!ipc_ring_shape(options->max_bytes, active + topic->max_subscribers, &shape))
        status = percept_fail(error, PERCEPT_LIMIT, "topic '%s' is too large", topic->name);
    else
        status =
            ipc_memfd_create(topic->name, shape.bytes, IPC_SEALS_RING, &topic->fd, &memory, error);
    if (status == PERCEPT_OK) {
        status = reserve(topic, &shape, memory, active, error);
        if (status != PERCEPT_OK)
            munmap(memory, shape.bytes);
    }
    if (status != PERCEPT_OK) {
        if (topic->fd >= 0)
            close(topic->fd);
        free(topic);
        return status;
    }
    ipc_ring_init(&topic->ring, &shape, memory, active, topic->name, topic->schema, generation,
                  release_seat);
    *result = topic;
    return PERCEPT_OK;
}

void ipc_topic_destroy(struct ipc_topic *topic)
{
    if (!topic)
        return;
    ipc_ring_reap(&topic->ring);
    munmap(topic->ring.header, topic->ring.shape.bytes);
    close(topic->fd);
    free(topic);
}

void *ipc_topic_loan(struct ipc_topic *topic)
{
    return ipc_ring_loan(&topic->ring);
}

void ipc_topic_publish(struct ipc_topic *topic, size_t size, int64_t capture_ns)
{
    ipc_ring_publish(&topic->ring, size, capture_ns);
}

void ipc_topic_close(struct ipc_topic *topic)
{
    ipc_ring_finish(&topic->ring, IPC_RING_ENDED);
}

void ipc_topic_stats(const struct ipc_topic *topic, struct ipc_topic_stats *stats)
{
    const struct ipc_ring *ring = &topic->ring;
    *stats = (struct ipc_topic_stats){
        .name = topic->name,
        .schema = topic->schema,
        .published = atomic_load_explicit(&ring->published, memory_order_relaxed),
        .dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed),
        .bytes = atomic_load_explicit(&ring->bytes, memory_order_relaxed),
        .subscribers = atomic_load_explicit(&topic->subscribers, memory_order_relaxed),
        .closed =
            atomic_load_explicit(&ring->header->state, memory_order_relaxed) == IPC_RING_ENDED,
    };
}

enum percept_status ipc_topic_attach(struct ipc_topic *topic, struct ipc_seat **result,
                                     int *page_fd, struct percept_error *error)
{
    struct ipc_ring *ring = &topic->ring;
    unsigned subscribers = atomic_load_explicit(&topic->subscribers, memory_order_relaxed);
    if (subscribers >= topic->max_subscribers)
        return percept_fail(error, PERCEPT_LIMIT,
                            "topic '%s' has %u subscribers, the most it takes", topic->name,
                            subscribers);

    struct ipc_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for a subscription");
    void *page;
    int fd;
    enum percept_status status =
        ipc_memfd_create("subscription", IPC_PAGE_BYTES, IPC_SEALS_PAGE, &fd, &page, error);
    if (status != PERCEPT_OK) {
        free(seat);
        return status;
    }
    seat->page = page;
    atomic_init(&seat->wake_fd, -1);

    /* A slot for it to hold; those of subscribers that have gone are used again. */
    uint32_t active = topic->ring.shape.slot_count - topic->max_subscribers + subscribers + 1;
    if (active > atomic_load_explicit(&ring->active, memory_order_relaxed)) {
        status = reserve(topic, &ring->shape, ring->header, active, error);
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
    atomic_store_explicit(&topic->subscribers, subscribers + 1, memory_order_relaxed);
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

void ipc_topic_detach(struct ipc_topic *topic, struct ipc_seat *seat)
{
    atomic_fetch_sub_explicit(&topic->subscribers, 1, memory_order_relaxed);
    ipc_ring_detach(&topic->ring, seat);
}
