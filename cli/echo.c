/* percept echo: the samples of a topic as they come. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/decode.h"
#include "cli/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct echo {
    const char *topic; /* NULL: all, of a recording */
    const char *socket;
    const char *recording; /* read this instead of asking a daemon; NULL: none */
    bool json, latest;
    unsigned long count; /* 0: no limit */
    double timeout_s;    /* 0: none */
    double wait_s;
};

/* The schema by name, from the daemon's list of topics; malloc'ed. */
static enum percept_status schema_of(struct percept_client *client, const char *topic,
                                     char **schema, struct percept_error *error)
{
    json_t *answer, *row;
    size_t i;
    enum percept_status status = cli_query(client, "topics", &answer, error);
    if (status)
        return status;
    status =
        percept_fail(error, PERCEPT_NOT_FOUND, "no topic '%s' (percept topics lists them)", topic);
    json_array_foreach(json_object_get(answer, "topics"), i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *text = json_string_value(json_object_get(row, "schema"));
        if (!name || !text || strcmp(name, topic) != 0)
            continue;
        *schema = strdup(text);
        status = *schema ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        break;
    }
    json_decref(answer);
    return status;
}

static void print_sample(const struct echo *echo, const struct recording_sample *from)
{
    const struct percept_sample *sample = &from->sample;
    if (echo->json) {
        cli_print_json(json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "topic",
                                 cli_json_text(from->topic), "schema", cli_json_text(from->schema),
                                 "sequence", (json_int_t)sample->sequence, "capture_ns",
                                 (json_int_t)sample->capture_ns, "publish_ns",
                                 (json_int_t)sample->publish_ns, "lost", (json_int_t)sample->lost,
                                 "data", cli_decode_json(from->layout, sample->data, sample->size)),
                       true);
        return;
    }
    if (!echo->topic) { /* several */
        cli_print_text(from->topic, stdout);
        putchar(' ');
    }
    printf("%6llu  %7.2f ms  ", (unsigned long long)sample->sequence,
           (double)(sample->publish_ns - sample->capture_ns) / BASE_NS_PER_MS);
    cli_decode_line(cli_schema_find(from->schema), from->layout, sample->data, sample->size,
                    stdout);
    if (sample->lost)
        printf("  [%llu lost]", (unsigned long long)sample->lost);
    putchar('\n');
}

static int read_samples(const struct echo *echo, struct percept_subscription *subscription,
                        const char *schema, const struct cli_layout *layout)
{
    struct percept_error error = {0};
    struct recording_sample from = {.topic = echo->topic, .schema = schema, .layout = layout};
    int64_t timeout_ns = echo->timeout_s > 0 ? (int64_t)(echo->timeout_s * BASE_NS_PER_S) : -1;
    for (unsigned long seen = 0; !echo->count || seen < echo->count; seen++) {
        enum percept_status status = percept_next(subscription, timeout_ns, &from.sample, &error);
        if (status == PERCEPT_END)
            return CLI_OK;
        if (status == PERCEPT_TIMED_OUT)
            percept_fail(&error, status, "no sample of '%s' for %g s", echo->topic,
                         echo->timeout_s);
        if (status)
            return cli_fail(CLI_FAILURE, &error);
        print_sample(echo, &from);
        /* A line is of use only when it is out; a reader that has gone ends this quietly. */
        if (fflush(stdout) != 0)
            return CLI_OK;
    }
    return CLI_OK;
}

static int echo_topic(const struct echo *echo)
{
    struct percept_error error = {0};
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct cli_layout *layout = NULL;
    char *schema = NULL;
    int code = cli_connect_within(echo->socket, echo->wait_s, &client);
    if (code)
        return code;
    percept_on_connection(client, cli_tell_connection, NULL);
    enum percept_status status = schema_of(client, echo->topic, &schema, &error);
    /* Naming the schema keeps the decoder right even when a daemon comes back with another one. */
    const struct percept_subscribe_options options = {
        .reading = echo->latest ? PERCEPT_READ_LATEST : PERCEPT_READ_QUEUE, .schema = schema};
    if (!status)
        status = cli_describe(client, schema, &layout, &error);
    if (!status)
        status = percept_subscribe(client, echo->topic, &options, &subscription, &error);
    code =
        status ? cli_fail(CLI_FAILURE, &error) : read_samples(echo, subscription, schema, layout);
    percept_disconnect(client);
    cli_layout_free(layout);
    free(schema);
    return code;
}

/* ---- a recording ---- */

static int print_recording(const struct echo *echo, struct recording_reader *reader)
{
    struct percept_error error = {0};
    struct recording_sample sample;
    bool found = !echo->topic;
    enum percept_status status;
    unsigned long seen = 0;
    while ((status = recording_next(reader, &sample, &error)) == PERCEPT_OK) {
        if (echo->topic && strcmp(echo->topic, sample.topic) != 0)
            continue;
        found = true;
        print_sample(echo, &sample);
        if ((echo->count && ++seen == echo->count) || ferror(stdout))
            return CLI_OK;
    }
    if (status != PERCEPT_END)
        return cli_fail(CLI_INPUT, &error);
    if (recording_cut_off(reader))
        base_log(BASE_LOG_WARNING, "%s: the recording is cut off here", echo->recording);
    if (found)
        return CLI_OK;
    percept_fail_at(&error, PERCEPT_NOT_FOUND, echo->recording, 0, 0, "no sample of a topic '%s'",
                    echo->topic);
    return cli_fail(CLI_FAILURE, &error);
}

static int echo_recording(const struct echo *echo)
{
    struct percept_error error = {0};
    struct recording_reader *reader;
    FILE *file = fopen(echo->recording, "rbe");
    if (!file) {
        percept_fail_errno(&error, errno, "%s", echo->recording);
        return cli_fail(CLI_INPUT, &error);
    }
    int code;
    if (recording_open(file, echo->recording, &reader, &error)) {
        code = cli_fail(CLI_INPUT, &error);
    } else {
        code = print_recording(echo, reader);
        recording_close(reader);
    }
    fclose(file);
    return code;
}

int cli_echo(int argc, char **argv)
{
    struct echo echo = {0};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&echo.socket),
        {"from", "FILE", "print what percept record left there, of all topics if none is named",
         BASE_OPTION_TEXT, &echo.recording},
        {"json", NULL, "print a JSON object a line", BASE_OPTION_FLAG, &echo.json},
        {"count", "N", "stop after N samples", BASE_OPTION_COUNT, &echo.count},
        {"latest", NULL, "skip to the newest sample instead of reading them all", BASE_OPTION_FLAG,
         &echo.latest},
        {"timeout", "SECONDS", "fail when no sample comes for so long", BASE_OPTION_SECONDS,
         &echo.timeout_s},
        CLI_OPTION_WAIT(&echo.wait_s),
    };
    const struct base_usage usage = {
        .program = "percept echo",
        .operands = "[TOPIC]",
        .purpose = "Print the samples of a topic until it ends, or those of a recording.",
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    echo.topic = operands ? argv[1] : NULL;
    if (echo.recording)
        return echo_recording(&echo);
    if (!echo.topic)
        return cli_misuse(&usage, "missing operand: TOPIC");
    return echo_topic(&echo);
}
