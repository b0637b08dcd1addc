/* percept record: the samples of topics into a file. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/decode.h"
#include "cli/interrupt.h"
#include "cli/recording.h"
#include "cli/subscribe.h"
#include "cli/table.h"

#include <poll.h>

#define LOOK_NS (200 * BASE_NS_PER_MS) /* how late an end by time or by Ctrl-C may be noticed */

static_assert(RECORDING_TOPICS == CLI_TOPICS, "what can be read can be recorded");

struct row {
    struct cli_topic topic;
    unsigned index; /* in the recording */
    bool ended;
    uint64_t lost;
};

struct record {
    const char *socket, *path;
    char **wanted;
    int wanted_count;
    double seconds, wait_s;
    bool json;
    struct percept_client *client;
    struct recording_writer *writer;
    struct row rows[CLI_TOPICS];
    size_t count;
};

/* ---- the start ---- */

static enum percept_status add_topics(struct record *record, struct percept_error *error)
{
    json_t *schemas;
    enum percept_status status = cli_query(record->client, "schemas", &schemas, error);
    if (status)
        return status;
    for (size_t i = 0; !status && i < record->count; i++) {
        struct row *row = &record->rows[i];
        status =
            recording_add_topic(record->writer, row->topic.name, row->topic.schema,
                                cli_description(schemas, row->topic.schema), &row->index, error);
    }
    json_decref(schemas);
    return status;
}

static enum percept_status start(struct record *record, struct percept_error *error)
{
    struct cli_topic topics[CLI_TOPICS];
    enum percept_status status = cli_subscribe(record->client, record->wanted, record->wanted_count,
                                               topics, &record->count, error);
    for (size_t i = 0; i < record->count; i++)
        record->rows[i].topic = topics[i];
    if (!status)
        status = recording_create(record->path, &record->writer, error);
    return status ? status : add_topics(record, error);
}

/* ---- samples ---- */

/* Take what is there, a sample of each topic in turn, so that a busy topic does not delay another.
 * *over: every topic has ended. */
static enum percept_status drain(struct record *record, bool *over, struct percept_error *error)
{
    bool more = true;
    while (more && !cli_interrupted()) {
        more = false;
        *over = true;
        for (size_t i = 0; i < record->count; i++) {
            struct row *row = &record->rows[i];
            struct percept_sample sample;
            if (row->ended)
                continue;
            enum percept_status status = percept_next(row->topic.subscription, 0, &sample, error);
            row->ended = status == PERCEPT_END;
            *over = *over && row->ended;
            if (status == PERCEPT_OK) {
                status = recording_add(record->writer, row->index, &sample, error);
                percept_release(row->topic.subscription);
                row->lost += sample.lost;
                more = true;
            }
            if (status && status != PERCEPT_END && status != PERCEPT_TIMED_OUT)
                return status;
        }
    }
    return PERCEPT_OK;
}

static void wait_for_samples(const struct record *record)
{
    struct pollfd waits[CLI_TOPICS];
    nfds_t count = 0;
    for (size_t i = 0; i < record->count; i++)
        if (!record->rows[i].ended)
            waits[count++] =
                (struct pollfd){.fd = percept_subscription_fd(record->rows[i].topic.subscription),
                                .events = POLLIN};
    poll(waits, count, (int)(LOOK_NS / BASE_NS_PER_MS));
}

static enum percept_status record_samples(struct record *record, struct percept_error *error)
{
    int64_t end_ns = record->seconds > 0
                         ? base_clock_ns() + (int64_t)(record->seconds * BASE_NS_PER_S)
                         : INT64_MAX;
    int64_t flushed_ns = base_clock_ns();
    bool over = false;
    enum percept_status status = PERCEPT_OK;
    while (!status && !over && !cli_interrupted() && base_clock_ns() < end_ns) {
        wait_for_samples(record);
        status = drain(record, &over, error);
        /* Of a topic that has gone quiet, too, no more than a second is lost with a recorder that
         * is killed. */
        if (!status && base_clock_ns() - flushed_ns > BASE_NS_PER_S) {
            status = recording_flush(record->writer, error);
            flushed_ns = base_clock_ns();
        }
    }
    return status;
}

/* ---- the end ---- */

static void show(const struct record *record, const struct recording_topic *topics, unsigned count)
{
    static const char *const titles[] = {"TOPIC", "SAMPLES", "LOST", "BYTES"};
    json_t *rows = json_array();
    struct cli_table table;
    char bytes[32];
    if (!record->json)
        cli_table_begin(&table, "lrrr", titles);
    for (unsigned i = 0; i < count; i++) {
        const struct recording_topic *topic = &topics[i];
        if (record->json) {
            json_array_append_new(rows, json_pack("{s:s, s:I, s:I, s:I}", "name", topic->name,
                                                  "samples", (json_int_t)topic->samples, "lost",
                                                  (json_int_t)record->rows[i].lost, "bytes",
                                                  (json_int_t)topic->bytes));
            continue;
        }
        cli_table_cell(&table, "%s", topic->name);
        cli_table_cell(&table, "%llu", (unsigned long long)topic->samples);
        cli_table_cell(&table, "%llu", (unsigned long long)record->rows[i].lost);
        cli_table_cell(&table, "%s", cli_bytes((double)topic->bytes, bytes, sizeof bytes));
    }
    if (record->json)
        cli_print_json(json_pack("{s:s, s:O}", "file", record->path, "topics", rows), false);
    else
        cli_table_end(&table, 0, "\n", stdout);
    json_decref(rows);
}

static int run(struct record *record)
{
    struct percept_error error = {0}, end_error = {0};
    struct recording_topic topics[RECORDING_TOPICS];
    unsigned count;
    cli_catch_interrupts();
    int code = cli_connect_within(record->socket, record->wait_s, &record->client);
    if (code)
        return code;
    percept_on_connection(record->client, cli_tell_connection, NULL);
    enum percept_status status = start(record, &error);
    if (!status)
        status = record_samples(record, &error);
    if (status)
        code = cli_fail(CLI_FAILURE, &error);
    if (!record->writer)
        return code;
    /* What has been recorded until then is worth keeping in any case. */
    if (recording_finish(record->writer, topics, &count, &end_error) && !code)
        code = cli_fail(CLI_FAILURE, &end_error);
    show(record, topics, count);
    return code;
}

int cli_record(int argc, char **argv)
{
    struct record record = {0};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&record.socket),
        {"out", "FILE", "the recording, which must not exist yet", BASE_OPTION_TEXT, &record.path},
        {"seconds", "SECONDS", "stop after so long; until every topic ends if not given",
         BASE_OPTION_SECONDS, &record.seconds},
        CLI_OPTION_WAIT(&record.wait_s),
        {"json", NULL, "print what was recorded as JSON", BASE_OPTION_FLAG, &record.json},
    };
    const struct base_usage usage = {
        .program = "percept record",
        .operands = "[TOPIC...]",
        .purpose = "Write the samples of topics (all that we may read, if none is named) into a "
                   "file, until Ctrl-C.",
        .most = CLI_TOPICS,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (!record.path)
        return cli_misuse(&usage, "--out is missing");
    record.wanted = argv + 1;
    record.wanted_count = operands;
    code = run(&record);
    percept_disconnect(record.client);
    recording_writer_free(record.writer);
    return code;
}
