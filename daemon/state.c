/* Why: what decides over somebody's camera must not be another's to write, nor half written. */
#include "daemon/state.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char *default_path(void)
{
    const char *given = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"),
               *home = getenv("HOME");
    char *path;
    int length;
    if (given && given[0] == '/')
        length = asprintf(&path, "%s", given);
    else if (xdg && xdg[0] == '/')
        length = asprintf(&path, "%s/percept", xdg);
    else if (geteuid() == 0 || !home || home[0] != '/')
        length = asprintf(&path, "/var/lib/percept");
    else
        length = asprintf(&path, "%s/.local/state/percept", home);
    return length < 0 ? NULL : path;
}

/* mkdir -p. What fails shows when the folder is opened. */
static void make_folders(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    mkdir(path, 0700);
}

/* Is it ours, or root's, and nobody else's to write? Asked of what has been opened, so who may
 * write to a folder further up can only put something else in its place that is ours as well. */
static bool is_safe(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && (s.st_uid == geteuid() || s.st_uid == 0) &&
           (s.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static enum percept_status open_folder(struct state_folder *folder, struct percept_error *error)
{
    make_folders(folder->path);
    folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0)
        return percept_fail_errno(error, errno, "state folder '%s' (daemon.state names another)",
                                  folder->path);
    if (!is_safe(folder->fd))
        return percept_fail(error, PERCEPT_PERMISSION, "state folder '%s': others may write to it",
                            folder->path);
    folder->lock_fd = openat(folder->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (folder->lock_fd < 0)
        return percept_fail_errno(error, errno, "state folder '%s': lock", folder->path);
    if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return percept_fail(
            error, PERCEPT_EXISTS,
            "another daemon uses the state folder '%s' (daemon.state names another)", folder->path);
    return PERCEPT_OK;
}

enum percept_status state_open(const char *path, struct state_folder *result,
                               struct percept_error *error)
{
    struct state_folder folder = {
        .path = path ? strdup(path) : default_path(), .fd = -1, .lock_fd = -1};
    enum percept_status status = folder.path
                                     ? open_folder(&folder, error)
                                     : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (status != PERCEPT_OK) {
        state_close(&folder);
        return status;
    }
    *result = folder;
    return PERCEPT_OK;
}

void state_close(struct state_folder *folder)
{
    if (!folder->path)
        return;
    if (folder->fd >= 0)
        close(folder->fd);
    if (folder->lock_fd >= 0)
        close(folder->lock_fd);
    free(folder->path);
    *folder = (struct state_folder){.fd = -1, .lock_fd = -1};
}

static enum percept_status read_all(int fd, const char *name, size_t most, char **content,
                                    struct percept_error *error)
{
    char *bytes = malloc(most + 2);
    if (!bytes)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    ssize_t used = base_read_most(fd, bytes, most + 1);
    enum percept_status status = PERCEPT_OK;
    if (used < 0)
        status = percept_fail_errno(error, errno, "%s", name);
    else if ((size_t)used > most)
        status = percept_fail(error, PERCEPT_LIMIT, "%s: more than %zu bytes", name, most);
    if (status != PERCEPT_OK) {
        free(bytes);
        return status;
    }
    bytes[used] = '\0';
    *content = bytes;
    return PERCEPT_OK;
}

enum percept_status state_read(const struct state_folder *folder, const char *name, size_t most,
                               char **content, struct percept_error *error)
{
    int fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return percept_fail_errno(error, errno, "%s/%s", folder->path, name);
    enum percept_status status =
        is_safe(fd) ? read_all(fd, name, most, content, error)
                    : percept_fail(error, PERCEPT_PERMISSION, "%s/%s: others may write to it",
                                   folder->path, name);
    close(fd);
    return status;
}

enum percept_status state_write(const struct state_folder *folder, const char *name,
                                const char *content, struct percept_error *error)
{
    char fresh[64];
    snprintf(fresh, sizeof fresh, "%.50s.new", name);
    int fd = openat(folder->fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written = fd >= 0 && base_write_all(fd, content, strlen(content)) && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (written && renameat(folder->fd, fresh, folder->fd, name) == 0) {
        fsync(folder->fd);
        return PERCEPT_OK;
    }
    if (written)
        cause = errno;
    unlinkat(folder->fd, fresh, 0);
    return percept_fail_errno(error, cause, "%s/%s", folder->path, name);
}
