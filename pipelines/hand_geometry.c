/* Why: geometry is pure, so it is apart from the nodes and tested by itself. */
#include "pipelines/hand_geometry.h"

#include "pipelines/palm.h"
#include "pipelines/warp.h"

#include <math.h>

#define PI 3.14159265358979f

/* From the palm's box to the hand's square: towards the fingers by half the box, and wider. */
#define PALM_SHIFT 0.5f
#define PALM_SCALE 2.6f
/* The same from the box around the joints of the palm and the fingers' lower parts. */
#define LANDMARK_SHIFT 0.1f
#define LANDMARK_SCALE 2.0f
/* The net's z is in pixels of the crop times this. */
#define DEPTH_SCALE 0.4f

enum { PALM_WRIST = 0, PALM_MIDDLE = 2 };
enum { WRIST = 0, INDEX_MCP = 5, MIDDLE_MCP = 9, RING_MCP = 13 };

float pipe_normalize_angle(float angle)
{
    return angle - 2 * PI * floorf((angle + PI) / (2 * PI));
}

/* 0 when the direction points up in the image, growing clockwise. */
static float rotation_of(float right, float down)
{
    return pipe_normalize_angle(PI / 2 - atan2f(-down, right));
}

struct pipe_square pipe_square_from_palm(const struct pipe_detection *palm)
{
    const float *wrist = palm->keypoints[PALM_WRIST], *middle = palm->keypoints[PALM_MIDDLE];
    float rotation = rotation_of(middle[0] - wrist[0], middle[1] - wrist[1]);
    float shift = PALM_SHIFT * palm->height;
    return (struct pipe_square){
        .x = palm->left + palm->width / 2 + shift * sinf(rotation),
        .y = palm->top + palm->height / 2 - shift * cosf(rotation),
        .side = PALM_SCALE * fmaxf(palm->width, palm->height),
        .rotation = rotation,
    };
}

struct pipe_square pipe_square_from_landmarks(const float image[PERCEPT_HAND_LANDMARKS][3])
{
    /* Fingertips and the joints below them move too much to say where the hand is. */
    static const int stable[] = {0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18};
    /* The direction is to the middle of the knuckles, the middle finger's counted double. */
    float knuckle_x = (image[INDEX_MCP][0] + image[RING_MCP][0]) / 4 + image[MIDDLE_MCP][0] / 2;
    float knuckle_y = (image[INDEX_MCP][1] + image[RING_MCP][1]) / 4 + image[MIDDLE_MCP][1] / 2;
    float rotation = rotation_of(knuckle_x - image[WRIST][0], knuckle_y - image[WRIST][1]);
    float c = cosf(rotation), s = sinf(rotation);
    /* The box around them in the hand's own axes. */
    float left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
    for (size_t i = 0; i < sizeof stable / sizeof stable[0]; i++) {
        float x = image[stable[i]][0], y = image[stable[i]][1];
        float across = c * x + s * y, along = c * y - s * x;
        left = fminf(left, across);
        right = fmaxf(right, across);
        top = fminf(top, along);
        bottom = fmaxf(bottom, along);
    }
    float across = (left + right) / 2;
    float along = (top + bottom) / 2 - LANDMARK_SHIFT * (bottom - top);
    return (struct pipe_square){
        .x = c * across - s * along,
        .y = s * across + c * along,
        .side = LANDMARK_SCALE * fmaxf(right - left, bottom - top),
        .rotation = rotation,
    };
}

float pipe_square_overlap(const struct pipe_square *a, const struct pipe_square *b)
{
    return pipe_overlap(a->x - a->side / 2, a->y - a->side / 2, a->side, a->side,
                        b->x - b->side / 2, b->y - b->side / 2, b->side, b->side);
}

void pipe_landmarks_to_image(const float *raw_image, uint32_t size,
                             const struct pipe_square *square,
                             float image[PERCEPT_HAND_LANDMARKS][3])
{
    float scale = 1 / (float)size;
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        const float *raw = raw_image + 3 * i;
        pipe_square_to_image(square, raw[0] * scale, raw[1] * scale, &image[i][0], &image[i][1]);
        image[i][2] = raw[2] * scale * square->side / DEPTH_SCALE;
    }
}

void pipe_landmarks_to_world(const float *raw_world, float rotation,
                             float world[PERCEPT_HAND_LANDMARKS][3])
{
    float c = cosf(rotation), s = sinf(rotation);
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        float x = raw_world[3 * i] - raw_world[0], y = raw_world[3 * i + 1] - raw_world[1];
        world[i][0] = c * x - s * y;
        world[i][1] = s * x + c * y;
        world[i][2] = raw_world[3 * i + 2] - raw_world[2];
    }
}
