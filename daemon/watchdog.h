/*
 * Tells a service manager that the daemon gets on: every pipeline, not the loop alone. One that
 * hangs in a frame keeps the word from being sent; then the manager starts the daemon anew.
 */
#ifndef DAEMON_WATCHDOG_H
#define DAEMON_WATCHDOG_H

#include "pipelines/engine.h"

#include <stdbool.h>
#include <uv.h>

struct daemon_watchdog {
    uv_timer_t timer;
    const struct pipe_engine *engine;
    int64_t interval_ns;
    bool hangs; /* and that was told */
};

/* Does nothing when no manager waits. The engine outlives it; on the loop's thread. */
void daemon_watchdog_start(struct daemon_watchdog *watchdog, uv_loop_t *loop,
                           const struct pipe_engine *engine);
/* Fine for one that was never started. */
void daemon_watchdog_stop(struct daemon_watchdog *watchdog);

#endif
