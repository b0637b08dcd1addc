/*
 * Why: what a vendor's compiler made for its own processor cannot be translated. Such a call stays
 * one node, and whether anything runs it is for the list of backends to say.
 */
#include "runtime/import.h"
#include "runtime/vgf.h"

#include <string.h>

/* ---- where a call's results begin ---- */

/*
 * A call lists its inputs, then its results, and does not say where those begin. Payloads that we
 * can look into do. Of others, the results are the tensors at the end that nothing has named
 * before. (A view that an exporter left out, handed in last and nowhere else, would be taken for
 * one: so a backend must compare the numbers with what its payload says.)
 */
static bool is_new(const struct prt_import *import, const uint32_t *first, uint32_t v)
{
    const struct prt_program_value *value = &import->values[v];
    return value->kind == PRT_VALUE_TENSOR && first[v] == import->origin && !value->tensor->data &&
           !value->tensor->external;
}

static void name_value(const struct prt_import *import, uint32_t *first, uint32_t v, uint32_t n)
{
    const struct prt_program_value *value = &import->method->values[v];
    if (first[v] != PRT_NO_VALUE)
        return;
    first[v] = n;
    for (uint32_t i = 0; value->kind == PRT_VALUE_TENSOR_LIST && i < value->list.count; i++)
        if (value->list.ids[i] != PRT_NO_VALUE && first[value->list.ids[i]] == PRT_NO_VALUE)
            first[value->list.ids[i]] = n;
}

/* By value: the first instruction that names it; that before all others for an input. */
static uint32_t *find_first(struct prt_import *import)
{
    const struct prt_method *method = import->method;
    uint32_t *first = base_arena_array(&import->arena, method->value_count, sizeof *first);
    if (!first)
        return NULL;
    memset(first, 0xff, method->value_count * sizeof *first);
    for (uint32_t i = 0; i < method->input_count; i++)
        first[method->inputs[i]] = PRT_NO_VALUE - 1;
    for (uint32_t n = 0; n < method->instruction_count; n++) {
        const struct prt_instruction *instruction = &method->instructions[n];
        bool calls = instruction->kind == PRT_INSTRUCTION_KERNEL ||
                     instruction->kind == PRT_INSTRUCTION_DELEGATE;
        uint32_t count = calls                                       ? instruction->count
                         : instruction->kind == PRT_INSTRUCTION_MOVE ? 2
                                                                     : 0;
        for (uint32_t i = 0; i < count; i++)
            name_value(import, first, instruction->args[i], n);
    }
    return first;
}

static enum percept_status count_inputs(struct prt_import *import,
                                        const struct prt_delegate *delegate,
                                        const struct prt_instruction *call, uint32_t *inputs)
{
    if (strcmp(delegate->id, "VgfBackend") == 0) {
        struct prt_vgf vgf = {0};
        struct percept_error cause = {0};
        enum percept_status status =
            prt_vgf_parse(&vgf, delegate->blob.data, delegate->blob.size, &cause);
        uint32_t given = vgf.input_count, results = vgf.output_count;
        prt_vgf_reset(&vgf);
        if (status != PERCEPT_OK)
            return prt_import_fail(import, status, "%s", cause.message);
        if (given > call->count || results != call->count - given)
            return prt_import_fail(import, PERCEPT_MALFORMED,
                                   "has %u arguments for %u inputs and %u outputs", call->count,
                                   given, results);
        *inputs = given;
        return PERCEPT_OK;
    }
    if (!import->first_named && !(import->first_named = find_first(import)))
        return prt_import_no_memory(import);
    uint32_t count = call->count;
    while (count > 0 && is_new(import, import->first_named, call->args[count - 1]))
        count--;
    *inputs = count;
    return PERCEPT_OK;
}

/* ---- its tensors ---- */

/* OpenVINO's compiler knows the sizes that a tensor has in PyTorch and not in which order the
 * program keeps it; others are told of the bytes. */
static bool has_logical_sizes(const struct prt_delegate *delegate)
{
    return strcmp(delegate->id, "OpenvinoBackend") == 0;
}

/* A tensor of the program as the payload has it, a row-major one. */
static struct prt_tensor straight(const struct prt_delegate *delegate,
                                  const struct prt_tensor *spec)
{
    int32_t sizes[PRT_MAX_RANK] = {0};
    for (unsigned i = 0; i < spec->rank; i++)
        sizes[i] = spec->sizes[has_logical_sizes(delegate) ? i : spec->dim_order[i]];
    struct prt_tensor row_major = prt_import_like(spec, spec->rank, sizes);
    row_major.quant = (struct prt_quant){0};
    return row_major;
}

static enum percept_status check_argument(struct prt_import *import, uint32_t index, uint32_t v)
{
    const struct prt_program_value *value = &import->values[import->identity[v]];
    if (value->kind != PRT_VALUE_TENSOR)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "argument %u is no tensor", index);
    if (value->tensor->complex)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "argument %u has complex numbers",
                               index);
    if (value->tensor->unbounded || prt_import_is_smaller(import, v))
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "argument %u has other sizes than the delegate was made for", index);
    return PERCEPT_OK;
}

/* Between a tensor of the program and one of the payload: x as spec has it. */
static enum percept_status carry(struct prt_import *import, const struct prt_delegate *delegate,
                                 uint32_t x, const struct prt_tensor *spec, uint32_t *id)
{
    struct prt_tensor made = *spec;
    made.quant = prt_import_spec(import, x)->quant;
    if (!has_logical_sizes(delegate) || prt_tensor_same_layout(prt_import_spec(import, x), spec))
        return prt_import_reinterpret(import, x, spec, id);
    uint32_t y;
    enum percept_status status = prt_import_temporary(import, &made, &y);
    if (status == PERCEPT_OK && !prt_import_node(import, PRT_OP_LAYOUT, y, 1, &x))
        status = PERCEPT_NO_MEMORY;
    if (status == PERCEPT_OK)
        *id = y;
    return status;
}

static enum percept_status read_input(struct prt_import *import,
                                      const struct prt_delegate *delegate, uint32_t v, uint32_t *id)
{
    uint32_t x;
    enum percept_status status = prt_import_read(import, v, &x);
    if (status != PERCEPT_OK)
        return status;
    struct prt_tensor theirs = straight(delegate, prt_import_spec(import, x));
    return carry(import, delegate, x, &theirs, id);
}

static enum percept_status write_output(struct prt_import *import,
                                        const struct prt_delegate *delegate, uint32_t v,
                                        uint32_t made)
{
    const struct prt_tensor spec = import->values[import->identity[v]].tensor->spec;
    uint32_t id;
    enum percept_status status = carry(import, delegate, made, &spec, &id);
    return status == PERCEPT_OK ? prt_import_bind(import, v, id) : status;
}

static enum percept_status add_node(struct prt_import *import, const struct prt_delegate *delegate,
                                    uint32_t inputs, uint32_t outputs, const uint32_t *ids)
{
    struct prt_graph *graph = import->graph;
    struct prt_node *node = prt_graph_add_node(graph, PRT_OP_BLOB, inputs, outputs);
    const char *id = base_arena_strndup(&graph->arena, delegate->id, strlen(delegate->id));
    const char *device = delegate->device ? base_arena_strndup(&graph->arena, delegate->device,
                                                               strlen(delegate->device))
                                          : NULL;
    if (!node || !id || (delegate->device && !device))
        return prt_import_no_memory(import);
    node->attrs.blob = (struct prt_blob_attrs){.delegate = id,
                                               .device = device,
                                               .payload = delegate->blob.data,
                                               .bytes = delegate->blob.size};
    memcpy(node->inputs, ids, inputs * sizeof *ids);
    memcpy(node->outputs, ids + inputs, outputs * sizeof *ids);
    for (uint32_t i = 0; i < inputs; i++)
        graph->values[ids[i]].uses++;
    for (uint32_t i = 0; i < outputs; i++)
        graph->values[ids[inputs + i]].producer = graph->node_count - 1;
    node->origin = import->origin;
    node->name = import->name;
    return PERCEPT_OK;
}

enum percept_status prt_import_blob(struct prt_import *import, const struct prt_delegate *delegate,
                                    const struct prt_instruction *call)
{
    uint32_t inputs = 0, *ids = base_arena_array(&import->arena, call->count, sizeof *ids);
    if (!ids)
        return prt_import_no_memory(import);
    enum percept_status status = count_inputs(import, delegate, call, &inputs);
    if (status == PERCEPT_OK && inputs == call->count)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has no result");
    for (uint32_t i = 0; i < call->count && status == PERCEPT_OK; i++)
        status = check_argument(import, i, call->args[i]);
    /* Everything is read before anything is written. */
    for (uint32_t i = 0; i < inputs && status == PERCEPT_OK; i++)
        status = read_input(import, delegate, call->args[i], &ids[i]);
    for (uint32_t i = inputs; i < call->count && status == PERCEPT_OK; i++) {
        struct prt_tensor theirs =
            straight(delegate, &import->values[import->identity[call->args[i]]].tensor->spec);
        status = prt_import_temporary(import, &theirs, &ids[i]);
    }
    if (status == PERCEPT_OK)
        status = add_node(import, delegate, inputs, call->count - inputs, ids);
    for (uint32_t i = inputs; i < call->count && status == PERCEPT_OK; i++)
        status = write_output(import, delegate, call->args[i], ids[i]);
    return status;
}
