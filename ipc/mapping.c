/* The border post of libpercept: what a daemon sends is checked once, here, before it is used. */
#include "ipc/client.h"

#include "base/checked.h"
#include "ipc/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Copies the shape out of the header and checks it against the size of the file. */
static bool read_shape(const struct ipc_ring_header *header, size_t bytes,
                       struct ipc_ring_shape *shape)
{
    struct ipc_ring_shape found = {.slot_count = header->slot_count,
                                   .header_bytes = header->header_bytes,
                                   .slot_stride = header->slot_stride,
                                   .payload_max = header->payload_max,
                                   .bytes = bytes};
    size_t slots, end, index = sizeof *header + found.slot_count * sizeof(uint64_t);
    if (found.slot_count < 3 || found.slot_count > IPC_SLOTS_MAX || found.header_bytes < index ||
        found.header_bytes % 64 != 0 || found.slot_stride % 64 != 0 ||
        found.slot_stride < sizeof(struct ipc_ring_slot) ||
        found.payload_max > found.slot_stride - sizeof(struct ipc_ring_slot) ||
        !base_mul_size(found.slot_count, found.slot_stride, &slots) ||
        !base_add_size(found.header_bytes, slots, &end) || end > bytes)
        return false;
    *shape = found;
    return true;
}

static enum percept_status check_ring(const struct ipc_ring_header *header, size_t bytes,
                                      const char *topic, struct ipc_ring_shape *shape,
                                      struct percept_error *error)
{
    if (bytes < sizeof *header || header->magic != IPC_RING_MAGIC)
        return percept_fail(error, PERCEPT_MALFORMED, "the memory of topic '%s' is no ring", topic);
    if (header->version != IPC_RING_VERSION)
        return percept_fail(error, PERCEPT_VERSION,
                            "topic '%s' has memory layout %u, this library reads %u", topic,
                            header->version, IPC_RING_VERSION);
    if (!read_shape(header, bytes, shape))
        return percept_fail(error, PERCEPT_MALFORMED, "the ring of topic '%s' contradicts itself",
                            topic);
    return PERCEPT_OK;
}

enum percept_status mapping_open(int ring_fd, int page_fd, const char *topic,
                                 struct mapping *mapping, struct percept_error *error)
{
    size_t ring_bytes, page_bytes;
    if (!ipc_memfd_check(ring_fd, IPC_SEALS_RING, &ring_bytes) ||
        !ipc_memfd_check(page_fd, IPC_SEALS_PAGE, &page_bytes) || page_bytes < IPC_PAGE_BYTES)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "the memory of topic '%s' is not sealed as it has to be", topic);
    struct percept_memory *memory = malloc(sizeof *memory);
    if (!memory)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    void *ring = mmap(NULL, ring_bytes, PROT_READ, MAP_SHARED, ring_fd, 0);
    if (ring == MAP_FAILED) {
        int number = errno;
        free(memory);
        return percept_fail_errno(error, number, "map topic '%s'", topic);
    }
    *memory = (struct percept_memory){.references = 1, .ring = ring, .bytes = ring_bytes};
    struct ipc_ring_shape shape;
    enum percept_status status = check_ring(ring, ring_bytes, topic, &shape, error);
    if (status == PERCEPT_OK) {
        void *page = mmap(NULL, IPC_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
        if (page != MAP_FAILED) {
            *mapping = (struct mapping){
                .header = ring, .memory = memory, .shape = shape, .page = page, .wake_fd = -1};
            return PERCEPT_OK;
        }
        status = percept_fail_errno(error, errno, "map the page of topic '%s'", topic);
    }
    percept_memory_release(memory);
    return status;
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->header) {
        percept_memory_release(mapping->memory);
        munmap(mapping->page, IPC_PAGE_BYTES);
    }
    if (mapping->wake_fd >= 0)
        close(mapping->wake_fd);
    *mapping = (struct mapping){.wake_fd = -1};
}

/* ---- public ---- */

struct percept_memory *percept_memory_keep(struct percept_subscription *subscription,
                                           const void **start, size_t *bytes)
{
    struct percept_memory *memory = subscription->current.memory;
    if (!memory)
        return NULL;
    atomic_fetch_add_explicit(&memory->references, 1, memory_order_relaxed);
    *start = memory->ring;
    *bytes = memory->bytes;
    return memory;
}

void percept_memory_release(struct percept_memory *memory)
{
    /* acq_rel: what others have read of it comes before it goes. */
    if (!memory || atomic_fetch_sub_explicit(&memory->references, 1, memory_order_acq_rel) != 1)
        return;
    munmap((void *)memory->ring, memory->bytes);
    free(memory);
}
