/* percept reload: the daemon reads its configuration again, and says what came of it. */
#include "cli/cli.h"

static int reload(const char *socket, bool json)
{
    json_t *answer;
    int code = cli_ask(socket, "reload", &answer);
    if (code)
        return code;
    bool ok = json_is_true(json_object_get(answer, "ok"));
    const char *message = json_string_value(json_object_get(answer, "message"));
    const char *file = json_string_value(json_object_get(answer, "file"));
    if (json) {
        cli_print_json(answer, false);
        return ok ? CLI_OK : CLI_INPUT;
    }
    if (ok) {
        printf(
            "reloaded: of the pipelines %lld are as they were, %lld changed, %lld new, %lld gone\n",
            (long long)json_integer_value(json_object_get(answer, "kept")),
            (long long)json_integer_value(json_object_get(answer, "changed")),
            (long long)json_integer_value(json_object_get(answer, "added")),
            (long long)json_integer_value(json_object_get(answer, "removed")));
        json_decref(answer);
        return CLI_OK;
    }
    struct percept_error error = {0};
    percept_fail_at(&error, PERCEPT_MALFORMED, file,
                    (unsigned)json_integer_value(json_object_get(answer, "line")),
                    (unsigned)json_integer_value(json_object_get(answer, "column")), "%s",
                    message ? message : "the daemon does not say why");
    json_decref(answer);
    return cli_fail(CLI_INPUT, &error);
}

int cli_reload(int argc, char **argv)
{
    const char *socket = NULL;
    bool json = false;
    int operands, code;
    const struct base_option options[] = {CLI_OPTION_SOCKET(&socket), CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = "percept reload",
        .operands = "",
        .purpose =
            "Let the daemon read its configuration again; if that is wrong, it goes on as it is.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    return cli_parse(&usage, argc, argv, &operands, &code) ? reload(socket, json) : code;
}
