/* Hands that were never seen: for tests of what follows, joins and smooths them. */
#ifndef TESTS_PIPELINES_SYNTHETIC_HAND_H
#define TESTS_PIPELINES_SYNTHETIC_HAND_H

#include "pipelines/hand_geometry.h"

#include <math.h>
#include <stdlib.h>

#define DEGREE 0.017453293f

static inline float uniform(float low, float high)
{
    return low + (high - low) * (float)rand() / (float)RAND_MAX;
}

/* A hand as a cross: wrist below, knuckles above, `size` pixels tall, turned about its middle. */
static inline void make_hand(struct percept_hand *hand, uint32_t id, float x, float y, float size,
                             float rotation)
{
    *hand = (struct percept_hand){.id = id, .presence = 1, .detection_score = 0.9f};
    for (int i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        /* Five fingers of four joints, side by side, from the wrist up. */
        float across = i == 0 ? 0 : ((float)((i - 1) / 4) - 2) / 6 * size;
        float along = i == 0 ? size / 2 : size / 2 - size * (0.3f + 0.2f * (float)((i - 1) % 4));
        hand->image[i][0] = x + cosf(rotation) * across - sinf(rotation) * along;
        hand->image[i][1] = y + sinf(rotation) * across + cosf(rotation) * along;
    }
    struct pipe_square square = pipe_square_from_landmarks(hand->image);
    hand->region_center[0] = square.x;
    hand->region_center[1] = square.y;
    hand->region_size = square.side;
    hand->region_rotation = square.rotation;
}

#endif
