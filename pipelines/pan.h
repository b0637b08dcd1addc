/*
 * One picture as a sequence: a view that wanders over it, nearer and farther, as a camera that is
 * moved in front of it would. It comes back to where it began.
 */
#ifndef PIPELINES_PAN_H
#define PIPELINES_PAN_H

#include "base/status.h"
#include "pipelines/frame.h"

struct pipe_pan {
    uint32_t width, height; /* of the frames */
    double zoom;            /* the most pixels of a frame for one of the picture, from 1 */
    uint32_t frames;        /* until it begins again */
};

/* The index-th frame of it. out->view says what it shows. MALFORMED: the picture is too small. The
 * same index of the other eye's picture shows the same part. */
enum percept_status pipe_pan(const struct pipe_pan *pan, uint32_t index,
                             const struct pipe_frame *picture, struct pipe_frame *out,
                             struct percept_error *error);

#endif
