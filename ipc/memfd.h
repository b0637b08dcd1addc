/* Anonymous shared memory that can't change its size under whoever maps it. */
#ifndef IPC_MEMFD_H
#define IPC_MEMFD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* What a receiver insists on before it maps what it was sent. */
#define IPC_SEALS_PAGE   (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define IPC_SEALS_RING   (IPC_SEALS_PAGE | F_SEAL_FUTURE_WRITE)
#define IPC_SEALS_RESULT (IPC_SEALS_PAGE | F_SEAL_WRITE)

/* A zeroed memfd of that size, mapped read-write here, then sealed. On success the caller owns
 * both the descriptor and the mapping. */
enum percept_status ipc_memfd_create(const char *name, size_t bytes, int seals, int *fd,
                                     void **memory, struct percept_error *error);

/* A memfd with this content, sealed against any change. */
enum percept_status ipc_memfd_content(const char *name, const void *data, size_t bytes, int *fd,
                                      struct percept_error *error);

/* Does fd have at least these seals? *bytes is then its size, now and for ever. */
bool ipc_memfd_check(int fd, int seals, size_t *bytes);

#endif
