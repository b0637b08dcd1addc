/* Why: videos and animations are one thing to libav; here they become frames with times. */
#include "pipelines/video_reader.h"

#include "base/clock.h"
#include "pipelines/av_decoder.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libav's headers are not written for -Wconversion. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#pragma GCC diagnostic pop

struct pipe_video {
    size_t max_pixels;
    struct pipe_av_decoder decoder;
    struct SwsContext *scaler;
    int64_t first_pts, last_ns, frame_ns;
    uint32_t pgm_most; /* what is white in a PGM; 0: another format */
};

/* libav stretches a PGM's values to all of 16 bits. To undo it takes what the header says: "P5
 * WIDTH HEIGHT MOST", comments between. */
static uint32_t read_pgm_most(int fd)
{
    char header[1024];
    ssize_t size = pread(fd, header, sizeof header, 0);
    uint32_t numbers[3] = {0};
    unsigned count = 0;
    if (size < 2 || memcmp(header, "P5", 2) != 0)
        return 0;
    for (ssize_t i = 2; i < size && count < 3; i++) {
        if (header[i] == '#')
            while (i + 1 < size && header[i] != '\n')
                i++;
        for (; i < size && isdigit((unsigned char)header[i]) && numbers[count] < 1000000; i++)
            numbers[count] = numbers[count] * 10 + (uint32_t)(header[i] - '0');
        count += i < size && numbers[count] > 0;
    }
    return numbers[2];
}

static enum percept_status check_size(int width, int height, size_t most,
                                      struct percept_error *error)
{
    if (width > 0 && height > 0 && (uint64_t)width * (uint64_t)height <= most)
        return PERCEPT_OK;
    return percept_fail(error, PERCEPT_LIMIT, "%d x %d pixels, more than max_pixels (%zu)", width,
                        height, most);
}

/* A decoder says no more of a picture that is too large for it than of one that is damaged. */
static enum percept_status explain(const struct pipe_video *video, enum percept_status status,
                                   struct percept_error *error)
{
    const AVStream *stream = video->decoder.stream;
    if (!stream || stream->codecpar->width <= 0 || stream->codecpar->height <= 0)
        return status;
    enum percept_status size =
        check_size(stream->codecpar->width, stream->codecpar->height, video->max_pixels, error);
    return size == PERCEPT_OK ? status : size;
}

enum percept_status pipe_video_open(int fd, size_t max_pixels, struct pipe_video **out,
                                    struct percept_error *error)
{
    struct pipe_video *video = calloc(1, sizeof *video);
    if (!video) {
        close(fd);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    video->max_pixels = max_pixels;
    video->pgm_most = read_pgm_most(fd);
    video->first_pts = AV_NOPTS_VALUE;
    video->last_ns = -1;
    const struct pipe_av_wanted wanted = {.type = AVMEDIA_TYPE_VIDEO,
                                          .otherwise = "not a known image or video",
                                          .none = "no picture in it",
                                          .max_pixels = max_pixels};
    enum percept_status status = pipe_av_open(&video->decoder, fd, &wanted, error);
    if (status != PERCEPT_OK) {
        status = explain(video, status, error);
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

static enum percept_status to_depth(struct pipe_video *video, struct pipe_frame *frame,
                                    struct percept_error *error)
{
    const AVFrame *in = video->decoder.frame;
    uint32_t width = (uint32_t)in->width, most = video->pgm_most;
    if (in->format != AV_PIX_FMT_GRAY16LE && in->format != AV_PIX_FMT_GRAY16BE) {
        const char *name = av_get_pix_fmt_name(in->format);
        return percept_fail(error, PERCEPT_UNSUPPORTED, "pixels are %s; depths are 16-bit grey",
                            name ? name : "of an unknown kind");
    }
    enum percept_status status = pipe_frame_add_depth(frame, width, (uint32_t)in->height, error);
    if (status != PERCEPT_OK)
        return status;
    bool big = in->format == AV_PIX_FMT_GRAY16BE;
    for (uint32_t y = 0; y < frame->raw->height; y++) {
        const uint8_t *from = in->data[0] + (ptrdiff_t)y * in->linesize[0];
        uint16_t *to = frame->raw->values + (size_t)y * width;
        for (uint32_t x = 0; x < width; x++) {
            uint32_t value = (uint32_t)from[2 * x + !big] << 8 | from[2 * x + big];
            to[x] = (uint16_t)(most ? (value * most + 32767) / 65535 : value);
        }
    }
    return status;
}

static enum percept_status
next(struct pipe_video *video, struct pipe_frame *frame,
     enum percept_status (*take)(struct pipe_video *, struct pipe_frame *, struct percept_error *),
     int64_t *time_ns, struct percept_error *error)
{
    int code = pipe_av_decode(&video->decoder);
    const AVFrame *in = video->decoder.frame;
    if (code == AVERROR_EOF)
        return PERCEPT_END;
    if (code < 0)
        return explain(video, pipe_av_fail(error, code, "damaged"), error);
    enum percept_status status = check_size(in->width, in->height, video->max_pixels, error);
    if (status == PERCEPT_OK)
        status = take(video, frame, error);
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

enum percept_status pipe_video_next(struct pipe_video *video, struct pipe_frame *frame,
                                    int64_t *time_ns, struct percept_error *error)
{
    return next(video, frame, to_rgb, time_ns, error);
}

enum percept_status pipe_video_next_depth(struct pipe_video *video, struct pipe_frame *frame,
                                          int64_t *time_ns, struct percept_error *error)
{
    return next(video, frame, to_depth, time_ns, error);
}
