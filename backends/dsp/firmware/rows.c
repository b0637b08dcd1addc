/* Why: ops whose results depend on a whole row: the softmax, and norms of layers. No float and no
 * table of roots is needed: a root of 32 bits and its reciprocal, both rounded down, are right to
 * 2^-30 of themselves. */
#include "backends/dsp/firmware/local.h"

#include "backends/dsp/firmware/no_floats.h"

/* ---- SOFTMAX ---- */

/* e^-steps of bytes; the table is in memory that the host may change. */
static uint64_t power_at(const unsigned char *powers, int32_t steps)
{
    const uint32_t most = (uint32_t)1 << DSP_EXP_BITS;
    uint32_t power;
    memcpy(&power, powers + (size_t)steps * sizeof power, sizeof power);
    return power < most ? power : most;
}

/* The same of two bytes. */
static uint64_t wide_power_at(const unsigned char *powers, int32_t steps)
{
    const uint64_t most = (uint64_t)1 << DSP_WIDE_EXP_BITS;
    const uint32_t half = DSP_WIDE_EXP_BITS / 2, mask = ((uint32_t)1 << half) - 1;
    uint64_t factors[2];
    for (int i = 0; i < 2; i++) {
        size_t at = i == 0 ? (size_t)(steps >> 8) : DSP_POWERS + (size_t)(steps & 255);
        memcpy(&factors[i], powers + at * sizeof factors[i], sizeof factors[i]);
        factors[i] = factors[i] < most ? factors[i] : most;
    }
    return (factors[0] * (factors[1] >> half) + (factors[0] * (factors[1] & mask) >> half)) >> half;
}

/* A part of the whole, in steps of the result. */
static int64_t share_of(const struct dsp_softmax *softmax, uint64_t part, uint64_t whole)
{
    const struct dsp_scale *scale = &softmax->scale;
    if (softmax->code.type < DSP_I16)
        return dsp_round_divide((int64_t)part * scale->multiplier,
                                (int64_t)(whole << scale->shift));
    return dsp_round_product(dsp_part(part, whole), scale->multiplier, 0,
                             scale->shift + DSP_PART_BITS);
}

/* One row, whose elements are `inner` apart. */
static void softmax_row(const struct dsp_softmax *softmax, const unsigned char *x,
                        const unsigned char *powers, unsigned char *y)
{
    const struct dsp_code *code = &softmax->code;
    uint64_t (*power)(const unsigned char *powers, int32_t steps) =
        code->type < DSP_I16 ? power_at : wide_power_at;
    size_t length = (size_t)softmax->length, inner = (size_t)softmax->inner;
    int32_t most = INT32_MIN;
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        int32_t c = dsp_load(x, code->type, i * inner);
        most = c > most ? c : most;
    }
    for (size_t i = 0; i < length; i++)
        sum += power(powers, most - dsp_load(x, code->type, i * inner));
    for (size_t i = 0; i < length; i++) {
        uint64_t part = power(powers, most - dsp_load(x, code->type, i * inner));
        int64_t v = share_of(softmax, part, sum > 0 ? sum : 1);
        dsp_store(y, code->type, i * inner, dsp_code_of(v, code->zero, code->lo, code->hi));
    }
}

void dsp_run_softmax(const struct dsp_step *step, const struct dsp_tile *tile,
                     struct dsp_work *work)
{
    const struct dsp_softmax *softmax = &step->as.softmax;
    size_t each = (size_t)dsp_code_bytes(&softmax->code);
    size_t slab = (size_t)softmax->length * (size_t)softmax->inner * each;
    work->used = 0;
    const unsigned char *powers =
        dsp_stage(work, &step->x[1], 0, (size_t)dsp_powers_bytes(&softmax->code));
    size_t kept = work->used;
    for (int32_t at = 0; at < softmax->outer; at += tile->rows) {
        int32_t left = softmax->outer - at, count = left < tile->rows ? left : tile->rows;
        work->used = kept;
        const unsigned char *x =
            dsp_stage(work, &step->x[0], (size_t)at * slab, (size_t)count * slab);
        struct dsp_piece y =
            dsp_piece_of(work, &step->y, (size_t)at * slab, (size_t)count, slab, slab);
        for (size_t row = 0; row < (size_t)count; row++)
            for (size_t i = 0; i < (size_t)softmax->inner; i++)
                softmax_row(softmax, x + row * slab + i * each, powers,
                            y.data + row * slab + i * each);
        dsp_piece_out(&y);
    }
}

/* ---- NORM ---- */

/* The largest whole number whose square is not above v, bit by bit. */
static uint64_t root_of(uint64_t v)
{
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 62; bit; bit >>= 2) {
        bool fits = v >= root + bit;
        v -= fits ? root + bit : 0;
        root = (root >> 1) + (fits ? bit : 0);
    }
    return root;
}

/* 1 / sqrt(v / 2^shift) is factor / 2^bits, of 32 bits; that of 0 is 0. `shift` is even. */
struct reciprocal {
    int64_t factor;
    int32_t bits;
};

static struct reciprocal reciprocal_root(uint64_t v, uint32_t shift)
{
    if (v == 0)
        return (struct reciprocal){0, 0};
    int32_t up = __builtin_clzll(v) & ~1;
    uint64_t root = root_of(v << up); /* of 32 bits, the first of them 1 */
    return (struct reciprocal){(int64_t)(((uint64_t)1 << 63) / root),
                               63 - up / 2 - (int32_t)shift / 2};
}

/* Quotients of a row are below the root of its length, 2^8. */
static int64_t quotient(int64_t d, const struct reciprocal *by)
{
    int32_t down = by->bits - DSP_NORM_BITS;
    int64_t v = dsp_multiply_add(d, by->factor, 0);
    return down >= 0 ? dsp_round_shift(v, (uint32_t)down)
                     : (int64_t)((uint64_t)v << (uint32_t)-down);
}

static void norm_row(const struct dsp_norm *norm, const unsigned char *x,
                     const unsigned char *channels, unsigned char *y)
{
    const struct dsp_code *code = &norm->code;
    int64_t sum = 0, squares = 0, length = norm->length;
    for (size_t i = 0; i < (size_t)length; i++) {
        int64_t c = dsp_load(x, code->type, i) - norm->zero_x;
        sum += c;
        squares += c * c;
    }
    sum = norm->rms ? 0 : sum;
    uint64_t spread = (uint64_t)(length * squares - sum * sum);
    struct reciprocal by = reciprocal_root((spread << norm->shift) + norm->epsilon, norm->shift);
    for (size_t i = 0; i < (size_t)length; i++) {
        struct dsp_norm_channel channel;
        memcpy(&channel, channels + i * sizeof channel, sizeof channel);
        int64_t d = length * (dsp_load(x, code->type, i) - norm->zero_x) - sum;
        int64_t v = dsp_multiply_add(quotient(d, &by), channel.multiplier, channel.offset);
        y[i] = (unsigned char)dsp_code_of(dsp_round_shift(v, channel.shift), code->zero, code->lo,
                                          code->hi);
    }
}

void dsp_run_norm(const struct dsp_step *step, const struct dsp_tile *tile, struct dsp_work *work)
{
    const struct dsp_norm *norm = &step->as.norm;
    size_t length = (size_t)norm->length;
    work->used = 0;
    const unsigned char *channels =
        dsp_stage(work, &step->x[1], 0, length * sizeof(struct dsp_norm_channel));
    size_t kept = work->used;
    for (int32_t at = 0; at < norm->rows; at += tile->rows) {
        int32_t left = norm->rows - at, count = left < tile->rows ? left : tile->rows;
        work->used = kept;
        const unsigned char *x =
            dsp_stage(work, &step->x[0], (size_t)at * length, (size_t)count * length);
        struct dsp_piece y =
            dsp_piece_of(work, &step->y, (size_t)at * length, (size_t)count, length, length);
        for (size_t row = 0; row < (size_t)count; row++)
            norm_row(norm, x + row * length, channels, y.data + row * length);
        dsp_piece_out(&y);
    }
}
