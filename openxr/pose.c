/* Why: what of the arithmetic is too long to stand in a header. */
#include "openxr/pose.h"

XrQuaternionf quat_unit(XrQuaternionf q)
{
    float length = sqrtf(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w);
    if (!(length > 1e-6f))
        return POSE_IDENTITY.orientation;
    return (XrQuaternionf){q.x / length, q.y / length, q.z / length, q.w / length};
}

/* By the largest of the four, which keeps the root away from zero (Shepperd, 1978). */
XrQuaternionf quat_from_axes(XrVector3f x, XrVector3f y, XrVector3f z)
{
    float trace = x.x + y.y + z.z;
    XrQuaternionf q;
    if (trace >= x.x && trace >= y.y && trace >= z.z)
        q = (XrQuaternionf){y.z - z.y, z.x - x.z, x.y - y.x, 1 + trace};
    else if (x.x >= y.y && x.x >= z.z)
        q = (XrQuaternionf){1 + x.x - y.y - z.z, x.y + y.x, z.x + x.z, y.z - z.y};
    else if (y.y >= z.z)
        q = (XrQuaternionf){x.y + y.x, 1 + y.y - x.x - z.z, y.z + z.y, z.x - x.z};
    else
        q = (XrQuaternionf){z.x + x.z, y.z + z.y, 1 + z.z - x.x - y.y, x.y - y.x};
    return quat_unit(q);
}

/* From sample to sample a joint turns by a small angle, for which a few terms of the series are as
 * exact as a float, and faster than sine and arc tangent: fifty of each are half a call's time. */
#define SMALL 0.5f

XrQuaternionf quat_exp(XrVector3f rotation)
{
    float square = vec_dot(rotation, rotation), w, scale;
    if (square < SMALL * SMALL) {
        scale = 0.5f - square * (1.0f / 48 - square * (1.0f / 3840));
        w = 1 - square * (1.0f / 8 - square * (1.0f / 384 - square * (1.0f / 46080)));
    } else {
        float angle = sqrtf(square);
        scale = sinf(angle / 2) / angle;
        w = cosf(angle / 2);
    }
    return (XrQuaternionf){rotation.x * scale, rotation.y * scale, rotation.z * scale, w};
}

XrVector3f quat_log(XrQuaternionf q)
{
    float sign = q.w < 0 ? -1.0f : 1.0f, scale;
    XrVector3f axis = {q.x * sign, q.y * sign, q.z * sign};
    float square = vec_dot(axis, axis); /* of the sine of half the angle */
    if (square < SMALL * SMALL / 4) {
        scale = 2 + square * (1.0f / 3 + square * (3.0f / 20 + square * (5.0f / 56)));
    } else {
        float sine = sqrtf(square);
        scale = 2 * atan2f(sine, q.w * sign) / sine;
    }
    return vec_scale(axis, scale);
}
