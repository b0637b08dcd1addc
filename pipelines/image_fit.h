/*
 * A frame as the input of any image net: a part of it, or all of it with a border, resampled to the
 * net's size and written as the net's numbers.
 */
#ifndef PIPELINES_IMAGE_FIT_H
#define PIPELINES_IMAGE_FIT_H

#include "base/thread_pool.h"
#include "pipelines/stream.h"
#include "runtime/tensor.h"

enum pipe_fit_kind {
    PIPE_FIT_STRETCH,   /* all of the image, its proportions lost */
    PIPE_FIT_LETTERBOX, /* all of the image, bars where proportions differ */
    PIPE_FIT_CROP,      /* the middle of the image, as much as fills the input */
};

struct pipe_fit_options {
    enum pipe_fit_kind kind;
    bool bgr;
    double scale, mean[3], std[3]; /* number = (channel 0..255 * scale - mean) / std */
    double pad;                    /* of the bars, as a channel: 0..255 */
};

struct pipe_fit;

/* Which dimensions of a spec like that below are channel, row and column; false: it is none. */
bool pipe_fit_dimensions(const struct prt_tensor *spec, unsigned dimensions[3]);

/*
 * For an input of that spec: [1, C, H, W], [1, H, W, C] or either without the 1, C being 3
 * (colours) or 1 (luma: 0.299 r + 0.587 g + 0.114 b), of float32, float16, uint8 or int8 (rounded,
 * integers cut to what fits), its memory in any order. INVALID for another. pool may be NULL.
 */
enum percept_status pipe_fit_create(const struct prt_tensor *spec,
                                    const struct pipe_fit_options *options, struct base_pool *pool,
                                    struct pipe_fit **fit, struct percept_error *error);
void pipe_fit_destroy(struct pipe_fit *fit); /* NULL is fine */

/*
 * Fill the input. Sampling is by a triangle of the width of an input pixel, or of an image pixel
 * where that is wider: linear when an image grows, an average when it shrinks (what torchvision
 * calls bilinear with antialias). rect is what of the image the input shows (ipc/topics.h).
 * Allocates nothing.
 */
void pipe_fit_run(struct pipe_fit *fit, const struct pipe_frame *frame, void *input, float rect[4]);

#endif
