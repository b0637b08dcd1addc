/* One camera, or two whose frames of the same moment belong together: both eyes, or depths and
 * colours. One thread at a time. */
#ifndef PIPELINES_CAMERA_PAIR_H
#define PIPELINES_CAMERA_PAIR_H

#include "pipelines/camera_slot.h"

enum { PIPE_CAMERAS_MOST = 2 };

struct pipe_camera_pair {
    unsigned count;
    struct pipe_camera_slot slots[PIPE_CAMERAS_MOST];
    /* Of each: when the last frame was captured, and from one to the next, on average; 0: not known
     * yet. */
    int64_t last_ns[PIPE_CAMERAS_MOST], interval_ns[PIPE_CAMERAS_MOST];
};

/* As pipe_camera_slot_open, of each. On failure it is closed. */
enum percept_status pipe_camera_pair_open(struct pipe_camera_pair *pair, unsigned count,
                                          const struct pipe_source_setup *setup,
                                          const struct pipe_camera_options *options, bool retry,
                                          struct percept_error *error);
/*
 * As a source's next: a frame of each. Where one camera is behind by more than half of its own
 * interval its next frame is taken instead, so the two are as near in time as they can be; how near
 * that is at_ns says. Cameras whose clocks have nothing to do with each other are not waited for.
 */
enum percept_status pipe_camera_pair_next(struct pipe_camera_pair *pair,
                                          struct pipe_frame *const frames[PIPE_CAMERAS_MOST],
                                          int64_t at_ns[PIPE_CAMERAS_MOST],
                                          struct percept_error *error);
/* As pipe_camera_slot_close. */
void pipe_camera_pair_close(struct pipe_camera_pair *pair);

#endif
