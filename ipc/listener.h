/* The daemon's listening socket and its place in the file system. */
#ifndef IPC_LISTENER_H
#define IPC_LISTENER_H

#include "base/status.h"

struct ipc_listener {
    int fd;      /* listening, non-blocking */
    int lock_fd; /* holds PATH.lock for as long as the daemon lives; -1 for one that was adopted */
    char *path;  /* NULL for one that was adopted */
};

/*
 * Listen on path. EXISTS, naming it, when another daemon has it or something that is no socket is
 * there; what a dead daemon left is replaced.
 */
enum percept_status ipc_listener_open(struct ipc_listener *listener, const char *path,
                                      struct percept_error *error);
/*
 * Take over a socket that listens already, as a service manager hands it over; the descriptor is
 * the listener's then. INVALID when it is no listening SOCK_SEQPACKET Unix socket.
 */
enum percept_status ipc_listener_adopt(struct ipc_listener *listener, int fd,
                                       struct percept_error *error);
/* Removes the socket file and the lock; both stay of one that was adopted. */
void ipc_listener_close(struct ipc_listener *listener);

#endif
