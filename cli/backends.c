/* percept backends: what models can run on, what this machine has of it, and which plugins there
 * are. */
#include "backends/backends.h"
#include "cli/cli.h"
#include "cli/plugins.h"
#include "cli/table.h"

static const struct cli_column columns[] = {
    {"BACKEND", "name", CLI_FORMAT_TEXT},    {"PRESENT", "present", CLI_FORMAT_FLAG},
    {"VERSION", "version", CLI_FORMAT_TEXT}, {"RUNS ON", "device", CLI_FORMAT_TEXT},
    {"PLUGIN", "file", CLI_FORMAT_TEXT},     {"WHY NOT", "why", CLI_FORMAT_TEXT},
};

static json_t *row_of(const char *name, const char *version, const char *device, const char *file,
                      const char *why)
{
    return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o}", "name", cli_json_text(name), "present",
                     why == NULL, "version", cli_json_text(version), "device",
                     cli_json_text(device), "file", cli_json_text(file), "why", cli_json_text(why));
}

/* Without a version of its own it has Percept's. */
static json_t *row_of_built_in(const struct prt_backend *backend)
{
    const char *why = backend->absent();
    const char *release = backend->release ? backend->release() : NULL;
    const char *(*device)(void) = backend->device ? backend->device : backend->code;
    return row_of(backend->name, release ? release : PERCEPT_RELEASE,
                  why || !device ? "" : device(), "", why);
}

/* What it answered in another process: here it is asked for nothing. */
static json_t *row_of_plugin(const struct backends_plugin *plugin)
{
    const struct backends_plugin_info *info = &plugin->info;
    char why[sizeof plugin->error.message + sizeof "refused: "];
    if (plugin->backend)
        return row_of(info->name, info->release, info->device, plugin->path,
                      info->absent[0] ? info->absent : NULL);
    snprintf(why, sizeof why, "refused: %s", plugin->error.message);
    return row_of("", "", "", plugin->path, why);
}

int cli_backends(int argc, char **argv)
{
    bool json = false;
    int operands, code;
    struct base_option_list folders = {0};
    struct percept_error error = {0};
    const struct backends_registry *registry;
    const struct backends_plugin *plugins;
    const struct base_option options[] = {CLI_OPTION_PLUGINS(&folders), CLI_OPTION_JSON(&json)};
    const struct base_usage usage = {
        .program = "percept backends",
        .operands = "",
        .purpose = "List what models can run on, and what of it this machine has.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (cli_plugins_find(&folders, NULL, &registry, &error))
        return cli_fail(CLI_FAILURE, &error);
    json_t *rows = json_array();
    for (size_t i = 0; percept_known_backends[i]; i++)
        json_array_append_new(rows, row_of_built_in(percept_known_backends[i]));
    size_t count = backends_registry_plugins(registry, &plugins);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, row_of_plugin(&plugins[i]));
    if (json) {
        cli_print_json(rows, false);
        return CLI_OK;
    }
    cli_table_of_json(rows, columns, sizeof columns / sizeof columns[0], "\n", stdout);
    json_decref(rows);
    return CLI_OK;
}
