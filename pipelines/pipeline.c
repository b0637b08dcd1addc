/* Why: per frame, one pass over the nodes in an order that was settled when the configuration was
 * read; everything else happens once, before. */
#include "pipelines/pipeline.h"

#include "base/clock.h"
#include "pipelines/publish.h"
#include "runtime/yield.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* One being captured, one in the mailbox, one being processed, and one for luck. */
#define FRAMES 4
/* Frames without a fault after which nodes count as recovered: a fault in every other frame is one
 * long fault. */
#define RECOVERED         10
#define MOST_OUTPUT_BYTES (128 << 20) /* of tensors */

/* ---- one frame ---- */

/* What the source gave: a struct pipe_frame or a struct pipe_audio. */
struct packet {
    const void *payload;
    int64_t capture_ns;
};

static const void *stream_payload(const struct pipe_pipeline *p,
                                  const struct pipe_config_stream *stream,
                                  const struct packet *packet)
{
    if (stream->node == PIPE_FROM_SOURCE)
        return packet->payload;
    if (stream->node == PIPE_FROM_NOWHERE)
        return NULL;
    const struct pipe_running_node *from = &p->nodes[stream->node];
    unsigned turn = stream->previous ? !p->turn : p->turn;
    return from->valid[turn] ? from->outputs[turn][stream->output] : NULL;
}

static void publish(struct pipe_pipeline *p, int node, const struct packet *packet)
{
    for (size_t i = 0; i < p->config->topic_count; i++) {
        struct pipe_running_topic *t = &p->topics[i];
        const void *payload =
            t->config->stream.node == node ? stream_payload(p, &t->config->stream, packet) : NULL;
        void *slot = payload ? p->host->loan(p->host->context, t->topic) : NULL;
        if (!slot)
            continue;
        int64_t begin = pipe_trace_begin();
        /* A source keeps to its own limit, so a payload always fits. */
        size_t size = pipe_publisher_write(t->publisher, slot, t->max_bytes, payload,
                                           p->model_user.model_ns, p->host->pool);
        if (size)
            p->host->publish(p->host->context, t->topic, size, packet->capture_ns);
        pipe_trace_end(PIPE_TRACE_PUBLISH, t->config->name, begin);
    }
}

/* True when its outputs count, or it had none to give; *doubt: but something is wrong. */
static bool run_node(struct pipe_pipeline *p, size_t index, const struct packet *packet,
                     bool *doubt)
{
    struct pipe_running_node *n = &p->nodes[index];
    const void *inputs[PIPE_MAX_PORTS] = {0};
    struct percept_error error = {0};
    char cause[sizeof error.message + 96];
    n->valid[p->turn] = false;
    for (size_t i = 0; n->config->class->inputs[i].name; i++) {
        const struct pipe_config_stream *stream = &n->config->inputs[i];
        inputs[i] = stream_payload(p, stream, packet);
        if (!inputs[i] && !n->config->class->inputs[i].optional && !stream->previous)
            return true; /* the fault is upstream, and counted there */
    }
    int64_t begin = pipe_trace_begin();
    enum percept_status status =
        n->config->class->process(n->node, inputs, n->outputs[p->turn], &error);
    pipe_trace_end(PIPE_TRACE_NODE, n->config->name, begin);
    if (status == PERCEPT_END)
        return true; /* nothing to say this time */
    if (status != PERCEPT_OK) {
        snprintf(cause, sizeof cause, "node '%s': %s", n->config->name,
                 error.message[0] ? error.message : percept_status_text(status));
        atomic_fetch_add_explicit(&p->node_errors, 1, memory_order_relaxed);
        pipe_health_bad(&p->health, PIPE_SIDE_NODES, cause);
        return false;
    }
    n->valid[p->turn] = true;
    publish(p, (int)index, packet);
    if (!error.message[0])
        return true;
    snprintf(cause, sizeof cause, "node '%s': %s", n->config->name, error.message);
    pipe_health_bad(&p->health, PIPE_SIDE_NODES, cause);
    *doubt = true;
    return true;
}

static bool process(struct pipe_pipeline *p, const struct packet *packet)
{
    bool well = true, doubt = false;
    int64_t begin = pipe_trace_begin();
    p->turn = !p->turn;
    p->model_user.model_ns = p->model_user.once_ns = 0;
    atomic_store_explicit(&p->busy_since_ns, base_clock_ns(), memory_order_relaxed);
    publish(p, PIPE_FROM_SOURCE, packet);
    for (size_t i = 0; i < p->config->node_count; i++) {
        prt_yield_step(&p->schedule.yield);
        well = run_node(p, i, packet, &doubt) && well;
    }
    if (well && !doubt)
        pipe_health_good(&p->health, PIPE_SIDE_NODES, RECOVERED);
    atomic_store_explicit(&p->busy_since_ns, 0, memory_order_relaxed);
    /* A recording that is played as fast as it can be is ahead of the clock. */
    int64_t took_ns = base_clock_ns() - packet->capture_ns;
    pipe_window_add(&p->latency, took_ns > 0 ? took_ns : 0);
    atomic_fetch_add_explicit(&p->processed, 1, memory_order_relaxed);
    pipe_trace_end(PIPE_TRACE_FRAME, p->config->name, begin);
    return well;
}

/* Once it is the pipeline's turn, which may be too late for the frame. */
static void take_turn(struct pipe_pipeline *p, const struct packet *packet)
{
    bool well = true;
    pipe_turn_begin(p, packet->capture_ns);
    /* What was captured before the source was told to rest is not for anybody either. */
    if (atomic_load_explicit(&p->rests, memory_order_relaxed)) {
        pipe_turn_end(p);
        sched_gate_drop(p->schedule.gate, p->schedule.task);
        return;
    }
    /* Sound is not left out because it is late. */
    bool late = p->config->source->output != PIPE_AUDIO &&
                !sched_gate_begins(p->schedule.gate, p->schedule.task);
    if (!late)
        well = process(p, packet);
    pipe_turn_end(p);
    if (!late) {
        pipe_turn_done(p, packet->capture_ns, well);
        return;
    }
    atomic_fetch_add_explicit(&p->dropped_old, 1, memory_order_relaxed);
    sched_gate_drop(p->schedule.gate, p->schedule.task);
}

/* ---- the thread ---- */

static void close_topics(struct pipe_pipeline *p)
{
    for (size_t i = 0; p->topics && i < p->config->topic_count; i++)
        if (p->topics[i].topic) {
            p->host->close_topic(p->host->context, p->topics[i].topic);
            p->topics[i].topic = NULL;
        }
}

/* After the last frame: tell readers, tell the host. */
static void finish(struct pipe_pipeline *p)
{
    bool good = p->end == PERCEPT_END;
    char text[sizeof p->end_error.message + sizeof p->end_error.file];
    if (p->end == PERCEPT_CANCELLED)
        return;
    /* The state before the topics: who asks after the end of a topic hears that it is done. */
    pipe_health_end(&p->health,
                    good ? NULL : percept_error_format(&p->end_error, text, sizeof text));
    close_topics(p);
    p->host->finished(p->host->context, p->config->name, p->end, good ? NULL : &p->end_error);
}

static void set_priority(struct pipe_pipeline *p)
{
    static const int nice_values[] = {
        [PIPE_PRIORITY_LOW] = 10,
        [PIPE_PRIORITY_NORMAL] = 0,
        [PIPE_PRIORITY_HIGH] = -10,
    };
    char text[160];
    int wanted = nice_values[p->config->priority];
    int realtime = pipe_config_realtime(p->root, p->config);
    if (realtime) {
        const struct sched_param param = {.sched_priority = realtime};
        if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) == 0)
            return;
        snprintf(text, sizeof text, "realtime: priority %d: %s; going on without", realtime,
                 strerror(errno));
        p->host->event(p->host->context, p->config->name, text);
    }
    if (wanted == 0 || setpriority(PRIO_PROCESS, (id_t)gettid(), wanted) == 0)
        return;
    snprintf(text, sizeof text, "priority: nice %d: %s; going on without", wanted, strerror(errno));
    p->host->event(p->host->context, p->config->name, text);
}

static enum percept_status take_frame(struct pipe_pipeline *p)
{
    struct pipe_frame *frame = NULL;
    enum percept_status status = pipe_mailbox_take(&p->mailbox, &frame);
    if (status != PERCEPT_OK)
        return status;
    take_turn(p, &(struct packet){frame, frame->capture_ns});
    pipe_frame_unref(frame);
    return PERCEPT_OK;
}

static enum percept_status take_block(struct pipe_pipeline *p)
{
    enum percept_status status = pipe_audio_queue_take(&p->sound, &p->heard);
    if (status == PERCEPT_OK)
        take_turn(p, &(struct packet){&p->heard, p->heard.capture_ns});
    return status;
}

static void *process_main(void *pipeline)
{
    struct pipe_pipeline *p = pipeline;
    set_priority(p);
    pipe_turn_attach(p);
    pipe_trace_here(&p->traces[PIPE_THREAD_NODES]);
    enum percept_status status;
    do
        status = p->config->source->output == PIPE_AUDIO ? take_block(p) : take_frame(p);
    while (status == PERCEPT_OK);
    if (status == PERCEPT_END)
        finish(p);
    return NULL;
}

static enum percept_status spawn(pthread_t *thread, const char *name, void *(*main)(void *),
                                 void *argument, struct percept_error *error)
{
    char short_name[16];
    int failed = pthread_create(thread, NULL, main, argument);
    if (failed)
        return percept_fail_errno(error, failed, "thread '%s'", name);
    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(*thread, short_name);
    return PERCEPT_OK;
}

static void cancel_hand_over(struct pipe_pipeline *p)
{
    pipe_mailbox_cancel(&p->mailbox);
    if (p->sound.blocks)
        pipe_audio_queue_cancel(&p->sound);
}

enum percept_status pipe_pipeline_start(struct pipe_pipeline *p, struct percept_error *error)
{
    char capture_name[80];
    sigset_t all, before;
    snprintf(capture_name, sizeof capture_name, "in:%s", p->config->name);
    /* Signals are the host's: our threads inherit a mask that takes none. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_store_explicit(&p->stops, false, memory_order_relaxed);
    pipe_turn_open(p, true);
    enum percept_status status = spawn(&p->process_thread, p->config->name, process_main, p, error);
    if (status == PERCEPT_OK) {
        status = spawn(&p->capture_thread, capture_name, pipe_capture_main, p, error);
        p->started = status == PERCEPT_OK;
        if (!p->started) {
            cancel_hand_over(p);
            pthread_join(p->process_thread, NULL);
        }
    }
    if (status != PERCEPT_OK)
        pipe_turn_open(p, false);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static void wake_source(struct pipe_pipeline *p)
{
    uint64_t one = 1;
    ssize_t ignored = write(p->stop_fd, &one, sizeof one); /* can only fail when already set */
    (void)ignored;
}

/* Its source may go at any time: pipe_pipeline_join. */
static bool is_stopping(const struct pipe_pipeline *p)
{
    return atomic_load_explicit(&p->stops, memory_order_relaxed);
}

static const char *rest_cause(unsigned reasons)
{
    return reasons & PIPE_REST_PRIVATE ? "the privacy switch is on" : "nobody subscribes";
}

enum percept_status pipe_pipeline_push(struct pipe_pipeline *p, int fd,
                                       const struct ipc_push_format *format,
                                       struct percept_error *error)
{
    const char *name = p->config->name;
    unsigned rests = atomic_load_explicit(&p->rests, memory_order_relaxed);
    if (!p->config->source->attach)
        return percept_fail(error, PERCEPT_NOT_FOUND,
                            "pipeline '%s' takes no pushed sound: its source is %s", name,
                            p->config->source->name);
    if (rests)
        return percept_fail(error, PERCEPT_BUSY, "pipeline '%s' rests: %s", name,
                            rest_cause(rests));
    if (is_stopping(p) || !p->source || pipe_health_is_over(&p->health))
        return percept_fail(error, PERCEPT_BUSY, "pipeline '%s' does not run", name);
    if (p->config->source->attach(p->source, fd, format) != PERCEPT_OK)
        return percept_fail(error, PERCEPT_BUSY,
                            "somebody pushes sound to pipeline '%s', or what was pushed is still "
                            "being heard",
                            name);
    wake_source(p);
    return PERCEPT_OK;
}

void pipe_pipeline_rest(struct pipe_pipeline *p, unsigned reason, bool there)
{
    unsigned before = there ? atomic_fetch_or_explicit(&p->rests, reason, memory_order_relaxed)
                            : atomic_fetch_and_explicit(&p->rests, ~reason, memory_order_relaxed);
    if (is_stopping(p))
        return;
    if (there && p->source && p->config->source->detach)
        p->config->source->detach(p->source, PERCEPT_BUSY, rest_cause(reason));
    /* A camera that is woken loses the frame that it is at. */
    if ((before != 0) != (atomic_load(&p->rests) != 0))
        wake_source(p);
}

void pipe_pipeline_cancel(struct pipe_pipeline *p)
{
    atomic_store_explicit(&p->stops, true, memory_order_relaxed);
    wake_source(p);
    cancel_hand_over(p);
}

static void destroy_source(struct pipe_pipeline *p)
{
    p->config->source->destroy(p->source);
    p->source = NULL;
}

void pipe_pipeline_join(struct pipe_pipeline *p)
{
    pthread_mutex_lock(&p->joining);
    if (p->started) {
        pthread_join(p->capture_thread, NULL);
        pthread_join(p->process_thread, NULL);
        pipe_turn_open(p, false);
        destroy_source(p);
        p->started = false;
    }
    pthread_mutex_unlock(&p->joining);
}

/* ---- making one ---- */

static enum percept_status open_method(struct pipe_node_host *host, const char *name,
                                       const char *method, struct pipe_model **model,
                                       struct percept_error *error)
{
    struct pipe_pipeline *p = host->pipeline;
    size_t bytes = (p->open_model_count + 1) * sizeof(struct pipe_model *);
    struct pipe_model **models = realloc(p->open_models, bytes);
    if (!models)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    p->open_models = models;
    enum percept_status status =
        p->model_user.arena ? PERCEPT_OK : prt_arena_create(&p->model_user.arena, error);
    if (status == PERCEPT_OK)
        status = pipe_models_open(p->models, name, method, &p->model_user, model, error);
    if (status == PERCEPT_OK)
        models[p->open_model_count++] = *model;
    return status;
}

static enum percept_status open_model(struct pipe_node_host *host, const char *name,
                                      struct pipe_model **model, struct percept_error *error)
{
    return open_method(host, name, NULL, model, error);
}

/* An error of a part, with the place in the configuration that made the part. */
static enum percept_status at_place(const struct pipe_tree *place, const char *what,
                                    const char *name, enum percept_status status,
                                    const struct percept_error *cause, struct percept_error *error)
{
    char text[sizeof cause->message + sizeof cause->file];
    return percept_fail_at(error, status, place->file->name, place->line, place->column,
                           "%s '%s': %s", what, name,
                           percept_error_format(cause, text, sizeof text));
}

/* Only a node that has been created knows how large its tensors are: as the largest of its steps'.
 */
static enum percept_status create_outputs(struct pipe_running_node *n, size_t steps,
                                          struct percept_error *error)
{
    const struct pipe_node_class *class = n->config->class;
    for (unsigned i = 0; class->outputs[i].name; i++) {
        size_t bytes = pipe_stream_type_size(class->outputs[i].type);
        if (pipe_stream_type_room(class->outputs[i].type)) {
            for (size_t step = 0; step <= steps; step++) {
                size_t its = class->output_bytes(n->by_step[step], i);
                n->data_bytes[i] = its > n->data_bytes[i] ? its : n->data_bytes[i];
            }
            bytes = pipe_stream_type_room(class->outputs[i].type);
        }
        if (n->data_bytes[i] > MOST_OUTPUT_BYTES)
            return percept_fail(error, PERCEPT_LIMIT, "output '%s' of %zu bytes, the most is %d",
                                class->outputs[i].name, n->data_bytes[i], MOST_OUTPUT_BYTES);
        bytes = (bytes + n->data_bytes[i] + PIPE_TENSOR_ALIGNMENT - 1) / PIPE_TENSOR_ALIGNMENT *
                PIPE_TENSOR_ALIGNMENT;
        for (size_t turn = 0; turn < 2; turn++) {
            n->outputs[turn][i] = aligned_alloc(PIPE_TENSOR_ALIGNMENT, bytes);
            if (!n->outputs[turn][i])
                return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
            memset(n->outputs[turn][i], 0, bytes);
        }
    }
    return PERCEPT_OK;
}

/* The parameters of a node with the models of a step; NULL: as configured. */
static enum percept_status step_params(const struct pipe_pipeline *p,
                                       const struct pipe_config_node *config, size_t step,
                                       void **params, struct percept_error *error)
{
    char *changed = NULL;
    for (const struct pipe_param *param = config->class->params; param && param->name; param++) {
        const char *named = param->kind == PIPE_PARAM_MODEL
                                ? *(char *const *)((const char *)config->params + param->offset)
                                : NULL;
        const char *by = named ? pipe_config_swapped(p->config, step, named) : NULL;
        if (by == named)
            continue;
        if (!changed) {
            changed = malloc(config->class->params_size);
            if (!changed)
                return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
            memcpy(changed, config->params, config->class->params_size);
        }
        memcpy(changed + param->offset, &by, sizeof by);
    }
    *params = changed;
    return PERCEPT_OK;
}

/* One that an earlier step has, or another instance if the step has other models for it. */
static enum percept_status create_for_step(struct pipe_pipeline *p, struct pipe_running_node *n,
                                           size_t step, struct percept_error *error)
{
    enum percept_status status = step_params(p, n->config, step, &n->params[step], error);
    if (status != PERCEPT_OK)
        return status;
    if (step && !n->params[step]) {
        n->by_step[step] = n->by_step[0];
        return PERCEPT_OK;
    }
    if (step && n->params[step - 1] &&
        memcmp(n->params[step], n->params[step - 1], n->config->class->params_size) == 0) {
        n->by_step[step] = n->by_step[step - 1];
        return PERCEPT_OK;
    }
    const struct pipe_node_setup setup = {
        .name = n->config->name,
        .params = n->params[step] ? n->params[step] : n->config->params,
        .pool = p->host->pool,
        .connected = n->connected,
        .host = &p->node_host,
        .open_model = open_model,
        .open_method = open_method,
        .keys = p->host->keys,
    };
    return n->config->class->create(&setup, &n->by_step[step], error);
}

static void destroy_node(const struct pipe_running_node *n)
{
    for (size_t step = 0; step < SCHED_MAX_STEPS; step++) {
        bool shared =
            step && (n->by_step[step] == n->by_step[0] || n->by_step[step] == n->by_step[step - 1]);
        if (!shared)
            n->config->class->destroy(n->by_step[step]);
    }
    for (size_t step = 0; step < SCHED_MAX_STEPS; step++)
        free(n->params[step]);
}

static enum percept_status create_node(struct pipe_pipeline *p, size_t index,
                                       struct percept_error *error)
{
    struct pipe_running_node *n = &p->nodes[index];
    struct percept_error cause = {0};
    n->config = &p->config->nodes[index];
    n->connected = 0;
    for (unsigned i = 0; i < PIPE_MAX_PORTS; i++)
        if (n->config->inputs[i].node != PIPE_FROM_NOWHERE)
            n->connected |= 1u << i;
    enum percept_status status = PERCEPT_OK;
    for (size_t step = 0; step <= p->config->step_count && status == PERCEPT_OK; step++)
        status = create_for_step(p, n, step, &cause);
    n->node = n->by_step[0];
    if (status == PERCEPT_OK)
        status = create_outputs(n, p->config->step_count, &cause);
    return status == PERCEPT_OK
               ? status
               : at_place(n->config->place, "node", n->config->name, status, &cause, error);
}

static enum percept_status create_topic(struct pipe_pipeline *p, size_t index,
                                        struct percept_error *error)
{
    struct pipe_running_topic *t = &p->topics[index];
    struct percept_error cause = {0};
    t->config = &p->config->topics[index];
    t->publisher = pipe_publisher_of(t->config->type);
    const struct pipe_config_stream *stream = &t->config->stream;
    t->max_bytes = pipe_publisher_max_bytes(
        t->publisher, p->config->source->max_pixels ? p->config->source->max_pixels(p->source) : 0,
        stream->node >= 0 ? p->nodes[stream->node].data_bytes[stream->output] : 0);
    enum percept_status status =
        p->host->open_topic(p->host->context, t->config->name, pipe_publisher_schema(t->publisher),
                            t->max_bytes, &t->topic, &cause);
    return status == PERCEPT_OK
               ? status
               : at_place(t->config->place, "topic", t->config->name, status, &cause, error);
}

enum percept_status pipe_pipeline_open_source(struct pipe_pipeline *p, struct percept_error *error)
{
    struct percept_error cause = {0};
    const struct pipe_source_setup setup = {
        .params = p->config->source_params,
        .stop_fd = p->stop_fd,
        .rests = atomic_load_explicit(&p->rests, memory_order_relaxed) != 0,
        .late = &p->late,
    };
    enum percept_status status = p->config->source->create(&setup, &p->source, &cause);
    return status == PERCEPT_OK ? status
                                : at_place(p->config->source_place, "source of pipeline",
                                           p->config->name, status, &cause, error);
}

enum percept_status pipe_pipeline_open_topics(struct pipe_pipeline *p, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < p->config->topic_count && status == PERCEPT_OK; i++)
        status = create_topic(p, i, error);
    return status;
}

static enum percept_status create_parts(struct pipe_pipeline *p, struct percept_error *error)
{
    p->nodes = calloc(p->config->node_count + 1, sizeof *p->nodes);
    p->topics = calloc(p->config->topic_count + 1, sizeof *p->topics);
    if (!p->nodes || !p->topics)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = p->config->source->output == PIPE_AUDIO
                                     ? pipe_audio_queue_init(&p->sound, error)
                                     : pipe_frame_pool_create(FRAMES, &p->frames, error);
    for (size_t i = 0; i < p->config->node_count && status == PERCEPT_OK; i++)
        status = create_node(p, i, error);
    return status;
}

enum percept_status pipe_pipeline_create(struct pipe_config *root,
                                         const struct pipe_config_pipeline *config,
                                         const struct pipe_host *host, struct pipe_models *models,
                                         struct sched_gate *gate, struct pipe_pipeline **pipeline,
                                         struct percept_error *error)
{
    struct pipe_pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    p->root = pipe_config_ref(root);
    p->config = config;
    p->host = host;
    p->models = models;
    p->node_host.pipeline = p;
    p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int cause = errno;
    atomic_init(&p->rests, config->on_demand ? PIPE_REST_UNWANTED : 0);
    pipe_mailbox_init(&p->mailbox);
    pthread_mutex_init(&p->joining, NULL);
    pipe_health_init(&p->health, host, config->name);
    enum percept_status status =
        p->stop_fd >= 0 ? PERCEPT_OK : percept_fail_errno(error, cause, "eventfd");
    if (status == PERCEPT_OK)
        status = pipe_turn_init(p, gate, error);
    if (status == PERCEPT_OK)
        status = create_parts(p, error);
    p->models = NULL;
    if (status != PERCEPT_OK) {
        pipe_pipeline_destroy(p);
        return status;
    }
    *pipeline = p;
    return PERCEPT_OK;
}

void pipe_pipeline_release(struct pipe_pipeline *p)
{
    for (size_t i = 0; i < p->config->topic_count; i++)
        p->topics[i].topic = NULL;
    destroy_source(p);
    /* Empty, and not cancelled any more. */
    uint64_t count;
    ssize_t ignored = read(p->stop_fd, &count, sizeof count); /* fails only when it is empty */
    (void)ignored;
    pipe_mailbox_fini(&p->mailbox);
    pipe_mailbox_init(&p->mailbox);
    pipe_audio_queue_reset(&p->sound);
}

void pipe_pipeline_destroy(struct pipe_pipeline *p)
{
    if (!p)
        return;
    close_topics(p);
    if (p->topics)
        pipe_pipeline_release(p);
    for (size_t i = 0; p->nodes && i < p->config->node_count && p->nodes[i].config; i++) {
        destroy_node(&p->nodes[i]);
        for (size_t port = 0; port < PIPE_MAX_PORTS; port++) {
            free(p->nodes[i].outputs[0][port]);
            free(p->nodes[i].outputs[1][port]);
        }
    }
    for (size_t i = 0; i < p->open_model_count; i++)
        pipe_model_destroy(p->open_models[i]);
    pipe_mailbox_fini(&p->mailbox);
    pipe_audio_queue_fini(&p->sound);
    pipe_frame_pool_destroy(p->frames);
    pipe_health_fini(&p->health);
    pthread_mutex_destroy(&p->joining);
    if (p->stop_fd >= 0)
        close(p->stop_fd);
    for (size_t i = 0; i < PIPE_THREADS; i++)
        pipe_trace_close(&p->traces[i]);
    free(p->open_models);
    prt_arena_destroy(p->model_user.arena);
    pipe_turn_fini(p);
    free(p->nodes);
    free(p->topics);
    pipe_config_destroy(p->root);
    free(p);
}

void pipe_pipeline_stats(struct pipe_pipeline *p, struct pipe_stats *stats)
{
    *stats = (struct pipe_stats){
        .name = p->config->name,
        .source = p->config->source->name,
        .frames = atomic_load_explicit(&p->processed, memory_order_relaxed),
        .dropped_late = atomic_load_explicit(&p->dropped_late, memory_order_relaxed) +
                        atomic_load_explicit(&p->dropped_old, memory_order_relaxed),
        .dropped_bad = atomic_load_explicit(&p->dropped_bad, memory_order_relaxed),
        .node_errors = atomic_load_explicit(&p->node_errors, memory_order_relaxed),
        .lost = atomic_load_explicit(&p->lost, memory_order_relaxed),
        .late = atomic_load_explicit(&p->late, memory_order_relaxed),
    };
    int64_t since = atomic_load_explicit(&p->busy_since_ns, memory_order_relaxed);
    stats->busy_ns = since ? base_clock_ns() - since : 0;
    pipe_window_percentiles(&p->latency, &stats->latency_p50_ns, &stats->latency_p99_ns);
    for (size_t i = 0; i < p->open_model_count; i++)
        pipe_model_add_processor(p->open_models[i], stats->processor);
    pipe_health_read(&p->health, stats);
    stats->on_demand = p->config->on_demand;
    stats->linger_ns = (int64_t)(p->config->linger_ms * 1e6);
    unsigned rests = atomic_load_explicit(&p->rests, memory_order_relaxed);
    stats->rests = rests != 0 && !pipe_health_is_over(&p->health);
    if (stats->rests) {
        stats->state = "resting";
        snprintf(stats->cause, sizeof stats->cause, "%s", rest_cause(rests));
    }
    pipe_turn_stats(p, stats);
}
