/* Why: what a layer norm takes six trips through memory for, or a root mean square four, in one. */
#include "backends/cpu/elementwise.h"

struct layer_norm {
    size_t rows, length;
    size_t band; /* rows a task: enough to be worth a claim */
    float epsilon;
    bool rms;
    const struct cpu_loops *loops;
};

struct layer_norm_run {
    const struct layer_norm *op;
    const float *x, *weight, *bias;
    float *y;
};

static void layer_norm_task(void *context, size_t task, unsigned worker)
{
    const struct layer_norm_run *run = context;
    const struct layer_norm *op = run->op;
    size_t end = (task + 1) * op->band < op->rows ? (task + 1) * op->band : op->rows;
    (void)worker;
    for (size_t row = task * op->band; row < end; row++)
        op->loops->layer_norm(op->length, run->y + row * op->length, run->x + row * op->length,
                              run->weight, run->bias, op->epsilon, op->rms);
}

static void layer_norm_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct layer_norm *op = step->state;
    const float *rows[2];
    for (unsigned i = 0; i < 2; i++)
        rows[i] = step->inputs[1 + i] == PRT_NO_VALUE ? NULL : run->data[step->inputs[1 + i]];
    struct layer_norm_run job = {op, run->data[step->inputs[0]], rows[0], rows[1],
                                 run->data[step->output]};
    if (op->length)
        cpu_spread(run->pool, op->rows * op->length, CPU_GRAIN,
                   (op->rows + op->band - 1) / op->band, layer_norm_task, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *y = cpu_result(graph, node);
    for (unsigned i = 1; i < 3; i++)
        if (cpu_operand(graph, node, i) && !prt_tensor_is_contiguous(cpu_operand(graph, node, i)))
            return false;
    return x->dtype == PRT_F32 && prt_tensor_same_layout(x, y) &&
           x->dim_order[x->rank - 1] == x->rank - 1;
}

static enum percept_status prepare_layer_norm(const struct cpu_prepare *prepare,
                                              struct cpu_step *step)
{
    const struct prt_layer_norm_attrs *attrs = &prepare->node->attrs.layer_norm;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    struct layer_norm *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    size_t length = (size_t)x->sizes[x->rank - 1];
    *op = (struct layer_norm){
        .rows = length ? prt_tensor_elements(x) / length : 0,
        .length = length,
        .band = length < CPU_GRAIN ? CPU_GRAIN / (length + 1) + 1 : 1,
        .epsilon = (float)attrs->epsilon,
        .rms = attrs->rms,
        .loops = prepare->loops,
    };
    step->run = layer_norm_run;
    step->kernel = "layer norm";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_layer_norm = {.supports = supports, .prepare = prepare_layer_norm};
