/*
 * The topic "indicator": which sensors are live, and for whom (struct percept_indicator). Anybody
 * may read it. Published when it changes. Loop thread.
 */
#ifndef DAEMON_INDICATOR_H
#define DAEMON_INDICATOR_H

#include "ipc/server.h"
#include "pipelines/engine.h"

#define INDICATOR_TOPIC "indicator"

struct indicator;

struct indicator_view {
    const struct pipe_config *config;
    const struct pipe_engine *engine; /* started */
    const struct ipc_server *server;
};

enum percept_status indicator_create(struct indicator **indicator, struct percept_error *error);
/* NULL is fine. The topic stays its owner's. */
void indicator_destroy(struct indicator *indicator);

/* To be offered to clients, and destroyed by the caller after the server. */
struct ipc_topic *indicator_topic(const struct indicator *indicator);

/* Look again; publish if something is different. */
void indicator_update(struct indicator *indicator, const struct indicator_view *view);
/* No sensor will be live again: the topic ends, and updates do nothing any more. */
void indicator_end(struct indicator *indicator);

#endif
