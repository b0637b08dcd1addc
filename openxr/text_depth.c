/*
 * Why not a ray through the map: depth is measured more often than text is read, but hardly ever at
 * the same moment, and there are up to 64 texts a call. A point of the text is guessed at, seen
 * from where the map was measured, and moved along its ray to the depth that is there; on a surface
 * that a few steps can follow, which text stands on, that is quick to settle.
 */
#include "openxr/text_depth.h"

#include "openxr/pose.h"

enum {
    SIDE = 3, /* of a grid over the text, whose points are measured */
    POINTS = SIDE * SIDE,
    ENOUGH = 5,
    STEPS = 4,
    MEASURED = 2, /* least confidence: not what was filled in */
};

#define START  1.5f  /* metres, the first guess */
#define APART  0.15f /* of the median: another surface */
#define STEADY 0.02f /* tangents; the slope of what is smaller is not trusted */

struct point {
    float x, y, inverse;
};

/* Metres along the text's camera's axis; 0: not known. from: the text's camera in the map's. */
static float measure(XrVector3f direction, const XrPosef *from, const struct feed_depth *depth)
{
    const struct percept_depth *map = depth->view.depth;
    XrVector3f ray = quat_rotate(from->orientation, direction);
    float z = START;
    if (!(ray.z < -0.1f))
        return 0; /* it looks elsewhere */
    for (int i = 0; i < STEPS; i++) {
        XrVector3f at = vec_add(from->position, vec_scale(ray, z));
        if (!(at.z < -1e-3f))
            return 0;
        float x = map->cx - map->fx * at.x / at.z, y = map->cy + map->fy * at.y / at.z;
        float metres = percept_depth_at(&depth->view, x, y, MEASURED);
        if (!(metres > 0))
            return 0;
        z = (metres + from->position.z) / -ray.z;
    }
    return z >= depth->near_m && z <= depth->far_m ? z : 0;
}

static XrVector3f across(const XrVector3f corners[4], float u, float v)
{
    XrVector3f top = vec_add(corners[0], vec_scale(vec_sub(corners[1], corners[0]), u));
    XrVector3f bottom = vec_add(corners[3], vec_scale(vec_sub(corners[2], corners[3]), u));
    return vec_add(top, vec_scale(vec_sub(bottom, top), v));
}

static float median(const struct point *points, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned below = 0, same = 0;
        for (unsigned k = 0; k < count; k++) {
            below += points[k].inverse < points[i].inverse;
            same += points[k].inverse == points[i].inverse;
        }
        if (below <= count / 2 && count / 2 < below + same)
            return points[i].inverse;
    }
    return 0;
}

/* Without those of other surfaces. */
static unsigned keep_near(struct point *points, unsigned count)
{
    float middle = median(points, count);
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++)
        if (fabsf(points[i].inverse - middle) <= APART * middle)
            points[kept++] = points[i];
    return kept;
}

/* Least squares, with the slopes held towards 0 where the points are too near each other to tell.
 */
static void fit(const struct point *points, unsigned count, float plane[3])
{
    struct point mean = {0, 0, 0};
    float xx = STEADY * STEADY, yy = STEADY * STEADY, xy = 0, xd = 0, yd = 0;
    for (unsigned i = 0; i < count; i++) {
        mean.x += points[i].x / (float)count;
        mean.y += points[i].y / (float)count;
        mean.inverse += points[i].inverse / (float)count;
    }
    for (unsigned i = 0; i < count; i++) {
        float x = points[i].x - mean.x, y = points[i].y - mean.y;
        float d = points[i].inverse - mean.inverse;
        xx += x * x;
        yy += y * y;
        xy += x * y;
        xd += x * d;
        yd += y * d;
    }
    float determinant = xx * yy - xy * xy; /* positive, as STEADY is */
    plane[1] = (xd * yy - yd * xy) / determinant;
    plane[2] = (yd * xx - xd * xy) / determinant;
    plane[0] = mean.inverse - plane[1] * mean.x - plane[2] * mean.y;
}

bool text_depth_plane(const XrVector3f corners[4], const XrPosef *camera,
                      const struct feed_depth *depth, const XrPosef *depth_camera, float plane[3])
{
    struct point points[POINTS];
    unsigned count = 0;
    XrQuaternionf back = quat_inverse(depth_camera->orientation);
    const XrPosef from = {
        quat_multiply(back, camera->orientation),
        quat_rotate(back, vec_sub(camera->position, depth_camera->position)),
    };
    for (unsigned i = 0; i < POINTS; i++) {
        unsigned row = i / SIDE, column = i % SIDE;
        XrVector3f direction = across(corners, ((float)column + 0.5f) / SIDE,
                                      ((float)row + 0.5f) / SIDE); /* z stays -1 */
        float z = measure(direction, &from, depth);
        if (z > 0)
            points[count++] = (struct point){direction.x, direction.y, 1 / z};
    }
    count = count >= ENOUGH ? keep_near(points, count) : 0;
    if (count < ENOUGH)
        return false;
    fit(points, count, plane);
    return true;
}
