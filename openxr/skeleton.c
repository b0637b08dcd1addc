/*
 * Why: the landmark net gives points, the specification wants bones with orientations. What it says
 * of them is in "Conventions of hand joints" of XR_EXT_hand_tracking: +z along the bone, away from
 * the tip; +y out of the back of the hand, or of the nail; so x is the axis about which a finger
 * bends.
 */
#include "openxr/skeleton.h"

#include "openxr/pose.h"

#include <string.h>

#define PI 3.14159265358979f

enum { WRIST = 0, THUMB_BASE = 1, INDEX_KNUCKLE = 5, MIDDLE_KNUCKLE = 9, LITTLE_KNUCKLE = 17 };

/* From the wrist to the middle finger's knuckle, metres: of an adult, and the range of hands. */
#define PALM_LENGTH  0.095f
#define PALM_MIN     0.03f
#define PALM_MAX     0.2f
#define REACH        0.5f
#define IMAGE_MAX    1e5f /* pixels */
#define DEPTH_MIN    0.03f
#define DEPTH_MAX    5.0f
#define LEARNING     0.1f /* how much of a bone's length is the newest sample's */
#define CARPUS       0.3f /* of the way from the wrist to a knuckle there is no finger's bone yet */
#define BEND_BACK    0.26f /* radians, and aside */
#define BEND_FORWARD 1.92f
/* The thumb's nail looks away from the back of the hand by so much, radians. */
#define THUMB_ROLL 1.05f
/* Between tips, metres for an adult: touching, and no pinch at all; and the strengths at which a
 * pinch begins and ends. */
#define PINCH_NEAR  0.015f
#define PINCH_FAR   0.06f
#define PINCH_BEGIN 0.9f
#define PINCH_END   0.7f

/* The landmark at the near end of the bone that ends at each: the fingers' first bones begin at the
 * wrist here. */
static const uint8_t parents[PERCEPT_HAND_LANDMARKS] = {0,  0,  1, 2,  3,  0,  5, 6,  7,  0, 9,
                                                        10, 11, 0, 13, 14, 15, 0, 17, 18, 19};

/* Joint to skin, metres, of an adult. */
static const float radii[XR_HAND_JOINT_COUNT_EXT] = {
    0.0150f, 0.0200f,                            /* palm, wrist */
    0.0180f, 0.0130f, 0.0110f, 0.0090f,          /* thumb */
    0.0170f, 0.0110f, 0.0090f, 0.0080f, 0.0065f, /* index */
    0.0170f, 0.0110f, 0.0090f, 0.0080f, 0.0065f, /* middle */
    0.0160f, 0.0105f, 0.0085f, 0.0075f, 0.0060f, /* ring */
    0.0150f, 0.0095f, 0.0080f, 0.0070f, 0.0055f, /* little */
};

struct axes {
    XrVector3f x, y, z;
};

/* False when a landmark is farther from the wrist than any hand reaches, or farther off the image
 * than makes sense, or no number. */
static bool to_camera_frame(const struct percept_hand *hand, XrVector3f points[])
{
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        points[i] = (XrVector3f){hand->world[i][0], -hand->world[i][1], -hand->world[i][2]};
        if (!(vec_length(points[i]) <= REACH && fabsf(hand->image[i][0]) <= IMAGE_MAX &&
              fabsf(hand->image[i][1]) <= IMAGE_MAX))
            return false;
    }
    return true;
}

/*
 * Where the hand is before a pinhole camera: the shift t for which each point p, seen at (u, v)
 * focal lengths off the centre, lies on its ray: p.x + t.x = u (p.z + t.z), the same for y (z away
 * from the camera here). Least squares of all points; t.x and t.y are eliminated first.
 */
static bool solve_position(const struct percept_hands *frame, const struct percept_hand *hand,
                           float field_of_view, XrVector3f *position)
{
    const float n = PERCEPT_HAND_LANDMARKS;
    float focal = (float)frame->image_width / (2 * tanf(field_of_view / 2));
    float u_sum = 0, v_sum = 0, a_sum = 0, b_sum = 0, squares = 0, products = 0;
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        const float *p = hand->world[i];
        float u = (hand->image[i][0] - (float)frame->image_width / 2) / focal;
        float v = (hand->image[i][1] - (float)frame->image_height / 2) / focal;
        float a = p[0] - u * p[2], b = p[1] - v * p[2];
        u_sum += u;
        v_sum += v;
        a_sum += a;
        b_sum += b;
        squares += u * u + v * v;
        products += u * a + v * b;
    }
    float spread = squares - (u_sum * u_sum + v_sum * v_sum) / n;
    float depth = (products - (u_sum * a_sum + v_sum * b_sum) / n) / spread;
    if (!(spread * focal * focal > n)) /* the landmarks are within a pixel or so */
        return false;
    if (!(depth >= DEPTH_MIN && depth <= DEPTH_MAX))
        return false;
    *position = (XrVector3f){(u_sum * depth - a_sum) / n, -(v_sum * depth - b_sum) / n, -depth};
    return true;
}

static struct axes palm_axes(const XrVector3f points[], bool right)
{
    struct axes palm;
    XrVector3f across = vec_sub(points[LITTLE_KNUCKLE], points[INDEX_KNUCKLE]);
    palm.z = vec_unit(vec_sub(points[WRIST], points[MIDDLE_KNUCKLE]), (XrVector3f){0, 0, 1});
    XrVector3f any = fabsf(palm.z.x) < 0.8f ? (XrVector3f){1, 0, 0} : (XrVector3f){0, 1, 0};
    any = vec_unit(vec_across(any, palm.z), any);
    palm.x = vec_unit(vec_across(right ? across : vec_scale(across, -1), palm.z), any);
    palm.y = vec_cross(palm.z, palm.x);
    return palm;
}

/* ---- what a hand can do ---- */

/* The direction of a bone behind a hinge, as near to the one seen as the hinge allows. */
static XrVector3f within_hinge(XrVector3f bone, XrVector3f before, XrVector3f axis)
{
    axis = vec_unit(vec_across(axis, before), axis);
    XrVector3f forward = vec_cross(before, axis); /* towards the palm */
    float aside = fmaxf(-BEND_BACK, fminf(BEND_BACK, vec_dot(bone, axis)));
    float bend = atan2f(vec_dot(bone, forward), vec_dot(bone, before));
    if (bend < (BEND_FORWARD - BEND_BACK) / 2 - PI) /* nearer to the other end of the range */
        bend = BEND_FORWARD;
    bend = fmaxf(-BEND_BACK, fminf(BEND_FORWARD, bend));
    XrVector3f flat = vec_add(vec_scale(before, cosf(bend)), vec_scale(forward, sinf(bend)));
    return vec_unit(vec_add(vec_scale(flat, sqrtf(1 - aside * aside)), vec_scale(axis, aside)),
                    before);
}

/* The two joints of a finger beyond its knuckle are hinges; the thumb is left as it is seen. */
static bool ends_behind_hinge(size_t landmark)
{
    return landmark > INDEX_KNUCKLE && (landmark - 1) % 4 >= 2;
}

/* Lengths as they were learnt, directions as they can be. */
static void constrain(XrVector3f points[], bool right, struct skeleton_memory *memory, uint32_t id)
{
    XrVector3f seen[PERCEPT_HAND_LANDMARKS];
    struct axes palm = palm_axes(points, right);
    bool fresh = memory->id != id;
    memcpy(seen, points, sizeof seen);
    for (size_t i = 1; i < PERCEPT_HAND_LANDMARKS; i++) {
        size_t from = parents[i];
        XrVector3f bone = vec_sub(seen[i], seen[from]);
        float length = vec_length(bone), *known = &memory->lengths[i];
        *known = fresh ? length : *known + LEARNING * (length - *known);
        bone = vec_unit(bone, vec_scale(palm.z, -1));
        if (ends_behind_hinge(i)) {
            XrVector3f before = vec_sub(points[from], points[parents[from]]);
            bone = within_hinge(bone, vec_unit(before, bone), palm.x);
        }
        points[i] = vec_add(points[from], vec_scale(bone, *known));
    }
    memory->id = id;
}

/* ---- joints ---- */

/* z along the bone from near to far, backwards; y as near to up as that lets it. */
static XrQuaternionf along_bone(XrVector3f near, XrVector3f far, XrVector3f up,
                                const struct axes *palm)
{
    XrVector3f z = vec_unit(vec_sub(near, far), palm->z);
    XrVector3f x = vec_unit(vec_cross(up, z), palm->x);
    return quat_from_axes(x, vec_cross(z, x), z);
}

/* The same by the axis about which the finger bends, which is at right angles to the bone however
 * far it does. */
static XrQuaternionf about_axis(XrVector3f near, XrVector3f far, const struct axes *palm)
{
    XrVector3f z = vec_unit(vec_sub(near, far), palm->z);
    XrVector3f x = vec_unit(vec_across(palm->x, z), palm->x);
    return quat_from_axes(x, vec_cross(z, x), z);
}

static void pose_joints(const XrVector3f points[], bool right, struct skeleton_joint joints[])
{
    struct axes palm = palm_axes(points, right);
    XrQuaternionf flat = quat_from_axes(palm.x, palm.y, palm.z);
    XrVector3f wrist = points[WRIST];
    joints[XR_HAND_JOINT_WRIST_EXT].position = wrist;
    joints[XR_HAND_JOINT_WRIST_EXT].orientation = flat;

    XrVector3f thumb_up = vec_add(vec_scale(palm.y, cosf(THUMB_ROLL)),
                                  vec_scale(palm.x, (right ? -1.0f : 1.0f) * sinf(THUMB_ROLL)));
    for (size_t i = 0; i < 4; i++) {
        size_t at = THUMB_BASE + i, near = i < 3 ? at : at - 1;
        joints[XR_HAND_JOINT_THUMB_METACARPAL_EXT + i].position = points[at];
        joints[XR_HAND_JOINT_THUMB_METACARPAL_EXT + i].orientation =
            along_bone(points[near], points[near + 1], thumb_up, &palm);
    }
    for (size_t finger = 0; finger < 4; finger++) {
        struct skeleton_joint *joint = &joints[XR_HAND_JOINT_INDEX_METACARPAL_EXT + 5 * finger];
        const XrVector3f *point = &points[INDEX_KNUCKLE + 4 * finger];
        joint[0].position = vec_add(wrist, vec_scale(vec_sub(point[0], wrist), CARPUS));
        joint[0].orientation = about_axis(joint[0].position, point[0], &palm);
        for (size_t i = 0; i < 4; i++) {
            size_t near = i < 3 ? i : 2;
            joint[1 + i].position = point[i];
            joint[1 + i].orientation = about_axis(point[near], point[near + 1], &palm);
        }
    }
    const struct skeleton_joint *middle = &joints[XR_HAND_JOINT_MIDDLE_METACARPAL_EXT];
    joints[XR_HAND_JOINT_PALM_EXT].position = vec_middle(middle[0].position, middle[1].position);
    joints[XR_HAND_JOINT_PALM_EXT].orientation = flat;
}

static void find_pinches(struct skeleton *skeleton, float size, uint32_t *pinching)
{
    const struct skeleton_joint *joints = skeleton->joints;
    skeleton->pinch_strength[0] = 0;
    for (unsigned finger = 1; finger < SKELETON_FINGERS; finger++) {
        XrVector3f tip = joints[XR_HAND_JOINT_THUMB_TIP_EXT + 5 * finger].position;
        float apart = vec_length(vec_sub(tip, joints[XR_HAND_JOINT_THUMB_TIP_EXT].position)) / size;
        float strength = (PINCH_FAR - apart) / (PINCH_FAR - PINCH_NEAR);
        strength = fmaxf(0, fminf(1, strength));
        skeleton->pinch_strength[finger] = strength;
        uint32_t bit = 1u << finger;
        if (strength >= PINCH_BEGIN)
            *pinching |= bit;
        else if (strength < PINCH_END)
            *pinching &= ~bit;
    }
    skeleton->pinching = *pinching;
}

bool skeleton_from_hand(const struct percept_hands *frame, const struct percept_hand *hand,
                        float field_of_view, struct skeleton_memory *memory,
                        struct skeleton *skeleton)
{
    XrVector3f points[PERCEPT_HAND_LANDMARKS], position;
    bool right = hand->handedness == PERCEPT_HAND_RIGHT;
    if (hand->id == 0 || frame->image_width == 0 || !to_camera_frame(hand, points))
        return false;
    float palm = vec_length(vec_sub(points[MIDDLE_KNUCKLE], points[WRIST]));
    if (!(palm >= PALM_MIN && palm <= PALM_MAX) ||
        !solve_position(frame, hand, field_of_view, &position))
        return false;
    if (memory->id != hand->id)
        memory->pinching = 0;
    constrain(points, right, memory, hand->id);
    pose_joints(points, right, skeleton->joints);
    float size = memory->lengths[MIDDLE_KNUCKLE] / PALM_LENGTH;
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        struct skeleton_joint *joint = &skeleton->joints[i];
        joint->position = vec_add(joint->position, position);
        joint->radius = radii[i] * size;
    }
    skeleton->id = hand->id;
    find_pinches(skeleton, size, &memory->pinching);
    return true;
}
