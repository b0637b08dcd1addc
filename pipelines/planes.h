/*
 * The large flat surfaces in a depth map, by RANSAC. In pixels and 1 / z a plane is still a plane,
 * 1 / z = a x + b y + c, and what a stereo camera measures is off by the same there however far
 * away it is; so that is where planes are fitted.
 */
#ifndef PIPELINES_PLANES_H
#define PIPELINES_PLANES_H

#include "base/status.h"
#include "pipelines/stream.h"

struct plane_finder;

struct plane_options {
    uint32_t most;   /* planes, up to PERCEPT_PLANES_MAX */
    uint32_t step;   /* every so many pixels and rows are looked at */
    uint32_t tries;  /* of three points, for each plane */
    float tolerance; /* pixels of disparity that a point may be off; without a baseline, hundredths
                        of its distance */
    float least_share; /* of the points, that a plane must have */
};

/* For maps of up to most_pixels. */
enum percept_status plane_finder_create(const struct plane_options *options, size_t most_pixels,
                                        struct plane_finder **finder, struct percept_error *error);
void plane_finder_destroy(struct plane_finder *finder); /* NULL is fine */

/* Ids go on from the last map that this finder saw. Allocates nothing. */
void plane_finder_run(struct plane_finder *finder, const struct pipe_depth *depth,
                      struct percept_planes *planes);

#endif
