/* Sound of any rate and channels, as the engine takes it: mono at PIPE_AUDIO_RATE, -1..1.
 * libswresample does the work. */
#ifndef PIPELINES_RESAMPLER_H
#define PIPELINES_RESAMPLER_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct AVChannelLayout;
struct SwrContext;

/* All zero before the first `set`. */
struct pipe_resampler {
    struct SwrContext *context;
    float *samples; /* made, not taken yet */
    size_t capacity, count;
};

/* What it is given from now on; what it still has of before comes out first. format: an
 * AVSampleFormat. */
enum percept_status pipe_resampler_set(struct pipe_resampler *resampler,
                                       const struct AVChannelLayout *layout, int format, int rate,
                                       struct percept_error *error);
/* `count` frames; data NULL: let out what it still has within. */
enum percept_status pipe_resampler_put(struct pipe_resampler *resampler, const uint8_t **data,
                                       int count, struct percept_error *error);
/* Takes at most `most` samples from the front; returns how many. */
size_t pipe_resampler_take(struct pipe_resampler *resampler, float *samples, size_t most);
/* All zero again; one that is, is fine. */
void pipe_resampler_fini(struct pipe_resampler *resampler);

#endif
