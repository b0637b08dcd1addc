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

XrQuaternionf quat_exp(XrVector3f rotation)
{
    float angle = vec_length(rotation);
    float scale = angle > 1e-6f ? sinf(angle / 2) / angle : 0.5f;
    return quat_unit((XrQuaternionf){rotation.x * scale, rotation.y * scale, rotation.z * scale,
                                     cosf(angle / 2)});
}

XrVector3f quat_log(XrQuaternionf q)
{
    float sign = q.w < 0 ? -1.0f : 1.0f;
    XrVector3f axis = vec_scale((XrVector3f){q.x, q.y, q.z}, sign);
    float sine = vec_length(axis);
    float scale = sine > 1e-6f ? 2 * atan2f(sine, q.w * sign) / sine : 2;
    return vec_scale(axis, scale);
}
