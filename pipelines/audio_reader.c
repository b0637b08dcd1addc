/* Why: people have recordings of any kind, damaged and cut off ones among them. */
#include "pipelines/audio_reader.h"

#include "pipelines/av_decoder.h"
#include "pipelines/resampler.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavutil/channel_layout.h>
#pragma GCC diagnostic pop

#define LEAST_RATE 1000 /* a block of a file that says 1 would become gigabytes */
#define MOST_RATE  768000

struct pipe_audio_reader {
    struct pipe_av_decoder decoder;
    struct pipe_resampler resampler;
    /* What the resampler is set to: a stream may change on the way. */
    AVChannelLayout layout;
    int format, rate;
    uint64_t decoded; /* samples at the file's rate */
    bool ended;
};

enum percept_status pipe_audio_open(int fd, struct pipe_audio_reader **out,
                                    struct percept_error *error)
{
    struct pipe_audio_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        close(fd);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    const struct pipe_av_wanted wanted = {.type = AVMEDIA_TYPE_AUDIO,
                                          .otherwise = "not a known format of sound",
                                          .none = "no sound in it"};
    enum percept_status status = pipe_av_open(&reader->decoder, fd, &wanted, error);
    if (status != PERCEPT_OK) {
        pipe_audio_close(reader);
        return status;
    }
    *out = reader;
    return PERCEPT_OK;
}

void pipe_audio_close(struct pipe_audio_reader *reader)
{
    if (!reader)
        return;
    pipe_resampler_fini(&reader->resampler);
    av_channel_layout_uninit(&reader->layout);
    pipe_av_close(&reader->decoder);
    free(reader);
}

static enum percept_status no_memory(struct percept_error *error)
{
    return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
}

static enum percept_status set_up(struct pipe_audio_reader *r, const AVFrame *frame,
                                  struct percept_error *error)
{
    AVChannelLayout layout = {0};
    int channels = frame->ch_layout.nb_channels;
    if (frame->sample_rate < LEAST_RATE || frame->sample_rate > MOST_RATE)
        return percept_fail(error, PERCEPT_MALFORMED, "%d samples a second; expected %d to %d",
                            frame->sample_rate, LEAST_RATE, MOST_RATE);
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&layout, channels);
    else if (av_channel_layout_copy(&layout, &frame->ch_layout) < 0)
        return no_memory(error);
    if (layout.order == AV_CHANNEL_ORDER_UNSPEC) {
        av_channel_layout_uninit(&layout);
        return percept_fail(error, PERCEPT_MALFORMED, "%d channels in an unknown order", channels);
    }
    enum percept_status status =
        pipe_resampler_set(&r->resampler, &layout, frame->format, frame->sample_rate, error);
    av_channel_layout_uninit(&layout);
    if (status != PERCEPT_OK)
        return status;
    av_channel_layout_uninit(&r->layout);
    if (av_channel_layout_copy(&r->layout, &frame->ch_layout) < 0)
        return no_memory(error);
    r->format = frame->format;
    r->rate = frame->sample_rate;
    return PERCEPT_OK;
}

/* Bytes that a WAV file says it has; 0: it does not say. libav keeps it to itself. */
static uint64_t wav_bytes(const struct pipe_audio_reader *r)
{
    uint8_t head[8];
    const char *format = r->decoder.format->iformat->name;
    if (strcmp(format, "wav") != 0 || pread(r->decoder.fd, head, sizeof head, 0) != sizeof head ||
        memcmp(head, "RIFF", 4) != 0)
        return 0;
    uint32_t size =
        head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 24;
    /* Programs that write into a pipe put a number there that no file reaches. */
    return size >= 0x7fff0000 ? 0 : size + 8u;
}

/* Formats that say their length, and what was found. */
static enum percept_status check_length(const struct pipe_audio_reader *r,
                                        struct percept_error *error)
{
    const AVStream *stream = r->decoder.stream;
    uint64_t wav = wav_bytes(r);
    int64_t has = wav ? avio_size(r->decoder.io) : 0;
    if (has > 0 && (uint64_t)has < wav)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "cut off: %lld bytes of the %llu that it says it has", (long long)has,
                            (unsigned long long)wav);
    if (stream->codecpar->codec_id != AV_CODEC_ID_FLAC || stream->duration <= 0 || r->rate <= 0)
        return PERCEPT_OK;
    double said = (double)stream->duration * av_q2d(stream->time_base),
           got = (double)r->decoded / r->rate;
    return got > said - 0.01
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_MALFORMED,
                              "cut off: %.1f s of the %.1f s that it says it has", got, said);
}

/* Some samples more. */
static enum percept_status fill(struct pipe_audio_reader *r, struct percept_error *error)
{
    AVFrame *frame = r->decoder.frame;
    int code = pipe_av_decode(&r->decoder);
    if (code == AVERROR_EOF) {
        r->ended = true;
        return r->resampler.context ? pipe_resampler_put(&r->resampler, NULL, 0, error)
                                    : percept_fail(error, PERCEPT_MALFORMED, "no sound in it");
    }
    if (code < 0)
        return pipe_av_fail(error, code, "damaged");
    enum percept_status status = PERCEPT_OK;
    if (!r->resampler.context || frame->format != r->format || frame->sample_rate != r->rate ||
        av_channel_layout_compare(&frame->ch_layout, &r->layout) != 0)
        status = set_up(r, frame, error);
    if (status == PERCEPT_OK)
        status = pipe_resampler_put(&r->resampler, (const uint8_t **)(void *)frame->extended_data,
                                    frame->nb_samples, error);
    r->decoded += (uint64_t)frame->nb_samples;
    av_frame_unref(frame);
    return status;
}

enum percept_status pipe_audio_read(struct pipe_audio_reader *r, float *samples, size_t most,
                                    size_t *count, struct percept_error *error)
{
    while (r->resampler.count < most && !r->ended) {
        enum percept_status status = fill(r, error);
        if (status != PERCEPT_OK)
            return status;
    }
    size_t got = pipe_resampler_take(&r->resampler, samples, most);
    if (!got)
        return check_length(r, error) == PERCEPT_OK ? PERCEPT_END : PERCEPT_MALFORMED;
    *count = got;
    return PERCEPT_OK;
}
