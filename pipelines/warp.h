/*
 * Cutting a rotated square out of a frame: what every image net here is fed with.
 *
 * Output pixel (u, v) of size x size takes the frame at the square's point ((u + .5) / size,
 * (v + .5) / size), bilinear between the four nearest pixel centres; each of the four that lies
 * outside the frame counts as black. No averaging over the output pixel's footprint and no rounding
 * to bytes on the way. An upright square around the whole frame is a letterbox. models/README.md
 * pins this rule.
 */
#ifndef PIPELINES_WARP_H
#define PIPELINES_WARP_H

#include "pipelines/model.h"
#include "pipelines/stream.h"

/* Fill an image input (float32, 0..1). The square's values must be finite. */
void pipe_warp(const struct pipe_frame *frame, const struct pipe_square *square,
               const struct pipe_image_input *out);

/* The smallest upright square that holds the whole frame, centred on it. */
struct pipe_square pipe_letterbox(uint32_t width, uint32_t height);

/* A point of the square, (0, 0) its top left and (1, 1) its bottom right corner, in the image. */
void pipe_square_to_image(const struct pipe_square *square, float u, float v, float *x, float *y);

#endif
