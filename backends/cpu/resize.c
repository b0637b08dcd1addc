/* Why: resampling channels-last images; where to look and how much is worked out once. */
#include "backends/cpu/elementwise.h"
#include "backends/cpu/image.h"

#include <math.h>
#include <string.h>

struct resize {
    struct cpu_image x, y;
    bool bilinear, eighths; /* eighths: of codes, and all shares are */
    enum prt_dtype dtype;
    size_t pixel; /* bytes */
    const struct cpu_loops *loops;
    struct cpu_code code;
    const struct cpu_tap *rows, *columns;
};

/* As PyTorch's area_pixel_compute_scale: input steps an output step, in fp32. */
static float step_of(const struct prt_resize_attrs *attrs, int axis, int32_t in, int32_t out)
{
    if (attrs->align_corners)
        return out > 1 ? (float)(in - 1) / (float)(out - 1) : 0.0f;
    return attrs->scale[axis] > 0 ? (float)(1.0 / attrs->scale[axis]) : (float)in / (float)out;
}

static struct cpu_tap tap_of(const struct prt_resize_attrs *attrs, float step, int32_t in,
                             int32_t at)
{
    float shift = attrs->half_pixel && !attrs->align_corners ? 0.5f : 0.0f;
    float position = step * ((float)at + shift);
    if (attrs->bilinear)
        position -= shift;
    else if (attrs->align_corners)
        position = rintf(position);
    if (!(position > 0))
        position = 0;
    if (position > (float)(in - 1))
        position = (float)(in - 1);
    int32_t first = (int32_t)position;
    float share = position - (float)first;
    return (struct cpu_tap){
        .from = {first, first + (first < in - 1)},
        .share = {1.0f - share, share},
    };
}

struct resize_run {
    const struct resize *resize;
    const char *x;
    char *y;
};

static void bilinear_pixel(const struct resize *resize, char *y, const char *const corners[4],
                           const struct cpu_tap *row, const struct cpu_tap *column)
{
    size_t n = (size_t)resize->y.c;
    const struct cpu_loops *loops = resize->loops;
    if (resize->dtype == PRT_F32)
        loops->lerp_f32(n, (float *)y, (const float *const *)corners, row->share, column->share,
                        &resize->code);
    else if (resize->dtype == PRT_I8)
        loops->lerp_i8(n, (int8_t *)y, (const int8_t *const *)corners, row->share, column->share,
                       &resize->code);
    else
        loops->lerp_u8(n, (uint8_t *)y, (const uint8_t *const *)corners, row->share, column->share,
                       &resize->code);
}

static void resize_task(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct resize_run *run = context;
    const struct resize *resize = run->resize;
    size_t n = task / (size_t)resize->y.h, row_bytes = (size_t)resize->x.w * resize->pixel;
    const struct cpu_tap *row = &resize->rows[task % (size_t)resize->y.h];
    const char *image = run->x + n * (size_t)resize->x.h * row_bytes;
    const char *above = image + (size_t)row->from[0] * row_bytes;
    const char *below = image + (size_t)row->from[1] * row_bytes;
    char *y = run->y + task * (size_t)resize->y.w * resize->pixel;
    if (resize->eighths) {
        const struct cpu_lerp_row job = {
            .above = above,
            .below = below,
            .y = y,
            .pixels = (size_t)resize->y.w,
            .channels = (size_t)resize->y.c,
            .is_signed = resize->dtype == PRT_I8,
            .down = row->share,
            .columns = resize->columns,
            .zero = (int16_t)resize->code.zero_point,
        };
        resize->loops->lerp_codes(&job);
        return;
    }
    for (int32_t w = 0; w < resize->y.w; w++, y += resize->pixel) {
        const struct cpu_tap *column = &resize->columns[w];
        size_t left = (size_t)column->from[0] * resize->pixel,
               right = (size_t)column->from[1] * resize->pixel;
        const char *corners[4] = {above + left, above + right, below + left, below + right};
        if (resize->bilinear)
            bilinear_pixel(resize, y, corners, row, column);
        else
            memcpy(y, corners[0], resize->pixel);
    }
}

static void resize_run(const struct cpu_step *step, const struct cpu_run *run)
{
    const struct resize *resize = step->state;
    struct resize_run job = {resize, run->data[step->inputs[0]], run->data[step->output]};
    size_t rows = (size_t)resize->y.n * (size_t)resize->y.h;
    cpu_spread(run->pool, rows * (size_t)resize->y.w * (size_t)resize->y.c, CPU_GRAIN, rows,
               resize_task, &job);
}

static bool supports(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_resize_attrs *attrs = &node->attrs.resize;
    const struct prt_tensor *x = cpu_operand(graph, node, 0), *y = cpu_result(graph, node);
    if (!cpu_image_fits(x, attrs->nhwc) || !cpu_image_fits(y, attrs->nhwc))
        return false;
    /* Indices are found in fp32, which counts to 2^24. */
    struct cpu_image from = cpu_image_of(x, attrs->nhwc), to = cpu_image_of(y, attrs->nhwc);
    int32_t most = 1 << 24;
    if (from.h > most || from.w > most || to.h > most || to.w > most)
        return false;
    return !attrs->bilinear || x->dtype == PRT_F32 ||
           (x->quant.kind == PRT_QUANT_PER_TENSOR && prt_dtype_size(x->dtype) == 1);
}

/* As all are when an image is made two or four times as large. */
static bool all_eighths(const struct cpu_tap *taps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (8 * taps[i].share[1] != truncf(8 * taps[i].share[1]))
            return false;
    return true;
}

static enum percept_status prepare_resize(const struct cpu_prepare *prepare, struct cpu_step *step)
{
    const struct prt_resize_attrs *attrs = &prepare->node->attrs.resize;
    const struct prt_tensor *x = cpu_operand(prepare->graph, prepare->node, 0);
    const struct prt_tensor *y = cpu_result(prepare->graph, prepare->node);
    struct cpu_image from = cpu_image_of(x, attrs->nhwc), to = cpu_image_of(y, attrs->nhwc);
    struct resize *resize = cpu_prepare_alloc(prepare, sizeof *resize);
    struct cpu_tap *taps = cpu_prepare_alloc(prepare, ((size_t)to.h + (size_t)to.w) * sizeof *taps);
    if (!resize || !taps)
        return PERCEPT_NO_MEMORY;
    float down = step_of(attrs, 0, from.h, to.h), right = step_of(attrs, 1, from.w, to.w);
    for (int32_t h = 0; h < to.h; h++)
        taps[h] = tap_of(attrs, down, from.h, h);
    for (int32_t w = 0; w < to.w; w++)
        taps[to.h + w] = tap_of(attrs, right, from.w, w);
    *resize = (struct resize){
        .x = from,
        .y = to,
        .bilinear = attrs->bilinear,
        .eighths = attrs->bilinear && x->dtype != PRT_F32 &&
                   all_eighths(taps, (size_t)to.h + (size_t)to.w),
        .dtype = x->dtype,
        .pixel = (size_t)to.c * prt_dtype_size(x->dtype),
        .loops = prepare->loops,
        .code = cpu_code_of(x),
        .rows = taps,
        .columns = taps + to.h,
    };
    step->run = resize_run;
    step->kernel = resize->eighths   ? "resize bilinear i8"
                   : attrs->bilinear ? "resize bilinear"
                                     : "resize nearest";
    step->state = resize;
    return PERCEPT_OK;
}

const struct cpu_kernel cpu_resize2d = {.supports = supports, .prepare = prepare_resize};
