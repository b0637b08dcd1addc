#include "dma_buf.h"

#include <check.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

struct dma_buf_log dma_buf_log;
bool dma_buf_is_busy;

int dma_buf_create(size_t bytes)
{
    int fd = memfd_create("stands for a dma-buf", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

static bool stands_for_one(int fd)
{
    char link[64], name[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, name, sizeof name - 1) > 0 && strstr(name, "dma-buf");
}

int __real_fstatfs(int fd, struct statfs *system);
int __wrap_fstatfs(int fd, struct statfs *system);
int __wrap_fstatfs(int fd, struct statfs *system)
{
    int result = __real_fstatfs(fd, system);
    if (result == 0 && stands_for_one(fd))
        system->f_type = DMA_BUF_MAGIC;
    return result;
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (request != DMA_BUF_IOCTL_SYNC || !stands_for_one(fd))
        return __real_ioctl(fd, request, argument);
    const struct dma_buf_sync *sync = argument;
    bool ends = sync->flags & DMA_BUF_SYNC_END;
    dma_buf_log.open += ends ? -1 : 1;
    dma_buf_log.begun += !ends;
    dma_buf_log.open_for_writes += !ends && sync->flags & DMA_BUF_SYNC_WRITE;
    return 0;
}

int __real_poll(struct pollfd *list, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout)
{
    if (count != 1 || !stands_for_one(list->fd))
        return __real_poll(list, count, timeout);
    dma_buf_log.waits++;
    return dma_buf_is_busy ? 0 : 1;
}

int dma_buf_create_true(size_t bytes)
{
    int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
    if (device < 0)
        return -1;
    int memory = memfd_create("of a true one", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_eq(ftruncate(memory, (off_t)bytes), 0);
    ck_assert_int_eq(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    struct udmabuf_create create = {
        .memfd = (unsigned)memory, .flags = UDMABUF_FLAGS_CLOEXEC, .size = bytes};
    int fd = ioctl(device, UDMABUF_CREATE, &create);
    close(memory);
    close(device);
    return fd;
}
