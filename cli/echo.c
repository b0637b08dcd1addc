/* percept echo: the samples of a topic as they come. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/decode.h"

#include <stdlib.h>
#include <string.h>

struct echo {
    const char *topic;
    const char *socket;
    bool json, latest;
    unsigned long count; /* 0: no limit */
    double timeout_s;    /* 0: none */
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

static void print_sample(const struct echo *echo, const char *schema_name,
                         const struct percept_sample *sample)
{
    const struct cli_schema *schema = cli_schema_find(schema_name);
    if (echo->json) {
        cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "topic", echo->topic,
                                 "schema", schema_name, "sequence", (json_int_t)sample->sequence,
                                 "capture_ns", (json_int_t)sample->capture_ns, "publish_ns",
                                 (json_int_t)sample->publish_ns, "lost", (json_int_t)sample->lost,
                                 "data", cli_decode_json(schema, sample->data, sample->size)),
                       true);
        return;
    }
    printf("%6llu  %7.2f ms  ", (unsigned long long)sample->sequence,
           (double)(sample->publish_ns - sample->capture_ns) / BASE_NS_PER_MS);
    cli_decode_line(schema, sample->data, sample->size, stdout);
    if (sample->lost)
        printf("  [%llu lost]", (unsigned long long)sample->lost);
    putchar('\n');
}

static void on_connection(void *context, int connected)
{
    (void)context;
    base_log(BASE_LOG_WARNING,
             connected ? "the daemon is back" : "the daemon has gone; waiting for it");
}

static int read_samples(const struct echo *echo, struct percept_subscription *subscription,
                        const char *schema)
{
    struct percept_error error = {0};
    struct percept_sample sample;
    int64_t timeout_ns = echo->timeout_s > 0 ? (int64_t)(echo->timeout_s * BASE_NS_PER_S) : -1;
    for (unsigned long seen = 0; !echo->count || seen < echo->count; seen++) {
        enum percept_status status = percept_next(subscription, timeout_ns, &sample, &error);
        if (status == PERCEPT_END)
            return CLI_OK;
        if (status == PERCEPT_TIMED_OUT)
            percept_fail(&error, status, "no sample of '%s' for %g s", echo->topic,
                         echo->timeout_s);
        if (status)
            return cli_fail(CLI_FAILURE, &error);
        print_sample(echo, schema, &sample);
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
    char *schema = NULL;
    int code = cli_connect(echo->socket, &client);
    if (code)
        return code;
    percept_on_connection(client, on_connection, NULL);
    enum percept_status status = schema_of(client, echo->topic, &schema, &error);
    /* Naming the schema keeps the decoder right even when a daemon comes back with another one. */
    const struct percept_subscribe_options options = {
        .reading = echo->latest ? PERCEPT_READ_LATEST : PERCEPT_READ_QUEUE, .schema = schema};
    if (!status)
        status = percept_subscribe(client, echo->topic, &options, &subscription, &error);
    code = status ? cli_fail(CLI_FAILURE, &error) : read_samples(echo, subscription, schema);
    percept_disconnect(client);
    free(schema);
    return code;
}

int cli_echo(int argc, char **argv)
{
    struct echo echo = {0};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&echo.socket),
        {"json", NULL, "print a JSON object a line", BASE_OPTION_FLAG, &echo.json},
        {"count", "N", "stop after N samples", BASE_OPTION_COUNT, &echo.count},
        {"latest", NULL, "skip to the newest sample instead of reading them all", BASE_OPTION_FLAG,
         &echo.latest},
        {"timeout", "SECONDS", "fail when no sample comes for so long", BASE_OPTION_SECONDS,
         &echo.timeout_s},
    };
    const struct base_usage usage = {
        .program = "percept echo",
        .operands = "TOPIC",
        .purpose = "Print the samples of a topic until it ends.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    echo.topic = argv[1];
    return echo_topic(&echo);
}
