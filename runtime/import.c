/* Why: walks a method's instructions in order and hands each to the importer that knows it. */
#include "runtime/import.h"

#include "base/checked.h"
#include "runtime/yield.h"

#include <stdio.h>
#include <string.h>

/* Loops are unrolled, so one that does not end must. */
enum { MAX_STEPS = 1 << 16 };

/* The graph and what dies with the import take no more than this for each byte of the file. */
enum { GRAPH_BYTES_PER_BYTE = 256, GRAPH_BYTES_MIN = 1 << 22 };

static const struct {
    const char *id;
    enum percept_status (*import)(struct prt_import *import, const struct prt_delegate *delegate,
                                  const struct prt_instruction *call);
} delegates[] = {
    {"XnnpackBackend", prt_import_xnnpack},
    {"VulkanBackend", prt_import_vulkan},
    {"TOSABackend", prt_import_tosa},
};

/* Where only the data tell a size or a branch, a graph compares; a build without that refuses. */
static const bool by_data[PRT_OP_COUNT] = {[PRT_OP_EXPECT] = true};

/* Other delegates are for their own backend; a build for one program has none. */
static const bool opaque[PRT_OP_COUNT] = {[PRT_OP_BLOB] = true};

bool prt_import_follows_data(void)
{
    return by_data[PRT_OP_EXPECT];
}

void prt_import_error(struct prt_import *import, enum percept_status status, const char *format,
                      ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    percept_error_fill(import->error, status, import->program->name, 0, 0,
                       "method '%.64s', instruction %u%s%.96s: %s", import->method->name,
                       import->origin, import->name ? ", " : "", import->name ? import->name : "",
                       text);
}

enum percept_status prt_import_no_memory(struct prt_import *import)
{
    return prt_import_fail(import, PERCEPT_NO_MEMORY,
                           "the graph needs more than its limit of %zu bytes, or memory is short",
                           import->graph->arena.limit);
}

/* ---- building ---- */

const struct prt_tensor *prt_import_spec(const struct prt_import *import, uint32_t id)
{
    return &import->graph->values[id].tensor;
}

struct prt_tensor prt_import_like(const struct prt_tensor *x, unsigned rank, const int32_t *sizes)
{
    struct prt_tensor spec = {.dtype = x->dtype, .rank = (uint8_t)rank};
    for (unsigned i = 0; i < rank; i++) {
        spec.dim_order[i] = (uint8_t)i;
        spec.sizes[i] = sizes[i];
    }
    if (x->quant.kind == PRT_QUANT_PER_TENSOR)
        spec.quant = x->quant;
    return spec;
}

enum percept_status prt_import_temporary(struct prt_import *import, const struct prt_tensor *spec,
                                         uint32_t *id)
{
    size_t bytes;
    if (!prt_tensor_bytes(spec, &bytes))
        return prt_import_fail(import, PERCEPT_MALFORMED, "a tensor's size in bytes overflows");
    uint32_t created = prt_graph_add_tensor(import->graph, spec);
    if (created == PRT_NO_VALUE)
        return prt_import_no_memory(import);
    *id = created;
    return PERCEPT_OK;
}

enum percept_status prt_import_constant(struct prt_import *import, const struct prt_tensor *spec,
                                        const void *data, uint32_t *id)
{
    uint32_t created;
    enum percept_status status = prt_import_temporary(import, spec, &created);
    if (status != PERCEPT_OK)
        return status;
    struct prt_value *value = &import->graph->values[created];
    if ((uintptr_t)data % prt_dtype_size(spec->dtype) != 0) {
        data = base_arena_copy(&import->graph->arena, data, value->bytes);
        if (!data)
            return prt_import_no_memory(import);
    }
    value->flags = PRT_FLAG_CONSTANT;
    value->data = data;
    *id = created;
    return PERCEPT_OK;
}

static enum percept_status new_scalar(struct prt_import *import, enum prt_value_kind kind,
                                      uint32_t *id)
{
    uint32_t created = prt_graph_add_value(import->graph, kind);
    if (created == PRT_NO_VALUE)
        return prt_import_no_memory(import);
    *id = created;
    return PERCEPT_OK;
}

enum percept_status prt_import_int(struct prt_import *import, int64_t i, uint32_t *id)
{
    enum percept_status status = new_scalar(import, PRT_VALUE_INT, id);
    if (status == PERCEPT_OK)
        import->graph->values[*id].i = i;
    return status;
}

enum percept_status prt_import_double(struct prt_import *import, double d, uint32_t *id)
{
    enum percept_status status = new_scalar(import, PRT_VALUE_DOUBLE, id);
    if (status == PERCEPT_OK)
        import->graph->values[*id].d = d;
    return status;
}

enum percept_status prt_import_scalar(struct prt_import *import, uint32_t v, uint32_t *id)
{
    const struct prt_program_value *value = &import->values[v];
    if (value->kind == PRT_VALUE_INT)
        return prt_import_int(import, value->i, id);
    if (value->kind == PRT_VALUE_DOUBLE)
        return prt_import_double(import, value->d, id);
    if (value->kind == PRT_VALUE_NONE)
        return new_scalar(import, PRT_VALUE_NONE, id);
    enum percept_status status = new_scalar(import, PRT_VALUE_BOOL, id);
    if (status == PERCEPT_OK)
        import->graph->values[*id].b = value->kind == PRT_VALUE_BOOL && value->b;
    return status;
}

struct prt_node *prt_import_node(struct prt_import *import, enum prt_op op, uint32_t output,
                                 unsigned count, const uint32_t *inputs)
{
    struct prt_node *node = prt_graph_add_node(import->graph, op, count, 1);
    if (!node) {
        prt_import_no_memory(import);
        return NULL;
    }
    memcpy(node->inputs, inputs, count * sizeof *inputs);
    node->outputs[0] = output;
    import->graph->values[output].producer = import->graph->node_count - 1;
    for (unsigned i = 0; i < count; i++)
        if (inputs[i] != PRT_NO_VALUE)
            import->graph->values[inputs[i]].uses++;
    node->origin = import->origin;
    node->name = import->name;
    return node;
}

enum percept_status prt_import_convert(struct prt_import *import, uint32_t x, enum prt_dtype dtype,
                                       uint32_t *id)
{
    struct prt_tensor spec = *prt_import_spec(import, x);
    if (spec.dtype == dtype) {
        *id = x;
        return PERCEPT_OK;
    }
    spec.dtype = dtype;
    uint32_t converted;
    enum percept_status status = prt_import_temporary(import, &spec, &converted);
    if (status != PERCEPT_OK)
        return status;
    if (!prt_import_node(import, PRT_OP_CONVERT, converted, 1, &x))
        return PERCEPT_NO_MEMORY;
    *id = converted;
    return PERCEPT_OK;
}

enum percept_status prt_import_reshape(struct prt_import *import, uint32_t x, uint32_t output)
{
    const struct prt_value *from = &import->graph->values[x];
    struct prt_value *to = &import->graph->values[output];
    /* A constant of another shape is a constant. */
    if (from->flags & PRT_FLAG_CONSTANT && from->bytes == to->bytes &&
        from->tensor.dtype == to->tensor.dtype && from->tensor.quant.kind == PRT_QUANT_NONE &&
        to->tensor.quant.kind == PRT_QUANT_NONE && prt_tensor_is_contiguous(&from->tensor) &&
        prt_tensor_is_contiguous(&to->tensor)) {
        to->flags |= PRT_FLAG_CONSTANT | (from->flags & PRT_FLAGS_DEFERRED);
        to->data = from->data;
        return PERCEPT_OK;
    }
    return prt_import_node(import, PRT_OP_RESHAPE, output, 1, &x) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
}

enum percept_status prt_import_permute(struct prt_import *import, uint32_t x, const uint8_t *order,
                                       uint32_t output)
{
    unsigned rank = prt_import_spec(import, x)->rank;
    uint8_t copy[PRT_MAX_RANK]; /* order may lie in a value, which the append may move */
    memcpy(copy, order, rank);
    struct prt_node *node = prt_import_node(import, PRT_OP_PERMUTE, output, 1, &x);
    if (!node)
        return PERCEPT_NO_MEMORY;
    memcpy(node->attrs.permute.order, copy, rank);
    return PERCEPT_OK;
}

/* ---- the walk ---- */

enum percept_status prt_import_begin(struct prt_import *import)
{
    const struct prt_method *method = import->method;
    import->values = base_arena_copy(&import->arena, method->values,
                                     method->value_count * sizeof *method->values);
    import->identity =
        base_arena_array(&import->arena, method->value_count, sizeof *import->identity);
    import->constants =
        base_arena_array(&import->arena, method->value_count, sizeof *import->constants);
    import->operators =
        base_arena_array(&import->arena, method->operator_count, sizeof *import->operators);
    import->weights = NULL; /* found out when a large constant asks */
    if (!import->values || !import->identity || !import->constants || !import->operators)
        return prt_import_no_memory(import);
    for (uint32_t v = 0; v < method->value_count; v++) {
        import->identity[v] = v;
        import->constants[v] = PRT_NO_VALUE;
    }
    return prt_import_memory_create(import);
}

/* An input that is no tensor: the number chosen for it, else the one in the program. */
static enum percept_status import_number(struct prt_import *import, uint32_t index, uint32_t *id)
{
    struct prt_program_value *value = &import->values[import->method->inputs[index]];
    struct prt_scalar number = {.kind = PRT_VALUE_NONE};
    if (index < import->choice_count)
        number = import->choices[index].number;
    bool given = number.kind != PRT_VALUE_NONE;
    if (value->kind > PRT_VALUE_BOOL)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "input %u is neither a tensor nor a number", index);
    if (given && number.kind != value->kind)
        return prt_import_fail(import, PERCEPT_INVALID, "input %u is of another kind", index);
    if (given && value->kind == PRT_VALUE_INT)
        value->i = number.i;
    else if (given && value->kind == PRT_VALUE_DOUBLE)
        value->d = number.d;
    else if (given)
        value->b = number.b;
    return prt_import_scalar(import, import->method->inputs[index], id);
}

static enum percept_status is_complex(struct prt_import *import, const char *what, uint32_t index)
{
    return prt_import_fail(import, PERCEPT_UNSUPPORTED, "%s %u has complex numbers", what, index);
}

/* An input of the sizes that were chosen for it, else as large as it may be. */
static enum percept_status import_tensor(struct prt_import *import, uint32_t index, uint32_t *id)
{
    uint32_t v = import->method->inputs[index];
    const struct prt_choice *choice =
        index < import->choice_count ? &import->choices[index] : &(struct prt_choice){0};
    const struct prt_program_tensor *tensor = import->values[v].tensor;
    int64_t sizes[PRT_MAX_RANK];
    if (choice->number.kind != PRT_VALUE_NONE)
        return prt_import_fail(import, PERCEPT_INVALID, "input %u is of another kind", index);
    if (tensor->complex)
        return is_complex(import, "input", index);
    for (unsigned i = 0; choice->sized && i < tensor->spec.rank; i++) {
        int32_t size = choice->sizes[i], most = tensor->spec.sizes[i];
        if (size == most && !tensor->unbounded)
            continue;
        if (!tensor->dynamic || size < 0 || (size > most && !tensor->unbounded))
            return percept_fail(import->error, PERCEPT_INVALID, "input %u: size %u is %d, %s %d",
                                index, i, size, tensor->dynamic ? "at most" : "must be", most);
        import->resized = true;
    }
    for (unsigned i = 0; i < tensor->spec.rank; i++)
        sizes[i] = choice->sized ? choice->sizes[i] : tensor->spec.sizes[i];
    enum percept_status status = choice->sized && tensor->dynamic
                                     ? prt_import_set_sizes(import, v, tensor->spec.rank, sizes)
                                     : PERCEPT_OK;
    return status == PERCEPT_OK ? prt_import_write(import, v, id) : status;
}

static enum percept_status import_inputs(struct prt_import *import)
{
    const struct prt_method *method = import->method;
    struct prt_graph *graph = import->graph;
    graph->inputs = base_arena_array(&graph->arena, method->input_count, sizeof *graph->inputs);
    if (!graph->inputs)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < method->input_count; i++) {
        uint32_t v = method->inputs[i];
        enum percept_status status = import->values[v].kind == PRT_VALUE_TENSOR
                                         ? import_tensor(import, i, &graph->inputs[i])
                                         : import_number(import, i, &graph->inputs[i]);
        if (status != PERCEPT_OK)
            return status;
        graph->values[graph->inputs[i]].flags = PRT_FLAG_INPUT;
        graph->input_count++;
    }
    return PERCEPT_OK;
}

static enum percept_status import_outputs(struct prt_import *import)
{
    const struct prt_method *method = import->method;
    struct prt_graph *graph = import->graph;
    graph->outputs = base_arena_array(&graph->arena, method->output_count, sizeof *graph->outputs);
    if (!graph->outputs)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < method->output_count; i++) {
        uint32_t v = method->outputs[i];
        if (import->values[v].kind > PRT_VALUE_BOOL)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                                   "output %u is neither a tensor nor a number", i);
        if (import->values[v].kind == PRT_VALUE_TENSOR && import->values[v].tensor->complex)
            return is_complex(import, "output", i);
        enum percept_status status = import->values[v].kind == PRT_VALUE_TENSOR
                                         ? prt_import_read(import, v, &graph->outputs[i])
                                         : prt_import_scalar(import, v, &graph->outputs[i]);
        if (status != PERCEPT_OK)
            return status;
        graph->values[graph->outputs[i]].flags |= PRT_FLAG_OUTPUT;
        graph->output_count++;
    }
    return PERCEPT_OK;
}

/* The second value becomes another name of the first. */
static enum percept_status import_move(struct prt_import *import, uint32_t from, uint32_t to)
{
    import->name = "MoveCall";
    enum prt_value_kind a = import->values[from].kind, b = import->values[to].kind;
    bool integers = (a == PRT_VALUE_INT || a == PRT_VALUE_AT_RUN) &&
                    (b == PRT_VALUE_INT || b == PRT_VALUE_AT_RUN);
    if (a != b && !integers)
        return prt_import_fail(import, PERCEPT_MALFORMED, "changes the kind of value %u", to);
    if (a == PRT_VALUE_TENSOR)
        import->identity[to] = import->identity[from];
    else
        import->values[to] = import->values[from];
    return PERCEPT_OK;
}

static enum percept_status import_delegate(struct prt_import *import,
                                           const struct prt_instruction *instruction)
{
    const struct prt_delegate *delegate = &import->method->delegates[instruction->index];
    import->name = delegate->id;
    for (size_t i = 0; i < sizeof delegates / sizeof delegates[0]; i++)
        if (strcmp(delegates[i].id, delegate->id) == 0)
            return delegates[i].import(import, delegate, instruction);
    if (!opaque[PRT_OP_BLOB])
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the delegate is not supported");
    return prt_import_blob(import, delegate, instruction);
}

/* next: the instruction that follows, which a jump changes. */
static enum percept_status import_instruction(struct prt_import *import,
                                              const struct prt_instruction *instruction,
                                              uint32_t *next)
{
    switch (instruction->kind) {
    case PRT_INSTRUCTION_KERNEL:
        import->name = import->method->operators[instruction->index];
        return prt_import_aten(import, instruction);
    case PRT_INSTRUCTION_DELEGATE:
        return import_delegate(import, instruction);
    case PRT_INSTRUCTION_MOVE:
        return import_move(import, instruction->args[0], instruction->args[1]);
    case PRT_INSTRUCTION_JUMP_FALSE:
        return prt_import_jump(import, instruction, next);
    case PRT_INSTRUCTION_FREE:
        import->name = "FreeCall";
        if (import->values[instruction->args[0]].kind != PRT_VALUE_TENSOR)
            return prt_import_fail(import, PERCEPT_MALFORMED, "frees value %u, which is no tensor",
                                   instruction->args[0]);
        return PERCEPT_OK; /* values live as long as they are used */
    }
    return prt_import_fail(import, PERCEPT_MALFORMED, "unknown instruction");
}

static enum percept_status import_instructions(struct prt_import *import)
{
    const struct prt_method *method = import->method;
    uint64_t steps = 0, limit = (uint64_t)method->instruction_count + MAX_STEPS;
    enum percept_status status = PERCEPT_OK;
    for (uint32_t next = 0; next < method->instruction_count && status == PERCEPT_OK;) {
        const struct prt_instruction *instruction = &method->instructions[next];
        import->origin = next++;
        if (steps++ == limit)
            return prt_import_fail(import, PERCEPT_LIMIT,
                                   "%u instructions run more than %llu times: an endless loop?",
                                   method->instruction_count, (unsigned long long)limit);
        status = import_instruction(import, instruction, &next);
        prt_yield_plan();
    }
    return status;
}

static enum percept_status import_method(struct prt_import *import)
{
    enum percept_status status = prt_import_begin(import);
    if (status == PERCEPT_OK)
        status = import_inputs(import);
    if (status == PERCEPT_OK)
        status = import_instructions(import);
    if (status == PERCEPT_OK)
        status = import_outputs(import);
    if (status == PERCEPT_OK)
        status = prt_import_states(import);
    if (status == PERCEPT_OK)
        status = prt_import_data_outputs(import);
    if (status != PERCEPT_OK)
        return status;
    import->graph->arena.limit = 0; /* what passes add is their business */
    struct percept_error found = {0};
    status = prt_graph_finish(import->graph, &found);
    if (status != PERCEPT_OK)
        percept_fail_at(import->error, status, import->program->name, 0, 0, "method '%.64s': %s",
                        import->method->name, found.message);
    return status;
}

static const struct prt_method *find_method(const struct prt_program *program, const char *name)
{
    for (uint32_t i = 0; i < program->method_count; i++)
        if (strcmp(program->methods[i].name, name) == 0)
            return &program->methods[i];
    return NULL;
}

enum percept_status prt_program_import(const struct prt_program *program, const char *method,
                                       struct prt_graph **graph, struct percept_error *error)
{
    return prt_program_import_with(program, method, NULL, 0, graph, error);
}

enum percept_status prt_program_import_with(const struct prt_program *program, const char *method,
                                            const struct prt_choice *choices, size_t count,
                                            struct prt_graph **graph, struct percept_error *error)
{
    return prt_program_import_sized(program, method, choices, count, NULL, 0, graph, error);
}

static enum percept_status import_sized(const struct prt_program *program, const char *method,
                                        const struct prt_choice *choices, size_t count,
                                        const int64_t *data_sizes, size_t data_size_count,
                                        bool defers, struct prt_graph **graph,
                                        struct percept_error *error)
{
    struct prt_import import = {.program = program,
                                .defers = defers,
                                .error = error,
                                .choices = choices,
                                .choice_count = count,
                                .data_sizes = data_sizes,
                                .data_size_count = data_size_count};
    import.method = find_method(program, method);
    if (!import.method)
        return percept_fail_at(error, PERCEPT_NOT_FOUND, program->name, 0, 0,
                               "there is no method '%.64s'", method);
    size_t limit;
    if (!base_mul_size(program->total_bytes, GRAPH_BYTES_PER_BYTE, &limit) ||
        !base_add_size(limit, GRAPH_BYTES_MIN, &limit))
        limit = SIZE_MAX;
    enum percept_status status = prt_graph_create(&import.graph, error);
    if (status != PERCEPT_OK)
        return status;
    import.graph->program = program;
    import.graph->arena.limit = import.arena.limit = limit;
    status = import_method(&import);
    base_arena_reset(&import.arena);
    if (status == PERCEPT_OK)
        *graph = import.graph;
    else
        prt_graph_destroy(import.graph);
    return status;
}

enum percept_status prt_program_import_sized(const struct prt_program *program, const char *method,
                                             const struct prt_choice *choices, size_t count,
                                             const int64_t *data_sizes, size_t data_size_count,
                                             struct prt_graph **graph, struct percept_error *error)
{
    return import_sized(program, method, choices, count, data_sizes, data_size_count, false, graph,
                        error);
}

enum percept_status prt_program_import_deferred(const struct prt_program *program,
                                                const char *method,
                                                const struct prt_choice *choices, size_t count,
                                                const int64_t *data_sizes, size_t data_size_count,
                                                struct prt_graph **graph,
                                                struct percept_error *error)
{
    return import_sized(program, method, choices, count, data_sizes, data_size_count, true, graph,
                        error);
}

static const struct prt_tensor *bound_of(const struct prt_method *method, const uint32_t *values,
                                         uint32_t count, size_t index)
{
    if (index >= count)
        return NULL;
    const struct prt_program_value *value = &method->values[values[index]];
    return value->kind == PRT_VALUE_TENSOR && value->tensor->dynamic ? &value->tensor->spec : NULL;
}

const struct prt_tensor *prt_program_input_bound(const struct prt_program *program,
                                                 const char *method, size_t index)
{
    const struct prt_method *found = find_method(program, method);
    return found ? bound_of(found, found->inputs, found->input_count, index) : NULL;
}

const struct prt_tensor *prt_program_output_bound(const struct prt_program *program,
                                                  const char *method, size_t index)
{
    const struct prt_method *found = find_method(program, method);
    return found ? bound_of(found, found->outputs, found->output_count, index) : NULL;
}
