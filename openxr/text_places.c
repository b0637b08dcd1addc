/*
 * Why a quad a metre away: one camera tells in which direction the corners are, not how far. Seen
 * from the camera that quad is the text, at whatever distance it stands; with depth it is where the
 * text is.
 */
#include "openxr/text_places.h"

#include "openxr/pose.h"

#define NEAREST  0.05f /* metres; nothing is read from nearer */
#define FARTHEST 100.0f

void text_directions(const struct text_view *view, const struct text_line *line, float tangent,
                     XrVector3f corners[4])
{
    float scale = 2 * tangent / (float)view->width;
    for (size_t i = 0; i < 4; i++)
        corners[i] = (XrVector3f){(line->corners[i].x - (float)view->width / 2) * scale,
                                  ((float)view->height / 2 - line->corners[i].y) * scale, -1};
}

/* How far away that is along the camera's axis; 0: not known. */
static float depth_of(const float plane[3], XrVector3f direction)
{
    float inverse = plane[0] + plane[1] * direction.x + plane[2] * direction.y;
    return inverse > 1 / FARTHEST && inverse < 1 / NEAREST ? 1 / inverse : 0;
}

static XrVector3f middle(const XrVector3f corners[4], size_t a, size_t b)
{
    return vec_middle(corners[a], corners[b]);
}

/* As one who reads it sees it: x to the right, y up, z out of it. */
static XrPosef pose_of(const XrVector3f corners[4])
{
    XrVector3f right = vec_sub(middle(corners, 1, 2), middle(corners, 0, 3));
    XrVector3f up = vec_sub(middle(corners, 0, 1), middle(corners, 3, 2));
    XrVector3f x = vec_unit(right, (XrVector3f){1, 0, 0});
    XrVector3f aside = fabsf(x.y) < 0.9f ? (XrVector3f){0, 1, 0} : (XrVector3f){1, 0, 0};
    XrVector3f y = vec_unit(vec_across(up, x), vec_unit(vec_across(aside, x), aside));
    return (XrPosef){quat_from_axes(x, y, vec_cross(x, y)),
                     vec_middle(middle(corners, 0, 1), middle(corners, 3, 2))};
}

void text_place(const struct text_line *line, const XrVector3f directions[4], const float plane[3],
                const XrPosef *camera, XrTextLocationPERCEPT *location)
{
    XrVector3f corners[4];
    float depths[4];
    bool metric = plane != NULL;
    text_no_place(line, location);
    for (size_t i = 0; metric && i < 4; i++) {
        depths[i] = depth_of(plane, directions[i]);
        metric = depths[i] > 0;
    }
    for (size_t i = 0; i < 4; i++)
        corners[i] = vec_scale(directions[i], metric ? depths[i] : 1);
    XrPosef pose = pose_of(corners);
    location->locationFlags |= XR_TEXT_LOCATION_VALID_BIT_PERCEPT;
    if (metric)
        location->locationFlags |= XR_TEXT_LOCATION_METRIC_BIT_PERCEPT;
    location->pose = pose_multiply(camera, &pose);
    location->extents.width = vec_length(vec_sub(middle(corners, 1, 2), middle(corners, 0, 3)));
    location->extents.height = vec_length(vec_sub(middle(corners, 0, 1), middle(corners, 3, 2)));
    for (size_t i = 0; i < 4; i++)
        location->corners[i] = pose_point(camera, corners[i]);
}

void text_no_place(const struct text_line *line, XrTextLocationPERCEPT *location)
{
    *location = (XrTextLocationPERCEPT){
        .textId = line->text.textId,
        .locationFlags = line->seen ? XR_TEXT_LOCATION_SEEN_BIT_PERCEPT : 0,
        .pose = POSE_IDENTITY,
    };
    for (size_t i = 0; i < 4; i++)
        location->imageCorners[i] = line->corners[i];
}
