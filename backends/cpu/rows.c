/* Why: what the graph calls ROUND_ROWS and DYNAMIC_LINEAR, said in the words of rows.h. */
#include "backends/cpu/rows.h"
#include "backends/cpu/lines.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/rows_pack.h"
#include "backends/cpu/shared.h"
#include "backends/cpu/step.h"
#include "backends/cpu/weights.h"

#include <math.h>
#include <string.h>

const struct cpu_row_kernels *cpu_row_kernels_of(enum cpu_isa isa)
{
    static const struct cpu_row_kernels *const kernels[CPU_ISA_COUNT] = {
        [CPU_ISA_PLAIN] = &cpu_row_kernels_plain,
#if defined(__x86_64__)
        [CPU_ISA_AVX2] = &cpu_row_kernels_avx2,
        [CPU_ISA_AVXVNNI] = &cpu_row_kernels_avxvnni,
        [CPU_ISA_AVX512] = &cpu_row_kernels_avx2,
        [CPU_ISA_AVX512VNNI] = &cpu_row_kernels_avx512vnni,
        [CPU_ISA_AMXINT8] = &cpu_row_kernels_amxint8,
#elif defined(__aarch64__)
        [CPU_ISA_DOTPROD] = &cpu_row_kernels_dotprod,
        [CPU_ISA_I8MM] = &cpu_row_kernels_dotprod,
#endif
    };
    return kernels[isa];
}

/* The codes that cover a row and 0, `least` or more apart. */
static struct cpu_row_code code_of(const struct cpu_row_kernels *kernels, size_t n, const float *x,
                                   float least)
{
    struct cpu_row_code code = kernels->range(n, x);
    if (code.scale >= least)
        return code;
    float lo = 0;
    for (size_t i = 0; i < n; i++)
        lo = x[i] < lo ? x[i] : lo;
    return (struct cpu_row_code){least, (int32_t)rintf(fminf(-lo / least, UINT8_MAX))};
}

/* ---- ROUND_ROWS ---- */

struct rounding {
    const struct cpu_row_kernels *kernels;
    float least;
    size_t rows, columns;
};

struct rounding_run {
    const struct rounding *op;
    const float *x;
    float *y;
};

static void rounding_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct rounding_run *run = context;
    const struct rounding *op = run->op;
    const float *x = run->x + task * op->columns;
    struct cpu_row_code code = code_of(op->kernels, op->columns, x, op->least);
    op->kernels->round(op->columns, run->y + task * op->columns, x, &code);
}

static void rounding_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct rounding *op = step->state;
    struct rounding_run job = {op, run->data[step->inputs[0]], run->data[step->output]};
    if (op->columns)
        cpu_spread(run->pool, op->rows * op->columns, CPU_GRAIN, op->rows, rounding_task, &job);
}

static bool rounding_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_tensor_is_contiguous(cpu_operand(graph, node, 0)) &&
           prt_tensor_is_contiguous(cpu_result(graph, node));
}

static enum percept_status rounding_prepare(const struct cpu_prepare *prepare,
                                            struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    unsigned dims = (unsigned)prepare->node->attrs.round_rows.dims;
    struct rounding *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct rounding){.kernels = cpu_row_kernels_of(cpu_isa_best()),
                            .least = prepare->node->attrs.round_rows.least,
                            .rows = 1,
                            .columns = 1};
    for (unsigned i = 0; i < x->rank; i++)
        *(i + dims < x->rank ? &op->rows : &op->columns) *= (size_t)x->sizes[i];
    step->run = rounding_run;
    step->kernel = "round rows";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_round_rows = {.supports = rounding_supports,
                                          .prepare = rounding_prepare};

/* ---- DYNAMIC_LINEAR ---- */

enum { OUTPUTS_A_TASK = 64 };

struct layer {
    const struct cpu_row_kernels *kernels;
    size_t inputs, group, panels, codes_bytes; /* group: inputs that share a scale */
    size_t task_panels;
    float least;             /* of a scale */
    bool whole;              /* one range for all rows */
    struct cpu_rows_job job; /* what all tasks share */
    void *packed;            /* weights, scales, sums, bias; see rows_pack.h */
    size_t packed_bytes;
};

struct layer_run {
    const struct layer *op;
    const float *x;
    struct cpu_row_code *codes;
    uint8_t *bytes;
    struct cpu_rows_job job;
};

static void quantise_task(void *context, size_t row, unsigned worker)
{
    (void)worker;
    const struct layer_run *run = context;
    const struct layer *op = run->op;
    const float *x = run->x + row * op->inputs;
    size_t padded = op->job.blocks * CPU_ROWS_BLOCK;
    uint8_t *to = run->bytes + row * op->job.groups * padded;
    if (!op->whole)
        run->codes[row] = code_of(op->kernels, op->inputs, x, op->least);
    for (size_t g = 0; g < op->job.groups; g++) {
        op->kernels->quantise(op->group, to + g * padded, x + g * op->group, &run->codes[row]);
        memset(to + g * padded + op->group, 0, padded - op->group);
    }
}

static void layer_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct layer_run *run = context;
    struct cpu_rows_job job = run->job;
    job.panel = task * run->op->task_panels;
    job.panel_end = job.panel + run->op->task_panels;
    if (job.panel_end > run->op->panels)
        job.panel_end = run->op->panels;
    run->op->kernels->layer(&job);
}

static void layer_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct layer *op = step->state;
    struct layer_run job = {op, run->data[step->inputs[0]], run->scratch,
                            (uint8_t *)run->scratch + op->codes_bytes, op->job};
    size_t rows = op->job.rows, tasks = (op->panels + op->task_panels - 1) / op->task_panels;
    if (op->whole && rows) {
        struct cpu_row_code code = code_of(op->kernels, rows * op->inputs, job.x, op->least);
        for (size_t row = 0; row < rows; row++)
            job.codes[row] = code;
    }
    cpu_spread(run->pool, rows * op->inputs, CPU_GRAIN, rows, quantise_task, &job);
    job.job.x = job.bytes;
    job.job.codes = job.codes;
    job.job.y = run->data[step->output];
    cpu_spread(run->pool, rows * (op->job.outputs * op->inputs / 32), CPU_GRAIN, tasks, layer_task,
               &job);
}

static void layer_destroy(const void *state)
{
    const struct layer *op = state;
    cpu_shared_release(op->packed, op->packed_bytes);
}

static bool is_constant(const struct prt_graph *graph, const struct prt_node *node, unsigned index)
{
    return graph->values[node->inputs[index]].flags & PRT_FLAG_CONSTANT;
}

static bool layer_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    for (unsigned i = 0; i < 4; i++)
        if (cpu_operand(graph, node, i) &&
            (!prt_tensor_is_contiguous(cpu_operand(graph, node, i)) ||
             (i > 0 && !is_constant(graph, node, i))))
            return false;
    return prt_tensor_is_contiguous(cpu_result(graph, node));
}

static enum percept_status layer_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_graph *graph = prepare->graph;
    const struct prt_node *node = prepare->node;
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *weight = cpu_operand(graph, node, 1);
    const struct prt_activation *act = &node->attrs.dynamic_linear.act;
    struct layer *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    size_t inputs = (size_t)weight->sizes[1], rows = prt_tensor_elements(x) / inputs;
    *op = (struct layer){
        .kernels = cpu_row_kernels_of(cpu_isa_best()),
        .inputs = inputs,
        .least = node->attrs.dynamic_linear.least,
        .whole = node->attrs.dynamic_linear.whole,
        .codes_bytes = cpu_align64(rows * sizeof(struct cpu_row_code)),
    };
    enum percept_status status =
        cpu_rows_pack(prepare, op->kernels, &op->job, &op->packed, &op->packed_bytes);
    if (status != PERCEPT_OK)
        return status;
    op->job.rows = rows;
    op->job.lo = act->kind == PRT_ACT_CLAMP ? act->lo : -INFINITY;
    op->job.hi = act->kind == PRT_ACT_CLAMP ? act->hi : INFINITY;
    op->group = inputs / op->job.groups;
    op->panels = (op->job.outputs + op->kernels->outputs - 1) / op->kernels->outputs;
    op->task_panels = OUTPUTS_A_TASK / op->kernels->outputs;
    step->scratch = op->codes_bytes + rows * op->job.groups * op->job.blocks * CPU_ROWS_BLOCK;
    step->run = layer_run;
    step->destroy = layer_destroy;
    step->kernel = op->job.four_bits ? op->kernels->name_4 : op->kernels->name_8;
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_dynamic_linear = {
    .supports = layer_supports, .prepare = layer_prepare, .weights = &cpu_weights};
