/* Why: products of two tensors that a program computes. Columns of b are brought in as rows. */
#include "backends/dsp/firmware/local.h"

#include "backends/dsp/firmware/no_floats.h"

/* Columns [first, first + count) of b, each as a row. */
static const unsigned char *stage_columns(struct dsp_work *work, const struct dsp_step *step,
                                          size_t batch, size_t first, size_t count)
{
    const struct dsp_matmul *matmul = &step->as.matmul;
    size_t k = (size_t)matmul->k, n = (size_t)matmul->n;
    size_t each = (size_t)dsp_code_bytes(&matmul->code);
    unsigned char *rows = dsp_take(work, count * k * each);
    const unsigned char *b = dsp_at(work, &step->x[1], batch * each);
    if (matmul->transposed)
        return memcpy(rows, b + first * k * each, count * k * each);
    for (size_t i = 0; i < k; i++)
        for (size_t c = 0; c < count; c++)
            memcpy(rows + (c * k + i) * each, b + (i * n + first + c) * each, each);
    return rows;
}

/* In 32 bits for bytes, which is quicker. */
static int64_t product(const struct dsp_matmul *matmul, const unsigned char *a,
                       const unsigned char *b)
{
    uint32_t type = matmul->code.type;
    int32_t sum = 0;
    int64_t wide = 0;
    for (int32_t i = 0; type < DSP_I16 && i < matmul->k; i++)
        sum += (dsp_load(a, type, (size_t)i) - matmul->zero_a) *
               (dsp_load(b, type, (size_t)i) - matmul->zero_b);
    for (int32_t i = 0; type >= DSP_I16 && i < matmul->k; i++)
        wide += (int64_t)(dsp_load(a, type, (size_t)i) - matmul->zero_a) *
                (dsp_load(b, type, (size_t)i) - matmul->zero_b);
    return sum + wide;
}

static void run_batch(const struct dsp_step *step, const struct dsp_tile *plan,
                      struct dsp_work *work, size_t a, size_t b, size_t y)
{
    const struct dsp_matmul *matmul = &step->as.matmul;
    size_t m = (size_t)matmul->m, k = (size_t)matmul->k, n = (size_t)matmul->n;
    size_t most_rows = (size_t)plan->rows, most_columns = (size_t)plan->columns;
    size_t x_each = (size_t)dsp_code_bytes(&matmul->code);
    size_t each = (size_t)dsp_result_bytes(matmul->sums, &matmul->code);
    for (size_t column = 0; column < n; column += most_columns) {
        size_t columns = n - column < most_columns ? n - column : most_columns;
        work->used = 0;
        const unsigned char *right = stage_columns(work, step, b, column, columns);
        size_t kept = work->used;
        for (size_t row = 0; row < m; row += most_rows) {
            size_t rows = m - row < most_rows ? m - row : most_rows;
            work->used = kept;
            const unsigned char *left =
                dsp_stage(work, &step->x[0], (a + row * k) * x_each, rows * k * x_each);
            unsigned char *out = dsp_take(work, rows * columns * each);
            for (size_t i = 0; i < rows * columns; i++) {
                int64_t sum = product(matmul, left + i / columns * k * x_each,
                                      right + i % columns * k * x_each);
                if (matmul->sums) {
                    dsp_store_wide(out, i, sum);
                    continue;
                }
                int64_t v =
                    dsp_round_product(sum, matmul->scale.multiplier, 0, matmul->scale.shift);
                dsp_store(out, matmul->code.type, i,
                          dsp_code_of(v, matmul->code.zero, matmul->code.lo, matmul->code.hi));
            }
            for (size_t r = 0; r < rows; r++)
                memcpy(dsp_at(work, &step->y, (y + (row + r) * n + column) * each),
                       out + r * columns * each, columns * each);
        }
    }
}

void dsp_run_matmul(const struct dsp_step *step, const struct dsp_tile *plan, struct dsp_work *work)
{
    const struct dsp_matmul *matmul = &step->as.matmul;
    size_t batches = 1, size = (size_t)matmul->m * (size_t)matmul->n;
    for (uint32_t i = 0; i < matmul->loops; i++)
        batches *= (size_t)matmul->sizes[i];
    for (size_t batch = 0; batch < batches; batch++) {
        size_t rest = batch, from[2] = {0};
        for (uint32_t i = matmul->loops; i-- > 0; rest /= (size_t)matmul->sizes[i])
            for (int o = 0; o < 2; o++)
                from[o] += rest % (size_t)matmul->sizes[i] * (size_t)matmul->strides[o][i];
        run_batch(step, plan, work, from[0], from[1], batch * size);
    }
}
