/* percept trace: an interval of the pipelines' threads, for Perfetto. */
#include "base/clock.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Ctrl-C ends the interval early; what there is is written. */
static void wait_out(double seconds)
{
    const struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int64_t until = base_clock_ns() + (int64_t)(seconds * BASE_NS_PER_S);
    const struct timespec end = {.tv_sec = until / BASE_NS_PER_S, .tv_nsec = until % BASE_NS_PER_S};
    while (!interrupted && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
        ;
}

static enum percept_status ask(struct percept_client *client, double seconds, char **text,
                               struct percept_error *error)
{
    char what[64];
    json_t *answer;
    snprintf(what, sizeof what, "trace begin %.3f", seconds);
    enum percept_status status = cli_query(client, what, &answer, error);
    if (status != PERCEPT_OK)
        return status;
    json_int_t since = json_integer_value(json_object_get(answer, "since_ns"));
    json_decref(answer);
    wait_out(seconds);
    snprintf(what, sizeof what, "trace since %" PRId64, (int64_t)since);
    return percept_query(client, what, text, error);
}

static int write_file(const char *path, const char *text)
{
    struct percept_error error = {0};
    FILE *file = fopen(path, "w");
    bool whole = file && fputs(text, file) >= 0;
    if (file)
        whole = fclose(file) == 0 && whole;
    if (whole)
        return CLI_OK;
    percept_fail_errno(&error, errno, "%s", path);
    return cli_fail(CLI_FAILURE, &error);
}

static int trace(const char *socket, double seconds, const char *path)
{
    struct percept_error error = {0};
    struct percept_client *client;
    char *text = NULL;
    int code = cli_connect(socket, &client);
    if (code)
        return code;
    enum percept_status status = ask(client, seconds, &text, &error);
    percept_disconnect(client);
    if (status != PERCEPT_OK)
        return cli_fail(status == PERCEPT_DISCONNECTED ? CLI_NO_DAEMON : CLI_FAILURE, &error);
    code = write_file(path, text);
    if (code == CLI_OK)
        printf("%s: %zu bytes; open it in Perfetto\n", path, strlen(text));
    free(text);
    return code;
}

int cli_trace(int argc, char **argv)
{
    const char *socket = NULL;
    double seconds = 5;
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&socket),
        {"seconds", "SECONDS", "how long to record; 5 if not given, 600 at most",
         BASE_OPTION_SECONDS, &seconds},
    };
    const struct base_usage usage = {
        .program = "percept trace",
        .operands = "FILE",
        .purpose = "Record what the daemon's pipelines, nodes and models do when, for Perfetto.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (seconds > 600)
        return cli_misuse(&usage, "--seconds: 600 at most");
    return trace(socket, seconds, argv[1]);
}
