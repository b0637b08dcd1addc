/* The pixel formats that cameras give, to RGB. BT.601, limited range, as USB cameras send it. */
#ifndef PIPELINES_PIXELS_H
#define PIPELINES_PIXELS_H

#include "pipelines/stream.h"

/*
 * bytes: `stride` bytes a row. The frame has its size already; width is even for YUYV, width and
 * height are for NV12. YUYV: Y0 U Y1 V. NV12: height rows of Y, then height / 2 rows of U V.
 */
void pipe_pixels_from_yuyv(const uint8_t *bytes, size_t stride, struct pipe_frame *frame);
void pipe_pixels_from_nv12(const uint8_t *bytes, size_t stride, struct pipe_frame *frame);

#endif
