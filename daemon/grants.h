/*
 * Grants: what administrators have let people read, until a time or until it is revoked. They are
 * kept in a file of the state folder.
 *
 * Time is CLOCK_BOOTTIME: setting the clock does not move it, and sleep counts. A grant for a time
 * therefore ends with the boot at the latest: after that no clock says how long ago it was given.
 */
#ifndef DAEMON_GRANTS_H
#define DAEMON_GRANTS_H

#include "daemon/state.h"
#include "ipc/peer.h"
#include "ipc/percept.h"
#include "ipc/topic_class.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define GRANTS_MAX         256
#define GRANTS_FOREVER     0
#define GRANTS_SECONDS_MAX (10ULL * 366 * 86400)

struct grants;

/* folder NULL: they are not kept. When the file is damaged, *error says so, there are no grants,
 * and the next one that is given replaces it. NULL when out of memory. */
struct grants *grants_open(const struct state_folder *folder, struct percept_error *error);
void grants_close(struct grants *grants); /* NULL is fine */

/* Terms are checked: what names something, uid is -1 or a user's, executable "" or a path. One with
 * the same what, uid and executable is replaced. LIMIT; IO: it could not be kept, and is not
 * given. */
enum percept_status grants_add(struct grants *grants, const struct percept_grant *terms, uid_t by,
                               struct percept_error *error);
/* End those that fit: what "": any; uid -1: any; executable "": any. NOT_FOUND: there are none. IO:
 * they are ended, but a restart would bring them back. */
enum percept_status grants_remove(struct grants *grants, const struct percept_grant *terms,
                                  struct percept_error *error);

/* Is there one for this client and topic? */
bool grants_allow(const struct grants *grants, const struct ipc_peer *peer, const char *topic,
                  const struct ipc_topic_class *class);

/* When the next one ends, CLOCK_BOOTTIME ns; GRANTS_FOREVER: none will. */
int64_t grants_next_end(const struct grants *grants);
/* Forget those whose time is over, calling `over` for each. */
void grants_expire(struct grants *grants,
                   void (*over)(void *context, const struct percept_grant *grant), void *context);

/* For `percept grants`: an array. */
json_t *grants_json(const struct grants *grants);

#endif
