/* percept report: read topics to their end, show what comes, leave report.json and report.html.
 */
#include "cli/report.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/interrupt.h"
#include "cli/subscribe.h"
#include "cli/table.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIVE_NS      (200 * BASE_NS_PER_MS) /* between two pictures on a terminal */
#define LINES_NS     BASE_NS_PER_S          /* between two groups of lines elsewhere */
#define AWAY_MOST_NS (3 * BASE_NS_PER_S)    /* how long the daemon may be gone */
#define SHOWN_POINTS 256                    /* the live numbers are of the newest samples */

struct session {
    struct report report;
    struct percept_client *client;
    const char *socket, *folder;
    char **wanted;         /* names of the topics to read */
    int wanted_count;      /* 0: all */
    double seconds;        /* 0: until the topics end */
    double wait_s;         /* for the daemon to come up */
    int64_t away_since_ns; /* 0: connected */
    unsigned drawn_lines;
    int64_t shown_ns;
};

/* ---- connecting ---- */

static void on_connection(void *context, int connected)
{
    struct session *session = context;
    session->away_since_ns = connected ? 0 : base_clock_ns();
}

static enum percept_status subscribe_all(struct session *session, struct percept_error *error)
{
    struct cli_topic topics[CLI_TOPICS];
    struct report *report = &session->report;
    enum percept_status status =
        cli_subscribe(session->client, session->wanted, session->wanted_count, topics,
                      &report->topic_count, error);
    for (size_t i = 0; i < report->topic_count; i++) {
        struct report_topic *topic = &report->topics[i];
        memcpy(topic->name, topics[i].name, sizeof topic->name);
        memcpy(topic->schema_name, topics[i].schema, sizeof topic->schema_name);
        topic->schema = cli_schema_find(topic->schema_name);
        topic->subscription = topics[i].subscription;
        topic->subscribed_ns = topics[i].subscribed_ns;
    }
    return status;
}

/* ---- reading ---- */

/* Everything that is costly about a sample happens after its time has been taken. */
static void take_sample(struct report *report, size_t index, const struct percept_sample *sample)
{
    struct report_topic *topic = &report->topics[index];
    int64_t now = base_clock_ns(), latency = now - sample->capture_ns;
    bool known = topic->schema && sample->size >= topic->schema->least;
    if (!topic->messages++) {
        topic->first_publish_ns = sample->publish_ns;
        topic->missed_before = sample->sequence - 1;
    }
    topic->last_publish_ns = sample->publish_ns;
    topic->lost += sample->lost;
    topic->bytes += sample->size;
    bool live = sample->publish_ns >= topic->subscribed_ns;
    if (live)
        cli_series_add(&topic->latency, now, latency);
    if (live && known && topic->schema->model_ns) {
        int64_t model = topic->schema->model_ns(sample->data);
        cli_series_add(&topic->model, now, model);
        cli_series_add(&topic->beyond, now, latency - model);
    }
    if (known && strcmp(topic->schema_name, PERCEPT_FRAME_SCHEMA) == 0)
        report_add_frame(report, index, sample->data, sample->size);
    else if (known && strcmp(topic->schema_name, PERCEPT_DEPTH_SCHEMA) == 0)
        report_add_depth(report, index, sample->data, sample->size);
    else if (known && strcmp(topic->schema_name, PERCEPT_HANDS_SCHEMA) == 0)
        report_add_hands(report, sample->data);
    else if (known && strcmp(topic->schema_name, PERCEPT_CAPTIONS_SCHEMA) == 0)
        report_add_captions(report, index, sample->data);
    else if (known && strcmp(topic->schema_name, PERCEPT_TEXT_SCHEMA) == 0)
        report_add_text(report, sample->data);
}

/* Take what is there, a sample of each topic in turn, so that a busy topic does not delay another.
 */
static enum percept_status drain(struct report *report, struct percept_error *error)
{
    bool more = true;
    while (more && !cli_interrupted()) {
        more = false;
        for (size_t i = 0; i < report->topic_count; i++) {
            struct report_topic *topic = &report->topics[i];
            struct percept_sample sample;
            if (topic->ended)
                continue;
            enum percept_status status = percept_next(topic->subscription, 0, &sample, error);
            if (status == PERCEPT_OK) {
                take_sample(report, i, &sample);
                percept_release(topic->subscription);
                more = true;
            } else if (status == PERCEPT_END) {
                topic->ended = true;
            } else if (status != PERCEPT_TIMED_OUT && status != PERCEPT_DISCONNECTED) {
                return status;
            }
        }
    }
    return PERCEPT_OK;
}

static bool all_ended(const struct report *report)
{
    for (size_t i = 0; i < report->topic_count; i++)
        if (!report->topics[i].ended)
            return false;
    return true;
}

/* ---- showing ---- */

static void recent_summary(const struct cli_series *series, struct cli_summary *summary)
{
    int64_t values[SHOWN_POINTS];
    size_t count = series->count < SHOWN_POINTS ? series->count : SHOWN_POINTS;
    for (size_t i = 0; i < count; i++)
        values[i] = series->points[series->count - count + i].ns;
    cli_sort(values, count);
    summary->median_ns = cli_percentile(values, count, 0.5);
    summary->p99_ns = cli_percentile(values, count, 0.99);
}

/* On a terminal: one table that stays in place. */
static void draw_table(struct session *session)
{
    static const char *const titles[] = {"TOPIC", "MESSAGES", "/S", "P50 MS", "P99 MS", "LOST", ""};
    const struct report *report = &session->report;
    struct cli_table table;
    if (session->drawn_lines)
        printf("\033[%uA", session->drawn_lines); /* over the last picture */
    cli_table_begin(&table, "lrrrrrl", titles);
    for (size_t i = 0; i < report->topic_count; i++) {
        const struct report_topic *topic = &report->topics[i];
        struct cli_summary latency;
        recent_summary(&topic->latency, &latency);
        cli_table_cell(&table, "%s", topic->name);
        cli_table_cell(&table, "%llu", (unsigned long long)topic->messages);
        cli_table_cell(&table, "%.1f", report_rate(topic));
        cli_table_cell(&table, "%.2f", (double)latency.median_ns / BASE_NS_PER_MS);
        cli_table_cell(&table, "%.2f", (double)latency.p99_ns / BASE_NS_PER_MS);
        cli_table_cell(&table, "%llu", (unsigned long long)topic->lost);
        cli_table_cell(&table, "%s", topic->ended ? "ended" : "");
    }
    cli_table_end(&table, 0, "\033[K\n", stdout);
    session->drawn_lines = (unsigned)report->topic_count + 1;
}

/* Elsewhere: a line a topic, for a log. */
static void print_lines(const struct report *report)
{
    for (size_t i = 0; i < report->topic_count; i++) {
        const struct report_topic *topic = &report->topics[i];
        struct cli_summary latency;
        recent_summary(&topic->latency, &latency);
        printf("%s: %llu messages, %.1f/s, p50 %.2f ms, p99 %.2f ms, %llu lost%s\n", topic->name,
               (unsigned long long)topic->messages, report_rate(topic),
               (double)latency.median_ns / BASE_NS_PER_MS, (double)latency.p99_ns / BASE_NS_PER_MS,
               (unsigned long long)topic->lost, topic->ended ? ", ended" : "");
    }
}

static void show(struct session *session, bool terminal)
{
    if (terminal)
        draw_table(session);
    else
        print_lines(&session->report);
    fflush(stdout);
}

static void show_if_due(struct session *session, bool terminal)
{
    int64_t now = base_clock_ns();
    if (now - session->shown_ns < (terminal ? LIVE_NS : LINES_NS))
        return;
    session->shown_ns = now;
    show(session, terminal);
}

/* ---- the run ---- */

static void wait_for_samples(const struct report *report)
{
    struct pollfd waits[REPORT_TOPICS];
    nfds_t count = 0;
    for (size_t i = 0; i < report->topic_count; i++)
        if (!report->topics[i].ended)
            waits[count++] = (struct pollfd){
                .fd = percept_subscription_fd(report->topics[i].subscription), .events = POLLIN};
    poll(waits, count, (int)(LIVE_NS / BASE_NS_PER_MS));
}

static enum percept_status read_topics(struct session *session, struct percept_error *error)
{
    struct report *report = &session->report;
    bool terminal = isatty(STDOUT_FILENO);
    int64_t end_ns = session->seconds > 0
                         ? base_clock_ns() + (int64_t)(session->seconds * BASE_NS_PER_S)
                         : INT64_MAX;
    enum percept_status status = PERCEPT_OK;
    while (!status && !cli_interrupted() && !all_ended(report) && base_clock_ns() < end_ns) {
        wait_for_samples(report);
        status = drain(report, error);
        if (session->away_since_ns && base_clock_ns() - session->away_since_ns > AWAY_MOST_NS)
            status = percept_fail(error, PERCEPT_DISCONNECTED,
                                  "the daemon has gone before its topics ended");
        show_if_due(session, terminal);
    }
    show(session, terminal);
    report->complete = all_ended(report);
    report->end_ns = base_clock_ns();
    return status;
}

/* Before leaving: while subscriptions are open, a daemon that is about to exit waits for us. */
static void ask_status(struct session *session)
{
    struct percept_error error;
    json_t *status;
    if (session->away_since_ns || cli_query(session->client, "status", &status, &error))
        return;
    double uptime_s =
        json_number_value(json_object_get(json_object_get(status, "daemon"), "uptime_s"));
    session->report.status = status;
    session->report.daemon_start_ns = base_clock_ns() - (int64_t)(uptime_s * BASE_NS_PER_S);
}

/* ---- writing ---- */

static enum percept_status write_report(const struct report *report, const char *folder,
                                        struct percept_error *error)
{
    char json_path[4096], html_path[4096];
    struct cli_file json_file, html_file;
    snprintf(json_path, sizeof json_path, "%s/report.json", folder);
    snprintf(html_path, sizeof html_path, "%s/report.html", folder);
    enum percept_status status = cli_file_create(json_path, &json_file, error);
    if (status)
        return status;
    status = cli_file_create(html_path, &html_file, error);
    if (status) {
        cli_file_abandon(&json_file);
        return status;
    }
    json_t *json = report_json(report);
    json_dumpf(json, json_file.stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putc('\n', json_file.stream);
    report_html(report, json, html_file.stream);
    json_decref(json);
    status = cli_file_commit(&html_file, error);
    if (status) {
        cli_file_abandon(&json_file);
        return status;
    }
    status = cli_file_commit(&json_file, error);
    if (status)
        unlink(html_path); /* both or none */
    return status;
}

static int run(struct session *session)
{
    struct percept_error error = {0}, write_error = {0};
    cli_catch_interrupts();
    session->report.start_ns = base_clock_ns();
    /* Before anything is measured: a report that can't be written is known at once. */
    if (cli_make_directory(session->folder, &error))
        return cli_fail(CLI_FAILURE, &error);
    int code = cli_connect_within(session->socket, session->wait_s, &session->client);
    if (code)
        return code;
    percept_on_connection(session->client, on_connection, session);
    enum percept_status status = subscribe_all(session, &error);
    if (status)
        return cli_fail(CLI_FAILURE, &error);
    status = read_topics(session, &error);
    ask_status(session);
    percept_disconnect(session->client);
    session->client = NULL;

    code = status == PERCEPT_OK             ? CLI_OK
           : status == PERCEPT_DISCONNECTED ? cli_fail(CLI_NO_DAEMON, &error)
                                            : cli_fail(CLI_FAILURE, &error);
    /* What was seen until then is worth keeping in any case. */
    if (write_report(&session->report, session->folder, &write_error))
        return cli_fail(CLI_FAILURE, &write_error);
    printf("%s/report.json and report.html are written\n", session->folder);
    return code;
}

static void free_report(struct report *report)
{
    for (size_t i = 0; i < report->topic_count; i++) {
        cli_series_free(&report->topics[i].latency);
        cli_series_free(&report->topics[i].model);
        cli_series_free(&report->topics[i].beyond);
    }
    report_free_albums(report);
    report_free_captions(report);
    json_decref(report->status);
}

int cli_report(int argc, char **argv)
{
    const char *socket = NULL, *folder = ".";
    double seconds = 0, wait_s = 0;
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&socket),
        {"out", "DIR", "where to leave report.json and report.html; . if not given",
         BASE_OPTION_TEXT, &folder},
        {"seconds", "SECONDS", "stop after so long; until every topic ends if not given",
         BASE_OPTION_SECONDS, &seconds},
        CLI_OPTION_WAIT(&wait_s),
    };
    const struct base_usage usage = {
        .program = "percept report",
        .operands = "[TOPIC...]",
        .purpose = "Read topics (all, if none is named), show rates and latencies, and leave a "
                   "report of them.",
        .most = REPORT_TOPICS,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        const struct percept_error error = {.status = PERCEPT_NO_MEMORY};
        return cli_fail(CLI_FAILURE, &error);
    }
    session->wanted = argv + 1;
    session->wanted_count = operands;
    session->socket = socket;
    session->folder = folder;
    session->seconds = seconds;
    session->wait_s = wait_s;
    code = run(session);
    percept_disconnect(session->client);
    free_report(&session->report);
    free(session);
    return code;
}
