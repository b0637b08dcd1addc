/*
 * Where frames and sound come from. A source runs on its own thread; the engine paces recorded ones
 * and hands each frame, or block of sound, to the pipeline.
 */
#ifndef PIPELINES_SOURCE_H
#define PIPELINES_SOURCE_H

#include "base/status.h"
#include "ipc/push.h"
#include "pipelines/frame.h"
#include "pipelines/param.h"

#include <stdatomic.h>

struct pipe_source; /* a source's own state; each class defines it */

struct pipe_source_setup {
    const void *params;
    int stop_fd; /* becomes readable when the engine wants an end, or a rest: wait on it along with
                    anything else */
    bool rests;  /* no frame is wanted yet: leave the device alone until next */
    atomic_uint_fast64_t
        *late; /* of sound: samples that came too late to be heard are added here */
};

struct pipe_source_class {
    const char *name;
    const char *summary;
    bool recorded; /* next says when a frame is due; else it says when it was captured */
    enum pipe_stream_type output; /* PIPE_FRAME, PIPE_STEREO, PIPE_RGBD or PIPE_AUDIO */
    const struct pipe_param *params;
    size_t params_size;

    enum percept_status (*create)(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error);
    /*
     * Fill the next frame: pipe_frame_resize, then its pixels; of a stereo source also
     * pipe_frame_add_right, and the same of frame->right; of depths pipe_frame_add_depth. *time_ns
     * becomes, for a recorded source, the time from the first frame at which this one is due; else
     * its capture time. May block, but not on anything that stop_fd does not end.
     *
     * END: no more frames. CANCELLED: stop_fd. MALFORMED: this item could not be read, the next
     * call goes on after it. DISCONNECTED: the device is away, the next call tries again and waits
     * as long as is decent. Anything else ends the pipeline as failed.
     */
    enum percept_status (*next)(struct pipe_source *source, struct pipe_frame *frame,
                                int64_t *time_ns, struct percept_error *error);
    /*
     * The same for sound, in place of next: fill count, samples, lost and begins of a block that is
     * zero. *time_ns becomes, for a recorded source, the time from its start at which the block is
     * due, which is when its last sample is over; 0: the pipeline takes sound as fast as it can.
     * Else when its first sample was captured.
     */
    enum percept_status (*next_audio)(struct pipe_source *source, struct pipe_audio *block,
                                      int64_t *time_ns, struct percept_error *error);
    /*
     * A source that takes what clients push: here is one's socket (ipc/push.h), taken over on OK;
     * BUSY while there is another. Then next is called anew, if it waits for stop_fd. And: end
     * whoever pushes, now, with BUSY, or DISCONNECTED for who may come back by itself, and let
     * nothing be heard of what waits. Any thread; NULL: it takes nothing.
     */
    enum percept_status (*attach)(struct pipe_source *source, int fd,
                                  const struct ipc_push_format *format);
    void (*detach)(struct pipe_source *source, enum percept_status status, const char *why);
    /* No frame is wanted for a while: let go of the device; next takes it again. On the thread of
     * next. NULL: there is none. */
    void (*rest)(struct pipe_source *source);
    /* Largest frame it will give, in pixels: what a frame topic must have room for. NULL for sound.
     */
    size_t (*max_pixels)(const struct pipe_source *source);
    void (*destroy)(struct pipe_source *source); /* NULL is fine */
};

extern const struct pipe_source_class *const pipe_source_classes[]; /* NULL-terminated */

/* Wait until CLOCK_MONOTONIC until_ns (< 0: for ever) or until fd is readable. OK: it is time.
 * CANCELLED: fd. */
enum percept_status pipe_wait(int fd, int64_t until_ns);

#endif
