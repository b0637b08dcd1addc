/* From planes as they are published to those that an app asks for. Pure functions. */
#ifndef OPENXR_PLANE_FILTER_H
#define OPENXR_PLANE_FILTER_H

#include "openxr/openxr_declarations.h"

#include "ipc/topics.h"

#include <stdbool.h>

/* In the world, which is the LOCAL space: y is up. */
struct plane {
    uint64_t id;
    XrPosef pose;        /* of its middle: z along the normal, x along the longer side */
    XrExtent2Df extents; /* along x and y, metres */
    XrPlaneDetectorOrientationEXT orientation;
    XrPlaneDetectorSemanticTypeEXT semantic;
};

struct plane_filter {
    unsigned orientations, semantics; /* bits by value; 0: any */
    uint32_t most;
    float least_area;
    XrPosef box; /* its middle */
    XrExtent3DfEXT box_extent;
};

/* Where things are that tell a floor from a table. */
struct plane_surroundings {
    XrPosef camera; /* in the world, at the time of the planes */
    bool floor_is_known;
    float floor; /* its height */
};

/* Of the planes that the filter lets pass, the largest first; returns their number. What is no
 * plane (not finite, without a direction or a size) is left out, as is a second one of an id. */
size_t plane_filter_apply(const struct percept_planes *planes, const struct plane_filter *filter,
                          const struct plane_surroundings *surroundings,
                          struct plane found[PERCEPT_PLANES_MAX]);

#endif
