/* percept transcript: what was said, and an end to it. */
#include "cli/transcript.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/duration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 500
#define BACK_LINES \
    128 /* that --follow asks for, to know what has been said: more than a ring has */

struct transcript {
    const char *socket, *since, *until, *search, *topic, *limit_text, *format_text, *forget;
    bool follow, json;
    int64_t from_ns, to_ns;
    uint64_t limit; /* 0: none */
    enum cli_transcript_format format;
};

/* ---- times ---- */

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec;
}

/* A form of strptime to the end of the text, a Z for UTC after it. */
static bool read_form(const char *text, const char *form, struct tm *t, bool *utc)
{
    const char *end = strptime(text, form, t);
    *utc = end && strcmp(end, "Z") == 0;
    return end && (*end == '\0' || *utc);
}

/* "10m", "2026-11-29", "2026-11-29T08:00[:00][Z]", "08:00[:00]": local time, the last such. */
static bool read_time(const char *text, int64_t *ns)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d",
                                        "%H:%M:%S", "%H:%M"};
    uint64_t seconds;
    if (cli_parse_duration(text, &seconds)) {
        int64_t now = now_ns();
        *ns =
            seconds < (uint64_t)(now / BASE_NS_PER_S) ? now - (int64_t)seconds * BASE_NS_PER_S : 1;
        return true;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        time_t now = time(NULL), then;
        struct tm t;
        bool utc, of_day = i >= 3;
        localtime_r(&now, &t);
        t.tm_sec = 0;
        if (!of_day)
            t.tm_min = t.tm_hour = 0;
        if (!read_form(text, forms[i], &t, &utc) || (of_day && utc))
            continue;
        t.tm_isdst = -1;
        then = utc ? timegm(&t) : mktime(&t);
        if (of_day && then > now) {
            t.tm_mday--;
            t.tm_isdst = -1;
            then = mktime(&t);
        }
        *ns = (int64_t)then * BASE_NS_PER_S;
        return then > 0;
    }
    return false;
}

/* ---- pages ---- */

enum percept_status cli_history_page(struct percept_client *client,
                                     const struct percept_history *wish, json_t **rows, bool *more,
                                     struct percept_error *error)
{
    char *text;
    json_error_t where;
    enum percept_status status = percept_history(client, wish, &text, error);
    if (status)
        return status;
    json_t *answer = json_loads(text, 0, &where);
    free(text);
    json_t *lines = json_object_get(answer, "lines");
    if (!json_is_array(lines)) {
        json_decref(answer);
        return percept_fail(error, PERCEPT_MALFORMED, "the daemon's answer is no page of lines");
    }
    *rows = json_incref(lines);
    *more = json_is_true(json_object_get(answer, "more"));
    json_decref(answer);
    return PERCEPT_OK;
}

static uint64_t id_at(const json_t *rows, size_t index)
{
    return (uint64_t)json_integer_value(json_object_get(json_array_get(rows, index), "id"));
}

/* With a limit the newest lines, else all, in order. *all is a new array. */
static enum percept_status get_lines(const struct transcript *t, struct percept_client *client,
                                     uint64_t limit, json_t **all, struct percept_error *error)
{
    struct percept_history wish = {.topic = t->topic,
                                   .search = t->search,
                                   .from_ns = t->from_ns,
                                   .to_ns = t->to_ns,
                                   .newest = limit > 0};
    json_t *lines = json_array();
    enum percept_status status = PERCEPT_OK;
    bool more = true;
    while (more && !status && (!limit || json_array_size(lines) < limit)) {
        json_t *rows;
        uint64_t left = limit - json_array_size(lines);
        wish.limit = limit && left < PAGE ? (uint32_t)left : PAGE;
        status = cli_history_page(client, &wish, &rows, &more, error);
        if (status)
            break;
        size_t count = json_array_size(rows);
        if (count == 0)
            more = false;
        else if (limit)
            wish.before = id_at(rows, 0);
        else
            wish.after = id_at(rows, count - 1);
        json_t *first = limit ? rows : lines, *then = limit ? lines : rows;
        json_array_extend(first, then);
        json_decref(then);
        lines = first;
    }
    if (status)
        json_decref(lines);
    else
        *all = lines;
    return status;
}

/* ---- printing ---- */

static int by_beginning(const void *a, const void *b)
{
    int64_t x = json_integer_value(json_object_get(*(json_t *const *)a, "begin_ns"));
    int64_t y = json_integer_value(json_object_get(*(json_t *const *)b, "begin_ns"));
    if (x != y)
        return x < y ? -1 : 1;
    x = json_integer_value(json_object_get(*(json_t *const *)a, "id"));
    y = json_integer_value(json_object_get(*(json_t *const *)b, "id"));
    return x < y ? -1 : x > y;
}

/* Lines are kept as they become final; two people who speak at once do so in another order than
 * they began in, and subtitles are in that of beginnings. */
static bool print_lines(struct cli_line_writer *writer, const json_t *lines, size_t skip)
{
    size_t count = json_array_size(lines), i;
    json_t **rows = malloc((count + 1) * sizeof *rows), *row;
    if (!rows)
        return false;
    json_array_foreach(lines, i, row) rows[i] = row;
    if (writer->format == CLI_SRT || writer->format == CLI_VTT)
        qsort(rows, count, sizeof *rows, by_beginning);
    for (i = skip; i < count; i++)
        cli_write_line(writer, rows[i]);
    free(rows);
    return true;
}

static enum percept_status print_history(const struct transcript *t, struct percept_client *client,
                                         struct cli_line_writer *writer,
                                         struct percept_error *error)
{
    json_t *lines;
    enum percept_status status = get_lines(t, client, t->limit, &lines, error);
    if (status)
        return status;
    if (!print_lines(writer, lines, 0))
        status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    json_decref(lines);
    return status;
}

/* What is older than the oldest line that was asked for is not news either. */
static enum percept_status print_and_follow(const struct transcript *t,
                                            struct percept_client *client,
                                            struct cli_line_writer *writer,
                                            struct percept_error *error)
{
    struct cli_follow *follow;
    json_t *lines = NULL, *row;
    size_t i, skip = 0;
    int64_t since_ns = t->from_ns;
    uint64_t wanted = t->limit ? t->limit + BACK_LINES : t->since ? 0 : BACK_LINES;
    enum percept_status status = cli_follow_begin(client, t->topic, &follow, error);
    if (status)
        return status;
    status = get_lines(t, client, wanted, &lines, error);
    if (status == PERCEPT_NOT_FOUND) {
        base_log(BASE_LOG_WARNING, "%s; what is said from now on:", error->message);
        lines = json_array();
        since_ns = now_ns();
        status = PERCEPT_OK;
    }
    if (!status) {
        size_t count = json_array_size(lines), shown = t->limit ? t->limit : t->since ? count : 0;
        skip = count > shown ? count - shown : 0;
        json_array_foreach(lines, i, row) cli_follow_know(follow, row);
        if (!print_lines(writer, lines, skip))
            status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    if (!status)
        status = cli_follow_run(follow, writer, since_ns, error);
    json_decref(lines);
    cli_follow_end(follow);
    return status;
}

static enum percept_status forget(const struct transcript *t, struct percept_client *client,
                                  uint64_t seconds, struct percept_error *error)
{
    uint64_t lines;
    enum percept_status status = percept_forget(client, seconds, &lines, error);
    if (status)
        return status;
    if (t->json)
        cli_print_json(json_pack("{s:I}", "forgotten", (json_int_t)lines), true);
    else
        printf("%llu %s forgotten\n", (unsigned long long)lines, lines == 1 ? "line" : "lines");
    return PERCEPT_OK;
}

static int run(const struct transcript *t, uint64_t seconds)
{
    struct percept_client *client;
    struct percept_error error;
    struct cli_line_writer writer = {.format = t->format, .file = stdout};
    int code = cli_connect(t->socket, &client);
    if (code)
        return code;
    enum percept_status status = t->forget   ? forget(t, client, seconds, &error)
                                 : t->follow ? print_and_follow(t, client, &writer, &error)
                                             : print_history(t, client, &writer, &error);
    if (!status && t->format == CLI_VTT && writer.count == 0)
        puts("WEBVTT"); /* one without cues is one */
    percept_disconnect(client);
    if (status)
        return cli_fail(status == PERCEPT_DISCONNECTED ? CLI_NO_DAEMON : CLI_FAILURE, &error);
    return CLI_OK;
}

/* ---- the command line ---- */

static enum percept_status read_options(struct transcript *t, uint64_t *seconds,
                                        struct percept_error *error)
{
    static const char *const formats[] = {"text", "srt", "vtt", "json"};
    char *end;
    if (t->format_text) {
        size_t i = 0;
        while (i < 4 && strcmp(formats[i], t->format_text) != 0)
            i++;
        if (i == 4 || (t->json && i != CLI_JSON))
            return percept_fail(error, PERCEPT_INVALID,
                                "--format is text, srt, vtt or json, not '%.40s'", t->format_text);
        t->format = (enum cli_transcript_format)i;
    }
    if (t->json)
        t->format = CLI_JSON;
    if (t->since && !read_time(t->since, &t->from_ns))
        return percept_fail(error, PERCEPT_INVALID,
                            "--since takes a time like 10m, 08:00 or 2026-11-29T08:00, not '%.60s'",
                            t->since);
    if (t->until && !read_time(t->until, &t->to_ns))
        return percept_fail(error, PERCEPT_INVALID,
                            "--until takes a time like 10m, 08:00 or 2026-11-29T08:00, not '%.60s'",
                            t->until);
    if (t->limit_text) {
        errno = 0;
        t->limit = strtoull(t->limit_text, &end, 10);
        if (strspn(t->limit_text, "0123456789") == 0 || *end || errno || t->limit == 0 ||
            t->limit > UINT32_MAX)
            return percept_fail(error, PERCEPT_INVALID, "--limit takes a number, not '%.60s'",
                                t->limit_text);
    }
    if (t->follow && (t->search || t->until))
        return percept_fail(error, PERCEPT_INVALID,
                            "--follow goes with neither --search nor --until");
    if (!t->forget)
        return PERCEPT_OK;
    if (t->follow || t->since || t->until || t->search || t->limit || t->topic || t->format_text)
        return percept_fail(error, PERCEPT_INVALID, "--forget goes with none of the others");
    if (strcmp(t->forget, "all") == 0)
        *seconds = PERCEPT_FORGET_ALL;
    else if (!cli_parse_duration(t->forget, seconds))
        return percept_fail(error, PERCEPT_INVALID,
                            "--forget takes a time like 5m or 2h, or all, not '%.60s'", t->forget);
    return PERCEPT_OK;
}

int cli_transcript(int argc, char **argv)
{
    struct transcript t = {0};
    struct percept_error error = {0};
    uint64_t seconds = 0;
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&t.socket),
        {"json", NULL, "print a JSON object a line; as --format json", BASE_OPTION_FLAG, &t.json},
        {"format", "FORMAT", "text, srt, vtt or json", BASE_OPTION_TEXT, &t.format_text},
        {"since", "TIME", "not what ended before: 10m, 8h, 7d, 08:00 or 2026-11-29T08:00",
         BASE_OPTION_TEXT, &t.since},
        {"until", "TIME", "not what began after", BASE_OPTION_TEXT, &t.until},
        {"search", "WORDS", "only lines with all of these words; wor* for a beginning",
         BASE_OPTION_TEXT, &t.search},
        {"topic", "TOPIC", "only lines of this topic", BASE_OPTION_TEXT, &t.topic},
        {"limit", "N", "only the last N lines", BASE_OPTION_TEXT, &t.limit_text},
        {"follow", NULL, "go on with what is said from now on", BASE_OPTION_FLAG, &t.follow},
        {"forget", "TIME|all", "erase what was said in the last 5m, 2h, or all of it",
         BASE_OPTION_TEXT, &t.forget},
    };
    const struct base_usage usage = {
        .program = "percept transcript",
        .operands = "",
        .purpose = "Show what was said, as it was kept, or have it forgotten.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (read_options(&t, &seconds, &error))
        return cli_misuse(&usage, "%s", error.message);
    return run(&t, seconds);
}
