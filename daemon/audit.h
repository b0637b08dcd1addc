/*
 * The audit record: who connected, read, was refused, granted and revoked, and when. One JSON
 * object a line, in a file for each user, so that nobody can push out what is recorded of others;
 * each is at most two files of 4 MiB.
 */
#ifndef DAEMON_AUDIT_H
#define DAEMON_AUDIT_H

#include "daemon/state.h"
#include "ipc/peer.h"

#include <stdint.h>

struct audit;

/* In the folder "audit" of the state folder. */
enum percept_status audit_open(const struct state_folder *folder, struct audit **audit,
                               struct percept_error *error);
void audit_close(struct audit *audit); /* NULL is fine */

/* Add a line; peer NULL: the daemon itself. On failure the log says so, once until it works again.
 */
void audit_write(struct audit *audit, const char *event, const struct ipc_peer *peer,
                 const char *topic, const char *text);

/* {"records": [...], "last": N}: the oldest records after number `after`, at most some hundreds, in
 * order; ask again from "last" for more. malloc'ed; NULL when out of memory. */
char *audit_json(struct audit *audit, uint64_t after);

#endif
