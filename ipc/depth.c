/* Why: everybody who gets a depth map would otherwise write these lines, and half of them would be
 * off by half a pixel. */
#include "ipc/depth.h"

#include "base/checked.h"

#include <math.h>
#include <string.h>

/* ---- what is in a sample ---- */

static enum percept_status find_map(const struct percept_depth *depth, size_t size, unsigned index,
                                    uint32_t dtype, size_t element, const void **data,
                                    struct percept_error *error)
{
    const struct percept_tensor *map = &depth->maps[index];
    size_t bytes;
    if (map->dtype != dtype || map->rank != 2 || map->sizes[0] != depth->height ||
        map->sizes[1] != depth->width || !base_mul_size(depth->width, depth->height, &bytes) ||
        !base_mul_size(bytes, element, &bytes) || map->bytes != bytes || map->offset % 4 ||
        !base_range_inside(map->offset, map->bytes, size))
        return percept_fail(error, PERCEPT_MALFORMED,
                            "map %u of a depth sample is not as its head says", index);
    *data = (const char *)depth + map->offset;
    return PERCEPT_OK;
}

enum percept_status percept_depth_look(const void *data, size_t size,
                                       struct percept_depth_view *view, struct percept_error *error)
{
    const struct percept_depth *depth = data;
    struct percept_depth_view new = {.depth = depth};
    const void *distance, *confidence;
    if (size < sizeof *depth || depth->map_count != PERCEPT_DEPTH_MAPS)
        return percept_fail(error, PERCEPT_MALFORMED, "%zu bytes are no depth map", size);
    bool whole = depth->maps[0].dtype == PERCEPT_UINT16;
    enum percept_status status =
        find_map(depth, size, 0, whole ? PERCEPT_UINT16 : PERCEPT_FLOAT32,
                 whole ? sizeof(uint16_t) : sizeof(float), &distance, error);
    if (status == PERCEPT_OK)
        status = find_map(depth, size, 1, PERCEPT_UINT8, 1, &confidence, error);
    if (status != PERCEPT_OK)
        return status;
    new.millimetres = whole ? distance : NULL;
    new.metres = whole ? NULL : distance;
    new.confidence = confidence;
    *view = new;
    return PERCEPT_OK;
}

/* ---- pixels ---- */

static float at_index(const struct percept_depth_view *view, size_t index, uint8_t least)
{
    if (view->confidence[index] < least)
        return 0;
    return view->metres ? view->metres[index] : (float)view->millimetres[index] * 1e-3F;
}

float percept_depth_at(const struct percept_depth_view *view, float x, float y, uint8_t least)
{
    const struct percept_depth *depth = view->depth;
    if (!(x >= 0 && y >= 0 && x < (float)depth->width && y < (float)depth->height))
        return 0;
    return at_index(view, (size_t)y * depth->width + (size_t)x, least);
}

int percept_depth_point(const struct percept_depth_view *view, float x, float y, uint8_t least,
                        float point[3])
{
    const struct percept_depth *depth = view->depth;
    float z = percept_depth_at(view, x, y, least);
    if (!(z > 0))
        return 0;
    point[0] = (x - depth->cx) / depth->fx * z;
    point[1] = (y - depth->cy) / depth->fy * z;
    point[2] = z;
    return 1;
}

size_t percept_depth_points(const struct percept_depth_view *view, uint32_t step, uint8_t least,
                            float (*points)[3], size_t capacity)
{
    const struct percept_depth *depth = view->depth;
    size_t count = 0;
    float point[3];
    step = step ? step : 1;
    for (uint64_t y = 0; y < depth->height; y += step)
        for (uint64_t x = 0; x < depth->width; x += step) {
            if (!percept_depth_point(view, (float)x + 0.5F, (float)y + 0.5F, least, point))
                continue;
            if (count < capacity)
                memcpy(points[count], point, sizeof point);
            count++;
        }
    return count;
}

/* ---- points and rays ---- */

/* Where a point is in the map; false: behind the camera. */
static bool project(const struct percept_depth *depth, const float point[3], float *x, float *y)
{
    if (!(point[2] > 1e-4F))
        return false;
    *x = point[0] / point[2] * depth->fx + depth->cx;
    *y = point[1] / point[2] * depth->fy + depth->cy;
    return true;
}

int percept_depth_hides(const struct percept_depth_view *view, const float point[3], float margin)
{
    float x, y;
    float z = project(view->depth, point, &x, &y) ? percept_depth_at(view, x, y, 1) : 0;
    return z > 0 ? point[2] > z + margin : -1;
}

static void along_ray(const float origin[3], const float direction[3], float t, float out[3])
{
    for (unsigned i = 0; i < 3; i++)
        out[i] = origin[i] + t * direction[i];
}

/* The part of the ray that is in front of the camera by at least `nearest`. */
static bool cut(const float origin[3], const float direction[3], float nearest, float *from,
                float *to)
{
    float dz = direction[2];
    if (fabsf(dz) < 1e-9F)
        return origin[2] >= nearest;
    float t = (nearest - origin[2]) / dz;
    if (dz > 0)
        *from = t > *from ? t : *from;
    else
        *to = t < *to ? t : *to;
    return *from < *to;
}

/* The part whose image is within the map: 1 / z is linear along the image, so the map's borders are
 * planes through the camera: a * t + b >= 0. */
static bool cut_by_borders(const struct percept_depth *depth, const float origin[3],
                           const float direction[3], float *from, float *to)
{
    const float width = (float)depth->width, height = (float)depth->height;
    const float borders[4][3] = {{depth->fx, 0, depth->cx},
                                 {-depth->fx, 0, width - depth->cx},
                                 {0, depth->fy, depth->cy},
                                 {0, -depth->fy, height - depth->cy}};
    for (unsigned i = 0; i < 4; i++) {
        float a = 0, b = 0;
        for (unsigned k = 0; k < 3; k++) {
            a += borders[i][k] * direction[k];
            b += borders[i][k] * origin[k];
        }
        if (a == 0 && b < 0)
            return false;
        if (a > 0)
            *from = -b / a > *from ? -b / a : *from;
        if (a < 0)
            *to = -b / a < *to ? -b / a : *to;
    }
    return *from < *to;
}

int percept_depth_ray(const struct percept_depth_view *view, const float origin[3],
                      const float direction[3], float longest, float thickness,
                      struct percept_depth_hit *hit)
{
    const struct percept_depth *depth = view->depth;
    float from = 0, to = longest, begin[3], end[3], x0, y0, x1, y1;
    /* Nearer than anything can be seen there is nothing to hit. */
    if (!cut(origin, direction, 0.01F, &from, &to) ||
        !cut_by_borders(depth, origin, direction, &from, &to))
        return 0;
    along_ray(origin, direction, from, begin);
    along_ray(origin, direction, to, end);
    if (!project(depth, begin, &x0, &y0) || !project(depth, end, &x1, &y1))
        return 0;
    /* One step a pixel: as many as the map is wide and high at most. */
    float pixels = fmaxf(fabsf(x1 - x0), fabsf(y1 - y0));
    uint32_t steps = (uint32_t)fminf(pixels, (float)depth->width + (float)depth->height) + 1;
    float last_t = from;
    bool in_front = false;
    for (uint32_t i = 0; i <= steps; i++) {
        /* Equal steps in the image are equal steps of 1 / z. */
        float share = (float)i / (float)steps;
        float inverse = (1 - share) / begin[2] + share / end[2], z = 1 / inverse;
        bool level = fabsf(end[2] - begin[2]) < 1e-6F;
        float t = level ? from + share * (to - from)
                        : from + (z - begin[2]) / (end[2] - begin[2]) * (to - from);
        float x = x0 + share * (x1 - x0), y = y0 + share * (y1 - y0);
        float surface = percept_depth_at(view, fminf(fmaxf(x, 0), (float)depth->width - 0.01F),
                                         fminf(fmaxf(y, 0), (float)depth->height - 0.01F), 1);
        if (!(surface > 0)) {
            in_front = false;
            continue;
        }
        if (z < surface) {
            in_front = true;
            last_t = t;
            continue;
        }
        if (!in_front && z - surface > thickness)
            continue;
        /* Between the last step and this one; where along the ray only when it goes inwards. */
        float exact = fabsf(direction[2]) > 1e-6F ? (surface - origin[2]) / direction[2] : t;
        hit->along = exact >= last_t && exact <= t ? exact : t;
        along_ray(origin, direction, hit->along, hit->point);
        hit->x = x;
        hit->y = y;
        return 1;
    }
    return 0;
}
