/* Why: sums, means or maxima of the rows of a table, a bag of rows at a time. Which rows make a bag
 * comes with the data, so that both the rows and the bags are checked here. */
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

#include <math.h>

struct bags {
    struct prt_bag_attrs attrs;
    int64_t rows, width, indices, offsets, bags;
    bool wide_indices, wide_offsets, weighted;
    enum prt_dtype dtype;
    const char *name;
};

struct bags_run {
    const struct bags *op;
    const void *table, *indices, *offsets, *weights;
    void *y;
    struct cpu_fault *fault;
};

/* The indices of bag b, from *first to before *end; false when the offsets are out of order. */
static bool bag_range(const struct bags_run *run, int64_t b, int64_t *first, int64_t *end)
{
    const struct bags *op = run->op;
    *first = cpu_read_index(run->offsets, op->wide_offsets, b);
    *end =
        b + 1 < op->offsets ? cpu_read_index(run->offsets, op->wide_offsets, b + 1) : op->indices;
    if (*first >= 0 && *first <= *end && *end <= op->indices)
        return true;
    bool first_wrong = *first < 0 || *first > op->indices;
    cpu_fault_index(run->fault, op->name, first_wrong ? *first : *end, op->indices);
    return false;
}

/* Does index i count, and of which row is it? One outside of the table is a fault. */
static bool row_at(const struct bags_run *run, int64_t i, int64_t *row)
{
    const struct bags *op = run->op;
    *row = cpu_read_index(run->indices, op->wide_indices, i);
    if (*row >= 0 && *row < op->rows)
        return *row != op->attrs.padding;
    cpu_fault_index(run->fault, op->name, *row, op->rows);
    return false;
}

/* An element of the bag's result: its column of the rows, in the bag's way. */
#define BAG(name, type)                                                                        \
    static void fold_##name(const struct bags_run *run, int64_t b, const int64_t range[2],     \
                            int64_t counted)                                                   \
    {                                                                                          \
        const struct bags *op = run->op;                                                       \
        type *y = (type *)run->y + b * op->width;                                              \
        for (int64_t c = 0; c < op->width; c++) {                                              \
            bool is_max = op->attrs.mode == PRT_BAG_MAX;                                       \
            double result = is_max && counted ? -HUGE_VAL : 0;                                 \
            for (int64_t i = range[0]; i < range[1]; i++) {                                    \
                int64_t row;                                                                   \
                if (!row_at(run, i, &row))                                                     \
                    continue;                                                                  \
                double x = (double)((const type *)run->table)[row * op->width + c];            \
                if (op->weighted)                                                              \
                    x *= (double)((const type *)run->weights)[i];                              \
                result = !is_max ? result + x : x > result || isnan(x) ? x : result;           \
            }                                                                                  \
            y[c] = (type)(op->attrs.mode == PRT_BAG_MEAN && counted ? result / (double)counted \
                                                                    : result);                 \
        }                                                                                      \
    }
BAG(f32, float)
BAG(f64, double)

static void bag_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct bags_run *run = context;
    const struct bags *op = run->op;
    int64_t range[2], counted = 0;
    if (!bag_range(run, (int64_t)task, &range[0], &range[1]))
        return;
    for (int64_t i = range[0], row; i < range[1]; i++)
        counted += row_at(run, i, &row);
    if ((int64_t)task == op->bags - 1 && op->attrs.mode == PRT_BAG_MEAN)
        counted += op->indices - range[1];
    (op->dtype == PRT_F32 ? fold_f32 : fold_f64)(run, (int64_t)task, range, counted);
}

static void bags_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct bags *op = step->state;
    struct bags_run job = {op,
                           run->data[step->inputs[0]],
                           run->data[step->inputs[1]],
                           run->data[step->inputs[2]],
                           op->weighted ? run->data[step->inputs[3]] : NULL,
                           run->data[step->output],
                           run->fault};
    cpu_spread(run->pool, (size_t)((op->indices + op->bags) * op->width), CPU_GRAIN,
               (size_t)op->bags, bag_task, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    for (unsigned i = 0; i < 4; i++)
        if (cpu_operand(graph, node, i) && !prt_tensor_is_contiguous(cpu_operand(graph, node, i)))
            return false;
    return prt_tensor_is_contiguous(cpu_result(graph, node));
}

static enum percept_status prepare_bags(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_graph *graph = prepare->graph;
    const struct prt_node *node = prepare->node;
    const struct prt_tensor *table = cpu_operand(graph, node, 0),
                            *indices = cpu_operand(graph, node, 1),
                            *offsets = cpu_operand(graph, node, 2), *y = cpu_result(graph, node);
    struct bags *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    *op = (struct bags){
        .attrs = node->attrs.bag,
        .rows = table->sizes[0],
        .width = table->sizes[1],
        .indices = indices->sizes[0],
        .offsets = offsets->sizes[0],
        .bags = y->sizes[0],
        .wide_indices = indices->dtype == PRT_I64,
        .wide_offsets = offsets->dtype == PRT_I64,
        .weighted = cpu_operand(graph, node, 3) != NULL,
        .dtype = table->dtype,
        .name = node->name,
    };
    step->run = bags_run;
    step->kernel = "embedding bag";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_embedding_bag = {.supports = supports, .prepare = prepare_bags};
