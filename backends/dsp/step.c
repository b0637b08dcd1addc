/*
 * Why: what keeps the firmware inside of its memory is said once, and the host makes no step that
 * the firmware would refuse.
 */
#include "backends/dsp/step.h"

enum {
    MOST_SIZE = 1 << 24,       /* of a dimension */
    MOST_DEPTH = 1 << 16,      /* products in a sum: 255 * 128 * 2^16 < 2^31 */
    MOST_INNER = 1 << 15,      /* of both with a zero point: 255 * 255 * 2^15 < 2^31; of two bytes
                                  65535 * 65535 * 2^15 < 2^47 */
    MOST_ROW = 1 << 16,        /* of a SOFTMAX: 2^30 * 2^16 * 2^16 < 2^63; of a NORM: 2^16 * 2^32 */
    MOST_PART_SHIFT = 16,      /* of a SOFTMAX */
    MOST_WIDE_PART_SHIFT = 22, /* of two bytes: 2^-40 of a whole times 2^62 */
    MOST_WIDE_WINDOW = 1 << 14, /* of two bytes: 65535 * 2^31 * 2^14 < 2^62 */
    MOST_WINDOW = 1 << 22,      /* elements of a pool's window: 255 * 2^31 * 2^22 < 2^61 */
    MOST_POOL_SHIFT = 40,       /* 2^22 * 2^40 < 2^63 */
    MOST_STEP = 1 << 15,        /* stride, dilation, padding */
    MOST_ELEMENTS = INT32_MAX   /* of an operand */
};

static bool between(int64_t value, int64_t lo, int64_t hi)
{
    return value >= lo && value <= hi;
}

static bool image_fits(const struct dsp_image *image)
{
    const int32_t sizes[] = {image->n, image->h, image->w, image->c};
    int64_t elements = 1;
    for (int i = 0; i < 4; i++) {
        if (!between(sizes[i], 1, MOST_SIZE) || elements > MOST_ELEMENTS / sizes[i])
            return false;
        elements *= sizes[i];
    }
    return true;
}

static uint64_t image_elements(const struct dsp_image *image)
{
    return (uint64_t)image->n * (uint64_t)image->h * (uint64_t)image->w * (uint64_t)image->c;
}

static bool zero_fits(int32_t zero, uint32_t type)
{
    int64_t codes = type < DSP_I16 ? 1 << 8 : 1 << 16, least = type % 2 ? 0 : -codes / 2;
    return between(zero, least, least + codes - 1);
}

static bool code_fits(const struct dsp_code *code)
{
    return code->type < DSP_TYPES && zero_fits(code->zero, code->type) &&
           zero_fits(code->lo, code->type) && zero_fits(code->hi, code->type) &&
           code->lo <= code->hi;
}

static bool is_wide(const struct dsp_code *code)
{
    return code->type >= DSP_I16;
}

static bool window_fits(const int32_t kernel[2], const int32_t stride[2], const int32_t dilation[2],
                        const int32_t *padding, int paddings)
{
    for (int i = 0; i < 2; i++)
        if (!between(kernel[i], 1, MOST_SIZE) || !between(stride[i], 1, MOST_STEP) ||
            !between(dilation[i], 1, MOST_STEP) ||
            (int64_t)(kernel[i] - 1) * dilation[i] >= INT32_MAX / 2)
            return false;
    for (int i = 0; i < paddings; i++)
        if (!between(padding[i], 0, MOST_STEP))
            return false;
    return (int64_t)kernel[0] * kernel[1] <= MOST_WINDOW;
}

static const char *check_conv(const struct dsp_conv *conv, bool residual)
{
    if (!image_fits(&conv->x) || !image_fits(&conv->y) || conv->x.n != conv->y.n)
        return "a convolution's images are too large";
    if (conv->groups < 1 || conv->x.c % conv->groups || conv->y.c % conv->groups)
        return "a convolution's channels are not those of its groups";
    if (!window_fits(conv->kernel, conv->stride, conv->dilation, conv->padding, 2))
        return "a convolution's window is too large";
    int64_t depth = (int64_t)conv->kernel[0] * conv->kernel[1] * (conv->x.c / conv->groups);
    if (depth > (conv->zero_w ? MOST_INNER : MOST_DEPTH) || depth * conv->y.c > MOST_ELEMENTS)
        return "a convolution's sums may overflow";
    if (conv->sums > 1 || (conv->sums && residual) || conv->transposed > 1)
        return "a convolution's sums have a residual";
    if (is_wide(&conv->code) && (conv->sums || residual))
        return "a convolution of two bytes has sums or a residual";
    if (!code_fits(&conv->code) || !zero_fits(conv->zero_x, conv->code.type) ||
        !zero_fits(conv->zero_w, DSP_I8) ||
        (residual && !zero_fits(conv->zero_residual, conv->code.type)))
        return "a convolution's codes are out of range";
    return NULL;
}

/* Elements up to the last one that the loops reach; 0 when they are too many. */
static uint64_t extent(uint32_t loops, const int32_t *sizes, const int64_t *strides)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < loops; i++)
        last += (uint64_t)(sizes[i] - 1) * (uint64_t)strides[i];
    return last + 1;
}

static bool loops_fit(uint32_t loops, const int32_t *sizes, const int64_t *strides)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < loops; i++) {
        if (!between(sizes[i], 1, MOST_ELEMENTS) || !between(strides[i], 0, MOST_ELEMENTS))
            return false;
        last += (uint64_t)(sizes[i] - 1) * (uint64_t)strides[i];
        if (last >= MOST_ELEMENTS)
            return false;
    }
    return true;
}

static const char *check_nest(const struct dsp_nest *nest, unsigned operands)
{
    int64_t elements = 1;
    if (nest->loops < 1 || nest->loops > DSP_LOOPS)
        return "more loops than there can be";
    for (uint32_t i = 0; i < nest->loops; i++) {
        if (nest->sizes[i] < 1 || elements > MOST_ELEMENTS / nest->sizes[i])
            return "too many elements";
        elements *= nest->sizes[i];
    }
    for (unsigned o = 0; o < operands; o++)
        if (!loops_fit(nest->loops, nest->sizes, nest->strides[o]))
            return "an operand is too large";
    return NULL;
}

static const char *check_matmul(const struct dsp_matmul *matmul)
{
    int64_t batches = 1;
    if (matmul->loops > DSP_BATCH_LOOPS)
        return "a product has more batches than there can be";
    for (int o = 0; o < 2; o++)
        if (!loops_fit(matmul->loops, matmul->sizes, matmul->strides[o]))
            return "a product's operand is too large";
    if (!between(matmul->m, 1, MOST_SIZE) || !between(matmul->n, 1, MOST_SIZE) ||
        !between(matmul->k, 1, MOST_INNER))
        return "a product's sums may overflow";
    for (uint32_t i = 0; i < matmul->loops; i++)
        batches = batches > MOST_ELEMENTS ? batches : batches * matmul->sizes[i];
    if ((int64_t)matmul->m * matmul->n > MOST_ELEMENTS / batches ||
        (int64_t)matmul->m * matmul->k > MOST_ELEMENTS ||
        (int64_t)matmul->k * matmul->n > MOST_ELEMENTS)
        return "a product is too large";
    if (!code_fits(&matmul->code) || !zero_fits(matmul->zero_a, matmul->code.type) ||
        !zero_fits(matmul->zero_b, matmul->code.type) || matmul->transposed > 1 ||
        matmul->sums > (is_wide(&matmul->code) ? 0 : 1))
        return "a product's codes are out of range";
    return NULL;
}

static const char *check_binary(const struct dsp_binary *binary, bool prelu)
{
    if (binary->kind >= DSP_BINARIES || binary->wide > (prelu || is_wide(&binary->code) ? 0 : 1) ||
        !code_fits(&binary->code) || !zero_fits(binary->zero[0], binary->code.type) ||
        !zero_fits(binary->zero[1], binary->code.type))
        return "codes are out of range";
    return check_nest(&binary->nest, 3);
}

static const char *check_pool(const struct dsp_pool *pool)
{
    if (!image_fits(&pool->x) || !image_fits(&pool->y) || pool->x.n != pool->y.n ||
        pool->x.c != pool->y.c)
        return "a pool's images are too large";
    if (!window_fits(pool->kernel, pool->stride, pool->dilation, pool->padding, 4) ||
        pool->kind >= DSP_POOLS || pool->scale.shift > MOST_POOL_SHIFT)
        return "a pool's window is too large";
    if (!code_fits(&pool->code) || !zero_fits(pool->zero_x, pool->code.type))
        return "a pool's codes are out of range";
    if (is_wide(&pool->code) && (pool->kind == DSP_AVERAGE_TOSA ||
                                 (int64_t)pool->kernel[0] * pool->kernel[1] > MOST_WIDE_WINDOW))
        return "a pool's sums may overflow";
    const int32_t in[] = {pool->x.h, pool->x.w}, out[] = {pool->y.h, pool->y.w};
    for (int i = 0; i < 2; i++)
        if ((int64_t)(out[i] - 1) * pool->stride[i] - pool->padding[2 * i] >= in[i] ||
            (int64_t)(pool->kernel[i] - 1) * pool->dilation[i] < pool->padding[2 * i] ||
            (pool->kernel[i] > 1 && pool->dilation[i] > in[i]))
            return "a window sees nothing of the image";
    return NULL;
}

static const char *check_resize(const struct dsp_resize *resize)
{
    if (!image_fits(&resize->x) || !image_fits(&resize->y) || resize->x.n != resize->y.n ||
        resize->x.c != resize->y.c || resize->bilinear > 1 || resize->is_unsigned > 1 ||
        !zero_fits(resize->zero, resize->is_unsigned ? DSP_U8 : DSP_I8))
        return "a resize's images are too large";
    return NULL;
}

static const char *check_copy(const struct dsp_copy *copy)
{
    const char *wrong = check_nest(&copy->nest, 2);
    if (!wrong &&
        (!between(copy->to, 0, MOST_ELEMENTS) || !between(copy->from, 0, MOST_ELEMENTS) ||
         !between(copy->each, 1, 2) || copy->fills > 1 || copy->fill_value >= 1u << 8 * copy->each))
        wrong = "a copy is too large";
    return wrong;
}

static bool element_fits(uint32_t bytes)
{
    return bytes == 1 || bytes == sizeof(int16_t) || bytes == sizeof(int32_t);
}

static const char *check_rescale(const struct dsp_rescale *rescale)
{
    if (!between((int64_t)rescale->count, 1, MOST_ELEMENTS) ||
        !between(rescale->scales, 1, MOST_SIZE))
        return "too many elements";
    if (!element_fits(rescale->x_bytes) || !element_fits(rescale->y_bytes) ||
        rescale->unsigned_x > 1 || rescale->rounding >= DSP_ROUNDINGS ||
        rescale->lo > rescale->hi ||
        (rescale->y_bytes == 1 && (rescale->lo < -128 || rescale->hi > 255)) ||
        (rescale->y_bytes == 2 && (rescale->lo < INT16_MIN || rescale->hi > UINT16_MAX)))
        return "a rescale's numbers are out of range";
    return NULL;
}

static const char *check_softmax(const struct dsp_softmax *softmax)
{
    if (!between(softmax->outer, 1, MOST_SIZE) || !between(softmax->length, 1, MOST_ROW) ||
        !between(softmax->inner, 1, MOST_SIZE) ||
        (int64_t)softmax->length * softmax->inner > MOST_ELEMENTS / softmax->outer)
        return "a softmax's rows are too long";
    if (!code_fits(&softmax->code) ||
        softmax->scale.shift > (is_wide(&softmax->code) ? MOST_WIDE_PART_SHIFT : MOST_PART_SHIFT))
        return "a softmax's codes are out of range";
    return NULL;
}

static const char *check_norm(const struct dsp_norm *norm)
{
    const uint64_t most = (uint64_t)1 << 62;
    if (!between(norm->rows, 1, MOST_ELEMENTS) || !between(norm->length, 1, MOST_ROW) ||
        norm->length > MOST_ELEMENTS / norm->rows)
        return "a norm's rows are too long";
    if (norm->shift % 2 || norm->shift > 30 || norm->epsilon > most ||
        (uint64_t)norm->length * (uint64_t)norm->length > most >> 16 >> norm->shift)
        return "a norm's sums may overflow";
    if (norm->rms > 1 || !code_fits(&norm->code) || is_wide(&norm->code) ||
        !zero_fits(norm->zero_x, norm->code.type))
        return "a norm's codes are out of range";
    return NULL;
}

const char *dsp_step_check(const struct dsp_step *step)
{
    switch (step->op) {
    case DSP_CONV:
        return check_conv(&step->as.conv, step->x[3].space != DSP_NOWHERE);
    case DSP_MATMUL:
        return check_matmul(&step->as.matmul);
    case DSP_BINARY:
    case DSP_PRELU:
        return check_binary(&step->as.binary, step->op == DSP_PRELU);
    case DSP_TABLE:
        return between((int64_t)step->as.table.count, 1, MOST_ELEMENTS) &&
                       step->as.table.flip <= 255
                   ? NULL
                   : "a table's codes are too many";
    case DSP_POOL:
        return check_pool(&step->as.pool);
    case DSP_RESIZE:
        return check_resize(&step->as.resize);
    case DSP_COPY:
        return check_copy(&step->as.copy);
    case DSP_RESCALE:
        return check_rescale(&step->as.rescale);
    case DSP_SOFTMAX:
        return check_softmax(&step->as.softmax);
    case DSP_NORM:
        return check_norm(&step->as.norm);
    default:
        return "there is no such op";
    }
}

/* ---- bytes ---- */

static struct dsp_step_bytes matmul_bytes(const struct dsp_matmul *matmul)
{
    uint64_t batches = 1, m = (uint64_t)matmul->m, k = (uint64_t)matmul->k, n = (uint64_t)matmul->n;
    uint64_t each = dsp_code_bytes(&matmul->code);
    for (uint32_t i = 0; i < matmul->loops; i++)
        batches *= (uint64_t)matmul->sizes[i];
    return (struct dsp_step_bytes){
        .y = batches * m * n * dsp_result_bytes(matmul->sums, &matmul->code),
        .x = {(extent(matmul->loops, matmul->sizes, matmul->strides[0]) - 1 + m * k) * each,
              (extent(matmul->loops, matmul->sizes, matmul->strides[1]) - 1 + k * n) * each},
    };
}

/* each: bytes of an element of y and x[0]; second: of x[1] */
static struct dsp_step_bytes nest_bytes(const struct dsp_nest *nest, uint64_t each, uint64_t second)
{
    return (struct dsp_step_bytes){
        .y = extent(nest->loops, nest->sizes, nest->strides[0]) * each,
        .x = {extent(nest->loops, nest->sizes, nest->strides[1]) * each,
              extent(nest->loops, nest->sizes, nest->strides[2]) * second},
    };
}

struct dsp_step_bytes dsp_step_bytes(const struct dsp_step *step)
{
    struct dsp_step_bytes bytes = {0};
    const struct dsp_conv *conv = &step->as.conv;
    uint64_t each;
    switch (step->op) {
    case DSP_CONV:
        bytes.y = image_elements(&conv->y) * dsp_result_bytes(conv->sums, &conv->code);
        bytes.x[0] = image_elements(&conv->x) * dsp_code_bytes(&conv->code);
        bytes.x[1] = dsp_weight_bytes(conv) * (uint64_t)conv->y.c;
        bytes.x[2] = (uint64_t)conv->y.c * sizeof(struct dsp_channel);
        bytes.x[3] = step->x[3].space == DSP_NOWHERE ? 0 : bytes.y;
        return bytes;
    case DSP_MATMUL:
        return matmul_bytes(&step->as.matmul);
    case DSP_BINARY:
        each = dsp_result_bytes(step->as.binary.wide, &step->as.binary.code);
        return nest_bytes(&step->as.binary.nest, each, each);
    case DSP_PRELU:
        return nest_bytes(&step->as.binary.nest, dsp_code_bytes(&step->as.binary.code),
                          sizeof(int32_t));
    case DSP_RESCALE:
        bytes.y = step->as.rescale.count * step->as.rescale.y_bytes;
        bytes.x[0] = step->as.rescale.count * step->as.rescale.x_bytes;
        bytes.x[1] = step->as.rescale.scales * sizeof(struct dsp_scale);
        return bytes;
    case DSP_TABLE:
        bytes.y = bytes.x[0] = step->as.table.count;
        bytes.x[1] = 256;
        return bytes;
    case DSP_SOFTMAX:
        bytes.y = bytes.x[0] =
            (uint64_t)step->as.softmax.outer * (uint64_t)step->as.softmax.length *
            (uint64_t)step->as.softmax.inner * dsp_code_bytes(&step->as.softmax.code);
        bytes.x[1] = dsp_powers_bytes(&step->as.softmax.code);
        return bytes;
    case DSP_NORM:
        bytes.y = bytes.x[0] = (uint64_t)step->as.norm.rows * (uint64_t)step->as.norm.length;
        bytes.x[1] = (uint64_t)step->as.norm.length * sizeof(struct dsp_norm_channel);
        return bytes;
    case DSP_POOL:
        each = dsp_code_bytes(&step->as.pool.code);
        bytes.y = image_elements(&step->as.pool.y) * each;
        bytes.x[0] = image_elements(&step->as.pool.x) * each;
        return bytes;
    case DSP_RESIZE:
        bytes.y = image_elements(&step->as.resize.y);
        bytes.x[0] = image_elements(&step->as.resize.x);
        bytes.x[1] = ((uint64_t)step->as.resize.y.h + (uint64_t)step->as.resize.y.w) *
                     sizeof(struct dsp_tap);
        return bytes;
    default: /* DSP_COPY */
        each = step->as.copy.each;
        bytes = nest_bytes(&step->as.copy.nest, each, 0);
        bytes.y += (uint64_t)step->as.copy.to * each;
        bytes.x[0] += (uint64_t)step->as.copy.from * each;
        return bytes;
    }
}
