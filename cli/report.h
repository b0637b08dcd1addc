/*
 * What `percept report` gathers, and the two files it makes of it.
 *
 * report.c reads the topics, report_album.c keeps some frames with the hands and the text seen in
 * them, report_json.c and report_html.c write (report_plot.c and report_text.c draw).
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/decode.h"
#include "cli/stats.h"
#include "cli/subscribe.h"
#include "ipc/depth.h"
#include "ipc/percept.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define REPORT_TOPICS   CLI_TOPICS
#define REPORT_FRAMES   16   /* kept per topic of frames */
#define REPORT_CAPTIONS 4096 /* kept */
#define REPORT_RECENT   32   /* hands and texts remembered until their frame comes */

struct report_topic {
    char name[64], schema_name[64];
    const struct cli_schema *schema; /* NULL: not known to this build */
    struct percept_subscription *subscription;
    bool ended;
    uint64_t messages, lost, bytes;
    uint64_t missed_before; /* published too long before we came */
    int64_t subscribed_ns;
    int64_t first_publish_ns, last_publish_ns; /* when the first and the last were published */
    struct cli_series latency; /* capture to here; not of what was published before we came */
    struct cli_series model;   /* the part of it that models took; empty when the schema has none */
    struct cli_series beyond;  /* latency - model: what the daemon and the way here cost */
};

/* A frame that is kept, made small enough to be shown. */
struct report_frame {
    int64_t capture_ns;
    uint64_t number;
    uint32_t width, height;             /* as captured; landmarks are in these pixels */
    uint32_t shown_width, shown_height; /* of pixels */
    uint32_t channels;
    unsigned char *pixels;
    bool matched;
    struct percept_hands hands; /* when matched */
    char note[160];             /* what else is said below it; "": nothing */
    struct percept_text *text;  /* what was read in it; NULL: nobody looked */
};

/* Frames of one topic: the first few, then every stride-th. */
struct report_album {
    char topic[64];
    struct report_frame frames[REPORT_FRAMES];
    size_t count;
    uint64_t seen, stride;
};

/* What was said, in its last version. */
struct report_caption {
    size_t topic;
    struct percept_caption caption;
};

struct report {
    struct report_topic topics[REPORT_TOPICS];
    size_t topic_count;
    struct report_album *albums[REPORT_TOPICS]; /* by topic; NULL for other than frames and depth */
    struct percept_hands recent[REPORT_RECENT]; /* a ring */
    uint64_t recent_count;
    struct report_caption *captions; /* by the time that each was first there */
    size_t caption_count, caption_room;
    struct percept_text texts[REPORT_RECENT]; /* a ring */
    uint64_t text_count;
    json_t *status;          /* the last that the daemon gave (docs/status.md) */
    int64_t daemon_start_ns; /* as its status says; 0: unknown */
    int64_t start_ns;        /* before connecting */
    int64_t end_ns;
    bool complete; /* every topic came to its end */
};

/* report_album.c: a sample of a topic of frames, of depth, of hands, of text. */
void report_add_frame(struct report *report, size_t topic, const void *data, size_t size);
void report_add_depth(struct report *report, size_t topic, const void *data, size_t size);
void report_add_hands(struct report *report, const struct percept_hands *hands);
void report_add_text(struct report *report, const struct percept_text *text);
void report_free_albums(struct report *report);

/* report_captions.c */
void report_add_captions(struct report *report, size_t topic,
                         const struct percept_captions *captions);
void report_free_captions(struct report *report);
json_t *report_captions_json(const struct report *report);
void report_captions_html(const struct report *report, FILE *file);

/* report_depth.c: RGB, width * height; malloc'ed, NULL when out of memory. note: what the colours
 * mean and what is wrong. */
unsigned char *report_depth_picture(const struct percept_depth_view *view, char *note, size_t size);

/* Samples a second, as published: those that were there when we came arrived all at once. */
double report_rate(const struct report_topic *topic);
json_t *report_json(const struct report *report);
/* json: what report_json gave. */
void report_html(const struct report *report, const json_t *json, FILE *file);

/* report_html.c: text from the outside, made harmless. */
void report_escape(const char *text, FILE *file);

/* report_text.c: the lines over their frame. Drawn in the frame's pixels, `unit` of which are one
 * as shown. */
void report_draw_text(const struct percept_text *text, double unit, FILE *file);

/* report_plot.c: inline SVG. */
struct report_curve {
    const char *name, *color;
    const struct cli_series *series;
};
void report_plot_over_time(const char *title, const struct report_curve *curves, size_t count,
                           FILE *file);
void report_plot_histogram(const char *title, const struct report_curve *curve, FILE *file);

#endif
