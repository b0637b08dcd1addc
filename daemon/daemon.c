/* Why: joins the engine, which knows nothing of clients, to the topics, which know nothing of
 * models; and owns the order in which things start and stop. */
#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/confine.h"
#include "daemon/cpus.h"
#include "daemon/daemon_private.h"
#include "daemon/handle.h"
#include "daemon/notify.h"
#include "ipc/socket_path.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* After the last source has ended clients may still read what was published: until they have let go
 * of it, within these bounds. */
#define DRAIN_LEAST_NS (200 * BASE_NS_PER_MS)
#define DRAIN_MOST_NS  (5 * BASE_NS_PER_S)
#define DRAIN_POLL_MS  20
/* Clients that waited for the daemon to come up get so long to subscribe before the first frame. */
#define START_DELAY_MS 50

static const int signals[DAEMON_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

/* ---- stopping ---- */

/* Leaves the loop with nothing to do, so that it returns. */
static void close_all(struct daemon *daemon)
{
    daemon->engine_stopped = true;
    ipc_server_destroy(daemon->server);
    daemon->server = NULL;
    transcript_close(daemon->transcript);
    daemon->transcript = daemon->state.transcript = NULL;
    metrics_server_destroy(daemon->metrics);
    daemon->metrics = NULL;
    access_destroy(daemon->access);
    daemon->access = NULL;
    for (size_t i = 0; i < DAEMON_SIGNALS; i++)
        daemon_close_handle(&daemon->signals[i]);
    daemon_close_handle(&daemon->pipeline_finished);
    daemon_watchdog_stop(&daemon->watchdog);
    daemon_pressure_stop(&daemon->pressure);
    demand_close(&daemon->demand);
}

static void wait_for_engine(uv_work_t *work)
{
    struct daemon *daemon = work->data;
    pipe_engine_stop(daemon->engine);
}

static void on_engine_stopped(uv_work_t *work, int cancelled)
{
    (void)cancelled; /* nobody does */
    close_all(work->data);
}

/* A pipeline may be at its frame, or at a driver, for long: clients are served until all have
 * stopped. */
static void stop(struct daemon *daemon)
{
    if (daemon->stopping)
        return;
    daemon->stopping = true;
    daemon->state.state = "stopping";
    daemon_notify("STOPPING=1");
    daemon_reload_stop(&daemon->reload);
    daemon_close_handle(&daemon->timer);
    if (!daemon->started) {
        close_all(daemon);
        return;
    }
    pipe_engine_cancel(daemon->engine);
    daemon->stop_work.data = daemon;
    (void)uv_queue_work(&daemon->loop, &daemon->stop_work, wait_for_engine,
                        on_engine_stopped); /* fails without a function */
}

static void on_signal(uv_signal_t *handle, int number)
{
    if (number == SIGHUP) {
        daemon_reload(handle->data);
        return;
    }
    base_log(BASE_LOG_INFO, "stopping: %s", strsignal(number));
    stop(handle->data);
}

static unsigned subscribers(const struct daemon *daemon)
{
    unsigned total = 0;
    for (size_t i = 0; i < daemon->topics.count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(daemon->topics.all[i], &stats);
        total += stats.subscribers;
    }
    return total;
}

static void on_drain(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    int64_t waited = base_clock_ns() - daemon->drain_start_ns;
    unsigned readers = subscribers(daemon);
    if (waited < DRAIN_LEAST_NS || (readers && waited < DRAIN_MOST_NS))
        return;
    if (readers)
        base_log(BASE_LOG_WARNING, "leaving %u subscriptions that are still open", readers);
    base_log(BASE_LOG_INFO, "stopping: every input has ended");
    stop(daemon);
}

/* How many pipelines there are in one of these states; the second may be NULL. */
static size_t count_pipelines(const struct daemon *daemon, const char *state, const char *other)
{
    size_t count = pipe_engine_stats(daemon->engine, NULL, 0), found = 0;
    struct pipe_stats *stats = calloc(count + 1, sizeof *stats);
    if (stats)
        pipe_engine_stats(daemon->engine, stats, count);
    for (size_t i = 0; stats && i < count; i++)
        found +=
            strcmp(stats[i].state, state) == 0 || (other && strcmp(stats[i].state, other) == 0);
    free(stats);
    return found;
}

/* Drain when every pipeline is over, if that is to be the end. */
static void end_if_over(struct daemon *daemon)
{
    size_t count = pipe_engine_stats(daemon->engine, NULL, 0);
    if (daemon->drain_start_ns || !pipe_config_daemon(daemon->config)->exit_when_done || !count ||
        count_pipelines(daemon, "done", "failed") < count)
        return;
    indicator_end(daemon->indicator);
    daemon->drain_start_ns = base_clock_ns();
    daemon->state.state = "draining";
    uv_timer_start(&daemon->timer, on_drain, DRAIN_POLL_MS, DRAIN_POLL_MS);
}

void daemon_changed(struct daemon *daemon)
{
    const struct indicator_view view = {
        .config = daemon->config, .engine = daemon->engine, .server = daemon->server};
    if (!daemon->started || daemon->stopping)
        return;
    demand_look(&daemon->demand, daemon->config);
    indicator_update(daemon->indicator, &view);
    end_if_over(daemon);
}

static void on_change(void *context)
{
    daemon_changed(context);
}

static void on_pipeline_finished(uv_async_t *async)
{
    daemon_changed(async->data);
}

/* ---- starting ---- */

/* First of all, so that a signal that arrives while models load stops the daemon in order. */
static enum percept_status open_handles(struct daemon *daemon, struct percept_error *error)
{
    int failed = uv_async_init(&daemon->loop, &daemon->pipeline_finished, on_pipeline_finished);
    if (!failed)
        failed = uv_timer_init(&daemon->loop, &daemon->timer);
    daemon->pipeline_finished.data = daemon->timer.data = daemon;
    for (size_t i = 0; i < DAEMON_SIGNALS && !failed; i++) {
        failed = uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        if (!failed)
            failed = uv_signal_start(&daemon->signals[i], on_signal, signals[i]);
    }
    return failed ? percept_fail_errno(error, -failed, "event loop") : PERCEPT_OK;
}

/* The socket comes before the models: of two daemons the second gives way at once. Clients that
 * connect meanwhile wait in its backlog until the loop runs. */
static enum daemon_exit open_server(struct daemon *daemon, const char *socket,
                                    struct percept_error *error)
{
    char *path = ipc_socket_path(socket);
    char *slash = path ? strrchr(path, '/') : NULL;
    if (slash && slash != path) {
        *slash = '\0';
        mkdir(path,
              0755); /* /run/percept is gone after a boot; what is wrong, listening will say */
        *slash = '/';
    }
    int listening;
    bool activated = daemon_activation_socket(&listening);
    struct ipc_server_options options = {.socket_path = path,
                                         .listening = activated ? &listening : NULL,
                                         .query = daemon_answer,
                                         .history = daemon_history,
                                         .forget = daemon_forget,
                                         .push = daemon_push,
                                         .context = daemon,
                                         .guard = &daemon->guard,
                                         .quotas = policy_quotas(daemon->policy)};
    enum percept_status status =
        path ? ipc_server_create(&daemon->loop, &options, &daemon->server, error)
             : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    free(path);
    return status == PERCEPT_OK       ? DAEMON_EXIT_OK
           : status == PERCEPT_EXISTS ? DAEMON_EXIT_SOCKET
                                      : DAEMON_EXIT_FAILURE;
}

static bool takes_sound(void *context, const char *name)
{
    const struct daemon *daemon = context;
    const char *known;
    for (size_t i = 0; (known = pipe_config_push_at(daemon->config, i)) != NULL; i++)
        if (strcmp(known, name) == 0)
            return true;
    return false;
}

static enum daemon_exit open_access(struct daemon *daemon, const char *path,
                                    struct percept_error *error)
{
    enum percept_status status = state_open(path, &daemon->folder, error);
    const struct access_options options = {.policy = daemon->policy,
                                           .folder = &daemon->folder,
                                           .changed = on_change,
                                           .takes_sound = takes_sound,
                                           .context = daemon};
    if (status == PERCEPT_OK)
        status = access_create(&daemon->loop, &options, &daemon->access, error);
    if (status == PERCEPT_OK)
        status = transcript_open(&daemon->loop, &daemon->folder, &daemon->transcript, error);
    if (status == PERCEPT_OK)
        daemon->guard = *access_guard(daemon->access);
    return status == PERCEPT_OK       ? DAEMON_EXIT_OK
           : status == PERCEPT_EXISTS ? DAEMON_EXIT_SOCKET
                                      : DAEMON_EXIT_FAILURE;
}

/* What clients connect to. The socket comes first: of two daemons on one the second gives way. */
static enum daemon_exit open_control(struct daemon *daemon, const char *socket, const char *state,
                                     struct percept_error *error)
{
    enum daemon_exit code = open_server(daemon, socket, error);
    return code ? code : open_access(daemon, state, error);
}

static enum daemon_exit load(struct daemon *daemon, const struct daemon_settings *settings,
                             struct percept_error *error)
{
    if (daemon_drop_privileges(settings->user, error))
        return DAEMON_EXIT_FAILURE;
    if (settings->keys && signing_keys_open(settings->keys, &daemon->keys, error))
        return DAEMON_EXIT_CONFIG;
    enum percept_status status =
        pipe_config_load_signed(settings->config, daemon->keys, &daemon->config, error);
    daemon_tell_node_plugins();
    if (status)
        return DAEMON_EXIT_CONFIG;
    const struct pipe_daemon_settings *own = pipe_config_daemon(daemon->config);
    base_log_open("perceptd", settings->log_given ? settings->log_level : own->log_level);
    if (own->policy && policy_load(own->policy, daemon->keys, &daemon->policy, error))
        return DAEMON_EXIT_CONFIG;
    if (cpus_keep_to(&own->cpus, error))
        return DAEMON_EXIT_CONFIG;
    if (open_handles(daemon, error))
        return DAEMON_EXIT_FAILURE;
    if (!settings->check) {
        const char *socket = settings->socket ? settings->socket : own->socket;
        enum daemon_exit code = open_control(daemon, socket, own->state, error);
        if (code)
            return code;
        if (demand_open(&daemon->demand, &daemon->loop, &daemon->folder, error))
            return DAEMON_EXIT_FAILURE;
    }
    if (own->check_models && probe_start(own->check_seconds, own->cache, &daemon->probe, error))
        return DAEMON_EXIT_FAILURE;
    if (daemon_find_backends(daemon, error) || base_pool_create(own->threads, &daemon->pool, error))
        return DAEMON_EXIT_FAILURE;
    daemon->host = daemon_host(daemon);
    if (pipe_engine_create(daemon->config, &daemon->host, &daemon->engine, error))
        return DAEMON_EXIT_CONFIG;
    daemon->demand.engine = daemon->engine;
    daemon->demand.topics = &daemon->topics;
    daemon->demand.changed = on_change;
    daemon->demand.context = daemon;
    if (indicator_create(&daemon->indicator, error))
        return DAEMON_EXIT_FAILURE;
    if (topics_add(&daemon->topics, indicator_topic(daemon->indicator), error))
        return DAEMON_EXIT_FAILURE;
    if (policy_check_config(daemon->policy, daemon->config, INDICATOR_TOPIC, error))
        return DAEMON_EXIT_CONFIG;
    if (settings->check)
        return DAEMON_EXIT_OK;
    if (topics_serve(&daemon->topics, daemon->server, error))
        return DAEMON_EXIT_FAILURE;
    access_serve(daemon->access, daemon->server, daemon->topics.all, daemon->topics.count);
    transcript_serve(daemon->transcript, daemon->access, daemon->server, &daemon->topics);
    return transcript_keep(daemon->transcript, daemon->config, error) ? DAEMON_EXIT_FAILURE
                                                                      : DAEMON_EXIT_OK;
}

static enum daemon_exit open_metrics(struct daemon *daemon, struct percept_error *error)
{
    const struct metrics_server_options options = {
        .address = pipe_config_daemon(daemon->config)->metrics,
        .text = daemon_answer_metrics,
        .context = daemon,
    };
    enum percept_status status =
        options.address ? metrics_server_create(&daemon->loop, &options, &daemon->metrics, error)
                        : PERCEPT_OK;
    return status == PERCEPT_OK       ? DAEMON_EXIT_OK
           : status == PERCEPT_EXISTS ? DAEMON_EXIT_SOCKET
                                      : DAEMON_EXIT_FAILURE;
}

static void on_start(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    daemon->start_status = pipe_engine_start(daemon->engine, &daemon->start_error);
    if (daemon->start_status) {
        stop(daemon);
        return;
    }
    daemon_watchdog_start(&daemon->watchdog, &daemon->loop, daemon->engine);
    const struct pipe_daemon_settings *own = pipe_config_daemon(daemon->config);
    if (own->watch_device)
        daemon_pressure_start(&daemon->pressure, &daemon->loop, own->device_root, daemon->engine);
    daemon->started = true;
    daemon->state.state = "running";
    daemon_changed(daemon);
    daemon_notify("READY=1");
    base_log(BASE_LOG_INFO, "running: %zu pipelines, %zu topics",
             pipe_engine_stats(daemon->engine, NULL, 0), daemon->topics.count - 1);
    daemon_reload_started(daemon);
}

static enum daemon_exit serve(struct daemon *daemon, struct percept_error *error)
{
    daemon->state.engine = daemon->engine;
    enum daemon_exit code = open_metrics(daemon, error);
    if (code)
        return code;
    if (pipe_config_daemon(daemon->config)->confine && daemon_confine(base_child_any(), error))
        return DAEMON_EXIT_FAILURE;
    uv_timer_start(&daemon->timer, on_start, START_DELAY_MS, 0);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    if (daemon->start_status) {
        *error = daemon->start_error;
        return DAEMON_EXIT_FAILURE;
    }
    size_t failed = count_pipelines(daemon, "failed", NULL);
    if (failed && daemon->drain_start_ns) {
        percept_fail(error, PERCEPT_IO, "%zu of %zu pipelines have failed", failed,
                     pipe_engine_stats(daemon->engine, NULL, 0));
        return DAEMON_EXIT_FAILURE;
    }
    return DAEMON_EXIT_OK;
}

static void destroy(struct daemon *daemon)
{
    stop(daemon);
    uv_run(&daemon->loop, UV_RUN_DEFAULT); /* lets the closed handles go, and a reload end */
    uv_loop_close(&daemon->loop);
    pipe_engine_destroy(daemon->engine);
    topics_destroy(&daemon->topics);
    indicator_destroy(daemon->indicator);
    base_pool_destroy(daemon->pool);
    backends_registry_destroy(daemon->backends);
    probe_stop(daemon->probe);
    state_close(&daemon->folder);
    policy_destroy(daemon->policy);
    pipe_config_destroy(daemon->config);
    signing_keys_close(daemon->keys);
    free(daemon);
}

enum daemon_exit daemon_run(const struct daemon_settings *settings, struct percept_error *error)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (!daemon || uv_loop_init(&daemon->loop)) {
        free(daemon);
        percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        return DAEMON_EXIT_FAILURE;
    }
    daemon->state = (struct daemon_state){
        .config = settings->config,
        .state = "starting",
        .started_ns = base_clock_ns(),
        .topics = daemon->topics.all,
        .pressure = &daemon->pressure.now,
    };
    daemon->settings = settings;
    enum daemon_exit code = load(daemon, settings, error);
    if (code == DAEMON_EXIT_OK && !settings->check)
        code = serve(daemon, error);
    destroy(daemon);
    return code;
}
