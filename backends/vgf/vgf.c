/* Why: makes models of a graph's VGF payloads, and runs them on its tensors. */
#include "backends/vgf/vgf.h"

#include "backends/vgf/model.h"
#include "runtime/vgf.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct run {
    struct vgf_model *model;
    const uint32_t *inputs, *outputs; /* the node's values */
    uint32_t input_count, output_count;
};

struct prt_segment {
    struct vgf_device *device;
    struct run *runs;
    uint32_t count;
    size_t most_ends; /* of a run: what an execution needs addresses for */
};

static const char *absent(void)
{
    const char *why;
    vgf_device_release(vgf_device_get(&why));
    return why;
}

static const char *code(void)
{
    return vgf_device_name();
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    (void)graph; /* whether its tensors are those of the payload is found out by who compiles it */
    return node->op == PRT_OP_BLOB && strcmp(node->attrs.blob.delegate, "VgfBackend") == 0;
}

static const char *refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    return supports(graph, node) ? NULL : "no payload of VgfBackend";
}

/* ---- compiling ---- */

/* Do the call's tensors have the type and bytes of the file's? */
static enum percept_status check_ends(const struct prt_graph *graph, const uint32_t *values,
                                      const struct prt_vgf *file, const uint32_t *resources,
                                      uint32_t count, const char *what, struct percept_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct prt_value *value = &graph->values[values[i]];
        const struct prt_vgf_resource *resource = &file->resources[resources[i]];
        if (value->tensor.dtype == resource->dtype && value->bytes == resource->bytes)
            continue;
        char text[160];
        return percept_fail(error, PERCEPT_MALFORMED,
                            "vgf: %s %u is %s, but in the VGF file %zu bytes of %s", what, i,
                            prt_tensor_describe(&value->tensor, text, sizeof text), resource->bytes,
                            prt_dtype_name(resource->dtype));
    }
    return PERCEPT_OK;
}

static enum percept_status check_node(const struct prt_graph *graph, const struct prt_node *node,
                                      const struct prt_vgf *file, struct percept_error *error)
{
    if (node->input_count != file->input_count || node->output_count != file->output_count)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "vgf: %u inputs and %u outputs, but the VGF file has %u and %u",
                            node->input_count, node->output_count, file->input_count,
                            file->output_count);
    enum percept_status status =
        check_ends(graph, node->inputs, file, file->inputs, file->input_count, "input", error);
    return status == PERCEPT_OK ? check_ends(graph, node->outputs, file, file->outputs,
                                             file->output_count, "output", error)
                                : status;
}

static enum percept_status add_run(struct prt_segment *segment, const struct prt_graph *graph,
                                   const struct prt_node *node, struct percept_error *error)
{
    struct prt_vgf file = {0};
    enum percept_status status =
        prt_vgf_parse(&file, node->attrs.blob.payload, node->attrs.blob.bytes, error);
    if (status != PERCEPT_OK)
        return status;
    struct run *run = &segment->runs[segment->count];
    *run = (struct run){.inputs = node->inputs,
                        .outputs = node->outputs,
                        .input_count = node->input_count,
                        .output_count = node->output_count};
    size_t ends = (size_t)node->input_count + node->output_count;
    if (ends > segment->most_ends)
        segment->most_ends = ends;
    status = check_node(graph, node, &file, error);
    if (status == PERCEPT_OK)
        status = vgf_model_create(segment->device, &file, &run->model, error);
    segment->count += status == PERCEPT_OK;
    prt_vgf_reset(&file);
    return status;
}

static void destroy(struct prt_segment *segment)
{
    if (!segment)
        return;
    for (uint32_t i = 0; i < segment->count; i++)
        vgf_model_destroy(segment->runs[i].model);
    vgf_device_release(segment->device);
    free(segment->runs);
    free(segment);
}

static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **segment,
                                   struct percept_error *error)
{
    const char *why = NULL;
    struct vgf_device *device = vgf_device_get(&why);
    if (!device)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "vgf: %s", why);
    struct prt_segment *made = calloc(1, sizeof *made);
    struct run *runs = calloc(compile->node_count + 1u, sizeof *runs);
    if (!made || !runs) {
        free(made);
        free(runs);
        vgf_device_release(device);
        return percept_fail(error, PERCEPT_NO_MEMORY, "vgf: no memory for a segment");
    }
    made->device = device;
    made->runs = runs;
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < compile->node_count && status == PERCEPT_OK; i++)
        status = add_run(made, compile->graph, &compile->graph->nodes[compile->nodes[i]], error);
    if (status == PERCEPT_OK)
        *segment = made;
    else
        destroy(made);
    return status;
}

/* ---- running ---- */

static size_t scratch_bytes(const struct prt_segment *segment)
{
    return segment->most_ends * sizeof(void *);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    void **ends = execution->scratch;
    for (uint32_t i = 0; i < segment->count; i++) {
        const struct run *run = &segment->runs[i];
        int64_t start = execution->times ? now_ns() : 0;
        for (uint32_t k = 0; k < run->input_count; k++)
            ends[k] = execution->data[run->inputs[k]];
        for (uint32_t k = 0; k < run->output_count; k++)
            ends[run->input_count + k] = execution->data[run->outputs[k]];
        enum percept_status status =
            vgf_model_run(run->model, (const void *const *)ends, ends + run->input_count, error);
        if (status != PERCEPT_OK)
            return status;
        if (execution->times)
            execution->times[i] = (struct prt_step_time){start, now_ns(), "vgf"};
    }
    return PERCEPT_OK;
}

static void stats(const struct prt_segment *segment, struct prt_segment_stats *stats)
{
    *stats =
        (struct prt_segment_stats){.dispatches = segment->count, .submissions = segment->count};
    for (uint32_t i = 0; i < segment->count; i++) {
        stats->device_bytes += vgf_model_bytes(segment->runs[i].model);
        stats->copied_bytes += vgf_model_copied(segment->runs[i].model);
    }
}

const struct prt_backend prt_vgf_backend = {
    .version = PRT_BACKEND_VERSION,
    .name = "vgf",
    .absent = absent,
    .supports = supports,
    .compile = compile,
    .scratch_bytes = scratch_bytes,
    .execute = execute,
    .destroy = destroy,
    .refuses = refuses,
    .stats = stats,
    .code = code,
};
