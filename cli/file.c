#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a file that is read: a device that never ends must end somewhere. */
#define MOST_BYTES ((size_t)2 << 30)

static enum percept_status fail_file(struct percept_error *error, const char *path, int number)
{
    char text[128];
    return percept_fail_at(error, percept_status_from_errno(number), path, 0, 0, "%s",
                           strerror_r(number, text, sizeof text));
}

enum percept_status cli_file_read(const char *path, void **data, size_t *size,
                                  struct percept_error *error)
{
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return fail_file(error, path, errno);
    /* Grown as read: the size that stat tells may be wrong by the time, or 0 for a pipe. */
    size_t used = 0, capacity = 65536;
    unsigned char *bytes = malloc(capacity + 1);
    while (bytes && !feof(stream) && !ferror(stream)) {
        used += fread(bytes + used, 1, capacity - used, stream);
        if (used < capacity)
            continue;
        unsigned char *more = capacity < MOST_BYTES ? realloc(bytes, capacity * 2 + 1) : NULL;
        if (!more)
            free(bytes);
        bytes = more;
        capacity *= 2;
    }
    int failed = !bytes ? EFBIG : ferror(stream) ? errno : 0;
    fclose(stream);
    if (failed) {
        free(bytes);
        return fail_file(error, path, failed);
    }
    bytes[used] = '\0';
    *data = bytes;
    *size = used;
    return PERCEPT_OK;
}

enum percept_status cli_file_create(const char *path, struct cli_file *file,
                                    struct percept_error *error)
{
    *file = (struct cli_file){.path = path};
    file->stream = open_memstream(&file->text, &file->size);
    return file->stream ? PERCEPT_OK : fail_file(error, path, errno);
}

/* An errno value, 0 for success. */
static int write_all(int fd, const char *text, size_t size)
{
    while (size) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        text += written;
        size -= (size_t)written;
    }
    /* Some file systems tell only now that there was no room. Those that can't sync say EINVAL. */
    return fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

static int write_and_rename(const char *path, const char *text, size_t size)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary)
        return ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return errno;
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask); /* mkostemp makes it private; this is an ordinary file */
    int number = write_all(fd, text, size);
    if (close(fd) != 0 && !number)
        number = errno;
    if (!number && rename(temporary, path) != 0)
        number = errno;
    if (number)
        unlink(temporary);
    return number;
}

enum percept_status cli_file_commit(struct cli_file *file, struct percept_error *error)
{
    bool failed = ferror(file->stream);
    failed = fclose(file->stream) != 0 || failed; /* memory was the only thing that could run out */
    int number = failed ? ENOMEM : write_and_rename(file->path, file->text, file->size);
    free(file->text);
    return number ? fail_file(error, file->path, number) : PERCEPT_OK;
}

void cli_file_abandon(struct cli_file *file)
{
    fclose(file->stream);
    free(file->text);
}

enum percept_status cli_make_directory(const char *path, struct percept_error *error)
{
    char part[4096];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return fail_file(error, path, ENAMETOOLONG);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fail_file(error, part, errno);
    }
    return PERCEPT_OK;
}
