#include "ipc/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

union descriptors {
    char bytes[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

static enum percept_status failure(int cause)
{
    if (cause == EAGAIN || cause == EWOULDBLOCK)
        return PERCEPT_BUSY;
    return cause == EPIPE || cause == ECONNRESET || cause == ENOTCONN ? PERCEPT_DISCONNECTED
                                                                      : PERCEPT_IO;
}

enum percept_status ipc_wire_send(int fd, const struct ipc_packet *packet)
{
    union descriptors control = {0};
    struct iovec part = {.iov_base = (void *)packet->bytes, .iov_len = packet->size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (packet->fd_count > 0) {
        size_t size = packet->fd_count * sizeof(int);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), packet->fds, size);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? failure(errno) : PERCEPT_OK;
}

/* Takes all descriptors of the message; those beyond our three are closed. */
static void collect(struct msghdr *message, struct ipc_packet *packet)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int received;
            memcpy(&received, CMSG_DATA(header) + i * sizeof(int), sizeof received);
            if (packet->fd_count < IPC_FDS_MAX)
                packet->fds[packet->fd_count++] = received;
            else
                close(received);
        }
    }
}

static enum percept_status receive(int fd, struct ipc_packet *packet, void *control, size_t size)
{
    struct iovec part = {.iov_base = packet->bytes, .iov_len = sizeof packet->bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = size};
    ssize_t got;
    int resets = 0;
    /* A peer that hung up before it read all we sent is announced by ECONNRESET first; its last
     * words come after that. */
    do
        got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    if (got < 0)
        return failure(errno);
    collect(&message, packet); /* an empty packet may have some, too */
    if (got == 0 || message.msg_flags & MSG_TRUNC) {
        ipc_packet_reset(packet);
        return got == 0 ? PERCEPT_DISCONNECTED : PERCEPT_MALFORMED;
    }
    packet->size = (size_t)got;
    return PERCEPT_OK;
}

enum percept_status ipc_wire_receive(int fd, struct ipc_packet *packet)
{
    union descriptors control;
    return receive(fd, packet, &control, sizeof control);
}

enum percept_status ipc_wire_receive_bytes(int fd, struct ipc_packet *packet)
{
    return ipc_wire_has_descriptors(fd) ? PERCEPT_UNSUPPORTED : receive(fd, packet, NULL, 0);
}

void ipc_wire_refuse_descriptors(int fd)
{
    const int passes = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &passes, sizeof passes);
}

bool ipc_wire_refuses_descriptors(int fd)
{
    int passes = 1;
    socklen_t size = sizeof passes;
    return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &passes, &size) == 0 && !passes;
}

bool ipc_wire_has_descriptors(int fd)
{
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    /* What there is no room for is told. */
    return recvmsg(fd, &message, MSG_DONTWAIT | MSG_PEEK) >= 0 && (message.msg_flags & MSG_CTRUNC);
}

int ipc_packet_take_fd(struct ipc_packet *packet, unsigned i)
{
    if (i >= packet->fd_count)
        return -1;
    int fd = packet->fds[i];
    packet->fds[i] = -1;
    return fd;
}

void ipc_packet_reset(struct ipc_packet *packet)
{
    for (unsigned i = 0; i < packet->fd_count; i++)
        if (packet->fds[i] >= 0)
            close(packet->fds[i]);
    packet->fd_count = 0;
    packet->size = 0;
}
