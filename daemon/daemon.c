/* Why: joins the engine, which knows nothing of clients, to the topics, which know nothing of
 * models; and owns the order in which things start and stop. */
#include "daemon/daemon.h"

#include "backends/registry.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/access.h"
#include "daemon/confine.h"
#include "daemon/cpus.h"
#include "daemon/demand.h"
#include "daemon/handle.h"
#include "daemon/indicator.h"
#include "daemon/metrics.h"
#include "daemon/metrics_server.h"
#include "daemon/notify.h"
#include "daemon/pressure.h"
#include "daemon/probe.h"
#include "daemon/status.h"
#include "daemon/topics.h"
#include "daemon/trace.h"
#include "daemon/transcript.h"
#include "daemon/watchdog.h"
#include "ipc/schema.h"
#include "ipc/server.h"
#include "ipc/socket_path.h"
#include "pipelines/engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

/* After the last source has ended clients may still read what was published: until they have let go
 * of it, within these bounds. */
#define DRAIN_LEAST_NS (200 * BASE_NS_PER_MS)
#define DRAIN_MOST_NS  (5 * BASE_NS_PER_S)
#define DRAIN_POLL_MS  20
/* Clients that waited for the daemon to come up get so long to subscribe before the first frame. */
#define START_DELAY_MS 50

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
#define SIGNALS (sizeof signals / sizeof signals[0])

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
    const struct daemon_settings *settings;

    uv_loop_t loop;
    uv_signal_t signals[SIGNALS];
    uv_async_t pipeline_finished; /* pipeline threads -> loop */
    uv_timer_t timer;             /* first to start, in the end to drain */
    int64_t drain_start_ns;
    enum percept_status start_status;
    struct percept_error start_error;
    bool started;       /* the engine was */
    bool reload_wanted; /* by a signal that came before that */
    bool stopping;
    bool engine_stopped; /* written when no pipeline thread is left */
};

/* ---- the engine's host ---- */

static enum percept_status open_topic(void *context, const char *name, const char *schema,
                                      size_t max_bytes, struct pipe_topic **topic,
                                      struct percept_error *error)
{
    struct daemon *daemon = context;
    struct ipc_topic_options options = {.name = name, .schema = schema, .max_bytes = max_bytes};
    struct ipc_topic *opened;
    enum percept_status status = transcript_watch(daemon->transcript, &options, error);
    if (status == PERCEPT_OK)
        status = topics_open(&daemon->topics, &options, &opened, error);
    if (status == PERCEPT_OK)
        *topic = (struct pipe_topic *)opened;
    return status;
}

static void *loan(void *context, struct pipe_topic *topic)
{
    (void)context;
    return ipc_topic_loan((struct ipc_topic *)topic);
}

static void publish(void *context, struct pipe_topic *topic, size_t size, int64_t capture_ns)
{
    (void)context;
    ipc_topic_publish((struct ipc_topic *)topic, size, capture_ns);
}

static void close_topic(void *context, struct pipe_topic *topic)
{
    const struct daemon *daemon = context;
    /* An engine that is taken down closes what is still open. To clients that must not look like
     * the end of a source, but like a daemon that went away and may come back. */
    if (!daemon->engine_stopped)
        ipc_topic_close((struct ipc_topic *)topic);
}

static void finished(void *context, const char *pipeline, enum percept_status status,
                     const struct percept_error *error)
{
    struct daemon *daemon = context;
    if (status == PERCEPT_OK || status == PERCEPT_END) {
        base_log(BASE_LOG_INFO, "pipeline %s: the input has ended", pipeline);
    } else if (status != PERCEPT_CANCELLED) {
        char text[1024] = "";
        if (error)
            percept_error_format(error, text, sizeof text);
        base_log(BASE_LOG_ERROR, "pipeline %s has failed: %s", pipeline,
                 text[0] ? text : percept_status_text(status));
    }
    uv_async_send(&daemon->pipeline_finished);
}

static void event(void *context, const char *pipeline, const char *text)
{
    (void)context;
    base_log(BASE_LOG_WARNING, "%s%s%s%s", pipeline ? "pipeline " : "", pipeline ? pipeline : "",
             pipeline ? ": " : "", text);
}

static enum percept_status try_model(void *context, const char *path, int descriptor,
                                     const uint8_t hash[SIGNING_HASH_BYTES],
                                     struct percept_error *error)
{
    const struct daemon *daemon = context;
    return probe_model(daemon->probe, path, descriptor, hash, error);
}

/* ---- stopping ---- */

/* Leaves the loop with nothing to do, so that it returns. */
static void stop(struct daemon *daemon)
{
    if (daemon->stopping)
        return;
    daemon->stopping = true;
    daemon_notify("STOPPING=1");
    if (daemon->engine)
        pipe_engine_stop(daemon->engine);
    daemon->engine_stopped = true;
    ipc_server_destroy(daemon->server);
    daemon->server = NULL;
    transcript_close(daemon->transcript);
    daemon->transcript = daemon->state.transcript = NULL;
    metrics_server_destroy(daemon->metrics);
    daemon->metrics = NULL;
    access_destroy(daemon->access);
    daemon->access = NULL;
    for (size_t i = 0; i < SIGNALS; i++)
        daemon_close_handle(&daemon->signals[i]);
    daemon_close_handle(&daemon->pipeline_finished);
    daemon_close_handle(&daemon->timer);
    daemon_watchdog_stop(&daemon->watchdog);
    daemon_pressure_stop(&daemon->pressure);
    demand_close(&daemon->demand);
}

static void reload(struct daemon *daemon);

static void on_signal(uv_signal_t *handle, int number)
{
    if (number == SIGHUP) {
        reload(handle->data);
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

/* Who reads what, or which sensor is live, has changed. */
static void on_change(void *context)
{
    struct daemon *daemon = context;
    const struct indicator_view view = {
        .config = daemon->config, .engine = daemon->engine, .server = daemon->server};
    if (!daemon->started || daemon->stopping)
        return;
    demand_look(&daemon->demand, daemon->config);
    indicator_update(daemon->indicator, &view);
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

static void on_pipeline_finished(uv_async_t *async)
{
    struct daemon *daemon = async->data;
    on_change(daemon);
    if (daemon->stopping || daemon->drain_start_ns ||
        count_pipelines(daemon, "done", "failed") < pipe_engine_stats(daemon->engine, NULL, 0) ||
        !pipe_config_daemon(daemon->config)->exit_when_done)
        return;
    indicator_end(daemon->indicator);
    daemon->drain_start_ns = base_clock_ns();
    daemon->state.state = "draining";
    uv_timer_start(&daemon->timer, on_drain, DRAIN_POLL_MS, DRAIN_POLL_MS);
}

/* ---- starting ---- */

static char *answer(void *context, const char *what);
static enum percept_status history(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                   const struct percept_history *wish, struct percept_error *error);
static enum percept_status forget(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                  uint64_t seconds, struct percept_error *error);

/* First of all, so that a signal that arrives while models load stops the daemon in order. */
static enum percept_status open_handles(struct daemon *daemon, struct percept_error *error)
{
    int failed = uv_async_init(&daemon->loop, &daemon->pipeline_finished, on_pipeline_finished);
    if (!failed)
        failed = uv_timer_init(&daemon->loop, &daemon->timer);
    daemon->pipeline_finished.data = daemon->timer.data = daemon;
    for (size_t i = 0; i < SIGNALS && !failed; i++) {
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
                                         .query = answer,
                                         .history = history,
                                         .forget = forget,
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

/* Who demands signatures demands them of plugins, too. */
static enum percept_status open_signed(void *context, const char *path, int *descriptor,
                                       struct percept_error *error)
{
    return signing_open(context, path, descriptor, NULL, error);
}

/* The built-in ones and plugins; of what is no plugin, a line each. While there is one thread. */
static enum percept_status find_backends(struct daemon *daemon, struct percept_error *error)
{
    const struct pipe_daemon_settings *own = pipe_config_daemon(daemon->config);
    const char *isolated[PIPE_MAX_BACKENDS];
    const struct backends_registry_options options = {
        .folders = own->plugin_folders,
        .folder_count = own->plugin_folder_count,
        .isolated = isolated,
        .isolated_count = pipe_config_isolated(daemon->config, isolated),
        .open = daemon->keys ? open_signed : NULL,
        .context = daemon->keys,
    };
    enum percept_status status = backends_registry_create(&options, &daemon->backends, error);
    if (status)
        return status;
    daemon->state.backends = backends_registry_all(daemon->backends);
    const struct backends_plugin *plugins;
    size_t count = backends_registry_plugins(daemon->backends, &plugins);
    for (size_t i = 0; i < count; i++) {
        const struct backends_plugin *plugin = &plugins[i];
        if (plugin->backend)
            base_log(BASE_LOG_INFO, "backend %s is from %s", plugin->backend->name, plugin->path);
        else
            base_log(BASE_LOG_WARNING, "plugin refused: %s: %s", plugin->path,
                     plugin->error.message);
    }
    return PERCEPT_OK;
}

/* The same of those with kinds of nodes, which the configuration has loaded. */
static void tell_node_plugins(void)
{
    const struct pipe_node_plugin_entry *entries;
    size_t count = pipe_node_plugins(&entries);
    for (size_t i = 0; i < count; i++)
        if (entries[i].error.status == PERCEPT_OK)
            base_log(BASE_LOG_INFO, "nodes %s are from %s", entries[i].names, entries[i].path);
        else
            base_log(BASE_LOG_WARNING, "plugin refused: %s: %s", entries[i].path,
                     entries[i].error.message);
}

static enum daemon_exit open_access(struct daemon *daemon, const char *path,
                                    struct percept_error *error)
{
    enum percept_status status = state_open(path, &daemon->folder, error);
    const struct access_options options = {.policy = daemon->policy,
                                           .folder = &daemon->folder,
                                           .changed = on_change,
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

/* Does the policy, if there is one, know the topics of the configuration? */
static enum percept_status check_policy(const struct policy *policy,
                                        const struct pipe_config *config,
                                        struct percept_error *error)
{
    const char *names[TOPICS_MAX] = {INDICATOR_TOPIC}, *name;
    size_t count = 1;
    while (count < TOPICS_MAX && (name = pipe_config_topic_at(config, count - 1)) != NULL)
        names[count++] = name;
    return policy ? policy_check_topics(policy, names, count, error) : PERCEPT_OK;
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
    tell_node_plugins();
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
    if (find_backends(daemon, error) || base_pool_create(own->threads, &daemon->pool, error))
        return DAEMON_EXIT_FAILURE;
    const struct pipe_host host = {
        .context = daemon,
        .backends = backends_registry_all(daemon->backends),
        .pool = daemon->pool,
        .private = daemon->demand.private,
        .keys = daemon->keys,
        .try_model = daemon->probe ? try_model : NULL,
        .open_topic = open_topic,
        .loan = loan,
        .publish = publish,
        .close_topic = close_topic,
        .finished = finished,
        .event = event,
    };
    daemon->host = host;
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
    if (check_policy(daemon->policy, daemon->config, error))
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

/* ---- reloading ---- */

/* The policy as it is now, by the keys as they are now. */
static enum percept_status read_policy(struct daemon *daemon, const struct pipe_config *config,
                                       struct policy **result, struct percept_error *error)
{
    const char *file = pipe_config_daemon(config)->policy;
    struct policy *policy = NULL;
    enum percept_status status =
        file ? policy_load(file, daemon->keys, &policy, error) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = check_policy(policy, config, error);
    if (status == PERCEPT_OK)
        *result = policy;
    else
        policy_destroy(policy);
    return status;
}

static void take_policy(struct daemon *daemon, struct policy *policy)
{
    access_reload(daemon->access, policy);
    policy_destroy(daemon->policy);
    daemon->policy = policy;
}

static enum percept_status try_reload(struct daemon *daemon, struct pipe_changes *changes,
                                      struct percept_error *error)
{
    struct pipe_config *config = NULL;
    struct policy *policy = NULL;
    if (!daemon->started || daemon->stopping || daemon->drain_start_ns)
        return percept_fail(error, PERCEPT_BUSY, "the daemon is starting or stopping");
    enum percept_status status =
        daemon->keys ? signing_keys_reload(daemon->keys, error) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = pipe_config_load_signed(daemon->settings->config, daemon->keys, &config, error);
    if (status == PERCEPT_OK)
        status = read_policy(daemon, config, &policy, error);
    if (status == PERCEPT_OK)
        status = pipe_engine_reload(daemon->engine, config, changes, error);
    if (status != PERCEPT_OK) {
        pipe_config_destroy(config);
        config = daemon->config;
    } else {
        pipe_config_destroy(daemon->config);
        daemon->config = config;
        struct percept_error cause;
        if (transcript_keep(daemon->transcript, config, &cause) != PERCEPT_OK)
            base_log(BASE_LOG_ERROR, "the transcript: %s", cause.message);
    }
    topics_keep(&daemon->topics, config, indicator_topic(daemon->indicator));
    access_serve(daemon->access, daemon->server, daemon->topics.all, daemon->topics.count);
    if (status == PERCEPT_OK)
        take_policy(daemon, policy);
    else
        policy_destroy(policy);
    on_change(daemon);
    return status;
}

/* The keys, the configuration and the policy are read again; if anything is wrong with them, all
 * goes on as it was. */
static enum percept_status tell_reload(struct daemon *daemon, struct pipe_changes *changes,
                                       struct percept_error *error)
{
    char text[1024];
    daemon_notify("RELOADING=1");
    enum percept_status status = try_reload(daemon, changes, error);
    daemon_notify("READY=1");
    if (status == PERCEPT_OK)
        base_log(BASE_LOG_INFO,
                 "reloaded: of the pipelines %zu are as they were, %zu changed, %zu new, %zu gone",
                 changes->kept, changes->changed, changes->added, changes->removed);
    else
        base_log(BASE_LOG_ERROR, "not reloaded, all is as it was: %s",
                 percept_error_format(error, text, sizeof text));
    return status;
}

static void reload(struct daemon *daemon)
{
    struct pipe_changes changes;
    struct percept_error error = {0};
    if (!daemon->started && !daemon->stopping) {
        daemon->reload_wanted = true; /* what was read to start with may be old already */
        return;
    }
    (void)tell_reload(daemon, &changes, &error);
}

/* The state as it is now. */
static void look(struct daemon *daemon)
{
    daemon->state.server = daemon->server;
    daemon->state.topic_count = daemon->topics.count;
    daemon->state.private = daemon->demand.private;
    daemon->state.transcript = daemon->transcript;
}

static char *metrics_text(void *context)
{
    struct daemon *daemon = context;
    look(daemon);
    return daemon->started ? daemon_metrics_text(&daemon->state) : NULL;
}

static enum daemon_exit open_metrics(struct daemon *daemon, struct percept_error *error)
{
    const struct metrics_server_options options = {
        .address = pipe_config_daemon(daemon->config)->metrics,
        .text = metrics_text,
        .context = daemon,
    };
    enum percept_status status =
        options.address ? metrics_server_create(&daemon->loop, &options, &daemon->metrics, error)
                        : PERCEPT_OK;
    return status == PERCEPT_OK       ? DAEMON_EXIT_OK
           : status == PERCEPT_EXISTS ? DAEMON_EXIT_SOCKET
                                      : DAEMON_EXIT_FAILURE;
}

static char *answer_reload(struct daemon *daemon)
{
    struct pipe_changes changes;
    struct percept_error error = {0};
    bool done = tell_reload(daemon, &changes, &error) == PERCEPT_OK;
    return daemon_reload_json(done ? &changes : NULL, &error);
}

/* "privacy": how the switch is; "privacy on", "privacy off": turn it. */
static char *answer_privacy(struct daemon *daemon, const char *what)
{
    struct percept_error error = {0};
    bool on = strcmp(what, "privacy on") == 0, private = daemon->demand.private;
    if ((on || strcmp(what, "privacy off") == 0) &&
        demand_set_private(&daemon->demand, &daemon->folder, on, &error) == PERCEPT_OK &&
        on != private)
        base_log(BASE_LOG_WARNING, "the privacy switch is %s", on ? "on" : "off");
    if (error.status != PERCEPT_OK)
        base_log(BASE_LOG_ERROR, "the privacy switch: %s", error.message);
    on_change(daemon);
    return daemon_privacy_json(daemon->demand.private, &error);
}

static enum percept_status history(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                   const struct percept_history *wish, struct percept_error *error)
{
    const struct daemon *daemon = context;
    return transcript_history(daemon->transcript, ticket, peer, wish, error);
}

static enum percept_status forget(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                  uint64_t seconds, struct percept_error *error)
{
    const struct daemon *daemon = context;
    return transcript_forget(daemon->transcript, ticket, peer, seconds, error);
}

static char *answer(void *context, const char *what)
{
    struct daemon *daemon = context;
    if (strncmp(what, "privacy", 7) == 0 && (what[7] == '\0' || what[7] == ' '))
        return answer_privacy(daemon, what);
    if (strcmp(what, "reload") == 0)
        return answer_reload(daemon);
    if (strcmp(what, "schemas") == 0)
        return ipc_schemas_json();
    if (strncmp(what, "trace ", 6) == 0)
        return daemon_trace_query(daemon->engine, what);
    look(daemon);
    char *text = access_query(daemon->access, what);
    return text ? text : daemon_status_json(&daemon->state, what);
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
    on_change(daemon);
    daemon_notify("READY=1");
    base_log(BASE_LOG_INFO, "running: %zu pipelines, %zu topics",
             pipe_engine_stats(daemon->engine, NULL, 0), daemon->topics.count - 1);
    if (daemon->reload_wanted)
        reload(daemon);
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
    uv_run(&daemon->loop, UV_RUN_DEFAULT); /* lets the closed handles go */
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
        .state = "running",
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
