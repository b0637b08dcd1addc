/* A whole backend as a plugin: it runs sums, products and a few functions of float32 tensors, and
 * leaves the rest of a model to the next backend. A start for one that hands work to a device:
 * docs/backends.md, and runtime/backend.h for what each function promises. */
#include <runtime/plugin.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_off;

static enum percept_status set(const char *key, const char *value, struct percept_error *error)
{
    if (strcmp(key, "off") != 0)
        return percept_fail(error, PERCEPT_INVALID, "no option '%s'; it has: off", key);
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return percept_fail(error, PERCEPT_INVALID, "off: expected true or false, got '%s'", value);
    is_off = strcmp(value, "true") == 0;
    return PERCEPT_OK;
}

/* A backend for a device looks for it, and its driver, here: once, and keeps what it finds. */
static const char *absent(void)
{
    return is_off ? "its option 'off' says so" : NULL;
}

static const char *release(void)
{
    return "1.0";
}

/* Results that are kept on disk are for this code only, so it changes whenever `refuses` does. */
static const char *code(void)
{
    return "the CPU, an element at a time";
}

static float (*const functions[PRT_UNARY_COUNT])(float) = {
    [PRT_UNARY_ABS] = fabsf,    [PRT_UNARY_SQRT] = sqrtf, [PRT_UNARY_EXP] = expf,
    [PRT_UNARY_FLOOR] = floorf, [PRT_UNARY_CEIL] = ceilf, [PRT_UNARY_TANH] = tanhf,
};

static const char *refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_binary_attrs *attrs = &node->attrs.binary;
    if (node->op != PRT_OP_UNARY && node->op != PRT_OP_BINARY)
        return "it runs unary and binary nodes only";
    if (node->op == PRT_OP_UNARY ? !functions[node->attrs.unary.kind]
                                 : attrs->kind > PRT_BINARY_DIV || attrs->act.kind != PRT_ACT_NONE)
        return "it does not have this function";
    const struct prt_value *y = &graph->values[node->outputs[0]];
    for (unsigned i = 0; i < node->input_count; i++) {
        const struct prt_value *x = &graph->values[node->inputs[i]]; /* a tensor or a number */
        if (x->kind != PRT_VALUE_TENSOR || x->tensor.dtype != PRT_F32 ||
            !prt_tensor_same_sizes(&x->tensor, &y->tensor))
            return "its operands are no float32 tensors of the result's sizes";
    }
    return NULL;
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return refuses(graph, node) == NULL;
}

struct prt_segment {
    const struct prt_graph *graph; /* outlives the segment */
    uint32_t count;
    const struct prt_node *nodes[];
};

/* Whatever takes time belongs here: weights are laid out for the device, programs made. */
static enum percept_status compile(const struct prt_compile *compile, struct prt_segment **segment,
                                   struct percept_error *error)
{
    struct prt_segment *made = malloc(sizeof *made + compile->node_count * sizeof made->nodes[0]);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "sample: no memory for a segment");
    *made = (struct prt_segment){compile->graph, compile->node_count};
    for (uint32_t i = 0; i < made->count; i++)
        made->nodes[i] = &made->graph->nodes[compile->nodes[i]];
    *segment = made;
    return PERCEPT_OK;
}

static float binary(const struct prt_binary_attrs *attrs, float a, float b)
{
    float alpha = (float)attrs->alpha; /* of sums and differences */
    return attrs->kind == PRT_BINARY_ADD   ? a + alpha * b
           : attrs->kind == PRT_BINARY_SUB ? a - alpha * b
           : attrs->kind == PRT_BINARY_MUL ? a * b
                                           : a / b;
}

enum { CHUNK = 4096 }; /* elements of a task */
struct job {
    const struct prt_node *node;
    void *const *data;
    size_t count;
};

/* Operands and result lie alike (prt_op_layout), so the order of elements does not matter. The
 * result may lie over an operand: each element is read before it is written. */
static void run_chunk(void *context, size_t task, unsigned worker)
{
    const struct job *job = context;
    const struct prt_node *node = job->node;
    const float *a = job->data[node->inputs[0]];
    const float *b = node->op == PRT_OP_BINARY ? job->data[node->inputs[1]] : NULL;
    float *y = job->data[node->outputs[0]];
    (void)worker;
    for (size_t i = task * CHUNK; i < job->count && i < (task + 1) * CHUNK; i++)
        y[i] =
            b ? binary(&node->attrs.binary, a[i], b[i]) : functions[node->attrs.unary.kind](a[i]);
}

static enum percept_status execute(const struct prt_segment *segment,
                                   const struct prt_execution *execution,
                                   struct percept_error *error)
{
    (void)error;
    for (uint32_t i = 0; i < segment->count; i++) {
        const struct prt_value *y = &segment->graph->values[segment->nodes[i]->outputs[0]];
        struct job job = {segment->nodes[i], execution->data, prt_tensor_elements(&y->tensor)};
        int64_t start = prt_plugin_now_ns();
        base_pool_run(execution->pool, (job.count + CHUNK - 1) / CHUNK, run_chunk, &job);
        if (execution->times)
            execution->times[i] = (struct prt_step_time){start, prt_plugin_now_ns(), "sample"};
    }
    return PERCEPT_OK;
}

static const struct prt_backend sample = {
    .version = PRT_BACKEND_VERSION,
    .name = "sample",
    .absent = absent,
    .supports = supports,
    .refuses = refuses,
    .compile = compile,
    .scratch_bytes = prt_plugin_no_scratch,
    .execute = execute,
    .destroy = prt_plugin_free,
    .code = code,
    .release = release,
    .set = set,
};

PRT_PLUGIN(sample);
