/*
 * Squares around hands: from a palm, for the first look, and from the landmarks of the last frame,
 * for following. Constants are MediaPipe's (hand_landmark subgraphs), restated in models/README.md.
 */
#ifndef PIPELINES_HAND_GEOMETRY_H
#define PIPELINES_HAND_GEOMETRY_H

#include "pipelines/stream.h"

/* Radians into [-pi, pi). */
float pipe_normalize_angle(float angle);

struct pipe_square pipe_square_from_palm(const struct pipe_detection *palm);

/* image: landmarks in image pixels. */
struct pipe_square pipe_square_from_landmarks(const float image[PERCEPT_HAND_LANDMARKS][3]);

/* Intersection over union of two squares, rotation ignored: do they look at the same hand? */
float pipe_square_overlap(const struct pipe_square *a, const struct pipe_square *b);

/*
 * The landmark net's numbers to those of the topic. raw_image: x, y, z in pixels of the crop, size
 * pixels wide. raw_world: metres from the hand's centre, in the crop's axes; the result is metres
 * from the wrist, in the image's.
 */
void pipe_landmarks_to_image(const float *raw_image, uint32_t size,
                             const struct pipe_square *square,
                             float image[PERCEPT_HAND_LANDMARKS][3]);
void pipe_landmarks_to_world(const float *raw_world, float rotation,
                             float world[PERCEPT_HAND_LANDMARKS][3]);

#endif
