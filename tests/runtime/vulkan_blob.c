/* Why: Vulkan blobs small enough to read, written without the code under test. */
#include "vulkan_blob.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 32, INTS = 6, DOUBLES, BOOLS, VALUES, STRING, SYMBOL, TENSOR = 5 };

static const struct {
    const char *text;
    int datatype, staging;
    size_t size;
} types[] = {
    {"b8", 0, 0, 1},  {"u8", 1, 1, 1},  {"i8", 2, 2, 1},  {"i32", 3, 3, 4}, {"f16", 4, 4, 2},
    {"f32", 5, 5, 4}, {"f64", 6, 6, 8}, {"i64", 7, 7, 8}, {"h32", 4, 5, 2}, {"x8", 99, 99, 1},
};

static const char *read_items(const char *word, struct vulkan_value *value)
{
    char last = *word == '[' ? ']' : *word == '{' ? '}' : ')';
    for (word++; *word != last; word += *word == ',') {
        char *end;
        word += *word == '$';
        value->items[value->count] = strtoll(word, &end, 10);
        value->doubles[value->count++] = strtod(word, &end);
        word = end;
    }
    return word + 1;
}

static void read_tensor(const char *word, struct vulkan_value *value)
{
    size_t i = 0, length = strcspn(word, "[");
    while (strncmp(types[i].text, word, length) != 0 || strlen(types[i].text) != length)
        ck_assert_msg(++i < sizeof types / sizeof types[0], "no type in '%s'", word);
    value->kind = TENSOR;
    value->datatype = types[i].datatype;
    value->staging = value->constant ? types[i].datatype : types[i].staging;
    read_items(word + length, value);
    value->bytes = types[i].size;
    for (uint32_t j = 0; j < value->count; j++)
        value->bytes *= (size_t)value->items[j];
}

static uint32_t read_word(struct vulkan_blob *blob, const char *word)
{
    if (*word == '$')
        return (uint32_t)strtoul(word + 1, NULL, 10);
    ck_assert_uint_lt(blob->value_count, VULKAN_VALUES);
    uint32_t id = blob->value_count++;
    struct vulkan_value *value = &blob->values[id];
    if (*word == '-' && !word[1]) {
        value->kind = 1;
    } else if (*word == 'T' || *word == 'F') {
        *value = (struct vulkan_value){.kind = 4, .i = *word == 'T'};
    } else if (*word == '%') {
        *value = (struct vulkan_value){.kind = SYMBOL, .i = strtoll(word + 1, NULL, 10)};
    } else if (*word == '"') {
        value->kind = STRING;
        memcpy(value->text, word + 1, strcspn(word + 1, "\""));
    } else if (strchr("[{(", *word)) {
        value->kind = *word == '[' ? INTS : *word == '{' ? DOUBLES : VALUES;
        read_items(word, value);
    } else if (strchr("-0123456789", *word)) {
        bool real = strchr(word, '.') != NULL;
        *value = (struct vulkan_value){
            .kind = real ? 3 : 2, .i = strtoll(word, NULL, 10), .d = strtod(word, NULL)};
    } else {
        value->constant = *word == 'c';
        if (*word == '>')
            blob->outputs[blob->output_count++] = id;
        else if (*word != 'c' && *word != '.')
            blob->inputs[blob->input_count++] = id;
        read_tensor(word + (strchr("c>.", *word) != NULL), value);
    }
    return id;
}

void vulkan_call(struct vulkan_blob *blob, const char *name, const char *args)
{
    ck_assert_uint_lt(blob->call_count, VULKAN_CALLS);
    strncpy(blob->calls[blob->call_count].name, name, sizeof blob->calls[0].name - 1);
    char copy[512] = "", *rest = NULL;
    strncpy(copy, args, sizeof copy - 1);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        blob->calls[blob->call_count].args[blob->calls[blob->call_count].count++] =
            read_word(blob, word);
    blob->call_count++;
}

void vulkan_data(struct vulkan_blob *blob, uint32_t value, const void *data, size_t bytes)
{
    ck_assert(blob->values[value].constant);
    ck_assert_uint_eq(blob->values[value].bytes, bytes);
    blob->values[value].data = data;
}

/* ---- writing ---- */

static uint64_t bits_of(double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static size_t write_table(struct flat *flat, const struct vulkan_value *value, int32_t constant)
{
    uint32_t narrow[VULKAN_ITEMS];
    for (uint32_t i = 0; i < value->count; i++)
        narrow[i] = (uint32_t)value->items[i];
    const char *layout = value->kind == 1        ? ""
                         : value->kind == SYMBOL ? "4"
                         : value->kind == 4      ? "1"
                         : value->kind < TENSOR  ? "8"
                         : value->kind == TENSOR ? "1o44111"
                                                 : "o";
    size_t table = flat_table(flat, layout);
    switch (value->kind) {
    case TENSOR:
        flat_set(flat, table, 0, (uint64_t)value->datatype);
        flat_link(flat, table, 1, flat_vector(flat, narrow, value->count, 4, 4));
        flat_set(flat, table, 2, (uint32_t)constant);
        flat_set(flat, table, 3, UINT32_MAX);
        flat_set(flat, table, 6, (uint64_t)value->staging);
        break;
    case INTS:
        flat_link(flat, table, 0, flat_vector(flat, value->items, value->count, 8, 8));
        break;
    case DOUBLES:
        flat_link(flat, table, 0, flat_vector(flat, value->doubles, value->count, 8, 8));
        break;
    case VALUES:
        flat_link(flat, table, 0, flat_vector(flat, narrow, value->count, 4, 4));
        break;
    case STRING:
        flat_link(flat, table, 0, flat_text(flat, value->text));
        break;
    default:
        if (value->kind != 1)
            flat_set(flat, table, 0, value->kind == 3 ? bits_of(value->d) : (uint64_t)value->i);
    }
    return table;
}

static void write_values(struct flat *flat, const struct vulkan_blob *blob, size_t graph)
{
    size_t list = flat_vector(flat, NULL, blob->value_count, 4, 4);
    flat_link(flat, graph, 2, list);
    int32_t constants = 0;
    for (uint32_t i = 0; i < blob->value_count; i++) {
        size_t entry = flat_table(flat, "1o");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, entry);
        flat_set(flat, entry, 0, (uint64_t)blob->values[i].kind);
        flat_link(flat, entry, 1,
                  write_table(flat, &blob->values[i], blob->values[i].constant ? constants++ : -1));
    }
}

static void write_calls(struct flat *flat, const struct vulkan_blob *blob, size_t graph)
{
    size_t list = flat_vector(flat, NULL, blob->call_count, 4, 4);
    flat_link(flat, graph, 1, list);
    for (uint32_t i = 0; i < blob->call_count; i++) {
        size_t entry = flat_table(flat, "4oo");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, entry);
        flat_link(flat, entry, 1, flat_text(flat, blob->calls[i].name));
        flat_link(flat, entry, 2,
                  flat_vector(flat, blob->calls[i].args, blob->calls[i].count, 4, 4));
    }
}

/* Returns how many bytes of constants lie behind the flatbuffer. */
static size_t write_constants(struct flat *flat, const struct vulkan_blob *blob, size_t graph)
{
    uint32_t count = 0;
    size_t behind = 0;
    for (uint32_t i = 0; i < blob->value_count; i++)
        count += blob->values[i].constant;
    size_t list = flat_vector(flat, NULL, count, 4, 4);
    flat_link(flat, graph, 5, list);
    for (uint32_t i = 0, at = 0; i < blob->value_count; i++) {
        if (!blob->values[i].constant)
            continue;
        size_t entry = flat_table(flat, blob->named ? "88o" : "88");
        flat_link_at(flat, list + 4 + 4 * (size_t)at++, entry);
        flat_set(flat, entry, 0, blob->named ? UINT64_MAX : behind);
        flat_set(flat, entry, 1, blob->values[i].bytes);
        if (blob->named)
            flat_link(flat, entry, 2, flat_text(flat, "w"));
        else
            behind += (blob->values[i].bytes + 15) / 16 * 16;
    }
    return behind;
}

struct flat vulkan_write(const struct vulkan_blob *blob)
{
    struct flat flat = {0};
    flat_append(&flat, NULL, 8, 8);
    memcpy(flat.bytes + 4, "VK00", 4);
    size_t graph = flat_table(&flat, "0ooooo");
    flat_link_at(&flat, 0, graph);
    write_calls(&flat, blob, graph);
    write_values(&flat, blob, graph);
    flat_link(&flat, graph, 3, flat_vector(&flat, blob->inputs, blob->input_count, 4, 4));
    flat_link(&flat, graph, 4, flat_vector(&flat, blob->outputs, blob->output_count, 4, 4));
    const uint64_t behind = write_constants(&flat, blob, graph);
    struct flat framed = {0};
    flat_append(&framed, NULL, HEADER_BYTES, 16);
    size_t at = flat_append(&framed, flat.bytes, flat.size, 16);
    size_t constants = flat_append(&framed, NULL, behind, 16);
    size_t behind_at = constants;
    for (uint32_t i = 0; i < blob->value_count && behind; i++) {
        const struct vulkan_value *value = &blob->values[i];
        if (value->constant && value->data)
            memcpy(framed.bytes + behind_at, value->data, value->bytes);
        behind_at += value->constant ? (value->bytes + 15) / 16 * 16 : 0;
    }
    const uint16_t length = 30;
    const uint32_t fields[3] = {(uint32_t)at, (uint32_t)flat.size, (uint32_t)constants};
    memcpy(framed.bytes + 4, "VH00", 4);
    memcpy(framed.bytes + 8, &length, sizeof length);
    memcpy(framed.bytes + 10, fields, sizeof fields);
    memcpy(framed.bytes + 22, &behind, sizeof behind);
    free(flat.bytes);
    return framed;
}
