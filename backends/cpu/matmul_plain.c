/* Why: products of matrices in the types that nobody needs fast: fp64 and int64, which wraps, and
 * codes of 8 bits, which other backends are fast at and may leave to this one. */
#include "backends/cpu/matmul_plain.h"

#include <math.h>

struct matmul_plain {
    size_t m, n, k, batches;
    int64_t b_row, b_column;
    enum prt_dtype dtype;
    const int64_t (*offsets)[3];
    int32_t zero_a, zero_b, zero_y; /* of codes */
    float scale;                    /* of a product, in steps of y */
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

/* A sum of codes is exact; then it is rounded as CONV2D rounds (conv.h). */
#define CODES(name, type, lo, hi)                                                         \
    static void row_##name(void *context, size_t task, unsigned worker)                   \
    {                                                                                     \
        (void)worker;                                                                     \
        const struct plain_run *run = context;                                            \
        const struct matmul_plain *op = run->op;                                          \
        const int64_t *offset = op->offsets[task / op->m];                                \
        size_t row = task % op->m;                                                        \
        type *y = (type *)run->y + offset[0] + (int64_t)(row * op->n);                    \
        const type *a = (const type *)run->a + offset[1] + (int64_t)(row * op->k);        \
        for (size_t j = 0; j < op->n; j++) {                                              \
            const type *b = (const type *)run->b + offset[2] + (int64_t)j * op->b_column; \
            int64_t sum = 0;                                                              \
            for (size_t i = 0; i < op->k; i++)                                            \
                sum += (a[i] - op->zero_a) * (b[(int64_t)i * op->b_row] - op->zero_b);    \
            float code = rintf((float)sum * op->scale) + (float)op->zero_y;               \
            y[j] = (type)(code < (lo) ? (lo) : code > (hi) ? (hi) : code);                \
        }                                                                                 \
    }
CODES(i8, int8_t, -128, 127)
CODES(u8, uint8_t, 0, 255)

static void plain_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct matmul_plain *op = step->state;
    struct plain_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                            run->data[step->output]};
    size_t rows = op->batches * op->m;
    cpu_spread(run->pool, rows * op->n * (op->k / 4 + 1), CPU_GRAIN, rows,
               op->dtype == PRT_F64  ? row_f64
               : op->dtype == PRT_I8 ? row_i8
               : op->dtype == PRT_U8 ? row_u8
                                     : row_u64,
               &job);
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
        .zero_a = a->quant.zero_point,
        .zero_b = b->quant.zero_point,
        .zero_y = y->quant.zero_point,
        .scale = a->quant.scale * b->quant.scale / y->quant.scale,
    };
    step->run = plain_run;
    step->kernel = "matmul plain";
    step->state = op;
    return PERCEPT_OK;
}
