/* Why: the two ends of the socket are held by three: the client, the pipeline that listens and the
 * session that may have to end it. */
#include "ipc/push.h"

#include "ipc/topics.h"
#include "ipc/wire.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum percept_status ipc_push_check(const struct ipc_push_format *format,
                                   struct percept_error *error)
{
    if (format->rate < IPC_PUSH_RATE_MIN || format->rate > IPC_PUSH_RATE_MAX)
        return percept_fail(error, PERCEPT_INVALID,
                            "%u samples a second: sound is pushed at %u to %u", format->rate,
                            IPC_PUSH_RATE_MIN, IPC_PUSH_RATE_MAX);
    if (format->channels < 1 || format->channels > IPC_PUSH_CHANNELS_MAX)
        return percept_fail(error, PERCEPT_INVALID, "%u channels: sound is pushed in 1 to %u",
                            format->channels, IPC_PUSH_CHANNELS_MAX);
    if (format->dtype != PERCEPT_INT16 && format->dtype != PERCEPT_FLOAT32)
        return percept_fail(error, PERCEPT_INVALID,
                            "samples of type %u: sound is pushed as int16 or float32",
                            format->dtype);
    return PERCEPT_OK;
}

size_t ipc_push_frame_bytes(const struct ipc_push_format *format)
{
    return (size_t)format->channels * (format->dtype == PERCEPT_INT16 ? 2 : 4);
}

enum percept_status ipc_push_pair(const struct ipc_push_format *format, int *ours, int *theirs,
                                  struct percept_error *error)
{
    int fds[2];
    /* The kernel doubles it, for what it needs itself. A client may set its end to more, which the
     * reader notices. */
    int room = (int)(format->queue / 2);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return percept_fail_errno(error, errno, "a socket for sound");
    if (setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) != 0) {
        int cause = errno;
        close(fds[0]);
        close(fds[1]);
        return percept_fail_errno(error, cause, "a socket for sound");
    }
    ipc_wire_refuse_descriptors(fds[0]);
    *ours = fds[0];
    *theirs = fds[1];
    return PERCEPT_OK;
}

void ipc_push_hang_up(int fd, enum percept_status status, const char *message)
{
    struct ipc_push_word word = {.status = status};
    snprintf(word.message, sizeof word.message, "%s", message);
    ssize_t ignored = send(fd, &word, sizeof word, MSG_DONTWAIT | MSG_NOSIGNAL); /* or not told */
    (void)ignored;
    shutdown(fd, SHUT_RDWR);
}

void ipc_push_empty(int fd)
{
    char byte;
    int left = 0;
    /* Each takes a whole packet; the kernel's limit of bytes is one of packets, too. What has
     * descriptors stays, and so does what is behind it: the reader goes no further either. */
    while (ioctl(fd, SIOCINQ, &left) == 0 && left > 0 && !ipc_wire_has_descriptors(fd))
        if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EINTR)
            break;
}

bool ipc_push_is_over(int fd)
{
    struct pollfd look = {.fd = fd};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLERR | POLLNVAL));
}
