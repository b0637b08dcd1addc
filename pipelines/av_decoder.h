/* A file for libav to decode: a descriptor, nothing that it names, and no messages. */
#ifndef PIPELINES_AV_DECODER_H
#define PIPELINES_AV_DECODER_H

#include "base/status.h"

#include <stdbool.h>

/* libav's headers are not written for -Wconversion. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#pragma GCC diagnostic pop

struct pipe_av_decoder {
    int fd;
    AVIOContext *io;
    AVFormatContext *format;
    AVStream *stream;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame; /* what pipe_av_decode decoded */
    bool draining;
};

struct pipe_av_wanted {
    enum AVMediaType type;
    const char *otherwise; /* what to say of contents that libav does not know, */
    const char *none;      /* and of a file without a stream of the type */
    size_t max_pixels;     /* of a picture; 0: libav's own limit */
};

/* Takes over the descriptor; must not move until it is closed. On failure it is to be closed, too.
 */
enum percept_status pipe_av_open(struct pipe_av_decoder *decoder, int fd,
                                 const struct pipe_av_wanted *wanted, struct percept_error *error);
void pipe_av_close(struct pipe_av_decoder *decoder);

/* Feed the decoder until it has a frame. Less than 0: an AVERROR; AVERROR_EOF after the last. */
int pipe_av_decode(struct pipe_av_decoder *decoder);

/* An AVERROR as ours. */
enum percept_status pipe_av_fail(struct percept_error *error, int code, const char *what);

#endif
