/*
 * When sources rest: those of pipelines that are on demand while nobody subscribes, and all while
 * the privacy switch is on. The switch outlives the daemon. Loop thread.
 */
#ifndef DAEMON_DEMAND_H
#define DAEMON_DEMAND_H

#include "daemon/state.h"
#include "daemon/topics.h"
#include "pipelines/engine.h"

#include <uv.h>

#define DEMAND_MOST 64 /* pipelines */

struct daemon_demand {
    uv_timer_t timer; /* for the end of a linger */
    struct pipe_engine *engine;
    const struct topics *topics;
    void (*changed)(void *context); /* looks again, and tells whom it concerns */
    void *context;
    bool private;
    /* How long each is wanted yet. Names, since numbers change with a reload. */
    struct demand_row {
        char name[64];
        int64_t until_ns;
    } rows[DEMAND_MOST];
};

/* Before there is an engine, which begins with the switch as it was left (`private`). The caller
 * sets what else is in it, which outlives it. */
enum percept_status demand_open(struct daemon_demand *demand, uv_loop_t *loop,
                                const struct state_folder *state, struct percept_error *error);
void demand_close(struct daemon_demand *demand); /* fine for one that was never opened */

/* Who subscribes has changed, or what there is, or a linger is over. */
void demand_look(struct daemon_demand *demand, const struct pipe_config *config);

/* Turn the switch, for now and for later. Only when it could be kept is it turned off. */
enum percept_status demand_set_private(struct daemon_demand *demand,
                                       const struct state_folder *state, bool on,
                                       struct percept_error *error);

#endif
