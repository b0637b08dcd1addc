/*
 * Why: a graph's integers of 8 bits and codes of 16 on a processor of its own, which the host
 * reaches by messages and shared memory. What is left, floats above all, is for the next backend of
 * the list.
 */
#include "backends/dsp/dsp.h"

#include "backends/dsp/segment.h"
#include "base/clock.h"
#include "base/kept_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts with sizes in them, which stay ---- */

enum { TEXT_BYTES = 128 };

static const char *kept_text(const char *text)
{
    return base_kept_text(text, "it does not fit into tightly-coupled memory");
}

static const char *does_not_fit(size_t least)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "it needs %zu bytes of tightly-coupled memory, there are %zu",
             least, dsp_link_memory());
    return kept_text(text);
}

/* ---- what it takes ---- */

static const char *absent(void)
{
    return dsp_link_absent();
}

static const char *refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    for (unsigned part = 0; part < dsp_lower_count(node); part++) {
        const struct dsp_lowering lowering = {graph, node, part, false};
        struct dsp_lowered lowered;
        struct dsp_tile tile;
        size_t least;
        const char *why = dsp_lower(&lowering, &lowered);
        if (!why && !dsp_step_tile(&lowered.step, dsp_link_memory(), &tile, &least))
            why = does_not_fit(least);
        if (why)
            return why;
    }
    return NULL;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return refuses(graph, node) == NULL;
}

static const char *code(void)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "percept-dsp, %zu KiB of tightly-coupled memory",
             dsp_link_memory() / 1024);
    return kept_text(text);
}

/* ---- compiling ---- */

static void destroy(struct prt_segment *segment)
{
    if (!segment)
        return;
    dsp_mend_never(segment);
    dsp_leave_link(segment);
    pthread_mutex_destroy(&segment->lock);
    free(segment->steps);
    free(segment->own_places);
    free(segment->roots);
    free(segment->touched);
    free(segment);
}

static enum percept_status lower_nodes(struct prt_segment *segment, struct percept_error *error)
{
    size_t count = 0;
    for (uint32_t n = 0; n < segment->node_count; n++)
        count += dsp_lower_count(&segment->graph->nodes[segment->nodes[n]]);
    segment->steps = calloc(count + 1, sizeof *segment->steps);
    if (!segment->steps)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a segment");
    for (uint32_t n = 0; n < segment->node_count; n++) {
        const struct prt_node *node = &segment->graph->nodes[segment->nodes[n]];
        for (unsigned part = 0; part < dsp_lower_count(node); part++) {
            const struct dsp_lowering lowering = {segment->graph, node, part, true};
            struct dsp_segment_step *step = &segment->steps[segment->step_count++];
            step->node = n;
            step->part = part;
            const char *why = dsp_lower(&lowering, &step->lowered);
            if (why)
                return percept_fail(error, PERCEPT_UNSUPPORTED, "dsp: cannot run %s (%s): %s",
                                    prt_op_name(node->op), node->name ? node->name : "unnamed",
                                    why);
        }
    }
    return PERCEPT_OK;
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **out,
                                   struct percept_error *error)
{
    struct prt_segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return percept_fail(error, PERCEPT_NO_MEMORY, "dsp: no memory for a segment");
    pthread_mutex_init(&segment->lock, NULL);
    segment->graph = compile->graph;
    segment->nodes = compile->nodes;
    segment->node_count = compile->node_count;
    enum percept_status status = lower_nodes(segment, error);
    if (status == PERCEPT_OK)
        status = dsp_find_roots(segment, compile, error);
    if (status == PERCEPT_OK)
        status = dsp_find_residents(segment, dsp_link_memory(), error);
    if (status == PERCEPT_OK)
        status = dsp_lay_out_segment(segment, error);
    if (status == PERCEPT_OK)
        status = dsp_link_get(&segment->link, error);
    if (status == PERCEPT_OK)
        status = dsp_put_segment(segment, error);
    if (status != PERCEPT_OK) {
        destroy(segment);
        return status;
    }
    *out = segment;
    return PERCEPT_OK;
}

static size_t scratch_bytes(const struct prt_segment *segment)
{
    (void)segment;
    return 0;
}

/* ---- running ---- */

static unsigned char *in_arena(const struct prt_segment *segment, const struct dsp_root *root)
{
    return (unsigned char *)dsp_link_at(segment->link, segment->block + segment->arena) +
           root->offset;
}

static void bring_in(const struct prt_segment *segment, void *const *data)
{
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct dsp_root *root = &segment->roots[segment->touched[t]];
        if (root->space == DSP_ARENA && root->enters)
            memcpy(in_arena(segment, root), data[segment->touched[t]], root->bytes);
    }
}

static void bring_out(const struct prt_segment *segment, void *const *data)
{
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct dsp_root *root = &segment->roots[segment->touched[t]];
        if (root->space == DSP_ARENA && root->leaves)
            memcpy(data[segment->touched[t]], in_arena(segment, root), root->bytes);
    }
}

static const char *const kernel_names[DSP_OPS] = {
    [DSP_CONV] = "dsp conv",       [DSP_MATMUL] = "dsp matmul", [DSP_BINARY] = "dsp binary",
    [DSP_PRELU] = "dsp prelu",     [DSP_TABLE] = "dsp table",   [DSP_POOL] = "dsp pool",
    [DSP_RESIZE] = "dsp resize",   [DSP_COPY] = "dsp copy",     [DSP_RESCALE] = "dsp rescale",
    [DSP_SOFTMAX] = "dsp softmax", [DSP_NORM] = "dsp norm",
};

/* A time that the processor noted, if it can be true. */
static int64_t noted(uint64_t time, int64_t least, int64_t most)
{
    return time < (uint64_t)least ? least : time > (uint64_t)most ? most : (int64_t)time;
}

static void read_times(const struct prt_segment *segment, int64_t begun_ns,
                       struct prt_step_time *times)
{
    const struct dsp_time *all = dsp_link_at(segment->link, segment->block + segment->times);
    int64_t now = base_clock_ns(), last = begun_ns;
    for (uint32_t i = 0; i < segment->step_count; i++) {
        const struct dsp_segment_step *step = &segment->steps[i];
        struct dsp_time time = all[i];
        struct prt_step_time *to = &times[step->node];
        int64_t start = noted(time.start, last, now), end = noted(time.end, start, now);
        if (step->part == 0)
            to->start_ns = start;
        to->end_ns = last = end;
        to->kernel = kernel_names[step->lowered.step.op];
    }
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    struct prt_segment *own = (struct prt_segment *)(uintptr_t)segment;
    struct dsp_reply reply;
    pthread_mutex_lock(&own->lock);
    int64_t begun_ns = base_clock_ns();
    if (segment->handle)
        bring_in(segment, execution->data);
    /* Without a link or a program it is being mended, and whoever is here did not wait for that. */
    enum percept_status status =
        segment->handle ? dsp_link_ask(segment->link, DSP_RUN, segment->handle, 0, &reply, error)
                        : percept_fail(error, PERCEPT_DISCONNECTED,
                                       "dsp: the remote processor is not back yet");
    if (status == PERCEPT_OK) {
        bring_out(segment, execution->data);
        if (execution->times)
            read_times(segment, begun_ns, execution->times);
    }
    pthread_mutex_unlock(&own->lock);
    if (status != PERCEPT_OK)
        dsp_mend_later(own);
    return status;
}

static void stats(const struct prt_segment *segment, struct prt_segment_stats *stats)
{
    *stats = (struct prt_segment_stats){
        .dispatches = segment->step_count,
        .submissions = 1,
        .device_bytes = segment->block_bytes,
    };
    for (uint32_t t = 0; t < segment->touched_count; t++) {
        const struct dsp_root *root = &segment->roots[segment->touched[t]];
        if (root->space == DSP_ARENA)
            stats->copied_bytes += root->bytes * ((size_t)root->enters + root->leaves);
    }
}

const struct prt_backend prt_dsp_backend = {
    .version = PRT_BACKEND_VERSION,
    .name = "dsp",
    .absent = absent,
    .supports = supports,
    .refuses = refuses,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
    .execute = execute,
    .destroy = destroy,
    .code = code,
    .stats = stats,
    .is_well = dsp_is_well,
};
