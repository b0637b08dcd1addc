/* Why: softmax along any axis; a row that is not dense fp32 goes through a buffer of the worker. */
#include "backends/cpu/elementwise.h"

struct softmax {
    size_t outer, length, inner; /* row-major: rows run along `length` in steps of `inner` */
    bool log;
    size_t x_size, y_size;
    const struct cpu_loops *loops;
    cpu_load load;
    cpu_store store;
    struct cpu_code from, to;
};

struct softmax_run {
    const struct softmax *op;
    const char *x;
    char *y;
    char *buffers; /* `length` floats for each worker */
};

static void softmax_task(void *context, size_t task, unsigned worker)
{
    const struct softmax_run *run = context;
    const struct softmax *op = run->op;
    size_t first = task / op->inner * op->length * op->inner + task % op->inner;
    float *row = (float *)run->buffers + worker * op->length;
    op->load(op->length, row, run->x + first * op->x_size, (int64_t)op->inner, &op->from);
    op->loops->softmax(op->length, row, op->log);
    op->store(op->length, run->y + first * op->y_size, (int64_t)op->inner, row, &op->to);
}

static void softmax_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct softmax *op = step->state;
    struct softmax_run job = {op, run->data[step->inputs[0]], run->data[step->output],
                              run->scratch};
    size_t rows = op->outer * op->inner;
    if (op->length)
        cpu_spread(run->pool, rows * op->length, CPU_GRAIN / 4, rows, softmax_task, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_tensor_is_contiguous(cpu_operand(graph, node, 0)) &&
           prt_tensor_is_contiguous(cpu_result(graph, node)) &&
           cpu_domain_of(graph, node) == CPU_DOMAIN_F32 &&
           cpu_elementwise_supports(graph, node, CPU_DOMAIN_F32);
}

static enum percept_status prepare_softmax(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_softmax_attrs *attrs = &prepare->node->attrs.softmax;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct softmax *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct softmax){
        .outer = 1,
        .length = (size_t)x->sizes[attrs->axis],
        .inner = 1,
        .log = attrs->log,
        .x_size = prt_dtype_size(x->dtype),
        .y_size = prt_dtype_size(y->dtype),
        .loops = prepare->loops,
        .load = prepare->loops->load[x->dtype],
        .store = prepare->loops->store[y->dtype],
        .from = cpu_code_of(x),
        .to = cpu_code_of(y),
    };
    for (int i = 0; i < x->rank; i++)
        if (i != attrs->axis)
            *(i < attrs->axis ? &op->outer : &op->inner) *= (size_t)x->sizes[i];
    step->scratch = op->length * sizeof(float) * prepare->threads;
    step->run = softmax_run;
    step->kernel = "softmax";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_softmax = {.supports = supports, .prepare = prepare_softmax};
