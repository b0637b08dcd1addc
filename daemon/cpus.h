/* Which CPUs the daemon's threads run on. */
#ifndef DAEMON_CPUS_H
#define DAEMON_CPUS_H

#include "base/status.h"
#include "pipelines/param.h"

/* Keep the calling thread, and all that it starts from then on, to these CPUs; none: to all.
 * INVALID, with what there is, when the process may not use one of them. */
enum percept_status cpus_keep_to(const struct pipe_numbers *cpus, struct percept_error *error);

#endif
