/* Why: the nets see upright lines of one height; the world has them at any size and slant. */
#include "pipelines/text_image.h"

#include <math.h>

static const float scale = 2.0f / 255.0f; /* 0..255 to -1..1, after which 1 is taken off */

/* ---- a whole frame ---- */

struct resize {
    const struct pipe_frame *frame;
    const struct pipe_picture *picture;
    const struct pipe_column *columns;
    uint32_t bars;
    float step; /* frame's rows a row of the picture */
};

/* Between which two of `count` pixels does a position lie? In indices: pixel 0 is at 0. */
static void between(float at, uint32_t count, uint32_t *low, uint32_t *high, float *share)
{
    at = fminf(fmaxf(at, 0), (float)count - 1);
    *low = (uint32_t)at;
    if (*low >= count)
        *low = count - 1; /* a count beyond 2^24 rounds up as a float */
    *high = *low + 1 < count ? *low + 1 : *low;
    *share = at - (float)*low;
}

static void fill_row(void *context, size_t y, unsigned worker)
{
    (void)worker;
    const struct resize *r = context;
    const struct pipe_frame *frame = r->frame;
    const struct pipe_picture *picture = r->picture;
    float at = ((float)y + 0.5f) * r->step - 0.5f, share;
    uint32_t rows[2];
    const uint8_t *lines[2];
    float weights[2];
    between(at, frame->height + 2 * r->bars, &rows[0], &rows[1], &share);
    for (int i = 0; i < 2; i++) {
        uint32_t row = rows[i] - r->bars; /* wraps above the frame */
        bool there = row < frame->height;
        lines[i] = frame->pixels + (there ? (size_t)row * frame->stride : 0);
        weights[i] = there ? (i ? share : 1 - share) * scale : 0;
    }
    float *out = picture->data + (int64_t)y * picture->step_y;
    for (uint32_t x = 0; x < picture->width; x++, out += picture->step_x) {
        const struct pipe_column *column = &r->columns[x];
        for (int c = 0; c < 3; c++) {
            float top = (float)lines[0][column->left + c],
                  bottom = (float)lines[1][column->left + c];
            top += ((float)lines[0][column->right + c] - top) * column->share;
            bottom += ((float)lines[1][column->right + c] - bottom) * column->share;
            out[(2 - c) * picture->step_channel] = top * weights[0] + bottom * weights[1] - 1;
        }
    }
}

void pipe_text_resize(const struct pipe_frame *frame, uint32_t bars,
                      const struct pipe_picture *picture, struct pipe_column *columns,
                      struct base_pool *pool)
{
    float step = (float)frame->width / (float)picture->width;
    for (uint32_t x = 0; x < picture->width; x++) {
        between(((float)x + 0.5f) * step - 0.5f, frame->width, &columns[x].left, &columns[x].right,
                &columns[x].share);
        columns[x].left *= 3;
        columns[x].right *= 3;
    }
    struct resize resize = {frame, picture, columns, bars,
                            (float)(frame->height + 2 * bars) / (float)picture->height};
    base_pool_run(pool, picture->height, fill_row, &resize);
}

/* ---- a line ---- */

/* Where (u, v) of the unit square goes: x = (a u + b v + c) / (g u + h v + 1), y likewise. */
struct projection {
    float a, b, c, d, e, f, g, h;
};

/* Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3. Corners that
 * no projection reaches, as three in a line, get an affine one through three of them. */
static struct projection project(const float quad[4][2])
{
    const float *p = quad[0], *q = quad[1], *r = quad[2], *s = quad[3];
    float sx = p[0] - q[0] + r[0] - s[0], sy = p[1] - q[1] + r[1] - s[1];
    float dx1 = q[0] - r[0], dx2 = s[0] - r[0], dy1 = q[1] - r[1], dy2 = s[1] - r[1];
    float det = dx1 * dy2 - dx2 * dy1;
    float g = det != 0 ? (sx * dy2 - dx2 * sy) / det : 0;
    float h = det != 0 ? (dx1 * sy - sx * dy1) / det : 0;
    /* The denominator must not vanish in the square. */
    if (!(g > -1 && h > -1 && g + h > -1))
        g = h = 0;
    return (struct projection){
        .a = q[0] - p[0] + g * q[0],
        .b = s[0] - p[0] + h * s[0],
        .c = p[0],
        .d = q[1] - p[1] + g * q[1],
        .e = s[1] - p[1] + h * s[1],
        .f = p[1],
        .g = g,
        .h = h,
    };
}

static void sample(const struct pipe_frame *frame, float x, float y, float bgr[3])
{
    uint32_t left, right, top, bottom;
    float across, down;
    between(x - 0.5f, frame->width, &left, &right, &across);
    between(y - 0.5f, frame->height, &top, &bottom, &down);
    const uint8_t *upper = frame->pixels + (size_t)top * frame->stride,
                  *lower = frame->pixels + (size_t)bottom * frame->stride;
    for (uint32_t c = 0; c < 3; c++) {
        float high = (float)upper[3 * left + c], low = (float)lower[3 * left + c];
        high += ((float)upper[3 * right + c] - high) * across;
        low += ((float)lower[3 * right + c] - low) * across;
        bgr[2 - c] = (high + (low - high) * down) * scale - 1;
    }
}

void pipe_text_crop(const struct pipe_frame *frame, const float quad[4][2],
                    const struct pipe_picture *picture, uint32_t used)
{
    struct projection to = project(quad);
    for (uint32_t row = 0; row < picture->height; row++) {
        base_pool_pause();
        float v = ((float)row + 0.5f) / (float)picture->height;
        float *out = picture->data + row * picture->step_y;
        for (uint32_t column = 0; column < picture->width; column++, out += picture->step_x) {
            float bgr[3] = {0};
            if (column < used) {
                float u = ((float)column + 0.5f) / (float)used;
                float w = 1 / (to.g * u + to.h * v + 1);
                sample(frame, (to.a * u + to.b * v + to.c) * w, (to.d * u + to.e * v + to.f) * w,
                       bgr);
            }
            for (int c = 0; c < 3; c++)
                out[c * picture->step_channel] = bgr[c];
        }
    }
}

/* ---- a line to be read ---- */

/* Weights of the four pixels around a position that is `share` beyond the second. */
static void cubic(float share, float weights[4])
{
    const float a = -0.75f;
    float t = share + 1, u = 1 - share;
    weights[0] = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
    weights[1] = ((a + 2) * share - (a + 3)) * share * share + 1;
    weights[2] = ((a + 2) * u - (a + 3)) * u * u + 1;
    weights[3] = 1 - weights[0] - weights[1] - weights[2];
}

/* The four pixels, those beyond the border being the border's, and their weights. */
static void around(float at, uint32_t count, uint32_t pixels[4], float weights[4])
{
    uint32_t low, high;
    float share;
    between(at, count, &low, &high, &share);
    cubic(share, weights);
    pixels[0] = low ? low - 1 : 0;
    pixels[1] = low;
    pixels[2] = high;
    pixels[3] = high + 1 < count ? high + 1 : high;
}

static void sample_cubic(const struct pipe_frame *frame, float x, float y, uint8_t rgb[3])
{
    uint32_t columns[4], rows[4];
    float across[4], down[4], sums[3] = {0};
    around(x - 0.5f, frame->width, columns, across);
    around(y - 0.5f, frame->height, rows, down);
    for (int r = 0; r < 4; r++) {
        const uint8_t *row = frame->pixels + (size_t)rows[r] * frame->stride;
        for (int c = 0; c < 4; c++)
            for (int channel = 0; channel < 3; channel++)
                sums[channel] += down[r] * across[c] * (float)row[3 * columns[c] + channel];
    }
    for (int channel = 0; channel < 3; channel++)
        rgb[channel] = (uint8_t)(fminf(fmaxf(sums[channel], 0), 255) + 0.5f);
}

void pipe_text_cut(const struct pipe_frame *frame, const float quad[4][2], struct pipe_strip *strip)
{
    struct projection to = project(quad);
    /* A size that is no number counts as 1. */
    float width = fmaxf(truncf(pipe_quad_width(quad)), 1),
          height = fmaxf(truncf(pipe_quad_height(quad)), 1);
    strip->width = width < PIPE_STRIP_WIDTH ? (uint32_t)width : PIPE_STRIP_WIDTH;
    strip->height = height < PIPE_STRIP_HEIGHT ? (uint32_t)height : PIPE_STRIP_HEIGHT;
    uint8_t *out = strip->pixels;
    for (uint32_t row = 0; row < strip->height; row++) {
        base_pool_pause();
        float v = ((float)row + 0.5f) / (float)strip->height;
        for (uint32_t column = 0; column < strip->width; column++, out += 3) {
            float u = ((float)column + 0.5f) / (float)strip->width;
            float w = 1 / (to.g * u + to.h * v + 1);
            sample_cubic(frame, (to.a * u + to.b * v + to.c) * w, (to.d * u + to.e * v + to.f) * w,
                         out);
        }
    }
}

void pipe_text_place(const struct pipe_strip *strip, bool turned,
                     const struct pipe_picture *picture, uint32_t used)
{
    float step_x = (float)strip->width / (float)used,
          step_y = (float)strip->height / (float)picture->height;
    for (uint32_t row = 0; row < picture->height; row++) {
        base_pool_pause();
        uint32_t rows[2];
        float down;
        float *out = picture->data + (turned ? picture->height - 1 - row : row) * picture->step_y;
        between(((float)row + 0.5f) * step_y - 0.5f, strip->height, &rows[0], &rows[1], &down);
        for (uint32_t column = 0; column < used; column++) {
            uint32_t columns[2];
            float across;
            between(((float)column + 0.5f) * step_x - 0.5f, strip->width, &columns[0], &columns[1],
                    &across);
            float *at = out + (turned ? used - 1 - column : column) * picture->step_x;
            for (int c = 0; c < 3; c++) {
                float ends[2];
                for (int i = 0; i < 2; i++) {
                    const uint8_t *line = strip->pixels + (size_t)rows[i] * strip->width * 3 + c;
                    float left = (float)line[3 * columns[0]];
                    ends[i] = left + ((float)line[3 * columns[1]] - left) * across;
                }
                at[(2 - c) * picture->step_channel] =
                    (ends[0] + (ends[1] - ends[0]) * down) * scale - 1;
            }
        }
        for (uint32_t column = used; column < picture->width; column++)
            for (int c = 0; c < 3; c++)
                out[column * picture->step_x + c * picture->step_channel] = 0;
    }
}

/* ---- what they look like ---- */

float pipe_text_proportion(const float quad[4][2])
{
    return fmaxf(truncf(pipe_quad_width(quad)), 1) / fmaxf(truncf(pipe_quad_height(quad)), 1);
}

float pipe_text_sharpness(const struct pipe_picture *picture, uint32_t used)
{
    double sum = 0;
    if (used < 2)
        return 0;
    for (uint32_t row = 0; row < picture->height; row++) {
        const float *at = picture->data + row * picture->step_y;
        float before = 0;
        for (uint32_t column = 0; column < used; column++, at += picture->step_x) {
            float luma = 0.114f * at[0] + 0.587f * at[picture->step_channel] +
                         0.299f * at[2 * picture->step_channel];
            if (column)
                sum += (double)((luma - before) * (luma - before));
            before = luma;
        }
    }
    return (float)sqrt(sum / ((double)picture->height * (used - 1)));
}
