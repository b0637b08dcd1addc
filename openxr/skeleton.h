/*
 * From the 21 landmarks of a hand to OpenXR's 26 joints, metric, in the camera's frame: x right, y
 * up, looking along -z. Pure functions of their arguments.
 */
#ifndef OPENXR_SKELETON_H
#define OPENXR_SKELETON_H

#include "openxr/openxr_declarations.h"

#include "ipc/topics.h"

#include <stdbool.h>

enum { SKELETON_FINGERS = 5 };

struct skeleton_joint {
    XrQuaternionf orientation;
    XrVector3f position;
    float radius; /* to the skin */
};

struct skeleton {
    uint32_t id;                            /* of the hand; 0: none is seen */
    float pinch_strength[SKELETON_FINGERS]; /* of thumb and finger, 0..1; the thumb's own is 0 */
    uint32_t pinching;                      /* bit n: finger n */
    struct skeleton_joint joints[XR_HAND_JOINT_COUNT_EXT];
};

/* What is remembered of one hand from sample to sample; starts as zeros. */
struct skeleton_memory {
    uint32_t id;                           /* of the hand; another one is learnt anew */
    float lengths[PERCEPT_HAND_LANDMARKS]; /* of the bone that ends at each landmark */
    uint32_t pinching;
};

/*
 * field_of_view: of the image, horizontal, radians. The bones' lengths are those of the hand as
 * seen so far, and finger joints bend no further than fingers do. False, and nothing is changed,
 * when the landmarks are no hand before the camera: not finite, of no size, behind it.
 */
bool skeleton_from_hand(const struct percept_hands *frame, const struct percept_hand *hand,
                        float field_of_view, struct skeleton_memory *memory,
                        struct skeleton *skeleton);

#endif
