/*
 * Frames as pictures for the nets of text: blue first, -1..1, bilinear between pixel centres,
 * beyond the frame's border the border's colour. No averaging where a picture shrinks, and none of
 * the rounding to bytes that OpenCV does: this is how these nets' inputs are made everywhere.
 */
#ifndef PIPELINES_TEXT_IMAGE_H
#define PIPELINES_TEXT_IMAGE_H

#include "base/thread_pool.h"
#include "pipelines/stream.h"
#include "pipelines/text_net.h"
#include "pipelines/text_quad.h"

#include <stdbool.h>

/* Of a column of the picture: the pixels of a frame's row on either side, and the right one's
 * share. */
struct pipe_column {
    uint32_t left, right; /* offsets in bytes */
    float share;
};

/* All of the frame, with `bars` black rows of its own pixels above and below. `columns`: room for
 * as many as the picture has. */
void pipe_text_resize(const struct pipe_frame *frame, uint32_t bars,
                      const struct pipe_picture *picture, struct pipe_column *columns,
                      struct base_pool *pool);

/*
 * What is in the quadrilateral, upright and straight, by the projection that takes the corners of
 * the picture's first `used` columns to its corners; the other columns are 0. Any corners will do,
 * finite or not. Bilinear: enough to see whether something has changed.
 */
void pipe_text_crop(const struct pipe_frame *frame, const float quad[4][2],
                    const struct pipe_picture *picture, uint32_t used);

/*
 * The same in two steps, for reading: a strip of the quadrilateral's own size in whole pixels, by
 * cubic convolution (Keys 1981, a = -0.75), and that as a picture. So PaddleOCR and RapidOCR make
 * what these nets read, and small letters stay sharper.
 */
struct pipe_strip {
    uint8_t *pixels; /* RGB, rows without gaps */
    uint32_t width, height;
};
/* A longer side is cut to this: of what is larger, the strip has fewer pixels. */
#define PIPE_STRIP_WIDTH  2560
#define PIPE_STRIP_HEIGHT 192
#define PIPE_STRIP_BYTES  ((size_t)3 * PIPE_STRIP_WIDTH * PIPE_STRIP_HEIGHT)

/* strip->pixels has PIPE_STRIP_BYTES; its size is filled in. */
void pipe_text_cut(const struct pipe_frame *frame, const float quad[4][2],
                   struct pipe_strip *strip);
/* Into the picture's first `used` columns; on its head when `turned`. */
void pipe_text_place(const struct pipe_strip *strip, bool turned,
                     const struct pipe_picture *picture, uint32_t used);

/* How wide the text in a quadrilateral is by its height, both in whole pixels, at least 1. */
float pipe_text_proportion(const float quad[4][2]);

/* Mean steepness of the luma from column to column over the first `used` columns of a picture, in
 * units of its range: a blurred picture has less. */
float pipe_text_sharpness(const struct pipe_picture *picture, uint32_t used);

#endif
