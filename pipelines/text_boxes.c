/* Why: what the detector says of pixels has to become lines that can be cut out. */
#include "pipelines/text_boxes.h"

#include "base/checked.h"
#include "base/thread_pool.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SIDE  3.0f /* of an area, pixels; what is smaller cannot be text that a net reads */
#define LEAST_GROWN (LEAST_SIDE + 2)

/* Pixels of a row that belong together. */
struct run {
    uint32_t parent; /* a run of the same area, as a forest; a root is its own */
    uint16_t row, first, last;
};

struct pipe_boxes {
    uint32_t most;
    uint8_t *masks[2]; /* a row of the map each: this one and the one before */
    struct run *runs;
    uint32_t *order;                /* runs by area */
    uint32_t *starts;               /* for each root, where its runs are in `order` */
    float (*points)[2], (*hull)[2]; /* two ends of each row, and what is left of them */
};

void pipe_boxes_destroy(struct pipe_boxes *boxes)
{
    if (!boxes)
        return;
    free(boxes->masks[0]);
    free(boxes->masks[1]);
    free(boxes->runs);
    free(boxes->order);
    free(boxes->starts);
    free(boxes->points);
    free(boxes->hull);
    free(boxes);
}

enum percept_status pipe_boxes_create(uint32_t most, struct pipe_boxes **result,
                                      struct percept_error *error)
{
    if (most == 0 || most > UINT16_MAX)
        return percept_fail(error, PERCEPT_INVALID, "a map of up to %u pixels a side", most);
    struct pipe_boxes *boxes = calloc(1, sizeof *boxes);
    if (!boxes)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    boxes->most = most;
    size_t points = (size_t)most * 2 + 64; /* 64: the arcs of a grown rectangle */
    boxes->masks[0] = malloc(most);
    boxes->masks[1] = malloc(most);
    boxes->runs = malloc(PIPE_BOX_RUNS * sizeof *boxes->runs);
    boxes->order = malloc(PIPE_BOX_RUNS * sizeof *boxes->order);
    boxes->starts = malloc((PIPE_BOX_RUNS + 1) * sizeof *boxes->starts);
    boxes->points = malloc(points * sizeof *boxes->points);
    boxes->hull = malloc((points + 1) * sizeof *boxes->hull);
    if (!boxes->masks[0] || !boxes->masks[1] || !boxes->runs || !boxes->order || !boxes->starts ||
        !boxes->points || !boxes->hull) {
        pipe_boxes_destroy(boxes);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *result = boxes;
    return PERCEPT_OK;
}

/* ---- areas ---- */

static uint32_t find_root(struct run *runs, uint32_t at)
{
    while (runs[at].parent != at)
        at = runs[at].parent = runs[runs[at].parent].parent;
    return at;
}

static void join(struct run *runs, uint32_t a, uint32_t b)
{
    a = find_root(runs, a);
    b = find_root(runs, b);
    /* The earlier one stays, so areas come in the order of their first pixels. */
    if (a < b)
        runs[b].parent = a;
    else
        runs[a].parent = b;
}

/* The row's pixels above the threshold, grown to the right and down by one: `above` is the row
 * before as it was. */
static bool mark_row(const float *map, uint32_t width, float threshold, uint8_t *row)
{
    uint8_t any = 0;
    for (uint32_t x = 0; x < width; x++) {
        row[x] = map[x] > threshold;
        any |= row[x];
    }
    return any;
}

static bool is_set(const uint8_t *row, const uint8_t *above, uint32_t x)
{
    return row[x] | above[x] | (x ? row[x - 1] | above[x - 1] : 0);
}

/* Adds the runs of a row and joins them with those of the row above, runs[previous, begin). */
static size_t add_runs(struct pipe_boxes *boxes, uint32_t y, uint32_t width, const uint8_t *row,
                       const uint8_t *above, size_t previous, size_t begin)
{
    struct run *runs = boxes->runs;
    size_t count = begin;
    for (uint32_t x = 0; x < width && count < PIPE_BOX_RUNS; x++) {
        if (!is_set(row, above, x))
            continue;
        uint32_t first = x;
        while (x + 1 < width && is_set(row, above, x + 1))
            x++;
        runs[count] = (struct run){(uint32_t)count, (uint16_t)y, (uint16_t)first, (uint16_t)x};
        while (previous < begin && runs[previous].last + 1u < first)
            previous++;
        for (size_t p = previous; p < begin && runs[p].first <= x + 1; p++)
            join(runs, (uint32_t)p, (uint32_t)count);
        count++;
    }
    return count;
}

static size_t find_runs(struct pipe_boxes *boxes, const float *map, uint32_t width, uint32_t height,
                        float threshold)
{
    size_t previous = 0, begin = 0, count = 0;
    uint8_t *row = boxes->masks[0], *above = boxes->masks[1];
    bool any_above = false;
    memset(above, 0, width);
    for (uint32_t y = 0; y < height; y++) {
        base_pool_pause();
        bool any = mark_row(map + (size_t)y * width, width, threshold, row);
        if (any || any_above)
            count = add_runs(boxes, y, width, row, above, previous, begin);
        uint8_t *kept = above;
        above = row;
        row = kept;
        any_above = any;
        previous = begin;
        begin = count;
    }
    return count;
}

/* Sort the runs by area, and in it by rows. After this, starts[root] is where an area ends. */
static void sort_runs(struct pipe_boxes *boxes, size_t count)
{
    uint32_t *starts = boxes->starts;
    memset(starts, 0, (count + 1) * sizeof *starts);
    for (size_t i = 0; i < count; i++)
        starts[find_root(boxes->runs, (uint32_t)i) + 1]++;
    for (size_t i = 0; i < count; i++)
        starts[i + 1] += starts[i];
    for (size_t i = 0; i < count; i++)
        boxes->order[starts[find_root(boxes->runs, (uint32_t)i)]++] = (uint32_t)i;
}

/* The outermost pixels of each row of an area; all that its smallest rectangle depends on. */
static size_t outline(struct pipe_boxes *boxes, size_t begin, size_t end)
{
    size_t count = 0;
    for (size_t i = begin; i < end;) {
        const struct run *run = &boxes->runs[boxes->order[i]];
        uint16_t row = run->row, first = run->first, last = run->last;
        for (i++; i < end && boxes->runs[boxes->order[i]].row == row; i++)
            last = boxes->runs[boxes->order[i]].last;
        boxes->points[count][0] = first;
        boxes->points[count++][1] = row;
        boxes->points[count][0] = last;
        boxes->points[count++][1] = row;
    }
    return count;
}

/* ---- a box ---- */

/* Where the quadrilateral's edges cross a row; nothing when they do not. */
static bool cross(const float quad[4][2], float y, float *left, float *right)
{
    *left = INFINITY;
    *right = -INFINITY;
    for (int i = 0; i < 4; i++) {
        const float *a = quad[i], *b = quad[(i + 1) % 4];
        if ((a[1] > y && b[1] > y) || (a[1] < y && b[1] < y))
            continue;
        float t = a[1] == b[1] ? 0 : (y - a[1]) / (b[1] - a[1]);
        float x = a[0] + t * (b[0] - a[0]);
        *left = fminf(*left, a[1] == b[1] ? fminf(a[0], b[0]) : x);
        *right = fmaxf(*right, a[1] == b[1] ? fmaxf(a[0], b[0]) : x);
    }
    return *left <= *right;
}

static float clamp(float value, float most)
{
    return fminf(fmaxf(value, 0), most);
}

/* Mean of the map in it, its border included; corners are cut to whole pixels before. */
static float score_of(const float corners[4][2], const float *map, uint32_t width, uint32_t height)
{
    pipe_quad quad;
    float top = INFINITY, bottom = -INFINITY;
    double sum = 0;
    size_t count = 0;
    for (int i = 0; i < 4; i++) {
        quad[i][0] = floorf(corners[i][0]);
        quad[i][1] = floorf(corners[i][1]);
        top = fminf(top, quad[i][1]);
        bottom = fmaxf(bottom, quad[i][1]);
    }
    top = clamp(top, (float)height - 1);
    bottom = clamp(bottom, (float)height - 1);
    for (uint32_t y = (uint32_t)top; y <= (uint32_t)bottom; y++) {
        float left, right;
        if (!cross((const float(*)[2])quad, (float)y, &left, &right) || right < 0 ||
            left > (float)width - 1)
            continue;
        uint32_t first = (uint32_t)roundf(clamp(left, (float)width - 1)),
                 last = (uint32_t)roundf(clamp(right, (float)width - 1));
        for (uint32_t x = first; x <= last; x++)
            sum += (double)map[(size_t)y * width + x];
        count += last - first + 1;
    }
    return count ? (float)(sum / (double)count) : 0;
}

/* Grow by the distance that undoes the net's shrinking, corners rounded; around what that gives,
 * in whole pixels, the smallest rectangle. */
static struct pipe_rectangle grow(struct pipe_boxes *boxes, const float corners[4][2], float unclip)
{
    enum { STEPS = 9 }; /* of the quarter round a corner */
    float perimeter = 0;
    for (int i = 0; i < 4; i++)
        perimeter += hypotf(corners[(i + 1) % 4][0] - corners[i][0],
                            corners[(i + 1) % 4][1] - corners[i][1]);
    float distance = perimeter > 0 ? pipe_quad_area(corners) * unclip / perimeter : 0;
    size_t count = 0;
    for (int i = 0; i < 4; i++) {
        const float *before = corners[(i + 3) % 4], *at = corners[i], *after = corners[(i + 1) % 4];
        /* Clockwise on screen: outwards is to the left of each edge. */
        float from = atan2f(before[0] - at[0], at[1] - before[1]),
              to = atan2f(at[0] - after[0], after[1] - at[1]);
        if (to < from)
            to += 2 * (float)M_PI;
        for (int s = 0; s < STEPS; s++) {
            float angle = from + (to - from) * (float)s / (STEPS - 1);
            boxes->points[count][0] = roundf(truncf(at[0]) + distance * cosf(angle));
            boxes->points[count++][1] = roundf(truncf(at[1]) + distance * sinf(angle));
        }
    }
    return pipe_smallest_rectangle(boxes->points, count, boxes->hull);
}

/* ---- all of them ---- */

/* Keep the best, best first. */
static size_t insert(struct pipe_text_box *found, size_t count, size_t capacity,
                     const struct pipe_text_box *box)
{
    if (count == capacity && (capacity == 0 || box->score <= found[count - 1].score))
        return count;
    size_t at = count < capacity ? count++ : count - 1;
    for (; at > 0 && found[at - 1].score < box->score; at--)
        found[at] = found[at - 1];
    found[at] = *box;
    return count;
}

size_t pipe_boxes_find(struct pipe_boxes *boxes, const float *map, uint32_t width, uint32_t height,
                       const struct pipe_box_options *options, struct pipe_text_box *found,
                       size_t capacity)
{
    size_t count = 0;
    if (width == 0 || height == 0 || width > boxes->most || height > boxes->most)
        return 0;
    size_t runs = find_runs(boxes, map, width, height, options->threshold);
    sort_runs(boxes, runs);
    for (size_t begin = 0; begin < runs;) {
        base_pool_pause();
        size_t end = boxes->starts[find_root(boxes->runs, boxes->order[begin])];
        size_t points = outline(boxes, begin, end);
        begin = end;
        struct pipe_rectangle core = pipe_smallest_rectangle(boxes->points, points, boxes->hull);
        if (core.side < LEAST_SIDE)
            continue;
        pipe_quad_order(core.corners);
        struct pipe_text_box box = {
            .score = score_of((const float(*)[2])core.corners, map, width, height)};
        if (!(box.score >= options->box_threshold))
            continue;
        struct pipe_rectangle grown = grow(boxes, (const float(*)[2])core.corners, options->unclip);
        if (grown.side < LEAST_GROWN)
            continue;
        memcpy(box.corners, grown.corners, sizeof box.corners);
        pipe_quad_order(box.corners);
        count = insert(found, count, capacity, &box);
    }
    return count;
}
