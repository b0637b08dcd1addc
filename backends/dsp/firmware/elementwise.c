/* Why: sums, products, prelus and functions of codes, run by run. */
#include "backends/dsp/firmware/local.h"

#include "backends/dsp/firmware/no_floats.h"

/* ---- BINARY and PRELU ---- */

/* `count` elements of `size` bytes, `stride` elements apart, side by side in local memory; one when
 * they are all the same. */
static const unsigned char *gather(struct dsp_work *work, const struct dsp_operand *operand,
                                   size_t first, size_t count, size_t stride, size_t size)
{
    if (stride <= 1)
        return dsp_stage(work, operand, first * size, (stride ? count : 1) * size);
    unsigned char *to = dsp_take(work, count * size);
    const unsigned char *from = dsp_at(work, operand, first * size);
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * size, from + i * stride * size, size);
    return to;
}

static int64_t combine(const struct dsp_binary *binary, int64_t a, int64_t b)
{
    int64_t left = a * binary->multiplier[0], right = b * binary->multiplier[1];
    switch (binary->kind) {
    case DSP_ADD:
        return dsp_round_shift(left + right, binary->shift);
    case DSP_MUL:
        return dsp_round_product(a * b, binary->multiplier[0], 0, binary->shift);
    case DSP_MAX:
        return dsp_round_shift(left > right ? left : right, binary->shift);
    default:
        return dsp_round_shift(left < right ? left : right, binary->shift);
    }
}

/* Of 32 bits, which wrap. */
static void compute_wide(const struct dsp_binary *binary, const unsigned char *x, size_t x_step,
                         const unsigned char *other, size_t other_step, unsigned char *y,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t a = dsp_load_wide(x, i * x_step), b = dsp_load_wide(other, i * other_step);
        int64_t v = binary->kind == DSP_ADD   ? dsp_multiply_add(b, binary->multiplier[1], a)
                    : binary->kind == DSP_MUL ? a * b
                    : binary->kind == DSP_MAX ? (a > b ? a : b)
                                              : (a < b ? a : b);
        dsp_store_wide(y, i, v);
    }
}

static void compute(const struct dsp_step *step, const unsigned char *x, size_t x_step,
                    const unsigned char *other, size_t other_step, unsigned char *y, size_t count)
{
    const struct dsp_binary *binary = &step->as.binary;
    const struct dsp_code *code = &binary->code;
    for (size_t i = 0; i < count; i++) {
        int64_t steps, a = dsp_load(x, code->type, i * x_step) - binary->zero[0];
        if (step->op == DSP_PRELU) {
            int32_t below;
            memcpy(&below, other + i * other_step * sizeof below, sizeof below);
            steps = dsp_round_shift(a * (a < 0 ? below : binary->multiplier[0]), binary->shift);
        } else {
            steps =
                combine(binary, a, dsp_load(other, code->type, i * other_step) - binary->zero[1]);
        }
        dsp_store(y, code->type, i, dsp_code_of(steps, code->zero, code->lo, code->hi));
    }
}

/* A run of the innermost loop, from element `at` of it on. */
static void run_piece(const struct dsp_step *step, struct dsp_work *work, const size_t first[3],
                      size_t at, size_t count)
{
    const struct dsp_nest *nest = &step->as.binary.nest;
    uint32_t inner = nest->loops - 1;
    size_t steps[3], starts[3];
    size_t each = (size_t)dsp_result_bytes(step->as.binary.wide, &step->as.binary.code);
    size_t size = step->op == DSP_PRELU ? sizeof(int32_t) : each;
    for (int o = 0; o < 3; o++) {
        steps[o] = (size_t)nest->strides[o][inner];
        starts[o] = first[o] + at * steps[o];
    }
    work->used = 0;
    const unsigned char *x = gather(work, &step->x[0], starts[1], count, steps[1], each);
    const unsigned char *other = gather(work, &step->x[1], starts[2], count, steps[2], size);
    unsigned char *y = dsp_take(work, count * each);
    if (step->as.binary.wide)
        compute_wide(&step->as.binary, x, steps[1] != 0, other, steps[2] != 0, y, count);
    else
        compute(step, x, steps[1] != 0, other, steps[2] != 0, y, count);
    unsigned char *to = dsp_at(work, &step->y, starts[0] * each);
    if (steps[0] == 1)
        memcpy(to, y, count * each);
    for (size_t i = 0; steps[0] != 1 && i < count; i++)
        memcpy(to + i * steps[0] * each, y + i * each, each);
}

void dsp_run_binary(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work)
{
    const struct dsp_nest *nest = &step->as.binary.nest;
    size_t runs = 1, inner = (size_t)nest->sizes[nest->loops - 1], most = (size_t)tile->run;
    for (uint32_t i = 0; i + 1 < nest->loops; i++)
        runs *= (size_t)nest->sizes[i];
    for (size_t run = 0; run < runs; run++) {
        size_t rest = run, first[3] = {0};
        for (uint32_t i = nest->loops - 1; i-- > 0; rest /= (size_t)nest->sizes[i])
            for (int o = 0; o < 3; o++)
                first[o] += rest % (size_t)nest->sizes[i] * (size_t)nest->strides[o][i];
        for (size_t at = 0; at < inner; at += most)
            run_piece(step, work, first, at, inner - at < most ? inner - at : most);
    }
}

/* ---- TABLE ---- */

void dsp_run_table(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work)
{
    const struct dsp_table *op = &step->as.table;
    size_t count = (size_t)op->count, most = (size_t)tile->run;
    const unsigned char flip = (unsigned char)op->flip;
    work->used = 0;
    const unsigned char *answers = memcpy(dsp_take(work, 256), dsp_at(work, &step->x[1], 0), 256);
    size_t kept = work->used;
    for (size_t at = 0; at < count; at += most) {
        size_t run = count - at < most ? count - at : most;
        work->used = kept;
        const unsigned char *x = dsp_stage(work, &step->x[0], at, run);
        struct dsp_piece y = dsp_piece_of(work, &step->y, at, 1, run, run);
        for (size_t i = 0; i < run; i++)
            y.data[i] = answers[x[i] ^ flip];
        dsp_piece_out(&y);
    }
}

/* ---- RESCALE ---- */

static int64_t scaled(const struct dsp_rescale *op, int64_t v, const struct dsp_scale *scale)
{
    if (op->rounding == DSP_HALVES_EVEN)
        return dsp_round_shift(dsp_multiply_add(v, scale->multiplier, 0), scale->shift);
    return dsp_rescale(v, scale->multiplier, scale->shift, op->rounding == DSP_TWICE);
}

void dsp_run_rescale(const struct dsp_step *step, const struct dsp_tile *tile,
                     struct dsp_work *work)
{
    const struct dsp_rescale *op = &step->as.rescale;
    size_t count = (size_t)op->count, most = (size_t)tile->run;
    size_t x_each = op->x_bytes, y_each = op->y_bytes, one = sizeof(struct dsp_scale);
    work->used = 0;
    const unsigned char *scales =
        memcpy(dsp_take(work, op->scales * one), dsp_at(work, &step->x[1], 0), op->scales * one);
    size_t kept = work->used, channel = 0;
    for (size_t at = 0; at < count; at += most) {
        size_t run = count - at < most ? count - at : most;
        work->used = kept;
        const unsigned char *x = dsp_stage(work, &step->x[0], at * x_each, run * x_each);
        struct dsp_piece y =
            dsp_piece_of(work, &step->y, at * y_each, 1, run * y_each, run * y_each);
        for (size_t i = 0; i < run; i++, channel = channel + 1 == op->scales ? 0 : channel + 1) {
            struct dsp_scale scale;
            memcpy(&scale, scales + channel * one, one);
            int64_t v = x_each == 4   ? dsp_load_wide(x, i)
                        : x_each == 2 ? dsp_load_half(x, op->unsigned_x, i)
                                      : dsp_load(x, op->unsigned_x ? DSP_U8 : DSP_I8, i);
            v = scaled(op, v - op->zero_x, &scale);
            int32_t code = dsp_code_of(v, op->zero_y, op->lo, op->hi);
            if (y_each == 4)
                dsp_store_wide(y.data, i, code);
            else
                dsp_store(y.data, y_each == 2 ? DSP_I16 : DSP_I8, i, code);
        }
        dsp_piece_out(&y);
    }
}
