/* Why: floors, walls and tables are what apps put things on. */
#include "pipelines/planes.h"

#include "base/thread_pool.h"
#include "pipelines/disparity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR_CELLS 4 /* three points are within a quarter of the map: mostly of one surface */
#define REFITS     3
#define SAME_ANGLE 0.966F /* cosine of 15 degrees: the plane of the map before */
#define SAME_SHARE 0.1F   /* of its distance */
#define TRIMMED    50     /* one in so many points at either end is not part of an extent */

struct point {
    float x, y, q; /* pixels, 1 / metres */
    bool used;
};

struct fit {
    double a, b, c; /* q = a x + b y + c */
};

struct plane_finder {
    struct plane_options options;
    size_t capacity;
    struct point *points;
    int32_t *grid; /* index of the point of a cell; -1: not known */
    float *along;  /* of a plane's points, capacity */
    uint32_t step, columns, rows, count;
    uint32_t random, next_id;
    struct percept_planes last;
};

void plane_finder_destroy(struct plane_finder *f)
{
    if (!f)
        return;
    free(f->points);
    free(f->grid);
    free(f->along);
    free(f);
}

enum percept_status plane_finder_create(const struct plane_options *options, size_t most_pixels,
                                        struct plane_finder **finder, struct percept_error *error)
{
    struct plane_finder *f = calloc(1, sizeof *f);
    if (!f)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    f->options = *options;
    f->capacity = most_pixels;
    f->random = 1;
    f->next_id = 1;
    f->points = calloc(most_pixels, sizeof *f->points);
    f->grid = calloc(most_pixels, sizeof *f->grid);
    f->along = calloc(most_pixels, sizeof *f->along);
    if (!f->points || !f->grid || !f->along) {
        plane_finder_destroy(f);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *finder = f;
    return PERCEPT_OK;
}

/* ---- points ---- */

/* Coarser where the map is larger than there is room for. */
static void gather(struct plane_finder *f, const struct pipe_depth *depth)
{
    uint32_t step = f->options.step;
    while ((size_t)(depth->width / step) * (depth->height / step) > f->capacity)
        step++;
    f->step = step;
    f->columns = depth->width / step;
    f->rows = depth->height / step;
    f->count = 0;
    for (uint32_t row = 0; row < f->rows; row++) {
        base_pool_pause();
        for (uint32_t column = 0; column < f->columns; column++) {
            uint32_t x = column * step + step / 2, y = row * step + step / 2;
            size_t at = (size_t)y * depth->width + x;
            bool good = depth->metres[at] > 0 && depth->confidence[at] > DISPARITY_FILLED;
            f->grid[row * f->columns + column] = good ? (int32_t)f->count : -1;
            if (good)
                f->points[f->count++] =
                    (struct point){(float)x + 0.5F, (float)y + 0.5F, 1 / depth->metres[at], false};
        }
    }
}

static uint32_t draw(struct plane_finder *f, uint32_t below)
{
    f->random = f->random * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(f->random >> 1) * below >> 31);
}

#define REDRAWS 32 /* of a point, when what was drawn is of no use */

/* Any point that is of no plane yet; NULL: none was drawn. */
static const struct point *draw_any(struct plane_finder *f)
{
    for (unsigned i = 0; i < REDRAWS; i++) {
        const struct point *p = &f->points[draw(f, f->count)];
        if (!p->used)
            return p;
    }
    return NULL;
}

/* One in the neighbourhood of another. */
static const struct point *draw_near(struct plane_finder *f, const struct point *other)
{
    uint32_t wide = f->columns / NEAR_CELLS + 1, high = f->rows / NEAR_CELLS + 1;
    uint32_t column = (uint32_t)other->x / f->step, row = (uint32_t)other->y / f->step;
    uint32_t left = column > wide / 2 ? column - wide / 2 : 0;
    uint32_t top = row > high / 2 ? row - high / 2 : 0;
    for (unsigned i = 0; i < REDRAWS; i++) {
        uint32_t x = left + draw(f, wide), y = top + draw(f, high);
        int32_t index = x < f->columns && y < f->rows ? f->grid[y * f->columns + x] : -1;
        if (index >= 0 && !f->points[index].used)
            return &f->points[index];
    }
    return NULL;
}

/* ---- fits ---- */

static bool through(const struct point *p, const struct point *q, const struct point *r,
                    struct fit *fit)
{
    double ux = q->x - p->x, uy = q->y - p->y, uq = q->q - p->q;
    double vx = r->x - p->x, vy = r->y - p->y, vq = r->q - p->q;
    double area = ux * vy - uy * vx;
    if (fabs(area) < 16) /* on a line, or at one place */
        return false;
    fit->a = (uq * vy - uy * vq) / area;
    fit->b = (ux * vq - uq * vx) / area;
    fit->c = p->q - fit->a * p->x - fit->b * p->y;
    return true;
}

static inline bool is_on(const struct point *p, const struct fit *fit, float tolerance)
{
    float off = p->q - (float)(fit->a * p->x + fit->b * p->y + fit->c);
    return !p->used && off < tolerance && off > -tolerance;
}

static uint32_t count_on(const struct plane_finder *f, const struct fit *fit, float tolerance)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->count; i++)
        count += is_on(&f->points[i], fit, tolerance);
    return count;
}

/* Least squares over what is on it. */
static bool refit(const struct plane_finder *f, float tolerance, struct fit *fit)
{
    double n = 0, x = 0, y = 0, q = 0, xx = 0, xy = 0, yy = 0, xq = 0, yq = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct point *p = &f->points[i];
        if (!is_on(p, fit, tolerance))
            continue;
        n++;
        x += p->x;
        y += p->y;
        q += p->q;
        xx += p->x * p->x;
        xy += p->x * p->y;
        yy += p->y * p->y;
        xq += p->x * p->q;
        yq += p->y * p->q;
    }
    double sxx = xx - x * x / n, sxy = xy - x * y / n, syy = yy - y * y / n;
    double sxq = xq - x * q / n, syq = yq - y * q / n, area = sxx * syy - sxy * sxy;
    if (!(n >= 3) || !(area > 1e-3 * sxx * syy))
        return false;
    fit->a = (sxq * syy - syq * sxy) / area;
    fit->b = (syq * sxx - sxq * sxy) / area;
    fit->c = (q - fit->a * x - fit->b * y) / n;
    return true;
}

/* The plane with the most points of those tried; how many. */
static uint32_t find(struct plane_finder *f, float tolerance, struct fit *best)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < f->options.tries; i++) {
        base_pool_pause();
        const struct point *p = draw_any(f);
        const struct point *q = p ? draw_near(f, p) : NULL, *r = p ? draw_near(f, p) : NULL;
        struct fit fit;
        if (!p || !q || !r || !through(p, q, r, &fit))
            continue;
        uint32_t count = count_on(f, &fit, tolerance);
        if (count > most) {
            most = count;
            *best = fit;
        }
    }
    for (unsigned i = 0; most && i < REFITS; i++) {
        base_pool_pause();
        if (!refit(f, tolerance, best))
            return 0;
    }
    return most ? count_on(f, best, tolerance) : 0;
}

/* ---- what is told of one ---- */

static void place(const struct pipe_depth *depth, const struct point *p, float out[3])
{
    out[2] = 1 / p->q;
    out[0] = (p->x - depth->cx) / depth->fx * out[2];
    out[1] = (p->y - depth->cy) / depth->fy * out[2];
}

static float dot(const float a[3], const float b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* The k-th least of count values, which are reordered. */
static float pick(float *values, uint32_t count, uint32_t k)
{
    uint32_t from = 0, to = count - 1;
    while (from < to) {
        float pivot = values[(from + to) / 2];
        uint32_t i = from, j = to;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            float kept = values[i];
            values[i++] = values[j];
            values[j--] = kept;
        }
        if (k <= j)
            to = j;
        else
            from = j + 1;
    }
    return values[k];
}

/* From end to end along an axis, and the middle of that. */
static float extent(struct plane_finder *f, const struct pipe_depth *depth, const struct fit *fit,
                    float tolerance, const float axis[3], float *middle)
{
    uint32_t count = 0;
    base_pool_pause();
    for (uint32_t i = 0; i < f->count; i++)
        if (is_on(&f->points[i], fit, tolerance)) {
            float at[3];
            place(depth, &f->points[i], at);
            f->along[count++] = dot(at, axis);
        }
    base_pool_pause();
    float low = pick(f->along, count, count / TRIMMED);
    float high = pick(f->along, count, count - 1 - count / TRIMMED);
    *middle = (low + high) / 2;
    return high - low;
}

/* Of the spread of points within the plane: the direction in which it is largest. */
static void turn_axes(const struct plane_finder *f, const struct pipe_depth *depth,
                      const struct fit *fit, float tolerance, float axes[2][3])
{
    double n = 0, u = 0, v = 0, uu = 0, uv = 0, vv = 0;
    base_pool_pause();
    for (uint32_t i = 0; i < f->count; i++) {
        float at[3];
        if (!is_on(&f->points[i], fit, tolerance))
            continue;
        place(depth, &f->points[i], at);
        double a = (double)dot(at, axes[0]), b = (double)dot(at, axes[1]);
        n++;
        u += a;
        v += b;
        uu += a * a;
        uv += a * b;
        vv += b * b;
    }
    double angle = 0.5 * atan2(2 * (uv - u * v / n), (uu - u * u / n) - (vv - v * v / n));
    float c = (float)cos(angle), s = (float)sin(angle);
    for (unsigned k = 0; k < 3; k++) {
        float first = axes[0][k], second = axes[1][k];
        axes[0][k] = c * first + s * second;
        axes[1][k] = c * second - s * first;
    }
}

static void describe(struct plane_finder *f, const struct pipe_depth *depth, const struct fit *fit,
                     float tolerance, struct percept_plane *out)
{
    /* 1 / z = a x + b y + c, with x = fx X / z + cx and so on, times z. */
    float m[3] = {(float)(fit->a * (double)depth->fx), (float)(fit->b * (double)depth->fy),
                  (float)(fit->a * (double)depth->cx + fit->b * (double)depth->cy + fit->c)};
    float size = sqrtf(dot(m, m)), middle[2];
    for (unsigned k = 0; k < 3; k++)
        out->normal[k] = -m[k] / size;
    out->distance_m = 1 / size;
    /* Any two axes in it, then those of its extent. */
    unsigned least = fabsf(m[0]) < fabsf(m[1]) ? 0 : 1;
    float aside[3] = {least == 0, least == 1, 0}, along = dot(aside, out->normal), length;
    for (unsigned k = 0; k < 3; k++)
        out->axes[0][k] = aside[k] - along * out->normal[k];
    length = sqrtf(dot(out->axes[0], out->axes[0]));
    for (unsigned k = 0; k < 3; k++)
        out->axes[0][k] /= length;
    for (unsigned k = 0; k < 3; k++)
        out->axes[1][k] = out->normal[(k + 1) % 3] * out->axes[0][(k + 2) % 3] -
                          out->normal[(k + 2) % 3] * out->axes[0][(k + 1) % 3];
    turn_axes(f, depth, fit, tolerance, out->axes);
    for (unsigned axis = 0; axis < 2; axis++)
        out->extent_m[axis] = extent(f, depth, fit, tolerance, out->axes[axis], &middle[axis]);
    for (unsigned k = 0; k < 3; k++)
        out->center[k] = middle[0] * out->axes[0][k] + middle[1] * out->axes[1][k] -
                         out->distance_m * out->normal[k];
}

/* How far its points are from it; they are used then. */
static float take(struct plane_finder *f, const struct pipe_depth *depth, const struct fit *fit,
                  float tolerance, const struct percept_plane *plane)
{
    double squares = 0;
    uint32_t count = 0;
    base_pool_pause();
    for (uint32_t i = 0; i < f->count; i++) {
        float at[3];
        if (!is_on(&f->points[i], fit, tolerance))
            continue;
        place(depth, &f->points[i], at);
        float off = dot(at, plane->normal) + plane->distance_m;
        squares += (double)(off * off);
        count++;
        f->points[i].used = true;
    }
    return (float)sqrt(squares / count);
}

static uint32_t id_of(struct plane_finder *f, const struct percept_plane *plane,
                      const struct percept_planes *planes)
{
    for (uint32_t i = 0; i < f->last.plane_count; i++) {
        const struct percept_plane *before = &f->last.planes[i];
        bool taken = false;
        for (uint32_t k = 0; k < planes->plane_count; k++)
            taken |= planes->planes[k].id == before->id;
        if (!taken && dot(plane->normal, before->normal) > SAME_ANGLE &&
            fabsf(plane->distance_m - before->distance_m) < SAME_SHARE * before->distance_m)
            return before->id;
    }
    return f->next_id++;
}

void plane_finder_run(struct plane_finder *f, const struct pipe_depth *depth,
                      struct percept_planes *planes)
{
    *planes = (struct percept_planes){
        .capture_ns = depth->capture_ns, .frame = depth->frame, .flags = depth->flags};
    gather(f, depth);
    float of_one = depth->baseline_m > 0 ? 1 / (depth->fx * depth->baseline_m) : 0;
    float nearest = 0;
    for (uint32_t i = 0; of_one == 0 && i < f->count; i++)
        nearest = fmaxf(nearest, f->points[i].q);
    float tolerance = f->options.tolerance * (of_one > 0 ? of_one : 0.01F * nearest);
    while (planes->plane_count < f->options.most && f->count >= 16) {
        struct fit fit;
        uint32_t count = find(f, tolerance, &fit);
        if (count < 16 || (float)count < f->options.least_share * (float)f->count)
            break;
        struct percept_plane plane = {0};
        describe(f, depth, &fit, tolerance, &plane);
        plane.share = (float)count / (float)f->count;
        plane.residual_m = take(f, depth, &fit, tolerance, &plane);
        plane.id = id_of(f, &plane, planes);
        planes->planes[planes->plane_count++] = plane;
    }
    f->last = *planes;
}
