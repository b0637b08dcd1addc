/*
 * Why: pooling over channels-last images. A window is a list of pointers to pixels; rows of
 * channels are combined in vectors. The maximum of codes is the code of the maximum, so 8-bit
 * images are never decoded for it.
 */
#include "backends/cpu/elementwise.h"
#include "backends/cpu/image.h"

#include <math.h>
#include <stdalign.h>
#include <string.h>

/* Channels at a time, where a buffer is needed; pixels of a window at a time. */
enum { CHANNELS = 256, WINDOW = 64 };

/* The valid part of a window along one axis: indices first, first + dilation, .. (count of them).
 */
struct span {
    int32_t first, count;
    int32_t padded; /* how many the padded image has: what count_include_pad divides by */
};

struct pool {
    struct cpu_image x, y;
    const struct span *rows, *columns; /* of each output row and column */
    struct prt_pool_attrs attrs;
    enum prt_dtype dtype;
    size_t size; /* bytes an element */
    const struct cpu_loops *loops;
    struct cpu_code from, to;
    bool clamps;
    float lo, hi;             /* real units */
    uint8_t code_lo, code_hi; /* the same as codes of an 8-bit image */
};

struct pool_run {
    const struct pool *pool;
    const char *x;
    char *y;
};

static struct span span_of(const struct prt_pool_attrs *attrs, int axis, int32_t size, int32_t out)
{
    int64_t dilation = attrs->dilation[axis], kernel = attrs->kernel[axis];
    int64_t start = (int64_t)out * attrs->stride[axis] - attrs->padding[2 * axis];
    int64_t end = start + (kernel - 1) * dilation + 1;
    int64_t edge = (int64_t)size + attrs->padding[2 * axis + 1];
    int64_t padded = (end < edge ? end : edge) - start;
    int64_t skip = start < 0 ? (-start + dilation - 1) / dilation : 0;
    int64_t last = size - 1 - start < 0 ? -1 : (size - 1 - start) / dilation;
    if (last > kernel - 1)
        last = kernel - 1;
    return (struct span){
        .first = (int32_t)(start + skip * dilation),
        .count = (int32_t)(last >= skip ? last - skip + 1 : 0),
        .padded = (int32_t)((padded + dilation - 1) / dilation),
    };
}

static const char *pixel(const struct pool_run *run, int32_t n, int32_t h, int32_t w)
{
    const struct cpu_image *x = &run->pool->x;
    return run->x + ((((int64_t)n * x->h + h) * x->w + w) * x->c) * (int64_t)run->pool->size;
}

/* ---- maximum ---- */

static void clamp_pixel(const struct pool *pool, char *y)
{
    size_t n = (size_t)pool->y.c;
    if (pool->dtype == PRT_F32) {
        struct cpu_tile tile = {.rows = 1, .count = n, .y = y, .x[0] = {y, 0, 1}};
        struct cpu_params params = {.a = (double)pool->lo, .b = (double)pool->hi};
        pool->loops->unary[PRT_UNARY_CLAMP](&tile, &params);
        return;
    }
    for (size_t i = 0; i < n && pool->dtype == PRT_I8; i++) {
        int8_t *code = (int8_t *)y + i, lo = (int8_t)pool->code_lo, hi = (int8_t)pool->code_hi;
        *code = *code < lo ? lo : *code > hi ? hi : *code;
    }
    for (size_t i = 0; i < n && pool->dtype == PRT_U8; i++) {
        uint8_t *code = (uint8_t *)y + i, lo = pool->code_lo, hi = pool->code_hi;
        *code = *code < lo ? lo : *code > hi ? hi : *code;
    }
}

/* Combine pixels into y; the list is filled up with repeats to a multiple of 4. */
static void max_of(const struct pool *pool, char *y, const char **pixels, size_t count)
{
    size_t n = (size_t)pool->y.c;
    for (; count % 4; count++)
        pixels[count] = pixels[count - 1];
    if (pool->dtype == PRT_F32)
        pool->loops->max_f32(n, (float *)y, (const float *const *)pixels, count);
    else if (pool->dtype == PRT_I8)
        pool->loops->max_i8(n, (int8_t *)y, (const int8_t *const *)pixels, count);
    else
        pool->loops->max_u8(n, (uint8_t *)y, (const uint8_t *const *)pixels, count);
}

static void max_pixel(const struct pool_run *run, int32_t n, struct span rows, struct span columns,
                      char *y)
{
    const struct pool *pool = run->pool;
    const char *pixels[WINDOW + 4];
    size_t count = 0;
    size_t along = (size_t)pool->attrs.dilation[1] * (size_t)pool->x.c * pool->size;
    for (int32_t r = 0; r < rows.count; r++) {
        const char *x = pixel(run, n, rows.first + r * pool->attrs.dilation[0], columns.first);
        for (int32_t c = 0; c < columns.count; c++, x += along) {
            pixels[count++] = x;
            if (count == WINDOW) { /* what is found so far is one more pixel of the rest */
                max_of(pool, y, pixels, count);
                pixels[0] = y;
                count = 1;
            }
        }
    }
    max_of(pool, y, pixels, count);
    if (pool->clamps)
        clamp_pixel(pool, y);
}

/* ---- average ---- */

static void average_pixel(const struct pool_run *run, int32_t n, struct span rows,
                          struct span columns, char *y)
{
    const struct pool *pool = run->pool;
    alignas(64) float sum[CHANNELS], loaded[CHANNELS];
    bool padding = pool->attrs.count_include_pad;
    float area = padding ? (float)rows.padded * (float)columns.padded
                         : (float)rows.count * (float)columns.count;
    for (size_t start = 0; start < (size_t)pool->y.c; start += CHANNELS) {
        size_t rest = (size_t)pool->y.c - start, count = rest < CHANNELS ? rest : CHANNELS;
        memset(sum, 0, sizeof sum);
        for (int32_t r = 0; r < rows.count; r++)
            for (int32_t c = 0; c < columns.count; c++) {
                const char *x = pixel(run, n, rows.first + r * pool->attrs.dilation[0],
                                      columns.first + c * pool->attrs.dilation[1]) +
                                start * pool->size;
                const float *numbers = loaded;
                if (pool->dtype == PRT_F32)
                    numbers = (const float *)x;
                else
                    pool->loops->load[pool->dtype](count, loaded, x, 1, &pool->from);
                pool->loops->add_f32(count, sum, numbers);
            }
        struct cpu_tile tile = {
            .rows = 1, .count = count, .y = sum, .x = {{sum, 0, 1}, {&area, 0, 0}}};
        struct cpu_params params = {.lo = pool->lo, .hi = pool->hi};
        pool->loops->binary[PRT_BINARY_DIV](&tile, &params);
        pool->loops->store[pool->dtype](count, y + start * pool->size, 1, sum, &pool->to);
    }
}

/* ---- the row ---- */

static void pool_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct pool_run *run = context;
    const struct pool *pool = run->pool;
    int32_t n = (int32_t)(task / (size_t)pool->y.h), h = (int32_t)(task % (size_t)pool->y.h);
    struct span rows = pool->rows[h];
    size_t pixel_bytes = (size_t)pool->y.c * pool->size;
    char *y = run->y + task * (size_t)pool->y.w * pixel_bytes;
    for (int32_t w = 0; w < pool->y.w; w++, y += pixel_bytes) {
        struct span columns = pool->columns[w];
        if (pool->attrs.is_max)
            max_pixel(run, n, rows, columns, y);
        else
            average_pixel(run, n, rows, columns, y);
    }
}

static void pool_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct pool *pool = step->state;
    struct pool_run job = {pool, run->data[step->inputs[0]], run->data[step->output]};
    size_t rows = (size_t)pool->y.n * (size_t)pool->y.h;
    size_t work = rows * (size_t)pool->y.w * (size_t)pool->y.c * (size_t)pool->attrs.kernel[0] *
                  (size_t)pool->attrs.kernel[1];
    cpu_spread(run->pool, work, CPU_GRAIN, rows, pool_task, &job);
}

/* The graph's rules promise that every window sees at least one pixel. */
static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_pool_attrs *attrs = &node->attrs.pool;
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *y = cpu_result(graph, node);
    if (!cpu_image_fits(x, attrs->nhwc) || !cpu_image_fits(y, attrs->nhwc) ||
        attrs->act.kind == PRT_ACT_PRELU)
        return false;
    if (!cpu_can_load(x, CPU_DOMAIN_F32) || !cpu_can_store(y, CPU_DOMAIN_F32))
        return false;
    bool codes = x->quant.kind == PRT_QUANT_PER_TENSOR && prt_dtype_size(x->dtype) == 1;
    return attrs->is_max ? x->dtype == PRT_F32 || codes : x->dtype != PRT_BOOL;
}

static enum percept_status prepare_pool(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    const struct prt_pool_attrs *attrs = &prepare->node->attrs.pool;
    struct cpu_image from = cpu_image_of(x, attrs->nhwc), to = cpu_image_of(y, attrs->nhwc);
    struct pool *pool = cpu_prepare_alloc(prepare, sizeof *pool);
    struct span *spans = cpu_prepare_alloc(prepare, ((size_t)to.h + (size_t)to.w) * sizeof *spans);
    if (!pool || !spans)
        return PERCEPT_NO_MEMORY;
    for (int32_t h = 0; h < to.h; h++)
        spans[h] = span_of(attrs, 0, from.h, h);
    for (int32_t w = 0; w < to.w; w++)
        spans[to.h + w] = span_of(attrs, 1, from.w, w);
    *pool = (struct pool){
        .x = from,
        .y = to,
        .rows = spans,
        .columns = spans + to.h,
        .attrs = *attrs,
        .dtype = x->dtype,
        .size = prt_dtype_size(x->dtype),
        .loops = prepare->loops,
        .from = cpu_code_of(x),
        .to = cpu_code_of(y),
        .clamps = attrs->act.kind == PRT_ACT_CLAMP,
        .lo = attrs->act.kind == PRT_ACT_CLAMP ? attrs->act.lo : -HUGE_VALF,
        .hi = attrs->act.kind == PRT_ACT_CLAMP ? attrs->act.hi : HUGE_VALF,
    };
    if (y->quant.kind != PRT_QUANT_NONE) {
        prepare->loops->store[y->dtype](1, &pool->code_lo, 1, &pool->lo, &pool->to);
        prepare->loops->store[y->dtype](1, &pool->code_hi, 1, &pool->hi, &pool->to);
    }
    step->run = pool_run;
    step->kernel = attrs->is_max ? "max pool" : "average pool";
    step->state = pool;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_pool2d = {.supports = supports, .prepare = prepare_pool};
