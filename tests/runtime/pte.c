/* Why: a test of an importer is a line of text and the graph it becomes. */
#include "pte.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPE_NULL = 1, TYPE_INT, TYPE_BOOL, TYPE_DOUBLE, TYPE_TENSOR, TYPE_STRING, TYPE_INT_LIST };
enum { TYPE_DOUBLE_LIST = 8, TYPE_TENSOR_LIST = 10 };

static const struct {
    const char *text;
    enum prt_dtype dtype;
} dtypes[] = {
    {"z64", PRT_F32}, {"f32", PRT_F32}, {"f16", PRT_F16},   {"f64", PRT_F64},
    {"i8", PRT_I8},   {"u8", PRT_U8},   {"i16", PRT_I16},   {"u16", PRT_U16},
    {"i32", PRT_I32}, {"i64", PRT_I64}, {"bool", PRT_BOOL}, {"bf16", PRT_BF16},
};

/* ---- reading the text ---- */

static uint32_t new_value(struct pte *pte, int type)
{
    ck_assert_uint_lt(pte->value_count, PTE_VALUES);
    pte->values[pte->value_count].type = type;
    return pte->value_count++;
}

static int64_t number(const char **text)
{
    char *end;
    int64_t result = strtoll(*text, &end, 10);
    *text = end;
    return result;
}

/* "^4", or what all results have: the sizes are upper bounds, so much more. */
static void parse_slack(struct pte_value *value, const char **text, bool dynamic)
{
    int32_t more = dynamic;
    value->dynamic = dynamic || **text == '^';
    if (**text == '^') {
        ++*text;
        more = (int32_t)number(text);
    }
    for (uint32_t i = 0; i < value->rank; i++)
        value->sizes[i] += more;
}

static uint32_t parse_tensor(struct pte *pte, const char **text, bool constant)
{
    uint32_t id = new_value(pte, TYPE_TENSOR);
    struct pte_value *value = &pte->values[id];
    size_t i = 0, length = strcspn(*text, "[");
    while (strncmp(dtypes[i].text, *text, length) != 0 || strlen(dtypes[i].text) != length)
        ck_assert_msg(++i < sizeof dtypes / sizeof dtypes[0], "no type in '%s'", *text);
    value->dtype = dtypes[i].dtype;
    value->complex = **text == 'z';
    value->constant = constant;
    value->planned = !constant;
    *text += length + 1;
    while (**text != ']') {
        value->order[value->rank] = (uint8_t)value->rank;
        value->sizes[value->rank++] = (int32_t)number(text);
        *text += **text == ',';
    }
    ++*text;
    if (**text == '@')
        for (uint32_t d = 0; d < value->rank; d++)
            value->order[d] = (uint8_t)(*++*text - '0');
    *text += strspn(*text, "@0123456789");
    parse_slack(value, text, pte->is_result && pte->dynamic_results);
    value->bytes = prt_dtype_size(value->dtype) * (value->complex ? 2 : 1);
    for (uint32_t d = 0; d < value->rank; d++)
        value->bytes *= (size_t)value->sizes[d];
    value->buffer = 1;
    value->offset = pte->planned_bytes;
    if (!constant)
        pte->planned_bytes += (value->bytes + 15) / 16 * 16;
    return id;
}

static uint32_t parse_number(struct pte *pte, const char **text)
{
    size_t length = strcspn(*text, " ),]}");
    bool real = strcspn(*text, ".e") < length;
    uint32_t id = new_value(pte, real ? TYPE_DOUBLE : TYPE_INT);
    pte->values[id].d = strtod(*text, NULL);
    pte->values[id].i = strtoll(*text, NULL, 10);
    *text += length;
    return id;
}

static uint32_t parse_word(struct pte *pte, const char **text, uint32_t last_result);

static uint32_t parse_list(struct pte *pte, const char **text, char close, bool results)
{
    int64_t ids[PTE_ARGS];
    double doubles[PTE_ARGS];
    uint32_t count = 0;
    ++*text;
    while (**text != close) {
        ck_assert_uint_lt(count, PTE_ARGS);
        if (close == '}') {
            char *end;
            doubles[count++] = strtod(*text, &end);
            *text = end;
        } else if (close == ')' && (results || **text != '$')) {
            bool input =
                !results && **text != 'c' && **text != '>' && **text != '=' && **text != '-';
            uint32_t id = parse_word(pte, text, 0);
            if (input)
                pte->inputs[pte->input_count++] = id;
            ids[count++] = id;
        } else {
            ids[count++] = parse_word(pte, text, 0);
        }
        *text += **text == ',' || **text == ' ';
    }
    ++*text;
    uint32_t id = new_value(pte, close == ']'   ? TYPE_INT_LIST
                                 : close == '}' ? TYPE_DOUBLE_LIST
                                                : TYPE_TENSOR_LIST);
    pte->values[id].count = count;
    if (close == '}')
        memcpy(pte->values[id].doubles, doubles, count * sizeof *doubles);
    else
        memcpy(pte->values[id].ids, ids, count * sizeof *ids);
    return id;
}

static uint32_t parse_word(struct pte *pte, const char **text, uint32_t last_result)
{
    char first = **text;
    if (first == '=') {
        ++*text;
        return last_result;
    }
    if (first == '$') {
        ++*text;
        return (uint32_t)number(text);
    }
    if (first == 'T' || first == 'F') {
        uint32_t id = new_value(pte, TYPE_BOOL);
        pte->values[id].i = first == 'T';
        ++*text;
        return id;
    }
    if (first == '"') {
        uint32_t id = new_value(pte, TYPE_STRING);
        size_t length = strcspn(*text + 1, "\"");
        memcpy(pte->values[id].text, *text + 1, length);
        *text += length + 2;
        return id;
    }
    if (first == '[')
        return parse_list(pte, text, ']', false);
    if (first == '{')
        return parse_list(pte, text, '}', false);
    if (first == '(')
        return parse_list(pte, text, ')', false);
    if (first == '>') {
        ++*text;
        pte->is_result = true;
        uint32_t id =
            **text == '(' ? parse_list(pte, text, ')', true) : parse_tensor(pte, text, false);
        pte->is_result = false;
        return id;
    }
    if (first == 'c') {
        ++*text;
        return parse_tensor(pte, text, true);
    }
    if (first == '-' && !isdigit((*text)[1])) {
        ++*text;
        return new_value(pte, TYPE_NULL);
    }
    if (isalpha(first))
        return parse_tensor(pte, text, false);
    return parse_number(pte, text);
}

uint32_t pte_value(struct pte *pte, const char *word)
{
    return parse_word(pte, &word, 0);
}

static uint32_t add_call(struct pte *pte, int kind, const char *name, const char *args)
{
    ck_assert_uint_lt(pte->call_count, PTE_CALLS);
    struct pte_call *call = &pte->calls[pte->call_count++];
    call->kind = kind;
    snprintf(call->name, sizeof call->name, "%s", name);
    uint32_t first_result = UINT32_MAX, last_result = UINT32_MAX;
    while (*args) {
        char first = *args;
        bool result = first == '>';
        uint32_t id = parse_word(pte, &args, last_result);
        if (result) {
            last_result = id;
            first_result = first_result == UINT32_MAX ? id : first_result;
        }
        if (islower(first) && first != 'c')
            pte->inputs[pte->input_count++] = id;
        ck_assert_uint_lt(call->count, PTE_ARGS);
        call->args[call->count++] = (int32_t)id;
        args += *args == ' ';
    }
    return first_result;
}

uint32_t pte_call(struct pte *pte, const char *op, const char *args)
{
    uint32_t result = add_call(pte, 1, op, args);
    if (result != UINT32_MAX) {
        pte->output_count = 0;
        bool list = pte->values[result].type == TYPE_TENSOR_LIST;
        uint32_t count = list ? pte->values[result].count : 1;
        for (uint32_t i = 0; i < count; i++)
            pte->outputs[pte->output_count++] =
                list ? (uint32_t)pte->values[result].ids[i] : result;
    }
    return result;
}

uint32_t pte_delegate(struct pte *pte, const char *id, const char *args)
{
    uint32_t result = add_call(pte, 2, id, args);
    pte->outputs[0] = result;
    pte->output_count = result != UINT32_MAX;
    return result;
}

void pte_instruction(struct pte *pte, int kind, int32_t a, int32_t b)
{
    struct pte_call *call = &pte->calls[pte->call_count++];
    *call = (struct pte_call){.kind = kind, .args = {a, b}, .count = 2};
}

void pte_place(struct pte *pte, uint32_t value, uint32_t where, uint64_t bytes)
{
    pte->values[value].buffer = pte->values[where].buffer;
    pte->values[value].offset = pte->values[where].offset + bytes;
}

/* ---- writing the file ---- */

static size_t offsets(struct flat *flat, uint32_t count)
{
    return flat_vector(flat, NULL, count, 4, 4);
}

static void fill(void *data, enum prt_dtype dtype, size_t bytes)
{
    size_t size = prt_dtype_size(dtype);
    for (size_t i = 0; i < bytes / size; i++) {
        if (dtype == PRT_F32)
            ((float *)data)[i] = (float)i + 0.5f;
        else if (size == 8)
            ((int64_t *)data)[i] = (int64_t)i;
        else if (size == 4)
            ((int32_t *)data)[i] = (int32_t)i;
        else
            memset((uint8_t *)data + i * size, (int)i + 1, size);
    }
}

static size_t write_tensor(struct flat *flat, const struct pte_value *value, uint32_t data)
{
    /* dtype, offset, sizes, order, grad, data, allocation, layout, dynamism, extra */
    const char *layout = value->external  ? "14oo04001o"
                         : value->planned ? "14oo04o010"
                                          : "14oo040010";
    size_t table = flat_table(flat, layout);
    enum { COMPLEX_FLOAT = 9 };
    flat_set(flat, table, 0, value->complex ? COMPLEX_FLOAT : value->dtype);
    flat_set(flat, table, 5, data);
    flat_set(flat, table, 8, value->dynamic);
    flat_link(flat, table, 2, flat_vector(flat, value->sizes, value->rank, 4, 4));
    flat_link(flat, table, 3, flat_vector(flat, value->order, value->rank, 1, 4));
    if (value->external) {
        size_t extra = flat_table(flat, "0o1");
        flat_link(flat, table, 9, extra);
        flat_set(flat, extra, 2, 1);
        flat_link(flat, extra, 1, flat_text(flat, value->external));
    } else if (value->planned) {
        size_t allocation = flat_table(flat, "444");
        flat_link(flat, table, 6, allocation);
        flat_set(flat, allocation, 0, value->buffer);
        flat_set(flat, allocation, 1, value->offset & UINT32_MAX);
        flat_set(flat, allocation, 2, value->offset >> 32);
    }
    return table;
}

static size_t write_value(struct flat *flat, const struct pte_value *value, uint32_t data)
{
    size_t table;
    switch (value->type) {
    case TYPE_TENSOR:
        return write_tensor(flat, value, data);
    case TYPE_INT:
        table = flat_table(flat, "8");
        flat_set(flat, table, 0, (uint64_t)value->i);
        return table;
    case TYPE_BOOL:
        table = flat_table(flat, "1");
        flat_set(flat, table, 0, (uint64_t)value->i);
        return table;
    case TYPE_DOUBLE: {
        uint64_t bits;
        memcpy(&bits, &value->d, sizeof bits);
        table = flat_table(flat, "8");
        flat_set(flat, table, 0, bits);
        return table;
    }
    case TYPE_STRING:
        table = flat_table(flat, "o");
        flat_link(flat, table, 0, flat_text(flat, value->text));
        return table;
    case TYPE_INT_LIST:
        table = flat_table(flat, "o");
        flat_link(flat, table, 0, flat_vector(flat, value->ids, value->count, 8, 8));
        return table;
    case TYPE_DOUBLE_LIST:
        table = flat_table(flat, "o");
        flat_link(flat, table, 0, flat_vector(flat, value->doubles, value->count, 8, 8));
        return table;
    case TYPE_TENSOR_LIST: {
        int32_t ids[PTE_ARGS];
        for (uint32_t i = 0; i < value->count; i++)
            ids[i] = (int32_t)value->ids[i];
        table = flat_table(flat, "o");
        flat_link(flat, table, 0, flat_vector(flat, ids, value->count, 4, 4));
        return table;
    }
    default:
        return flat_table(flat, "");
    }
}

static void write_values(struct flat *flat, const struct pte *pte, size_t plan)
{
    size_t list = offsets(flat, pte->value_count);
    flat_link(flat, plan, 2, list);
    uint32_t constants = 0;
    for (uint32_t i = 0; i < pte->value_count; i++) {
        const struct pte_value *value = &pte->values[i];
        size_t entry = flat_table(flat, "1o");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, entry);
        flat_set(flat, entry, 0, (uint64_t)value->type);
        flat_link(flat, entry, 1, write_value(flat, value, value->constant ? ++constants : 0));
    }
}

/* What a delegate's compiler was told. Another spec comes first. */
static void write_specs(struct flat *flat, size_t delegate, const char *device)
{
    size_t specs = offsets(flat, device ? 2 : 1);
    flat_link(flat, delegate, 2, specs);
    for (uint32_t i = 0; i < (device ? 2 : 1); i++) {
        size_t spec = flat_table(flat, "oo");
        flat_link_at(flat, specs + 4 + 4 * (size_t)i, spec);
        flat_link(flat, spec, 0, flat_text(flat, i ? "device" : "effort"));
        const char *value = i ? device : "most";
        flat_link(flat, spec, 1, flat_vector(flat, value, (uint32_t)strlen(value), 1, 1));
    }
}

/* Every call has its own operator. */
static void write_calls(struct flat *flat, const struct pte *pte, size_t plan)
{
    size_t chains = offsets(flat, 1), operators, delegates, list;
    flat_link(flat, plan, 5, chains);
    size_t chain = flat_table(flat, "00o0");
    flat_link_at(flat, chains + 4, chain);
    list = offsets(flat, pte->call_count);
    flat_link(flat, chain, 2, list);
    operators = offsets(flat, pte->call_count);
    flat_link(flat, plan, 6, operators);
    uint32_t delegate_count = 0, delegate = 0;
    for (uint32_t i = 0; i < pte->call_count; i++)
        delegate_count += pte->calls[i].kind == 2;
    delegates = offsets(flat, delegate_count);
    flat_link(flat, plan, 7, delegates);
    for (uint32_t i = 0; i < pte->call_count; i++) {
        const struct pte_call *call = &pte->calls[i];
        size_t entry = flat_table(flat, "1o");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, entry);
        flat_set(flat, entry, 0, (uint64_t)call->kind);
        const char *dot = strchr(call->name, '.');
        char name[96];
        snprintf(name, sizeof name, "%.*s", (int)(dot ? dot - call->name : 95), call->name);
        size_t op = flat_table(flat, "oo");
        flat_link_at(flat, operators + 4 + 4 * (size_t)i, op);
        flat_link(flat, op, 0, flat_text(flat, name));
        flat_link(flat, op, 1, flat_text(flat, dot ? dot + 1 : ""));
        size_t table = flat_table(flat, call->kind <= 2 ? "4o" : "44");
        flat_link(flat, entry, 1, table);
        if (call->kind > 2) {
            flat_set(flat, table, 0, (uint32_t)call->args[0]);
            flat_set(flat, table, 1, (uint32_t)call->args[1]);
            continue;
        }
        flat_set(flat, table, 0, call->kind == 1 ? i : delegate);
        flat_link(flat, table, 1, flat_vector(flat, call->args, call->count, 4, 4));
        if (call->kind == 2) {
            size_t described = flat_table(flat, "ooo");
            flat_link_at(flat, delegates + 4 + 4 * (size_t)delegate, described);
            flat_link(flat, described, 0, flat_text(flat, call->name));
            flat_link(flat, described, 1, flat_table(flat, "14")); /* inline, number 0 */
            write_specs(flat, described, pte->device);
            delegate++;
        }
    }
}

static size_t write_plan(struct flat *flat, const struct pte *pte, size_t program)
{
    size_t plans = offsets(flat, 1);
    flat_link(flat, program, 1, plans);
    size_t plan = flat_table(flat, "o0oooooooo");
    flat_link_at(flat, plans + 4, plan);
    flat_link(flat, plan, 0, flat_text(flat, "forward"));
    write_values(flat, pte, plan);
    flat_link(flat, plan, 3, flat_vector(flat, pte->inputs, pte->input_count, 4, 4));
    flat_link(flat, plan, 4, flat_vector(flat, pte->outputs, pte->output_count, 4, 4));
    write_calls(flat, pte, plan);
    int64_t sizes[2] = {0, (int64_t)pte->planned_bytes};
    flat_link(flat, plan, 8, flat_vector(flat, sizes, 2, 8, 8));
    flat_link(flat, plan, 9, offsets(flat, 0));
    return plan;
}

/* Fields of the program: version, methods, constants, delegates' data, segments, places of
 * constants, initial states, named data. */
enum { CONSTANT_BUFFER = 2, DELEGATE_DATA, SEGMENTS, CONSTANT_SEGMENT, STATES, NAMED_DATA };

static uint8_t *constant_bytes(const struct pte_value *value)
{
    uint8_t *data = calloc(1, value->bytes + 1);
    ck_assert_ptr_nonnull(data);
    fill(data, value->dtype, value->bytes);
    return data;
}

static void write_inline_constants(struct flat *flat, const struct pte *pte, size_t program)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < pte->value_count; i++)
        count += pte->values[i].constant;
    size_t list = offsets(flat, count);
    flat_link(flat, program, CONSTANT_BUFFER, list);
    flat_link_at(flat, list + 4, flat_table(flat, "0"));
    for (uint32_t i = 0, at = 1; i < pte->value_count; i++) {
        const struct pte_value *value = &pte->values[i];
        if (!value->constant)
            continue;
        uint8_t *data = constant_bytes(value);
        size_t buffer = flat_table(flat, "o");
        flat_link_at(flat, list + 4 + 4 * (size_t)at++, buffer);
        flat_link(flat, buffer, 0, flat_vector(flat, data, (uint32_t)value->bytes, 1, 16));
        free(data);
    }
}

/* Into a segment of their own; the flatbuffer says where in it. */
static struct flat write_constant_segment(struct flat *flat, const struct pte *pte, size_t program)
{
    struct flat segment = {0};
    uint64_t places[PTE_VALUES] = {0};
    uint32_t count = 1;
    for (uint32_t i = 0; i < pte->value_count; i++) {
        const struct pte_value *value = &pte->values[i];
        if (!value->constant)
            continue;
        uint8_t *data = constant_bytes(value);
        places[count++] = flat_append(&segment, data, value->bytes, 16);
        free(data);
    }
    size_t list = flat_table(flat, "4o"); /* segment 0 */
    flat_link(flat, program, CONSTANT_SEGMENT, list);
    flat_link(flat, list, 1, flat_vector(flat, places, count, 8, 8));
    return segment;
}

/* The flatbuffer ends; the segments follow, each at a multiple of 16. */
static void write_segments(struct flat *flat, size_t list, const struct flat *segments,
                           uint32_t count)
{
    uint64_t header[3] = {flat->size, (flat->size + 15) / 16 * 16, 0};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = flat_append(flat, segments[i].bytes, segments[i].size, 16) - header[1];
        size_t segment = flat_item(flat->bytes, list, SEGMENTS, i);
        flat_set(flat, segment, 0, place);
        flat_set(flat, segment, 1, segments[i].size);
    }
    flat_append(flat, NULL, header[1] > flat->size ? header[1] - flat->size : 0, 1);
    header[2] = flat->size - header[1];
    const uint32_t length = 32;
    memcpy(flat->bytes + 12, &length, sizeof length);
    memcpy(flat->bytes + 16, header, sizeof header);
}

struct flat pte_write(const struct pte *pte, bool inline_constants)
{
    struct flat flat = {0}, segments[2] = {0};
    flat_append(&flat, NULL, 40, 8);
    memcpy(flat.bytes + 4, "ET12eh00", 8);
    size_t program = flat_table(&flat, inline_constants ? "4ooo000o" : "4o0ooo0o");
    flat_link_at(&flat, 0, program);
    write_plan(&flat, pte, program);

    size_t blobs = offsets(&flat, 1), blob;
    flat_link(&flat, program, DELEGATE_DATA, blobs);
    blob = flat_table(&flat, "o");
    flat_link_at(&flat, blobs + 4, blob);
    flat_link(&flat, blob, 0, flat_vector(&flat, pte->blob, (uint32_t)pte->blob_size, 1, 16));

    uint32_t named_count = !inline_constants && pte->blob_key;
    size_t named = offsets(&flat, named_count);
    flat_link(&flat, program, NAMED_DATA, named);
    if (named_count) {
        size_t entry = flat_table(&flat, "o4");
        flat_link_at(&flat, named + 4, entry);
        flat_link(&flat, entry, 0, flat_text(&flat, pte->blob_key));
        flat_set(&flat, entry, 1, 1);
    }
    if (inline_constants) {
        write_inline_constants(&flat, pte, program);
        memset(flat.bytes + 8, 0, 4); /* no segments, so no extended header */
        return flat;
    }
    segments[0] = write_constant_segment(&flat, pte, program);
    flat_append(&segments[1], pte->blob_data, pte->blob_data_size, 1);
    size_t list = offsets(&flat, 2);
    flat_link(&flat, program, SEGMENTS, list);
    for (size_t i = 0; i < 2; i++)
        flat_link_at(&flat, list + 4 + 4 * i, flat_table(&flat, "88"));
    write_segments(&flat, program, segments, 2);
    for (size_t i = 0; i < 2; i++)
        free(segments[i].bytes);
    return flat;
}

/* ---- what the runtime makes of it ---- */

struct prt_program *pte_open(const struct pte *pte)
{
    struct flat flat = pte_write(pte, false);
    struct prt_program *program = NULL;
    struct percept_error error = {0};
    enum percept_status status =
        prt_program_open_buffer(flat.bytes, flat.size, "test", &program, &error);
    free(flat.bytes);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    return program;
}

char *pte_import_bytes(const void *bytes, size_t size)
{
    struct prt_program *program = NULL;
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    char *text;
    if (prt_program_open_buffer(bytes, size, "test", &program, &error) != PERCEPT_OK ||
        prt_program_import(program, "forward", &graph, &error) != PERCEPT_OK) {
        ck_assert_int_ne(error.status, PERCEPT_OK);
        text = malloc(sizeof error.message + 32);
        snprintf(text, sizeof error.message + 32, "%s: %s", percept_status_name(error.status),
                 error.message);
    } else {
        text = prt_graph_dump(graph);
        /* Only the nodes. */
        for (char *line = text; *line;) {
            char *next = line + strcspn(line, "\n") + 1;
            if (strncmp(line, "input ", 6) == 0 || strncmp(line, "output ", 7) == 0)
                memmove(line, next, strlen(next) + 1);
            else
                line = next;
        }
    }
    prt_graph_destroy(graph);
    prt_program_close(program);
    return text;
}

char *pte_import(const struct pte *pte)
{
    struct flat flat = pte_write(pte, false);
    char *text = pte_import_bytes(flat.bytes, flat.size);
    free(flat.bytes);
    return text;
}

static void try_import(const struct flat *flat)
{
    free(pte_import_bytes(flat->bytes, flat->size));
}

void pte_spoil_words(struct flat *flat)
{
    flat_spoil_words(flat, try_import);
}

static void expect_nodes(struct pte pte, const char *op, const char *args, const char *nodes)
{
    char expected[512];
    pte_call(&pte, op, args);
    char *imported = pte_import(&pte);
    if (nodes[0] == '!') {
        const char *text = strchr(nodes, ' ') + 1;
        snprintf(expected, sizeof expected, "%.*s: method 'forward', instruction 0, %s: %s",
                 (int)(text - nodes - 2), nodes + 1, op, text);
        nodes = expected;
    }
    ck_assert_str_eq(imported, nodes);
    free(imported);
}

void pte_expect_nodes(const char *op, const char *args, const char *nodes)
{
    expect_nodes((struct pte){0}, op, args, nodes);
}

void pte_expect_sizes(const char *op, const char *args, const char *nodes)
{
    if (nodes[0] == 'v' || nodes[0] == '\0') /* else it is a failure */
        expect_nodes((struct pte){.dynamic_results = true}, op, args, nodes);
}
