/* Why: a method is lists of indices into other lists. After this file every one of them is in
 * range. */
#include "runtime/program_data.h"

#include <string.h>

enum {
    PLAN_NAME,
    PLAN_CONTAINER,
    PLAN_VALUES,
    PLAN_INPUTS,
    PLAN_OUTPUTS,
    PLAN_CHAINS,
    PLAN_OPERATORS,
    PLAN_DELEGATES,
    PLAN_BUFFER_SIZES,
};

enum { CHAIN_INSTRUCTIONS = 2 };
enum { DATA_INLINE, DATA_SEGMENT };
enum { MOST_DEVICE_CHARS = 40 };

/* Of the union KernelTypes. */
enum value_type {
    VALUE_ABSENT,
    VALUE_NONE,
    VALUE_INT,
    VALUE_BOOL,
    VALUE_DOUBLE,
    VALUE_TENSOR,
    VALUE_STRING,
    VALUE_INT_LIST,
    VALUE_DOUBLE_LIST,
    VALUE_BOOL_LIST,
    VALUE_TENSOR_LIST,
    VALUE_OPTIONAL_TENSOR_LIST,
};

/* A list of 4- or 8-byte indices of values. -1 is None where that may be. */
static enum percept_status parse_indices(struct prt_parse *parse, struct prt_fb_vector list,
                                         unsigned bytes, uint32_t value_count, bool may_be_none,
                                         uint32_t **indices)
{
    uint32_t *parsed = base_arena_array(&parse->program->arena, list.count, sizeof *parsed);
    if (!parsed)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        uint64_t index = prt_fb_item(list, i, bytes);
        bool none = may_be_none && index == UINT32_MAX;
        if (index >= value_count && !none)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "there is no value %lld, only %u",
                                  bytes == 4 ? (long long)(int32_t)index : (long long)index,
                                  value_count);
        parsed[i] = none ? PRT_NO_VALUE : (uint32_t)index;
    }
    *indices = parsed;
    return PERCEPT_OK;
}

/* ---- values ---- */

static enum percept_status parse_scalar_list(struct prt_parse *parse, struct prt_fb_table table,
                                             struct prt_program_value *value)
{
    bool doubles = value->kind == PRT_VALUE_DOUBLE_LIST;
    unsigned bytes = doubles ? sizeof(double) : 1;
    struct prt_fb_vector list = prt_fb_list(table, 0, bytes);
    void *copy = base_arena_array(&parse->program->arena, list.count, bytes);
    if (!copy)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        uint64_t bits = prt_fb_item(list, i, bytes);
        if (doubles)
            memcpy((double *)copy + i, &bits, sizeof bits);
        else
            ((bool *)copy)[i] = bits != 0;
    }
    value->list.count = list.count;
    if (doubles)
        value->list.doubles = copy;
    else
        value->list.bools = copy;
    return PERCEPT_OK;
}

static enum percept_status parse_value_list(struct prt_parse *parse, struct prt_fb_table table,
                                            unsigned bytes, bool may_be_none, uint32_t value_count,
                                            struct prt_program_value *value)
{
    struct prt_fb_vector list = prt_fb_list(table, 0, bytes);
    uint32_t *ids = NULL;
    enum percept_status status = parse_indices(parse, list, bytes, value_count, may_be_none, &ids);
    if (status == PERCEPT_OK) {
        value->list.count = list.count;
        value->list.ids = ids;
    }
    return status;
}

static enum percept_status parse_string(struct prt_parse *parse, struct prt_fb_table table,
                                        struct prt_program_value *value)
{
    const char *text = prt_fb_text(table, 0, &value->string.length);
    value->string.text = base_arena_strndup(&parse->program->arena, text, value->string.length);
    return value->string.text ? PERCEPT_OK : prt_parse_no_memory(parse);
}

static enum percept_status parse_value(struct prt_parse *parse, struct prt_fb_table entry,
                                       struct prt_fb_vector buffer_sizes, uint32_t value_count,
                                       struct prt_program_value *value)
{
    enum value_type type = (enum value_type)prt_fb_u8(entry, 0);
    struct prt_fb_table table = prt_fb_child(entry, 1);
    if (type != VALUE_ABSENT && type != VALUE_NONE && table.at == 0)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "a value has a type but no content");
    switch (type) {
    case VALUE_ABSENT:
    case VALUE_NONE:
        value->kind = PRT_VALUE_NONE;
        return PERCEPT_OK;
    case VALUE_INT:
        value->kind = PRT_VALUE_INT;
        value->i = prt_fb_i64(table, 0);
        return PERCEPT_OK;
    case VALUE_BOOL:
        value->kind = PRT_VALUE_BOOL;
        value->b = prt_fb_bool(table, 0);
        return PERCEPT_OK;
    case VALUE_DOUBLE:
        value->kind = PRT_VALUE_DOUBLE;
        value->d = prt_fb_f64(table, 0);
        return PERCEPT_OK;
    case VALUE_TENSOR:
        value->kind = PRT_VALUE_TENSOR;
        return prt_parse_tensor(parse, table, buffer_sizes, &value->tensor);
    case VALUE_STRING:
        value->kind = PRT_VALUE_STRING;
        return parse_string(parse, table, value);
    case VALUE_INT_LIST:
        value->kind = PRT_VALUE_INT_LIST;
        return parse_value_list(parse, table, 8, false, value_count, value);
    case VALUE_DOUBLE_LIST:
    case VALUE_BOOL_LIST:
        value->kind = type == VALUE_BOOL_LIST ? PRT_VALUE_BOOL_LIST : PRT_VALUE_DOUBLE_LIST;
        return parse_scalar_list(parse, table, value);
    case VALUE_TENSOR_LIST:
    case VALUE_OPTIONAL_TENSOR_LIST:
        value->kind = PRT_VALUE_TENSOR_LIST;
        return parse_value_list(parse, table, 4, type == VALUE_OPTIONAL_TENSOR_LIST, value_count,
                                value);
    }
    return prt_parse_fail(parse, PERCEPT_UNSUPPORTED, "a value has the unknown type %d", (int)type);
}

static enum percept_status parse_values(struct prt_parse *parse, struct prt_fb_table plan,
                                        struct prt_method *method)
{
    struct prt_fb_vector list = prt_fb_list(plan, PLAN_VALUES, 4);
    struct prt_fb_vector buffer_sizes = prt_fb_list(plan, PLAN_BUFFER_SIZES, 8);
    method->values = base_arena_array(&parse->program->arena, list.count, sizeof *method->values);
    if (!method->values)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        enum percept_status status = parse_value(parse, prt_fb_item_table(list, i), buffer_sizes,
                                                 list.count, &method->values[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    method->value_count = list.count;
    return prt_parse_check(parse);
}

/* ---- operators and delegates ---- */

static enum percept_status parse_operators(struct prt_parse *parse, struct prt_fb_table plan,
                                           struct prt_method *method)
{
    struct prt_fb_vector list = prt_fb_list(plan, PLAN_OPERATORS, 4);
    struct base_arena *arena = &parse->program->arena;
    method->operators = base_arena_array(arena, list.count, sizeof *method->operators);
    if (!method->operators)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        struct prt_fb_table entry = prt_fb_item_table(list, i);
        size_t name_length, overload_length;
        const char *name = prt_fb_text(entry, 0, &name_length);
        const char *overload = prt_fb_text(entry, 1, &overload_length);
        char *text = base_arena_alloc(arena, name_length + overload_length + 2);
        if (!text)
            return prt_parse_no_memory(parse);
        memcpy(text, name, name_length);
        if (overload_length) {
            text[name_length] = '.';
            memcpy(text + name_length + 1, overload, overload_length);
        }
        method->operators[i] = text;
    }
    method->operator_count = list.count;
    return prt_parse_check(parse);
}

/* Of what the delegate's compiler was told, the device; other specs are between it and its backend.
 */
static enum percept_status parse_specs(struct prt_parse *parse, struct prt_fb_table entry,
                                       struct prt_delegate *delegate)
{
    struct prt_fb_vector specs = prt_fb_list(entry, 2, 4);
    for (uint32_t i = 0; i < specs.count; i++) {
        struct prt_fb_table spec = prt_fb_item_table(specs, i);
        size_t length;
        const char *key = prt_fb_text(spec, 0, &length);
        if (length != 6 || memcmp(key, "device", 6) != 0)
            continue;
        struct prt_fb_vector value = prt_fb_list(spec, 1, 1);
        const char *text = (const char *)parse->buffer.bytes + value.at;
        bool printable = value.count > 0 && value.count <= MOST_DEVICE_CHARS;
        for (uint32_t k = 0; k < value.count && printable; k++)
            printable = text[k] > ' ' && text[k] <= '~';
        if (!printable)
            continue;
        delegate->device = base_arena_strndup(&parse->program->arena, text, value.count);
        return delegate->device ? PERCEPT_OK : prt_parse_no_memory(parse);
    }
    return PERCEPT_OK;
}

static enum percept_status parse_delegate(struct prt_parse *parse, struct prt_fb_table entry,
                                          struct prt_delegate *delegate)
{
    size_t length;
    const char *id = prt_fb_text(entry, 0, &length);
    delegate->id = base_arena_strndup(&parse->program->arena, id, length);
    if (!delegate->id)
        return prt_parse_no_memory(parse);
    enum percept_status status = parse_specs(parse, entry, delegate);
    if (status != PERCEPT_OK)
        return status;
    struct prt_fb_table reference = prt_fb_child(entry, 1);
    uint8_t location = prt_fb_u8(reference, 0);
    uint32_t index = prt_fb_u32(reference, 1);
    bool inside = location == DATA_SEGMENT  ? index < parse->program->segment_count
                  : location == DATA_INLINE ? index < parse->inline_delegates.count
                                            : false;
    if (reference.at == 0 || !inside)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "the data of delegate '%.64s' is missing",
                              delegate->id);
    if (location == DATA_SEGMENT) {
        delegate->blob = parse->program->segments[index];
        return prt_program_need(parse->program, delegate->blob.data, delegate->blob.size,
                                parse->error);
    }
    struct prt_fb_vector bytes =
        prt_fb_list(prt_fb_item_table(parse->inline_delegates, index), 0, 1);
    delegate->blob = (struct prt_bytes){parse->buffer.bytes + bytes.at, bytes.count};
    return PERCEPT_OK;
}

static enum percept_status parse_delegates(struct prt_parse *parse, struct prt_fb_table plan,
                                           struct prt_method *method)
{
    struct prt_fb_vector list = prt_fb_list(plan, PLAN_DELEGATES, 4);
    method->delegates =
        base_arena_array(&parse->program->arena, list.count, sizeof *method->delegates);
    if (!method->delegates)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < list.count; i++) {
        enum percept_status status =
            parse_delegate(parse, prt_fb_item_table(list, i), &method->delegates[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    method->delegate_count = list.count;
    return prt_parse_check(parse);
}

/* ---- instructions ---- */

static enum percept_status parse_call(struct prt_parse *parse, struct prt_fb_table table,
                                      const struct prt_method *method, uint32_t callee_count,
                                      struct prt_instruction *instruction)
{
    instruction->index = prt_fb_u32(table, 0);
    if (instruction->index >= callee_count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED,
                              "an instruction calls operator or delegate %u of %u",
                              instruction->index, callee_count);
    struct prt_fb_vector args = prt_fb_list(table, 1, 4);
    uint32_t *ids;
    enum percept_status status = parse_indices(parse, args, 4, method->value_count, false, &ids);
    if (status == PERCEPT_OK) {
        instruction->count = args.count;
        instruction->args = ids;
    }
    return status;
}

/* chain_first, chain_count: the chain that it is part of, within which jumps go. */
static enum percept_status parse_instruction(struct prt_parse *parse, struct prt_fb_table entry,
                                             const struct prt_method *method, uint32_t chain_first,
                                             uint32_t chain_count,
                                             struct prt_instruction *instruction)
{
    struct prt_fb_table table = prt_fb_child(entry, 1);
    uint8_t kind = prt_fb_u8(entry, 0);
    if (table.at == 0 || kind < PRT_INSTRUCTION_KERNEL || kind > PRT_INSTRUCTION_FREE)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "an instruction is empty or of kind %u",
                              kind);
    instruction->kind = (enum prt_instruction_kind)kind;
    if (kind == PRT_INSTRUCTION_KERNEL)
        return parse_call(parse, table, method, method->operator_count, instruction);
    if (kind == PRT_INSTRUCTION_DELEGATE)
        return parse_call(parse, table, method, method->delegate_count, instruction);
    /* The others name one value, a move two. */
    uint32_t count = kind == PRT_INSTRUCTION_MOVE ? 2 : 1;
    uint32_t *ids = base_arena_array(&parse->program->arena, count, sizeof *ids);
    if (!ids)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = prt_fb_u32(table, i);
        if (ids[i] >= method->value_count)
            return prt_parse_fail(parse, PERCEPT_MALFORMED, "an instruction names value %d of %u",
                                  (int)ids[i], method->value_count);
    }
    instruction->count = count;
    instruction->args = ids;
    uint32_t target = kind == PRT_INSTRUCTION_JUMP_FALSE ? prt_fb_u32(table, 1) : 0;
    if (target > chain_count)
        return prt_parse_fail(parse, PERCEPT_MALFORMED, "a jump goes to instruction %u of %u",
                              target, chain_count);
    instruction->index = chain_first + target;
    return PERCEPT_OK;
}

static enum percept_status parse_instructions(struct prt_parse *parse, struct prt_fb_table plan,
                                              struct prt_method *method)
{
    struct prt_fb_vector chains = prt_fb_list(plan, PLAN_CHAINS, 4);
    size_t total = 0;
    for (uint32_t i = 0; i < chains.count; i++)
        total += prt_fb_list(prt_fb_item_table(chains, i), CHAIN_INSTRUCTIONS, 4).count;
    method->instructions =
        base_arena_array(&parse->program->arena, total, sizeof *method->instructions);
    if (!method->instructions)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < chains.count; i++) {
        struct prt_fb_vector list =
            prt_fb_list(prt_fb_item_table(chains, i), CHAIN_INSTRUCTIONS, 4);
        uint32_t first = method->instruction_count;
        for (uint32_t j = 0; j < list.count && method->instruction_count < total; j++) {
            enum percept_status status =
                parse_instruction(parse, prt_fb_item_table(list, j), method, first, list.count,
                                  &method->instructions[method->instruction_count]);
            if (status != PERCEPT_OK)
                return status;
            method->instruction_count++;
        }
    }
    return prt_parse_check(parse);
}

/* ---- what a method names, for people ---- */

static enum percept_status count_items(struct prt_parse *parse, struct prt_method *method)
{
    uint32_t count = method->operator_count + method->delegate_count;
    method->items = base_arena_array(&parse->program->arena, count, sizeof *method->items);
    if (!method->items)
        return prt_parse_no_memory(parse);
    for (uint32_t i = 0; i < count; i++) {
        bool delegate = i >= method->operator_count;
        method->items[i].delegate = delegate;
        method->items[i].name =
            delegate ? method->delegates[i - method->operator_count].id : method->operators[i];
    }
    for (uint32_t i = 0; i < method->instruction_count; i++) {
        const struct prt_instruction *instruction = &method->instructions[i];
        if (instruction->kind == PRT_INSTRUCTION_KERNEL)
            method->items[instruction->index].calls++;
        else if (instruction->kind == PRT_INSTRUCTION_DELEGATE)
            method->items[method->operator_count + instruction->index].calls++;
    }
    method->item_count = count;
    return PERCEPT_OK;
}

enum percept_status prt_parse_method(struct prt_parse *parse, struct prt_fb_table plan,
                                     struct prt_method *method)
{
    size_t length;
    const char *name = prt_fb_text(plan, PLAN_NAME, &length);
    method->name = base_arena_strndup(&parse->program->arena, name, length);
    if (!method->name)
        return prt_parse_no_memory(parse);
    enum percept_status status = parse_values(parse, plan, method);
    if (status == PERCEPT_OK)
        status = parse_operators(parse, plan, method);
    if (status == PERCEPT_OK)
        status = parse_delegates(parse, plan, method);
    if (status == PERCEPT_OK)
        status = parse_instructions(parse, plan, method);
    struct prt_fb_vector inputs = prt_fb_list(plan, PLAN_INPUTS, 4);
    struct prt_fb_vector outputs = prt_fb_list(plan, PLAN_OUTPUTS, 4);
    if (status == PERCEPT_OK)
        status = parse_indices(parse, inputs, 4, method->value_count, false, &method->inputs);
    if (status == PERCEPT_OK)
        status = parse_indices(parse, outputs, 4, method->value_count, false, &method->outputs);
    if (status == PERCEPT_OK)
        status = count_items(parse, method);
    if (status != PERCEPT_OK)
        return status;
    method->input_count = inputs.count;
    method->output_count = outputs.count;
    return prt_parse_check(parse);
}
