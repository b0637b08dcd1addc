#include "base/file_bytes.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum percept_status base_file_read_descriptor(int descriptor, const char *path, size_t most,
                                              void **bytes, size_t *size,
                                              struct percept_error *error)
{
    struct stat state;
    char *data = NULL;
    ssize_t count = -1;
    enum percept_status status = PERCEPT_OK;
    if (fstat(descriptor, &state) != 0 || !S_ISREG(state.st_mode) || (size_t)state.st_size > most)
        status = percept_fail_at(error, PERCEPT_LIMIT, path, 0, 0,
                                 "expected a file of at most %zu MiB", most >> 20);
    else if (!(data = malloc((size_t)state.st_size + 1)))
        status = percept_fail_at(error, PERCEPT_NO_MEMORY, path, 0, 0, "out of memory");
    else if ((count = base_read_most(descriptor, data, (size_t)state.st_size)) < 0)
        status = percept_fail_errno(error, errno, "%s", path);
    if (status != PERCEPT_OK) {
        free(data);
        return status;
    }
    *bytes = data;
    *size = (size_t)count;
    return PERCEPT_OK;
}

enum percept_status base_file_read(const char *path, size_t most, void **bytes, size_t *size,
                                   struct percept_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return percept_fail_errno(error, errno, "%s", path);
    enum percept_status status = base_file_read_descriptor(fd, path, most, bytes, size, error);
    close(fd);
    return status;
}
