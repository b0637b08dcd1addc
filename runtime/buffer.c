/*
 * Why: a frame of a camera is in memory already, and so is what a compositor shows: nobody need
 * copy them to have a model look at the one and write the other.
 *
 * The host always has it mapped. Backends know it by that address (memory_import), so that a model
 * has to do no more than to have the address of a tensor there; and whichever backend did not take
 * it in, the CPU first, finds the bytes there.
 */
#include "runtime/buffer.h"

#include "runtime/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MAX_TAKERS = 8, LONGEST_WAIT_MS = 2000 };

struct prt_buffer {
    void *memory;
    size_t bytes;
    int fd; /* its own; -1 for memory that was wrapped */
    bool is_dma_buf, read_only;
    const struct prt_backend *maker; /* whose memory_export made it, or NULL */
    pthread_mutex_t lock;
    const struct prt_backend *takers[MAX_TAKERS]; /* that took it in; under the lock */
    unsigned taker_count;
};

static struct prt_buffer *new_buffer(struct percept_error *error)
{
    struct prt_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer) {
        percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a buffer");
        return NULL;
    }
    buffer->fd = -1;
    pthread_mutex_init(&buffer->lock, NULL);
    return buffer;
}

/* Which kind of memory the buffer's descriptor is, and how much; sealed against becoming less. */
static enum percept_status examine(struct prt_buffer *buffer, size_t *size,
                                   struct percept_error *error)
{
    struct statfs system;
    struct stat file;
    buffer->is_dma_buf = fstatfs(buffer->fd, &system) == 0 && system.f_type == DMA_BUF_MAGIC;
    if (buffer->is_dma_buf) {
        off_t end = lseek(buffer->fd, 0, SEEK_END);
        *size = end > 0 ? (size_t)end : 0;
        return PERCEPT_OK;
    }
    int seals = fcntl(buffer->fd, F_GET_SEALS);
    if (seals < 0 || fstat(buffer->fd, &file) != 0)
        return percept_fail(error, PERCEPT_INVALID,
                            "the descriptor is neither a dma-buf nor shared memory");
    if (!(seals & F_SEAL_SHRINK) && fcntl(buffer->fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0)
        return percept_fail(error, PERCEPT_INVALID,
                            "the shared memory may become shorter and cannot be sealed against it: "
                            "make it with MFD_ALLOW_SEALING");
    *size = (size_t)file.st_size;
    return PERCEPT_OK;
}

static enum percept_status map(struct prt_buffer *buffer, struct percept_error *error)
{
    void *memory = mmap(NULL, buffer->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd, 0);
    if (memory == MAP_FAILED && (errno == EACCES || errno == EPERM)) {
        memory = mmap(NULL, buffer->bytes, PROT_READ, MAP_SHARED, buffer->fd, 0);
        buffer->read_only = true;
    }
    if (memory == MAP_FAILED)
        return percept_fail_errno(error, errno, "cannot map %zu bytes of a buffer", buffer->bytes);
    buffer->memory = memory;
    return PERCEPT_OK;
}

/* Of the buffer's descriptor. */
static enum percept_status take_in(struct prt_buffer *buffer, size_t bytes,
                                   struct percept_error *error)
{
    size_t size;
    enum percept_status status = examine(buffer, &size, error);
    if (status != PERCEPT_OK)
        return status;
    buffer->bytes = bytes ? bytes : size;
    if (buffer->bytes > size || buffer->bytes == 0)
        return percept_fail(error, PERCEPT_INVALID, "the buffer has %zu bytes, not %zu", size,
                            bytes);
    return map(buffer, error);
}

/* Hand it out if all went well, else end it. */
static enum percept_status finish(struct prt_buffer *made, enum percept_status status,
                                  struct prt_buffer **buffer)
{
    if (status == PERCEPT_OK)
        *buffer = made;
    else
        prt_buffer_destroy(made);
    return status;
}

enum percept_status prt_buffer_import(int fd, size_t bytes, struct prt_buffer **buffer,
                                      struct percept_error *error)
{
    struct prt_buffer *made = new_buffer(error);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    enum percept_status status =
        made->fd < 0 ? percept_fail_errno(error, errno, "buffer of descriptor %d", fd)
                     : take_in(made, bytes, error);
    return finish(made, status, buffer);
}

enum percept_status prt_buffer_wrap(void *memory, size_t bytes, struct prt_buffer **buffer,
                                    struct percept_error *error)
{
    if (!memory || !bytes || bytes > SIZE_MAX - (uintptr_t)memory)
        return percept_fail(error, PERCEPT_INVALID, "there is no memory of %zu bytes at %p", bytes,
                            memory);
    struct prt_buffer *made = new_buffer(error);
    if (!made)
        return PERCEPT_NO_MEMORY;
    made->memory = memory;
    made->bytes = bytes;
    return finish(made, PERCEPT_OK, buffer);
}

enum percept_status prt_buffer_create(const struct prt_backend *backend, size_t bytes,
                                      struct prt_buffer **buffer, struct percept_error *error)
{
    if (!bytes || bytes > INT64_MAX)
        return percept_fail(error, PERCEPT_INVALID, "a buffer cannot have %zu bytes", bytes);
    struct prt_buffer *made = new_buffer(error);
    if (!made)
        return PERCEPT_NO_MEMORY;
    if (backend && backend->memory_export)
        made->memory = backend->memory_export(bytes, &made->fd);
    if (made->memory) {
        made->maker = backend;
        made->is_dma_buf = true;
        made->bytes = bytes;
        return finish(made, PERCEPT_OK, buffer);
    }
    made->fd = memfd_create("percept", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    enum percept_status status = PERCEPT_OK;
    if (made->fd < 0 || ftruncate(made->fd, (off_t)bytes) != 0)
        status = percept_fail_errno(error, errno, "no buffer of %zu bytes", bytes);
    if (status == PERCEPT_OK)
        status = take_in(made, bytes, error);
    return finish(made, status, buffer);
}

enum percept_status prt_buffer_export(const struct prt_buffer *buffer, int *fd,
                                      struct percept_error *error)
{
    if (buffer->fd < 0)
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "memory that was wrapped has no descriptor for others");
    int made = fcntl(buffer->fd, F_DUPFD_CLOEXEC, 0);
    if (made < 0)
        return percept_fail_errno(error, errno, "no descriptor for a buffer");
    *fd = made;
    return PERCEPT_OK;
}

void prt_buffer_destroy(struct prt_buffer *buffer)
{
    if (!buffer)
        return;
    for (unsigned i = 0; i < buffer->taker_count; i++)
        buffer->takers[i]->memory_forget(buffer);
    if (buffer->maker)
        buffer->maker->memory_destroy(buffer->memory, buffer->bytes);
    else if (buffer->memory && buffer->fd >= 0)
        munmap(buffer->memory, buffer->bytes);
    if (buffer->fd >= 0)
        close(buffer->fd);
    pthread_mutex_destroy(&buffer->lock);
    free(buffer);
}

void *prt_buffer_data(const struct prt_buffer *buffer)
{
    return buffer->memory;
}

size_t prt_buffer_bytes(const struct prt_buffer *buffer)
{
    return buffer->bytes;
}

bool prt_buffer_is_dma_buf(const struct prt_buffer *buffer)
{
    return buffer->is_dma_buf;
}

bool prt_buffer_is_read_only(const struct prt_buffer *buffer)
{
    return buffer->read_only;
}

/* ---- with devices ---- */

bool prt_buffer_offer(struct prt_buffer *buffer, const struct prt_backend *backend)
{
    if (!backend->memory_import)
        return false;
    pthread_mutex_lock(&buffer->lock);
    unsigned known = 0;
    while (known < buffer->taker_count && buffer->takers[known] != backend)
        known++;
    /* Again, even if it has: its device may be another one now. */
    int fd = buffer->is_dma_buf ? buffer->fd : -1;
    bool taken =
        known < MAX_TAKERS && backend->memory_import(buffer, fd, buffer->memory, buffer->bytes);
    if (taken && known == buffer->taker_count)
        buffer->takers[buffer->taker_count++] = backend;
    pthread_mutex_unlock(&buffer->lock);
    return taken;
}

enum percept_status prt_buffer_wait(const struct prt_buffer *buffer, bool writes,
                                    struct percept_error *error)
{
    if (!buffer->is_dma_buf)
        return PERCEPT_OK;
    struct pollfd wanted = {.fd = buffer->fd, .events = writes ? POLLOUT : POLLIN};
    int ready;
    do
        ready = poll(&wanted, 1, LONGEST_WAIT_MS);
    while (ready < 0 && (errno == EINTR || errno == EAGAIN));
    if (ready < 0)
        return percept_fail_errno(error, errno, "cannot wait for a dma-buf");
    return ready > 0 ? PERCEPT_OK
                     : percept_fail(error, PERCEPT_TIMED_OUT,
                                    "a device has not ended its work on a dma-buf in %d ms",
                                    LONGEST_WAIT_MS);
}

static enum percept_status synchronise(const struct prt_buffer *buffer, uint64_t flags,
                                       struct percept_error *error)
{
    struct dma_buf_sync sync = {.flags = flags};
    int result;
    if (!buffer->is_dma_buf)
        return PERCEPT_OK;
    do
        result = ioctl(buffer->fd, DMA_BUF_IOCTL_SYNC, &sync);
    while (result != 0 && (errno == EINTR || errno == EAGAIN));
    return result == 0
               ? PERCEPT_OK
               : percept_fail_errno(error, errno, "cannot synchronise caches with a dma-buf");
}

enum percept_status prt_buffer_begin(const struct prt_buffer *buffer, bool writes,
                                     struct percept_error *error)
{
    enum percept_status status = prt_buffer_wait(buffer, writes, error);
    return status == PERCEPT_OK
               ? synchronise(buffer,
                             DMA_BUF_SYNC_START | (writes ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ),
                             error)
               : status;
}

enum percept_status prt_buffer_end(const struct prt_buffer *buffer, bool writes,
                                   struct percept_error *error)
{
    return synchronise(buffer, DMA_BUF_SYNC_END | (writes ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ),
                       error);
}
