/*
 * The palm net's numbers, read: 2016 anchors of a 192 x 192 letterbox to a few palms in the image.
 * Rules and constants: models/README.md, after MediaPipe's palm detection.
 */
#ifndef PIPELINES_PALM_H
#define PIPELINES_PALM_H

#include "pipelines/stream.h"

#define PIPE_PALM_VALUES 18 /* of an anchor: centre, size, 7 keypoints */

/* Anchors of a net with this input size: cells of 8 pixels with 2 each, then of 16 with 6 each. 0
 * unless the size is a multiple of 16. */
size_t pipe_palm_anchor_count(uint32_t size);

/* Centres of the anchors, x and y in pixels of the input, in the order of the net's outputs. */
void pipe_palm_anchors(uint32_t size, float (*centres)[2]);

/*
 * Candidates whose score reaches the threshold, in pixels of the input, in the order of the
 * anchors. boxes is [count][PIPE_PALM_VALUES], scores [count] before the sigmoid. Returns how many;
 * out has room for count. Values that are not finite are skipped.
 */
size_t pipe_palm_decode(const float *boxes, const float *scores, const float (*centres)[2],
                        size_t count, float threshold, struct pipe_detection *out);

/*
 * Weighted non-maximum suppression, MediaPipe's: the best candidate gathers all that overlap it by
 * more than `overlap` (IoU) and becomes their mean, weighted by score, with its own score; again,
 * until none is left or `most` are found. Scrambles the candidates.
 */
size_t pipe_palm_suppress(struct pipe_detection *candidates, size_t count, float overlap,
                          struct pipe_detection *out, size_t most);

/* Intersection over union of upright boxes; 0 for boxes without area. */
float pipe_overlap(float left_a, float top_a, float width_a, float height_a, float left_b,
                   float top_b, float width_b, float height_b);

#endif
