/*
 * Why the world is between camera and app: a head moves while a hand rests. Each sample is put into
 * the world, the LOCAL space, by where the camera was when it was taken, and what is extrapolated
 * is the motion there. Seen from the app's space as it stands at the time asked for, that is the
 * same motion, so the two steps are one multiplication for all joints.
 */
#include "openxr/locate.h"

#include "openxr/pose.h"
#include "openxr/settings.h"

#include "base/clock.h"

#include <string.h>

#define FASTEST 8.0f                   /* of a hand, metres a second */
#define GAP_NS  (250 * BASE_NS_PER_MS) /* between samples that still tell of one motion */

XrResult locate_space(const struct tracker *tracker, XrSpace space, XrSpace base, XrTime time,
                      struct located *located)
{
    XrSpaceVelocity velocity = {.type = XR_TYPE_SPACE_VELOCITY};
    XrSpaceLocation location = {.type = XR_TYPE_SPACE_LOCATION, .next = &velocity};
    XrResult result = tracker->instance.xrLocateSpace(space, base, time, &location);
    *located = (struct located){.pose = location.pose, .flags = location.locationFlags};
    if (XR_FAILED(result))
        return result;
    if (velocity.velocityFlags & XR_SPACE_VELOCITY_LINEAR_VALID_BIT)
        located->linear = velocity.linearVelocity;
    if (velocity.velocityFlags & XR_SPACE_VELOCITY_ANGULAR_VALID_BIT)
        located->angular = velocity.angularVelocity;
    return result;
}

/* ---- times ---- */

static bool to_ns(const struct instance *instance, XrTime time, int64_t *ns)
{
    struct timespec t;
    if (instance->xrConvertTimeToTimespecTimeKHR(instance->handle, time, &t) != XR_SUCCESS)
        return false;
    *ns = (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec;
    return true;
}

static bool from_ns(const struct instance *instance, int64_t ns, XrTime *time)
{
    struct timespec t = {.tv_sec = (time_t)(ns / BASE_NS_PER_S), .tv_nsec = ns % BASE_NS_PER_S};
    return instance->xrConvertTimespecTimeToTimeKHR(instance->handle, &t, time) == XR_SUCCESS;
}

/* ---- the camera ---- */

/* When a sample was captured. Poses are in the app's space. */
struct moment {
    XrTime time;
    bool head_is_known;
    XrPosef head, camera;
};

/* False when it is not known where the camera was. */
static bool look_back(const struct tracker *tracker, const struct located *base, int64_t capture_ns,
                      struct moment *moment)
{
    const struct settings *settings = settings_get();
    struct located head;
    if (!from_ns(&tracker->instance, capture_ns, &moment->time))
        return false;
    moment->head_is_known =
        XR_SUCCEEDED(locate_space(tracker, tracker->view, tracker->world, moment->time, &head)) &&
        (head.flags & LOCATED_VALID) == LOCATED_VALID;
    moment->head = pose_multiply(&base->pose, &head.pose);
    moment->camera =
        pose_multiply(settings->camera_is_fixed ? &base->pose : &moment->head, &settings->camera);
    return settings->camera_is_fixed || moment->head_is_known;
}

/* ---- the hand ---- */

static XrPosef seen_by(const XrPosef *camera, const struct skeleton_joint *joint)
{
    XrPosef pose = {joint->orientation, joint->position};
    return pose_multiply(camera, &pose);
}

/* Pictures that follow each other without a motion between them: no hand is as fast. */
static bool jumps(const struct feed_view *view, const struct moment moments[2])
{
    XrPosef wrist[2];
    for (size_t i = 0; i < 2; i++)
        wrist[i] =
            seen_by(&moments[i].camera, &view->samples[i].hand.joints[XR_HAND_JOINT_WRIST_EXT]);
    float seconds =
        (float)(view->samples[0].capture_ns - view->samples[1].capture_ns) / (float)BASE_NS_PER_S;
    float way = vec_length(vec_sub(wrist[0].position, wrist[1].position));
    return way > FASTEST * seconds;
}

static void place(const struct feed_view *view, const struct moment moments[2],
                  struct hand_motion *motion)
{
    const struct skeleton *now = &view->samples[0].hand, *before = &view->samples[1].hand;
    float rate = 0;
    if (motion->moves)
        rate = (float)BASE_NS_PER_S /
               (float)(view->samples[0].capture_ns - view->samples[1].capture_ns);
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        typeof(motion->joints[0]) *joint = &motion->joints[i];
        joint->pose = seen_by(&moments[0].camera, &now->joints[i]);
        joint->radius = now->joints[i].radius;
        joint->linear = joint->angular = (XrVector3f){0, 0, 0};
        if (!motion->moves)
            continue;
        XrPosef old = seen_by(&moments[1].camera, &before->joints[i]);
        XrQuaternionf turn = quat_multiply(joint->pose.orientation, quat_inverse(old.orientation));
        joint->linear = vec_scale(vec_sub(joint->pose.position, old.position), rate);
        joint->angular = vec_scale(quat_log(turn), rate);
    }
}

static void advance(struct hand_motion *motion, float seconds)
{
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        typeof(motion->joints[0]) *joint = &motion->joints[i];
        joint->pose.position = vec_add(joint->pose.position, vec_scale(joint->linear, seconds));
        joint->pose.orientation = quat_unit(
            quat_multiply(quat_exp(vec_scale(joint->angular, seconds)), joint->pose.orientation));
    }
}

void locate_hand(const struct tracker *tracker, const struct located *base, XrTime time,
                 bool extrapolate, struct hand_motion *motion, bool *live)
{
    struct feed_view view;
    struct moment moments[2];
    int64_t time_ns;
    motion->tracked = false;
    *live = false;
    if (!tracker->fed || !tracker->takes_cameras || !to_ns(&tracker->instance, time, &time_ns))
        return;
    feed_read(tracker->hand, extrapolate ? time_ns : INT64_MAX, &view);
    *live = view.live;
    if (view.count == 0 || !look_back(tracker, base, view.samples[0].capture_ns, &moments[0]))
        return;
    int64_t newest = view.samples[0].capture_ns;
    int64_t gap = view.count == 2 ? newest - view.samples[1].capture_ns : 0;
    motion->tracked = true;
    motion->moves = gap > 0 && gap <= GAP_NS &&
                    look_back(tracker, base, view.samples[1].capture_ns, &moments[1]) &&
                    !jumps(&view, moments);
    motion->captured = moments[0].time;
    motion->head = moments[0].head;
    motion->head_is_known = moments[0].head_is_known;
    motion->up = quat_rotate(base->pose.orientation, (XrVector3f){0, 1, 0});
    motion->pinching = view.samples[0].hand.pinching;
    memcpy(motion->pinch_strength, view.samples[0].hand.pinch_strength,
           sizeof motion->pinch_strength);
    place(&view, moments, motion);
    int64_t ahead = time_ns - newest;
    if (ahead > settings_get()->prediction_ns)
        ahead = settings_get()->prediction_ns;
    if (extrapolate && motion->moves)
        advance(motion, (float)ahead / (float)BASE_NS_PER_S);
}
