/* Why: RANGE counts, in int64 or double as PyTorch's arange, so that element i has one rounding. */
#include "backends/cpu/elementwise.h"

enum { TILE = 256 };

struct range {
    size_t count, size; /* elements; bytes each */
    enum cpu_domain domain;
    cpu_store store;
    struct cpu_code code;
    double start, step;
    int64_t whole_start, whole_step;
};

static void range_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct range *op = step->state;
    char *y = run->data[step->output];
    for (size_t first = 0; first < op->count; first += TILE) {
        size_t rest = op->count - first, count = rest < TILE ? rest : TILE;
        double reals[TILE];
        int64_t integers[TILE];
        for (size_t i = 0; i < count; i++) {
            reals[i] = op->start + (double)(first + i) * op->step;
            /* Wraps around, as all integers do. */
            integers[i] =
                (int64_t)((uint64_t)op->whole_start + (first + i) * (uint64_t)op->whole_step);
        }
        op->store(count, y + first * op->size, 1,
                  op->domain == CPU_DOMAIN_I64 ? (const void *)integers : (const void *)reals,
                  &op->code);
    }
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *y = cpu_result(graph, node);
    return cpu_can_store(y, cpu_wide_domain(y));
}

static double real_of(const struct prt_value *value)
{
    return value->kind == PRT_VALUE_DOUBLE ? value->d
           : value->kind == PRT_VALUE_INT  ? (double)value->i
                                           : (double)value->b;
}

static int64_t integer_of(const struct prt_value *value)
{
    return value->kind == PRT_VALUE_INT ? value->i : cpu_to_i64(real_of(value));
}

static enum percept_status prepare_range(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    const struct prt_value *start = &prepare->graph->values[prepare->node->inputs[0]];
    const struct prt_value *by = &prepare->graph->values[prepare->node->inputs[1]];
    struct range *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    enum cpu_domain domain = cpu_wide_domain(y);
    *op = (struct range){
        .count = prt_tensor_elements(y),
        .size = prt_dtype_size(y->dtype),
        .domain = domain,
        .store = cpu_wide_store[domain][y->dtype],
        .code = cpu_code_of(y),
        .start = real_of(start),
        .step = real_of(by),
        .whole_start = integer_of(start),
        .whole_step = integer_of(by),
    };
    step->run = range_run;
    step->kernel = "range";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_range = {.supports = supports, .prepare = prepare_range};
