/* Why: a list of what was said, with the times, is how people read captions afterwards. */
#include "cli/report.h"

#include "base/clock.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static struct report_caption *place_of(struct report *report, size_t topic, uint64_t id)
{
    for (size_t i = report->caption_count; i-- > 0;)
        if (report->captions[i].topic == topic && report->captions[i].caption.id == id)
            return &report->captions[i];
    if (report->caption_count == REPORT_CAPTIONS)
        return NULL;
    if (report->caption_count == report->caption_room) {
        size_t room = report->caption_room ? 2 * report->caption_room : 16;
        struct report_caption *grown = realloc(report->captions, room * sizeof *grown);
        if (!grown)
            return NULL;
        report->captions = grown;
        report->caption_room = room;
    }
    struct report_caption *added = &report->captions[report->caption_count++];
    *added = (struct report_caption){.topic = topic};
    return added;
}

void report_add_captions(struct report *report, size_t topic,
                         const struct percept_captions *captions)
{
    for (uint32_t i = 0; i < captions->caption_count && i < PERCEPT_CAPTIONS_MAX; i++) {
        const struct percept_caption *caption = &captions->captions[i];
        struct report_caption *place = place_of(report, topic, caption->id);
        if (!place || (place->caption.final && caption->version <= place->caption.version))
            continue;
        place->caption = *caption;
        /* Another process wrote it. */
        place->caption.text[sizeof caption->text - 1] = '\0';
        place->caption.translation[sizeof caption->translation - 1] = '\0';
        place->caption.language[sizeof caption->language - 1] = '\0';
        place->caption.translation_language[sizeof caption->language - 1] = '\0';
    }
}

void report_free_captions(struct report *report)
{
    free(report->captions);
}

/* Seconds from the first word of all. */
static double seconds(const struct report *report, int64_t ns)
{
    return (double)(ns - report->captions[0].caption.begin_ns) / BASE_NS_PER_S;
}

json_t *report_captions_json(const struct report *report)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < report->caption_count; i++) {
        const struct percept_caption *caption = &report->captions[i].caption;
        json_array_append_new(
            rows, json_pack("{s:s, s:I, s:f, s:f, s:b, s:o, s:o, s:o, s:o}", "topic",
                            report->topics[report->captions[i].topic].name, "id",
                            (json_int_t)caption->id, "begin_s", seconds(report, caption->begin_ns),
                            "end_s", seconds(report, caption->end_ns), "final",
                            (int)(caption->final != 0), "language",
                            cli_json_text(caption->language), "text", cli_json_text(caption->text),
                            "translation_language", cli_json_text(caption->translation_language),
                            "translation", cli_json_text(caption->translation)));
    }
    return rows;
}

static void time_text(double s, FILE *file)
{
    unsigned minutes = s > 0 ? (unsigned)(s / 60) : 0;
    fprintf(file, "%u:%04.1f", minutes, s - 60 * minutes);
}

void report_captions_html(const struct report *report, FILE *file)
{
    if (!report->caption_count)
        return;
    fputs("<h2>Captions</h2>\n<table class=\"captions\">\n", file);
    for (size_t i = 0; i < report->caption_count; i++) {
        const struct percept_caption *caption = &report->captions[i].caption;
        fputs("<tr><td>", file);
        time_text(seconds(report, caption->begin_ns), file);
        fputs(" – ", file);
        time_text(seconds(report, caption->end_ns), file);
        fputs("</td><td>", file);
        report_escape(caption->language, file);
        fputs("</td><td>", file);
        report_escape(caption->text, file);
        if (!caption->final)
            fputs(" …", file);
        if (caption->translation[0]) {
            fputs("<br><span>", file);
            report_escape(caption->translation, file);
            fputs("</span>", file);
        }
        fputs("</td></tr>\n", file);
    }
    fputs("</table>\n", file);
}
