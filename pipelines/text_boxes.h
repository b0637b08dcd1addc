/*
 * Boxes from what a detector with differentiable binarisation (DB, Liao et al. 2020) gives: a map
 * of how likely each pixel belongs to the shrunken core of a line of text. The rules are those of
 * PaddleOCR's post-processing as RapidOCR has it, so that the same net gives the same lines:
 * threshold, a dilation by one pixel, connected areas (8 neighbours), the smallest rectangle
 * around each, the mean of the map in it as its score, and the rectangle grown by
 * area * unclip / perimeter, which undoes the shrinking. Areas inside others' holes are areas of
 * their own; outlines of holes are not looked at.
 */
#ifndef PIPELINES_TEXT_BOXES_H
#define PIPELINES_TEXT_BOXES_H

#include "base/status.h"
#include "pipelines/text_quad.h"

#include <stdint.h>

struct pipe_box_options {
    float threshold; /* of a pixel */
    float box_threshold;
    float unclip;
};

struct pipe_text_box {
    pipe_quad corners; /* pixels of the map, in order (pipe_quad_order) */
    float score;
};

struct pipe_boxes;

/* For maps of up to `most` pixels a side; all memory there will ever be. */
enum percept_status pipe_boxes_create(uint32_t most, struct pipe_boxes **boxes,
                                      struct percept_error *error);
void pipe_boxes_destroy(struct pipe_boxes *boxes); /* NULL is fine */

/*
 * The boxes of a map, row-major. The `capacity` of highest score; best first. A map so ragged that
 * its areas do not fit in memory (noise: PIPE_BOX_RUNS pieces of rows) is looked at as far as it
 * does. Allocates nothing. width and height are at most `most`.
 */
#define PIPE_BOX_RUNS 262144
size_t pipe_boxes_find(struct pipe_boxes *boxes, const float *map, uint32_t width, uint32_t height,
                       const struct pipe_box_options *options, struct pipe_text_box *found,
                       size_t capacity);

#endif
