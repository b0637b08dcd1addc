/* Ending a socket in which there may be anything. */
#ifndef IPC_HANG_UP_H
#define IPC_HANG_UP_H

/* Close a client's socket, read to its end or not. Returns at once, whatever the client has sent.
 * Any thread. */
void ipc_hang_up(int fd);

#endif
