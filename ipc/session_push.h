/* What a session knows of the sound that its client pushes: for session.c. Loop thread. */
#ifndef IPC_SESSION_PUSH_H
#define IPC_SESSION_PUSH_H

#include "ipc/session.h"

/* A socket for a client that may have one, its end in packet->fds[0]. */
enum percept_status ipc_session_push_open(struct ipc_session *session, const char *to,
                                          const struct ipc_push_format *format,
                                          struct ipc_packet *packet, struct percept_error *error);
/* Let go of those that are over. */
void ipc_session_push_reap(struct ipc_session *session);
/* Ask the guard again, and hang up on what it refuses. */
void ipc_session_push_recheck(struct ipc_session *session);
/* The client has gone. What it had said until then is still heard. */
void ipc_session_push_finish(struct ipc_session *session);

#endif
