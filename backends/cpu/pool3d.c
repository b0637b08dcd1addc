/*
 * Why: the pools that pool.c does not offer: three dimensions, indices of maxima, adaptive windows,
 * own divisors, fp64 and integers. Plain loops; windows are worked out as they come.
 */
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

#include <math.h>

struct pool3d {
    struct prt_pool3d_attrs attrs;
    int64_t planes, x[3], y[3];
    enum prt_dtype dtype;
};

struct pool3d_run {
    const struct pool3d *op;
    const void *x;
    void *y;
};

/* Along one axis: the elements first, first + step, .. before end; and how many a window has that
 * counts its padding. */
struct span {
    int64_t first, end, step, padded;
};

static struct span span_of(const struct pool3d *op, int axis, int64_t at)
{
    const struct prt_pool3d_attrs *attrs = &op->attrs;
    int64_t size = op->x[axis], count = op->y[axis];
    if (attrs->adaptive) {
        int64_t first = at * size / count, end = ((at + 1) * size + count - 1) / count;
        return (struct span){first, end, 1, end - first};
    }
    int64_t step = attrs->dilation[axis], padding = attrs->padding[axis];
    int64_t start = at * attrs->stride[axis] - padding;
    int64_t end = start + (attrs->kernel[axis] - 1) * step + 1;
    int64_t edge = end < size + padding ? end : size + padding;
    int64_t skip = start < 0 ? (-start + step - 1) / step : 0;
    return (struct span){start + skip * step, end < size ? end : size, step, edge - start};
}

static int64_t count_of(const struct span *span)
{
    return span->end <= span->first ? 0 : (span->end - span->first + span->step - 1) / span->step;
}

#define EACH(span, i) (int64_t i = (span).first; i < (span).end; i += (span).step)

/* An integer is never unequal to itself, so only a NaN ends the search. */
#define MAXIMUM(name, type, least)                                                             \
    static void max_##name(const struct pool3d *op, const void *plane, void *out, size_t i,    \
                           const struct span spans[3])                                         \
    {                                                                                          \
        const type *x = plane;                                                                 \
        type best = least;                                                                     \
        int64_t where =                                                                        \
            spans[0].first * op->x[1] * op->x[2] + spans[1].first * op->x[2] + spans[2].first; \
        for                                                                                    \
            EACH(spans[0], d)                                                                  \
            for                                                                                \
            EACH(spans[1], h)                                                                  \
                for                                                                            \
            EACH(spans[2], w)                                                                  \
            {                                                                                  \
                int64_t at = (d * op->x[1] + h) * op->x[2] + w;                                \
                if (x[at] > best || x[at] != x[at]) {                                          \
                    best = x[at];                                                              \
                    where = at;                                                                \
                }                                                                              \
            }                                                                                  \
        if (op->attrs.kind == PRT_POOL3D_MAX)                                                  \
            ((type *)out)[i] = best;                                                           \
        else                                                                                   \
            ((int64_t *)out)[i] = where;                                                       \
    }
MAXIMUM(f32, float, -INFINITY)
MAXIMUM(f64, double, -HUGE_VAL)
MAXIMUM(i64, int64_t, INT64_MIN)

#define AVERAGE(name, type)                                                                     \
    static void average_##name(const struct pool3d *op, const void *plane, void *out, size_t i, \
                               const struct span spans[3])                                      \
    {                                                                                           \
        const type *x = plane;                                                                  \
        double sum = 0, count = 1;                                                              \
        for                                                                                     \
            EACH(spans[0], d)                                                                   \
            for                                                                                 \
            EACH(spans[1], h)                                                                   \
                for                                                                             \
            EACH(spans[2], w)                                                                   \
        sum += (double)x[(d * op->x[1] + h) * op->x[2] + w];                                    \
        for (int axis = 0; axis < 3; axis++)                                                    \
            count *= (double)(op->attrs.count_include_pad ? spans[axis].padded                  \
                                                          : count_of(&spans[axis]));            \
        if (op->attrs.divisor)                                                                  \
            count = (double)op->attrs.divisor;                                                  \
        ((type *)out)[i] = (type)(sum / count);                                                 \
    }
AVERAGE(f32, float)
AVERAGE(f64, double)

static void pool3d_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct pool3d_run *run = context;
    const struct pool3d *op = run->op;
    size_t each = prt_dtype_size(op->dtype), i = task * (size_t)(op->y[0] * op->y[1] * op->y[2]);
    const char *plane =
        (const char *)run->x + task * (size_t)(op->x[0] * op->x[1] * op->x[2]) * each;
    bool average = op->attrs.kind == PRT_POOL3D_AVERAGE;
    struct span spans[3];
    for (int64_t d = 0; d < op->y[0]; d++)
        for (int64_t h = 0; h < op->y[1]; h++)
            for (int64_t w = 0; w < op->y[2]; w++, i++) {
                spans[0] = span_of(op, 0, d);
                spans[1] = span_of(op, 1, h);
                spans[2] = span_of(op, 2, w);
                if (op->dtype == PRT_F32)
                    (average ? average_f32 : max_f32)(op, plane, run->y, i, spans);
                else if (op->dtype == PRT_F64)
                    (average ? average_f64 : max_f64)(op, plane, run->y, i, spans);
                else
                    max_i64(op, plane, run->y, i, spans);
            }
}

static void pool3d_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct pool3d *op = step->state;
    struct pool3d_run job = {op, run->data[step->inputs[0]], run->data[step->output]};
    size_t planes = (size_t)op->planes;
    cpu_spread(run->pool, planes * (size_t)(op->x[0] * op->x[1] * op->x[2]), CPU_GRAIN, planes,
               pool3d_task, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_tensor_is_contiguous(cpu_operand(graph, node, 0)) &&
           prt_tensor_is_contiguous(cpu_result(graph, node));
}

static enum percept_status prepare_pool3d(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0),
                            *y = cpu_result(prepare->graph, prepare->node);
    struct pool3d *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct pool3d){
        .attrs = prepare->node->attrs.pool3d, .planes = x->sizes[0], .dtype = x->dtype};
    for (int i = 0; i < 3; i++) {
        op->x[i] = x->sizes[1 + i];
        op->y[i] = y->sizes[1 + i];
    }
    step->run = pool3d_run;
    step->kernel = op->attrs.kind == PRT_POOL3D_AVERAGE ? "average pool3d" : "max pool3d";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_pool3d = {.supports = supports, .prepare = prepare_pool3d};
