/* Why: lines come as the detector met them; read aloud, that would make no sense. */
#include "pipelines/text_order.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LEFT, TOP, RIGHT, BOTTOM };

struct item {
    uint32_t index;
    float edges[4];
    float height; /* of the line itself, across */
};

/* Mean direction of the lines that run more across than down, longer ones counting more. */
static void find_direction(const pipe_quad *lines, uint32_t count, float along[2])
{
    float x = 0, y = 0;
    for (uint32_t i = 0; i < count; i++) {
        float dx = lines[i][1][0] - lines[i][0][0], dy = lines[i][1][1] - lines[i][0][1];
        if (dx > fabsf(dy)) {
            x += dx;
            y += dy;
        }
    }
    float length = hypotf(x, y);
    bool any = length > 0 && isfinite(length);
    along[0] = any ? x / length : 1;
    along[1] = any ? y / length : 0;
}

static struct item measure(const float line[4][2], uint32_t index, const float along[2])
{
    struct item item = {index, {INFINITY, INFINITY, -INFINITY, -INFINITY}, 0};
    for (int c = 0; c < 4; c++) {
        float u = line[c][0] * along[0] + line[c][1] * along[1];
        float v = line[c][1] * along[0] - line[c][0] * along[1];
        item.edges[LEFT] = fminf(item.edges[LEFT], u);
        item.edges[RIGHT] = fmaxf(item.edges[RIGHT], u);
        item.edges[TOP] = fminf(item.edges[TOP], v);
        item.edges[BOTTOM] = fmaxf(item.edges[BOTTOM], v);
    }
    item.height = pipe_quad_height(line);
    return item;
}

static float middle(const struct item *item)
{
    return (item->edges[TOP] + item->edges[BOTTOM]) / 2;
}

/* Insertion: there are few, and it keeps the order of equals. edge < 0: by the middle. */
static void sort(struct item *items, size_t count, int edge)
{
    for (size_t i = 1; i < count; i++) {
        struct item item = items[i];
        float key = edge < 0 ? middle(&item) : item.edges[edge];
        size_t at = i;
        for (; at > 0; at--) {
            float before = edge < 0 ? middle(&items[at - 1]) : items[at - 1].edges[edge];
            if (!(before > key))
                break;
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

static float mean_height(const struct item *items, size_t count)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += items[i].height;
    return sum / (float)count;
}

/* Where, sorted by their low edges, the widest gap of at least `least` is; 0: nowhere. */
static size_t find_gap(const struct item *items, size_t count, int low, int high, float least)
{
    float reached = items[0].edges[high], widest = least;
    size_t at = 0;
    for (size_t i = 1; i < count; i++) {
        float gap = items[i].edges[low] - reached;
        if (gap >= widest) {
            widest = gap;
            at = i;
        }
        reached = fmaxf(reached, items[i].edges[high]);
    }
    return at;
}

struct extent {
    float top, bottom;
    size_t longs; /* lines that are longer than four times their height */
};

static struct extent extent_of(const struct item *items, size_t count)
{
    struct extent e = {INFINITY, -INFINITY, 0};
    for (size_t i = 0; i < count; i++) {
        e.top = fminf(e.top, items[i].edges[TOP]);
        e.bottom = fmaxf(e.bottom, items[i].edges[BOTTOM]);
        e.longs += items[i].edges[RIGHT] - items[i].edges[LEFT] > 4 * items[i].height;
    }
    return e;
}

static bool are_columns(const struct item *items, size_t left, size_t count)
{
    size_t right = count - left;
    if (left < 3 || right < 3)
        return false;
    struct extent a = extent_of(items, left), b = extent_of(items + left, right);
    float shared = fminf(a.bottom, b.bottom) - fmaxf(a.top, b.top);
    return 2 * a.longs > left && 2 * b.longs > right &&
           shared >= 0.5f * fminf(a.bottom - a.top, b.bottom - b.top);
}

static void arrange_rows(struct item *items, size_t count)
{
    sort(items, count, -1);
    for (size_t begin = 0; begin < count;) {
        size_t end = begin + 1;
        while (end < count && middle(&items[end]) - middle(&items[begin]) <
                                  0.5f * fminf(items[begin].height, items[end].height))
            end++;
        sort(items + begin, end - begin, LEFT);
        begin = end;
    }
}

/* As deep as there are lines at most: each call has at least one less. */
static void arrange(struct item *items, size_t count)
{
    if (count < 2)
        return;
    float height = mean_height(items, count);
    sort(items, count, LEFT);
    size_t at = find_gap(items, count, LEFT, RIGHT, height);
    if (at == 0 || !are_columns(items, at, count)) {
        sort(items, count, TOP);
        at = find_gap(items, count, TOP, BOTTOM, height);
    }
    if (at == 0) {
        arrange_rows(items, count);
        return;
    }
    arrange(items, at);
    arrange(items + at, count - at);
}

void pipe_text_order(const pipe_quad *lines, uint32_t count, uint32_t *order)
{
    struct item items[PIPE_ORDER_MAX];
    float along[2];
    find_direction(lines, count, along);
    for (uint32_t i = 0; i < count; i++)
        items[i] = measure(lines[i], i, along);
    arrange(items, count);
    for (uint32_t i = 0; i < count; i++)
        order[i] = items[i].index;
}
