#include "openxr/plane_filter.h"

#include "openxr/pose.h"

#define LEVEL      0.9659f /* cosine of 15 degrees: so much off level is level, off upright upright */
#define ASIDE      0.2588f
#define FLOOR_BAND 0.15f /* metres: what is so near to the floor is the floor */
#define FLOOR_DEEP 1.0f  /* below the camera, where nobody knows the floor: a table is higher */
#define CEILING    0.5f  /* above the camera */
#define WALL       1.0f  /* the longer side of a wall */
#define FAR        1e3f  /* metres: beyond is nothing */

static XrVector3f from_camera(const float v[3])
{
    return (XrVector3f){v[0], -v[1], -v[2]};
}

static bool within_reach(XrVector3f v)
{
    return fabsf(v.x) < FAR && fabsf(v.y) < FAR && fabsf(v.z) < FAR;
}

/* False when it is none. */
static bool place(const struct percept_plane *seen, const XrPosef *camera, struct plane *plane)
{
    XrVector3f normal = from_camera(seen->normal), along = from_camera(seen->axes[0]);
    XrVector3f center = from_camera(seen->center);
    float width = seen->extent_m[0], height = seen->extent_m[1];
    if (!within_reach(normal) || !within_reach(along) || !within_reach(center) || seen->id == 0 ||
        !(width > 0 && width < FAR && height > 0 && height < FAR) || !(vec_length(normal) > 0.5f))
        return false;
    XrVector3f z = vec_unit(normal, normal);
    XrVector3f across = vec_across(along, z);
    if (!(vec_length(across) > 0.1f))
        return false;
    XrVector3f x = vec_unit(across, across);
    XrPosef pose = {quat_from_axes(x, vec_cross(z, x), z), center};
    plane->id = seen->id;
    plane->pose = pose_multiply(camera, &pose);
    plane->extents = (XrExtent2Df){width, height};
    return true;
}

static XrPlaneDetectorOrientationEXT orientation_of(const struct plane *plane)
{
    float up = quat_rotate(plane->pose.orientation, (XrVector3f){0, 0, 1}).y;
    if (up > LEVEL)
        return XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_UPWARD_EXT;
    if (up < -LEVEL)
        return XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_DOWNWARD_EXT;
    return fabsf(up) < ASIDE ? XR_PLANE_DETECTOR_ORIENTATION_VERTICAL_EXT
                             : XR_PLANE_DETECTOR_ORIENTATION_ARBITRARY_EXT;
}

static XrPlaneDetectorSemanticTypeEXT semantic_of(const struct plane *plane,
                                                  const struct plane_surroundings *around)
{
    float height = plane->pose.position.y, above = height - around->camera.position.y;
    float longer = fmaxf(plane->extents.width, plane->extents.height);
    bool floor =
        around->floor_is_known ? fabsf(height - around->floor) < FLOOR_BAND : above < -FLOOR_DEEP;
    switch (plane->orientation) {
    case XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_UPWARD_EXT:
        return floor ? XR_PLANE_DETECTOR_SEMANTIC_TYPE_FLOOR_EXT
                     : XR_PLANE_DETECTOR_SEMANTIC_TYPE_PLATFORM_EXT;
    case XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_DOWNWARD_EXT:
        return above > CEILING ? XR_PLANE_DETECTOR_SEMANTIC_TYPE_CEILING_EXT
                               : XR_PLANE_DETECTOR_SEMANTIC_TYPE_UNDEFINED_EXT;
    case XR_PLANE_DETECTOR_ORIENTATION_VERTICAL_EXT:
        return longer >= WALL ? XR_PLANE_DETECTOR_SEMANTIC_TYPE_WALL_EXT
                              : XR_PLANE_DETECTOR_SEMANTIC_TYPE_UNDEFINED_EXT;
    default:
        return XR_PLANE_DETECTOR_SEMANTIC_TYPE_UNDEFINED_EXT;
    }
}

/*
 * Does any of a rectangle fall into a box? Two convex bodies are apart if and only if they are so
 * along a direction that is a normal of either or at right angles to an edge of both (separating
 * axes). The rectangle is a box without a thickness.
 */
static bool meets(const struct plane *plane, const struct plane_filter *filter)
{
    static const XrVector3f unit[3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    const float half[2][3] = {
        {plane->extents.width / 2, plane->extents.height / 2, 0},
        {filter->box_extent.width / 2, filter->box_extent.height / 2, filter->box_extent.depth / 2},
    };
    XrVector3f axes[2][3], directions[15];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        axes[0][i] = directions[count++] = quat_rotate(plane->pose.orientation, unit[i]);
        axes[1][i] = directions[count++] = quat_rotate(filter->box.orientation, unit[i]);
    }
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            directions[count++] = vec_cross(axes[0][i], axes[1][j]);
    XrVector3f apart = vec_sub(plane->pose.position, filter->box.position);
    for (size_t d = 0; d < count; d++) {
        float reach = 1e-5f; /* what touches meets; and edges may be parallel */
        for (size_t body = 0; body < 2; body++)
            for (size_t i = 0; i < 3; i++)
                reach += half[body][i] * fabsf(vec_dot(axes[body][i], directions[d]));
        if (fabsf(vec_dot(apart, directions[d])) > reach)
            return false;
    }
    return true;
}

static bool passes(const struct plane *plane, const struct plane_filter *filter)
{
    return (filter->orientations == 0 || (filter->orientations & (1u << plane->orientation))) &&
           (filter->semantics == 0 || (filter->semantics & (1u << plane->semantic))) &&
           plane->extents.width * plane->extents.height >= filter->least_area &&
           meets(plane, filter);
}

static bool is_among(const struct plane found[], size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (found[i].id == id)
            return true;
    return false;
}

size_t plane_filter_apply(const struct percept_planes *planes, const struct plane_filter *filter,
                          const struct plane_surroundings *surroundings,
                          struct plane found[PERCEPT_PLANES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < planes->plane_count && i < PERCEPT_PLANES_MAX && count < filter->most;
         i++) {
        struct plane *plane = &found[count];
        if (!place(&planes->planes[i], &surroundings->camera, plane) ||
            is_among(found, count, planes->planes[i].id))
            continue;
        plane->orientation = orientation_of(plane);
        plane->semantic = semantic_of(plane, surroundings);
        if (passes(plane, filter))
            count++;
    }
    return count;
}
