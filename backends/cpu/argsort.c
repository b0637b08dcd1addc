/*
 * Why: any element type sorts as unsigned 64-bit keys in the same order, so there is one sort. It
 * is a merge sort: stable, and its time does not depend on the data.
 */
#include "backends/cpu/lines.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"
#include "base/halves.h"

#include <string.h>

struct argsort {
    int64_t outer, count, inner; /* x and y are [outer, axis, inner] */
    int64_t wanted;              /* y's size along the axis */
    enum prt_dtype dtype;
    bool descending, median;
    size_t worker_bytes;
};

struct argsort_run {
    const struct argsort *op;
    const char *x;
    int64_t *y;
    char *scratch;
};

/* ---- keys ---- */

/* Floats by sign and magnitude: negative ones count backwards. NaN comes last, zeros are equal. */
static uint64_t float_key(double x)
{
    union {
        double d;
        uint64_t u;
    } pun = {.d = x == 0 ? 0.0 : x};
    if (x != x)
        return UINT64_MAX;
    return pun.u >> 63 ? ~pun.u : pun.u | (uint64_t)1 << 63;
}

static uint64_t signed_key(int64_t x)
{
    return (uint64_t)x ^ (uint64_t)1 << 63;
}

#define KEY_CASE(dtype, type, key)                              \
    case dtype:                                                 \
        for (int64_t i = 0; i < count; i++) {                   \
            type v = ((const type *)(const void *)x)[i * step]; \
            keys[i] = (key);                                    \
        }                                                       \
        break

static void load_keys(enum prt_dtype dtype, uint64_t *keys, const char *x, int64_t count,
                      int64_t step)
{
    switch (dtype) {
        KEY_CASE(PRT_U8, uint8_t, v);
        KEY_CASE(PRT_BOOL, uint8_t, v);
        KEY_CASE(PRT_U16, uint16_t, v);
        KEY_CASE(PRT_U32, uint32_t, v);
        KEY_CASE(PRT_U64, uint64_t, v);
        KEY_CASE(PRT_I8, int8_t, signed_key(v));
        KEY_CASE(PRT_I16, int16_t, signed_key(v));
        KEY_CASE(PRT_I32, int32_t, signed_key(v));
        KEY_CASE(PRT_I64, int64_t, signed_key(v));
        KEY_CASE(PRT_F32, float, float_key((double)v));
        KEY_CASE(PRT_F64, double, float_key(v));
        KEY_CASE(PRT_F16, uint16_t, float_key((double)base_from_f16(v)));
        KEY_CASE(PRT_BF16, uint16_t, float_key((double)base_from_bf16(v)));
    }
}

/* ---- sorting ---- */

/* Sorts `index` by its keys, bottom up; gives back which of the two buffers holds the result. */
static int64_t *merge_sort(const uint64_t *keys, int64_t *index, int64_t *other, int64_t count)
{
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t start = 0; start < count; start += 2 * width) {
            int64_t middle = start + width < count ? start + width : count;
            int64_t end = middle + width < count ? middle + width : count;
            int64_t a = start, b = middle;
            for (int64_t i = start; i < end; i++) {
                bool left = a < middle && (b == end || keys[index[a]] <= keys[index[b]]);
                other[i] = left ? index[a++] : index[b++];
            }
        }
        int64_t *sorted = other;
        other = index;
        index = sorted;
    }
    return index;
}

/* NaN of a float has the one key that no number has. */
static bool is_float(enum prt_dtype dtype)
{
    return dtype == PRT_F32 || dtype == PRT_F64 || dtype == PRT_F16 || dtype == PRT_BF16;
}

static int64_t median_of(const struct argsort *op, const uint64_t *keys, const int64_t *sorted)
{
    for (int64_t i = 0; i < op->count && is_float(op->dtype); i++)
        if (keys[i] == UINT64_MAX)
            return i;
    return sorted[(op->count - 1) / 2];
}

static void argsort_task(void *context, size_t task, unsigned worker)
{
    const struct argsort_run *run = context;
    const struct argsort *op = run->op;
    int64_t outer = (int64_t)task / op->inner, inner = (int64_t)task % op->inner;
    uint64_t *keys = (uint64_t *)(void *)(run->scratch + worker * op->worker_bytes);
    int64_t *index = (int64_t *)keys + op->count, *other = index + op->count;
    const char *x =
        run->x + (size_t)(outer * op->count * op->inner + inner) * prt_dtype_size(op->dtype);
    int64_t *y = run->y + outer * op->wanted * op->inner + inner;
    load_keys(op->dtype, keys, x, op->count, op->inner);
    for (int64_t i = 0; i < op->count; i++) {
        index[i] = i;
        keys[i] = op->descending ? ~keys[i] : keys[i];
    }
    const int64_t *sorted = merge_sort(keys, index, other, op->count);
    for (int64_t i = 0; i < op->wanted && !op->median; i++)
        y[i * op->inner] = sorted[i];
    if (op->median)
        *y = median_of(op, keys, sorted);
}

static void argsort_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct argsort *op = step->state;
    struct argsort_run job = {op, run->data[step->inputs[0]], run->data[step->output],
                              run->scratch};
    size_t rows = (size_t)(op->outer * op->inner);
    if (op->count > 0)
        cpu_spread(run->pool, rows * (size_t)op->count * 16, CPU_GRAIN, rows, argsort_task, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *y = cpu_result(graph, node);
    return prt_tensor_is_contiguous(x) && prt_tensor_is_contiguous(y) &&
           !(node->attrs.argsort.median && node->attrs.argsort.descending);
}

static enum percept_status prepare_argsort(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_argsort_attrs *attrs = &prepare->node->attrs.argsort;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0),
                            *y = cpu_result(prepare->graph, prepare->node);
    struct argsort *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct argsort){
        .outer = 1,
        .count = x->sizes[attrs->axis],
        .inner = 1,
        .wanted = y->sizes[attrs->axis],
        .dtype = x->dtype,
        .descending = attrs->descending,
        .median = attrs->median,
    };
    for (int i = 0; i < x->rank; i++) {
        op->outer *= i < attrs->axis ? x->sizes[i] : 1;
        op->inner *= i > attrs->axis ? x->sizes[i] : 1;
    }
    op->worker_bytes = cpu_align64((size_t)op->count * 3 * sizeof(int64_t));
    step->scratch = op->worker_bytes * prepare->threads;
    step->run = argsort_run;
    step->kernel = "argsort";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_argsort = {.supports = supports, .prepare = prepare_argsort};
