/*
 * Why: sums and prelus are between every two convolutions of the int8 networks, and in fp32 they
 * took as long as those.
 */
#include "backends/cpu/codes.h"

#include "backends/cpu/loops.h"
#include "backends/cpu/nest.h"

#include <math.h>

struct codes {
    size_t rows, count; /* of a sum: one row */
    unsigned type;      /* CPU_I8, CPU_U8 */
    bool sum;
    struct cpu_fixed fixed;
    const struct cpu_multiplier *below; /* of a prelu: multiplier of each column below zero */
    const struct cpu_loops *loops;
};

/* ---- running ---- */

struct codes_run {
    const struct codes *op;
    const uint8_t *a, *b;
    uint8_t *y;
    size_t chunk; /* rows of a prelu, elements of a sum */
};

static void codes_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct codes_run *run = context;
    const struct codes *op = run->op;
    size_t total = op->sum ? op->count : op->rows, first = task * run->chunk;
    size_t size = total - first < run->chunk ? total - first : run->chunk;
    size_t at = op->sum ? first : first * op->count;
    if (op->sum)
        op->loops->add_codes[op->type](size, run->y + at, run->a + at, run->b + at, &op->fixed);
    else
        op->loops->prelu_codes[op->type](size, op->count, run->y + at, run->a + at, op->below,
                                         &op->fixed);
}

static void codes_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct codes *op = step->state;
    size_t units = op->rows * op->count, total = op->sum ? op->count : op->rows;
    struct codes_run job = {.op = op, .a = run->data[step->inputs[0]]};
    job.b = op->sum ? run->data[step->inputs[1]] : NULL;
    job.y = run->data[step->output];
    if (units == 0)
        return;
    /* Bytes, several a nanosecond: few are not worth a wake-up. */
    job.chunk = 4 * CPU_GRAIN / (op->sum ? 1 : op->count) + 1;
    cpu_spread(run->pool, units, 4 * CPU_GRAIN, (total + job.chunk - 1) / job.chunk, codes_task,
               &job);
}

/* ---- preparing ---- */

static bool is_code(const struct prt_tensor *tensor, const struct prt_tensor *y)
{
    return tensor && tensor->quant.kind == PRT_QUANT_PER_TENSOR && tensor->dtype == y->dtype &&
           prt_tensor_same_sizes(tensor, y) && prt_tensor_same_layout(tensor, y);
}

/* The fraction that leaves multipliers for ratios up to `most` 21 bits: products with a difference
 * of codes, two of them and a half fit in 32. */
static bool choose_shift(double most, struct cpu_fixed *fixed)
{
    int exponent;
    if (!(most > 0 && most < 256))
        return false;
    frexp(most, &exponent); /* most < 2^exponent */
    fixed->shift = 21 - exponent;
    fixed->bias = (int32_t)(1U << (fixed->shift - 1));
    return fixed->shift <= 30;
}

static int32_t in_fixed_point(double ratio, const struct cpu_fixed *fixed)
{
    return (int32_t)rint(ldexp(ratio, fixed->shift));
}

static struct cpu_multiplier multiplier_of(int32_t fixed)
{
    return (struct cpu_multiplier){.low = (int16_t)(fixed & (CPU_MULTIPLIER_UNIT - 1)),
                                   .high = (int16_t)(fixed >> CPU_MULTIPLIER_BITS)};
}

static void bound(const struct prt_tensor *y, const struct prt_activation *act,
                  struct cpu_fixed *fixed)
{
    double least = y->dtype == PRT_U8 ? 0 : -128, lo = least, hi = least + 255;
    if (act && act->kind == PRT_ACT_CLAMP) {
        double scale = (double)y->quant.scale, zero = y->quant.zero_point;
        lo = fmin(fmax(rint((double)act->lo / scale) + zero, lo), hi);
        hi = fmin(fmax(rint((double)act->hi / scale) + zero, least), hi);
    }
    fixed->result_zero = y->quant.zero_point;
    fixed->lo = (int32_t)lo;
    fixed->hi = (int32_t)hi;
}

static bool prepare_sum(const struct cpu_prepare *prepare, struct codes *op)
{
    const struct prt_binary_attrs *attrs = &prepare->node->attrs.binary;
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    double ratio[2], most = 0;
    if (attrs->kind != PRT_BINARY_ADD && attrs->kind != PRT_BINARY_SUB)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, i);
        if (!is_code(x, y))
            return false;
        ratio[i] = (double)x->quant.scale / (double)y->quant.scale;
        ratio[i] *= i == 0 ? 1 : attrs->kind == PRT_BINARY_SUB ? -attrs->alpha : attrs->alpha;
        if (!isfinite(ratio[i]))
            return false;
        most = fmax(most, fabs(ratio[i]));
    }
    if (!choose_shift(most, &op->fixed))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, i);
        int32_t multiplier = in_fixed_point(ratio[i], &op->fixed);
        op->fixed.multiplier[i] = multiplier_of(multiplier);
        op->fixed.bias -= multiplier * x->quant.zero_point;
    }
    bound(y, &attrs->act, &op->fixed);
    op->rows = 1;
    op->count = prt_tensor_elements(y);
    return true;
}

/* The dimension whose neighbours are neighbours in memory; -1 when all are of size 1. */
static int innermost(const struct prt_tensor *tensor)
{
    for (int i = tensor->rank - 1; i >= 0; i--)
        if (tensor->sizes[tensor->dim_order[i]] != 1)
            return tensor->dim_order[i];
    return -1;
}

static enum percept_status prepare_prelu(const struct cpu_prepare *prepare, struct codes *op,
                                         bool *taken)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0),
                            *slope = cpu_operand(prepare->graph, prepare->node, 1),
                            *y = cpu_result(prepare->graph, prepare->node);
    const struct prt_value *value = &prepare->graph->values[prepare->node->inputs[1]];
    int axis = prepare->node->attrs.prelu.nhwc ? 3 : 1;
    if (!is_code(x, y) || innermost(y) != axis || slope->dtype != PRT_F32 ||
        !(value->flags & PRT_FLAG_CONSTANT))
        return PERCEPT_OK;
    op->count = (size_t)y->sizes[axis];
    op->rows = prt_tensor_elements(y) / op->count;
    const float *slopes = value->data;
    double scale = (double)x->quant.scale / (double)y->quant.scale, most = scale;
    for (int32_t i = 0; i < slope->sizes[0]; i++)
        most = isfinite(slopes[i]) ? fmax(most, fabs((double)slopes[i]) * scale) : HUGE_VAL;
    if (!choose_shift(most, &op->fixed))
        return PERCEPT_OK;
    struct cpu_multiplier *below = cpu_prepare_alloc(prepare, op->count * sizeof *below);
    if (!below)
        return PERCEPT_NO_MEMORY;
    for (size_t i = 0; i < op->count; i++)
        below[i] = multiplier_of(
            in_fixed_point((double)slopes[slope->sizes[0] == 1 ? 0 : i] * scale, &op->fixed));
    op->below = below;
    op->fixed.zero = x->quant.zero_point;
    op->fixed.multiplier[0] = multiplier_of(in_fixed_point(scale, &op->fixed));
    bound(y, NULL, &op->fixed);
    *taken = true;
    return PERCEPT_OK;
}

enum percept_status cpu_codes_prepare(const struct cpu_prepare *prepare, struct cpu_step *step,
                                      bool *taken)
{
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    enum percept_status status = PERCEPT_OK;
    *taken = false;
    if (!cpu_loops_plain.add_codes[CPU_I8]) /* left out of the build */
        return PERCEPT_OK;
    if (y->quant.kind != PRT_QUANT_PER_TENSOR || (y->dtype != PRT_I8 && y->dtype != PRT_U8))
        return PERCEPT_OK;
    struct codes *op = cpu_prepare_alloc(prepare, sizeof *op);
    if (!op)
        return PERCEPT_NO_MEMORY;
    op->loops = prepare->loops;
    op->type = y->dtype == PRT_I8 ? CPU_I8 : CPU_U8;
    op->sum = prepare->node->op == PRT_OP_BINARY;
    if (op->sum)
        *taken = prepare_sum(prepare, op);
    else
        status = prepare_prelu(prepare, op, taken);
    if (!*taken)
        return status;
    step->run = codes_run;
    step->kernel = op->sum ? "sum of codes" : "prelu of codes";
    step->state = op;
    return PERCEPT_OK;
}
