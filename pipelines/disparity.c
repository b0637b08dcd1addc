/* Why: matching leaves outliers and holes, and no app wants to know where they come from. */
#include "pipelines/disparity.h"

#include "base/checked.h"
#include "pipelines/sgm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BAND 16

struct disparity_mender {
    uint32_t width, height;
    struct base_pool *pool;
    uint32_t *stack;       /* width * height: pixels of a region, in the order they were found */
    uint8_t *seen;         /* width * height */
    uint8_t *row_has_good; /* height */
    float *spare;          /* width * height, for what can't be done in place */
    float *past;           /* width * height: the settled map of the frame before */
    uint8_t *past_gray;
    bool has_past;
};

void disparity_mender_destroy(struct disparity_mender *m)
{
    if (!m)
        return;
    free(m->stack);
    free(m->seen);
    free(m->row_has_good);
    free(m->spare);
    free(m->past);
    free(m->past_gray);
    free(m);
}

enum percept_status disparity_mender_create(uint32_t width, uint32_t height, struct base_pool *pool,
                                            struct disparity_mender **mender,
                                            struct percept_error *error)
{
    size_t pixels;
    struct disparity_mender *m = calloc(1, sizeof *m);
    if (!m || !base_mul_size(width, height, &pixels)) {
        free(m);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    m->width = width;
    m->height = height;
    m->pool = pool;
    m->stack = calloc(pixels, sizeof *m->stack);
    m->seen = calloc(pixels, 1);
    m->row_has_good = calloc(height, 1);
    m->spare = calloc(pixels, sizeof *m->spare);
    m->past = calloc(pixels, sizeof *m->past);
    m->past_gray = calloc(pixels, 1);
    if (!m->stack || !m->seen || !m->row_has_good || !m->spare || !m->past || !m->past_gray) {
        disparity_mender_destroy(m);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for %u x %u disparities",
                            width, height);
    }
    *mender = m;
    return PERCEPT_OK;
}

/* ---- speckles ---- */

static inline void visit(struct disparity_mender *m, const float *disparity,
                         const uint8_t *confidence, uint32_t from, uint32_t to, uint32_t *count)
{
    if (m->seen[to] || !confidence[to] || fabsf(disparity[to] - disparity[from]) > 1)
        return;
    m->seen[to] = 1;
    m->stack[(*count)++] = to;
}

void disparity_reject_speckles(struct disparity_mender *m, const float *disparity,
                               uint8_t *confidence, uint32_t least)
{
    const uint32_t width = m->width, pixels = width * m->height;
    memset(m->seen, 0, pixels);
    for (uint32_t start = 0; start < pixels; start++) {
        uint32_t count = 0;
        if (m->seen[start] || !confidence[start])
            continue;
        m->seen[start] = 1;
        m->stack[count++] = start;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = m->stack[i], x = width ? at % width : 0; /* an empty map has no `at` */
            if (x > 0)
                visit(m, disparity, confidence, at, at - 1, &count);
            if (x + 1 < width)
                visit(m, disparity, confidence, at, at + 1, &count);
            if (at >= width)
                visit(m, disparity, confidence, at, at - width, &count);
            if (at + width < pixels)
                visit(m, disparity, confidence, at, at + width, &count);
        }
        for (uint32_t i = 0; count < least && i < count; i++)
            confidence[m->stack[i]] = 0;
    }
}

/* ---- holes ---- */

#define HIDDEN_STEP  1.5F /* px */
#define HIDDEN_WIDTH 1.5F /* of the step */
#define HIDDEN_MORE  6    /* px: where windows meet two surfaces, neither is sure */
#define DOUBTED      4    /* px of what is near, beside such a gap: for the same reason */

struct fill {
    struct disparity_mender *mender;
    float *disparity;
    uint8_t *confidence;
    bool doubts; /* what is near beside a hidden gap keeps its disparity, as one filled in */
};

/* A gap between something far on the left and something near on the right, of about the width that
 * this step hides from the right eye. */
static bool is_hidden(float left, float right, uint32_t gap)
{
    float step = left < INFINITY && right < INFINITY ? right - left : 0;
    return step > HIDDEN_STEP && (float)gap <= HIDDEN_WIDTH * step + HIDDEN_MORE;
}

static void fill_row(const struct fill *f, size_t y)
{
    const uint32_t width = f->mender->width;
    float *disparity = f->disparity + y * width;
    uint8_t *confidence = f->confidence + y * width, *has_good = &f->mender->row_has_good[y];
    uint32_t x = 0;
    *has_good = 0;
    while (x < width) {
        if (confidence[x]) {
            *has_good = 1;
            x++;
            continue;
        }
        uint32_t end = x;
        while (end < width && !confidence[end])
            end++;
        float left = x ? disparity[x - 1] : INFINITY,
              right = end < width ? disparity[end] : INFINITY;
        float farther = left < right ? left : right;
        bool doubts = f->doubts && is_hidden(left, right, end - x);
        for (uint32_t i = end; doubts && i < end + DOUBTED && i < width; i++)
            confidence[i] = confidence[i] ? DISPARITY_FILLED : 0;
        for (; x < end && farther < INFINITY; x++) {
            disparity[x] = farther;
            confidence[x] = DISPARITY_FILLED;
        }
        x = end;
    }
}

static void fill_band(void *context, size_t band, unsigned worker)
{
    const struct fill *f = context;
    const struct disparity_mender *m = f->mender;
    (void)worker;
    for (size_t y = band * BAND; y < (band + 1) * BAND && y < m->height; y++)
        fill_row(f, y);
}

static void copy_row(const struct fill *f, uint32_t to, uint32_t from)
{
    const struct disparity_mender *m = f->mender;
    memcpy(f->disparity + (size_t)to * m->width, f->disparity + (size_t)from * m->width,
           m->width * sizeof(float));
    memset(f->confidence + (size_t)to * m->width, DISPARITY_FILLED, m->width);
}

static bool fill_rows(struct fill *fill)
{
    struct disparity_mender *m = fill->mender;
    uint32_t good = m->height;
    base_pool_run(m->pool, (m->height + BAND - 1) / BAND, fill_band, fill);
    for (uint32_t y = 0; y < m->height; y++) {
        if (m->row_has_good[y])
            good = y;
        else if (good < y)
            copy_row(fill, y, good);
    }
    if (good == m->height)
        return false;
    /* Rows above the first good one. */
    for (good = 0; !m->row_has_good[good];)
        good++;
    for (uint32_t y = 0; y < good; y++)
        copy_row(fill, y, good);
    return true;
}

bool disparity_fill(struct disparity_mender *m, float *disparity, uint8_t *confidence)
{
    struct fill fill = {m, disparity, confidence, false};
    return fill_rows(&fill);
}

/* ---- what filled pixels have in common with those around them ---- */

#define REACH 7 /* pixels, of which every second is looked at */
#define SIDE  (REACH + 1)
#define ALIKE 6  /* of 255: so much less like it has a third of the say */
#define SHARE 45 /* per cent of the says are of what is farther: what can't be seen lies behind */
#define BINS  (SGM_MAX_DISPARITIES + 1)

struct agree {
    struct disparity_mender *mender;
    const uint8_t *gray;
    float *disparity;
    const uint8_t *confidence;
    uint16_t near[SIDE][SIDE]; /* a neighbour's say by where it is */
    uint8_t alike[256];        /* and by how much its brightness differs */
};

/* Says of a pixel's neighbours, by disparity; all zero between two pixels. */
struct votes {
    uint32_t say[BINS];
    float sum[BINS];
};

static float median_of_votes(struct votes *votes, uint32_t all, unsigned low, unsigned high)
{
    uint32_t count = 0;
    float median = 0;
    bool found = false;
    for (unsigned bin = low; bin <= high; bin++) {
        count += votes->say[bin];
        if (!found && 100 * count >= SHARE * all) {
            median = votes->sum[bin] / (float)votes->say[bin];
            found = true;
        }
        votes->say[bin] = 0;
        votes->sum[bin] = 0;
    }
    return median;
}

static float agreed(const struct agree *a, int x, int y, struct votes *votes)
{
    const struct disparity_mender *m = a->mender;
    const int width = (int)m->width, height = (int)m->height;
    const uint8_t here = a->gray[y * width + x];
    unsigned low = BINS - 1, high = 0;
    uint32_t all = 0;
    for (int v = 0; v < SIDE; v++) {
        int row = y + 2 * v - REACH;
        if (row < 0 || row >= height)
            continue;
        for (int u = 0; u < SIDE; u++) {
            int at = row * width + x + 2 * u - REACH;
            if (x + 2 * u < REACH || x + 2 * u - REACH >= width)
                continue;
            float disparity = m->spare[at];
            unsigned bin = (unsigned)(disparity + 0.5F);
            uint32_t say = (uint32_t)a->near[v][u] * a->alike[abs(a->gray[at] - here)] + 1;
            votes->say[bin] += say;
            votes->sum[bin] += (float)say * disparity;
            all += say;
            low = bin < low ? bin : low;
            high = bin > high ? bin : high;
        }
    }
    return median_of_votes(votes, all, low, high);
}

static void agree_band(void *context, size_t band, unsigned worker)
{
    const struct agree *a = context;
    const int width = (int)a->mender->width, height = (int)a->mender->height;
    struct votes votes = {0};
    (void)worker;
    for (int y = (int)band * BAND; y < (int)(band + 1) * BAND && y < height; y++)
        for (int x = 0; x < width; x++)
            if (a->confidence[y * width + x] == DISPARITY_FILLED)
                a->disparity[y * width + x] = agreed(a, x, y, &votes);
}

/* Rows know nothing of each other, so what they filled has ragged edges. A median, in which who
 * is near and looks alike has more say, puts them where the image's are. */
static void agree(struct disparity_mender *m, const uint8_t *gray, float *disparity,
                  const uint8_t *confidence)
{
    struct agree agree = {m, gray, disparity, confidence, {{0}}, {0}};
    for (int v = 0; v < SIDE; v++)
        for (int u = 0; u < SIDE; u++)
            agree.near[v][u] =
                (uint16_t)(1000 *
                           expf(-hypotf((float)(2 * u - REACH), (float)(2 * v - REACH)) / REACH));
    for (int change = 0; change < 256; change++)
        agree.alike[change] = (uint8_t)(255 * expf(-(float)change / ALIKE));
    memcpy(m->spare, disparity, (size_t)m->width * m->height * sizeof *disparity);
    base_pool_run(m->pool, (m->height + BAND - 1) / BAND, agree_band, &agree);
}

bool disparity_fill_alike(struct disparity_mender *m, const uint8_t *gray, float *disparity,
                          uint8_t *confidence)
{
    struct fill fill = {m, disparity, confidence, true};
    bool any = fill_rows(&fill);
    if (any)
        agree(m, gray, disparity, confidence);
    return any;
}

/* ---- median ---- */

#define ORDER(a, b)                          \
    do {                                     \
        float least = (a) < (b) ? (a) : (b); \
        (b) = (a) < (b) ? (b) : (a);         \
        (a) = least;                         \
    } while (0)

static inline float median_of_three(float a, float b, float c)
{
    ORDER(a, b);
    ORDER(b, c);
    ORDER(a, b);
    return b;
}

/* Of three sorted columns: the median of nine is that of the largest of the leasts, the median of
 * the middles and the least of the largests. */
static void median_row(const float *restrict above, const float *restrict here,
                       const float *restrict below, float *restrict out, size_t width)
{
    for (size_t x = 1; x + 1 < width; x++) {
        float low = -INFINITY, high = INFINITY, middle[3];
        for (size_t k = 0; k < 3; k++) {
            float a = above[x + k - 1], b = here[x + k - 1], c = below[x + k - 1];
            ORDER(a, b);
            ORDER(b, c);
            ORDER(a, b);
            low = a > low ? a : low;
            high = c < high ? c : high;
            middle[k] = b;
        }
        out[x] = median_of_three(low, median_of_three(middle[0], middle[1], middle[2]), high);
    }
}

struct median {
    struct disparity_mender *mender;
    const float *in;
};

static void median_band(void *context, size_t band, unsigned worker)
{
    const struct median *median = context;
    struct disparity_mender *m = median->mender;
    (void)worker;
    for (size_t y = band * BAND; y < (band + 1) * BAND && y < m->height; y++) {
        const float *row = median->in + y * m->width;
        float *out = m->spare + y * m->width;
        memcpy(out, row, m->width * sizeof *out);
        if (y > 0 && y + 1 < m->height)
            median_row(row - m->width, row, row + m->width, out, m->width);
    }
}

void disparity_median(struct disparity_mender *m, float *disparity)
{
    struct median median = {m, disparity};
    base_pool_run(m->pool, (m->height + BAND - 1) / BAND, median_band, &median);
    memcpy(disparity, m->spare, (size_t)m->width * m->height * sizeof *disparity);
}

/* ---- time ---- */

#define SAME_GRAY      10    /* of 255: more is not the sensor's noise */
#define SAME_DISPARITY 0.75F /* px: more is another surface, or has moved */

void disparity_forget(struct disparity_mender *m)
{
    m->has_past = false;
}

void disparity_settle(struct disparity_mender *m, float *disparity, const uint8_t *gray, float keep)
{
    size_t pixels = (size_t)m->width * m->height;
    for (size_t i = 0; m->has_past && i < pixels; i++) {
        int change = (int)gray[i] - (int)m->past_gray[i];
        float step = m->past[i] - disparity[i];
        bool same = change <= SAME_GRAY && change >= -SAME_GRAY && step <= SAME_DISPARITY &&
                    step >= -SAME_DISPARITY;
        disparity[i] += same ? keep * step : 0;
    }
    memcpy(m->past, disparity, pixels * sizeof *disparity);
    memcpy(m->past_gray, gray, pixels);
    m->has_past = true;
}
