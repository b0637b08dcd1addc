/* JPEG to RGB, through libjpeg-turbo: the images of a folder and the frames of MJPEG cameras. */
#ifndef PIPELINES_JPEG_H
#define PIPELINES_JPEG_H

#include "pipelines/frame.h"

struct pipe_jpeg; /* a decoder, reusable; one thread at a time */

enum percept_status pipe_jpeg_create(struct pipe_jpeg **jpeg, struct percept_error *error);
void pipe_jpeg_destroy(struct pipe_jpeg *jpeg); /* NULL is fine */

/* Decode one whole image into a frame. MALFORMED: damaged, truncated, or of a colour space that is
 * neither grey nor colour; LIMIT: more than max_pixels. */
enum percept_status pipe_jpeg_decode(struct pipe_jpeg *jpeg, const void *bytes, size_t size,
                                     size_t max_pixels, struct pipe_frame *frame,
                                     struct percept_error *error);

#endif
