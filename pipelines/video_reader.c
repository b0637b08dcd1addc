/* Why: videos and animations are one thing to libav; here they become frames with times. */
#include "pipelines/video_reader.h"

#include "base/clock.h"
#include "pipelines/av_decoder.h"

#include <stdlib.h>
#include <unistd.h>

/* libav's headers are not written for -Wconversion. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#pragma GCC diagnostic pop

struct pipe_video {
    size_t max_pixels;
    struct pipe_av_decoder decoder;
    struct SwsContext *scaler;
    int64_t first_pts, last_ns, frame_ns;
};

enum percept_status pipe_video_open(int fd, size_t max_pixels, struct pipe_video **out,
                                    struct percept_error *error)
{
    struct pipe_video *video = calloc(1, sizeof *video);
    if (!video) {
        close(fd);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    video->max_pixels = max_pixels;
    video->first_pts = AV_NOPTS_VALUE;
    video->last_ns = -1;
    const struct pipe_av_wanted wanted = {.type = AVMEDIA_TYPE_VIDEO,
                                          .otherwise = "not a known image or video",
                                          .none = "no picture in it",
                                          .max_pixels = max_pixels};
    enum percept_status status = pipe_av_open(&video->decoder, fd, &wanted, error);
    if (status != PERCEPT_OK) {
        pipe_video_close(video);
        return status;
    }
    AVRational rate = av_guess_frame_rate(video->decoder.format, video->decoder.stream, NULL);
    video->frame_ns = rate.num > 0 && rate.den > 0 ? av_rescale(BASE_NS_PER_S, rate.den, rate.num)
                                                   : BASE_NS_PER_S / 25;
    *out = video;
    return PERCEPT_OK;
}

void pipe_video_close(struct pipe_video *video)
{
    if (!video)
        return;
    sws_freeContext(video->scaler);
    pipe_av_close(&video->decoder);
    free(video);
}

int64_t pipe_video_frame_ns(const struct pipe_video *video)
{
    return video->frame_ns;
}

static enum percept_status to_rgb(struct pipe_video *video, struct pipe_frame *frame,
                                  struct percept_error *error)
{
    const AVFrame *in = video->decoder.frame;
    if (in->width <= 0 || in->height <= 0 ||
        (uint64_t)in->width * (uint64_t)in->height > video->max_pixels)
        return percept_fail(error, PERCEPT_LIMIT, "%d x %d pixels, more than max_pixels (%zu)",
                            in->width, in->height, video->max_pixels);
    enum percept_status status =
        pipe_frame_resize(frame, (uint32_t)in->width, (uint32_t)in->height, error);
    if (status != PERCEPT_OK)
        return status;
    video->scaler = sws_getCachedContext(
        video->scaler, in->width, in->height, in->format, in->width, in->height, AV_PIX_FMT_RGB24,
        SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!video->scaler)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "pixel format %d", in->format);
    /* Which YUV it is; the converter can't know. What is not said is BT.601, as of old. */
    const int *table =
        sws_getCoefficients(in->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601);
    sws_setColorspaceDetails(video->scaler, table, in->color_range == AVCOL_RANGE_JPEG, table, 1, 0,
                             1 << 16, 1 << 16);
    uint8_t *planes[4] = {frame->pixels};
    int strides[4] = {(int)frame->stride};
    int rows = sws_scale(video->scaler, (const uint8_t *const *)in->data, in->linesize, 0,
                         in->height, planes, strides);
    return rows == in->height ? PERCEPT_OK
                              : percept_fail(error, PERCEPT_MALFORMED, "conversion to RGB failed");
}

enum percept_status pipe_video_next(struct pipe_video *video, struct pipe_frame *frame,
                                    int64_t *time_ns, struct percept_error *error)
{
    int code = pipe_av_decode(&video->decoder);
    if (code == AVERROR_EOF)
        return PERCEPT_END;
    if (code < 0)
        return pipe_av_fail(error, code, "damaged");
    enum percept_status status = to_rgb(video, frame, error);
    int64_t pts = video->decoder.frame->best_effort_timestamp;
    AVRational base = video->decoder.stream->time_base;
    av_frame_unref(video->decoder.frame);
    if (status != PERCEPT_OK)
        return status;
    if (video->first_pts == AV_NOPTS_VALUE)
        video->first_pts = pts;
    int64_t at = pts == AV_NOPTS_VALUE
                     ? -1
                     : av_rescale_q(pts - video->first_pts, base, (AVRational){1, 1000000000});
    /* A file whose clock stands still or jumps about plays at its nominal rate there. */
    if (at <= video->last_ns || at > video->last_ns + 60 * BASE_NS_PER_S)
        at = video->last_ns < 0 ? 0 : video->last_ns + video->frame_ns;
    video->last_ns = at;
    *time_ns = at;
    return PERCEPT_OK;
}
