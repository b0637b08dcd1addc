/*
 * Whose socket is it? A lock file next to the socket answers that: the kernel drops the lock with
 * its holder, so a socket file whose lock is free is a dead daemon's. To test and then replace is a
 * race only for those who do not hold the lock.
 */
#include "ipc/listener.h"

#include "ipc/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_MODE 0660
#define BACKLOG     128

static char *lock_path(const char *path)
{
    char *name;
    return asprintf(&name, "%s.lock", path) < 0 ? NULL : name;
}

static bool same_file(int fd, const char *path)
{
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && stat(path, &named) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

static enum percept_status take_lock(const char *path, int *lock_fd, struct percept_error *error)
{
    char *name = lock_path(path);
    if (!name)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = PERCEPT_OK;
    int fd;
    /* The holder before us removes the file as it goes: then we have locked a file without a name,
     * and try again. */
    for (;;) {
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            status = percept_fail_errno(error, errno, "lock file '%s'", name);
            break;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            status = errno == EWOULDBLOCK
                         ? percept_fail(error, PERCEPT_EXISTS,
                                        "another daemon is listening on '%s'", path)
                         : percept_fail_errno(error, errno, "lock file '%s'", name);
            close(fd);
            break;
        }
        if (same_file(fd, name))
            break;
        close(fd);
    }
    free(name);
    if (status == PERCEPT_OK)
        *lock_fd = fd;
    return status;
}

static void drop_lock(const char *path, int lock_fd)
{
    char *name = lock_path(path);
    if (name)
        unlink(name);
    free(name);
    close(lock_fd);
}

/* With the lock held: remove a socket file that nobody answers. */
static enum percept_status clear_place(const struct sockaddr_un *address,
                                       struct percept_error *error)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0)
        return PERCEPT_OK; /* bind will say what is wrong, if anything is */
    if (!S_ISSOCK(status.st_mode))
        return percept_fail(error, PERCEPT_EXISTS, "'%s' exists and is no socket",
                            address->sun_path);
    int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return percept_fail_errno(error, errno, "socket");
    int result = connect(probe, (const struct sockaddr *)address, sizeof *address);
    int cause = errno;
    close(probe);
    if (result == 0 || cause != ECONNREFUSED)
        return percept_fail(error, PERCEPT_EXISTS, "another program is listening on '%s'",
                            address->sun_path);
    if (unlink(address->sun_path) < 0)
        return percept_fail_errno(error, errno, "remove the stale socket '%s'", address->sun_path);
    return PERCEPT_OK;
}

static enum percept_status listen_on(const struct sockaddr_un *address, int *fd,
                                     struct percept_error *error)
{
    int socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_fd < 0)
        return percept_fail_errno(error, errno, "socket");
    ipc_wire_refuse_descriptors(socket_fd); /* of the first client, too */
    /* The mode is set before there is a name to connect to; bind applies the umask to it, hence
     * again after. */
    if (fchmod(socket_fd, SOCKET_MODE) < 0 ||
        bind(socket_fd, (const struct sockaddr *)address, sizeof *address) < 0 ||
        chmod(address->sun_path, SOCKET_MODE) < 0 || listen(socket_fd, BACKLOG) < 0) {
        int cause = errno;
        close(socket_fd);
        return percept_fail_errno(error, cause, "listen on '%s'", address->sun_path);
    }
    *fd = socket_fd;
    return PERCEPT_OK;
}

enum percept_status ipc_listener_open(struct ipc_listener *listener, const char *path,
                                      struct percept_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
        return percept_fail(error, PERCEPT_INVALID, "a socket path has 1 to %zu bytes, not '%s'",
                            sizeof address.sun_path - 1, path ? path : "");
    strcpy(address.sun_path, path);
    char *copy = strdup(path);
    if (!copy)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");

    int lock_fd = -1, fd = -1;
    enum percept_status status = take_lock(path, &lock_fd, error);
    if (status != PERCEPT_OK) {
        free(copy);
        return status;
    }
    status = clear_place(&address, error);
    if (status == PERCEPT_OK)
        status = listen_on(&address, &fd, error);
    if (status != PERCEPT_OK) {
        drop_lock(path, lock_fd);
        free(copy);
        return status;
    }
    *listener = (struct ipc_listener){.fd = fd, .lock_fd = lock_fd, .path = copy};
    return PERCEPT_OK;
}

static bool has_option(int fd, int option, int wanted)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

enum percept_status ipc_listener_adopt(struct ipc_listener *listener, int fd,
                                       struct percept_error *error)
{
    if (!has_option(fd, SO_DOMAIN, AF_UNIX) || !has_option(fd, SO_TYPE, SOCK_SEQPACKET) ||
        !has_option(fd, SO_ACCEPTCONN, 1))
        return percept_fail(error, PERCEPT_INVALID,
                            "descriptor %d is no sequential-packet Unix socket that listens", fd);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return percept_fail_errno(error, errno, "descriptor %d", fd);
    ipc_wire_refuse_descriptors(fd);
    *listener = (struct ipc_listener){.fd = fd, .lock_fd = -1};
    return PERCEPT_OK;
}

void ipc_listener_close(struct ipc_listener *listener)
{
    close(listener->fd);
    if (listener->path) {
        unlink(listener->path);
        drop_lock(listener->path, listener->lock_fd);
    }
    free(listener->path);
    *listener = (struct ipc_listener){.fd = -1, .lock_fd = -1};
}
