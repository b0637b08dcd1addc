/*
 * A model is first loaded by a process that may die of it: percept-probe (docs/service.md). Whoever
 * makes a file that takes a loader down takes that process down, and the file is refused.
 *
 * The probe is started before the daemon confines itself, and stays, since a confined daemon starts
 * no programs. Main thread.
 */
#ifndef DAEMON_PROBE_H
#define DAEMON_PROBE_H

#include "base/status.h"
#include "signing/signing.h"

#include <stdint.h>

struct probe;

/* seconds: what a model may take. cache: folder that remembers what has passed, so that it need not
 * again; NULL: none. NOT_FOUND when the program is not there. */
enum percept_status probe_start(unsigned seconds, const char *cache, struct probe **probe,
                                struct percept_error *error);
void probe_stop(struct probe *probe); /* NULL is fine */

/*
 * Have it load what is in a sealed descriptor. OK when it could, and when it said that it lacks
 * something that the daemon may have (a backend). Else its error, or one that says how it ended.
 * path is for messages, hash of what is in the file.
 */
enum percept_status probe_model(struct probe *probe, const char *path, int descriptor,
                                const uint8_t hash[SIGNING_HASH_BYTES],
                                struct percept_error *error);

#endif
