/* Why: what the graph calls ROUND_ROWS and DYNAMIC_LINEAR, said in the words of rows.h. */
#include "backends/cpu/rows.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/shared.h"
#include "backends/cpu/step.h"
#include "backends/cpu/weights.h"
#include "base/checked.h"

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
    void *packed;            /* weights, scales, sums, bias; see shared.h */
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

/* The codes of a group of one output, and their sum. */
static int32_t put(const struct layer *op, uint8_t *weights, size_t output, size_t group,
                   const int8_t *codes)
{
    const size_t outputs = op->kernels->outputs, blocks = op->job.blocks;
    const size_t bytes = op->job.four_bits ? CPU_ROWS_BLOCK / 2 : CPU_ROWS_BLOCK;
    const size_t run = op->job.four_bits ? op->kernels->run_4 : op->kernels->run_8;
    uint8_t *to = weights + (output / outputs * op->job.groups + group) * blocks * outputs * bytes +
                  output % outputs * run;
    int32_t sum = 0;
    for (size_t i = 0; i < op->group; i++)
        sum += codes[i];
    for (size_t b = 0; b < blocks; b++, to += outputs * bytes) {
        uint8_t block[CPU_ROWS_BLOCK] = {0};
        size_t first = b * CPU_ROWS_BLOCK, count = op->group - first;
        memcpy(block, codes + first, count < CPU_ROWS_BLOCK ? count : CPU_ROWS_BLOCK);
        for (size_t i = 0; op->job.four_bits && i < bytes; i++)
            block[i] = (uint8_t)(((block[i] + 8) & 15) | ((block[i + bytes] + 8) & 15) << 4);
        for (size_t i = 0; i < bytes; i += run)
            memcpy(to + i * outputs, block + i, run);
    }
    return sum;
}

static bool fits_four_bits(const int8_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] < -8 || codes[i] > 7)
            return false;
    return true;
}

/* Are the lower halves of scales 0? ExecuTorch writes those of half bytes as bfloat16. */
static bool fits_halves(const float *scales, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &scales[i], sizeof bits);
        if (bits & 0xffff)
            return false;
    }
    return true;
}

struct tables {
    int32_t *sums;
    float *scales;
    uint16_t *halves; /* or NULL */
};

static void pack(const struct layer *op, const int8_t *codes, const float *scales, uint8_t *weights,
                 const struct tables *tables)
{
    const size_t width = op->kernels->outputs;
    for (size_t o = 0; o < op->job.outputs; o++)
        for (size_t g = 0; g < op->job.groups; g++) {
            size_t at = (o / width * op->job.groups + g) * width + o % width;
            float scale = scales[o * op->job.groups + g];
            uint32_t bits;
            memcpy(&bits, &scale, sizeof bits);
            if (tables->halves)
                tables->halves[at] = (uint16_t)(bits >> 16);
            else
                tables->scales[at] = scale;
            tables->sums[at] = put(op, weights, o, g, codes + o * op->inputs + g * op->group);
        }
}

static enum percept_status layer_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_graph *graph = prepare->graph;
    const struct prt_node *node = prepare->node;
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *weight = cpu_operand(graph, node, 1),
                            *scale = cpu_operand(graph, node, 2),
                            *bias = cpu_operand(graph, node, 3);
    const struct prt_activation *act = &node->attrs.dynamic_linear.act;
    struct layer *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    size_t inputs = (size_t)weight->sizes[1], outputs = (size_t)weight->sizes[0];
    size_t groups = (size_t)scale->sizes[1], rows = prt_tensor_elements(x) / inputs;
    size_t blocks = (inputs / groups + CPU_ROWS_BLOCK - 1) / CPU_ROWS_BLOCK;
    *op = (struct layer){
        .kernels = cpu_row_kernels_of(cpu_isa_best()),
        .inputs = inputs,
        .group = inputs / groups,
        .least = node->attrs.dynamic_linear.least,
        .whole = node->attrs.dynamic_linear.whole,
        .codes_bytes = (rows * sizeof(struct cpu_row_code) + 63) / 64 * 64,
        .job = {.rows = rows,
                .groups = groups,
                .blocks = blocks,
                .outputs = outputs,
                .four_bits = fits_four_bits(graph->values[node->inputs[1]].data, inputs * outputs),
                .lo = act->kind == PRT_ACT_CLAMP ? act->lo : -INFINITY,
                .hi = act->kind == PRT_ACT_CLAMP ? act->hi : INFINITY},
    };
    op->panels = (outputs + op->kernels->outputs - 1) / op->kernels->outputs;
    op->task_panels = OUTPUTS_A_TASK / op->kernels->outputs;
    size_t padded = groups * blocks * CPU_ROWS_BLOCK, lanes = op->panels * op->kernels->outputs;
    const float *scales = graph->values[node->inputs[2]].data;
    bool halves = fits_halves(scales, outputs * groups);
    size_t weight_bytes = lanes * padded / (op->job.four_bits ? 2 : 1), table = lanes * groups;
    size_t table_bytes = table * (sizeof *op->job.sums + (halves ? 2 : 4)) + lanes * sizeof(float);
    op->packed =
        cpu_shared_alloc(prepare->weights->slab, weight_bytes + table_bytes, 1, &op->packed_bytes);
    if (!op->packed)
        return percept_fail(prepare->error, PERCEPT_NO_MEMORY, "cpu: no memory for weights");
    uint8_t *to = op->packed;
    if (op->job.four_bits) /* of outputs that only fill a panel up */
        memset(to, 0x88, weight_bytes);
    float *biases = (float *)(void *)(to + weight_bytes);
    if (bias)
        memcpy(biases, graph->values[node->inputs[3]].data, outputs * sizeof *biases);
    struct tables tables = {.sums = (int32_t *)(void *)(biases + lanes)};
    tables.scales = (float *)(void *)(tables.sums + table);
    tables.halves = halves ? (uint16_t *)(void *)tables.scales : NULL;
    pack(op, graph->values[node->inputs[1]].data, scales, to, &tables);
    op->packed = cpu_shared_block(op->packed, op->packed_bytes);
    op->job.weights = op->packed;
    op->job.bias = (const float *)(const void *)(op->job.weights + weight_bytes);
    op->job.sums = (const int32_t *)(const void *)(op->job.bias + lanes);
    op->job.scales = (const float *)(const void *)(op->job.sums + table);
    op->job.halves = halves ? (const uint16_t *)(const void *)op->job.scales : NULL;
    step->scratch = op->codes_bytes + rows * padded;
    step->run = layer_run;
    step->destroy = layer_destroy;
    step->kernel = op->job.four_bits ? op->kernels->name_4 : op->kernels->name_8;
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_dynamic_linear = {
    .supports = layer_supports, .prepare = layer_prepare, .weights = &cpu_weights};
