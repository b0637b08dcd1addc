/* percept backends: what this build can run models on, and what this machine has of it. */
#include "backends/backends.h"
#include "cli/cli.h"
#include "cli/table.h"

static const struct cli_column columns[] = {
    {"BACKEND", "name", CLI_FORMAT_TEXT},
    {"PRESENT", "present", CLI_FORMAT_FLAG},
    {"RUNS ON", "device", CLI_FORMAT_TEXT},
    {"WHY NOT", "why", CLI_FORMAT_TEXT},
};

/* `device` is what the backend calls the code that it takes here: an instruction set, a GPU. */
static json_t *row_of(const struct prt_backend *backend)
{
    const char *why = backend->absent();
    const char *device = why || !backend->code ? "" : backend->code();
    return json_pack("{s:s, s:b, s:o, s:s}", "name", backend->name, "present", why == NULL,
                     "device", cli_json_text(device), "why", why ? why : "");
}

int cli_backends(int argc, char **argv)
{
    bool json = false;
    int operands, code;
    const struct base_option options[] = {CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = "percept backends",
        .operands = "",
        .purpose = "List what models can run on, and what of it this machine has.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    json_t *rows = json_array();
    for (size_t i = 0; percept_known_backends[i]; i++)
        json_array_append_new(rows, row_of(percept_known_backends[i]));
    if (json) {
        cli_print_json(rows, false);
        return CLI_OK;
    }
    cli_table_of_json(rows, columns, sizeof columns / sizeof columns[0], "\n", stdout);
    json_decref(rows);
    return CLI_OK;
}
