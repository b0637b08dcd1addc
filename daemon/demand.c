/* Why: what nobody looks at should cost nothing, and a camera that nobody needs should be off. */
#include "daemon/demand.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWITCH_FILE "privacy" /* "on" or "off" */

/* ---- the switch ---- */

/* One that can't be read is on: somebody has turned it. */
static bool read_switch(const struct state_folder *state)
{
    char *content = NULL;
    struct percept_error error = {0};
    enum percept_status status = state_read(state, SWITCH_FILE, 16, &content, &error);
    bool on = status != PERCEPT_NOT_FOUND && (!content || strcmp(content, "off\n") != 0);
    free(content);
    if (on && status != PERCEPT_OK)
        base_log(BASE_LOG_ERROR, "the privacy switch can't be read, so it is on: %s",
                 error.message);
    else if (on)
        base_log(BASE_LOG_WARNING, "the privacy switch is on: no source runs");
    return on;
}

enum percept_status demand_set_private(struct daemon_demand *demand,
                                       const struct state_folder *state, bool on,
                                       struct percept_error *error)
{
    if (on) {
        demand->private = true;
        pipe_engine_set_private(demand->engine, true);
    }
    enum percept_status status = state_write(state, SWITCH_FILE, on ? "on\n" : "off\n", error);
    if (status == PERCEPT_OK && !on) {
        demand->private = false;
        pipe_engine_set_private(demand->engine, false);
    }
    return status;
}

/* ---- demand ---- */

static bool is_read(const struct daemon_demand *demand, const struct pipe_config *config,
                    const char *pipeline)
{
    for (size_t i = 0; i < demand->topics->count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(demand->topics->all[i], &stats);
        const char *of = pipe_config_topic_pipeline(config, stats.name);
        if (of && strcmp(of, pipeline) == 0 &&
            (stats.subscribers > 0 || pipe_config_keeps(config, stats.name)))
            return true;
    }
    return false;
}

static struct demand_row *row_of(struct daemon_demand *demand, const char *name, int64_t now)
{
    struct demand_row *spare = &demand->rows[0];
    for (size_t i = 0; i < DEMAND_MOST; i++) {
        struct demand_row *row = &demand->rows[i];
        if (strcmp(row->name, name) == 0)
            return row;
        if (row->until_ns < spare->until_ns)
            spare = row;
    }
    snprintf(spare->name, sizeof spare->name, "%s", name);
    spare->until_ns = now;
    return spare;
}

static void on_linger(uv_timer_t *timer)
{
    const struct daemon_demand *demand = timer->data;
    demand->changed(demand->context);
}

void demand_look(struct daemon_demand *demand, const struct pipe_config *config)
{
    static struct pipe_stats stats[DEMAND_MOST]; /* loop thread */
    size_t count = pipe_engine_stats(demand->engine, stats, DEMAND_MOST);
    int64_t now = base_clock_ns(), next = INT64_MAX;
    for (size_t i = 0; i < count && i < DEMAND_MOST; i++) {
        if (!stats[i].on_demand)
            continue;
        struct demand_row *row = row_of(demand, stats[i].name, now);
        bool read = is_read(demand, config, stats[i].name);
        if (read)
            row->until_ns = now + stats[i].linger_ns;
        else if (row->until_ns > now && row->until_ns < next)
            next = row->until_ns;
        pipe_engine_set_wanted(demand->engine, i, read || row->until_ns > now);
    }
    if (next == INT64_MAX)
        uv_timer_stop(&demand->timer);
    else
        uv_timer_start(&demand->timer, on_linger, (uint64_t)((next - now) / BASE_NS_PER_MS + 1), 0);
}

enum percept_status demand_open(struct daemon_demand *demand, uv_loop_t *loop,
                                const struct state_folder *state, struct percept_error *error)
{
    int failed = uv_timer_init(loop, &demand->timer);
    if (failed)
        return percept_fail_errno(error, -failed, "event loop");
    demand->timer.data = demand;
    demand->private = read_switch(state);
    return PERCEPT_OK;
}

void demand_close(struct daemon_demand *demand)
{
    daemon_close_handle(&demand->timer);
}
