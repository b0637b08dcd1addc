/* Why: recordings and clients have sound of any kind, recognisers one idea of what sound is. */
#include "pipelines/resampler.h"

#include "pipelines/av_decoder.h"
#include "pipelines/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#pragma GCC diagnostic pop

static enum percept_status no_memory(struct percept_error *error)
{
    return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
}

static enum percept_status reserve(struct pipe_resampler *r, size_t more,
                                   struct percept_error *error)
{
    size_t needed = r->count + more;
    if (needed <= r->capacity)
        return PERCEPT_OK;
    float *samples = realloc(r->samples, needed * sizeof *samples);
    if (!samples)
        return no_memory(error);
    r->samples = samples;
    r->capacity = needed;
    return PERCEPT_OK;
}

enum percept_status pipe_resampler_put(struct pipe_resampler *r, const uint8_t **data, int count,
                                       struct percept_error *error)
{
    int most = r->context ? swr_get_out_samples(r->context, count) : 0;
    if (most <= 0)
        return PERCEPT_OK;
    enum percept_status status = reserve(r, (size_t)most, error);
    if (status != PERCEPT_OK)
        return status;
    uint8_t *to = (uint8_t *)(r->samples + r->count);
    int got = swr_convert(r->context, &to, most, data, count);
    if (got < 0)
        return pipe_av_fail(error, got, "resampling");
    for (size_t i = r->count; i < r->count + (size_t)got; i++) {
        float sample = r->samples[i]; /* floats may be anything */
        r->samples[i] = isfinite(sample) ? fminf(fmaxf(sample, -1), 1) : 0;
    }
    r->count += (size_t)got;
    return PERCEPT_OK;
}

enum percept_status pipe_resampler_set(struct pipe_resampler *r,
                                       const struct AVChannelLayout *layout, int format, int rate,
                                       struct percept_error *error)
{
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    enum percept_status status = pipe_resampler_put(r, NULL, 0, error);
    if (status != PERCEPT_OK)
        return status;
    int code = swr_alloc_set_opts2(&r->context, &mono, AV_SAMPLE_FMT_FLT, PIPE_AUDIO_RATE,
                                   (AVChannelLayout *)(uintptr_t)layout, format, rate, 0, NULL);
    /* Channels that say the same must not come out louder than each. */
    if (code >= 0)
        code = av_opt_set_double(r->context, "rematrix_maxval", 1.0, 0);
    if (code >= 0)
        code = swr_init(r->context);
    return code >= 0 ? PERCEPT_OK : pipe_av_fail(error, code, "resampling");
}

size_t pipe_resampler_take(struct pipe_resampler *r, float *samples, size_t most)
{
    size_t count = r->count < most ? r->count : most;
    if (!count)
        return 0;
    memcpy(samples, r->samples, count * sizeof *samples);
    r->count -= count;
    memmove(r->samples, r->samples + count, r->count * sizeof *samples);
    return count;
}

void pipe_resampler_fini(struct pipe_resampler *r)
{
    swr_free(&r->context);
    free(r->samples);
    *r = (struct pipe_resampler){0};
}
