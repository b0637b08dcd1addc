/* Why: products of matrices in the types that nobody needs fast: fp64 and int64, which wraps. */
#include "backends/cpu/matmul_plain.h"

struct matmul_plain {
    size_t m, n, k, batches;
    int64_t b_row, b_column;
    enum prt_dtype dtype;
    const int64_t (*offsets)[3];
};

struct plain_run {
    const struct matmul_plain *op;
    const void *a, *b;
    void *y;
};

/* Row by row of b when it lies so, which keeps the innermost loop on memory that follows. */
#define PLAIN(name, type)                                                              \
    static void row_##name(void *context, size_t task, unsigned worker)                \
    {                                                                                  \
        (void)worker;                                                                  \
        const struct plain_run *run = context;                                         \
        const struct matmul_plain *op = run->op;                                       \
        const int64_t *offset = op->offsets[task / op->m];                             \
        size_t row = task % op->m;                                                     \
        type *y = (type *)run->y + offset[0] + (int64_t)(row * op->n);                 \
        const type *a = (const type *)run->a + offset[1] + (int64_t)(row * op->k);     \
        for (size_t j = 0; j < op->n; j++)                                             \
            y[j] = 0;                                                                  \
        for (size_t i = 0; i < op->k; i++) {                                           \
            const type *b = (const type *)run->b + offset[2] + (int64_t)i * op->b_row; \
            for (size_t j = 0; j < op->n; j++)                                         \
                y[j] += a[i] * b[(int64_t)j * op->b_column];                           \
        }                                                                              \
    }
PLAIN(f64, double)
PLAIN(u64, uint64_t)

static void plain_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct matmul_plain *op = step->state;
    struct plain_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                            run->data[step->output]};
    size_t rows = op->batches * op->m;
    cpu_spread(run->pool, rows * op->n * (op->k / 4 + 1), CPU_GRAIN, rows,
               op->dtype == PRT_F64 ? row_f64 : row_u64, &job);
}

enum percept_status cpu_matmul_plain_prepare(const struct cpu_prepare *prepare,
                                             const int64_t (*offsets)[3], size_t batches,
                                             struct cpu_step *step)
{
    const struct prt_tensor *a = cpu_operand(prepare->graph, prepare->node, 0),
                            *b = cpu_operand(prepare->graph, prepare->node, 1),
                            *y = cpu_result(prepare->graph, prepare->node);
    struct matmul_plain *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    bool transposed = prepare->node->attrs.matmul.transpose_b;
    int64_t width = b->sizes[b->rank - 1];
    *op = (struct matmul_plain){
        .m = (size_t)y->sizes[y->rank - 2],
        .n = (size_t)y->sizes[y->rank - 1],
        .k = (size_t)a->sizes[a->rank - 1],
        .batches = batches,
        .b_row = transposed ? 1 : width,
        .b_column = transposed ? width : 1,
        .dtype = y->dtype,
        .offsets = offsets,
    };
    step->run = plain_run;
    step->kernel = "matmul plain";
    step->state = op;
    return PERCEPT_OK;
}
