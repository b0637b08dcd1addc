/* The thread of a source: what capture.c does for all, and capture_audio.c for sound. Private to
 * the two. */
#ifndef PIPELINES_CAPTURE_H
#define PIPELINES_CAPTURE_H

#include "pipelines/pipeline.h"

struct pipe_capture {
    struct pipe_pipeline *pipeline;
    int64_t start_ns; /* when the first recorded frame was released; 0: not yet */
    int64_t last_ns;  /* capture time of the last frame that was handed over */
    uint64_t number;  /* of the next frame */
    int64_t time_ns;  /* recorded: when the last frame was due, counted from the start */
    int64_t rest_ns;  /* recorded: until then the frame in hand has the machine to itself */
    /* Sound: until the next block that is handed over. */
    uint64_t lost; /* samples that were not, since the last one that was */
    bool begins, forget;
    /* Events about single frames: not the same twice, and at most MOST_EVENTS a second. */
    char told[256];
    int64_t told_second;
    unsigned told_in_second;
};

void pipe_capture_count(atomic_uint_fast64_t *counter);
/* An event about a single frame. */
void pipe_capture_tell(struct pipe_capture *capture, const char *text);
bool pipe_capture_rests(const struct pipe_pipeline *pipeline);
/* Until a frame is wanted again. */
enum percept_status pipe_capture_rest(struct pipe_capture *capture);
/* NULL when the capture time may be true. */
const char *pipe_capture_absurd(const struct pipe_capture *capture, int64_t capture_ns);
/* What the source told instead of a frame. OK: go on. */
enum percept_status pipe_capture_fault(struct pipe_capture *capture, enum percept_status status,
                                       const struct percept_error *error);

/* One call of a source of sound. OK: go on. */
enum percept_status pipe_capture_audio(struct pipe_capture *capture, struct percept_error *error);

#endif
