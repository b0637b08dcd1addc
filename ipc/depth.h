/*
 * Questions to a depth map (percept.depth/1): how far is what a pixel shows, what does a ray hit,
 * is a point hidden, which points are there. Part of libpercept; every function may be called from
 * any thread, and none allocates.
 *
 * All is in the camera's coordinates: metres, x right, y down, z away from the camera.
 */
#ifndef IPC_DEPTH_H
#define IPC_DEPTH_H

#include "base/status.h"
#include "ipc/topics.h"

#include <stddef.h>
#include <stdint.h>

/* A sample whose maps have been found and checked. Valid as long as the sample's data. */
struct percept_depth_view {
    const struct percept_depth *depth;
    const uint16_t *millimetres; /* one of these two is NULL */
    const float *metres;
    const uint8_t *confidence;
};

/* Look at a sample of a topic of PERCEPT_DEPTH_SCHEMA. MALFORMED when it is not as it says. */
enum percept_status percept_depth_look(const void *data, size_t size,
                                       struct percept_depth_view *view,
                                       struct percept_error *error);

/* How far away what is at a place of the map is, z in metres: x in 0..width, y in 0..height, the
 * first pixel spans 0..1. 0: outside of the map, or not known with at least this confidence. */
float percept_depth_at(const struct percept_depth_view *view, float x, float y,
                       uint8_t least_confidence);

/* The point that a place of the map shows. 0 when it is not known, else 1. */
int percept_depth_point(const struct percept_depth_view *view, float x, float y,
                        uint8_t least_confidence, float point[3]);

struct percept_depth_hit {
    float point[3];
    float along; /* from the origin, in lengths of the direction */
    float x, y;  /* place in the map */
};

/*
 * Where a ray, from origin along direction up to `longest` lengths of it, first goes from in front
 * of a surface to behind it. What is `thickness` metres or more behind a surface when the ray comes
 * from where the map shows nothing is taken for free space beyond something near, for how thick
 * things are a map does not tell. 1: a hit; 0: none within the map.
 */
int percept_depth_ray(const struct percept_depth_view *view, const float origin[3],
                      const float direction[3], float longest, float thickness,
                      struct percept_depth_hit *hit);

/* Is a point behind what the camera sees, by more than `margin` metres? 1 yes, 0 no, -1 not known:
 * outside of the map or where depth is not known. What renders under things asks this. */
int percept_depth_hides(const struct percept_depth_view *view, const float point[3], float margin);

/* The points of every step-th pixel and row that are known with at least this confidence, row by
 * row; up to capacity. Returns how many there are, which may be more. */
size_t percept_depth_points(const struct percept_depth_view *view, uint32_t step,
                            uint8_t least_confidence, float (*points)[3], size_t capacity);

#endif
