/* A V4L2 camera that streams into mapped buffers. camera_slot.c decides when to open it again. */
#ifndef PIPELINES_CAMERA_H
#define PIPELINES_CAMERA_H

#include "pipelines/camera_io.h"
#include "pipelines/frame.h"

enum pipe_camera_format {
    PIPE_CAMERA_AUTO, /* the first of those with colours */
    PIPE_CAMERA_YUYV,
    PIPE_CAMERA_NV12,
    PIPE_CAMERA_MJPEG,
    PIPE_CAMERA_DEPTH, /* 16 bits a pixel: Z16, or Y16 as which some drivers give it */
};

struct pipe_camera_options {
    const char *device;
    uint32_t width, height; /* wanted; the driver may give the nearest that it can */
    double rate;            /* wanted, frames per second; 0: the driver's */
    int format;             /* enum pipe_camera_format */
    size_t max_pixels;
};

struct pipe_camera;

/* Opens, negotiates, starts the stream. NOT_FOUND: no such device; UNSUPPORTED: not a camera, or
 * none of the formats; PERMISSION; BUSY. */
enum percept_status pipe_camera_open(const struct pipe_camera_io *io,
                                     const struct pipe_camera_options *options,
                                     struct pipe_camera **camera, struct percept_error *error);
void pipe_camera_close(struct pipe_camera *camera); /* NULL is fine */

/*
 * Wait for a frame. Of a camera of depths it is frame->raw, whose unit_m is the caller's, as the
 * picture is. *capture_ns is the driver's timestamp if that is monotonic, else the time of
 * arrival. CANCELLED: stop_fd; MALFORMED: a damaged frame, the next may be good; DISCONNECTED: the
 * device is gone, or silent for seconds.
 */
enum percept_status pipe_camera_next(struct pipe_camera *camera, int stop_fd,
                                     struct pipe_frame *frame, int64_t *capture_ns,
                                     struct percept_error *error);

#endif
