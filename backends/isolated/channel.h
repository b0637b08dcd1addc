/* Records with descriptors, as both sides of the socket send and take them. */
#ifndef BACKENDS_ISOLATED_CHANNEL_H
#define BACKENDS_ISOLATED_CHANNEL_H

#include "backends/isolated/protocol.h"

#include <stdbool.h>
#include <stddef.h>

/* Never waits. False with errno. */
bool isolated_send(int socket, const void *record, size_t bytes, const int *fds, unsigned count);

/* The next request, with its descriptors, -1 for those that did not come; they are the caller's.
 * Waits. Its length, 0 at the end, below 0 on failure. */
ssize_t isolated_take(int socket, struct isolated_request *request, int fds[ISOLATED_MOST_FDS]);

#endif
