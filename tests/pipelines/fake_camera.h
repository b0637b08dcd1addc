/*
 * A V4L2 driver in memory: it answers the calls of pipelines/camera_io.h as a USB camera would, and
 * can be unplugged. There are two, at FAKE_CAMERA_SECOND and at any other path; any thread may
 * steer them.
 */
#ifndef TESTS_PIPELINES_FAKE_CAMERA_H
#define TESTS_PIPELINES_FAKE_CAMERA_H

#include "pipelines/camera_io.h"

#include <stdbool.h>
#include <stdint.h>

extern const struct pipe_camera_io fake_camera_io;

#define FAKE_CAMERAS       2
#define FAKE_CAMERA_SECOND "/dev/fake2"

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

/* The same of either camera: 0, 1. */
void fake_camera_plug_nth(unsigned nth, const struct fake_camera_options *options);
void fake_camera_unplug_nth(unsigned nth);
bool fake_camera_capture_nth(unsigned nth, const void *bytes, size_t size, int64_t capture_ns,
                             bool damaged);
bool fake_camera_ready_nth(unsigned nth);

/* Descriptors and mappings that are still open: 0 when all was given back. */
int fake_camera_leaks(void);

#endif
