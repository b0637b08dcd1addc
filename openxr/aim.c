/*
 * Why a shoulder: a ray along a finger shakes with it, and turns away as the hand pinches. One from
 * where the shoulder must be, through the index finger's knuckle, holds still and points where the
 * person does.
 */
#include "openxr/aim.h"

#include "openxr/pose.h"

/* Of an adult, metres from between the eyes, with the head level. */
#define SHOULDER_ASIDE 0.17f
#define SHOULDER_DOWN  0.20f

static XrPosef aim_pose(const struct hand_motion *motion, XrHandEXT hand)
{
    const XrVector3f up = motion->up;
    XrVector3f knuckle = motion->joints[XR_HAND_JOINT_INDEX_PROXIMAL_EXT].pose.position;
    XrVector3f right = quat_rotate(motion->head.orientation, (XrVector3f){1, 0, 0});
    right = vec_unit(vec_across(right, up), (XrVector3f){1, 0, 0});
    XrVector3f shoulder =
        vec_add(motion->head.position,
                vec_scale(right, hand == XR_HAND_LEFT_EXT ? -SHOULDER_ASIDE : SHOULDER_ASIDE));
    shoulder = vec_sub(shoulder, vec_scale(up, SHOULDER_DOWN));
    XrVector3f z = vec_unit(vec_sub(shoulder, knuckle), (XrVector3f){0, 0, 1});
    XrVector3f x = vec_unit(vec_cross(up, z), right);
    return (XrPosef){quat_from_axes(x, vec_cross(z, x), z), knuckle};
}

void aim_fill(const struct hand_motion *motion, XrHandEXT hand, XrHandTrackingAimStateFB *aim)
{
    aim->status = 0;
    aim->aimPose = POSE_IDENTITY;
    aim->pinchStrengthIndex = aim->pinchStrengthMiddle = 0;
    aim->pinchStrengthRing = aim->pinchStrengthLittle = 0;
    if (!motion)
        return;
    for (unsigned finger = 1; finger < SKELETON_FINGERS; finger++)
        if (motion->pinching & (1u << finger))
            aim->status |= XR_HAND_TRACKING_AIM_INDEX_PINCHING_BIT_FB << (finger - 1);
    aim->pinchStrengthIndex = motion->pinch_strength[1];
    aim->pinchStrengthMiddle = motion->pinch_strength[2];
    aim->pinchStrengthRing = motion->pinch_strength[3];
    aim->pinchStrengthLittle = motion->pinch_strength[4];
    if (!motion->head_is_known)
        return;
    aim->status |= XR_HAND_TRACKING_AIM_COMPUTED_BIT_FB | XR_HAND_TRACKING_AIM_VALID_BIT_FB;
    aim->aimPose = aim_pose(motion, hand);
}
