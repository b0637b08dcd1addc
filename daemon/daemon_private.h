/* What the parts of the daemon share. Loop thread, except where it says otherwise. Private to
 * daemon/. */
#ifndef DAEMON_DAEMON_PRIVATE_H
#define DAEMON_DAEMON_PRIVATE_H

#include "backends/registry.h"
#include "daemon/access.h"
#include "daemon/daemon.h"
#include "daemon/demand.h"
#include "daemon/indicator.h"
#include "daemon/metrics_server.h"
#include "daemon/pressure.h"
#include "daemon/probe.h"
#include "daemon/reload.h"
#include "daemon/status.h"
#include "daemon/topics.h"
#include "daemon/transcript.h"
#include "daemon/watchdog.h"
#include "ipc/server.h"
#include "pipelines/engine.h"

#include <uv.h>

#define DAEMON_SIGNALS 3

struct daemon {
    struct daemon_state state;
    struct signing_keys *keys; /* or NULL */
    struct probe *probe;       /* or NULL: models are not loaded elsewhere first */
    struct pipe_config *config;
    struct backends_registry *backends;
    struct pipe_host host;
    struct daemon_watchdog watchdog;
    struct daemon_pressure pressure;
    struct daemon_demand demand;
    struct base_pool *pool;
    struct pipe_engine *engine;
    struct policy *policy;
    struct state_folder folder;
    struct access *access;
    struct ipc_guard guard; /* its; filled before the loop runs */
    struct ipc_server *server;
    struct metrics_server *metrics; /* or NULL */
    struct indicator *indicator;
    struct daemon_transcript *transcript; /* or NULL: only checking */
    struct topics topics;
    struct daemon_reload reload;
    const struct daemon_settings *settings;

    uv_loop_t loop;
    uv_signal_t signals[DAEMON_SIGNALS];
    uv_async_t pipeline_finished; /* pipeline threads -> loop */
    uv_timer_t timer;             /* first to start, in the end to drain */
    uv_work_t stop_work;
    int64_t drain_start_ns;
    enum percept_status start_status;
    struct percept_error start_error;
    bool started; /* the engine was */
    bool stopping;
    bool engine_stopped; /* written when no pipeline thread is left */
};

/* Who reads what, or which sensor is live, has changed. */
void daemon_changed(struct daemon *daemon);

/* ---- host.c ---- */

/* What the engine asks of us: pool, backends, keys and functions, of which some are called by
 * pipeline threads (pipelines/engine.h). */
struct pipe_host daemon_host(struct daemon *daemon);

/* ---- plugins.c ---- */

/* The built-in backends and those of plugins; of what is no plugin, a line each in the log. While
 * there is one thread. */
enum percept_status daemon_find_backends(struct daemon *daemon, struct percept_error *error);
/* The same of those with kinds of nodes, which the configuration has loaded. */
void daemon_tell_node_plugins(void);

/* ---- answers.c ---- */

/* What ipc_server_options asks of `query`, `history`, `forget` and `push`, and
 * metrics_server_options of `text`; the context is the daemon. */
char *daemon_answer(void *context, uint64_t ticket, const char *what, bool *later);
enum percept_status daemon_history(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                   const struct percept_history *wish, struct percept_error *error);
enum percept_status daemon_forget(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                  uint64_t seconds, struct percept_error *error);
enum percept_status daemon_push(void *context, const char *to, int fd,
                                const struct ipc_push_format *format, struct percept_error *error);
char *daemon_answer_metrics(void *context);

#endif
