/*
 * Who is at the other end of a control connection, as the kernel says it; nothing that the client
 * says itself. It was that process which called connect(2): a connection that it handed on, or kept
 * through execve(2), still counts as its own.
 */
#ifndef IPC_PEER_H
#define IPC_PEER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ipc_peer {
    int64_t pid; /* 0: in another pid name space */
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* supplementary */
    size_t group_count;
    int pidfd; /* of the process, so that a number used again is noticed; -1: unknown */
};

/* The peer of a connected Unix socket. */
enum percept_status ipc_peer_open(int socket, struct ipc_peer *peer, struct percept_error *error);
/* A closed or zeroed one is fine. */
void ipc_peer_close(struct ipc_peer *peer);

bool ipc_peer_in_group(const struct ipc_peer *peer, gid_t group);

/*
 * Does it run the program in this file now? Compares files, not names: a name means another file
 * in another mount name space. False when it can't be known: the process has gone, or we may not
 * look at it (another user's, and we are not root).
 */
bool ipc_peer_runs(const struct ipc_peer *peer, const char *path);
/* The path of what it runs, for people; "" when it can't be known. Returns buffer. */
char *ipc_peer_executable(const struct ipc_peer *peer, char *buffer, size_t size);

#endif
