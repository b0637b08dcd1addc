/* Why: libav opens whatever a file's contents tell it to and logs to stderr; here it gets one
 * descriptor and a closed mouth. */
#include "pipelines/video_reader.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* libav's headers are not written for -Wconversion. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#pragma GCC diagnostic pop

#define BUFFER_BYTES 65536
/* Damaged packets in a row before the rest of a file is given up. */
#define MOST_DAMAGED 32

struct pipe_video {
    int fd;
    size_t max_pixels;
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *decoded;
    struct SwsContext *scaler;
    int stream;
    bool draining;
    int64_t first_pts, last_ns, frame_ns;
};

static void be_quiet(void *object, int level, const char *format, va_list arguments)
{
    (void)object, (void)level, (void)format, (void)arguments;
}

static int read_fd(void *opaque, uint8_t *buffer, int size)
{
    const struct pipe_video *video = opaque;
    ssize_t got;
    do
        got = read(video->fd, buffer, (size_t)size);
    while (got < 0 && errno == EINTR);
    return got > 0 ? (int)got : (got == 0 ? AVERROR_EOF : AVERROR(errno));
}

static int64_t seek_fd(void *opaque, int64_t offset, int whence)
{
    const struct pipe_video *video = opaque;
    off_t at;
    if (whence & AVSEEK_SIZE) {
        off_t here = lseek(video->fd, 0, SEEK_CUR);
        at = lseek(video->fd, 0, SEEK_END);
        lseek(video->fd, here, SEEK_SET);
    } else {
        at = lseek(video->fd, offset, whence & ~AVSEEK_FORCE);
    }
    return at < 0 ? AVERROR(errno) : at;
}

static int refuse_open(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)format, (void)io, (void)url, (void)flags, (void)options;
    return AVERROR(EACCES);
}

/* All of them are the file's fault, even "out of memory": a header may ask for any amount. */
static enum percept_status fail_av(struct percept_error *error, int code, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, text, sizeof text);
    return percept_fail(error, PERCEPT_MALFORMED, "%s: %s", what, text);
}

static enum percept_status open_format(struct pipe_video *video, struct percept_error *error)
{
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    video->io =
        buffer ? avio_alloc_context(buffer, BUFFER_BYTES, 0, video, read_fd, NULL, seek_fd) : NULL;
    if (!video->io)
        av_free(buffer);
    video->format = avformat_alloc_context();
    /* Formats that name other files open them here, or through contexts of their own, which inherit
     * but the list of protocols: there is no protocol of this name. */
    char *no_protocol = av_strdup("none");
    if (!video->io || !video->format || !no_protocol) {
        av_free(no_protocol);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    video->format->pb = video->io;
    video->format->io_open = refuse_open;
    video->format->protocol_whitelist = no_protocol;
    /* The empty name keeps formats that name other files from failing in stranger ways. It frees
     * format on failure. */
    int code = avformat_open_input(&video->format, "", NULL, NULL);
    if (code < 0)
        return fail_av(error, code, "not a known image or video");
    code = avformat_find_stream_info(video->format, NULL);
    return code < 0 ? fail_av(error, code, "no stream") : PERCEPT_OK;
}

static enum percept_status open_codec(struct pipe_video *video, struct percept_error *error)
{
    const AVCodec *decoder = NULL;
    video->stream = av_find_best_stream(video->format, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
    if (video->stream < 0)
        return fail_av(error, video->stream, "no picture in it");
    AVStream *stream = video->format->streams[video->stream];
    video->codec = avcodec_alloc_context3(decoder);
    video->packet = av_packet_alloc();
    video->decoded = av_frame_alloc();
    if (!video->codec || !video->packet || !video->decoded)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    int code = avcodec_parameters_to_context(video->codec, stream->codecpar);
    video->codec->max_pixels = (int64_t)video->max_pixels;
    video->codec->thread_count = 1; /* the cores are the models' */
    video->codec->pkt_timebase = stream->time_base;
    if (code >= 0)
        code = avcodec_open2(video->codec, decoder, NULL);
    if (code < 0)
        return fail_av(error, code, "decoder");
    AVRational rate = av_guess_frame_rate(video->format, stream, NULL);
    video->frame_ns = rate.num > 0 && rate.den > 0 ? av_rescale(BASE_NS_PER_S, rate.den, rate.num)
                                                   : BASE_NS_PER_S / 25;
    return PERCEPT_OK;
}

enum percept_status pipe_video_open(int fd, size_t max_pixels, struct pipe_video **out,
                                    struct percept_error *error)
{
    struct pipe_video *video = calloc(1, sizeof *video);
    if (!video) {
        close(fd);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    av_log_set_callback(be_quiet);
    video->fd = fd;
    video->max_pixels = max_pixels;
    video->first_pts = AV_NOPTS_VALUE;
    video->last_ns = -1;
    enum percept_status status = open_format(video, error);
    if (status == PERCEPT_OK)
        status = open_codec(video, error);
    if (status != PERCEPT_OK) {
        pipe_video_close(video);
        return status;
    }
    *out = video;
    return PERCEPT_OK;
}

void pipe_video_close(struct pipe_video *video)
{
    if (!video)
        return;
    sws_freeContext(video->scaler);
    av_frame_free(&video->decoded);
    av_packet_free(&video->packet);
    avcodec_free_context(&video->codec);
    avformat_close_input(&video->format);
    if (video->io)
        av_freep(&video->io->buffer);
    avio_context_free(&video->io);
    close(video->fd);
    free(video);
}

int64_t pipe_video_frame_ns(const struct pipe_video *video)
{
    return video->frame_ns;
}

/* Feed the decoder until it has a frame. Less than 0: an AVERROR. */
static int decode(struct pipe_video *video)
{
    for (unsigned damaged = 0; damaged < MOST_DAMAGED;) {
        int code = avcodec_receive_frame(video->codec, video->decoded);
        if (code == AVERROR_INVALIDDATA) {
            damaged++;
            continue;
        }
        if (code != AVERROR(EAGAIN))
            return code;
        code = video->draining ? AVERROR_EOF : av_read_frame(video->format, video->packet);
        if (code == AVERROR_EOF) {
            video->draining = true;
            code = avcodec_send_packet(video->codec, NULL);
        } else if (code >= 0) {
            code = video->packet->stream_index == video->stream
                       ? avcodec_send_packet(video->codec, video->packet)
                       : 0;
            av_packet_unref(video->packet);
        }
        if (code == AVERROR_INVALIDDATA)
            damaged++;
        else if (code < 0 && code != AVERROR_EOF)
            return code;
    }
    return AVERROR_INVALIDDATA;
}

static enum percept_status to_rgb(struct pipe_video *video, struct pipe_frame *frame,
                                  struct percept_error *error)
{
    const AVFrame *in = video->decoded;
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
    int code = decode(video);
    if (code == AVERROR_EOF)
        return PERCEPT_END;
    if (code < 0)
        return fail_av(error, code, "damaged");
    enum percept_status status = to_rgb(video, frame, error);
    int64_t pts = video->decoded->best_effort_timestamp;
    AVRational base = video->format->streams[video->stream]->time_base;
    av_frame_unref(video->decoded);
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
