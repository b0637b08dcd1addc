/* The daemon's status as metrics in Prometheus' text format (version 0.0.4). */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "daemon/status.h"

/* malloc'ed; NULL when out of memory. */
char *daemon_metrics_text(const struct daemon_state *state);

#endif
