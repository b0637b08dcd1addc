/* Why: a net sees what it was trained on only if its input is made as in its training; all that is
 * usual there is said by a few numbers. */
#include "pipelines/image_fit.h"

#include "base/halves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The image's columns of one of the input's. */
struct taps {
    int first, count;      /* count 0: it lies beyond the image */
    float centre, inverse; /* weight of pixel i: 1 - |i + .5 - centre| * inverse */
    float total;
};

struct pipe_fit {
    struct pipe_fit_options options;
    enum prt_dtype dtype;
    uint32_t width, height, channels;
    int64_t step_x, step_y, step_channel; /* elements */
    struct base_pool *pool;
    struct taps *columns;
    float *sums; /* a row of RGB, one each worker */
};

struct run {
    const struct pipe_fit *fit;
    const struct pipe_frame *frame;
    void *input;
    float top, scale_y;
};

bool pipe_fit_dimensions(const struct prt_tensor *spec, unsigned dimensions[3])
{
    unsigned first = spec->rank - 3u;
    if ((spec->rank != 3 && spec->rank != 4) || (spec->rank == 4 && spec->sizes[0] != 1))
        return false;
    int32_t leading = spec->sizes[first], trailing = spec->sizes[first + 2];
    bool leads = leading == 3 || (leading == 1 && trailing != 3);
    unsigned channel = leads ? first : first + 2;
    dimensions[0] = channel;
    dimensions[1] = leads ? first + 1 : first;
    dimensions[2] = dimensions[1] + 1;
    int32_t most = 8192;
    return (spec->sizes[channel] == 3 || spec->sizes[channel] == 1) &&
           spec->sizes[dimensions[1]] > 0 && spec->sizes[dimensions[1]] <= most &&
           spec->sizes[dimensions[2]] > 0 && spec->sizes[dimensions[2]] <= most;
}

enum percept_status pipe_fit_create(const struct prt_tensor *spec,
                                    const struct pipe_fit_options *options, struct base_pool *pool,
                                    struct pipe_fit **result, struct percept_error *error)
{
    unsigned dimensions[3];
    char text[160];
    if (!pipe_fit_dimensions(spec, dimensions) ||
        (spec->dtype != PRT_F32 && spec->dtype != PRT_F16 && spec->dtype != PRT_U8 &&
         spec->dtype != PRT_I8))
        return percept_fail(error, PERCEPT_INVALID,
                            "an image needs an input [1, 3, height, width] or [1, height, width, "
                            "3] of float32, float16, uint8 or int8; it is %s",
                            prt_tensor_describe(spec, text, sizeof text));
    struct pipe_fit *fit = calloc(1, sizeof *fit);
    if (!fit)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    int64_t strides[PRT_MAX_RANK];
    prt_tensor_strides(spec, strides);
    fit->options = *options;
    fit->dtype = spec->dtype;
    fit->channels = (uint32_t)spec->sizes[dimensions[0]];
    fit->height = (uint32_t)spec->sizes[dimensions[1]];
    fit->width = (uint32_t)spec->sizes[dimensions[2]];
    fit->step_channel = strides[dimensions[0]];
    fit->step_y = strides[dimensions[1]];
    fit->step_x = strides[dimensions[2]];
    fit->pool = pool;
    fit->columns = calloc(fit->width, sizeof *fit->columns);
    fit->sums =
        calloc((size_t)(pool ? base_pool_threads(pool) : 1) * fit->width * 3, sizeof(float));
    if (!fit->columns || !fit->sums) {
        pipe_fit_destroy(fit);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *result = fit;
    return PERCEPT_OK;
}

void pipe_fit_destroy(struct pipe_fit *fit)
{
    if (!fit)
        return;
    free(fit->columns);
    free(fit->sums);
    free(fit);
}

/* ---- sampling ---- */

static float weight(const struct taps *taps, int i)
{
    float w = 1 - fabsf((float)i + 0.5f - taps->centre) * taps->inverse;
    return w > 0 ? w : 0;
}

/* Of an axis of `size` pixels, those for what spans `scale` of them around the centre. */
static struct taps find_taps(float centre, float scale, uint32_t size)
{
    float support = scale > 1 ? scale : 1;
    struct taps taps = {.centre = centre, .inverse = 1 / support};
    if (centre < 0 || centre >= (float)size)
        return taps;
    int first = (int)ceilf(centre - support - 0.5f), last = (int)floorf(centre + support - 0.5f);
    taps.first = first > 0 ? first : 0;
    last = last < (int)size - 1 ? last : (int)size - 1;
    taps.count = last - taps.first + 1;
    for (int i = 0; i < taps.count; i++)
        taps.total += weight(&taps, taps.first + i);
    return taps;
}

static void add_row(const struct pipe_fit *fit, const uint8_t *row, float factor, float *sums)
{
    for (uint32_t x = 0; x < fit->width; x++) {
        const struct taps *taps = &fit->columns[x];
        float rgb[3] = {0};
        for (int i = taps->first; i < taps->first + taps->count; i++) {
            float w = weight(taps, i);
            for (int c = 0; c < 3; c++)
                rgb[c] += w * row[3 * i + c];
        }
        for (int c = 0; c < 3 && taps->count; c++)
            sums[3 * x + c] += rgb[c] * factor / taps->total;
    }
}

static void store(const struct pipe_fit *fit, void *input, int64_t at, unsigned channel,
                  float value)
{
    const struct pipe_fit_options *o = &fit->options;
    float number = (float)((value * o->scale - o->mean[channel]) / o->std[channel]);
    float whole = roundf(number);
    if (fit->dtype == PRT_F32)
        ((float *)input)[at] = number;
    else if (fit->dtype == PRT_F16)
        ((uint16_t *)input)[at] = base_to_f16(number);
    else if (fit->dtype == PRT_U8)
        ((uint8_t *)input)[at] = (uint8_t)(whole < 0 ? 0 : whole > 255 ? 255 : whole);
    else
        ((int8_t *)input)[at] = (int8_t)(whole < -128 ? -128 : whole > 127 ? 127 : whole);
}

static void store_row(const struct run *run, size_t y, const float *sums, bool beyond)
{
    const struct pipe_fit *fit = run->fit;
    float pad = (float)fit->options.pad;
    for (uint32_t x = 0; x < fit->width; x++) {
        int64_t at = (int64_t)y * fit->step_y + x * fit->step_x;
        const float padding[3] = {pad, pad, pad};
        const float *rgb = beyond || !fit->columns[x].count ? padding : sums + (size_t)3 * x;
        if (fit->channels == 1)
            store(fit, run->input, at, 0, 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]);
        for (unsigned c = 0; c < 3 && fit->channels == 3; c++)
            store(fit, run->input, at + c * fit->step_channel, c,
                  rgb[fit->options.bgr ? 2 - c : c]);
    }
}

static void fill_row(void *context, size_t y, unsigned worker)
{
    const struct run *run = context;
    const struct pipe_fit *fit = run->fit;
    const struct pipe_frame *frame = run->frame;
    float *sums = fit->sums + (size_t)worker * fit->width * 3;
    struct taps taps =
        find_taps(run->top + ((float)y + 0.5f) * run->scale_y, run->scale_y, frame->height);
    memset(sums, 0, (size_t)fit->width * 3 * sizeof *sums);
    for (int i = taps.first; i < taps.first + taps.count; i++)
        add_row(fit, frame->pixels + (size_t)i * frame->stride, weight(&taps, i) / taps.total,
                sums);
    store_row(run, y, sums, taps.count == 0);
}

/* ---- fitting ---- */

static void find_rect(const struct pipe_fit *fit, const struct pipe_frame *frame, float rect[4])
{
    float width = (float)frame->width, height = (float)frame->height;
    float x = width / (float)fit->width, y = height / (float)fit->height; /* image pixels a pixel */
    if (fit->options.kind == PIPE_FIT_LETTERBOX)
        x = y = x > y ? x : y;
    else if (fit->options.kind == PIPE_FIT_CROP)
        x = y = x < y ? x : y;
    rect[2] = x * (float)fit->width;
    rect[3] = y * (float)fit->height;
    rect[0] = (width - rect[2]) / 2;
    rect[1] = (height - rect[3]) / 2;
}

void pipe_fit_run(struct pipe_fit *fit, const struct pipe_frame *frame, void *input, float rect[4])
{
    find_rect(fit, frame, rect);
    float scale_x = rect[2] / (float)fit->width;
    struct run run = {fit, frame, input, rect[1], rect[3] / (float)fit->height};
    for (uint32_t x = 0; x < fit->width; x++)
        fit->columns[x] = find_taps(rect[0] + ((float)x + 0.5f) * scale_x, scale_x, frame->width);
    base_pool_run(fit->pool, fit->height, fill_row, &run);
}
