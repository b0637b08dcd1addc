/* Why: the whole of a configuration starts and stops as one, and changes piece by piece. */
#include "pipelines/engine.h"

#include "base/clock.h"
#include "pipelines/pipeline.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The pipelines of one configuration. */
struct set {
    struct pipe_config *config; /* a reference */
    struct pipe_models *models;
    size_t count;
    struct pipe_pipeline **pipelines;
};

struct pipe_engine {
    struct pipe_host host; /* a copy: the caller's may be on its stack */
    bool started;
    struct sched_lane lane;  /* where pipelines compute, */
    bool private;            /* no source may give a frame */
    struct sched_gate *gate; /* by turns; it stays over reloads */
    struct set now;
};

/* What is not in the engine's set is its own: the new ones before the switch, the old ones after.
 */
struct pipe_engine_next {
    struct set set;
    const atomic_bool *give_up;
    enum percept_status status; /* of opening the new ones' sources */
    struct percept_error error;
};

/* ---- sets ---- */

static struct pipe_pipeline *find_same(const struct set *before, const struct pipe_config *config,
                                       const struct pipe_config_pipeline *wanted)
{
    for (size_t i = 0; before && i < before->count; i++) {
        struct pipe_pipeline *p = before->pipelines[i];
        if (pipe_config_same_pipeline(p->root, p->config, config, wanted))
            return p;
    }
    return NULL;
}

static bool has(const struct set *set, const struct pipe_pipeline *pipeline)
{
    for (size_t i = 0; set && i < set->count; i++)
        if (set->pipelines[i] == pipeline)
            return true;
    return false;
}

/* Those that `but` has not, NULL: all, are destroyed with it. */
static void destroy_set(struct set *set, const struct set *but)
{
    for (size_t i = 0; i < set->count; i++)
        if (!has(but, set->pipelines[i]))
            pipe_pipeline_destroy(set->pipelines[i]);
    free(set->pipelines);
    pipe_models_destroy(set->models);
    pipe_config_destroy(set->config);
}

/* What is the same in `before`, NULL: nothing is, is taken from there. None is open yet. */
static enum percept_status create_set(const struct pipe_engine *engine, struct pipe_config *config,
                                      const struct set *before, const atomic_bool *give_up,
                                      struct set *out, struct percept_error *error)
{
    const struct pipe_host *host = &engine->host;
    struct set set = {.config = pipe_config_ref(config)};
    set.pipelines = calloc(config->pipeline_count + 1, sizeof(struct pipe_pipeline *));
    enum percept_status status =
        set.pipelines ? pipe_models_create(config, host, before ? before->models : NULL, give_up,
                                           &set.models, error)
                      : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < config->pipeline_count && status == PERCEPT_OK; i++) {
        struct pipe_pipeline *p = find_same(before, config, &config->pipelines[i]);
        status = pipe_models_asked(give_up, error);
        if (!p && status == PERCEPT_OK)
            status = pipe_pipeline_create(config, &config->pipelines[i], host, set.models,
                                          engine->gate, &p, error);
        if (status != PERCEPT_OK)
            break;
        set.pipelines[set.count++] = p;
    }
    if (status == PERCEPT_OK)
        *out = set;
    else
        destroy_set(&set, before);
    return status;
}

/* Of a set, those that `but` has not: their sources rest if all have to. */
static void rest_set(const struct pipe_engine *engine, const struct set *set, const struct set *but)
{
    for (size_t i = 0; i < set->count; i++)
        if (!has(but, set->pipelines[i]))
            pipe_pipeline_rest(set->pipelines[i], PIPE_REST_PRIVATE, engine->private);
}

static enum percept_status open_sources(const struct set *set, const struct set *but,
                                        const atomic_bool *give_up, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < set->count && status == PERCEPT_OK; i++) {
        if (has(but, set->pipelines[i]))
            continue;
        status = pipe_models_asked(give_up, error);
        if (status == PERCEPT_OK)
            status = pipe_pipeline_open_source(set->pipelines[i], error);
    }
    return status;
}

/* Does so with all of a set that `but` has not, until one fails. */
static enum percept_status each_new(const struct set *set, const struct set *but,
                                    enum percept_status (*act)(struct pipe_pipeline *,
                                                               struct percept_error *),
                                    struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < set->count && status == PERCEPT_OK; i++)
        if (!has(but, set->pipelines[i]))
            status = act(set->pipelines[i], error);
    return status;
}

static void cancel_set(const struct set *set, const struct set *but)
{
    for (size_t i = 0; i < set->count; i++)
        if (!has(but, set->pipelines[i]))
            pipe_pipeline_cancel(set->pipelines[i]);
}

static void join_set(const struct set *set, const struct set *but)
{
    for (size_t i = 0; i < set->count; i++)
        if (!has(but, set->pipelines[i]))
            pipe_pipeline_join(set->pipelines[i]);
}

static void stop_set(const struct set *set, const struct set *but)
{
    cancel_set(set, but);
    join_set(set, but);
}

static void release_set(const struct set *set, const struct set *but)
{
    for (size_t i = 0; i < set->count; i++)
        if (!has(but, set->pipelines[i]))
            pipe_pipeline_release(set->pipelines[i]);
}

/* ---- reloading ---- */

static enum percept_status check_fixed(const struct pipe_config *before,
                                       const struct pipe_config *config,
                                       struct percept_error *error)
{
    for (size_t i = 0; i < PIPE_FIXED_KEYS; i++) {
        const struct pipe_tree *at = config->fixed[i];
        if (!pipe_tree_same(before->fixed[i], at))
            return percept_fail_at(error, PERCEPT_INVALID, at ? at->file->name : config->file,
                                   at ? at->line : 0, at ? at->column : 0,
                                   "'%s' has changed: that needs a restart",
                                   pipe_config_fixed_keys[i]);
    }
    return PERCEPT_OK;
}

static void count_changes(const struct set *before, const struct set *now,
                          struct pipe_changes *changes)
{
    *changes = (struct pipe_changes){0};
    for (size_t i = 0; i < now->count; i++) {
        bool was = false;
        for (size_t j = 0; j < before->count; j++)
            was |= strcmp(before->pipelines[j]->config->name, now->pipelines[i]->config->name) == 0;
        changes->kept += has(before, now->pipelines[i]);
        changes->changed += was && !has(before, now->pipelines[i]);
        changes->added += !was;
    }
    changes->removed = before->count - changes->kept - changes->changed;
}

enum percept_status pipe_engine_prepare(const struct pipe_engine *engine,
                                        struct pipe_config *config, const atomic_bool *give_up,
                                        struct pipe_engine_next **out, struct percept_error *error)
{
    struct pipe_engine_next *next = calloc(1, sizeof *next);
    if (!next)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = check_fixed(engine->now.config, config, error);
    if (status == PERCEPT_OK)
        status = create_set(engine, config, &engine->now, give_up, &next->set, error);
    next->give_up = give_up;
    if (status == PERCEPT_OK)
        *out = next;
    else
        free(next);
    return status;
}

void pipe_engine_retire(struct pipe_engine *engine, const struct pipe_engine_next *next)
{
    cancel_set(&engine->now, &next->set);
    rest_set(engine, &next->set, &engine->now);
}

void pipe_engine_await(const struct pipe_engine *engine, struct pipe_engine_next *next)
{
    join_set(&engine->now, &next->set);
    next->status = open_sources(&next->set, &engine->now, next->give_up, &next->error);
}

/* That they rest is settled anew: it may have changed since they were opened. */
static enum percept_status start_new(const struct pipe_engine *engine, const struct set *set,
                                     struct percept_error *error)
{
    rest_set(engine, set, &engine->now);
    enum percept_status status = each_new(set, &engine->now, pipe_pipeline_open_topics, error);
    if (status == PERCEPT_OK && engine->started)
        status = each_new(set, &engine->now, pipe_pipeline_start, error);
    if (status != PERCEPT_OK)
        stop_set(set, &engine->now);
    return status;
}

enum percept_status pipe_engine_switch(struct pipe_engine *engine, struct pipe_engine_next *next,
                                       struct pipe_changes *changes, struct percept_error *error)
{
    struct set before = engine->now;
    enum percept_status status = next->status;
    release_set(&before, &next->set);
    if (status != PERCEPT_OK)
        *error = next->error;
    else
        status = start_new(engine, &next->set, error);
    if (status != PERCEPT_OK)
        return status;
    count_changes(&before, &next->set, changes);
    engine->now = next->set;
    next->set = before;
    return PERCEPT_OK;
}

/* ---- back to what was stopped ---- */

/* What ended by itself before is not begun again. */
static bool comes_back(struct pipe_pipeline *p, const struct pipe_engine_next *next)
{
    return !has(&next->set, p) && !pipe_health_is_over(&p->health);
}

static void fail(const struct pipe_engine *engine, struct pipe_pipeline *p,
                 const struct percept_error *error)
{
    char text[1024], line[1100];
    percept_error_format(error, text, sizeof text);
    pipe_health_end(&p->health, text);
    snprintf(line, sizeof line, "it has failed: %s", text);
    engine->host.event(engine->host.context, p->config->name, line);
}

void pipe_engine_reopen(const struct pipe_engine *engine, const struct pipe_engine_next *next)
{
    release_set(&next->set, &engine->now);
    for (size_t i = 0; i < engine->now.count; i++) {
        struct pipe_pipeline *p = engine->now.pipelines[i];
        struct percept_error error = {0};
        if (comes_back(p, next) && pipe_pipeline_open_source(p, &error) != PERCEPT_OK)
            fail(engine, p, &error);
    }
}

void pipe_engine_restore(struct pipe_engine *engine, const struct pipe_engine_next *next)
{
    for (size_t i = 0; i < engine->now.count; i++) {
        struct pipe_pipeline *p = engine->now.pipelines[i];
        struct percept_error error = {0};
        if (comes_back(p, next) && (pipe_pipeline_open_topics(p, &error) != PERCEPT_OK ||
                                    pipe_pipeline_start(p, &error) != PERCEPT_OK))
            fail(engine, p, &error);
    }
}

void pipe_engine_discard(const struct pipe_engine *engine, struct pipe_engine_next *next)
{
    if (next)
        destroy_set(&next->set, &engine->now);
    free(next);
}

/* ---- the engine ---- */

static unsigned count_cores(const struct pipe_config *config)
{
    cpu_set_t allowed;
    if (config->scheduler.cores)
        return (unsigned)config->scheduler.cores;
    return sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : (unsigned)CPU_COUNT(&allowed);
}

static void on_revoked(void *context, const char *pipeline)
{
    const struct pipe_engine *engine = context;
    engine->host.event(engine->host.context, pipeline,
                       "a step does not end: others take its place on the processor");
}

static enum percept_status create_gate(struct pipe_engine *engine, const struct pipe_config *config,
                                       struct percept_error *error)
{
    const struct pipe_scheduler_settings *own = &config->scheduler;
    engine->lane = (struct sched_lane){
        .name = "cpu", .slots = count_cores(config), .width = base_pool_threads(engine->host.pool)};
    const struct sched_gate_options options = {
        .settings = {.lane_count = 1,
                     .lanes = {engine->lane},
                     .segment_ns = (int64_t)(own->segment_ms * 1e6),
                     .share = own->share},
        .grace_ns = (int64_t)(own->grace_ms * 1e6),
        .pools = {engine->host.pool},
        .revoked = on_revoked,
        .event = pipe_turn_trace,
        .context = engine,
    };
    return sched_gate_create(&options, &engine->gate, error);
}

/* Workers compute for the most urgent. */
static void hurry_workers(const struct pipe_engine *engine, const struct pipe_config *config)
{
    int priority = (int)config->scheduler.realtime;
    int failed = priority ? base_pool_realtime(engine->host.pool, priority) : 0;
    char text[120];
    if (!failed)
        return;
    snprintf(text, sizeof text, "realtime: workers at priority %d: %s; going on without", priority,
             strerror(failed));
    engine->host.event(engine->host.context, NULL, text);
}

enum percept_status pipe_engine_create(struct pipe_config *config, const struct pipe_host *host,
                                       struct pipe_engine **out, struct percept_error *error)
{
    struct pipe_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    engine->host = *host;
    engine->private = host->private;
    enum percept_status status = pipe_config_set_backends(config, host->backends, error);
    if (status == PERCEPT_OK)
        status = create_gate(engine, config, error);
    if (status == PERCEPT_OK)
        status = create_set(engine, config, NULL, NULL, &engine->now, error);
    rest_set(engine, &engine->now, NULL);
    if (status == PERCEPT_OK)
        status = open_sources(&engine->now, NULL, NULL, error);
    if (status == PERCEPT_OK)
        status = each_new(&engine->now, NULL, pipe_pipeline_open_topics, error);
    if (status != PERCEPT_OK) {
        pipe_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return PERCEPT_OK;
}

enum percept_status pipe_engine_start(struct pipe_engine *engine, struct percept_error *error)
{
    if (engine->started)
        return percept_fail(error, PERCEPT_INVALID, "the engine was started before");
    engine->started = true;
    hurry_workers(engine, engine->now.config);
    enum percept_status status = each_new(&engine->now, NULL, pipe_pipeline_start, error);
    if (status != PERCEPT_OK)
        pipe_engine_stop(engine);
    return status;
}

void pipe_engine_cancel(struct pipe_engine *engine)
{
    cancel_set(&engine->now, NULL);
}

void pipe_engine_stop(struct pipe_engine *engine)
{
    stop_set(&engine->now, NULL);
}

void pipe_engine_destroy(struct pipe_engine *engine)
{
    if (!engine)
        return;
    pipe_engine_stop(engine);
    destroy_set(&engine->now, NULL);
    sched_gate_destroy(engine->gate);
    free(engine);
}

enum percept_status pipe_engine_trace(struct pipe_engine *engine, int64_t for_ns,
                                      struct percept_error *error)
{
    int64_t until = base_clock_ns() + for_ns;
    for (size_t i = 0; i < engine->now.count; i++)
        for (size_t t = 0; t < PIPE_THREADS; t++) {
            enum percept_status status =
                pipe_trace_open(&engine->now.pipelines[i]->traces[t], error);
            if (status != PERCEPT_OK)
                return status;
        }
    if (until > atomic_load_explicit(&pipe_trace_until_ns, memory_order_relaxed))
        atomic_store_explicit(&pipe_trace_until_ns, until, memory_order_relaxed);
    return PERCEPT_OK;
}

void pipe_engine_trace_read(struct pipe_engine *engine, int64_t since_ns, pipe_trace_fn tell,
                            void *context)
{
    if (base_clock_ns() >= atomic_load_explicit(&pipe_trace_until_ns, memory_order_relaxed))
        atomic_store_explicit(&pipe_trace_until_ns, 0, memory_order_relaxed);
    for (size_t i = 0; i < engine->now.count; i++)
        for (unsigned t = 0; t < PIPE_THREADS; t++) {
            struct pipe_pipeline *p = engine->now.pipelines[i];
            const struct pipe_trace_event about = {.pipeline = p->config->name,
                                                   .thread = (unsigned)i * PIPE_THREADS + t,
                                                   .source = t == PIPE_THREAD_SOURCE};
            pipe_trace_read(&p->traces[t], since_ns, &about, tell, context);
        }
}

void pipe_engine_set_private(struct pipe_engine *engine, bool on)
{
    engine->private = on;
    for (size_t i = 0; i < engine->now.count; i++)
        pipe_pipeline_rest(engine->now.pipelines[i], PIPE_REST_PRIVATE, on);
}

void pipe_engine_set_wanted(struct pipe_engine *engine, size_t index, bool wanted)
{
    if (index < engine->now.count && engine->now.pipelines[index]->config->on_demand)
        pipe_pipeline_rest(engine->now.pipelines[index], PIPE_REST_UNWANTED, !wanted);
}

void pipe_engine_set_pressure(struct pipe_engine *engine, unsigned level, const char *cause)
{
    sched_gate_set_pressure(engine->gate, level, cause);
}

enum percept_status pipe_engine_push(struct pipe_engine *engine, const char *pipeline, int fd,
                                     const struct ipc_push_format *format,
                                     struct percept_error *error)
{
    for (size_t i = 0; i < engine->now.count; i++)
        if (strcmp(engine->now.pipelines[i]->config->name, pipeline) == 0)
            return pipe_pipeline_push(engine->now.pipelines[i], fd, format, error);
    return percept_fail(error, PERCEPT_NOT_FOUND, "no pipeline '%.63s'", pipeline);
}

size_t pipe_engine_stats(const struct pipe_engine *engine, struct pipe_stats *stats,
                         size_t capacity)
{
    for (size_t i = 0; i < engine->now.count && i < capacity; i++)
        pipe_pipeline_stats(engine->now.pipelines[i], &stats[i]);
    return engine->now.count;
}

size_t pipe_engine_lane_stats(const struct pipe_engine *engine, struct pipe_lane_stats *stats,
                              size_t capacity)
{
    struct sched_lane_view view;
    if (!capacity)
        return 1;
    sched_gate_look_lane(engine->gate, 0, &view);
    *stats = (struct pipe_lane_stats){.name = engine->lane.name,
                                      .slots = engine->lane.slots,
                                      .width = engine->lane.width,
                                      .running = view.running,
                                      .waiting = view.waiting,
                                      .busy_ns = view.busy_ns};
    return 1;
}

size_t pipe_engine_model_stats(const struct pipe_engine *engine, struct pipe_model_stats *stats,
                               size_t capacity)
{
    return pipe_models_stats(engine->now.models, stats, capacity);
}
