/* Why: a loop that turns says nothing of a model that hangs. */
#include "daemon/watchdog.h"

#include "daemon/handle.h"
#include "daemon/notify.h"

#include <stdlib.h>

/* The pipeline that has been longest at its frame, if that is too long. */
static const char *find_hanging(const struct daemon_watchdog *watchdog)
{
    size_t count = pipe_engine_stats(watchdog->engine, NULL, 0);
    struct pipe_stats *stats = calloc(count + 1, sizeof *stats);
    const char *name = NULL;
    int64_t most = watchdog->interval_ns / 2;
    pipe_engine_stats(watchdog->engine, stats, stats ? count : 0);
    for (size_t i = 0; stats && i < count; i++) {
        if (stats[i].busy_ns > most) {
            most = stats[i].busy_ns;
            name = stats[i].name;
        }
    }
    free(stats);
    return name;
}

static void on_tick(uv_timer_t *timer)
{
    struct daemon_watchdog *watchdog = timer->data;
    const char *name = find_hanging(watchdog);
    if (!name)
        daemon_notify("WATCHDOG=1");
    else if (!watchdog->hangs)
        base_log(BASE_LOG_ERROR, "pipeline %s does not get on; the service manager is told no more",
                 name);
    watchdog->hangs = name != NULL;
}

void daemon_watchdog_start(struct daemon_watchdog *watchdog, uv_loop_t *loop,
                           const struct pipe_engine *engine)
{
    watchdog->interval_ns = daemon_watchdog_ns();
    if (!watchdog->interval_ns || uv_timer_init(loop, &watchdog->timer))
        return;
    uint64_t pause_ms = (uint64_t)watchdog->interval_ns / 4000000;
    watchdog->engine = engine;
    watchdog->timer.data = watchdog;
    uv_timer_start(&watchdog->timer, on_tick, 0, pause_ms ? pause_ms : 1);
}

void daemon_watchdog_stop(struct daemon_watchdog *watchdog)
{
    daemon_close_handle(&watchdog->timer);
}
