/* Why: the two passes over the image, from above and from below, are what two cores can do at
 * once; each is a chain from row to row, so that within it there is no more to share. */
#include "pipelines/sgm.h"
#include "pipelines/sgm_kernels.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define BAND      8 /* rows a task, where rows are independent */
#define PASSES    2
/* A pass's own memory. */
struct pass {
    uint16_t *sums;                 /* height * width * disparities */
    uint8_t *paths[2][SGM_ABOVE];   /* of two rows in turns; width + 2 pixels */
    uint8_t *side[2];               /* of a pixel */
    uint8_t *large_step[SGM_PATHS]; /* of a row */
};

/* A worker's own memory. */
struct scratch {
    uint8_t *left, *right, *plane; /* as sgm_match has them; one plane before it is reversed */
    uint16_t *total, *right_cost, *right_disparity, *best;
};

struct sgm {
    struct sgm_options options;
    struct base_pool *pool;
    const struct sgm_kernels *kernels;
    size_t pitch; /* bytes of a row of padded brightness */
    uint8_t *costs;
    uint8_t *padded[2]; /* brightness with a border; the right one as it is */
    struct pass passes[PASSES];
    struct scratch *scratch; /* a worker each */
    unsigned workers;
    uint8_t large_step[256]; /* by the change of brightness */
    /* Of the call in progress. */
    const uint8_t *images[2];
    float *disparity;
    uint8_t *confidence;
    size_t first; /* row of the piece at which the passes are */
};

/* ---- making one ---- */

static bool take(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    void *memory = NULL;
    if (base_mul_size(count, size, &bytes) && base_align_size(bytes, ALIGNMENT, &bytes))
        memory = aligned_alloc(ALIGNMENT, bytes);
    if (memory)
        memset(memory, 0, bytes);
    memcpy(pointer, &memory, sizeof memory);
    return memory != NULL;
}

static bool take_pass(struct pass *pass, const struct sgm_options *o)
{
    size_t pixel = o->disparities + SGM_GUARD, row = (o->width + 2) * pixel + SGM_GUARD;
    bool good = take(&pass->sums, (size_t)o->width * o->height * o->disparities, sizeof(uint16_t));
    for (unsigned p = 0; p < SGM_ABOVE; p++)
        good = take(&pass->paths[0][p], row, 1) && take(&pass->paths[1][p], row, 1) && good;
    for (unsigned p = 0; p < SGM_PATHS; p++)
        good = take(&pass->large_step[p], o->width, 1) && good;
    return take(&pass->side[0], pixel + SGM_GUARD, 1) &&
           take(&pass->side[1], pixel + SGM_GUARD, 1) && good;
}

static bool take_all(struct sgm *s)
{
    const struct sgm_options *o = &s->options;
    size_t reversed = (size_t)o->width + o->disparities;
    size_t padded = s->pitch * (o->height + 2 * SGM_CENSUS_Y);
    bool good = take(&s->costs, (size_t)o->width * o->height * o->disparities, 1) &&
                take(&s->padded[0], padded, 1) && take(&s->padded[1], padded, 1) &&
                take_pass(&s->passes[0], o) && take_pass(&s->passes[1], o) &&
                take(&s->scratch, s->workers, sizeof *s->scratch);
    for (unsigned w = 0; good && w < s->workers; w++) {
        struct scratch *scratch = &s->scratch[w];
        good = take(&scratch->left, o->width, SGM_PLANES + 1) &&
               take(&scratch->right, reversed, SGM_PLANES + 1) &&
               take(&scratch->plane, o->width, SGM_PLANES + 1) &&
               take(&scratch->total, o->disparities + 2, sizeof(uint16_t)) &&
               take(&scratch->right_cost, reversed, sizeof(uint16_t)) &&
               take(&scratch->right_disparity, reversed, sizeof(uint16_t)) &&
               take(&scratch->best, o->width, sizeof(uint16_t));
    }
    return good;
}

const struct sgm_kernels *sgm_kernels_here(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &sgm_kernels_avx2;
#endif
    return &sgm_kernels_plain;
}

/* What a change by more than one costs: less where brightness changes, too, for things end there.
 */
static void fill_large_steps(struct sgm *s)
{
    const struct sgm_options *o = &s->options;
    for (uint32_t change = 0; change < 256; change++) {
        uint32_t step = o->large_step * 8 / (8 + change);
        s->large_step[change] = (uint8_t)(step > o->small_step ? step : o->small_step + 1);
    }
}

static bool options_are_sound(const struct sgm_options *o)
{
    return o->width >= 16 && o->width <= SGM_MAX_SIDE && o->height >= 16 &&
           o->height <= SGM_MAX_SIDE && o->disparities >= 32 && o->disparities % 32 == 0 &&
           o->disparities <= SGM_MAX_DISPARITIES && o->small_step >= 1 && o->small_step <= 40 &&
           o->large_step > o->small_step && o->large_step <= 100 && o->uniqueness < 100;
}

enum percept_status sgm_create(const struct sgm_options *options, struct base_pool *pool,
                               struct sgm **sgm, struct percept_error *error)
{
    if (!options_are_sound(options))
        return percept_fail(error, PERCEPT_INVALID,
                            "matching of %u x %u pixels, %u disparities, penalties %u and %u, "
                            "uniqueness %u",
                            options->width, options->height, options->disparities,
                            options->small_step, options->large_step, options->uniqueness);
    struct sgm *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->options = *options;
    s->pool = pool;
    s->workers = pool ? base_pool_threads(pool) : 1;
    s->kernels = sgm_kernels_here();
    s->pitch = (options->width + 2 * SGM_CENSUS_X + 31) & ~(size_t)31;
    fill_large_steps(s);
    if (!take_all(s)) {
        sgm_destroy(s);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for matching");
    }
    *sgm = s;
    return PERCEPT_OK;
}

void sgm_destroy(struct sgm *s)
{
    if (!s)
        return;
    for (unsigned w = 0; s->scratch && w < s->workers; w++) {
        free(s->scratch[w].left);
        free(s->scratch[w].right);
        free(s->scratch[w].plane);
        free(s->scratch[w].total);
        free(s->scratch[w].right_cost);
        free(s->scratch[w].right_disparity);
        free(s->scratch[w].best);
    }
    free(s->scratch);
    for (unsigned i = 0; i < PASSES; i++) {
        struct pass *pass = &s->passes[i];
        free(pass->sums);
        for (unsigned p = 0; p < SGM_ABOVE; p++) {
            free(pass->paths[0][p]);
            free(pass->paths[1][p]);
        }
        for (unsigned p = 0; p < SGM_PATHS; p++)
            free(pass->large_step[p]);
        free(pass->side[0]);
        free(pass->side[1]);
    }
    free(s->padded[0]);
    free(s->padded[1]);
    free(s->costs);
    free(s);
}

/* ---- costs ---- */

uint8_t *sgm_costs(struct sgm *s)
{
    return s->costs;
}

/* A row of an image, and what is beyond it is as its border. */
static void pad_row(const struct sgm *s, const uint8_t *image, uint8_t *padded, size_t y)
{
    size_t from = y < SGM_CENSUS_Y ? 0 : y - SGM_CENSUS_Y, width = s->options.width;
    from = from < s->options.height ? from : s->options.height - 1;
    const uint8_t *row = image + from * width;
    uint8_t *out = padded + y * s->pitch;
    memset(out, row[0], SGM_CENSUS_X);
    memcpy(out + SGM_CENSUS_X, row, width);
    memset(out + SGM_CENSUS_X + width, row[width - 1], SGM_CENSUS_X);
}

static void pad_band(void *context, size_t band, unsigned worker)
{
    const struct sgm *s = context;
    (void)worker;
    for (size_t y = band * BAND; y < (band + 1) * BAND; y++)
        for (unsigned i = 0; i < 2 && y < s->options.height + 2 * SGM_CENSUS_Y; i++)
            pad_row(s, s->images[i], s->padded[i], y);
}

/* The census and the brightness of a row. */
static void describe_row(const struct sgm *s, unsigned eye, size_t y, uint8_t *planes)
{
    size_t width = s->options.width;
    struct sgm_census census = {.width = width, .planes = planes, .pitch = width};
    for (size_t r = 0; r <= 2 * SGM_CENSUS_Y; r++)
        census.rows[r] = s->padded[eye] + (y + r) * s->pitch + SGM_CENSUS_X;
    s->kernels->census(&census);
    memcpy(planes + SGM_PLANES * width, s->images[eye] + y * width, width);
}

static void match_row(struct sgm *s, size_t y, struct scratch *scratch)
{
    size_t width = s->options.width, disparities = s->options.disparities;
    describe_row(s, 0, y, scratch->left);
    describe_row(s, 1, y, scratch->plane);
    for (size_t p = 0; p <= SGM_PLANES; p++)
        for (size_t x = 0; x < width; x++)
            scratch->right[p * (width + disparities) + x] =
                scratch->plane[p * width + width - 1 - x];
    const struct sgm_match match = {
        .left = scratch->left,
        .right = scratch->right,
        .width = width,
        .disparities = disparities,
        .outside = SGM_OUTSIDE,
        .costs = s->costs + y * width * disparities,
    };
    s->kernels->match(&match);
}

static void match_band(void *context, size_t band, unsigned worker)
{
    struct sgm *s = context;
    for (size_t y = band * BAND; y < (band + 1) * BAND && y < s->options.height; y++)
        match_row(s, y, &s->scratch[worker]);
}

void sgm_census(struct sgm *s, const uint8_t *left, const uint8_t *right)
{
    s->images[0] = left;
    s->images[1] = right;
    base_pool_run(s->pool, (s->options.height + 2 * SGM_CENSUS_Y + BAND - 1) / BAND, pad_band, s);
    base_pool_run(s->pool, (s->options.height + BAND - 1) / BAND, match_band, s);
}

/* ---- paths ---- */

/* Beside a row there are pixels of no cost, so that a path begins with the pixel's own. */
static void begin_paths(const struct sgm *s, uint8_t *paths)
{
    size_t disparities = s->options.disparities, pitch = disparities + SGM_GUARD;
    for (size_t x = 0; x < s->options.width + 2; x++) {
        memset(paths + x * pitch, SGM_NEVER, SGM_GUARD);
        memset(paths + x * pitch + SGM_GUARD, 0, disparities);
    }
    memset(paths + (s->options.width + 2) * pitch, SGM_NEVER, SGM_GUARD);
}

static void begin_pixel(const struct sgm *s, uint8_t *paths)
{
    memset(paths, SGM_NEVER, s->options.disparities + 2 * SGM_GUARD);
    memset(paths + SGM_GUARD, 0, s->options.disparities);
}

static uint8_t step_between(const struct sgm *s, uint8_t a, uint8_t b)
{
    return s->large_step[a > b ? a - b : b - a];
}

/* before: the row that the paths come from; NULL: none. */
static void penalties(const struct sgm *s, struct pass *pass, const uint8_t *row,
                      const uint8_t *before, bool backward)
{
    size_t last = s->options.width - 1;
    if (!before)
        before = row;
    for (size_t x = 0; x <= last; x++) {
        size_t left = x ? x - 1 : 0, right = x < last ? x + 1 : last;
        pass->large_step[0][x] = step_between(s, row[x], before[left]);
        pass->large_step[1][x] = step_between(s, row[x], before[x]);
        pass->large_step[2][x] = step_between(s, row[x], before[right]);
        pass->large_step[3][x] = step_between(s, row[x], row[backward ? right : left]);
    }
}

/* Rows that a pass does at a time: a pause for who is more urgent (base_pool_set_pause). */
#define PIECE 16

static void run_pass(void *context, size_t index, unsigned worker)
{
    struct sgm *s = context;
    struct pass *pass = &s->passes[index];
    size_t width = s->options.width, height = s->options.height;
    size_t disparities = s->options.disparities, pitch = disparities + SGM_GUARD;
    bool backward = index == 1;
    (void)worker;
    for (unsigned p = 0; p < SGM_ABOVE && s->first == 0; p++) {
        begin_paths(s, pass->paths[0][p]);
        begin_paths(s, pass->paths[1][p]);
    }
    for (size_t i = s->first; i < s->first + PIECE && i < height; i++) {
        size_t y = backward ? height - 1 - i : i;
        const uint8_t *row = s->images[0] + y * width;
        const uint8_t *before = i == 0 ? NULL : backward ? row + width : row - width;
        struct sgm_sweep sweep = {
            .costs = s->costs + y * width * disparities,
            .width = width,
            .disparities = disparities,
            .backward = backward,
            .small_step = (uint8_t)s->options.small_step,
            .sums = pass->sums + y * width * disparities,
        };
        penalties(s, pass, row, before, backward);
        for (unsigned p = 0; p < SGM_PATHS; p++)
            sweep.large_step[p] = pass->large_step[p];
        for (unsigned p = 0; p < SGM_ABOVE; p++) {
            sweep.above[p] = pass->paths[i & 1][p] + SGM_GUARD + pitch;
            sweep.now[p] = pass->paths[~i & 1][p] + SGM_GUARD + pitch;
        }
        for (unsigned turn = 0; turn < 2; turn++) {
            begin_pixel(s, pass->side[turn]);
            sweep.side[turn] = pass->side[turn] + SGM_GUARD;
        }
        s->kernels->sweep(&sweep);
    }
}

static void pick_band(void *context, size_t band, unsigned worker)
{
    struct sgm *s = context;
    struct scratch *scratch = &s->scratch[worker];
    size_t width = s->options.width, row = width * s->options.disparities;
    for (size_t y = band * BAND; y < (band + 1) * BAND && y < s->options.height; y++) {
        const struct sgm_pick pick = {
            .sums = {s->passes[0].sums + y * row, s->passes[1].sums + y * row},
            .width = width,
            .disparities = s->options.disparities,
            .uniqueness = s->options.uniqueness,
            .total = scratch->total,
            .right_cost = scratch->right_cost,
            .right_disparity = scratch->right_disparity,
            .best = scratch->best,
            .disparity = s->disparity + y * width,
            .confidence = s->confidence + y * width,
        };
        s->kernels->pick(&pick);
    }
}

void sgm_run(struct sgm *s, const uint8_t *left, float *disparity, uint8_t *confidence)
{
    s->images[0] = left;
    s->disparity = disparity;
    s->confidence = confidence;
    for (s->first = 0; s->first < s->options.height; s->first += PIECE)
        base_pool_run(s->pool, PASSES, run_pass, s);
    base_pool_run(s->pool, (s->options.height + BAND - 1) / BAND, pick_band, s);
}
