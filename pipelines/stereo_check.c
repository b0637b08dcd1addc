/* Why: a depth map that comes of swapped, covered or shifted eyes looks like any other. */
#include "pipelines/stereo_check.h"

#include "ipc/topics.h"
#include "pipelines/stereo_align.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 10 /* places that are looked at */
#define ROWS    8
#define RADIUS  4 /* of a patch: 9 x 9 */
#define REACH   6 /* rows above and below that are searched */
#define MARGIN  (RADIUS + REACH)

#define LEAST_TEXTURE   8   /* mean difference between neighbours in a patch */
#define LEAST_PLACES    12  /* with texture, or nothing is said by them */
#define LEAST_CONTRAST  4.0 /* standard deviation of an eye that is not covered */
#define MOST_VERTICAL   1.5F
#define SAME_DIFFERENCE 1 /* mean of a patch: less is no other sensor's noise */

struct place {
    uint32_t x, y;
    bool textured, matched;
    int disparity, row;  /* of the best match, rows down */
    float part;          /* of a row, by which it is lower than `row`, -0.5..0.5 */
    uint32_t difference; /* mean of the patch there */
};

struct stereo_check {
    uint32_t width, height;
    int disparities; /* both ways */
    struct base_pool *pool;
    uint8_t *flat[2];    /* the images without their local mean: exposure may differ */
    uint32_t *column[2]; /* width of scratch each: sums of columns */
    uint16_t *sums;      /* of a place: (2 * REACH + 1) * 2 * disparities; a worker each */
    struct place places[ROWS * COLUMNS];
};

void stereo_check_destroy(struct stereo_check *c)
{
    for (unsigned e = 0; c && e < 2; e++) {
        free(c->flat[e]);
        free(c->column[e]);
    }
    if (c)
        free(c->sums);
    free(c);
}

enum percept_status stereo_check_create(uint32_t width, uint32_t height, uint32_t disparities,
                                        struct base_pool *pool, struct stereo_check **check,
                                        struct percept_error *error)
{
    struct stereo_check *c = calloc(1, sizeof *c);
    if (!c)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    unsigned workers = pool ? base_pool_threads(pool) : 1;
    c->width = width;
    c->height = height;
    c->disparities = (int)disparities;
    c->pool = pool;
    c->sums = calloc((size_t)workers * (2 * REACH + 1) * 2, disparities * sizeof *c->sums);
    bool good = c->sums != NULL;
    for (unsigned e = 0; e < 2; e++) {
        c->flat[e] = calloc((size_t)width * height, 1);
        c->column[e] = calloc(width, sizeof *c->column[e]);
        good = good && c->flat[e] && c->column[e];
    }
    if (!good) {
        stereo_check_destroy(c);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *check = c;
    return PERCEPT_OK;
}

/* ---- what is looked at ---- */

/* Less the mean of 9 x 9, around 128. */
static void flatten(const struct stereo_check *c, const uint8_t *image, uint8_t *flat,
                    uint32_t *column)
{
    const uint32_t side = 2 * RADIUS + 1;
    memset(column, 0, c->width * sizeof *column);
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < c->width; x++)
            column[x] += image[y * c->width + x];
    for (uint32_t y = RADIUS; y + RADIUS < c->height; y++) {
        const uint8_t *row = image + (size_t)y * c->width;
        uint32_t sum = 0;
        for (uint32_t x = 0; x < side; x++)
            sum += column[x];
        for (uint32_t x = RADIUS; x + RADIUS < c->width; x++) {
            int value = 128 + (int)row[x] - (int)(sum / (side * side));
            flat[(size_t)y * c->width + x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            if (x + RADIUS + 1 < c->width)
                sum += column[x + RADIUS + 1] - column[x - RADIUS];
        }
        if (y + RADIUS + 1 < c->height)
            for (uint32_t x = 0; x < c->width; x++)
                column[x] += image[(size_t)(y + RADIUS + 1) * c->width + x] -
                             (uint32_t)image[(size_t)(y - RADIUS) * c->width + x];
    }
}

static double contrast(const uint8_t *image, size_t pixels)
{
    uint64_t sum = 0, squares = 0;
    for (size_t i = 0; i < pixels; i++) {
        sum += image[i];
        squares += (uint32_t)image[i] * image[i];
    }
    double mean = (double)sum / (double)pixels;
    return sqrt(fmax((double)squares / (double)pixels - mean * mean, 0));
}

static unsigned difference(uint8_t a, uint8_t b)
{
    return a > b ? a - b : b - a;
}

/* How much both directions of a patch vary, the lesser: an edge alone slides along itself. */
static unsigned texture(const struct stereo_check *c, uint32_t x, uint32_t y)
{
    const uint8_t *at = c->flat[0] + (size_t)y * c->width + x;
    unsigned across = 0, down = 0;
    for (int dy = -RADIUS; dy < RADIUS; dy++)
        for (int dx = -RADIUS; dx < RADIUS; dx++) {
            const uint8_t *p = at + dy * (int)c->width + dx;
            across += difference(p[0], p[1]);
            down += difference(p[0], p[c->width]);
        }
    return (across < down ? across : down) / (4 * RADIUS * RADIUS);
}

/* The place in its cell that has most texture. */
static void choose(struct stereo_check *c, unsigned index)
{
    struct place *place = &c->places[index];
    uint32_t wide = (c->width - 2 * MARGIN) / COLUMNS, high = (c->height - 2 * MARGIN) / ROWS;
    uint32_t left = MARGIN + index % COLUMNS * wide, top = MARGIN + index / COLUMNS * high;
    unsigned most = 0;
    for (uint32_t y = top; y < top + high; y += 4)
        for (uint32_t x = left; x < left + wide; x += 4) {
            unsigned here = texture(c, x, y);
            if (here < most)
                continue;
            most = here;
            place->x = x;
            place->y = y;
        }
    place->textured = most >= LEAST_TEXTURE;
}

/* ---- where it is in the other eye ---- */

/* Sums of differences of the patch with those at disparities from..to - 1 of a row. */
static void compare_row(const struct stereo_check *c, const struct place *p, int row, int from,
                        int to, uint16_t *restrict sums)
{
    size_t count = (size_t)(to - from);
    memset(sums, 0, count * sizeof *sums);
    for (int dy = -RADIUS; dy <= RADIUS; dy++)
        for (int dx = -RADIUS; dx <= RADIUS; dx++) {
            size_t at = (size_t)((int)p->y + dy) * c->width + (size_t)((int)p->x + dx);
            const uint8_t here = c->flat[0][at];
            /* Backwards: the largest disparity is the leftmost. */
            const uint8_t *restrict there = c->flat[1] + (size_t)((int)p->y + row + dy) * c->width +
                                            ((int)p->x + dx - (to - 1));
            for (size_t k = 0; k < count; k++)
                sums[k] =
                    (uint16_t)(sums[k] + (here > there[k] ? here - there[k] : there[k] - here));
        }
}

/* The least in a row at the best disparity and beside it: what is between pixels is between rows
 * and columns at once. */
static float least_beside(const uint16_t *sums, size_t count, size_t at)
{
    uint16_t least = sums[at];
    if (at > 0 && sums[at - 1] < least)
        least = sums[at - 1];
    if (at + 1 < count && sums[at + 1] < least)
        least = sums[at + 1];
    return least;
}

/* Where between rows the best match is: of two lines of the same slope, as sums of differences are
 * around their least. */
static float part_of_row(const uint16_t *sums, size_t count, size_t rows, size_t best)
{
    size_t row = best / count, at = best % count;
    if (row == 0 || row + 1 == rows)
        return 0;
    float above = least_beside(sums + (row - 1) * count, count, at);
    float here = sums[best];
    float below = least_beside(sums + (row + 1) * count, count, at);
    float steep = fmaxf(above, below) - here;
    return steep > 0 ? 0.5F * (above - below) / steep : 0;
}

static void find(void *context, size_t index, unsigned worker)
{
    struct stereo_check *c = context;
    struct place *p = &c->places[index];
    choose(c, (unsigned)index);
    p->matched = false;
    if (!p->textured)
        return;
    /* As far as the patch stays inside the image. */
    int most = (int)p->x - RADIUS, least = (int)p->x + RADIUS - ((int)c->width - 1);
    int to = (most < c->disparities - 1 ? most : c->disparities - 1) + 1;
    int from = least > 1 - c->disparities ? least : 1 - c->disparities;
    size_t count = (size_t)(to - from), rows = 2 * REACH + 1;
    uint16_t *sums = c->sums + worker * rows * 2 * (size_t)c->disparities;
    size_t best = 0;
    for (size_t r = 0; r < rows; r++)
        compare_row(c, p, (int)r - REACH, from, to, sums + r * count);
    for (size_t i = 0; i < rows * count; i++)
        best = sums[i] < sums[best] ? i : best;
    /* The second best is not next to it. */
    unsigned second = UINT16_MAX;
    for (size_t i = 0; i < rows * count; i++) {
        int down = (int)(i / count) - (int)(best / count);
        int along = (int)(i % count) - (int)(best % count);
        bool near = down >= -2 && down <= 2 && along >= -2 && along <= 2;
        second = !near && sums[i] < second ? sums[i] : second;
    }
    p->difference = sums[best] / ((2 * RADIUS + 1) * (2 * RADIUS + 1));
    p->row = (int)(best / count) - REACH;
    p->part = part_of_row(sums, count, rows, best);
    p->disparity = to - 1 - (int)(best % count);
    /* Clearly better than any other place, and alike at all. */
    p->matched = sums[best] * 10u < second * 7u && p->difference < 2 * LEAST_TEXTURE;
}

/* ---- what that says ---- */

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void judge(const struct stereo_check *c, struct stereo_check_result *result)
{
    int off[ROWS * COLUMNS];
    struct stereo_row_sample samples[ROWS * COLUMNS];
    uint32_t negative = 0, same = 0, count = 0;
    for (unsigned i = 0; i < ROWS * COLUMNS; i++) {
        const struct place *p = &c->places[i];
        result->textured += p->textured;
        if (!p->matched)
            continue;
        samples[count] = (struct stereo_row_sample){
            .u = 2 * ((float)p->x + 0.5F) / (float)c->width - 1,
            .v = 2 * ((float)p->y + 0.5F) / (float)c->height - 1,
            .rows = (float)p->row + p->part,
        };
        off[count++] = p->row < 0 ? -p->row : p->row;
        negative += p->disparity < -1;
        same += p->disparity == 0 && p->row == 0 && p->difference < SAME_DIFFERENCE;
    }
    result->matched = count;
    if (result->textured < LEAST_PLACES) {
        result->flags |= PERCEPT_DEPTH_NO_TEXTURE;
        return;
    }
    if (count * 6 < result->textured || count < LEAST_PLACES / 2) {
        result->flags |= PERCEPT_DEPTH_UNMATCHED;
        return;
    }
    result->fitted = stereo_rows_fit(samples, count, &result->rows);
    qsort(off, count, sizeof off[0], by_value);
    size_t middle = count / 2;
    result->vertical_px = (float)off[middle];
    if (result->vertical_px > MOST_VERTICAL)
        result->flags |= PERCEPT_DEPTH_MISALIGNED;
    if (negative * 2 > count)
        result->flags |= PERCEPT_DEPTH_SWAPPED;
    if (same * 10 > count * 9)
        result->flags |= PERCEPT_DEPTH_SAME_VIEW;
}

void stereo_check_run(struct stereo_check *c, const uint8_t *left, const uint8_t *right,
                      struct stereo_check_result *result)
{
    const size_t pixels = (size_t)c->width * c->height;
    *result = (struct stereo_check_result){0};
    if (contrast(left, pixels) < LEAST_CONTRAST)
        result->flags |= PERCEPT_DEPTH_LEFT_COVERED;
    if (contrast(right, pixels) < LEAST_CONTRAST)
        result->flags |= PERCEPT_DEPTH_RIGHT_COVERED;
    if (result->flags)
        return;
    flatten(c, left, c->flat[0], c->column[0]);
    flatten(c, right, c->flat[1], c->column[1]);
    base_pool_run(c->pool, ROWS * COLUMNS, find, c);
    judge(c, result);
}
