/* Packets with descriptors, over a SEQPACKET socket. Never blocks, never raises SIGPIPE. */
#ifndef IPC_WIRE_H
#define IPC_WIRE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_PROTOCOL_MIN 1u
#define IPC_PROTOCOL_MAX 4u

#define IPC_PACKET_MAX 4096
#define IPC_FDS_MAX    3

struct ipc_packet {
    uint8_t bytes[IPC_PACKET_MAX];
    size_t size;
    int fds[IPC_FDS_MAX]; /* owned by the packet */
    unsigned fd_count;
};

/* BUSY when the peer has to read first; DISCONNECTED; IO. The packet keeps its descriptors. */
enum percept_status ipc_wire_send(int fd, const struct ipc_packet *packet);

/* Fills an empty packet. BUSY when there is nothing; DISCONNECTED; MALFORMED for a packet that is
 * too long. */
enum percept_status ipc_wire_receive(int fd, struct ipc_packet *packet);

/* As ipc_wire_receive, but UNSUPPORTED, and nothing is taken, for a packet with descriptors. */
enum percept_status ipc_wire_receive_bytes(int fd, struct ipc_packet *packet);

/*
 * Clients have no descriptors to send. To let go of one may take as long as its sender likes (see
 * ipc/hang_up.c), so they must not even be received: have the kernel refuse them, if it is Linux
 * 6.16 or later. A listening socket's holds for those that it accepts.
 */
void ipc_wire_refuse_descriptors(int fd);
bool ipc_wire_refuses_descriptors(int fd);
/* Does the next packet have any? */
bool ipc_wire_has_descriptors(int fd);

/* Move a descriptor out: the caller owns it now. -1 when there is none at that place. */
int ipc_packet_take_fd(struct ipc_packet *packet, unsigned i);

/* Closes the descriptors that are left; empty again. */
void ipc_packet_reset(struct ipc_packet *packet);

#endif
