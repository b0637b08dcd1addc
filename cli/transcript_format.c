/* Why: what was said may hold anything; a file of subtitles, or a terminal, must not be made to do
 * something else by it. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/transcript.h"

#include <string.h>
#include <time.h>

static const char *text_at(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

struct cli_line cli_line_of(const json_t *row)
{
    return (struct cli_line){
        .begin_ns = json_integer_value(json_object_get(row, "begin_ns")),
        .end_ns = json_integer_value(json_object_get(row, "end_ns")),
        .side = (int)json_integer_value(json_object_get(row, "side")),
        .language = text_at(row, "language"),
        .text = text_at(row, "text"),
        .translation_language = text_at(row, "translation_language"),
        .translation = text_at(row, "translation"),
    };
}

/* ---- escaping ---- */

/* What stands in a text in the place of a byte; NULL: itself. */
typedef const char *(*escape_fn)(const char *at, const char *begin);

static const char *control(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    return c[0] < ' ' || c[0] == 0x7f ? " " : NULL;
}

static const char *plain(const char *at, const char *begin)
{
    (void)begin;
    return control(at);
}

/* WebVTT (W3C) has escapes; without a '>' there is no "-->" either. */
static const char *vtt(const char *at, const char *begin)
{
    (void)begin;
    switch (*at) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    default:
        return control(at);
    }
}

/* SubRip has none. What would be read as an arrow or a tag is taken apart by a character that has
 * no width (U+2060, WORD JOINER): people see the same, and no player finds it. */
#define JOINER "\xe2\x81\xa0"
static const char *srt(const char *at, const char *begin)
{
    if (*at == '<')
        return "<" JOINER;
    if (*at == '{' && at[1] == '\\')
        return "{" JOINER;
    if (*at == '>' && at - begin >= 2 && at[-1] == '-' && at[-2] == '-')
        return JOINER ">";
    return control(at);
}

/* Control characters of Unicode (U+0080 to U+009F) mean something to terminals as well. */
static void put(FILE *file, const char *text, escape_fn escape)
{
    for (const char *at = text; *at; at++) {
        const char *instead = escape(at, text);
        if (!instead && (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] >= 0x80 &&
            (unsigned char)at[1] < 0xa0) {
            instead = " ";
            at++;
        }
        if (instead)
            fputs(instead, file);
        else
            putc(*at, file);
    }
}

/* ---- the formats ---- */

static void put_time(FILE *file, int64_t ns, char point)
{
    int64_t ms = ns > 0 ? ns / BASE_NS_PER_MS : 0;
    fprintf(file, "%02lld:%02lld:%02lld%c%03lld", (long long)(ms / 3600000),
            (long long)(ms / 60000 % 60), (long long)(ms / 1000 % 60), point,
            (long long)(ms % 1000));
}

/* A cue lasts a millisecond at least: players drop those that last none. */
static void put_times(const struct cli_line_writer *writer, const struct cli_line *line, char point)
{
    int64_t begin = line->begin_ns - writer->first_ns, end = line->end_ns - writer->first_ns;
    if (begin < 0)
        begin = 0;
    if (end < begin + BASE_NS_PER_MS)
        end = begin + BASE_NS_PER_MS;
    put_time(writer->file, begin, point);
    fputs(" --> ", writer->file);
    put_time(writer->file, end, point);
    putc('\n', writer->file);
}

/* Both halves, in lines of their own. */
static void put_texts(FILE *file, const struct cli_line *line, escape_fn escape)
{
    put(file, line->text, escape);
    putc('\n', file);
    if (!line->translation[0])
        return;
    put(file, line->translation, escape);
    putc('\n', file);
}

static void write_srt(struct cli_line_writer *writer, const struct cli_line *line)
{
    fprintf(writer->file, "%s%llu\n", writer->count > 1 ? "\n" : "",
            (unsigned long long)writer->count);
    put_times(writer, line, ',');
    put_texts(writer->file, line, srt);
}

static void write_vtt(struct cli_line_writer *writer, const struct cli_line *line)
{
    fputs(writer->count > 1 ? "\n" : "WEBVTT\n\n", writer->file);
    put_times(writer, line, '.');
    if (line->side)
        fprintf(writer->file, "<v %d>", line->side);
    put_texts(writer->file, line, vtt);
}

/* A day has a line of its own, when it is another one. */
static void write_text(struct cli_line_writer *writer, const struct cli_line *line)
{
    time_t when = (time_t)(line->begin_ns / BASE_NS_PER_S);
    char text[32] = "";
    struct tm t = {0};
    localtime_r(&when, &t);
    int64_t day = (int64_t)t.tm_year * 1000 + t.tm_yday + 1;
    if (day != writer->day) {
        strftime(text, sizeof text, "%Y-%m-%d", &t);
        fprintf(writer->file, "%s%s\n", writer->day ? "\n" : "", text);
    }
    writer->day = day;
    strftime(text, sizeof text, "%H:%M:%S", &t);
    fprintf(writer->file, "%s  %-3.8s %s", text, line->language[0] ? line->language : "?",
            line->side ? "» " : "");
    put(writer->file, line->text, plain);
    putc('\n', writer->file);
    if (!line->translation[0])
        return;
    fprintf(writer->file, "          %-3.8s ", line->translation_language);
    put(writer->file, line->translation, plain);
    putc('\n', writer->file);
}

void cli_write_line(struct cli_line_writer *writer, json_t *row)
{
    struct cli_line line = cli_line_of(row);
    if (writer->count++ == 0)
        writer->first_ns = line.begin_ns;
    switch (writer->format) {
    case CLI_TEXT:
        write_text(writer, &line);
        break;
    case CLI_SRT:
        write_srt(writer, &line);
        break;
    case CLI_VTT:
        write_vtt(writer, &line);
        break;
    case CLI_JSON:
        json_dumpf(row, writer->file, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putc('\n', writer->file);
        break;
    }
}
