#include "ipc/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

static int open_memfd(const char *name)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
    return fd < 0 && errno == EINVAL ? memfd_create(name, flags) : fd;
}

enum percept_status ipc_memfd_create(const char *name, size_t bytes, int seals, int *fd,
                                     void **memory, struct percept_error *error)
{
    int file = open_memfd(name);
    if (file < 0)
        return percept_fail_errno(error, errno, "memfd for '%s'", name);
    void *mapping = MAP_FAILED;
    if (bytes > INT64_MAX || ftruncate(file, (off_t)bytes) < 0)
        goto fail;
    mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapping == MAP_FAILED || fcntl(file, F_ADD_SEALS, seals) < 0)
        goto fail;
    *fd = file;
    *memory = mapping;
    return PERCEPT_OK;
fail:;
    int cause = errno;
    if (mapping != MAP_FAILED)
        munmap(mapping, bytes);
    close(file);
    return percept_fail_errno(error, cause, "%zu bytes of shared memory for '%s'", bytes, name);
}

enum percept_status ipc_memfd_content(const char *name, const void *data, size_t bytes, int *fd,
                                      struct percept_error *error)
{
    int file = open_memfd(name);
    if (file < 0)
        return percept_fail_errno(error, errno, "memfd for '%s'", name);
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(file, (const char *)data + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            goto fail;
        done += (size_t)n;
    }
    if (fcntl(file, F_ADD_SEALS, IPC_SEALS_RESULT) < 0)
        goto fail;
    *fd = file;
    return PERCEPT_OK;
fail:;
    int cause = errno;
    close(file);
    return percept_fail_errno(error, cause, "%zu bytes of shared memory for '%s'", bytes, name);
}

bool ipc_memfd_check(int fd, int seals, size_t *bytes)
{
    struct stat status;
    int have = fcntl(fd, F_GET_SEALS);
    if (have < 0 || (have & seals) != seals || fstat(fd, &status) < 0 || status.st_size <= 0)
        return false;
    *bytes = (size_t)status.st_size;
    return true;
}
