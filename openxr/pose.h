/* Vectors, rotations and poses as OpenXR has them: metres, right-handed, unit quaternions. */
#ifndef OPENXR_POSE_H
#define OPENXR_POSE_H

#include "openxr/openxr_declarations.h"

#include <math.h>

#define POSE_IDENTITY ((XrPosef){{0, 0, 0, 1}, {0, 0, 0}})

static inline XrVector3f vec_add(XrVector3f a, XrVector3f b)
{
    return (XrVector3f){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline XrVector3f vec_sub(XrVector3f a, XrVector3f b)
{
    return (XrVector3f){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline XrVector3f vec_scale(XrVector3f a, float s)
{
    return (XrVector3f){a.x * s, a.y * s, a.z * s};
}

static inline float vec_dot(XrVector3f a, XrVector3f b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline XrVector3f vec_cross(XrVector3f a, XrVector3f b)
{
    return (XrVector3f){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static inline float vec_length(XrVector3f a)
{
    return sqrtf(vec_dot(a, a));
}

/* The fallback where the vector has no direction. */
static inline XrVector3f vec_unit(XrVector3f a, XrVector3f fallback)
{
    float length = vec_length(a);
    return length > 1e-6f ? vec_scale(a, 1 / length) : fallback;
}

/* What of the vector is at right angles to a unit vector. */
static inline XrVector3f vec_across(XrVector3f a, XrVector3f unit)
{
    return vec_sub(a, vec_scale(unit, vec_dot(a, unit)));
}

static inline XrVector3f vec_middle(XrVector3f a, XrVector3f b)
{
    return vec_scale(vec_add(a, b), 0.5f);
}

/* First b, then a. */
static inline XrQuaternionf quat_multiply(XrQuaternionf a, XrQuaternionf b)
{
    return (XrQuaternionf){a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
                           a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
                           a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
                           a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z};
}

static inline XrQuaternionf quat_inverse(XrQuaternionf a)
{
    return (XrQuaternionf){-a.x, -a.y, -a.z, a.w};
}

static inline XrVector3f quat_rotate(XrQuaternionf q, XrVector3f v)
{
    XrVector3f axis = {q.x, q.y, q.z};
    XrVector3f twice = vec_scale(vec_cross(axis, v), 2);
    return vec_add(v, vec_add(vec_scale(twice, q.w), vec_cross(axis, twice)));
}

/* The identity where it has no length. */
XrQuaternionf quat_unit(XrQuaternionf q);
/* The rotation that takes the axes of space to these, which are a right-handed orthonormal frame.
 */
XrQuaternionf quat_from_axes(XrVector3f x, XrVector3f y, XrVector3f z);
/* A rotation about the vector by its length in radians, and back: the shorter way round. */
XrQuaternionf quat_exp(XrVector3f rotation);
XrVector3f quat_log(XrQuaternionf q);

static inline XrVector3f pose_point(const XrPosef *pose, XrVector3f point)
{
    return vec_add(pose->position, quat_rotate(pose->orientation, point));
}

/* The pose b, which is given in the frame of a. */
static inline XrPosef pose_multiply(const XrPosef *a, const XrPosef *b)
{
    return (XrPosef){quat_multiply(a->orientation, b->orientation), pose_point(a, b->position)};
}

#endif
