/* Ops of plain integers against their definition, exact to the bit. */
#include "one_node.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum { ROUNDS = 30 };

static double at(const struct one_node *one, uint32_t id, int32_t a, int32_t b, int32_t c,
                 int32_t d)
{
    return one_node_get(one, id, (const int32_t[]){a, b, c, d});
}

/* ---- RESCALE ---- */

/* An element as the attributes take its bits. */
static double plain_or_unsigned(double x, enum prt_dtype dtype, bool is_unsigned)
{
    return is_unsigned && x < 0 ? x + ldexp(1, 8 * (int)prt_dtype_size(dtype)) : x;
}

static double rescaled(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_rescale_attrs *a = context;
    const struct prt_tensor *y = one_node_spec(one, one->y);
    int32_t channel = a->count > 1 ? index[y->rank - 1] : 0;
    double range = ldexp(1, 8 * (int)prt_dtype_size(y->dtype));
    double x = plain_or_unsigned(one_node_get(one, 0, index), one_node_spec(one, 0)->dtype,
                                 a->unsigned_x) -
               a->zero_x;
    unsigned shift = a->shifts[channel];
    /* Nearest, halves up; or, first, away from zero by 2^30 of the product's last 31 bits. */
    __extension__ __int128 product = (__int128)x * a->multipliers[channel];
    product += (__int128)1 << (shift - 1);
    if (a->double_round && shift > 31)
        product += x >= 0 ? 1 << 30 : -(1 << 30);
    double result = (double)(int64_t)(product >> shift) + a->zero_y;
    double least = a->unsigned_y ? 0 : -range / 2;
    result = fmin(fmax(result, least), least + range - 1);
    return result >= range / 2 ? result - range : result; /* as the result's own type has it */
}

START_TEST(rescale)
{
    static const enum prt_dtype types[] = {PRT_I8, PRT_I16, PRT_I32, PRT_I64};
    for (int round = 0; round < ROUNDS; round++) {
        random_seed((uint64_t)_i * ROUNDS + (uint64_t)round);
        int32_t channels = random_between(1, 70);
        enum prt_dtype from = types[random_u32() % 4], to = types[random_u32() % 3];
        struct prt_tensor x = TENSOR(from, random_between(1, 5), random_between(1, 9), channels);
        struct one_node one = one_node_begin();
        int32_t multipliers[70];
        uint8_t shifts[70];
        struct prt_rescale_attrs a = {.count = _i ? (uint32_t)channels : 1,
                                      .multipliers = multipliers,
                                      .shifts = shifts,
                                      .zero_x = from == PRT_I8 ? random_between(-128, 127) : 0,
                                      .zero_y = to == PRT_I8 ? random_between(-128, 127) : 0,
                                      .double_round = random_u32() % 2,
                                      .unsigned_x =
                                          prt_dtype_size(from) < 4 && random_u32() % 4 == 0,
                                      .unsigned_y = random_u32() % 4 == 0};
        for (int32_t i = 0; i < channels; i++) {
            multipliers[i] = random_between(1 << 30, INT32_MAX);
            shifts[i] = (uint8_t)random_between(31, 50);
        }
        uint32_t id = one_node_input(&one, x);
        double most = from == PRT_I8 ? 127 : from == PRT_I16 ? 32767 : 1 << 29;
        one_node_fill(&one, id, -most, most);
        struct prt_tensor y = x;
        y.dtype = to;
        NODE(&one, PRT_OP_RESCALE, y, id)->attrs.rescale = a;
        one_node_run(&one);
        one_node_check(&one, rescaled, &a, 0);
        one_node_end(&one);
    }
}
END_TEST

static double rescaled_least(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)one, (void)index, (void)context;
    return INT32_MAX; /* of a number that has wrapped */
}

START_TEST(rescale_of_the_least_number_wraps)
{
    const int32_t multiplier = 1;
    const uint8_t shift = 2;
    struct one_node one = one_node_begin();
    uint32_t id = one_node_input(&one, TENSOR(PRT_I64, 1));
    one_node_set(&one, id, (const int32_t[4]){0}, (double)INT64_MIN);
    NODE(&one, PRT_OP_RESCALE, TENSOR(PRT_I32, 1), id)->attrs.rescale = (struct prt_rescale_attrs){
        .count = 1, .multipliers = &multiplier, .shifts = &shift, .zero_x = 10};
    one_node_run(&one);
    one_node_check(&one, rescaled_least, NULL, 0);
    one_node_end(&one);
}
END_TEST

/* ---- TABLE ---- */

static double looked_up(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)context;
    const struct prt_tensor *spec = one_node_spec(one, 0);
    double x = one_node_get(one, 0, index);
    if (spec->dtype != PRT_I16) {
        if (spec->quant.kind != PRT_QUANT_NONE)
            x = rint(x / (double)spec->quant.scale) + spec->quant.zero_point;
        return one_node_get(one, 1, (const int32_t[]){(int32_t)x + (spec->dtype == PRT_I8) * 128});
    }
    int32_t base = (int32_t)floor(x / 128), between = (int32_t)(x - 128 * base);
    double first = one_node_get(one, 1, (const int32_t[]){base + 256});
    double second = one_node_get(one, 1, (const int32_t[]){base + 257});
    return first * 128 + (second - first) * between;
}

static const struct {
    enum prt_dtype x, table, y;
    double lo, hi;
    bool coded;
} lookups[] = {
    {PRT_I8, PRT_I8, PRT_I8, -128, 127, false},        {PRT_U8, PRT_U8, PRT_U8, 0, 255, false},
    {PRT_I8, PRT_U8, PRT_U8, -128, 127, true},         {PRT_U8, PRT_I8, PRT_I8, 0, 255, true},
    {PRT_I16, PRT_I16, PRT_I32, -32768, 32767, false},
};

START_TEST(table)
{
    random_seed((uint64_t)_i);
    enum prt_dtype type = lookups[_i].x;
    for (int round = 0; round < 4; round++) { /* lengths that are no multiple of a vector, too */
        struct one_node one = one_node_begin();
        struct prt_tensor x = TENSOR(type, 2, 3, 7, random_between(1, 30) * 30 + round), y = x;
        struct prt_tensor entries = TENSOR(lookups[_i].table, type == PRT_I16 ? 513 : 256);
        if (round % 2)
            x = channels_last(x);
        y = x;
        y.dtype = lookups[_i].y;
        if (lookups[_i].coded) {
            x = quantised(x, 0.3, 3);
            y = quantised(y, 0.02, 5);
            entries = quantised(entries, 0.02, 5);
        }
        uint32_t id = one_node_input(&one, x), at = one_node_input(&one, entries);
        one_node_fill(&one, id, lookups[_i].lo, lookups[_i].hi);
        one_node_fill(&one, at, lookups[_i].lo, lookups[_i].hi);
        NODE(&one, PRT_OP_TABLE, y, id, at);
        one_node_run(&one);
        one_node_check(&one, looked_up, NULL, 0);
        one_node_end(&one);
    }
}
END_TEST

/* ---- INTEGER_CONV ---- */

static double convolved(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_integer_conv_attrs *a = context;
    const struct prt_tensor *x = one_node_spec(one, 0), *w = one_node_spec(one, 1);
    bool depthwise = a->kind == PRT_INTEGER_DEPTHWISE;
    int row = depthwise ? 0 : 1;
    int32_t out = index[3], channels = depthwise ? 1 : x->sizes[3];
    bool one_bias = one_node_spec(one, 2)->sizes[0] == 1;
    double sum = one_node_get(one, 2, (const int32_t[]){one_bias ? 0 : out});
    for (int32_t ky = 0; ky < w->sizes[row]; ky++)
        for (int32_t kx = 0; kx < w->sizes[row + 1]; kx++) {
            int32_t iy = index[1] * a->stride[0] + ky * a->dilation[0] - a->padding[0];
            int32_t ix = index[2] * a->stride[1] + kx * a->dilation[1] - a->padding[2];
            if (a->kind == PRT_INTEGER_TRANSPOSED) {
                iy = index[1] - a->padding[0] - ky;
                ix = index[2] - a->padding[2] - kx;
                if (iy % a->stride[0] || ix % a->stride[1])
                    continue;
                iy /= a->stride[0];
                ix /= a->stride[1];
            }
            if (iy < 0 || ix < 0 || iy >= x->sizes[1] || ix >= x->sizes[2])
                continue;
            for (int32_t c = 0; c < channels; c++) {
                double factor = depthwise ? at(one, 1, ky, kx, out / w->sizes[3], out % w->sizes[3])
                                          : at(one, 1, out, ky, kx, c);
                int32_t from = depthwise ? out / w->sizes[3] : c;
                sum += (at(one, 0, index[0], iy, ix, from) - a->zero_x) * (factor - a->zero_weight);
            }
        }
    return sum;
}

START_TEST(convolution)
{
    for (int round = 0; round < ROUNDS; round++) {
        random_seed((uint64_t)_i * ROUNDS + (uint64_t)round);
        bool wide = random_u32() % 2;
        int32_t n = random_between(1, 2), channels = random_between(1, 20);
        int32_t kernel[2] = {random_between(1, 4), random_between(1, 4)};
        int32_t size[2] = {random_between(4, 9), random_between(4, 9)}, result[2];
        struct prt_integer_conv_attrs a = {.kind = (enum prt_integer_conv_kind)_i,
                                           .zero_x = wide ? 0 : random_between(-128, 127),
                                           .zero_weight = round % 3 ? 0 : random_between(-5, 5)};
        for (int i = 0; i < 2; i++) {
            a.stride[i] = random_between(1, 3);
            a.dilation[i] = _i == PRT_INTEGER_TRANSPOSED ? 1 : random_between(1, 2);
            a.padding[2 * i] = random_between(_i == PRT_INTEGER_TRANSPOSED ? -1 : 0, 2);
            a.padding[2 * i + 1] = random_between(0, 2) + a.dilation[i] * (kernel[i] - 1);
            int32_t around = a.padding[2 * i] + a.padding[2 * i + 1];
            result[i] =
                _i == PRT_INTEGER_TRANSPOSED
                    ? (size[i] - 1) * a.stride[i] + around + kernel[i]
                    : (size[i] - 1 + around - (kernel[i] - 1) * a.dilation[i]) / a.stride[i] + 1;
        }
        int32_t last = random_between(1, 6), out = last;
        struct prt_tensor w = TENSOR(PRT_I8, last, kernel[0], kernel[1], channels);
        if (_i == PRT_INTEGER_DEPTHWISE) {
            w = TENSOR(PRT_I8, kernel[0], kernel[1], channels, last);
            out = channels * last;
        }
        enum prt_dtype sum = wide ? PRT_I64 : PRT_I32;
        struct one_node one = one_node_begin();
        uint32_t ids[3] = {
            one_node_input(&one, TENSOR(wide ? PRT_I16 : PRT_I8, n, size[0], size[1], channels)),
            one_node_input(&one, w), one_node_input(&one, TENSOR(sum, random_u32() % 2 ? out : 1))};
        one_node_fill(&one, ids[0], wide ? -32768 : -128, wide ? 32767 : 127);
        one_node_fill(&one, ids[1], -128, 127);
        one_node_fill(&one, ids[2], -100000, 100000);
        for (int i = 1; round % 2 && i < 3; i++)
            one_node_make_constant(&one, ids[i]);
        one_node_make(&one, PRT_OP_INTEGER_CONV, TENSOR(sum, n, result[0], result[1], out), 3, ids)
            ->attrs.integer_conv = a;
        one_node_run(&one);
        one_node_check(&one, convolved, &a, 0);
        one_node_end(&one);
    }
}
END_TEST

/* ---- INTEGER_MATMUL ---- */

static double multiplied(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_integer_matmul_attrs *a = context;
    double sum = 0;
    for (int32_t k = 0; k < one_node_spec(one, 0)->sizes[2]; k++)
        sum += (one_node_get(one, 0, (const int32_t[]){index[0], index[1], k}) - a->zero_a) *
               (one_node_get(one, 1, (const int32_t[]){index[0], k, index[2]}) - a->zero_b);
    return sum;
}

START_TEST(matmul)
{
    for (int round = 0; round < ROUNDS; round++) {
        random_seed((uint64_t)_i * ROUNDS + (uint64_t)round);
        enum prt_dtype type = _i ? PRT_I16 : PRT_I8;
        int32_t n = random_between(1, 3), h = random_between(1, 9), k = random_between(1, 40),
                w = random_between(1, 20);
        struct prt_integer_matmul_attrs a = {_i ? 0 : random_between(-128, 127),
                                             _i ? 0 : random_between(-128, 127)};
        struct one_node one = one_node_begin();
        uint32_t ids[2] = {one_node_input(&one, TENSOR(type, n, h, k)),
                           one_node_input(&one, TENSOR(type, n, k, w))};
        for (int i = 0; i < 2; i++)
            one_node_fill(&one, ids[i], _i ? -32768 : -128, _i ? 32767 : 127);
        one_node_make(&one, PRT_OP_INTEGER_MATMUL, TENSOR(_i ? PRT_I64 : PRT_I32, n, h, w), 2, ids)
            ->attrs.integer_matmul = a;
        one_node_run(&one);
        one_node_check(&one, multiplied, &a, 0);
        one_node_end(&one);
    }
}
END_TEST

/* A sum of products as far from zero as zero points may be, in an accumulator that wraps. */
static double far_sum(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)index, (void)context;
    int64_t sum = 0;
    for (int32_t k = 0; k < 5; k++)
        sum += ((int64_t)at(one, 0, 0, 0, k, 0) - UINT16_MAX) *
               ((int64_t)at(one, 1, 0, k, 0, 0) - UINT16_MAX);
    return (int32_t)sum;
}

static double far_dot(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)index, (void)context;
    int64_t sum = (int64_t)at(one, 2, 0, 0, 0, 0);
    for (int32_t c = 0; c < 5; c++)
        sum += ((int64_t)at(one, 0, 0, 0, 0, c) - UINT16_MAX) *
               ((int64_t)at(one, 1, 0, 0, 0, c) - UINT16_MAX);
    return (int32_t)sum;
}

START_TEST(far_zero_points_wrap)
{
    random_seed(1);
    struct one_node one = one_node_begin();
    uint32_t ids[3] = {
        one_node_input(&one, _i ? TENSOR(PRT_I8, 1, 1, 1, 5) : TENSOR(PRT_I8, 1, 1, 5)),
        one_node_input(&one, _i ? TENSOR(PRT_I8, 1, 1, 1, 5) : TENSOR(PRT_I8, 1, 5, 1)),
        PRT_NO_VALUE};
    one_node_fill(&one, ids[0], -128, 127);
    one_node_fill(&one, ids[1], -128, 127);
    if (_i) {
        ids[2] = one_node_input(&one, TENSOR(PRT_I32, 1));
        one_node_make(&one, PRT_OP_INTEGER_CONV, TENSOR(PRT_I32, 1, 1, 1, 1), 3, ids)
            ->attrs.integer_conv = (struct prt_integer_conv_attrs){
            .stride = {1, 1}, .dilation = {1, 1}, .zero_x = UINT16_MAX, .zero_weight = UINT16_MAX};
    } else {
        one_node_make(&one, PRT_OP_INTEGER_MATMUL, TENSOR(PRT_I32, 1, 1, 1), 2, ids)
            ->attrs.integer_matmul = (struct prt_integer_matmul_attrs){UINT16_MAX, UINT16_MAX};
    }
    one_node_run(&one);
    one_node_check(&one, _i ? far_dot : far_sum, NULL, 0);
    one_node_end(&one);
}
END_TEST

/* A bias may be anything; 64 bits wrap, too. */
static double wrapped_bias(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)index, (void)context;
    double product = at(one, 0, 0, 0, 0, 0) * at(one, 1, 0, 0, 0, 0);
    return (double)(int64_t)((uint64_t)at(one, 2, 0, 0, 0, 0) + (uint64_t)product);
}

START_TEST(large_bias_wraps)
{
    struct one_node one = one_node_begin();
    const uint32_t ids[3] = {one_node_input(&one, TENSOR(PRT_I16, 1, 1, 1, 1)),
                             one_node_input(&one, TENSOR(PRT_I8, 1, 1, 1, 1)),
                             one_node_input(&one, TENSOR(PRT_I64, 1))};
    const double values[3] = {INT16_MAX, INT8_MAX, 0x1.fffffffffffffp62};
    for (int i = 0; i < 3; i++)
        one_node_set(&one, ids[i], (const int32_t[4]){0}, values[i]);
    one_node_make(&one, PRT_OP_INTEGER_CONV, TENSOR(PRT_I64, 1, 1, 1, 1), 3, ids)
        ->attrs.integer_conv =
        (struct prt_integer_conv_attrs){.stride = {1, 1}, .dilation = {1, 1}};
    one_node_run(&one);
    one_node_check(&one, wrapped_bias, NULL, 0);
    one_node_end(&one);
}
END_TEST

/* ---- INTEGER_POOL ---- */

static double pooled(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_integer_pool_attrs *a = context;
    const struct prt_tensor *x = one_node_spec(one, 0);
    double bound = x->dtype == PRT_I16 ? 32768 : 128;
    int64_t sum = 0, count = 0, most = -(int64_t)bound;
    for (int32_t ky = 0; ky < a->window.kernel[0]; ky++)
        for (int32_t kx = 0; kx < a->window.kernel[1]; kx++) {
            int32_t iy = index[1] * a->window.stride[0] + ky - a->window.padding[0];
            int32_t ix = index[2] * a->window.stride[1] + kx - a->window.padding[2];
            if (iy < 0 || ix < 0 || iy >= x->sizes[1] || ix >= x->sizes[2])
                continue;
            int64_t v = (int64_t)at(one, 0, index[0], iy, ix, index[3]);
            most = v > most ? v : most;
            sum += v - a->zero_x;
            count++;
        }
    if (a->window.is_max)
        return (double)most;
    /* The specification's reciprocal: the power of two that is not below the count. */
    int bits = 0;
    while ((int64_t)1 << bits < count)
        bits++;
    int64_t multiplier = ((((int64_t)1 << 30) + 1) << bits) / count;
    double mean =
        floor(((double)sum * (double)multiplier + ldexp(1, 29 + bits)) / ldexp(1, 30 + bits));
    return fmin(fmax(mean + a->zero_y, -bound), bound - 1);
}

START_TEST(pool)
{
    for (int round = 0; round < ROUNDS; round++) {
        random_seed((uint64_t)_i * ROUNDS + (uint64_t)round);
        enum prt_dtype type = random_u32() % 2 ? PRT_I16 : PRT_I8;
        int32_t size[2], result[2], n = random_between(1, 2), channels = random_between(1, 9);
        struct prt_integer_pool_attrs a = {.window.is_max = _i,
                                           .zero_x = random_between(-20, 20),
                                           .zero_y = random_between(-20, 20)};
        for (int i = 0; i < 2; i++) {
            a.window.kernel[i] = random_between(1, 5);
            a.window.stride[i] = random_between(1, 3);
            a.window.padding[2 * i] = random_between(0, a.window.kernel[i] - 1);
            a.window.padding[2 * i + 1] = random_between(0, a.window.kernel[i] - 1);
            size[i] = random_between(5, 9);
            result[i] = (size[i] + a.window.padding[2 * i] + a.window.padding[2 * i + 1] -
                         a.window.kernel[i]) /
                            a.window.stride[i] +
                        1;
        }
        struct one_node one = one_node_begin();
        uint32_t x = one_node_input(&one, TENSOR(type, n, size[0], size[1], channels));
        one_node_fill(&one, x, type == PRT_I16 ? -32768 : -128, type == PRT_I16 ? 32767 : 127);
        NODE(&one, PRT_OP_INTEGER_POOL, TENSOR(type, n, result[0], result[1], channels), x)
            ->attrs.integer_pool = a;
        one_node_run(&one);
        one_node_check(&one, pooled, &a, 0);
        one_node_end(&one);
    }
}
END_TEST

#ifndef ONE_NODE_ON_VULKAN
/* 2^18 numbers as far from the zero point as can be; their sum times 2^30 has 65 bits. */
static double wrapped_mean(const struct one_node *one, const int32_t *index, const void *context)
{
    (void)one, (void)index, (void)context;
    uint64_t sum = ((uint64_t)1 << 18) * (uint64_t)(INT16_MIN - UINT16_MAX);
    int64_t mean = (int64_t)(sum * (((uint64_t)1 << 30) + 1) + ((uint64_t)1 << 47)) >> 48;
    return mean < INT16_MIN ? INT16_MIN : mean > INT16_MAX ? INT16_MAX : (double)mean;
}

START_TEST(sums_that_are_too_large_wrap)
{
    enum { SIDE = 512 };
    struct one_node one = one_node_begin();
    uint32_t x = one_node_input(&one, TENSOR(PRT_I16, 1, SIDE, SIDE, 1));
    one_node_fill(&one, x, INT16_MIN, INT16_MIN);
    NODE(&one, PRT_OP_INTEGER_POOL, TENSOR(PRT_I16, 1, 1, 1, 1), x)->attrs.integer_pool =
        (struct prt_integer_pool_attrs){
            .window.kernel = {SIDE, SIDE}, .window.stride = {1, 1}, .zero_x = UINT16_MAX};
    one_node_run(&one);
    one_node_check(&one, wrapped_mean, NULL, 0);
    one_node_end(&one);
}
END_TEST
#endif

/* ---- SCALED_RESIZE ---- */

/* The sum of both neighbours' shares, in 1/scale, of whatever is at them; or the nearer one. */
static double resized(const struct one_node *one, const int32_t *index, const void *context)
{
    const struct prt_scaled_resize_attrs *a = context;
    const struct prt_tensor *x = one_node_spec(one, 0);
    int32_t places[2][2];
    double shares[2][2];
    for (int i = 0; i < 2; i++) {
        double unit = a->scale[2 * i];
        double where = ((double)index[1 + i] * a->scale[2 * i + 1] + a->offset[i]) / unit;
        double last = x->sizes[1 + i] - 1, distance = rint((where - floor(where)) * unit);
        places[i][0] = (int32_t)fmin(fmax(floor(where), 0), last);
        places[i][1] = (int32_t)fmin(fmax(floor(where) + 1, 0), last);
        bool real = x->dtype == PRT_F32;
        shares[i][0] = a->bilinear ? (unit - distance) / (real ? unit : 1) : 2 * distance < unit;
        shares[i][1] = a->bilinear ? distance / (real ? unit : 1) : 2 * distance >= unit;
    }
    double sum = 0;
    for (int k = 0; k < 4; k++)
        sum += at(one, 0, index[0], places[0][k / 2], places[1][k % 2], index[3]) *
               shares[0][k / 2] * shares[1][k % 2];
    return sum;
}

static const struct {
    enum prt_dtype x, y;
    bool bilinear;
    double most;
} resizes[] = {
    {PRT_I8, PRT_I8, false, 127}, {PRT_I16, PRT_I16, false, 32767}, {PRT_F32, PRT_F32, false, 1},
    {PRT_I8, PRT_I32, true, 127}, {PRT_I16, PRT_I64, true, 32767},  {PRT_F32, PRT_F32, true, 1},
};

START_TEST(resize)
{
    for (int round = 0; round < ROUNDS; round++) {
        random_seed((uint64_t)_i * ROUNDS + (uint64_t)round);
        int32_t n = random_between(1, 2), channels = random_between(1, 7);
        struct prt_scaled_resize_attrs a = {.bilinear = resizes[_i].bilinear};
        for (int i = 0; i < 2; i++) {
            a.scale[2 * i] = random_between(1, resizes[_i].x == PRT_I16 ? 30000 : 1000);
            a.scale[2 * i + 1] = random_between(1, 1000);
            a.offset[i] = random_between(-600, 600);
        }
        struct one_node one = one_node_begin();
        uint32_t x = one_node_input(
            &one, TENSOR(resizes[_i].x, n, random_between(1, 7), random_between(1, 7), channels));
        struct prt_tensor y =
            TENSOR(resizes[_i].y, n, random_between(1, 9), random_between(1, 9), channels);
        one_node_fill(&one, x, -resizes[_i].most, resizes[_i].most);
        NODE(&one, PRT_OP_SCALED_RESIZE, y, x)->attrs.scaled_resize = a;
        one_node_run(&one);
        one_node_check(&one, resized, &a, y.dtype == PRT_F32 ? 1e-6 : 0);
        one_node_end(&one);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("integer");
    tcase_add_loop_test(tests, rescale, 0, 2);
    tcase_add_test(tests, rescale_of_the_least_number_wraps);
    tcase_add_loop_test(tests, table, 0, sizeof lookups / sizeof *lookups);
    tcase_add_loop_test(tests, convolution, 0, 3);
    tcase_add_loop_test(tests, matmul, 0, 2);
    tcase_add_loop_test(tests, far_zero_points_wrap, 0, 2);
    tcase_add_test(tests, large_bias_wraps);
    tcase_add_loop_test(tests, pool, 0, 2);
#ifndef ONE_NODE_ON_VULKAN /* which adds up in 32 bits and wraps sooner */
    tcase_add_test(tests, sums_that_are_too_large_wrap);
#endif
    tcase_add_loop_test(tests, resize, 0, sizeof resizes / sizeof *resizes);
    tcase_set_timeout(tests, 120);
    Suite *suite = suite_create("cpu integer");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
