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

static XrPosef seen_by(const XrPosef *camera, const struct skeleton_joint *joint)
{
    XrPosef pose = {joint->orientation, joint->position};
    return pose_multiply(camera, &pose);
}

/* Pictures that follow each other without a motion between them: no hand is as fast. */
static bool jumps(const struct feed_hands_view *view, const struct moment moments[2])
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

static void place(const struct feed_hands_view *view, const struct moment moments[2],
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

/* Of the specification's joints each finger is a chain that begins at the wrist, and the palm is at
 * the wrist, too. */
static size_t parent_of(size_t joint)
{
    bool begins = joint == XR_HAND_JOINT_PALM_EXT || joint == XR_HAND_JOINT_THUMB_METACARPAL_EXT ||
                  (joint >= XR_HAND_JOINT_INDEX_METACARPAL_EXT &&
                   (joint - XR_HAND_JOINT_INDEX_METACARPAL_EXT) % 5 == 0);
    return begins ? XR_HAND_JOINT_WRIST_EXT : joint - 1;
}

/* Each joint goes on as it moved, but no farther from its parent than its bone is long: fingertips
 * seen a little askew in two pictures seem fast, and would leave the hand. */
static void advance(struct hand_motion *motion, float seconds)
{
    XrVector3f before[XR_HAND_JOINT_COUNT_EXT];
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        typeof(motion->joints[0]) *joint = &motion->joints[i];
        before[i] = joint->pose.position;
        joint->pose.position = vec_add(joint->pose.position, vec_scale(joint->linear, seconds));
        joint->pose.orientation = quat_unit(
            quat_multiply(quat_exp(vec_scale(joint->angular, seconds)), joint->pose.orientation));
    }
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        size_t parent = parent_of(i);
        if (i == XR_HAND_JOINT_WRIST_EXT)
            continue;
        XrVector3f bone = vec_sub(before[i], before[parent]);
        XrVector3f from = motion->joints[parent].pose.position;
        XrVector3f *to = &motion->joints[i].pose.position;
        XrVector3f along = vec_unit(vec_sub(*to, from), vec_unit(bone, bone));
        *to = vec_add(from, vec_scale(along, vec_length(bone)));
    }
}

void locate_hand(const struct hand_tracker *tracker, const struct located *base, XrTime time,
                 bool extrapolate, struct hand_motion *motion, bool *live)
{
    struct feed_hands_view view;
    struct moment moments[2];
    const struct instance *instance = &tracker->object.instance;
    int64_t time_ns;
    motion->tracked = false;
    *live = false;
    if (!tracker->fed || !tracker->takes_cameras || !space_to_ns(instance, time, &time_ns))
        return;
    feed_hands_read(tracker->hand, extrapolate ? time_ns : INT64_MAX, &view);
    *live = view.live;
    if (view.count == 0 ||
        !sight_look_back(instance, &tracker->sight, base, view.samples[0].capture_ns, &moments[0]))
        return;
    int64_t newest = view.samples[0].capture_ns;
    int64_t gap = view.count == 2 ? newest - view.samples[1].capture_ns : 0;
    motion->tracked = true;
    motion->moves =
        gap > 0 && gap <= GAP_NS &&
        sight_look_back(instance, &tracker->sight, base, view.samples[1].capture_ns, &moments[1]) &&
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
