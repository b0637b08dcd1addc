/* Why: makes models of a graph's OpenVINO payloads, and runs them one after the other. */
#include "backends/openvino/openvino.h"

#include "backends/openvino/model.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prt_segment {
    struct openvino_model **models;
    uint32_t count;
    pthread_mutex_t lock; /* of the models and what follows */

    /* Of a run in flight: its first payload is on the device, the others are computed by wait. */
    bool in_flight;
    void *const *data;
    struct prt_step_time *times;
    int64_t begun_ns;
};

static const char *absent(void)
{
    const char *why;
    openvino_library_get(&why);
    return why;
}

static const char *release(void)
{
    const char *why;
    const struct openvino_library *library = openvino_library_get(&why);
    return library ? library->version : NULL;
}

static const char *device(void)
{
    const char *why;
    const struct openvino_library *library = openvino_library_get(&why);
    return library ? library->devices : NULL;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph; /* whether its tensors are those of the payload is found out by who compiles it */
    return node->op == PRT_OP_BLOB && strcmp(node->attrs.blob.delegate, "OpenvinoBackend") == 0;
}

static const char *refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    return supports(graph, node) ? NULL : "no payload of OpenvinoBackend";
}

/* ---- compiling ---- */

static void destroy(struct prt_segment *segment)
{
    if (!segment)
        return;
    if (segment->in_flight)
        openvino_model_wait(segment->models[0], NULL);
    for (uint32_t i = 0; i < segment->count; i++)
        openvino_model_destroy(segment->models[i]);
    pthread_mutex_destroy(&segment->lock);
    free(segment->models);
    free(segment);
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **segment,
                                   struct percept_error *error)
{
    const char *why = NULL;
    struct openvino_library *library = openvino_library_get(&why);
    if (!library)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "openvino: %s", why);
    struct prt_segment *made = calloc(1, sizeof *made);
    struct openvino_model **models = calloc(compile->node_count + 1u, sizeof(void *));
    if (!made || !models) {
        free(made);
        free(models);
        return percept_fail(error, PERCEPT_NO_MEMORY, "openvino: no memory for a segment");
    }
    made->models = models;
    pthread_mutex_init(&made->lock, NULL);
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < compile->node_count && status == PERCEPT_OK; i++) {
        status = openvino_model_create(library, compile, &compile->graph->nodes[compile->nodes[i]],
                                       &models[i], error);
        made->count += status == PERCEPT_OK;
    }
    if (status == PERCEPT_OK)
        *segment = made;
    else
        destroy(made);
    return status;
}

/* ---- running ---- */

static size_t scratch_bytes(const struct prt_segment *segment)
{
    (void)segment;
    return 0;
}

/* What follows is under the segment's lock. */

static void note_time(struct prt_step_time *times, uint32_t i, int64_t begun_ns)
{
    if (times)
        times[i] = (struct prt_step_time){begun_ns, base_clock_ns(), "openvino"};
}

static enum percept_status run_from(struct prt_segment *segment, uint32_t first, void *const *data,
                                    struct prt_step_time *times, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = first; i < segment->count && status == PERCEPT_OK; i++) {
        int64_t begun_ns = times ? base_clock_ns() : 0;
        status = openvino_model_run(segment->models[i], data, error);
        note_time(times, i, begun_ns);
    }
    return status;
}

static enum percept_status check_idle(const struct prt_segment *segment,
                                      struct percept_error *error)
{
    return segment->in_flight
               ? percept_fail(error, PERCEPT_BUSY, "openvino: the segment is running already")
               : PERCEPT_OK;
}

static enum percept_status begin_run(struct prt_segment *segment,
                                     const struct prt_execution *execution,
                                     struct percept_error *error)
{
    enum percept_status status = check_idle(segment, error);
    if (status != PERCEPT_OK)
        return status;
    segment->data = execution->data;
    segment->times = execution->times;
    segment->begun_ns = execution->times ? base_clock_ns() : 0;
    status = openvino_model_start(segment->models[0], execution->data, error);
    segment->in_flight = status == PERCEPT_OK;
    return status;
}

static enum percept_status end_run(struct prt_segment *segment, struct percept_error *error)
{
    if (!segment->in_flight)
        return percept_fail(error, PERCEPT_INVALID, "openvino: the segment is not running");
    enum percept_status status = openvino_model_wait(segment->models[0], error);
    segment->in_flight = false;
    note_time(segment->times, 0, segment->begun_ns);
    return status == PERCEPT_OK ? run_from(segment, 1, segment->data, segment->times, error)
                                : status;
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    struct prt_segment *own = (struct prt_segment *)(uintptr_t)segment;
    pthread_mutex_lock(&own->lock);
    enum percept_status status = check_idle(own, error);
    if (status == PERCEPT_OK)
        status = run_from(own, 0, execution->data, execution->times, error);
    pthread_mutex_unlock(&own->lock);
    return status;
}

static enum percept_status start(struct prt_segment *segment, const struct prt_execution *execution,
                                 struct percept_error *error)
{
    pthread_mutex_lock(&segment->lock);
    enum percept_status status = begin_run(segment, execution, error);
    pthread_mutex_unlock(&segment->lock);
    return status;
}

static enum percept_status wait(struct prt_segment *segment, struct percept_error *error)
{
    pthread_mutex_lock(&segment->lock);
    enum percept_status status = end_run(segment, error);
    pthread_mutex_unlock(&segment->lock);
    return status;
}

static void stats(const struct prt_segment *segment, struct prt_segment_stats *stats)
{
    *stats =
        (struct prt_segment_stats){.dispatches = segment->count, .submissions = segment->count};
}

const struct prt_backend prt_openvino_backend = {
    .version = PRT_BACKEND_VERSION,
    .name = "openvino",
    .absent = absent,
    .supports = supports,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
    .execute = execute,
    .destroy = destroy,
    .refuses = refuses,
    .stats = stats,
    .code = release,
    .start = start,
    .wait = wait,
    .release = release,
    .device = device,
    .set = openvino_set,
};
