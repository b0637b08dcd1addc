/* Why: a report of minutes must stay a few megabytes, so it keeps some frames, evenly over time,
 * and only as large as they are shown. */
#include "cli/report.h"

#include <stdio.h>
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

static void free_frame(struct report_frame *frame)
{
    free(frame->pixels);
    free(frame->text);
}

/* Memory that runs out leaves a frame without its text. */
static void match_text(struct report_frame *frame, const struct percept_text *text)
{
    frame->text = malloc(sizeof *text);
    if (frame->text)
        *frame->text = *text;
}

/* Make room: but for the first, every second frame goes, and from now on every second one is not
 * taken. */
static void thin_out(struct report_album *album)
{
    size_t kept = FIRST_FRAMES;
    for (size_t i = FIRST_FRAMES; i < album->count; i++) {
        if ((i - FIRST_FRAMES) % 2)
            free_frame(&album->frames[i]);
        else
            album->frames[kept++] = album->frames[i];
    }
    album->count = kept;
    album->stride *= 2;
}

/* Pixels as they come, 1 or 3 bytes each. */
struct picture {
    int64_t capture_ns;
    uint64_t number;
    uint32_t width, height, stride, channels;
    const unsigned char *pixels;
    const char *note;
};

/* Shrink by a whole factor, each pixel the mean of a square. */
static unsigned char *shrink(const struct picture *picture, unsigned factor, unsigned width,
                             unsigned height)
{
    unsigned channels = picture->channels;
    unsigned char *pixels = malloc((size_t)width * height * channels);
    unsigned char *out = pixels;
    for (unsigned y = 0; pixels && y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            for (unsigned c = 0; c < channels; c++) {
                unsigned sum = 0;
                for (unsigned dy = 0; dy < factor; dy++)
                    for (unsigned dx = 0; dx < factor; dx++)
                        sum += picture->pixels[(size_t)(y * factor + dy) * picture->stride +
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

/* The album of a topic; NULL when out of memory. */
static struct report_album *album_of(struct report *report, size_t topic)
{
    struct report_album *album = report->albums[topic];
    if (album)
        return album;
    album = report->albums[topic] = calloc(1, sizeof *album);
    if (!album)
        return NULL;
    memcpy(album->topic, report->topics[topic].name, sizeof album->topic);
    album->stride = 1;
    return album;
}

/* Shall the next picture be kept? Makes room for it then. */
static bool next_is_wanted(struct report_album *album)
{
    if (!wanted(album, album->seen++))
        return false;
    if (album->count < REPORT_FRAMES)
        return true;
    thin_out(album);
    return wanted(album, album->seen - 1);
}

static void keep(const struct report *report, struct report_album *album,
                 const struct picture *picture)
{
    unsigned factor = (picture->width + SHOWN_WIDTH - 1) / SHOWN_WIDTH;
    unsigned width = picture->width / factor, height = picture->height / factor;
    if (!height)
        return;
    struct report_frame kept = {
        .capture_ns = picture->capture_ns,
        .number = picture->number,
        .width = picture->width,
        .height = picture->height,
        .shown_width = width,
        .shown_height = height,
        .channels = picture->channels,
        .pixels = shrink(picture, factor, width, height),
    };
    const struct percept_hands *hands = find_recent(report, kept.capture_ns);
    if (picture->note) {
        snprintf(kept.note, sizeof kept.note, "%s", picture->note);
    } else if (hands) {
        kept.hands = *hands;
        kept.matched = true;
    }
    if (!kept.pixels)
        return;
    for (size_t i = 0; i < REPORT_RECENT && i < report->text_count && !kept.text; i++)
        if (report->texts[i].capture_ns == kept.capture_ns)
            match_text(&kept, &report->texts[i]);
    album->frames[album->count++] = kept;
}

void report_add_frame(struct report *report, size_t topic, const void *data, size_t size)
{
    const struct percept_frame *frame = data;
    struct report_album *album = album_of(report, topic);
    unsigned channels = frame->format == PERCEPT_PIXELS_RGB8    ? 3
                        : frame->format == PERCEPT_PIXELS_GRAY8 ? 1
                                                                : 0;
    if (!album || !frame_is_sound(frame, size, channels) || !next_is_wanted(album))
        return;
    const struct picture picture = {frame->capture_ns, frame->frame, frame->width,  frame->height,
                                    frame->stride,     channels,     frame->pixels, NULL};
    keep(report, album, &picture);
}

void report_add_depth(struct report *report, size_t topic, const void *data, size_t size)
{
    struct percept_depth_view view;
    struct report_album *album = album_of(report, topic);
    if (!album || percept_depth_look(data, size, &view, NULL) || !view.depth->width ||
        !view.depth->height || !next_is_wanted(album))
        return;
    const struct percept_depth *depth = view.depth;
    char note[sizeof album->frames[0].note];
    unsigned char *pixels = report_depth_picture(&view, note, sizeof note);
    const struct picture picture = {depth->capture_ns,
                                    depth->frame,
                                    depth->width,
                                    depth->height,
                                    3 * depth->width,
                                    3,
                                    pixels,
                                    note};
    if (pixels)
        keep(report, album, &picture);
    free(pixels);
}

void report_add_hands(struct report *report, const struct percept_hands *hands)
{
    report->recent[report->recent_count++ % REPORT_RECENT] = *hands;
    for (size_t t = 0; t < report->topic_count; t++) {
        struct report_album *album = report->albums[t];
        for (size_t i = album ? album->count : 0; i-- > 0;) {
            struct report_frame *frame = &album->frames[i];
            if (frame->capture_ns != hands->capture_ns || frame->matched || frame->note[0])
                continue;
            frame->hands = *hands;
            frame->matched = true;
        }
    }
}

void report_add_text(struct report *report, const struct percept_text *text)
{
    report->texts[report->text_count++ % REPORT_RECENT] = *text;
    for (size_t t = 0; t < report->topic_count; t++) {
        struct report_album *album = report->albums[t];
        for (size_t i = album ? album->count : 0; i-- > 0;)
            if (album->frames[i].capture_ns == text->capture_ns && !album->frames[i].text)
                match_text(&album->frames[i], text);
    }
}

void report_free_albums(struct report *report)
{
    for (size_t t = 0; t < report->topic_count; t++) {
        struct report_album *album = report->albums[t];
        for (size_t i = 0; album && i < album->count; i++)
            free_frame(&album->frames[i]);
        free(album);
        report->albums[t] = NULL;
    }
}
