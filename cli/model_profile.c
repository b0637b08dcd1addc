/* Why: one number for a model does not say what to improve. */
#include "cli/model_profile.h"

#include "base/clock.h"
#include "cli/file.h"
#include "cli/stats.h"

#include <stdlib.h>
#include <string.h>

/* ---- taking it ---- */

enum percept_status cli_profile_take(struct prt_model *model, uint32_t runs,
                                     struct cli_profile *profile, struct percept_error *error)
{
    struct cli_profile taken = {.runs = runs, .nodes = prt_model_graph(model)->node_count};
    taken.times = calloc((size_t)taken.nodes * runs + 1, sizeof *taken.times);
    enum percept_status status =
        taken.times ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (uint32_t run = 0; run < runs && !status; run++)
        status = prt_model_run_profiled(model, taken.times + (size_t)run * taken.nodes, error);
    if (status)
        cli_profile_free(&taken);
    else
        *profile = taken;
    return status;
}

void cli_profile_free(struct cli_profile *profile)
{
    free(profile->times);
    *profile = (struct cli_profile){0};
}

/* Median over the runs; 0 for a node that only says differently what is there already. */
static int64_t median_ns(const struct cli_profile *profile, uint32_t node)
{
    int64_t *ns = calloc(profile->runs, sizeof *ns);
    if (!ns)
        return 0;
    for (uint32_t run = 0; run < profile->runs; run++) {
        const struct prt_step_time *time = &profile->times[(size_t)run * profile->nodes + node];
        ns[run] = time->end_ns - time->start_ns;
    }
    cli_sort(ns, profile->runs);
    int64_t median = ns[profile->runs / 2];
    free(ns);
    return median;
}

/* Such a node has no backend and no kernel. */
static const char *kernel_of(const struct cli_profile *profile, uint32_t node)
{
    return profile->times[node].kernel ? profile->times[node].kernel : "view";
}

static int64_t total_ns(const struct cli_profile *profile)
{
    int64_t total = 0;
    for (uint32_t node = 0; node < profile->nodes; node++)
        total += median_ns(profile, node);
    return total > 0 ? total : 1;
}

/* ---- tables ---- */

json_t *cli_profile_nodes(const struct prt_model *model, const struct cli_profile *profile)
{
    json_t *rows = json_array();
    int64_t total = total_ns(profile);
    for (uint32_t node = 0; node < profile->nodes; node++) {
        const struct prt_node *n = &prt_model_graph(model)->nodes[node];
        const struct prt_backend *backend = prt_model_placement(model, node);
        int64_t ns = median_ns(profile, node);
        json_array_append_new(
            rows, json_pack("{s:i, s:s, s:o, s:s, s:s, s:f, s:f, s:f}", "node", (int)node, "op",
                            prt_op_name(n->op), "name", cli_json_text(n->name), "backend",
                            backend ? backend->name : "", "kernel", kernel_of(profile, node), "us",
                            (double)ns / BASE_NS_PER_US, "ms", (double)ns / BASE_NS_PER_MS, "share",
                            100.0 * (double)ns / (double)total));
    }
    return rows;
}

struct op_time {
    const char *op, *kernel;
    int64_t ns;
    int calls;
};

static int longest_first(const void *a, const void *b)
{
    const struct op_time *x = a, *y = b;
    return (x->ns < y->ns) - (x->ns > y->ns);
}

json_t *cli_profile_ops(const struct prt_model *model, const struct cli_profile *profile)
{
    struct op_time *ops = calloc((size_t)profile->nodes + 1, sizeof *ops);
    json_t *rows = json_array();
    size_t count = 0;
    int64_t total = total_ns(profile);
    for (uint32_t node = 0; ops && node < profile->nodes; node++) {
        const char *op = prt_op_name(prt_model_graph(model)->nodes[node].op);
        const char *kernel = kernel_of(profile, node);
        size_t at = 0;
        while (at < count && (strcmp(ops[at].op, op) != 0 || strcmp(ops[at].kernel, kernel) != 0))
            at++;
        if (at == count)
            ops[count++] = (struct op_time){op, kernel, 0, 0};
        ops[at].ns += median_ns(profile, node);
        ops[at].calls++;
    }
    if (count)
        qsort(ops, count, sizeof *ops, longest_first);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:i, s:f, s:f}", "op", ops[i].op,
                                              "kernel", ops[i].kernel, "calls", ops[i].calls, "ms",
                                              (double)ops[i].ns / BASE_NS_PER_MS, "share",
                                              100.0 * (double)ops[i].ns / (double)total));
    free(ops);
    return rows;
}

/* ---- trace ---- */

static json_t *span(const char *name, const char *category, int64_t start_ns, int64_t end_ns,
                    json_t *arguments)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:o}", "ph", "X", "name", name, "cat",
                     category, "pid", 1, "tid", 1, "ts", (double)start_ns / BASE_NS_PER_US, "dur",
                     (double)(end_ns - start_ns) / BASE_NS_PER_US, "args", arguments);
}

static void trace_run(const struct prt_model *model, const struct cli_profile *profile,
                      uint32_t run, json_t *events)
{
    const struct prt_step_time *times = profile->times + (size_t)run * profile->nodes;
    int64_t start = 0, end = 0;
    json_t *nodes = json_array();
    for (uint32_t node = 0; node < profile->nodes; node++) {
        const struct prt_node *n = &prt_model_graph(model)->nodes[node];
        char text[256];
        if (!times[node].kernel)
            continue;
        start = start ? start : times[node].start_ns;
        end = times[node].end_ns;
        const struct prt_value *result = &prt_model_graph(model)->values[n->outputs[0]];
        json_array_append_new(
            nodes, span(prt_op_name(n->op), "node", times[node].start_ns, times[node].end_ns,
                        json_pack("{s:i, s:o, s:s, s:s}", "node", (int)node, "name",
                                  cli_json_text(n->name), "kernel", times[node].kernel, "result",
                                  prt_tensor_describe(&result->tensor, text, sizeof text))));
    }
    json_array_append_new(events,
                          span("run", "run", start, end, json_pack("{s:i}", "run", (int)run)));
    json_array_extend(events, nodes);
    json_decref(nodes);
}

enum percept_status cli_profile_trace(const struct prt_model *model,
                                      const struct cli_profile *profile, const char *path,
                                      struct percept_error *error)
{
    struct cli_file file;
    enum percept_status status = cli_file_create(path, &file, error);
    if (status)
        return status;
    json_t *events = json_array();
    json_array_append_new(events, json_pack("{s:s, s:s, s:i, s:{s:s}}", "ph", "M", "name",
                                            "process_name", "pid", 1, "args", "name", "percept"));
    json_array_append_new(events,
                          json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "ph", "M", "name",
                                    "thread_name", "pid", 1, "tid", 1, "args", "name", "model"));
    for (uint32_t run = 0; run < profile->runs; run++)
        trace_run(model, profile, run, events);
    json_t *trace = json_pack("{s:s, s:o}", "displayTimeUnit", "ms", "traceEvents", events);
    bool written = trace && json_dumpf(trace, file.stream, JSON_COMPACT) == 0;
    json_decref(trace);
    if (!written) {
        cli_file_abandon(&file);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    return cli_file_commit(&file, error);
}
