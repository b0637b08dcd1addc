/* Why: libav opens whatever a file's contents tell it to and logs to stderr; here it gets one
 * descriptor and a closed mouth. */
#include "pipelines/av_decoder.h"

#include <errno.h>
#include <unistd.h>

#define BUFFER_BYTES 65536
/* Damaged packets in a row before the rest of a file is given up. */
#define MOST_DAMAGED 32

static void be_quiet(void *object, int level, const char *format, va_list arguments)
{
    (void)object, (void)level, (void)format, (void)arguments;
}

static int read_fd(void *opaque, uint8_t *buffer, int size)
{
    const struct pipe_av_decoder *decoder = opaque;
    ssize_t got;
    do
        got = read(decoder->fd, buffer, (size_t)size);
    while (got < 0 && errno == EINTR);
    return got > 0 ? (int)got : (got == 0 ? AVERROR_EOF : AVERROR(errno));
}

static int64_t seek_fd(void *opaque, int64_t offset, int whence)
{
    const struct pipe_av_decoder *decoder = opaque;
    off_t at;
    if (whence & AVSEEK_SIZE) {
        off_t here = lseek(decoder->fd, 0, SEEK_CUR);
        at = lseek(decoder->fd, 0, SEEK_END);
        lseek(decoder->fd, here, SEEK_SET);
    } else {
        at = lseek(decoder->fd, offset, whence & ~AVSEEK_FORCE);
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
enum percept_status pipe_av_fail(struct percept_error *error, int code, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, text, sizeof text);
    return percept_fail(error, PERCEPT_MALFORMED, "%s: %s", what, text);
}

static enum percept_status open_format(struct pipe_av_decoder *decoder, const char *otherwise,
                                       struct percept_error *error)
{
    uint8_t *buffer = av_malloc(BUFFER_BYTES);
    decoder->io = buffer
                      ? avio_alloc_context(buffer, BUFFER_BYTES, 0, decoder, read_fd, NULL, seek_fd)
                      : NULL;
    if (!decoder->io)
        av_free(buffer);
    decoder->format = avformat_alloc_context();
    /* Formats that name other files open them here, or through contexts of their own, which inherit
     * but the list of protocols: there is no protocol of this name. */
    char *no_protocol = av_strdup("none");
    if (!decoder->io || !decoder->format || !no_protocol) {
        av_free(no_protocol);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    decoder->format->pb = decoder->io;
    decoder->format->io_open = refuse_open;
    decoder->format->protocol_whitelist = no_protocol;
    /* The empty name keeps formats that name other files from failing in stranger ways. It frees
     * format on failure. */
    int code = avformat_open_input(&decoder->format, "", NULL, NULL);
    if (code < 0)
        return pipe_av_fail(error, code, otherwise);
    code = avformat_find_stream_info(decoder->format, NULL);
    return code < 0 ? pipe_av_fail(error, code, "no stream") : PERCEPT_OK;
}

static enum percept_status open_codec(struct pipe_av_decoder *decoder,
                                      const struct pipe_av_wanted *wanted,
                                      struct percept_error *error)
{
    const AVCodec *codec = NULL;
    int found = av_find_best_stream(decoder->format, wanted->type, -1, -1, &codec, 0);
    if (found < 0)
        return pipe_av_fail(error, found, wanted->none);
    decoder->stream = decoder->format->streams[found];
    const AVCodecParameters *is = decoder->stream->codecpar;
    if (wanted->max_pixels && is->width > 0 && is->height > 0 &&
        (uint64_t)is->width * (uint64_t)is->height > wanted->max_pixels)
        return percept_fail(error, PERCEPT_LIMIT, "%d x %d pixels, more than max_pixels (%zu)",
                            is->width, is->height, wanted->max_pixels);
    decoder->codec = avcodec_alloc_context3(codec);
    decoder->packet = av_packet_alloc();
    decoder->frame = av_frame_alloc();
    if (!decoder->codec || !decoder->packet || !decoder->frame)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    int code = avcodec_parameters_to_context(decoder->codec, decoder->stream->codecpar);
    if (wanted->max_pixels)
        decoder->codec->max_pixels = (int64_t)wanted->max_pixels;
    decoder->codec->thread_count = 1; /* the cores are the models' */
    decoder->codec->pkt_timebase = decoder->stream->time_base;
    if (code >= 0)
        code = avcodec_open2(decoder->codec, codec, NULL);
    return code < 0 ? pipe_av_fail(error, code, "decoder") : PERCEPT_OK;
}

enum percept_status pipe_av_open(struct pipe_av_decoder *decoder, int fd,
                                 const struct pipe_av_wanted *wanted, struct percept_error *error)
{
    *decoder = (struct pipe_av_decoder){.fd = fd};
    av_log_set_callback(be_quiet);
    enum percept_status status = open_format(decoder, wanted->otherwise, error);
    return status == PERCEPT_OK ? open_codec(decoder, wanted, error) : status;
}

void pipe_av_close(struct pipe_av_decoder *decoder)
{
    av_frame_free(&decoder->frame);
    av_packet_free(&decoder->packet);
    avcodec_free_context(&decoder->codec);
    avformat_close_input(&decoder->format);
    if (decoder->io)
        av_freep(&decoder->io->buffer);
    avio_context_free(&decoder->io);
    close(decoder->fd);
}

int pipe_av_decode(struct pipe_av_decoder *decoder)
{
    for (unsigned damaged = 0; damaged < MOST_DAMAGED;) {
        int code = avcodec_receive_frame(decoder->codec, decoder->frame);
        if (code == AVERROR_INVALIDDATA) {
            damaged++;
            continue;
        }
        if (code != AVERROR(EAGAIN))
            return code;
        code = decoder->draining ? AVERROR_EOF : av_read_frame(decoder->format, decoder->packet);
        if (code == AVERROR_EOF) {
            decoder->draining = true;
            code = avcodec_send_packet(decoder->codec, NULL);
        } else if (code >= 0) {
            code = decoder->packet->stream_index == decoder->stream->index
                       ? avcodec_send_packet(decoder->codec, decoder->packet)
                       : 0;
            av_packet_unref(decoder->packet);
        }
        if (code == AVERROR_INVALIDDATA)
            damaged++;
        else if (code < 0 && code != AVERROR_EOF)
            return code;
    }
    return AVERROR_INVALIDDATA;
}
