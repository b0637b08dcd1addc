/* Joints by the conventions of XR_EXT_hand_tracking, from landmarks whose answer is known. */
#include "hand.h"
#include "near.h"

#include "openxr/skeleton.h"

#include <check.h>
#include <stdlib.h>

static const XrVector3f X = {1, 0, 0}, Y = {0, 1, 0}, Z = {0, 0, 1};

static struct skeleton_memory memory;
static struct skeleton skeleton;

static bool see(bool right, const XrPosef *wrist, float bend)
{
    struct percept_hands frame;
    hand_frame(&frame, 0);
    hand_add(&frame, 1, right, wrist, bend);
    memory = (struct skeleton_memory){0};
    return skeleton_from_hand(&frame, &frame.hands[0], HAND_FOV, &memory, &skeleton);
}

#define position(joint)    skeleton.joints[XR_HAND_JOINT_##joint##_EXT].position
#define orientation(joint) skeleton.joints[XR_HAND_JOINT_##joint##_EXT].orientation

START_TEST(a_flat_hand_has_the_axes_of_the_specification)
{
    XrPosef wrist = {{0, 0, 0, 1}, {0.1f, -0.2f, -0.5f}};
    for (int right = 0; right < 2; right++) {
        ck_assert(see(right, &wrist, 0));
        near_vector(position(WRIST), wrist.position);
        near_axes(orientation(WRIST), X, Y, Z);
        near_axes(orientation(PALM), X, Y, Z);
        for (int i = XR_HAND_JOINT_INDEX_PROXIMAL_EXT; i < XR_HAND_JOINT_COUNT_EXT; i++)
            if ((i - XR_HAND_JOINT_INDEX_METACARPAL_EXT) % 5 != 0) /* those fan out */
                near_axes(skeleton.joints[i].orientation, X, Y, Z);
        near_axes(orientation(MIDDLE_METACARPAL), X, Y, Z);
    }
}
END_TEST

START_TEST(joints_are_where_the_landmarks_are)
{
    XrPosef wrist = {quat_exp((XrVector3f){0.3f, -0.5f, 0.2f}), {-0.1f, 0.05f, -0.4f}};
    ck_assert(see(false, &wrist, 0.4f));
    for (size_t i = 1; i < PERCEPT_HAND_LANDMARKS; i++) {
        size_t finger = (i - 1) / 4; /* the thumb has no metacarpal before its first landmark */
        size_t joint = XR_HAND_JOINT_THUMB_METACARPAL_EXT + (i - 1) + finger;
        near_vector(skeleton.joints[joint].position,
                    pose_point(&wrist, hand_landmark(i, false, 0.4f)));
    }
    XrVector3f middle = vec_middle(position(MIDDLE_METACARPAL), position(MIDDLE_PROXIMAL));
    near_vector(position(PALM), middle);
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++)
        ck_assert(skeleton.joints[i].radius > 0.003f && skeleton.joints[i].radius < 0.03f);
}
END_TEST

START_TEST(a_bent_finger_points_down_and_its_nail_ahead)
{
    XrPosef wrist = {{0, 0, 0, 1}, {0, 0, -0.5f}};
    ck_assert(see(true, &wrist, 1.5707963f));
    near_axes(orientation(INDEX_PROXIMAL), X, vec_scale(Z, -1), Y);
    near_axes(orientation(LITTLE_TIP), X, vec_scale(Z, -1), Y);
    near_axes(orientation(WRIST), X, Y, Z);
}
END_TEST

START_TEST(the_whole_hand_turns_with_the_wrist)
{
    XrPosef wrist = {quat_exp((XrVector3f){0, 0, 3.14159265f}), {0, 0, -0.5f}}; /* palm up */
    ck_assert(see(true, &wrist, 0));
    near_axes(orientation(WRIST), vec_scale(X, -1), vec_scale(Y, -1), Z);
    near_axes(orientation(RING_DISTAL), vec_scale(X, -1), vec_scale(Y, -1), Z);
}
END_TEST

START_TEST(the_thumbs_nail_looks_aside)
{
    XrPosef wrist = {{0, 0, 0, 1}, {0, 0, -0.5f}};
    for (int right = 0; right < 2; right++) {
        ck_assert(see(right, &wrist, 0));
        for (int i = XR_HAND_JOINT_THUMB_METACARPAL_EXT; i <= XR_HAND_JOINT_THUMB_TIP_EXT; i++) {
            XrQuaternionf q = skeleton.joints[i].orientation;
            int near = i < XR_HAND_JOINT_THUMB_TIP_EXT ? i : i - 1;
            XrVector3f bone =
                vec_sub(skeleton.joints[near].position, skeleton.joints[near + 1].position);
            near_vector(quat_rotate(q, Z), vec_unit(bone, Z));
            XrVector3f nail = quat_rotate(q, Y);
            ck_assert(nail.y > 0.2f && (right ? nail.x < -0.3f : nail.x > 0.3f));
        }
    }
}
END_TEST

START_TEST(a_finger_does_not_bend_backwards)
{
    struct percept_hands frame;
    XrPosef wrist = {{0, 0, 0, 1}, {0, 0, -0.5f}};
    hand_frame(&frame, 0);
    struct percept_hand *hand = hand_add(&frame, 1, true, &wrist, 0);
    hand->world[7][1] -= 0.03f; /* the index finger's last joints, upwards */
    hand->world[8][1] -= 0.06f;
    memory = (struct skeleton_memory){0};
    ck_assert(skeleton_from_hand(&frame, hand, HAND_FOV, &memory, &skeleton));
    XrVector3f before = quat_rotate(orientation(INDEX_PROXIMAL), Z);
    XrVector3f after = quat_rotate(orientation(INDEX_INTERMEDIATE), Z);
    ck_assert(vec_dot(before, after) > cosf(0.27f));
}
END_TEST

START_TEST(bones_keep_their_lengths)
{
    struct percept_hands frame;
    XrPosef wrist = {{0, 0, 0, 1}, {0, 0, -0.5f}};
    ck_assert(see(true, &wrist, 0));
    float before = vec_length(vec_sub(position(INDEX_TIP), position(INDEX_DISTAL)));
    hand_frame(&frame, 0);
    struct percept_hand *hand = hand_add(&frame, 1, true, &wrist, 0);
    hand->world[8][2] += 0.02f; /* twice as long, says the net once */
    ck_assert(skeleton_from_hand(&frame, hand, HAND_FOV, &memory, &skeleton));
    float after = vec_length(vec_sub(position(INDEX_TIP), position(INDEX_DISTAL)));
    ck_assert(after > before && after < before + 0.003f);
    /* Another hand is measured anew. */
    hand->id = 2;
    ck_assert(skeleton_from_hand(&frame, hand, HAND_FOV, &memory, &skeleton));
    after = vec_length(vec_sub(position(INDEX_TIP), position(INDEX_DISTAL)));
    ck_assert(after > before + 0.018f);
}
END_TEST

START_TEST(a_pinch_begins_when_tips_touch_and_ends_when_they_part)
{
    struct percept_hands frame;
    XrPosef wrist = {{0, 0, 0, 1}, {0, 0, -0.5f}};
    static const struct {
        float apart; /* metres */
        bool pinches;
    } steps[] = {{0.08f, false}, {0.025f, false}, {0.01f, true}, {0.025f, true}, {0.04f, false}};
    memory = (struct skeleton_memory){0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        hand_frame(&frame, 0);
        struct percept_hand *hand = hand_add(&frame, 1, true, &wrist, 0);
        /* The thumb's last bone reaches to beside the index finger's tip, however far that is. */
        memcpy(hand->world[4], hand->world[8], sizeof hand->world[4]);
        hand->world[4][0] -= steps[i].apart;
        memory.id = hand->id; /* of a hand whose bones are as long as is seen */
        for (size_t j = 1; j < PERCEPT_HAND_LANDMARKS; j++) {
            static const size_t parents[] = {0,  0,  1, 2,  3,  0,  5, 6,  7,  0, 9,
                                             10, 11, 0, 13, 14, 15, 0, 17, 18, 19};
            const float *a = hand->world[j], *b = hand->world[parents[j]];
            memory.lengths[j] =
                sqrtf((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                      (a[2] - b[2]) * (a[2] - b[2]));
        }
        ck_assert(skeleton_from_hand(&frame, hand, HAND_FOV, &memory, &skeleton));
        ck_assert_msg((skeleton.pinching == 1 << 1) == steps[i].pinches, "at %f m: %x",
                      (double)steps[i].apart, skeleton.pinching);
        ck_assert(skeleton.pinch_strength[1] >= 0 && skeleton.pinch_strength[1] <= 1);
    }
}
END_TEST

START_TEST(what_is_no_hand_before_the_camera_is_refused)
{
    struct percept_hands frame;
    XrPosef wrist = {{0, 0, 0, 1}, {0, 0, -0.5f}};
    hand_frame(&frame, 0);
    struct percept_hand good = *hand_add(&frame, 1, true, &wrist, 0), bad;
    struct skeleton untouched = {.id = 77};
#define REFUSED(change)                                                              \
    do {                                                                             \
        bad = good;                                                                  \
        change;                                                                      \
        ck_assert(!skeleton_from_hand(&frame, &bad, HAND_FOV, &memory, &untouched)); \
        ck_assert_uint_eq(untouched.id, 77);                                         \
    } while (0)
    REFUSED(bad.world[3][1] = NAN);
    REFUSED(bad.image[20][0] = INFINITY);
    REFUSED(memset(bad.world, 0, sizeof bad.world));
    REFUSED(memset(bad.image, 0, sizeof bad.image));
    REFUSED(bad.id = 0);
    REFUSED(bad.world[9][0] = 5);
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++) { /* upside down: behind the camera */
        good.image[i][0] = 640 - good.image[i][0];
        good.image[i][1] = 480 - good.image[i][1];
    }
    REFUSED((void)0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr skeleton");
    TCase *tests = tcase_create("skeleton");
    tcase_add_test(tests, a_flat_hand_has_the_axes_of_the_specification);
    tcase_add_test(tests, joints_are_where_the_landmarks_are);
    tcase_add_test(tests, a_bent_finger_points_down_and_its_nail_ahead);
    tcase_add_test(tests, the_whole_hand_turns_with_the_wrist);
    tcase_add_test(tests, the_thumbs_nail_looks_aside);
    tcase_add_test(tests, a_finger_does_not_bend_backwards);
    tcase_add_test(tests, bones_keep_their_lengths);
    tcase_add_test(tests, a_pinch_begins_when_tips_touch_and_ends_when_they_part);
    tcase_add_test(tests, what_is_no_hand_before_the_camera_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
