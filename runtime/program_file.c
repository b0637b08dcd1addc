/*
 * Why: a mapped file can change or shrink while we read it: a check made once would mean nothing,
 * and a page that is gone kills the process with SIGBUS. So a program is read from a memfd sealed
 * against both. A file that already is such a memfd is mapped as it is; any other is copied.
 */
#include "runtime/program_data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static enum percept_status file_errno(const struct prt_file *file, const char *what,
                                      struct percept_error *error)
{
    return percept_fail_errno(error, errno, "%s: %s", file->name, what);
}

/* A sealed copy of the first size bytes of file; -1 with errno. */
static int sealed_copy(int file, size_t size)
{
    int copy = memfd_create("percept-program", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        return -1;
    off_t offset = 0;
    while ((size_t)offset < size) {
        ssize_t moved = sendfile(copy, file, &offset, size - (size_t)offset);
        if (moved < 0 && errno == EINTR)
            continue;
        if (moved == 0)
            errno = EIO; /* it became shorter meanwhile */
        if (moved <= 0)
            goto failed;
    }
    if (fcntl(copy, F_ADD_SEALS, SEALS) == 0)
        return copy;
failed:;
    int reason = errno;
    close(copy);
    errno = reason;
    return -1;
}

static enum percept_status map(struct prt_file *file, int descriptor, size_t size,
                               struct percept_error *error)
{
    int seals = fcntl(descriptor, F_GET_SEALS);
    int copy = -1;
    if (seals < 0 || (seals & SEALS) != SEALS) {
        copy = sealed_copy(descriptor, size);
        if (copy < 0)
            return file_errno(file, "cannot read", error);
    }
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, copy >= 0 ? copy : descriptor, 0);
    int reason = errno;
    if (copy >= 0)
        close(copy);
    if (memory == MAP_FAILED) {
        errno = reason;
        return file_errno(file, "cannot map", error);
    }
    file->bytes = (struct prt_bytes){.data = memory, .size = size};
    file->mapped = true;
    return PERCEPT_OK;
}

static enum percept_status set_name(struct prt_file *file, const char *name,
                                    struct percept_error *error)
{
    file->name = strdup(name);
    return file->name ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", name);
}

enum percept_status prt_file_map(struct prt_file *file, const char *path,
                                 struct percept_error *error)
{
    enum percept_status status = set_name(file, path, error);
    if (status != PERCEPT_OK)
        return status;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return file_errno(file, "cannot open", error);
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        status = file_errno(file, "cannot read", error);
    else if (!S_ISREG(info.st_mode))
        status = percept_fail(error, PERCEPT_INVALID, "%s: not a regular file", path);
    else if (info.st_size == 0)
        status = percept_fail(error, PERCEPT_MALFORMED, "%s: the file is empty", path);
    else
        status = map(file, descriptor, (size_t)info.st_size, error);
    close(descriptor);
    return status;
}

enum percept_status prt_file_copy(struct prt_file *file, const void *bytes, size_t size,
                                  const char *name, struct percept_error *error)
{
    /* As aligned as a mapping where it matters: constants are used in place. */
    void *memory;
    enum percept_status status = set_name(file, name, error);
    if (status != PERCEPT_OK)
        return status;
    if (size == 0)
        return percept_fail(error, PERCEPT_MALFORMED, "%s: no bytes", name);
    if (posix_memalign(&memory, 64, size) != 0)
        return percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory for %zu bytes", name, size);
    memcpy(memory, bytes, size);
    file->bytes = (struct prt_bytes){.data = memory, .size = size};
    return PERCEPT_OK;
}

void prt_file_close(struct prt_file *file)
{
    void *memory = (void *)(uintptr_t)file->bytes.data;
    if (file->mapped)
        munmap(memory, file->bytes.size);
    else if (!file->part)
        free(memory);
    free(file->name);
    *file = (struct prt_file){0};
}
