/* percept model list: the zoo's index (models/ writes it) as a table. */
#include "cli/cli.h"
#include "cli/table.h"

#include <stdlib.h>

static const struct cli_column columns[] = {
    {"MODEL", "name", CLI_FORMAT_TEXT},          {"TASK", "task", CLI_FORMAT_TEXT},
    {"PRECISION", "precision", CLI_FORMAT_TEXT}, {"FLOW", "flow", CLI_FORMAT_TEXT},
    {"SIZE", "bytes", CLI_FORMAT_BYTES},         {"LICENCE", "licence", CLI_FORMAT_TEXT},
    {"FILE", "file", CLI_FORMAT_TEXT},           {"INPUT", "input", CLI_FORMAT_TEXT},
    {"OUTPUT", "output", CLI_FORMAT_TEXT},       {"SOURCE", "source", CLI_FORMAT_TEXT},
};

static int list(const char *folder, bool json)
{
    char path[4096];
    json_error_t where;
    struct percept_error error = {0};
    if (!folder)
        folder = getenv("PERCEPT_MODELS");
    if (!folder || !folder[0])
        folder = "build/models";
    snprintf(path, sizeof path, "%s/index.json", folder);
    json_t *rows = json_load_file(path, 0, &where);
    if (!rows && where.line < 0) {
        percept_fail(&error, PERCEPT_NOT_FOUND, "no index of models: %s", where.text);
        return cli_fail(CLI_INPUT, &error);
    }
    if (!json_is_array(rows)) {
        percept_fail_at(&error, PERCEPT_MALFORMED, path, rows ? 1 : (unsigned)where.line,
                        rows ? 1 : (unsigned)where.column, "%s",
                        rows ? "expected an array" : where.text);
        json_decref(rows);
        return cli_fail(CLI_INPUT, &error);
    }
    if (json) {
        cli_print_json(rows, false);
        return CLI_OK;
    }
    cli_table_of_json(rows, columns, sizeof columns / sizeof columns[0], "\n", stdout);
    json_decref(rows);
    return CLI_OK;
}

int cli_model_list(int argc, char **argv)
{
    const char *folder = NULL;
    bool json = false;
    int operands, code;
    const struct base_option options[] = {
        {"dir", "DIR", "the zoo; instead of $PERCEPT_MODELS or build/models", BASE_OPTION_TEXT,
         &folder},
        CLI_OPTION_JSON(&json),
    };
    const struct base_usage usage = {
        .program = "percept model list",
        .operands = "",
        .purpose = "List the models of the zoo with their licences.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    return cli_parse(&usage, argc, argv, &operands, &code) ? list(folder, json) : code;
}
