/*
 * Why: sums, means and extremes over any dimensions of any layout. Kept and reduced dimensions are
 * two loop nests; a tile of kept elements is accumulated in double, over runs that are loaded into
 * the op's domain.
 */
#include "backends/cpu/elementwise.h"

#include <math.h>
#include <string.h>

struct reduce {
    struct prt_nest kept;    /* operands: y, x */
    struct prt_nest reduced; /* operand: x */
    enum prt_reduce_kind kind;
    enum cpu_domain domain;
    bool along;   /* the innermost reduced loop is dense: fold runs of it instead */
    double share; /* of a mean; else 1 */
    const struct cpu_loops *loops;
    cpu_load load;
    cpu_store store;
    struct cpu_code from, to;
    size_t x_size, y_size;
};

struct reduce_run {
    const struct reduce *op;
    const char *x;
    char *y;
};

/* Accumulators of a tile: double for real domains, int64 for integers. */
union sums {
    double real[256];
    int64_t integer[256];
};
enum { TILE = 256 };

union numbers {
    float single[TILE];
    double real[TILE];
    int64_t integer[TILE];
};

static double combine(enum prt_reduce_kind kind, double a, double b)
{
    if (kind == PRT_REDUCE_MAX)
        return a > b || isnan(a) ? a : b;
    if (kind == PRT_REDUCE_MIN)
        return a < b || isnan(a) ? a : b;
    return kind == PRT_REDUCE_PROD ? a * b : a + b;
}

static int64_t combine_integers(enum prt_reduce_kind kind, int64_t a, int64_t b)
{
    if (kind == PRT_REDUCE_MAX)
        return a > b ? a : b;
    if (kind == PRT_REDUCE_MIN)
        return a < b ? a : b;
    uint64_t p = (uint64_t)a, q = (uint64_t)b; /* wraps around */
    return (int64_t)(kind == PRT_REDUCE_PROD ? p * q : p + q);
}

static void start(const struct reduce *op, size_t count, union sums *sums)
{
    double real = op->kind == PRT_REDUCE_MAX    ? -HUGE_VAL
                  : op->kind == PRT_REDUCE_MIN  ? HUGE_VAL
                  : op->kind == PRT_REDUCE_PROD ? 1
                                                : 0;
    int64_t integer = op->kind == PRT_REDUCE_MAX    ? INT64_MIN
                      : op->kind == PRT_REDUCE_MIN  ? INT64_MAX
                      : op->kind == PRT_REDUCE_PROD ? 1
                                                    : 0;
    for (size_t i = 0; i < count; i++)
        if (op->domain == CPU_DOMAIN_I64)
            sums->integer[i] = integer;
        else
            sums->real[i] = real;
}

/* sums[i] op= numbers[i] */
static void accumulate(const struct reduce *op, size_t count, union sums *sums,
                       const union numbers *numbers)
{
    if (op->domain == CPU_DOMAIN_F32)
        op->loops->accumulate[op->kind](count, sums->real, numbers->single);
    for (size_t i = 0; i < count && op->domain == CPU_DOMAIN_F64; i++)
        sums->real[i] = combine(op->kind, sums->real[i], numbers->real[i]);
    for (size_t i = 0; i < count && op->domain == CPU_DOMAIN_I64; i++)
        sums->integer[i] = combine_integers(op->kind, sums->integer[i], numbers->integer[i]);
}

/* sums[at] op= all of numbers */
static void fold(const struct reduce *op, size_t count, union sums *sums, size_t at,
                 const union numbers *numbers)
{
    if (op->domain == CPU_DOMAIN_F32)
        sums->real[at] = op->loops->fold[op->kind](count, sums->real[at], numbers->single);
    for (size_t i = 0; i < count && op->domain == CPU_DOMAIN_F64; i++)
        sums->real[at] = combine(op->kind, sums->real[at], numbers->real[i]);
    for (size_t i = 0; i < count && op->domain == CPU_DOMAIN_I64; i++)
        sums->integer[at] = combine_integers(op->kind, sums->integer[at], numbers->integer[i]);
}

struct tile_run {
    const struct reduce_run *run;
    const char *x; /* element of the tile's first sum, reduced indices 0 */
    size_t count;
    int64_t step; /* from sum to sum, in elements of x */
    union sums *sums;
};

/* One region of the reduced loops, for all sums of the tile. */
static void reduce_region(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct tile_run *tile = context;
    const struct reduce *op = tile->run->op;
    int64_t size = (int64_t)op->x_size;
    union numbers numbers;
    for (size_t r = 0; r < rows->rows; r++) {
        const char *row = tile->x + (rows->offset[0] + (int64_t)r * rows->row[0]) * size;
        if (!op->along) {
            for (size_t i = 0; i < rows->count; i++) {
                op->load(tile->count, &numbers, row + (int64_t)i * rows->step[0] * size, tile->step,
                         &op->from);
                accumulate(op, tile->count, tile->sums, &numbers);
            }
            continue;
        }
        for (size_t k = 0; k < tile->count; k++)
            for (size_t i = 0; i < rows->count; i += TILE) {
                size_t rest = rows->count - i, count = rest < TILE ? rest : TILE;
                op->load(count, &numbers,
                         row + ((int64_t)k * tile->step + (int64_t)i * rows->step[0]) * size,
                         rows->step[0], &op->from);
                fold(op, count, tile->sums, k, &numbers);
            }
    }
}

static void finish(const struct reduce *op, size_t count, const union sums *sums, char *y)
{
    union numbers numbers;
    for (size_t i = 0; i < count; i++)
        if (op->domain == CPU_DOMAIN_F32)
            numbers.single[i] = (float)(sums->real[i] * op->share);
        else if (op->domain == CPU_DOMAIN_F64)
            numbers.real[i] = sums->real[i] * op->share;
        else
            numbers.integer[i] = sums->integer[i];
    op->store(count, y, 1, &numbers, &op->to);
}

static void kept_region(const void *context, const struct cpu_rows *rows, unsigned worker)
{
    (void)worker;
    const struct reduce_run *run = context;
    const struct reduce *op = run->op;
    union sums sums;
    struct tile_run tile = {.run = run, .step = rows->step[1], .sums = &sums};
    for (size_t r = 0; r < rows->rows; r++)
        for (size_t i = 0; i < rows->count; i += TILE) {
            size_t rest = rows->count - i;
            tile.count = rest < TILE ? rest : TILE;
            tile.x = run->x +
                     (rows->offset[1] + (int64_t)r * rows->row[1] + (int64_t)i * rows->step[1]) *
                         (int64_t)op->x_size;
            start(op, tile.count, &sums);
            cpu_nest_run(&op->reduced, CPU_GRAIN, NULL, reduce_region, &tile);
            finish(op, tile.count, &sums,
                   run->y + (rows->offset[0] + (int64_t)r * rows->row[0] + (int64_t)i) *
                                (int64_t)op->y_size);
        }
}

static void reduce_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct reduce *op = step->state;
    struct reduce_run job = {op, run->data[step->inputs[0]], run->data[step->output]};
    size_t each = 1;
    for (unsigned i = 0; i < op->reduced.rank; i++)
        each *= (size_t)op->reduced.sizes[i];
    size_t grain = CPU_GRAIN / each;
    cpu_nest_run(&op->kept, grain ? grain : 1, run->pool, kept_region, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    enum cpu_domain domain = cpu_domain_of(graph, node);
    if (domain == CPU_DOMAIN_I64 && node->attrs.reduce.kind == PRT_REDUCE_MEAN)
        return false;
    return cpu_elementwise_supports(graph, node, domain);
}

static enum percept_status prepare_reduce(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_reduce_attrs *attrs = &prepare->node->attrs.reduce;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct reduce *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    enum cpu_domain domain = cpu_domain_of(prepare->graph, prepare->node);
    bool single = domain == CPU_DOMAIN_F32;
    *op = (struct reduce){
        .kind = attrs->kind,
        .domain = domain,
        .share = 1,
        .loops = prepare->loops,
        .load = single ? prepare->loops->load[x->dtype] : cpu_wide_load[domain][x->dtype],
        .store = single ? prepare->loops->store[y->dtype] : cpu_wide_store[domain][y->dtype],
        .from = cpu_code_of(x),
        .to = cpu_code_of(y),
        .x_size = prt_dtype_size(x->dtype),
        .y_size = prt_dtype_size(y->dtype),
    };
    /* x's strides along y's dimensions; and a shape of the reduced dimensions alone. */
    int64_t strides[PRT_MAX_RANK], kept[PRT_MAX_RANK] = {0};
    struct prt_tensor reduced = *x;
    prt_tensor_strides(x, strides);
    unsigned at = 0;
    double elements = 1;
    for (unsigned i = 0; i < x->rank; i++) {
        if (attrs->axes >> i & 1) {
            elements *= x->sizes[i];
            at += attrs->keep_dims;
        } else {
            reduced.sizes[i] = 1;
            kept[at++] = strides[i];
        }
    }
    if (attrs->kind == PRT_REDUCE_MEAN)
        op->share = 1 / elements;
    prt_nest_init(&op->kept, y);
    prt_nest_add_tensor(&op->kept, y);
    prt_nest_add(&op->kept, kept);
    prt_nest_finish(&op->kept);
    prt_nest_init(&op->reduced, &reduced);
    prt_nest_add(&op->reduced, strides);
    prt_nest_finish(&op->reduced);
    op->along = op->reduced.strides[0][op->reduced.rank - 1] == 1;
    step->run = reduce_run;
    step->kernel = "reduce";
    step->state = op;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_reduce = {.supports = supports, .prepare = prepare_reduce};
