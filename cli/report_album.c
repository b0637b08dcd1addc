/* Why: a report of minutes must stay a few megabytes, so it keeps some frames, evenly over time,
 * and only as large as they are shown. */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_WIDTH  480
#define FIRST_FRAMES 4 /* how it began: always kept */

static const struct percept_hands *find_recent(const struct report *report, int64_t capture_ns)
{
    for (size_t i = 0; i < REPORT_RECENT && i < report->recent_count; i++)
        if (report->recent[i].capture_ns == capture_ns)
            return &report->recent[i];
    return NULL;
}

/* Make room: but for the first, every second frame goes, and from now on every second one is not
 * taken. */
static void thin_out(struct report_album *album)
{
    size_t kept = FIRST_FRAMES;
    for (size_t i = FIRST_FRAMES; i < album->count; i++) {
        if ((i - FIRST_FRAMES) % 2)
            free(album->frames[i].pixels);
        else
            album->frames[kept++] = album->frames[i];
    }
    album->count = kept;
    album->stride *= 2;
}

/* Shrink by a whole factor, each pixel the mean of a square. */
static unsigned char *shrink(const struct percept_frame *frame, unsigned channels, unsigned factor,
                             unsigned width, unsigned height)
{
    unsigned char *pixels = malloc((size_t)width * height * channels);
    unsigned char *out = pixels;
    for (unsigned y = 0; pixels && y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            for (unsigned c = 0; c < channels; c++) {
                unsigned sum = 0;
                for (unsigned dy = 0; dy < factor; dy++)
                    for (unsigned dx = 0; dx < factor; dx++)
                        sum += frame->pixels[(size_t)(y * factor + dy) * frame->stride +
                                             (size_t)(x * factor + dx) * channels + c];
                *out++ = (unsigned char)(sum / (factor * factor));
            }
        }
    }
    return pixels;
}

static bool frame_is_sound(const struct percept_frame *frame, size_t size, unsigned channels)
{
    return channels && frame->width && frame->height && frame->width <= 65536 &&
           frame->height <= 65536 && frame->stride >= (size_t)frame->width * channels &&
           (size_t)frame->stride * frame->height <= size - sizeof *frame;
}

static bool wanted(const struct report_album *album, uint64_t index)
{
    return index < FIRST_FRAMES || (index - FIRST_FRAMES) % album->stride == 0;
}

void report_add_frame(struct report *report, size_t topic, const void *data, size_t size)
{
    const struct percept_frame *frame = data;
    struct report_album *album = report->albums[topic];
    if (!album) {
        album = report->albums[topic] = calloc(1, sizeof *album);
        if (!album)
            return;
        memcpy(album->topic, report->topics[topic].name, sizeof album->topic);
        album->stride = 1;
    }
    unsigned channels = frame->format == PERCEPT_PIXELS_RGB8    ? 3
                        : frame->format == PERCEPT_PIXELS_GRAY8 ? 1
                                                                : 0;
    if (!wanted(album, album->seen++) || !frame_is_sound(frame, size, channels))
        return;
    if (album->count == REPORT_FRAMES) {
        thin_out(album);
        if (!wanted(album, album->seen - 1))
            return;
    }
    unsigned factor = (frame->width + SHOWN_WIDTH - 1) / SHOWN_WIDTH;
    unsigned width = frame->width / factor, height = frame->height / factor;
    if (!height)
        return;
    struct report_frame kept = {
        .capture_ns = frame->capture_ns,
        .number = frame->frame,
        .width = frame->width,
        .height = frame->height,
        .shown_width = width,
        .shown_height = height,
        .channels = channels,
        .pixels = shrink(frame, channels, factor, width, height),
    };
    const struct percept_hands *hands = find_recent(report, kept.capture_ns);
    if (hands) {
        kept.hands = *hands;
        kept.matched = true;
    }
    if (kept.pixels)
        album->frames[album->count++] = kept;
}

void report_add_hands(struct report *report, const struct percept_hands *hands)
{
    report->recent[report->recent_count++ % REPORT_RECENT] = *hands;
    for (size_t t = 0; t < report->topic_count; t++) {
        struct report_album *album = report->albums[t];
        for (size_t i = album ? album->count : 0; i-- > 0;) {
            struct report_frame *frame = &album->frames[i];
            if (frame->capture_ns != hands->capture_ns || frame->matched)
                continue;
            frame->hands = *hands;
            frame->matched = true;
        }
    }
}

void report_free_albums(struct report *report)
{
    for (size_t t = 0; t < report->topic_count; t++) {
        struct report_album *album = report->albums[t];
        for (size_t i = 0; album && i < album->count; i++)
            free(album->frames[i].pixels);
        free(album);
        report->albums[t] = NULL;
    }
}
