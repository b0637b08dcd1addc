/*
 * A camera that may be unplugged: it is opened again when it is back, after pauses that grow while
 * it is away. One thread at a time.
 */
#ifndef PIPELINES_CAMERA_SLOT_H
#define PIPELINES_CAMERA_SLOT_H

#include "pipelines/camera.h"
#include "pipelines/source.h"

/* ---- what a source is told of its cameras, be it one or two ---- */

struct pipe_camera_params {
    int64_t width, height, max_pixels; /* of an image */
    double rate;
    int format; /* enum pipe_camera_format */
    bool retry;
};

/* Rows of a table for the member `cameras` of struct `type`. image: what help calls one; abreast:
 * how many may lie side by side in a frame. The format where the camera is of colours. */
#define PIPE_CAMERA_ROW(type, kind_, field) \
    .name = #field, .kind = kind_, .offset = offsetof(struct type, cameras.field)
#define PIPE_CAMERA_PARAMS(type, image, abreast)                                                  \
    {PIPE_CAMERA_ROW(type, PIPE_PARAM_INT, width), .fallback = 640, .min = 16,                    \
     .max = PIPE_FRAME_MAX_SIDE / (double)(abreast),                                              \
     .help = "wanted width of " image ", pixels; a camera gives the nearest that it can"},        \
        {PIPE_CAMERA_ROW(type, PIPE_PARAM_INT, height), .fallback = 480, .min = 16,               \
         .max = PIPE_FRAME_MAX_SIDE, .help = "wanted height, pixels"},                            \
        {PIPE_CAMERA_ROW(type, PIPE_PARAM_NUMBER, rate), .max = 1000,                             \
         .help = "wanted frames per second; 0: a camera's own"},                                  \
        {PIPE_CAMERA_ROW(type, PIPE_PARAM_INT, max_pixels), .fallback = 1920 * 1080, .min = 256,  \
         .max = (1 << 28) / (double)(abreast),                                                    \
         .help = "largest width * height of " image " that is taken"},                            \
    {                                                                                             \
        PIPE_CAMERA_ROW(type, PIPE_PARAM_BOOL, retry),                                            \
            .help = "wait for a camera that is absent at the start; one that is unplugged later " \
                    "is always waited for"                                                        \
    }
#define PIPE_CAMERA_FORMAT(type)                                                \
    {                                                                           \
        PIPE_CAMERA_ROW(type, PIPE_PARAM_CHOICE, format),                       \
            .choices = pipe_camera_formats,                                     \
            .help = "what a camera sends; auto: the first of these that it has" \
    }
extern const char *const pipe_camera_formats[];

struct pipe_camera_options pipe_camera_options_of(const struct pipe_camera_params *params,
                                                  const char *device);

/* ---- a camera ---- */

struct pipe_camera_slot {
    const struct pipe_camera_io *io;
    struct pipe_camera_options options;
    struct pipe_camera *camera; /* NULL: away */
    int stop_fd;
    int64_t pause_ns, retry_at_ns;
};

/* Fill the slot, and open the camera unless the source rests. With retry one that can't be opened
 * is waited for, else the status is that of pipe_camera_open. */
enum percept_status pipe_camera_slot_open(struct pipe_camera_slot *slot,
                                          const struct pipe_source_setup *setup,
                                          const struct pipe_camera_options *options, bool retry,
                                          struct percept_error *error);
/* As a source's next. */
enum percept_status pipe_camera_slot_next(struct pipe_camera_slot *slot, struct pipe_frame *frame,
                                          int64_t *capture_ns, struct percept_error *error);
/* Let go of the device; next takes it again. All zero is fine. */
void pipe_camera_slot_close(struct pipe_camera_slot *slot);

#endif
