/* Why: what TOSA does to single integers: scales with a multiplier and a shift. */
#include "backends/cpu/integer.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/step.h"

struct rescale {
    struct prt_rescale_attrs attrs;
    enum prt_dtype from, to;
    int64_t lo, hi;
    size_t rows, columns; /* one scale a column, or one for all */
};

struct rescale_run {
    const struct rescale *op;
    const char *x;
    char *y;
    size_t rows_a_task;
};

static inline int64_t scaled(int64_t value, int64_t multiplier, unsigned shift, bool double_round)
{
    int64_t round = (int64_t)1 << (shift - 1);
    if (double_round && shift > 31)
        round += value >= 0 ? (int64_t)1 << 30 : -((int64_t)1 << 30);
    /* A product that the specification forbids wraps. */
    return (int64_t)((uint64_t)value * (uint64_t)multiplier + (uint64_t)round) >> shift;
}

/* One loop for each pair of types. */
#define RESCALE_ROW(name, from, to)                                                      \
    static void name(const struct rescale *op, const void *x, void *y)                   \
    {                                                                                    \
        const from *in = x;                                                              \
        to *out = y;                                                                     \
        const struct prt_rescale_attrs *a = &op->attrs;                                  \
        const size_t next = a->count > 1;                                                \
        for (size_t i = 0; i < op->columns; i++) {                                       \
            int64_t from_zero = (int64_t)((uint64_t)in[i] - (uint64_t)a->zero_x);        \
            int64_t v = scaled(from_zero, a->multipliers[next * i], a->shifts[next * i], \
                               a->double_round) +                                        \
                        a->zero_y;                                                       \
            v = v < op->lo ? op->lo : v;                                                 \
            out[i] = (to)(v > op->hi ? op->hi : v);                                      \
        }                                                                                \
    }
#define RESCALE_ROWS(from)                    \
    RESCALE_ROW(from##_to_int8, from, int8_t) \
    RESCALE_ROW(from##_to_int16, from, int16_t) RESCALE_ROW(from##_to_int32, from, int32_t)
RESCALE_ROWS(int8_t)
RESCALE_ROWS(uint8_t)
RESCALE_ROWS(int16_t)
RESCALE_ROWS(uint16_t)
RESCALE_ROWS(int32_t)
RESCALE_ROWS(int64_t)

typedef void (*rescale_row)(const struct rescale *op, const void *x, void *y);
#define RESCALE_TARGETS(from)                             \
    {                                                     \
        from##_to_int8, from##_to_int16, from##_to_int32, \
    }
static const rescale_row rescale_rows[][3] = {
    RESCALE_TARGETS(int8_t),  RESCALE_TARGETS(int16_t), RESCALE_TARGETS(int32_t),
    RESCALE_TARGETS(int64_t), RESCALE_TARGETS(uint8_t), RESCALE_TARGETS(uint16_t),
};

/* 8, 16, 32 and 64 bits are 0 to 3. */
static unsigned width(enum prt_dtype dtype)
{
    return (unsigned)__builtin_ctz((unsigned)prt_dtype_size(dtype));
}

static void rescale_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct rescale_run *job = context;
    const struct rescale *op = job->op;
    bool odd = op->attrs.unsigned_x && width(op->from) < 2;
    rescale_row row = rescale_rows[width(op->from) + (odd ? 4 : 0)][width(op->to)];
    size_t first = task * job->rows_a_task, last = first + job->rows_a_task;
    for (size_t r = first; r < (last < op->rows ? last : op->rows); r++)
        row(op, job->x + r * op->columns * prt_dtype_size(op->from),
            job->y + r * op->columns * prt_dtype_size(op->to));
}

static void rescale_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct rescale *op = step->state;
    struct rescale_run job = {op, run->data[step->inputs[0]], run->data[step->output], 0};
    job.rows_a_task = CPU_GRAIN / (op->columns ? op->columns : 1) + 1;
    cpu_spread(run->pool, op->rows * op->columns, CPU_GRAIN,
               (op->rows + job.rows_a_task - 1) / job.rows_a_task, rescale_task, &job);
}

static enum percept_status rescale_prepare(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    struct rescale *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    op->attrs = prepare->node->attrs.rescale;
    op->from = x->dtype;
    op->to = y->dtype;
    unsigned bits = 8 * (unsigned)prt_dtype_size(y->dtype);
    op->lo = op->attrs.unsigned_y ? 0 : -((int64_t)1 << (bits - 1));
    op->hi = ((int64_t)1 << (op->attrs.unsigned_y ? bits : bits - 1)) - 1;
    size_t elements = prt_tensor_elements(x);
    size_t chunk = op->attrs.count > 1 ? op->attrs.count : elements % 256 == 0 ? 256 : elements;
    op->columns = elements ? chunk : 0;
    op->rows = elements ? elements / chunk : 0;
    step->run = rescale_run;
    step->kernel = "rescale";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_rescale = {.supports = cpu_integer_supports,
                                       .prepare = rescale_prepare};
