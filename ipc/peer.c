/* Why: permission depends on who asks. Each fact here comes from the kernel, and what can change
 * (the program of a process) is asked for when it is needed. */
#include "ipc/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif
#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

static enum percept_status read_groups(int fd, struct ipc_peer *peer, struct percept_error *error)
{
    socklen_t size = 64 * sizeof(gid_t);
    for (;;) {
        gid_t *groups = malloc(size);
        if (!groups)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        socklen_t room = size;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &room) == 0) {
            peer->groups = groups;
            peer->group_count = room / sizeof(gid_t);
            return PERCEPT_OK;
        }
        int cause = errno;
        free(groups);
        /* ERANGE: room says now how many there are. */
        if (cause != ERANGE || room <= size || room > GROUPS_MAX * sizeof(gid_t))
            return percept_fail_errno(error, cause, "groups of a client");
        size = room;
    }
}

/* Is it still running? Then what /proc says under its number is about it. */
static bool alive(int pidfd)
{
    return pidfd >= 0 && (pidfd_send_signal(pidfd, 0, NULL, 0) == 0 || errno == EPERM);
}

/* Before Linux 6.5: by its number, which may be another's by now. That one would have to be of the
 * same user to pass. */
static int open_pidfd(const struct ipc_peer *peer)
{
    struct stat status;
    char place[32];
    int fd = peer->pid > 0 ? pidfd_open((pid_t)peer->pid, 0) : -1;
    if (fd < 0)
        return -1;
    snprintf(place, sizeof place, "/proc/%lld", (long long)peer->pid);
    if (stat(place, &status) == 0 && status.st_uid == peer->uid && alive(fd))
        return fd;
    close(fd);
    return -1;
}

enum percept_status ipc_peer_open(int fd, struct ipc_peer *result, struct percept_error *error)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return percept_fail_errno(error, errno, "credentials of a client");
    struct ipc_peer peer = {
        .pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid, .pidfd = -1};
    enum percept_status status = read_groups(fd, &peer, error);
    if (status != PERCEPT_OK)
        return status;
    size = sizeof peer.pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &peer.pidfd, &size) < 0)
        peer.pidfd = errno == ENOPROTOOPT ? open_pidfd(&peer) : -1;
    *result = peer;
    return PERCEPT_OK;
}

void ipc_peer_close(struct ipc_peer *peer)
{
    free(peer->groups);
    if (peer->pidfd > 0)
        close(peer->pidfd);
    *peer = (struct ipc_peer){.pidfd = -1};
}

bool ipc_peer_in_group(const struct ipc_peer *peer, gid_t group)
{
    bool found = peer->gid == group;
    for (size_t i = 0; i < peer->group_count && !found; i++)
        found = peer->groups[i] == group;
    return found;
}

static void exe_link(const struct ipc_peer *peer, char *buffer, size_t size)
{
    snprintf(buffer, size, "/proc/%lld/exe", (long long)peer->pid);
}

bool ipc_peer_runs(const struct ipc_peer *peer, const char *path)
{
    struct stat running, wanted;
    char link[40];
    if (peer->pid <= 0)
        return false;
    exe_link(peer, link, sizeof link);
    bool same = stat(link, &running) == 0 && stat(path, &wanted) == 0 &&
                running.st_dev == wanted.st_dev && running.st_ino == wanted.st_ino;
    /* Last: if it lives now, the number was its own all the time. */
    return same && alive(peer->pidfd);
}

char *ipc_peer_executable(const struct ipc_peer *peer, char *buffer, size_t size)
{
    char link[40];
    exe_link(peer, link, sizeof link);
    ssize_t length = peer->pid > 0 ? readlink(link, buffer, size - 1) : -1;
    buffer[length > 0 && alive(peer->pidfd) ? length : 0] = '\0';
    return buffer;
}
