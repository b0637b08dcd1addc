/* Hands as a camera would see them, of known bones at a known pose: so what the layer makes of the
 * landmarks can be told beforehand. */
#ifndef TESTS_OPENXR_HAND_H
#define TESTS_OPENXR_HAND_H

#include "openxr/pose.h"

#include "ipc/topics.h"

#include <stdbool.h>
#include <string.h>

#define HAND_FOV 1.134464f /* 65 degrees, which is the layer's default */

/*
 * A landmark of a flat right hand in the wrist's own frame, that of the specification: fingers
 * along -z, the back of the hand up. The fingers are bent at their knuckles by so many radians.
 */
static inline XrVector3f hand_landmark(size_t i, bool right, float bend)
{
    static const float thumb[4][3] = {{-0.025f, -0.005f, -0.030f},
                                      {-0.045f, -0.012f, -0.060f},
                                      {-0.060f, -0.015f, -0.085f},
                                      {-0.070f, -0.018f, -0.110f}};
    static const float aside[4] = {-0.025f, 0, 0.020f, 0.038f}; /* knuckles */
    static const float along[4][4] = {{0.090f, 0.130f, 0.155f, 0.175f},
                                      {0.095f, 0.140f, 0.168f, 0.190f},
                                      {0.088f, 0.128f, 0.153f, 0.173f},
                                      {0.078f, 0.108f, 0.127f, 0.145f}};
    XrVector3f p = {0, 0, 0};
    if (i >= 5) {
        size_t finger = (i - 5) / 4;
        float beyond = along[finger][(i - 5) % 4] - along[finger][0];
        p = (XrVector3f){aside[finger], -beyond * sinf(bend),
                         -along[finger][0] - beyond * cosf(bend)};
    } else if (i >= 1) {
        p = (XrVector3f){thumb[i - 1][0], thumb[i - 1][1], thumb[i - 1][2]};
    }
    if (!right)
        p.x = -p.x;
    return p;
}

static inline void hand_frame(struct percept_hands *frame, int64_t capture_ns)
{
    *frame =
        (struct percept_hands){.capture_ns = capture_ns, .image_width = 640, .image_height = 480};
}

/* Add a hand with its wrist at this pose before the camera (x right, y up, -z ahead). */
static inline struct percept_hand *hand_add(struct percept_hands *frame, uint32_t id, bool right,
                                            const XrPosef *wrist, float bend)
{
    struct percept_hand *hand = &frame->hands[frame->hand_count++];
    float focal = (float)frame->image_width / 2 / tanf(HAND_FOV / 2);
    memset(hand, 0, sizeof *hand);
    hand->id = id;
    hand->handedness = right ? PERCEPT_HAND_RIGHT : PERCEPT_HAND_LEFT;
    hand->handedness_score = hand->presence = hand->detection_score = 0.9f;
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        XrVector3f p = pose_point(wrist, hand_landmark(i, right, bend));
        hand->image[i][0] = 320 - focal * p.x / p.z;
        hand->image[i][1] = 240 + focal * p.y / p.z;
        hand->world[i][0] = p.x - wrist->position.x;
        hand->world[i][1] = -(p.y - wrist->position.y);
        hand->world[i][2] = -(p.z - wrist->position.z);
    }
    return hand;
}

#endif
