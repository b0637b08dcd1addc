/* Why: see reload.h. Reading and making what is new takes seconds, what is old may be slow to end,
 * a camera to open, and the loop has others to serve meanwhile. */
#include "daemon/reload.h"

#include "base/log.h"
#include "daemon/daemon_private.h"
#include "daemon/notify.h"

enum { NOW, NEXT };

/* ---- the thread ---- */

/* Of the daemon it uses what the loop leaves alone meanwhile: the keys, and the engine as
 * pipe_engine_prepare may. */
static void prepare(uv_work_t *work)
{
    struct daemon *daemon = work->data;
    struct daemon_reload *r = &daemon->reload;
    struct percept_error *error = &r->error;
    enum percept_status status =
        daemon->keys ? signing_keys_reload(daemon->keys, error) : PERCEPT_OK;
    if (status == PERCEPT_OK)
        status = pipe_config_load_signed(daemon->settings->config, daemon->keys, &r->config, error);
    const char *file = status == PERCEPT_OK ? pipe_config_daemon(r->config)->policy : NULL;
    if (file)
        status = policy_load(file, daemon->keys, &r->policy, error);
    if (status == PERCEPT_OK)
        status = policy_check_config(r->policy, r->config, INDICATOR_TOPIC, error);
    if (status == PERCEPT_OK)
        status = pipe_engine_prepare(daemon->engine, r->config, &r->give_up, &r->next, error);
    r->status = status;
}

static void await(uv_work_t *work)
{
    struct daemon *daemon = work->data;
    pipe_engine_await(daemon->engine, daemon->reload.next);
}

static void reopen(uv_work_t *work)
{
    struct daemon *daemon = work->data;
    pipe_engine_reopen(daemon->engine, daemon->reload.next);
}

static void discard(uv_work_t *work)
{
    struct daemon *daemon = work->data;
    pipe_engine_discard(daemon->engine, daemon->reload.next);
}

/* ---- the loop ---- */

static void queue(struct daemon *daemon, uv_work_cb work, uv_after_work_cb after)
{
    (void)uv_queue_work(&daemon->loop, &daemon->reload.work, work,
                        after); /* fails without a function */
}

static void take_policy(struct daemon *daemon, struct policy *policy)
{
    access_reload(daemon->access, policy);
    policy_destroy(daemon->policy);
    daemon->policy = policy;
}

static void take_config(struct daemon *daemon, struct pipe_config *config)
{
    struct percept_error cause;
    pipe_config_destroy(daemon->config);
    daemon->config = config;
    if (transcript_keep(daemon->transcript, config, &cause) != PERCEPT_OK)
        base_log(BASE_LOG_ERROR, "the transcript: %s", cause.message);
}

/* Over to what was prepared. Topics that were opened for nothing are taken back. */
static enum percept_status change_over(struct daemon *daemon, struct pipe_changes *changes)
{
    struct daemon_reload *r = &daemon->reload;
    enum percept_status status = pipe_engine_switch(daemon->engine, r->next, changes, &r->error);
    if (status == PERCEPT_OK) {
        take_config(daemon, r->config);
        r->config = NULL;
    }
    topics_keep(&daemon->topics, daemon->config, indicator_topic(daemon->indicator));
    access_serve(daemon->access, daemon->server, daemon->topics.all, daemon->topics.count);
    if (status == PERCEPT_OK) {
        take_policy(daemon, r->policy);
        r->policy = NULL;
    }
    daemon_changed(daemon);
    return status;
}

static enum percept_status unready(const struct daemon *daemon, struct percept_error *error)
{
    return !daemon->started || daemon->stopping || daemon->drain_start_ns
               ? percept_fail(error, PERCEPT_BUSY, "the daemon is starting or stopping")
               : PERCEPT_OK;
}

static void tell(struct daemon *daemon, const struct pipe_changes *changes)
{
    struct daemon_reload *r = &daemon->reload;
    char text[1024];
    daemon_notify("READY=1");
    if (r->status == PERCEPT_OK)
        base_log(BASE_LOG_INFO,
                 "reloaded: of the pipelines %zu are as they were, %zu changed, %zu new, %zu gone",
                 changes->kept, changes->changed, changes->added, changes->removed);
    else
        base_log(BASE_LOG_ERROR, "not reloaded, all is as it was: %s",
                 percept_error_format(&r->error, text, sizeof text));
    for (size_t i = 0; i < r->asked[NOW].count; i++)
        ipc_server_answer(
            daemon->server, r->asked[NOW].tickets[i],
            daemon_reload_json(r->status == PERCEPT_OK ? changes : NULL, &r->error),
            &(struct percept_error){.status = PERCEPT_NO_MEMORY, .message = "out of memory"});
}

static void begin(struct daemon *daemon);

static void on_discarded(uv_work_t *work, int cancelled)
{
    struct daemon *daemon = work->data;
    (void)cancelled;
    policy_destroy(daemon->reload.policy);
    pipe_config_destroy(daemon->reload.config);
    daemon->reload.running = false;
    if (daemon->reload.again && !daemon->stopping)
        begin(daemon);
}

static void finish(struct daemon *daemon, const struct pipe_changes *changes)
{
    if (!daemon->stopping) {
        if (!daemon->drain_start_ns)
            daemon->state.state = "running";
        tell(daemon, changes);
    }
    queue(daemon, discard, on_discarded);
}

static void on_reopened(uv_work_t *work, int cancelled)
{
    struct daemon *daemon = work->data;
    (void)cancelled;
    if (!daemon->stopping)
        pipe_engine_restore(daemon->engine, daemon->reload.next);
    daemon_changed(daemon);
    finish(daemon, &(struct pipe_changes){0});
}

/* All has stopped that is to, and what comes is open. */
static void on_awaited(uv_work_t *work, int cancelled)
{
    struct daemon *daemon = work->data;
    struct daemon_reload *r = &daemon->reload;
    struct pipe_changes changes = {0};
    (void)cancelled;
    /* The daemon drains only when all have ended by themselves: then none was stopped in vain. */
    r->status = unready(daemon, &r->error);
    if (r->status == PERCEPT_OK) {
        r->status = change_over(daemon, &changes);
        if (r->status != PERCEPT_OK) {
            queue(daemon, reopen, on_reopened);
            return;
        }
    }
    finish(daemon, &changes);
}

static void on_prepared(uv_work_t *work, int cancelled)
{
    struct daemon *daemon = work->data;
    struct daemon_reload *r = &daemon->reload;
    (void)cancelled; /* nobody does: it is asked to give up */
    if (r->status == PERCEPT_OK)
        r->status = unready(daemon, &r->error);
    if (r->status != PERCEPT_OK) {
        finish(daemon, &(struct pipe_changes){0});
        return;
    }
    pipe_engine_retire(daemon->engine, r->next);
    queue(daemon, await, on_awaited);
}

static void begin(struct daemon *daemon)
{
    struct daemon_reload *r = &daemon->reload;
    r->asked[NOW] = r->asked[NEXT];
    r->asked[NEXT].count = 0;
    r->again = false;
    r->running = true;
    r->config = NULL;
    r->policy = NULL;
    r->next = NULL;
    r->error = (struct percept_error){0};
    r->work.data = daemon;
    daemon->state.state = "reloading";
    daemon_notify("RELOADING=1");
    queue(daemon, prepare, on_prepared);
}

static void ask(struct daemon *daemon)
{
    if (daemon->reload.running) {
        daemon->reload.again = true;
        base_log(BASE_LOG_INFO, "a reload waits for the one that goes on");
    } else {
        begin(daemon);
    }
}

void daemon_reload(struct daemon *daemon)
{
    struct percept_error error = {0};
    if (!daemon->started && !daemon->stopping)
        daemon->reload.wanted = true;
    else if (unready(daemon, &error) != PERCEPT_OK)
        base_log(BASE_LOG_ERROR, "not reloaded, all is as it was: %s", error.message);
    else
        ask(daemon);
}

char *daemon_reload_answer(struct daemon *daemon, uint64_t ticket, bool *later)
{
    struct daemon_reload *r = &daemon->reload;
    struct percept_error error = {0};
    if (unready(daemon, &error) == PERCEPT_OK && r->asked[NEXT].count == RELOAD_MOST_ASKED)
        percept_fail(&error, PERCEPT_LIMIT, "%d clients wait for a reload already",
                     RELOAD_MOST_ASKED);
    if (error.status != PERCEPT_OK)
        return daemon_reload_json(NULL, &error);
    r->asked[NEXT].tickets[r->asked[NEXT].count++] = ticket;
    ask(daemon);
    *later = true;
    return NULL;
}

void daemon_reload_started(struct daemon *daemon)
{
    if (daemon->reload.wanted)
        daemon_reload(daemon);
}

void daemon_reload_stop(struct daemon_reload *reload)
{
    atomic_store_explicit(&reload->give_up, true, memory_order_relaxed);
}
