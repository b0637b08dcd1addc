/*
 * A V4L2 driver in memory: it answers the calls of pipelines/camera_io.h as a USB camera would, and
 * can be unplugged. One camera; any thread may steer it.
 */
#ifndef TESTS_PIPELINES_FAKE_CAMERA_H
#define TESTS_PIPELINES_FAKE_CAMERA_H

#include "pipelines/camera_io.h"

#include <stdbool.h>
#include <stdint.h>

extern const struct pipe_camera_io fake_camera_io;

struct fake_camera_options {
    uint32_t pixel_format; /* the one it has */
    uint32_t width, height;
    uint32_t stride;    /* 0: as tight as can be */
    bool not_a_camera;  /* the device is something else */
    bool no_timestamps; /* its buffers do not say when */
};

/* Plug it in. */
void fake_camera_plug(const struct fake_camera_options *options);
void fake_camera_unplug(void);

/*
 * A frame: bytes as a driver would fill them, captured at capture_ns. False when it has nowhere to
 * put it: not streaming, or no free buffer.
 */
bool fake_camera_capture(const void *bytes, size_t size, int64_t capture_ns, bool damaged);

/* Wait until it streams and has a free buffer; false after two seconds. */
bool fake_camera_ready(void);

/* Descriptors and mappings that are still open: 0 when all was given back. */
int fake_camera_leaks(void);

#endif
