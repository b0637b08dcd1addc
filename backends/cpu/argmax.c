/* Why: where along an axis the greatest or least element stands, whatever the type and layout. */
#include "backends/cpu/elementwise.h"

#include <math.h>

enum { TILE = 256 };

struct argmax {
    struct prt_nest kept; /* operands: y, x */
    bool least;
    int64_t count, step; /* along the axis, in elements of x */
    enum cpu_domain domain;
    cpu_load load;
    struct cpu_code code; /* the identity */
    size_t size;          /* bytes an element of x */
};

struct argmax_run {
    const struct argmax *op;
    const char *x;
    int64_t *y;
};

union numbers {
    double real[TILE];
    int64_t integer[TILE];
};

/* Where the extreme stands so far, and what it is. */
struct best {
    int64_t at; /* -1: nothing seen yet */
    double real;
    int64_t integer;
};

/* A NaN is never displaced and displaces every number. */
static void look_at_reals(struct best *best, const double *x, int64_t count, int64_t first,
                          bool least)
{
    for (int64_t i = 0; i < count && !(best->at >= 0 && isnan(best->real)); i++)
        if (best->at < 0 || isnan(x[i]) || (least ? x[i] < best->real : x[i] > best->real))
            *best = (struct best){.at = first + i, .real = x[i]};
}

static void look_at_integers(struct best *best, const int64_t *x, int64_t count, int64_t first,
                             bool least)
{
    for (int64_t i = 0; i < count; i++)
        if (best->at < 0 || (least ? x[i] < best->integer : x[i] > best->integer))
            *best = (struct best){.at = first + i, .integer = x[i]};
}

static int64_t place(const struct argmax *op, const char *x)
{
    union numbers numbers;
    struct best best = {.at = -1};
    for (int64_t first = 0; first < op->count; first += TILE) {
        int64_t rest = op->count - first, count = rest < TILE ? rest : TILE;
        op->load((size_t)count, &numbers, x + first * op->step * (int64_t)op->size, op->step,
                 &op->code);
        if (op->domain == CPU_DOMAIN_I64)
            look_at_integers(&best, numbers.integer, count, first, op->least);
        else
            look_at_reals(&best, numbers.real, count, first, op->least);
    }
    return best.at;
}

static void region(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct argmax_run *run = context;
    for (size_t r = 0; r < rows->rows; r++)
        for (size_t i = 0; i < rows->count; i++) {
            int64_t at[2];
            for (unsigned o = 0; o < 2; o++)
                at[o] = rows->offset[o] + (int64_t)r * rows->row[o] + (int64_t)i * rows->step[o];
            run->y[at[0]] = place(run->op, run->x + at[1] * (int64_t)run->op->size);
        }
}

static void argmax_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct argmax *op = step->state;
    struct argmax_run job = {op, run->data[step->inputs[0]], run->data[step->output]};
    size_t grain = CPU_GRAIN / (size_t)op->count;
    cpu_nest_run(&op->kept, grain ? grain : 1, run->pool, region, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = cpu_operand(graph, node, 0);
    return cpu_can_load(x, cpu_wide_domain(x));
}

static enum percept_status prepare_argmax(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_argmax_attrs *attrs = &prepare->node->attrs.argmax;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct argmax *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    enum cpu_domain domain = cpu_wide_domain(x);
    int64_t strides[PRT_MAX_RANK], kept[PRT_MAX_RANK] = {0};
    prt_tensor_strides(x, strides);
    for (int i = 0, at = 0; i < x->rank; i++) {
        if (i != attrs->axis)
            kept[at++] = strides[i];
        else
            at += attrs->keep_dims;
    }
    *op = (struct argmax){
        .least = attrs->least,
        .count = x->sizes[attrs->axis],
        .step = strides[attrs->axis],
        .domain = domain,
        .load = cpu_wide_load[domain][x->dtype],
        .code = cpu_code_of(x),
        .size = prt_dtype_size(x->dtype),
    };
    prt_nest_init(&op->kept, y);
    prt_nest_add_tensor(&op->kept, y);
    prt_nest_add(&op->kept, kept);
    prt_nest_finish(&op->kept);
    step->run = argmax_run;
    step->kernel = "argmax";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_argmax = {.supports = supports, .prepare = prepare_argmax};
