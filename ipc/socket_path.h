/* Where daemon and clients meet when nobody says otherwise. */
#ifndef IPC_SOCKET_PATH_H
#define IPC_SOCKET_PATH_H

/* The given path or, for NULL, $PERCEPT_SOCKET, else $XDG_RUNTIME_DIR/percept.sock, else
 * /run/percept/percept.sock. malloc'ed; NULL when out of memory. */
char *ipc_socket_path(const char *given);

#endif
