/* percept privacy: all sources off, and on again. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int privacy(const char *socket, const char *turn, bool json)
{
    char what[16];
    json_t *answer;
    snprintf(what, sizeof what, "privacy%s%s", turn[0] ? " " : "", turn);
    int code = cli_ask(socket, what, &answer);
    if (code)
        return code;
    bool on = json_is_true(json_object_get(answer, "privacy"));
    const char *message = json_string_value(json_object_get(answer, "message"));
    struct percept_error error = {0};
    if (message) {
        percept_fail(&error, PERCEPT_IO, "the privacy switch is %s: %s",
                     on ? "on until the daemon ends" : "off", message);
        code = cli_fail(CLI_FAILURE, &error);
    } else if (!json) {
        printf("the privacy switch is %s\n", on ? "on: no source runs" : "off");
    }
    if (json)
        cli_print_json(answer, false);
    else
        json_decref(answer);
    return code;
}

int cli_privacy(int argc, char **argv)
{
    const char *socket = NULL;
    bool json = false;
    int operands, code;
    const struct base_option options[] = {CLI_OPTION_SOCKET(&socket), CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = "percept privacy",
        .operands = "[on|off]",
        .purpose = "Turn all sources off, or on again; without an operand: tell how the switch is.",
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    const char *turn = operands ? argv[1] : "";
    if (turn[0] && strcmp(turn, "on") != 0 && strcmp(turn, "off") != 0)
        return cli_misuse(&usage, "'on' or 'off', not '%s'", turn);
    return privacy(socket, turn, json);
}
