/* The report as one page that needs nothing else: style, pictures and plots are inside. */
#include "cli/jpeg.h"
#include "cli/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Percept report</title>\n<style>\n"
    ":root{--bg:#fbfbfa;--card:#fff;--text:#1c2126;--soft:#667079;--line:#e3e5e7}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--text:#e8eaec;"
    "--soft:#98a2ab;--line:#2e343a}}\n"
    "body{margin:0 auto;max-width:1120px;padding:24px;background:var(--bg);color:var(--text);"
    "font:15px/1.45 system-ui,sans-serif}\n"
    "h1{font-size:26px;margin:0}h2{font-size:18px;margin:36px 0 "
    "10px}p{color:var(--soft);margin:4px "
    "0}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:12px;margin-top:18px}\n"
    ".card{flex:1 1 150px;background:var(--card);border:1px solid "
    "var(--line);border-radius:10px;padding:12px 16px}\n"
    ".card b{display:block;font-size:24px;font-variant-numeric:tabular-nums}.card "
    "span{color:var(--soft)}\n"
    "table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line)}"
    "th{color:var(--soft);font-weight:500}th:first-child,td:first-child{text-align:left}\n"
    ".wide{overflow-x:auto}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:12px;"
    "align-items:start}.plots{grid-template-columns:repeat(auto-fill,minmax(440px,1fr))}\n"
    "figure{margin:0;background:var(--card);border:1px solid "
    "var(--line);border-radius:10px;overflow:hidden}\n"
    "figure "
    "svg{display:block;width:100%;aspect-ratio:4/3;background:#101214}figcaption{padding:8px "
    "12px;color:var(--soft);"
    "font-size:13px}\n"
    ".plot{width:100%;background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "font-size:11px}.plot text{fill:var(--soft)}.plot text[fill]{fill:revert-layer}"
    ".plot .title{fill:var(--text);font-size:13px}\n"
    ".plot .rule{stroke:var(--line)}.plot polyline{stroke-width:1.4;stroke-linejoin:round}"
    ".plot .mark{stroke:var(--text);stroke-dasharray:3 3}\n"
    ".captions td{text-align:left;vertical-align:top}.captions td:last-child{width:100%}"
    ".captions td:first-child{white-space:nowrap;color:var(--soft)}.captions "
    "span{color:var(--soft)}\n"
    "</style></head><body>\n";

void report_escape(const char *value, FILE *file)
{
    for (; value && *value; value++) {
        switch (*value) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default:
            putc(*value, file);
        }
    }
}

/* ---- tables ---- */

struct column {
    const char *title, *key;
    int digits; /* after the point; -1: text, 0: a count */
};

static void table(const json_t *rows, const struct column *columns, size_t count, FILE *file)
{
    size_t r;
    json_t *row;
    fputs("<div class=\"wide\"><table><tr>", file);
    for (size_t c = 0; c < count; c++)
        fprintf(file, "<th>%s</th>", columns[c].title);
    fputs("</tr>\n", file);
    json_array_foreach(rows, r, row)
    {
        fputs("<tr>", file);
        for (size_t c = 0; c < count; c++) {
            const json_t *value = json_object_get(row, columns[c].key);
            fputs("<td>", file);
            if (json_is_string(value))
                report_escape(json_string_value(value), file);
            else if (json_is_number(value))
                fprintf(file, "%.*f", columns[c].digits, json_number_value(value));
            else
                fputs("–", file);
            fputs("</td>", file);
        }
        fputs("</tr>\n", file);
    }
    fputs("</table></div>\n", file);
}

static void tables(const json_t *json, FILE *file)
{
    static const struct column topics[] = {
        {"topic", "name", -1},
        {"schema", "schema", -1},
        {"messages", "messages", 0},
        {"per s", "rate_hz", 1},
        {"drops", "drops", 0},
        {"latency p50, ms", "latency_p50_ms", 2},
        {"p99", "latency_p99_ms", 2},
        {"models p50", "model_p50_ms", 2},
        {"beyond p50", "overhead_p50_ms", 3},
        {"beyond p99", "overhead_p99_ms", 3},
    };
    static const struct column models[] = {
        {"model", "name", -1},          {"backend", "backend", -1}, {"runs", "runs", 0},
        {"median, ms", "median_ms", 2}, {"p99", "p99_ms", 2},       {"load, ms", "load_ms", 1},
    };
    static const struct column pipelines[] = {
        {"pipeline", "name", -1},     {"source", "source", -1},
        {"state", "state", -1},       {"frames", "frames", 0},
        {"late", "dropped_late", 0},  {"bad", "dropped_bad", 0},
        {"errors", "node_errors", 0}, {"to publish p50, ms", "latency_p50_ms", 2},
        {"p99", "latency_p99_ms", 2},
    };
    const struct {
        const char *title, *rows;
        const struct column *columns;
        size_t count;
    } all[] = {
        {"Topics", "topics", topics, sizeof topics / sizeof topics[0]},
        {"Models", "models", models, sizeof models / sizeof models[0]},
        {"Pipelines", "pipelines", pipelines, sizeof pipelines / sizeof pipelines[0]},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const json_t *rows = json_object_get(json, all[i].rows);
        if (!json_array_size(rows))
            continue;
        fprintf(file, "<h2>%s</h2>\n", all[i].title);
        table(rows, all[i].columns, all[i].count, file);
    }
}

/* ---- frames with what was seen in them ---- */

/* The skeleton: pairs of landmarks, finger by finger, then the palm. */
static const struct {
    unsigned char from, to;
    const char *color;
} bones[] = {
    {0, 1, "#ff8a3d"},   {1, 2, "#ff8a3d"},   {2, 3, "#ff8a3d"},   {3, 4, "#ff8a3d"},
    {5, 6, "#ffd23d"},   {6, 7, "#ffd23d"},   {7, 8, "#ffd23d"},   {9, 10, "#5fd35f"},
    {10, 11, "#5fd35f"}, {11, 12, "#5fd35f"}, {13, 14, "#3db8ff"}, {14, 15, "#3db8ff"},
    {15, 16, "#3db8ff"}, {17, 18, "#b07aff"}, {18, 19, "#b07aff"}, {19, 20, "#b07aff"},
    {0, 5, "#ffffff"},   {5, 9, "#ffffff"},   {9, 13, "#ffffff"},  {13, 17, "#ffffff"},
    {0, 17, "#ffffff"},
};

static void hand(const struct percept_hand *hand, double unit, FILE *file)
{
    const float(*at)[3] = hand->image;
    float top = at[0][1], left = at[0][0];
    for (size_t i = 0; i < sizeof bones / sizeof bones[0]; i++)
        fprintf(file,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                "stroke-width=\"%.1f\" stroke-linecap=\"round\"/>\n",
                (double)at[bones[i].from][0], (double)at[bones[i].from][1],
                (double)at[bones[i].to][0], (double)at[bones[i].to][1], bones[i].color, 3 * unit);
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++) {
        fprintf(file,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#fff\" stroke=\"#111\" "
                "stroke-width=\"%.2f\"/>\n",
                (double)at[i][0], (double)at[i][1], 2.8 * unit, unit);
        top = fminf(top, at[i][1]);
        left = fminf(left, at[i][0]);
    }
    fprintf(file,
            "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.1f\" fill=\"#fff\" stroke=\"#111\" "
            "stroke-width=\"%.1f\" paint-order=\"stroke\">%s #%u, %.2f</text>\n",
            (double)left, fmax((double)top - 9 * unit, 20 * unit), 19 * unit, 4 * unit,
            hand->handedness == PERCEPT_HAND_LEFT ? "left" : "right", hand->id,
            (double)hand->presence);
}

static bool landmarks_are_finite(const struct percept_hand *hand)
{
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++)
        if (!isfinite(hand->image[i][0]) || !isfinite(hand->image[i][1]))
            return false;
    return true;
}

static void figure(const struct report_frame *frame, FILE *file)
{
    unsigned char *jpeg;
    size_t size;
    if (!cli_jpeg_encode(frame->pixels, frame->shown_width, frame->shown_height, frame->channels,
                         &jpeg, &size))
        return;
    /* Drawn in the frame's own pixels; line widths as if it were shown at 480 x 360. */
    double unit = fmax(frame->width / 480.0, frame->height / 360.0);
    fprintf(file,
            "<figure><svg viewBox=\"0 0 %u %u\"><image width=\"%u\" height=\"%u\" href=\"data:",
            frame->width, frame->height, frame->width, frame->height);
    fputs("image/jpeg;base64,", file);
    cli_base64(jpeg, size, file);
    fputs("\"/>\n", file);
    free(jpeg);
    unsigned hands = frame->matched ? frame->hands.hand_count : 0;
    for (unsigned h = 0; h < hands && h < PERCEPT_HANDS_MAX; h++)
        if (landmarks_are_finite(&frame->hands.hands[h]))
            hand(&frame->hands.hands[h], unit, file);
    if (frame->text)
        report_draw_text(frame->text, unit, file);
    fprintf(file, "</svg><figcaption>frame %llu, %u×%u", (unsigned long long)frame->number,
            frame->width, frame->height);
    if (frame->matched)
        fprintf(file, ", %u hand%s%s; models %.1f ms", hands, hands == 1 ? "" : "s",
                frame->hands.detector_ran ? ", palm detector ran" : ", tracked",
                (double)frame->hands.model_ns / 1e6);
    if (frame->text)
        fprintf(file, ", %u line%s of text; models %.1f ms", frame->text->line_count,
                frame->text->line_count == 1 ? "" : "s", (double)frame->text->model_ns / 1e6);
    if (frame->note[0])
        fprintf(file, "; %s", frame->note);
    fputs("</figcaption></figure>\n", file);
}

static bool is_matched(const struct report_frame *frame)
{
    return frame->matched || frame->text;
}

static void gallery(const struct report_album *album, FILE *file)
{
    fputs("<h2>Topic ", file);
    report_escape(album->topic, file);
    fputs("</h2>\n<div class=\"grid\">\n", file);
    bool any_matched = false;
    for (size_t i = 0; i < album->count; i++)
        any_matched = any_matched || is_matched(&album->frames[i]);
    /* A frame that no pipeline looked at says nothing beside those that one did. */
    for (size_t i = 0; i < album->count; i++)
        if (is_matched(&album->frames[i]) || !any_matched)
            figure(&album->frames[i], file);
    fputs("</div>\n", file);
}

/* ---- the page ---- */

static void card(const char *name, const char *unit, double value, int digits, FILE *file)
{
    fprintf(file, "<div class=\"card\"><b>%.*f %s</b><span>%s</span></div>\n", digits, value, unit,
            name);
}

static void summary(const json_t *json, FILE *file)
{
    const json_t *machine = json_object_get(json, "machine");
    size_t i;
    json_t *topic;
    fputs("<h1>Percept report</h1>\n<p>", file);
    report_escape(json_string_value(json_object_get(json, "made")), file);
    fputs(" · ", file);
    report_escape(json_string_value(json_object_get(machine, "cpu")), file);
    fprintf(file, " · %lld CPUs · Percept " PERCEPT_RELEASE "%s</p>\n<div class=\"cards\">\n",
            (long long)json_integer_value(json_object_get(machine, "cpus")),
            json_is_true(json_object_get(json, "complete")) ? "" : " · stopped before the end");
    const json_t *first = json_object_get(json, "first_published_s");
    if (json_is_number(first))
        card("from start to first sample", "s", json_number_value(first), 2, file);
    json_array_foreach(json_object_get(json, "topics"), i, topic)
    {
        const json_t *overhead = json_object_get(topic, "overhead_p99_ms");
        if (!overhead)
            continue;
        char name[128];
        const char *of = json_string_value(json_object_get(topic, "name"));
        snprintf(name, sizeof name, "%s: rate", of);
        card(name, "/s", json_number_value(json_object_get(topic, "rate_hz")), 1, file);
        snprintf(name, sizeof name, "%s: capture to client, p50", of);
        card(name, "ms", json_number_value(json_object_get(topic, "latency_p50_ms")), 1, file);
        snprintf(name, sizeof name, "%s: beyond the models, p99", of);
        card(name, "ms", json_number_value(overhead), 2, file);
    }
    fputs("</div>\n", file);
}

static void plots(const struct report_topic *topic, FILE *file)
{
    char title[128];
    const struct report_curve curves[] = {
        {"capture to client", "#2f7ed8", &topic->latency},
        {"models", "#e08a1e", &topic->model},
        {"beyond", "#3aa76d", &topic->beyond},
    };
    if (topic->latency.count < 2)
        return;
    snprintf(title, sizeof title, "%s: latency", topic->name);
    report_plot_over_time(title, curves, 2, file);
    snprintf(title, sizeof title, "%s: capture to client", topic->name);
    report_plot_histogram(title, &curves[0], file);
    snprintf(title, sizeof title, "%s: beyond the models", topic->name);
    report_plot_histogram(title, &curves[2], file);
}

void report_html(const struct report *report, const json_t *json, FILE *file)
{
    fputs(head, file);
    summary(json, file);
    for (size_t t = 0; t < report->topic_count; t++)
        if (report->albums[t] && report->albums[t]->count)
            gallery(report->albums[t], file);
    report_captions_html(report, file);
    fputs("<h2>Latency</h2>\n<div class=\"grid plots\">\n", file);
    for (size_t t = 0; t < report->topic_count; t++)
        plots(&report->topics[t], file);
    fputs("</div>\n", file);
    tables(json, file);
    fputs("</body></html>\n", file);
}
