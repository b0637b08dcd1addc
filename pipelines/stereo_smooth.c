/* Why: a dim room is a noisy room, and it is where headsets are used. */
#include "pipelines/stereo_smooth.h"

#include "pipelines/sgm_kernels.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BAND   16
#define BLOCK  8
#define FLAT   10  /* per cent of the blocks, the flattest, say what noise is */
#define BELIEF 400 /* blocks that are looked at */

/* Of noise of deviation 1: the mean of the mask's magnitude is 6 * sqrt(2 / pi), of which the
 * flattest tenth of blocks has this share. */
#define MASK_OF_NOISE 4.25F

/* Noise of that share of the contrast begins to be taken off, or is taken off wholly. */
#define LEAST_SHARE 0.045F
#define MOST_SHARE  0.075F

#define LEAST_NOISE 0.3F /* as rounding to bytes makes */

/* What is left is stretched to that contrast, where it is less: matching weighs brightness by its
 * steps, and what lies between two of them is worth keeping. */
#define CONTRAST     50
#define MOST_STRETCH 4
#define MIDDLE       128

/* Two pixels of the same brightness differ by 2 / sqrt(pi) = 1.13 deviations of their noise, in the
 * mean. Patches that differ by less are the same, those that differ by so much are not. */
#define SAME_NOISE  1.15F
#define OTHER_NOISE 1.8F
#define PATCH_AREA  ((2 * SGM_PATCH + 1) * (2 * SGM_PATCH + 1))

/* A worker's own memory. */
struct scratch {
    uint16_t *columns;
    float *sums, *shares;
};

struct stereo_smoother {
    uint32_t width, height;
    size_t pitch; /* bytes of a row of padded brightness */
    struct base_pool *pool;
    const struct sgm_kernels *kernels;
    uint8_t *exposed, *padded[2], *smoothed[2];
    struct scratch *scratch;
    unsigned workers;
    const uint8_t *images[2]; /* of the run in progress */
    float noise[2];           /* to take off */
    float gain, offset;       /* of both eyes alike: matching compares their brightness, too */
};

void stereo_smoother_destroy(struct stereo_smoother *s)
{
    if (!s)
        return;
    for (unsigned w = 0; s->scratch && w < s->workers; w++) {
        free(s->scratch[w].columns);
        free(s->scratch[w].sums);
        free(s->scratch[w].shares);
    }
    free(s->scratch);
    free(s->exposed);
    for (unsigned e = 0; e < 2; e++) {
        free(s->padded[e]);
        free(s->smoothed[e]);
    }
    free(s);
}

static bool take_all(struct stereo_smoother *s)
{
    bool good = (s->scratch = calloc(s->workers, sizeof *s->scratch)) != NULL;
    for (unsigned w = 0; good && w < s->workers; w++) {
        struct scratch *scratch = &s->scratch[w];
        scratch->columns = calloc(s->width + 2 * SGM_PATCH, sizeof *scratch->columns);
        scratch->sums = calloc(s->width, sizeof *scratch->sums);
        scratch->shares = calloc(s->width, sizeof *scratch->shares);
        good = scratch->columns && scratch->sums && scratch->shares;
    }
    s->exposed = calloc(s->width, s->height);
    good = good && s->exposed;
    for (unsigned e = 0; e < 2; e++) {
        s->padded[e] = calloc(s->pitch, s->height + 2 * SGM_DENOISE);
        s->smoothed[e] = calloc(s->width, s->height);
        good = good && s->padded[e] && s->smoothed[e];
    }
    return good;
}

enum percept_status stereo_smoother_create(uint32_t width, uint32_t height, struct base_pool *pool,
                                           struct stereo_smoother **smoother,
                                           struct percept_error *error)
{
    struct stereo_smoother *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->width = width;
    s->height = height;
    s->pitch = (size_t)width + 2 * SGM_DENOISE;
    s->pool = pool;
    s->kernels = sgm_kernels_here();
    s->workers = pool ? base_pool_threads(pool) : 1;
    if (!take_all(s)) {
        stereo_smoother_destroy(s);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for images");
    }
    *smoother = s;
    return PERCEPT_OK;
}

/* ---- exposure ---- */

#define LEVELS 256
/* Levels by which an eye must be off in the mean: what only one of them sees makes up to nine. */
#define LEAST_OFF 10

struct levels {
    uint32_t count[LEVELS];
    uint64_t sum;
};

static void count_levels(const uint8_t *image, size_t pixels, struct levels *levels)
{
    *levels = (struct levels){0};
    for (size_t i = 0; i < pixels; i++)
        levels->count[image[i]]++;
    for (uint32_t v = 0; v < LEVELS; v++)
        levels->sum += (uint64_t)v * levels->count[v];
}

/* Which level of `to` has as many pixels below it as each of `from`. Returns how far they are
 * apart, the sum of all pixels. */
static uint64_t map_levels(const struct levels *from, const struct levels *to, uint8_t map[LEVELS])
{
    uint64_t below = 0, others = to->count[0], apart = 0;
    uint32_t there = 0;
    for (uint32_t v = 0; v < LEVELS; v++) {
        uint64_t middle = below + from->count[v] / 2;
        while (others <= middle && there + 1 < LEVELS)
            others += to->count[++there];
        map[v] = (uint8_t)there;
        apart += (uint64_t)from->count[v] * (there > v ? there - v : v - there);
        below += from->count[v];
    }
    return apart;
}

/* The darker eye gets the brightness of the other: the other way round, levels would fall together.
 */
static void expose_alike(struct stereo_smoother *s, const uint8_t *images[2])
{
    struct levels levels[2];
    const size_t pixels = (size_t)s->width * s->height;
    uint8_t map[LEVELS];
    for (unsigned e = 0; e < 2; e++)
        count_levels(images[e], pixels, &levels[e]);
    unsigned dark = levels[1].sum < levels[0].sum;
    if (map_levels(&levels[dark], &levels[!dark], map) < LEAST_OFF * pixels)
        return;
    for (size_t i = 0; i < pixels; i++)
        s->exposed[i] = map[images[dark][i]];
    images[dark] = s->exposed;
}

/* ---- how much ---- */

/* Sum of magnitudes of a mask that is blind to slopes and edges along rows and columns (Immerkaer,
 * 1996). */
static uint32_t roughness(const uint8_t *image, uint32_t width, uint32_t x, uint32_t y)
{
    uint32_t sum = 0;
    for (uint32_t row = y; row < y + BLOCK; row++) {
        const uint8_t *b = image + (size_t)row * width + x, *a = b - width, *c = b + width;
        for (int i = 0; i < BLOCK; i++) {
            int edges = a[i - 1] + a[i + 1] + c[i - 1] + c[i + 1];
            int sides = a[i] + c[i] + b[i - 1] + b[i + 1];
            sum += (uint32_t)abs(edges - 2 * sides + 4 * b[i]);
        }
    }
    return sum;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

struct stereo_noise stereo_noise_measure(const uint8_t *image, uint32_t width, uint32_t height)
{
    uint32_t found[BELIEF], count = 0;
    uint64_t sum = 0, squares = 0, pixels = 0;
    uint32_t wide = (width - 2) / BLOCK, high = (height - 2) / BLOCK, all = wide * high;
    uint32_t every = all > BELIEF ? (all + BELIEF - 1) / BELIEF : 1;
    for (uint32_t i = 0; i < all; i += every) {
        uint32_t x = 1 + i % wide * BLOCK, y = 1 + i / wide * BLOCK;
        bool clipped = false; /* there is no noise in what is black or white */
        for (uint32_t k = 0; k < BLOCK; k++) {
            uint32_t value = image[(size_t)(y + k) * width + x + k];
            clipped = clipped || value < 3 || value > 252;
            sum += value;
            squares += value * value;
            pixels++;
        }
        if (!clipped)
            found[count++] = roughness(image, width, x, y);
    }
    if (!count)
        return (struct stereo_noise){0};
    qsort(found, count, sizeof found[0], by_value);
    float mean = (float)sum / (float)pixels;
    uint32_t flat = count * FLAT / 100;
    float noise = (float)found[flat] / (BLOCK * BLOCK * MASK_OF_NOISE);
    float rounding = 1 / 12.0F;
    return (struct stereo_noise){
        .noise = sqrtf(fmaxf(noise * noise - rounding, 0)),
        .mean = mean,
        .contrast = sqrtf(fmaxf((float)squares / (float)pixels - mean * mean, 0)),
    };
}

/* ---- smoothing ---- */

/* Beyond the image is what its border shows. */
static void pad_row(const struct stereo_smoother *s, unsigned eye, size_t y)
{
    size_t from = y < SGM_DENOISE ? 0 : y - SGM_DENOISE;
    from = from < s->height ? from : s->height - 1;
    const uint8_t *row = s->images[eye] + from * s->width;
    uint8_t *out = s->padded[eye] + y * s->pitch;
    memset(out, row[0], SGM_DENOISE);
    memcpy(out + SGM_DENOISE, row, s->width);
    memset(out + SGM_DENOISE + s->width, row[s->width - 1], SGM_DENOISE);
}

static void smooth_row(const struct stereo_smoother *s, unsigned eye, size_t y,
                       const struct scratch *scratch)
{
    const struct sgm_denoise denoise = {
        .image = s->padded[eye] + (y + SGM_DENOISE) * s->pitch + SGM_DENOISE,
        .pitch = s->pitch,
        .width = s->width,
        .same = SAME_NOISE * PATCH_AREA * s->noise[eye],
        .other = OTHER_NOISE * PATCH_AREA * s->noise[eye],
        .columns = scratch->columns,
        .sums = scratch->sums,
        .shares = scratch->shares,
        .gain = s->gain,
        .offset = s->offset,
        .out = s->smoothed[eye] + y * s->width,
    };
    s->kernels->denoise(&denoise);
}

static void smooth_band(void *context, size_t band, unsigned worker)
{
    const struct stereo_smoother *s = context;
    for (size_t y = band * BAND; y < (band + 1) * BAND && y < s->height; y++)
        for (unsigned e = 0; e < 2; e++)
            smooth_row(s, e, y, &s->scratch[worker]);
}

void stereo_smoother_run(struct stereo_smoother *s, const uint8_t *images[2])
{
    struct stereo_noise n[2];
    float share = 0;
    expose_alike(s, images);
    for (unsigned e = 0; e < 2; e++) {
        n[e] = stereo_noise_measure(images[e], s->width, s->height);
        share = fmaxf(share, n[e].noise / fmaxf(n[e].contrast, 1));
    }
    float much = fminf(fmaxf((share - LEAST_SHARE) / (MOST_SHARE - LEAST_SHARE), 0), 1);
    if (much * fmaxf(n[0].noise, n[1].noise) < LEAST_NOISE)
        return;
    float wanted = CONTRAST / fmaxf(fmaxf(n[0].contrast, n[1].contrast), 1);
    float stretch = fminf(fmaxf(wanted, 1), MOST_STRETCH), mean = (n[0].mean + n[1].mean) / 2;
    s->gain = 1 + much * (stretch - 1);
    s->offset = mean + much * (MIDDLE - mean) - s->gain * mean;
    for (unsigned e = 0; e < 2; e++) {
        s->images[e] = images[e];
        s->noise[e] = fmaxf(much * n[e].noise, LEAST_NOISE);
        for (size_t y = 0; y < s->height + 2 * SGM_DENOISE; y++)
            pad_row(s, e, y);
    }
    base_pool_run(s->pool, (s->height + BAND - 1) / BAND, smooth_band, s);
    for (unsigned e = 0; e < 2; e++)
        images[e] = s->smoothed[e];
}
