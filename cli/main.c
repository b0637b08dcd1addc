/* The `percept` command. */
#include "base/log.h"
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const struct cli_command commands[] = {
    {"status", "show what the daemon is doing", cli_status},
    {"topics", "list what is published", cli_topics},
    {"top", "watch rates, latencies and models live", cli_top},
    {"echo", "print the samples of a topic, or of a recording", cli_echo},
    {"read", "read text aloud that the daemon sees", cli_read},
    {"push", "let a pipeline hear sound", cli_push},
    {"record", "write the samples of topics into a file", cli_record},
    {"replay", "publish a recording again", cli_replay},
    {"transcript", "show what was said, or have it forgotten", cli_transcript},
    {"grant", "let somebody read a topic", cli_grant},
    {"revoke", "end what was granted", cli_revoke},
    {"grants", "list what has been granted", cli_grants},
    {"audit", "show who read what", cli_audit},
    {"trace", "record what its threads do when", cli_trace},
    {"privacy", "turn all sources off, or on again", cli_privacy},
    {"reload", "let the daemon read its configuration again", cli_reload},
    {"check", "check a configuration without running it", cli_check},
    {"simulate", "show what a configuration would do on a device", cli_simulate},
    {"backends", "list what models can run on", cli_backends},
    {"model", "list, inspect, run, measure and verify models", cli_model},
    {"report", "watch all topics and leave a report of them", cli_report},
};

/* What was printed counts only once it is written. A reader that has seen enough (head, q in a
 * pager) is no failure. */
static int close_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno == EPIPE)
        return code;
    base_log(BASE_LOG_ERROR, "standard output: %s", strerror(errno));
    return code ? code : CLI_FAILURE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error like others */
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("percept " PERCEPT_RELEASE);
        return close_output(CLI_OK);
    }
    return close_output(cli_dispatch("percept", "See and check what perceptd perceives.", commands,
                                     sizeof commands / sizeof commands[0], argc, argv));
}
