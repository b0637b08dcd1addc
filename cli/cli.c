#include "cli/cli.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/interrupt.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void list_commands(const char *program, const char *purpose,
                          const struct cli_command *commands, size_t count, FILE *file)
{
    fprintf(file, "usage: %s COMMAND [options]\n%s\n\ncommands:\n", program, purpose);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].purpose);
    fprintf(file, "\n'%s COMMAND --help' says more about a command.\n", program);
}

int cli_dispatch(const char *program, const char *purpose, const struct cli_command *commands,
                 size_t count, int argc, char **argv)
{
    base_log_open(program, BASE_LOG_INFO);
    if (argc < 2) {
        list_commands(program, purpose, commands, count, stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0) {
        list_commands(program, purpose, commands, count, stdout);
        return CLI_OK;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    base_log(BASE_LOG_ERROR, "no command '%s' (%s --help)", argv[1], program);
    return CLI_USAGE;
}

bool cli_parse(const struct base_usage *usage, int argc, char **argv, int *operands, int *code)
{
    struct percept_error error = {0};
    bool shown;
    base_log_open(usage->program, BASE_LOG_INFO);
    if (base_options_parse(usage, argc, argv, operands, &shown, &error)) {
        *code = cli_misuse(usage, "%s", error.message);
        return false;
    }
    *code = CLI_OK;
    return !shown;
}

int cli_misuse(const struct base_usage *usage, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    base_log(BASE_LOG_ERROR, "%s (%s --help)", text, usage->program);
    return CLI_USAGE;
}

int cli_fail(enum cli_exit code, const struct percept_error *error)
{
    char text[1024];
    base_log(BASE_LOG_ERROR, "%s", percept_error_format(error, text, sizeof text));
    return code;
}

enum cli_exit cli_connect_within(const char *socket, double seconds, struct percept_client **client)
{
    struct percept_error error = {0};
    int64_t give_up_ns = base_clock_ns() + (int64_t)(seconds * BASE_NS_PER_S);
    enum percept_status status;
    while ((status = percept_connect(socket, client, &error)) && base_clock_ns() < give_up_ns &&
           !cli_interrupted())
        base_clock_sleep_until(base_clock_ns() + 10 * BASE_NS_PER_MS);
    return status ? cli_fail(CLI_NO_DAEMON, &error) : CLI_OK;
}

enum cli_exit cli_connect(const char *socket, struct percept_client **client)
{
    return cli_connect_within(socket, 0, client);
}

void cli_tell_connection(void *context, int connected)
{
    (void)context;
    base_log(BASE_LOG_WARNING,
             connected ? "the daemon is back" : "the daemon has gone; waiting for it");
}

enum percept_status cli_query(struct percept_client *client, const char *what, json_t **answer,
                              struct percept_error *error)
{
    char *text;
    enum percept_status status = percept_query(client, what, &text, error);
    if (status)
        return status;
    json_error_t where;
    json_t *value = json_loads(text, 0, &where);
    free(text);
    if (!value)
        return percept_fail(error, PERCEPT_MALFORMED, "the daemon's answer is no JSON: %s",
                            where.text);
    *answer = value;
    return PERCEPT_OK;
}

enum cli_exit cli_ask(const char *socket, const char *what, json_t **answer)
{
    struct percept_error error = {0};
    struct percept_client *client;
    enum cli_exit code = cli_connect(socket, &client);
    if (code)
        return code;
    enum percept_status status = cli_query(client, what, answer, &error);
    percept_disconnect(client);
    if (status)
        return cli_fail(status == PERCEPT_DISCONNECTED ? CLI_NO_DAEMON : CLI_FAILURE, &error);
    return CLI_OK;
}

json_t *cli_json_text(const char *text)
{
    char *copy = strdup(text ? text : "");
    if (!copy)
        return json_null();
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    json_t *string = json_string(copy);
    if (!string) {
        for (char *c = copy; *c; c++)
            if ((unsigned char)*c > 0x7f)
                *c = '?';
        string = json_string(copy);
    }
    free(copy);
    return string;
}

void cli_print_text(const char *text, FILE *file)
{
    for (; *text; text++)
        putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, file);
}

void cli_print_json(json_t *value, bool compact)
{
    json_dumpf(value, stdout,
               (compact ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(9) |
                   JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
}
