/* Why: detection, cropping and tracking of text all compute with the same four corners. */
#include "pipelines/text_quad.h"

#include <math.h>
#include <string.h>

static float distance(const float a[2], const float b[2])
{
    return hypotf(b[0] - a[0], b[1] - a[1]);
}

float pipe_quad_width(const float quad[4][2])
{
    return fmaxf(distance(quad[0], quad[1]), distance(quad[2], quad[3]));
}

float pipe_quad_height(const float quad[4][2])
{
    return fmaxf(distance(quad[0], quad[3]), distance(quad[1], quad[2]));
}

void pipe_quad_centre(const float quad[4][2], float centre[2])
{
    for (int axis = 0; axis < 2; axis++)
        centre[axis] = (quad[0][axis] + quad[1][axis] + quad[2][axis] + quad[3][axis]) / 4;
}

static float signed_area(const float (*polygon)[2], size_t count)
{
    float twice = 0;
    for (size_t i = 0; i < count; i++) {
        const float *a = polygon[i], *b = polygon[(i + 1) % count];
        /* From the first corner, so that large coordinates cancel before they are multiplied. */
        twice += (a[0] - polygon[0][0]) * (b[1] - polygon[0][1]) -
                 (b[0] - polygon[0][0]) * (a[1] - polygon[0][1]);
    }
    return twice / 2;
}

float pipe_quad_area(const float quad[4][2])
{
    return fabsf(signed_area(quad, 4));
}

/* ---- overlap ---- */

#define CLIPPED                                                                       \
    12 /* each of four cuts adds a corner at most; 8, and some for what is not convex \
        */

/* What of a polygon lies on the inner side of the line from a to b (Sutherland and Hodgman). */
static size_t cut(const float (*in)[2], size_t count, const float a[2], const float b[2],
                  float inner, float (*out)[2])
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const float *p = in[i], *q = in[(i + 1) % count];
        float at_p = inner * ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]));
        float at_q = inner * ((b[0] - a[0]) * (q[1] - a[1]) - (b[1] - a[1]) * (q[0] - a[0]));
        if (at_p >= 0 && kept < CLIPPED)
            memcpy(out[kept++], p, sizeof out[0]);
        if ((at_p < 0) != (at_q < 0) && kept < CLIPPED) {
            float t = at_p / (at_p - at_q);
            out[kept][0] = p[0] + t * (q[0] - p[0]);
            out[kept++][1] = p[1] + t * (q[1] - p[1]);
        }
    }
    return kept;
}

float pipe_quad_overlap(const float a[4][2], const float b[4][2])
{
    float one[CLIPPED][2], other[CLIPPED][2];
    float area_a = pipe_quad_area(a), area_b = pipe_quad_area(b);
    float inner = signed_area(b, 4) < 0 ? -1.0f : 1.0f;
    size_t count = 4;
    if (!(area_a > 0) || !(area_b > 0))
        return 0;
    memcpy(one, a, sizeof(pipe_quad));
    for (size_t i = 0; i < 4 && count; i += 2) {
        count = cut((const float(*)[2])one, count, b[i], b[i + 1], inner, other);
        count = cut((const float(*)[2])other, count, b[i + 1], b[(i + 2) % 4], inner, one);
    }
    float both = count > 2 ? fabsf(signed_area((const float(*)[2])one, count)) : 0;
    float either = area_a + area_b - both;
    return either > 0 ? fminf(both / either, 1) : 0;
}

void pipe_quad_turn(float quad[4][2], unsigned turns)
{
    pipe_quad old;
    memcpy(old, quad, sizeof old);
    for (unsigned i = 0; i < 4; i++)
        memcpy(quad[i], old[(i + turns) % 4], sizeof old[0]);
}

/* ---- the smallest rectangle ---- */

/* By rows, then from left to right. Insertion, since outlines come nearly sorted, and qsort may
 * allocate. */
static void sort(float (*points)[2], size_t count)
{
    for (size_t i = 1; i < count; i++) {
        float x = points[i][0], y = points[i][1];
        size_t at = i;
        for (;
             at > 0 && (points[at - 1][1] > y || (points[at - 1][1] == y && points[at - 1][0] > x));
             at--)
            memcpy(points[at], points[at - 1], sizeof points[0]);
        points[at][0] = x;
        points[at][1] = y;
    }
}

static float turn(const float a[2], const float b[2], const float c[2])
{
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/* Andrew's monotone chain. */
static size_t find_hull(float (*points)[2], size_t count, float (*hull)[2])
{
    size_t used = 0, lower;
    sort(points, count);
    for (size_t i = 0; i < count; i++) {
        while (used >= 2 && turn(hull[used - 2], hull[used - 1], points[i]) <= 0)
            used--;
        memcpy(hull[used++], points[i], sizeof hull[0]);
    }
    lower = used + 1;
    for (size_t i = count - 1; i-- > 0;) {
        while (used >= lower && turn(hull[used - 2], hull[used - 1], points[i]) <= 0)
            used--;
        memcpy(hull[used++], points[i], sizeof hull[0]);
    }
    return count > 1 ? used - 1 : used;
}

struct extent {
    float low[2], high[2]; /* along the edge, across it */
};

static struct extent extent_along(const float (*hull)[2], size_t count, const float along[2])
{
    struct extent e = {{INFINITY, INFINITY}, {-INFINITY, -INFINITY}};
    for (size_t i = 0; i < count; i++) {
        const float at[2] = {hull[i][0] * along[0] + hull[i][1] * along[1],
                             hull[i][1] * along[0] - hull[i][0] * along[1]};
        for (int axis = 0; axis < 2; axis++) {
            e.low[axis] = fminf(e.low[axis], at[axis]);
            e.high[axis] = fmaxf(e.high[axis], at[axis]);
        }
    }
    return e;
}

struct pipe_rectangle pipe_smallest_rectangle(float (*points)[2], size_t count, float (*hull)[2])
{
    size_t corners = find_hull(points, count, hull);
    struct pipe_rectangle best = {.side = 0};
    float least = INFINITY;
    /* One side of the smallest lies on an edge of the hull. */
    for (size_t i = 0; i < corners; i++) {
        const float *a = hull[i], *b = hull[(i + 1) % corners];
        float length = distance(a, b);
        const float along[2] = {length > 0 ? (b[0] - a[0]) / length : 1,
                                length > 0 ? (b[1] - a[1]) / length : 0};
        struct extent e = extent_along((const float(*)[2])hull, corners, along);
        float width = e.high[0] - e.low[0], height = e.high[1] - e.low[1];
        if (!(width * height < least))
            continue;
        least = width * height;
        best.side = fminf(width, height);
        for (int c = 0; c < 4; c++) {
            float u = c == 0 || c == 3 ? e.low[0] : e.high[0], v = c < 2 ? e.low[1] : e.high[1];
            best.corners[c][0] = u * along[0] - v * along[1];
            best.corners[c][1] = u * along[1] + v * along[0];
        }
    }
    return best;
}

static void swap(float a[2], float b[2])
{
    float kept[2];
    memcpy(kept, a, sizeof kept);
    memcpy(a, b, sizeof kept);
    memcpy(b, kept, sizeof kept);
}

void pipe_quad_order(float quad[4][2])
{
    /* Four: as many exchanges as bubbles need. */
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3 - i; j++)
            if (quad[j + 1][0] < quad[j][0])
                swap(quad[j], quad[j + 1]);
    if (quad[1][1] < quad[0][1])
        swap(quad[0], quad[1]);
    if (quad[3][1] < quad[2][1])
        swap(quad[2], quad[3]);
    /* Upper left, lower left, upper right, lower right: to clockwise. */
    swap(quad[1], quad[2]);
    swap(quad[2], quad[3]);
}
