/* percept model inspect: what a .pte file holds, and what the runtime makes of it. */
#include "cli/cli.h"
#include "cli/model.h"
#include "cli/model_ops.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

/* ---- as JSON; the text is made from it ---- */

static json_t *items_json(const struct prt_program *program, size_t method, bool delegates)
{
    json_t *list = json_array();
    for (size_t i = 0; i < prt_program_item_count(program, method); i++) {
        const struct prt_program_item *item = prt_program_item(program, method, i);
        if (item->delegate == delegates)
            json_array_append_new(list, json_pack("{s:o, s:i}", "name", cli_json_text(item->name),
                                                  "calls", (int)item->calls));
    }
    return list;
}

static json_t *methods_json(const struct prt_program *program)
{
    json_t *list = json_array();
    for (size_t i = 0; i < prt_program_method_count(program); i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "name",
                                              cli_json_text(prt_program_method_name(program, i)),
                                              "operators", items_json(program, i, false),
                                              "delegates", items_json(program, i, true)));
    return list;
}

/* "float32[<=8, 1, <=64]": what may be smaller says so. */
static const char *describe(const struct prt_tensor *spec, const struct prt_tensor *bound,
                            char *buffer, size_t size)
{
    char whole[256];
    size_t used;
    prt_tensor_describe(spec, whole, sizeof whole);
    const char *open = strchr(whole, '['), *close = strchr(whole, ']');
    if (!bound || !open || !close) {
        snprintf(buffer, size, "%s", whole);
        return buffer;
    }
    used = (size_t)snprintf(buffer, size, "%.*s", (int)(open - whole), whole);
    for (unsigned i = 0; i < bound->rank && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s%d", i ? ", " : "[",
                                 bound->sizes[i] > 1 ? "<=" : "", bound->sizes[i]);
    if (used < size)
        snprintf(buffer + used, size - used, "%s%s", bound->rank ? "" : "[", close);
    return buffer;
}

typedef const struct prt_tensor *spec_of(const struct prt_model *model, size_t index);

static json_t *specs_json(const struct prt_model *model, size_t count, spec_of *spec_at,
                          spec_of *bound_at)
{
    json_t *list = json_array();
    char text[320];
    for (size_t i = 0; i < count; i++) {
        const struct prt_tensor *spec = spec_at(model, i);
        json_array_append_new(
            list,
            json_string(spec ? describe(spec, bound_at(model, i), text, sizeof text) : "scalar"));
    }
    return list;
}

/* How often each op stands in the graph after the passes. */
static json_t *ops_json(const struct prt_graph *graph)
{
    unsigned counts[PRT_OP_COUNT] = {0};
    json_t *list = json_array();
    for (uint32_t i = 0; i < graph->node_count; i++)
        counts[graph->nodes[i].op]++;
    for (int op = 0; op < PRT_OP_COUNT; op++)
        if (counts[op])
            json_array_append_new(list,
                                  json_pack("{s:s, s:i}", "name", prt_op_name((enum prt_op)op),
                                            "calls", (int)counts[op]));
    return list;
}

/* The graph after the passes, a line a node. */
static json_t *graph_json(const struct prt_graph *graph)
{
    json_t *lines = json_array();
    char *dump = prt_graph_dump(graph), *rest = dump;
    for (char *line; dump && (line = strsep(&rest, "\n"));)
        if (*line)
            json_array_append_new(lines, cli_json_text(line));
    free(dump);
    return lines;
}

static json_t *compiled_json(const struct prt_model *model)
{
    struct prt_model_stats stats;
    char placement[128];
    prt_model_stats(model, &stats);
    return json_pack("{s:o, s:o, s:o, s:i, s:i, s:s, s:I, s:I, s:I, s:f}", "inputs",
                     specs_json(model, prt_model_input_count(model), prt_model_input_spec,
                                prt_model_input_bound),
                     "outputs",
                     specs_json(model, prt_model_output_count(model), prt_model_output_spec,
                                prt_model_output_bound),
                     "ops", ops_json(prt_model_graph(model)), "nodes", (int)stats.node_count,
                     "segments", (int)stats.segment_count, "placement",
                     cli_model_placement(model, placement, sizeof placement), "arena_bytes",
                     (json_int_t)stats.arena_bytes, "scratch_bytes",
                     (json_int_t)stats.scratch_bytes, "constant_bytes",
                     (json_int_t)stats.constant_bytes, "load_ms", (double)stats.load_ns / 1e6);
}

/* ---- for people ---- */

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_items(const char *title, const json_t *items)
{
    size_t i;
    json_t *item;
    if (json_array_size(items))
        printf("  %s\n", title);
    json_array_foreach(items, i, item)
        printf("    %-48s %6lld\n", string_of(item, "name"),
               (long long)json_integer_value(json_object_get(item, "calls")));
}

static void print_methods(const json_t *methods)
{
    size_t i;
    json_t *method;
    json_array_foreach(methods, i, method)
    {
        printf("method %s\n", string_of(method, "name"));
        print_items("operators", json_object_get(method, "operators"));
        print_items("delegates", json_object_get(method, "delegates"));
    }
}

static void print_list(const char *title, const json_t *list)
{
    size_t i;
    json_t *text;
    json_array_foreach(list, i, text) printf("  %s %zu: %s\n", title, i, json_string_value(text));
}

static void print_compiled(const char *method, const json_t *compiled)
{
    char activations[32], scratch[32], constants[32];
    double arena = json_number_value(json_object_get(compiled, "arena_bytes"));
    printf("compiled %s: %lld nodes in %lld segments on %s, in %.1f ms\n", method,
           (long long)json_integer_value(json_object_get(compiled, "nodes")),
           (long long)json_integer_value(json_object_get(compiled, "segments")),
           string_of(compiled, "placement"),
           json_number_value(json_object_get(compiled, "load_ms")));
    print_list("input", json_object_get(compiled, "inputs"));
    print_list("output", json_object_get(compiled, "outputs"));
    print_items("ops", json_object_get(compiled, "ops"));
    printf("  memory: activations %s, scratch %s, constants %s\n",
           cli_bytes(arena, activations, sizeof activations),
           cli_bytes(json_number_value(json_object_get(compiled, "scratch_bytes")), scratch,
                     sizeof scratch),
           cli_bytes(json_number_value(json_object_get(compiled, "constant_bytes")), constants,
                     sizeof constants));
}

static void print_graph(const json_t *lines)
{
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line) puts(json_string_value(line));
}

/* ---- the command ---- */

struct inspect {
    const char *path;
    struct cli_model_settings settings;
    bool json, graph, ops;
};

/* The program part is of use even where the runtime can't compile the file. */
static int inspect(const struct inspect *what)
{
    struct percept_error error = {0};
    struct prt_program *program;
    struct cli_model model;
    if (prt_program_open_with_data(what->path, what->settings.data.items, what->settings.data.count,
                                   &program, &error))
        return cli_fail(CLI_INPUT, &error);
    json_t *root = json_pack("{s:o, s:o}", "file", cli_json_text(what->path), "methods",
                             methods_json(program));
    prt_program_close(program);

    enum percept_status status = cli_model_open(what->path, &what->settings, &model, &error);
    if (!status) {
        json_object_set_new(root, "compiled", compiled_json(model.model));
        json_t *costs = cli_model_costs(model.model);
        if (costs)
            json_object_set_new(root, "costs", costs);
        if (model.backends[0])
            json_object_set_new(
                root, "split",
                cli_model_split(model.model, model.measure_ns ? NULL : model.backends[0]));
        if (what->graph)
            json_object_set_new(root, "graph", graph_json(prt_model_graph(model.model)));
        cli_model_close(&model);
    }
    if (what->json) {
        cli_print_json(root, false);
    } else {
        puts(string_of(root, "file"));
        print_methods(json_object_get(root, "methods"));
        if (!status)
            print_compiled(what->settings.method ? what->settings.method : "forward",
                           json_object_get(root, "compiled"));
        cli_model_print_split(json_object_get(root, "split"));
        cli_model_print_costs(json_object_get(root, "costs"));
        print_graph(json_object_get(root, "graph"));
        json_decref(root);
    }
    fflush(stdout);
    return status ? cli_fail(cli_model_exit(status), &error) : CLI_OK;
}

int cli_model_inspect(int argc, char **argv)
{
    struct inspect what = {.settings.threads = 1};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_METHOD(what.settings),
        CLI_OPTION_BACKEND(what.settings),
        CLI_OPTION_FP16(what.settings),
        {"threads", "N", "how many threads its CPU part has; 1 if not given", BASE_OPTION_COUNT,
         &what.settings.threads},
        CLI_OPTION_CACHE(what.settings),
        CLI_OPTION_DATA(what.settings),
        {"graph", NULL, "print the graph after the passes, a line a node", BASE_OPTION_FLAG,
         &what.graph},
        {"ops", NULL, "print what a selective build needs for these files; see docs/selection.md",
         BASE_OPTION_FLAG, &what.ops},
        CLI_OPTION_JSON(&what.json),
    };
    const struct base_usage usage = {
        .program = "percept model inspect",
        .operands = "FILE...",
        .purpose = "Show a .pte file: methods, operators, delegates; graph, placement, memory.",
        .least = 1,
        .most = 4096,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    if (operands > 1 && !what.ops)
        return cli_misuse(&usage, "one file at a time, but for --ops");
    if (what.ops)
        return cli_model_print_ops((const char *const *)argv + 1, (size_t)operands,
                                   &what.settings.data);
    what.path = argv[1];
    return inspect(&what);
}
