/* Why: running sums along one axis, in double or int64, the other axes spread over the pool. */
#include "backends/cpu/elementwise.h"

enum { TILE = 256 };

struct cumsum {
    struct prt_nest lanes; /* operands: y, x; the axis has size 1 here */
    int64_t count, y_step, x_step;
    enum cpu_domain domain;
    cpu_load load;
    cpu_store store;
    struct cpu_code code; /* the identity */
    size_t size;          /* bytes an element */
};

struct cumsum_run {
    const struct cumsum *op;
    const char *x;
    char *y;
};

static void sum_lane(const struct cumsum *op, char *y, const char *x)
{
    union {
        double real[TILE];
        int64_t integer[TILE];
    } numbers;
    double real = 0;
    uint64_t integer = 0; /* wraps around */
    for (int64_t first = 0; first < op->count; first += TILE) {
        int64_t rest = op->count - first, count = rest < TILE ? rest : TILE;
        op->load((size_t)count, &numbers, x + first * op->x_step * (int64_t)op->size, op->x_step,
                 &op->code);
        if (op->domain == CPU_DOMAIN_I64)
            for (int64_t i = 0; i < count; i++)
                numbers.integer[i] = (int64_t)(integer += (uint64_t)numbers.integer[i]);
        else
            for (int64_t i = 0; i < count; i++)
                numbers.real[i] = real += numbers.real[i];
        op->store((size_t)count, y + first * op->y_step * (int64_t)op->size, op->y_step, &numbers,
                  &op->code);
    }
}

static void region(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct cumsum_run *run = context;
    for (size_t r = 0; r < rows->rows; r++)
        for (size_t i = 0; i < rows->count; i++) {
            int64_t at[2];
            for (unsigned o = 0; o < 2; o++)
                at[o] = rows->offset[o] + (int64_t)r * rows->row[o] + (int64_t)i * rows->step[o];
            sum_lane(run->op, run->y + at[0] * (int64_t)run->op->size,
                     run->x + at[1] * (int64_t)run->op->size);
        }
}

static void cumsum_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct cumsum *op = step->state;
    struct cumsum_run job = {op, run->data[step->inputs[0]], run->data[step->output]};
    size_t grain = op->count ? CPU_GRAIN / (size_t)op->count : 1;
    cpu_nest_run(&op->lanes, grain ? grain : 1, run->pool, region, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *y = cpu_result(graph, node);
    enum cpu_domain domain = cpu_wide_domain(x);
    return cpu_can_load(x, domain) && cpu_can_store(y, domain);
}

static enum percept_status prepare_cumsum(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    int32_t axis = prepare->node->attrs.cumsum.axis;
    struct cumsum *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    enum cpu_domain domain = cpu_wide_domain(x);
    struct prt_tensor lanes = *y;
    int64_t x_strides[PRT_MAX_RANK], y_strides[PRT_MAX_RANK];
    prt_tensor_strides(x, x_strides);
    prt_tensor_strides(y, y_strides);
    lanes.sizes[axis] = 1;
    *op = (struct cumsum){
        .count = x->sizes[axis],
        .y_step = y_strides[axis],
        .x_step = x_strides[axis],
        .domain = domain,
        .load = cpu_wide_load[domain][x->dtype],
        .store = cpu_wide_store[domain][y->dtype],
        .code = cpu_code_of(y),
        .size = prt_dtype_size(x->dtype),
    };
    prt_nest_init(&op->lanes, &lanes);
    prt_nest_add(&op->lanes, y_strides);
    prt_nest_add(&op->lanes, x_strides);
    prt_nest_finish(&op->lanes);
    step->run = cumsum_run;
    step->kernel = "cumsum";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_cumsum = {.supports = supports, .prepare = prepare_cumsum};
