#include "openxr/space.h"

#include "openxr/pose.h"
#include "openxr/settings.h"

#include "base/clock.h"

bool space_times_convert(const struct instance *instance)
{
    return instance->xrConvertTimeToTimespecTimeKHR && instance->xrConvertTimespecTimeToTimeKHR;
}

bool space_to_ns(const struct instance *instance, XrTime time, int64_t *ns)
{
    struct timespec t;
    if (instance->xrConvertTimeToTimespecTimeKHR(instance->handle, time, &t) != XR_SUCCESS)
        return false;
    *ns = (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec;
    return true;
}

bool space_from_ns(const struct instance *instance, int64_t ns, XrTime *time)
{
    struct timespec t = {.tv_sec = (time_t)(ns / BASE_NS_PER_S), .tv_nsec = ns % BASE_NS_PER_S};
    return instance->xrConvertTimespecTimeToTimeKHR(instance->handle, &t, time) == XR_SUCCESS;
}

XrResult space_locate(const struct instance *instance, XrSpace space, XrSpace base, XrTime time,
                      struct located *located)
{
    XrSpaceVelocity velocity = {.type = XR_TYPE_SPACE_VELOCITY};
    XrSpaceLocation location = {.type = XR_TYPE_SPACE_LOCATION, .next = &velocity};
    XrResult result = instance->xrLocateSpace(space, base, time, &location);
    *located = (struct located){.pose = location.pose, .flags = location.locationFlags};
    if (XR_FAILED(result))
        return result;
    if (velocity.velocityFlags & XR_SPACE_VELOCITY_LINEAR_VALID_BIT)
        located->linear = velocity.linearVelocity;
    if (velocity.velocityFlags & XR_SPACE_VELOCITY_ANGULAR_VALID_BIT)
        located->angular = velocity.angularVelocity;
    return result;
}

/* ---- the camera ---- */

XrResult sight_open(const struct instance *instance, XrSession session, struct sight *sight)
{
    XrReferenceSpaceCreateInfo info = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                       .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_VIEW,
                                       .poseInReferenceSpace = POSE_IDENTITY};
    *sight = (struct sight){XR_NULL_HANDLE, XR_NULL_HANDLE};
    XrResult result = instance->xrCreateReferenceSpace(session, &info, &sight->view);
    if (XR_FAILED(result))
        return result;
    info.referenceSpaceType = XR_REFERENCE_SPACE_TYPE_LOCAL;
    result = instance->xrCreateReferenceSpace(session, &info, &sight->world);
    if (XR_FAILED(result))
        sight_close(instance, sight);
    return result;
}

void sight_close(const struct instance *instance, struct sight *sight)
{
    if (sight->world != XR_NULL_HANDLE)
        instance->xrDestroySpace(sight->world);
    if (sight->view != XR_NULL_HANDLE)
        instance->xrDestroySpace(sight->view);
    *sight = (struct sight){XR_NULL_HANDLE, XR_NULL_HANDLE};
}

bool sight_look_back(const struct instance *instance, const struct sight *sight,
                     const struct located *base, int64_t capture_ns, struct moment *moment)
{
    const struct settings *settings = settings_get();
    struct located head;
    if (!space_from_ns(instance, capture_ns, &moment->time))
        return false;
    moment->head_is_known =
        XR_SUCCEEDED(space_locate(instance, sight->view, sight->world, moment->time, &head)) &&
        (head.flags & LOCATED_VALID) == LOCATED_VALID;
    moment->head = pose_multiply(&base->pose, &head.pose);
    moment->camera =
        pose_multiply(settings->camera_is_fixed ? &base->pose : &moment->head, &settings->camera);
    return settings->camera_is_fixed || moment->head_is_known;
}
