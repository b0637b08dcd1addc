/*
 * Why: products of two computed matrices (attention), fp32. Each block of columns of b is packed
 * into a panel of the worker, and stays in its cache while all rows of a pass by. A b whose numbers
 * lie in the order in which they are summed is left where it is when a has too few rows to be worth
 * the packing, as in the last layer of a language model with a shortlist. (Products with constant
 * weights are LINEAR, and better packed.)
 */
#include "backends/cpu/elementwise.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/matmul_plain.h"

#include <string.h>

#define FEW_ROWS 4

struct matmul {
    size_t m, n, k, batches, panels;
    int64_t a_row, b_row, b_column; /* strides within a matrix, in elements */
    const struct cpu_loops *loops;
    const struct cpu_kernels *kernels; /* few rows along b's numbers; else NULL */
    const int64_t (*offsets)[3];       /* first elements in y, a and b of each batch */
};

struct matmul_run {
    const struct matmul *op;
    const float *a, *b;
    float *y, *buffers;
};

static void pack(const struct matmul *op, const float *b, size_t columns, float *panel)
{
    if (columns < CPU_PANEL)
        memset(panel, 0, op->k * CPU_PANEL * sizeof *panel);
    for (size_t k = 0; k < op->k; k++)
        for (size_t j = 0; j < columns; j++)
            panel[k * CPU_PANEL + j] = b[(int64_t)k * op->b_row + (int64_t)j * op->b_column];
}

static void matmul_task(void *context, size_t task, unsigned worker)
{
    const struct matmul_run *run = context;
    const struct matmul *op = run->op;
    const int64_t *offset = op->offsets[task / op->panels];
    size_t first = task % op->panels * CPU_PANEL, rest = op->n - first;
    size_t columns = rest < CPU_PANEL ? rest : CPU_PANEL;
    const float *a = run->a + offset[1], *b = run->b + offset[2] + (int64_t)first * op->b_column;
    float *y = run->y + offset[0] + first;
    if (op->kernels) {
        struct cpu_dots dots = {.rows = op->m,
                                .columns = columns,
                                .depth = op->k,
                                .a = a,
                                .b = b,
                                .y = y,
                                .a_row = (size_t)op->a_row,
                                .b_row = (size_t)op->b_column,
                                .y_row = op->n};
        op->kernels->dots(&dots);
        return;
    }
    float *panel = run->buffers + worker * op->k * CPU_PANEL;
    pack(op, b, columns, panel);
    op->loops->matmul(op->m, columns, op->k, y, op->n, a, op->a_row, panel);
}

static void matmul_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct matmul *op = step->state;
    struct matmul_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                             run->data[step->output], run->scratch};
    size_t tasks = op->batches * op->panels;
    if (op->m)
        cpu_spread(run->pool, tasks * CPU_PANEL * op->m * (op->k / 8 + 1), CPU_GRAIN, tasks,
                   matmul_task, &job);
}

static bool is_code(const struct prt_tensor *tensor)
{
    return (tensor->dtype == PRT_I8 || tensor->dtype == PRT_U8) &&
           tensor->quant.kind == PRT_QUANT_PER_TENSOR && cpu_can_load(tensor, CPU_DOMAIN_F32);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *a = cpu_operand(graph, node, 0), *b = cpu_operand(graph, node, 1),
                            *y = cpu_result(graph, node);
    bool known = (is_code(a) && is_code(b) && is_code(y)) || a->dtype == PRT_F32 ||
                 a->dtype == PRT_F64 || a->dtype == PRT_I64;
    return known && b->dtype == a->dtype && y->dtype == a->dtype && prt_tensor_is_contiguous(a) &&
           prt_tensor_is_contiguous(b) && prt_tensor_is_contiguous(y);
}

/* First element of matrix `index` of y's batches in a tensor that broadcasts to them. */
static int64_t offset_of(const struct prt_tensor *y, const struct prt_tensor *tensor, size_t index)
{
    int64_t strides[PRT_MAX_RANK], offset = 0;
    prt_tensor_strides(tensor, strides);
    for (int d = y->rank - 3; d >= 0; d--) {
        int64_t at = (int64_t)(index % (size_t)y->sizes[d]);
        int own = d - (y->rank - tensor->rank);
        index /= (size_t)y->sizes[d];
        if (own >= 0 && tensor->sizes[own] != 1)
            offset += at * strides[own];
    }
    return offset;
}

static enum percept_status prepare_matmul(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *a = cpu_operand(prepare->graph, prepare->node, 0),
                            *b = cpu_operand(prepare->graph, prepare->node, 1),
                            *y = cpu_result(prepare->graph, prepare->node);
    struct matmul *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    bool transposed = prepare->node->attrs.matmul.transpose_b;
    size_t m = (size_t)y->sizes[y->rank - 2], n = (size_t)y->sizes[y->rank - 1], batches = 1;
    for (unsigned i = 0; i + 2 < y->rank; i++)
        batches *= (size_t)y->sizes[i];
    int64_t width = b->sizes[b->rank - 1];
    *op = (struct matmul){
        .m = m,
        .n = n,
        .k = (size_t)a->sizes[a->rank - 1],
        .batches = batches,
        .panels = (n + CPU_PANEL - 1) / CPU_PANEL,
        .a_row = a->sizes[a->rank - 1],
        .b_row = transposed ? 1 : width,
        .b_column = transposed ? width : 1,
        .loops = prepare->loops,
        .kernels = transposed && m <= FEW_ROWS ? cpu_kernels_of(cpu_isa_best()) : NULL,
    };
    int64_t(*offsets)[3] = cpu_prepare_alloc(prepare, batches * sizeof *offsets);
    if (!offsets)
        return PERCEPT_NO_MEMORY;
    for (size_t i = 0; i < batches && m && n; i++) {
        offsets[i][0] = offset_of(y, y, i);
        offsets[i][1] = offset_of(y, a, i);
        offsets[i][2] = offset_of(y, b, i);
    }
    op->offsets = (const int64_t(*)[3])offsets;
    if (y->dtype != PRT_F32)
        return cpu_matmul_plain_prepare(prepare, op->offsets, batches, step);
    step->scratch = op->k * CPU_PANEL * sizeof(float) * prepare->threads;
    step->run = matmul_run;
    step->kernel = "matmul";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_matmul = {.supports = supports, .prepare = prepare_matmul};
