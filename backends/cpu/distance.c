/* Why: p-norms of the differences between all rows of two matrices. */
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

#include <math.h>

struct distance {
    size_t batches, rows, columns, length; /* y is [batches, rows, columns] */
    double p;
    enum prt_dtype dtype;
};

struct distance_run {
    const struct distance *op;
    const void *a, *b;
    void *y;
};

static double norm_add(double sum, double difference, double p)
{
    if (p == 0)
        return sum + (difference != 0);
    if (p == 1)
        return sum + difference;
    if (p == 2)
        return sum + difference * difference;
    if (isinf(p))
        return difference > sum || isnan(difference) ? difference : sum;
    return sum + pow(difference, p);
}

static double norm_end(double sum, double p)
{
    if (p == 2)
        return sqrt(sum);
    return p == 0 || p == 1 || isinf(p) ? sum : pow(sum, 1 / p);
}

#define DISTANCE(name, type)                                                                    \
    static void row_##name(void *context, size_t task, unsigned worker)                         \
    {                                                                                           \
        (void)worker;                                                                           \
        const struct distance_run *run = context;                                               \
        const struct distance *op = run->op;                                                    \
        const type *a = (const type *)run->a + task * op->length;                               \
        const type *b = (const type *)run->b + task / op->rows * op->columns * op->length;      \
        type *y = (type *)run->y + task * op->columns;                                          \
        for (size_t j = 0; j < op->columns; j++) {                                              \
            double sum = 0;                                                                     \
            for (size_t i = 0; i < op->length; i++)                                             \
                sum = norm_add(sum, fabs((double)a[i] - (double)b[j * op->length + i]), op->p); \
            y[j] = (type)norm_end(sum, op->p);                                                  \
        }                                                                                       \
    }
DISTANCE(f32, float)
DISTANCE(f64, double)

static void distance_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct distance *op = step->state;
    struct distance_run job = {op, run->data[step->inputs[0]], run->data[step->inputs[1]],
                               run->data[step->output]};
    size_t rows = op->batches * op->rows;
    cpu_spread(run->pool, rows * op->columns * (op->length + 4), CPU_GRAIN, rows,
               op->dtype == PRT_F32 ? row_f32 : row_f64, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    return prt_tensor_is_contiguous(cpu_operand(graph, node, 0)) &&
           prt_tensor_is_contiguous(cpu_operand(graph, node, 1)) &&
           prt_tensor_is_contiguous(cpu_result(graph, node));
}

static enum percept_status prepare_distance(const struct cpu_prepare *prepare,
                                            struct cpu_step *step)
{
    const struct prt_tensor *a = cpu_operand(prepare->graph, prepare->node, 0),
                            *y = cpu_result(prepare->graph, prepare->node);
    struct distance *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct distance){
        .batches = 1,
        .rows = (size_t)y->sizes[y->rank - 2],
        .columns = (size_t)y->sizes[y->rank - 1],
        .length = (size_t)a->sizes[a->rank - 1],
        .p = prepare->node->attrs.distance.p,
        .dtype = a->dtype,
    };
    for (unsigned i = 0; i + 2 < y->rank; i++)
        op->batches *= (size_t)y->sizes[i];
    step->run = distance_run;
    step->kernel = "distance";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_distance = {.supports = supports, .prepare = prepare_distance};
