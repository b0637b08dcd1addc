/* The daemon's listening socket and its place in the file system. */
#ifndef IPC_LISTENER_H
#define IPC_LISTENER_H

#include "base/status.h"

struct ipc_listener {
    int fd;      /* listening, non-blocking */
    int lock_fd; /* holds PATH.lock for as long as the daemon lives */
    char *path;
};

/*
 * Listen on path. EXISTS, naming it, when another daemon has it or something that is no socket is
 * there; what a dead daemon left is replaced.
 */
enum percept_status ipc_listener_open(struct ipc_listener *listener, const char *path,
                                      struct percept_error *error);
/* Removes the socket file and the lock. */
void ipc_listener_close(struct ipc_listener *listener);

#endif
