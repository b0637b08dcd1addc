/* percept grant, revoke, grants: let somebody read a topic, for a time or until it is taken back.
 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/duration.h"
#include "cli/table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct terms {
    const char *socket, *to, *executable, *duration;
    double wait_s;
    struct percept_grant grant;
    char path[PATH_MAX];
};

/* Fill terms->grant from the command line. */
static enum percept_status read_terms(struct terms *terms, const char *what,
                                      struct percept_error *error)
{
    terms->grant.what = what;
    terms->grant.uid = -1;
    if (terms->to && cli_parse_user(terms->to, &terms->grant.uid, error))
        return error->status;
    if (terms->duration && !cli_parse_duration(terms->duration, &terms->grant.seconds))
        return percept_fail(error, PERCEPT_INVALID,
                            "--for takes a time like 90s, 10m, 8h or 7d, not '%.60s'",
                            terms->duration);
    /* A file that has gone can still be revoked, by the path that it had. */
    if (terms->executable)
        terms->grant.executable =
            realpath(terms->executable, terms->path) ? terms->path : terms->executable;
    return PERCEPT_OK;
}

static int connect_within(const struct terms *terms, struct percept_client **client)
{
    struct percept_error error;
    int64_t until = base_clock_ns() + (int64_t)(terms->wait_s * BASE_NS_PER_S);
    while (percept_connect(terms->socket, client, &error)) {
        if (base_clock_ns() >= until)
            return cli_fail(CLI_NO_DAEMON, &error);
        base_clock_sleep_until(base_clock_ns() + 20 * BASE_NS_PER_MS);
    }
    return CLI_OK;
}

typedef enum percept_status (*request_fn)(struct percept_client *client,
                                          const struct percept_grant *grant,
                                          struct percept_error *error);

static int request(const struct terms *terms, request_fn function)
{
    struct percept_client *client;
    struct percept_error error;
    int code = connect_within(terms, &client);
    if (code)
        return code;
    enum percept_status status = function(client, &terms->grant, &error);
    percept_disconnect(client);
    if (status)
        return cli_fail(status == PERCEPT_DISCONNECTED ? CLI_NO_DAEMON : CLI_FAILURE, &error);
    return CLI_OK;
}

int cli_grant(int argc, char **argv)
{
    struct terms terms = {0};
    struct percept_error error = {0};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&terms.socket),
        {"to", "USER", "who may read it: a name or a number", BASE_OPTION_TEXT, &terms.to},
        {"exe", "PATH", "the program that may read it", BASE_OPTION_TEXT, &terms.executable},
        {"for", "TIME", "for so long: 90s, 10m, 8h, 7d; until it is revoked if not given",
         BASE_OPTION_TEXT, &terms.duration},
        CLI_OPTION_WAIT(&terms.wait_s),
    };
    const struct base_usage usage = {
        .program = "percept grant",
        .operands = "TOPIC-OR-CLASS",
        .purpose = "Let a user, a program, or a program of a user read a topic or a class of "
                   "topics.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    enum percept_status status = read_terms(&terms, argv[1], &error);
    if (!status && !terms.to && !terms.executable)
        status = percept_fail(&error, PERCEPT_INVALID, "--to or --exe is missing");
    return status ? cli_misuse(&usage, "%s", error.message) : request(&terms, percept_grant);
}

int cli_revoke(int argc, char **argv)
{
    struct terms terms = {0};
    struct percept_error error = {0};
    bool all = false;
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_SOCKET(&terms.socket),
        {"to", "USER", "only what was granted to that user", BASE_OPTION_TEXT, &terms.to},
        {"exe", "PATH", "only what was granted to that program", BASE_OPTION_TEXT,
         &terms.executable},
        {"all", NULL, "every grant there is", BASE_OPTION_FLAG, &all},
    };
    const struct base_usage usage = {
        .program = "percept revoke",
        .operands = "[TOPIC-OR-CLASS]",
        .purpose = "End grants: those of a topic or class, of a user, of a program, or all.",
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    enum percept_status status = read_terms(&terms, operands ? argv[1] : NULL, &error);
    bool some = operands || terms.to || terms.executable;
    if (!status && some == all)
        status = percept_fail(&error, PERCEPT_INVALID,
                              "name what to revoke, --to, --exe, or --all of it");
    return status ? cli_misuse(&usage, "%s", error.message) : request(&terms, percept_revoke);
}

/* ---- the list ---- */

static void print_time_left(struct cli_table *table, const json_t *left)
{
    json_int_t s = json_integer_value(left);
    if (json_is_null(left))
        cli_table_cell(table, "until revoked");
    else
        cli_table_cell(table, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

static void print_grants(const json_t *rows)
{
    static const char *const titles[] = {"WHAT", "USER", "PROGRAM", "LEFT", "GIVEN", "BY"};
    struct cli_table table;
    size_t i;
    json_t *row;
    cli_table_begin(&table, "llllll", titles);
    json_array_foreach(rows, i, row)
    {
        const json_t *uid = json_object_get(row, "uid");
        const char *user = json_string_value(json_object_get(row, "user"));
        const char *program = json_string_value(json_object_get(row, "executable"));
        cli_table_cell(&table, "%s", json_string_value(json_object_get(row, "what")));
        if (json_is_null(uid))
            cli_table_cell(&table, "any");
        else if (user && user[0])
            cli_table_cell(&table, "%s", user);
        else
            cli_table_cell(&table, "%lld", (long long)json_integer_value(uid));
        cli_table_cell(&table, "%s", program && program[0] ? program : "any");
        print_time_left(&table, json_object_get(row, "seconds_left"));
        cli_table_cell(&table, "%s", json_string_value(json_object_get(row, "given")));
        cli_table_cell(&table, "%lld", (long long)json_integer_value(json_object_get(row, "by")));
    }
    cli_table_end(&table, 0, "\n", stdout);
}

int cli_grants(int argc, char **argv)
{
    const char *socket = NULL;
    bool json = false;
    int operands, code;
    const struct base_option options[] = {CLI_OPTION_SOCKET(&socket), CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = "percept grants",
        .operands = "",
        .purpose = "List what has been granted to whom, and for how long.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    json_t *answer;
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    code = cli_ask(socket, "grants", &answer);
    if (code)
        return code;
    json_t *rows = json_object_get(answer, "grants");
    if (json)
        cli_print_json(json_incref(rows), false);
    else
        print_grants(rows);
    json_decref(answer);
    return CLI_OK;
}
