/*
 * Why: ExecuTorch's tools find the operator of the exported graph that took long, or whose numbers
 * are off, by the instruction that an event belongs to. Ours are nodes; each knows its instruction.
 *
 * Times are those of the fused graph. What operators computed is seen only where none of them was
 * fused away, so the values come from a second model, made without fusion.
 */
#include "cli/file.h"
#include "cli/model_profile.h"
#include "runtime/etdump.h"

#include <stdlib.h>
#include <string.h>

struct dump {
    struct prt_etdump *etdump;
    const struct prt_program *program;
    size_t method;
};

/* What an instruction calls; delegates are called what the Inspector looks for. */
static struct prt_etdump_event event_of(const struct dump *dump, uint32_t instruction)
{
    const struct prt_program_item *item =
        prt_program_call(dump->program, dump->method, instruction);
    const char *name = !item ? "instruction" : item->delegate ? "DELEGATE_CALL" : item->name;
    return (struct prt_etdump_event){.name = name, .instruction = (int32_t)instruction};
}

static bool in_delegate(const struct dump *dump, uint32_t instruction)
{
    const struct prt_program_item *item =
        prt_program_call(dump->program, dump->method, instruction);
    return item && item->delegate;
}

/* ---- times ---- */

struct instruction_time {
    int64_t start_ns, ns;
};

/* Instructions that run, in order, each with the sum of its nodes: the Inspector takes one event an
 * instruction. Copies for another memory order belong to none. */
static void dump_run(const struct dump *dump, const struct prt_graph *graph,
                     const struct prt_step_time *times, struct instruction_time *sums,
                     uint32_t sum_count)
{
    int64_t start = 0, end = 0;
    memset(sums, 0, sum_count * sizeof *sums);
    prt_etdump_run(dump->etdump, "Execute");
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        if (!times[n].kernel)
            continue;
        start = start ? start : times[n].start_ns;
        end = times[n].end_ns;
        if (node->op == PRT_OP_LAYOUT)
            continue;
        struct instruction_time *sum = &sums[node->origin];
        sum->start_ns = sum->start_ns ? sum->start_ns : times[n].start_ns;
        sum->ns += times[n].end_ns - times[n].start_ns;
        if (!in_delegate(dump, node->origin))
            continue;
        char part[128];
        snprintf(part, sizeof part, "%.96s [%u]", node->name ? node->name : "node", n);
        struct prt_etdump_event event = event_of(dump, node->origin);
        event.part = part;
        prt_etdump_time(dump->etdump, &event, times[n].start_ns, times[n].end_ns);
    }
    for (uint32_t i = 0; i < sum_count; i++) {
        struct prt_etdump_event event = event_of(dump, i);
        if (sums[i].start_ns)
            prt_etdump_time(dump->etdump, &event, sums[i].start_ns, sums[i].start_ns + sums[i].ns);
    }
    const struct prt_etdump_event whole = {.name = "Method::execute",
                                           .instruction = PRT_ETDUMP_NO_INSTRUCTION};
    prt_etdump_time(dump->etdump, &whole, start, end);
}

static enum percept_status dump_times(const struct dump *dump, const struct prt_graph *graph,
                                      const struct cli_profile *profile,
                                      struct percept_error *error)
{
    uint32_t sum_count = 1;
    for (uint32_t n = 0; n < graph->node_count; n++)
        sum_count = graph->nodes[n].origin >= sum_count ? graph->nodes[n].origin + 1 : sum_count;
    struct instruction_time *sums = calloc(sum_count, sizeof *sums);
    if (!sums)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (uint32_t run = 0; run < profile->runs; run++)
        dump_run(dump, graph, profile->times + (size_t)run * profile->nodes, sums, sum_count);
    free(sums);
    return PERCEPT_OK;
}

/* ---- values ---- */

struct observed {
    const struct dump *dump;
    const struct prt_graph *graph;
    bool *shown; /* by node: its result is one of its instruction */
};

/* The node that computed a value: through copies for another memory order. */
static uint32_t computed_by(const struct prt_graph *graph, uint32_t value)
{
    uint32_t node = graph->values[value].producer;
    while (node != PRT_NO_VALUE && graph->nodes[node].op == PRT_OP_LAYOUT)
        node = graph->values[graph->nodes[node].inputs[0]].producer;
    return node;
}

/* An operator's result is what its last node computes; a delegate's are those that others read. */
static void choose_shown(struct observed *observed)
{
    const struct prt_graph *graph = observed->graph;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct prt_node *node = &graph->nodes[n];
        if (node->op == PRT_OP_LAYOUT)
            continue;
        bool last = true;
        for (uint32_t later = n + 1; later < graph->node_count && last; later++)
            last = graph->nodes[later].op == PRT_OP_LAYOUT ||
                   graph->nodes[later].origin != node->origin;
        observed->shown[n] |= last && !in_delegate(observed->dump, node->origin);
        for (unsigned i = 0; i < node->input_count; i++) {
            uint32_t from = node->inputs[i] == PRT_NO_VALUE ? PRT_NO_VALUE
                                                            : computed_by(graph, node->inputs[i]);
            if (from != PRT_NO_VALUE && graph->nodes[from].origin != node->origin &&
                in_delegate(observed->dump, graph->nodes[from].origin))
                observed->shown[from] = true;
        }
    }
    for (uint32_t i = 0; i < graph->output_count; i++) {
        uint32_t from = computed_by(graph, graph->outputs[i]);
        if (from != PRT_NO_VALUE)
            observed->shown[from] = true;
    }
}

static void observe(void *context, uint32_t n, const void *data)
{
    const struct observed *observed = context;
    const struct prt_node *node = &observed->graph->nodes[n];
    const struct prt_value *result = &observed->graph->values[node->outputs[0]];
    if (!observed->shown[n] || !data || result->kind != PRT_VALUE_TENSOR)
        return;
    struct prt_etdump_event event = event_of(observed->dump, node->origin);
    prt_etdump_tensor(observed->dump->etdump, &event, &result->tensor, data, false);
}

static enum percept_status observe_model(const struct dump *dump, struct prt_model *model,
                                         const struct base_option_list *inputs,
                                         struct percept_error *error)
{
    struct observed observed = {.dump = dump, .graph = prt_model_graph(model)};
    observed.shown = calloc((size_t)observed.graph->node_count + 1, sizeof *observed.shown);
    if (!observed.shown)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    choose_shown(&observed);
    prt_etdump_run(dump->etdump, "Intermediate outputs");
    enum percept_status status = cli_model_fill(model, inputs, error);
    if (!status)
        status = prt_model_run_observed(model, observe, &observed, error);
    for (size_t i = 0; i < prt_model_output_count(model) && !status; i++) {
        const struct prt_etdump_event event = {.name = "output",
                                               .instruction = PRT_ETDUMP_NO_INSTRUCTION};
        const struct prt_tensor *spec = prt_model_output_spec(model, i);
        if (spec)
            prt_etdump_tensor(dump->etdump, &event, spec, prt_model_output_data(model, i), true);
    }
    free(observed.shown);
    return status;
}

/* ---- all of it ---- */

static size_t method_index(const struct prt_program *program, const char *name)
{
    size_t index = 0;
    while (index < prt_program_method_count(program) &&
           strcmp(prt_program_method_name(program, index), name ? name : "forward") != 0)
        index++;
    return index;
}

static enum percept_status write_file(const char *path, struct prt_etdump_file contents,
                                      struct percept_error *error)
{
    struct cli_file file;
    enum percept_status status = cli_file_create(path, &file, error);
    if (status)
        return status;
    fwrite(contents.data, 1, contents.size, file.stream);
    return cli_file_commit(&file, error);
}

static enum percept_status write_both(struct prt_etdump *etdump, const char *path,
                                      struct percept_error *error)
{
    struct prt_etdump_file main_file, buffer;
    char buffer_path[4096];
    enum percept_status status = prt_etdump_finish(etdump, &main_file, &buffer, error);
    snprintf(buffer_path, sizeof buffer_path, "%s.buffer", path);
    if (!status)
        status = write_file(buffer_path, buffer, error);
    if (!status)
        status = write_file(path, main_file, error);
    return status;
}

enum percept_status cli_profile_etdump(const char *file, const struct cli_model *model,
                                       const struct cli_model_settings *settings,
                                       const struct base_option_list *inputs,
                                       const struct cli_profile *profile, const char *path,
                                       struct percept_error *error)
{
    struct cli_model_settings plain = *settings;
    struct cli_model unfused = {0};
    struct dump dump = {.program = model->program,
                        .method = method_index(model->program, settings->method)};
    plain.observable = true;
    enum percept_status status = prt_etdump_create(&dump.etdump, error);
    if (!status)
        status = cli_model_open(file, &plain, &unfused, error);
    if (!status)
        status = observe_model(&dump, unfused.model, inputs, error);
    if (!status)
        status = dump_times(&dump, prt_model_graph(model->model), profile, error);
    if (!status)
        status = write_both(dump.etdump, path, error);
    cli_model_close(&unfused);
    prt_etdump_destroy(dump.etdump);
    return status;
}
