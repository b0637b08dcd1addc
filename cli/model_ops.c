/*
 * percept model inspect --ops: what a build of the runtime needs to run some programs, for
 * cmake/Selection.cmake. Found by compiling them with a backend that notes what it is asked for.
 */
#include "cli/model_ops.h"
#include "backends/backends.h"

#include <stdio.h>
#include <string.h>

#define OP_NAME(name, text, layout) [PRT_OP_##name] = #name,
static const char *const op_names[] = {PRT_OP_TABLE(OP_NAME)};
#define BINARY_NAME(name, text) [PRT_BINARY_##name] = #name,
static const char *const binary_names[] = {PRT_BINARY_TABLE(BINARY_NAME)};
#define UNARY_NAME(name, text) [PRT_UNARY_##name] = #name,
static const char *const unary_names[] = {PRT_UNARY_TABLE(UNARY_NAME)};
#define TYPE_NAME(name, code, size, text) [PRT_##name] = #name,
static const char *const type_names[] = {PRT_DTYPE_TABLE(TYPE_NAME)};

/* By enumerator. One a process: a backend's functions have no context. */
static bool ops[PRT_OP_COUNT], binaries[PRT_BINARY_COUNT], unaries[PRT_UNARY_COUNT],
    types[sizeof type_names / sizeof type_names[0]];

static void note_value(const struct prt_graph *graph, uint32_t id)
{
    if (id != PRT_NO_VALUE && graph->values[id].kind == PRT_VALUE_TENSOR)
        types[graph->values[id].tensor.dtype] = true;
}

static void note(const struct prt_graph *graph, const struct prt_node *node)
{
    ops[node->op] = true;
    if (node->op == PRT_OP_BINARY)
        binaries[node->attrs.binary.kind] = true;
    if (node->op == PRT_OP_UNARY)
        unaries[node->attrs.unary.kind] = true;
    for (unsigned i = 0; i < node->input_count; i++)
        note_value(graph, node->inputs[i]);
    for (unsigned i = 0; i < node->output_count; i++)
        note_value(graph, node->outputs[i]);
}

/* Passes ask for what they fold, the plan for what is left. */
static bool noting_supports(const struct prt_graph *graph, const struct prt_node *node)
{
    note(graph, node);
    return percept_backends[0]->supports(graph, node);
}

/* Fusion has something to do where there are two nodes. */
static void print_program(const struct prt_program *program, size_t method, bool fuses)
{
    bool vulkan = false;
    for (size_t i = 0; i < prt_program_item_count(program, method); i++) {
        const struct prt_program_item *item = prt_program_item(program, method, i);
        printf("%s%s\n", item->delegate ? "delegate:" : "", item->name);
        vulkan |= item->delegate && strcmp(item->name, "VulkanBackend") == 0;
    }
    if (vulkan) /* its blobs name ATen's operators */
        puts("aten::*");
    if (fuses)
        puts("pass:*\nrule:*");
}

static void print_names(const char *prefix, const bool *wanted, const char *const *names,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wanted[i])
            printf("%s:%s\n", prefix, names[i]);
}

static enum percept_status note_method(const struct prt_program *program, size_t method,
                                       struct percept_error *error)
{
    struct prt_backend noting = *percept_backends[0];
    const struct prt_backend *const backends[] = {&noting, NULL};
    const struct prt_model_options options = {.method = prt_program_method_name(program, method),
                                              .backends = backends};
    struct prt_graph *graph = NULL;
    struct prt_model *model = NULL;
    noting.supports = noting_supports;
    enum percept_status status = prt_program_import(program, options.method, &graph, error);
    if (status)
        return status;
    bool fuses = graph->node_count > 1;
    for (uint32_t n = 0; n < graph->node_count; n++)
        note(graph, &graph->nodes[n]);
    prt_graph_destroy(graph);
    status = prt_model_create(program, &options, &model, error);
    prt_model_destroy(model);
    if (!status)
        print_program(program, method, fuses);
    return status;
}

int cli_model_print_ops(const char *const *paths, size_t count, const struct base_option_list *data)
{
    struct percept_error error = {0};
    for (size_t i = 0; i < count; i++) {
        struct prt_program *program = NULL;
        enum percept_status status =
            prt_program_open_with_data(paths[i], data->items, data->count, &program, &error);
        for (size_t m = 0; !status && m < prt_program_method_count(program); m++)
            status = note_method(program, m, &error);
        prt_program_close(program);
        if (status)
            return cli_fail(CLI_INPUT, &error);
    }
    print_names("op", ops, op_names, PRT_OP_COUNT);
    print_names("binary", binaries, binary_names, PRT_BINARY_COUNT);
    print_names("unary", unaries, unary_names, PRT_UNARY_COUNT);
    print_names("type", types, type_names, sizeof type_names / sizeof type_names[0]);
    return CLI_OK;
}
