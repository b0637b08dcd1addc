/* The other side: a wrapped backend that does what its process's socket asks. */
#ifndef BACKENDS_ISOLATED_SERVE_H
#define BACKENDS_ISOLATED_SERVE_H

#include "backends/isolated/channel.h"
#include "runtime/backend.h"

struct isolated_server; /* what the backend has taken in */

struct isolated_server *isolated_server_create(const struct prt_backend *backend);
void isolated_server_destroy(struct isolated_server *server);

/* The answer to a request, whose descriptors are the caller's. */
void isolated_answer(struct isolated_server *server, const struct isolated_request *request,
                     const int fds[ISOLATED_MOST_FDS], struct isolated_reply *reply);

/* Answer until the other end of the socket is closed; false when the socket fails. */
bool isolated_serve(struct isolated_server *server, int socket);

#endif
