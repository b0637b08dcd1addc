/* What the engine's threads did when, as Chrome's trace event JSON, which Perfetto reads too. */
#ifndef DAEMON_TRACE_H
#define DAEMON_TRACE_H

#include "pipelines/engine.h"

/* The answer to the queries "trace begin SECONDS", which records for so long (up to 600) and says
 * {"since_ns"}, and "trace since NS", which gives what began then or later. malloc'ed JSON; NULL
 * for another. */
char *daemon_trace_query(struct pipe_engine *engine, const char *what);

#endif
