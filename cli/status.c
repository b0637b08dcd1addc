/* percept status, percept topics: one question, one answer. */
#include "cli/cli.h"
#include "cli/status_view.h"

static int show(const char *program, const char *purpose, const char *what, int argc, char **argv)
{
    const char *socket = NULL;
    bool json = false;
    int operands, code;
    const struct base_option options[] = {CLI_OPTION_SOCKET(&socket), CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = program,
        .operands = "",
        .purpose = purpose,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    json_t *answer;
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    code = cli_ask(socket, what, &answer);
    if (code)
        return code;
    if (json) {
        cli_print_json(answer, false);
        return CLI_OK;
    }
    cli_status_print(answer, "\n", stdout);
    json_decref(answer);
    return CLI_OK;
}

int cli_status(int argc, char **argv)
{
    return show("percept status", "Show the daemon, its pipelines, models, topics and clients.",
                "status", argc, argv);
}

int cli_topics(int argc, char **argv)
{
    return show("percept topics", "List the topics with their schemas and counters.", "topics",
                argc, argv);
}
