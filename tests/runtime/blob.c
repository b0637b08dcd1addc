/* Why: XNNPACK blobs small enough to read, in all the forms that exporters have written. */
#include "blob.h"

#include <check.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int datatype, quant;
    size_t size;
} types[] = {
    {"f32", 1, 0, 4}, {"f16", 2, 0, 2}, {"i32", 12, 0, 4}, {"bf16", 14, 0, 2},
    {"q8", 3, 2, 1},  {"u8", 4, 2, 1},  {"q32", 5, 2, 4},  {"c8", 6, 1, 1},
    {"c32", 7, 1, 4}, {"qd8", 9, 3, 1}, {"c4", 8, 1, 1},   {"g4", 10, 4, 1},
};

enum { HEADER_BYTES = 32 };

uint32_t blob_value(struct blob *blob, const char *type, enum blob_role role, uint32_t index)
{
    ck_assert_uint_lt(blob->value_count, BLOB_VALUES);
    struct blob_value *value = &blob->values[blob->value_count];
    size_t i = 0, length = strcspn(type, "[@");
    while (strncmp(types[i].text, type, length) != 0 || strlen(types[i].text) != length)
        ck_assert_msg(++i < sizeof types / sizeof types[0], "no type in '%s'", type);
    *value = (struct blob_value){.datatype = types[i].datatype,
                                 .quant = types[i].quant,
                                 .size = types[i].size,
                                 .external =
                                     role == BLOB_INPUT || role == BLOB_OUTPUT ? index : UINT32_MAX,
                                 .flags = role == BLOB_INPUT    ? 1
                                          : role == BLOB_OUTPUT ? 2
                                                                : 0,
                                 .constant = role == BLOB_CONSTANT,
                                 .scale = 0.5f};
    type += length;
    if (*type == '@') {
        value->axis = (uint32_t)(type[1] - '0');
        type += 2;
    }
    for (type++; *type != ']'; type += *type == ',') {
        char *end;
        value->dims[value->rank++] = (uint32_t)strtoul(type, &end, 10);
        type = end;
    }
    return blob->value_count++;
}

void blob_scale(struct blob *blob, uint32_t value, float scale)
{
    blob->values[value].scale = scale;
}

void blob_group(struct blob *blob, uint32_t value, uint32_t group, uint32_t scales)
{
    blob->values[value].group = group;
    for (uint32_t i = 0; scales != UINT32_MAX && i <= scales; i++)
        blob->values[value].scales += blob->values[i].constant;
}

void blob_node(struct blob *blob, int kind, const char *layout, ...)
{
    ck_assert_uint_lt(blob->node_count, BLOB_NODES);
    struct blob_node *node = &blob->nodes[blob->node_count++];
    *node = (struct blob_node){.kind = kind, .layout = layout};
    va_list arguments;
    va_start(arguments, layout);
    for (size_t i = 0; layout[i]; i++) {
        float real;
        if (layout[i] == 'o') {
            node->lists[i] = va_arg(arguments, const char *);
        } else if (layout[i] == 'f') {
            real = (float)va_arg(arguments, double);
            memcpy(&node->fields[i], &real, sizeof real);
        } else if (layout[i] == '4') {
            node->fields[i] = va_arg(arguments, uint32_t);
        }
    }
    va_end(arguments);
}

void blob_bounds(struct blob *blob, float lo, float hi)
{
    blob->nodes[blob->node_count - 1].lo = lo;
    blob->nodes[blob->node_count - 1].hi = hi;
}

static uint64_t bits_of(float real)
{
    uint32_t bits;
    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static size_t constant_bytes(const struct blob_value *value)
{
    size_t bytes = value->size;
    for (uint32_t i = 0; i < value->rank; i++)
        bytes *= value->dims[i];
    return bytes;
}

static void fill(uint8_t *data, const struct blob_value *value, size_t bytes)
{
    for (size_t i = 0; i < bytes / value->size; i++) {
        float real = (float)i + 0.5f;
        uint32_t whole = (uint32_t)i + 1;
        const unsigned char *bits = value->datatype == 1    ? (void *)&real
                                    : value->datatype == 14 ? (unsigned char *)&real + 2
                                                            : (void *)&whole;
        memcpy(data + i * value->size, bits, value->size);
    }
}

static size_t write_quant(struct flat *flat, const struct blob_value *value)
{
    if (value->quant == 2) {
        size_t table = flat_table(flat, "44");
        flat_set(flat, table, 0, bits_of(value->scale));
        flat_set(flat, table, 1, value->datatype == 3 ? 1 : 0);
        return table;
    }
    if (value->quant == 3) {
        size_t table = flat_table(flat, "4");
        flat_set(flat, table, 0, value->axis);
        return table;
    }
    size_t table = flat_table(flat, value->quant == 4 ? "o44044" : "o444");
    float scales[64];
    uint32_t count = value->dims[value->axis];
    if (value->group)
        count *= value->dims[1] / value->group;
    uint32_t listed = value->scales ? 0 : count;
    ck_assert_uint_le(listed, sizeof scales / sizeof *scales);
    for (uint32_t i = 0; i < listed; i++)
        scales[i] = value->scale * (float)(i + 1);
    flat_link(flat, table, 0, flat_vector(flat, scales, listed, sizeof *scales, 4));
    flat_set(flat, table, 1, value->axis);
    if (value->quant == 4) {
        flat_set(flat, table, 2, value->group); /* 0: a division by zero elsewhere */
        flat_set(flat, table, 4, value->scales);
        flat_set(flat, table, 5, value->scales ? count : 0);
    }
    return table;
}

static void write_values(struct flat *flat, const struct blob *blob, size_t graph)
{
    size_t list = flat_vector(flat, NULL, blob->value_count, 4, 4);
    flat_link(flat, graph, 2, list);
    uint32_t constants = 0;
    for (uint32_t i = 0; i < blob->value_count; i++) {
        const struct blob_value *value = &blob->values[i];
        size_t entry = flat_table(flat, "1o");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, entry);
        flat_set(flat, entry, 0, value->quant ? 2 : 1);
        size_t wrapper = value->quant ? flat_table(flat, "o1o") : 0;
        size_t tensor = flat_table(flat, "24o4444");
        flat_link(flat, entry, 1, value->quant ? wrapper : tensor);
        if (value->quant) {
            flat_link(flat, wrapper, 0, tensor);
            flat_set(flat, wrapper, 1, (uint64_t)value->quant);
            flat_link(flat, wrapper, 2, write_quant(flat, value));
        }
        flat_set(flat, tensor, 0, (uint64_t)value->datatype);
        flat_set(flat, tensor, 1, value->rank);
        flat_link(flat, tensor, 2, flat_vector(flat, value->dims, value->rank, 4, 4));
        flat_set(flat, tensor, 3, value->constant ? ++constants : 0);
        flat_set(flat, tensor, 4, value->external);
        flat_set(flat, tensor, 5, value->flags);
        flat_set(flat, tensor, 6, i);
    }
}

static void write_nodes(struct flat *flat, const struct blob *blob, size_t graph)
{
    size_t list = flat_vector(flat, NULL, blob->node_count, 4, 4);
    flat_link(flat, graph, 1, list);
    for (uint32_t i = 0; i < blob->node_count; i++) {
        const struct blob_node *node = &blob->nodes[i];
        bool bounded = node->lo != 0 || node->hi != 0;
        size_t entry = flat_table(flat, bounded ? "1o4o" : "1o4");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, entry);
        flat_set(flat, entry, 0, (uint64_t)node->kind);
        char layout[BLOB_FIELDS + 1] = "";
        for (size_t f = 0; node->layout[f]; f++)
            layout[f] = node->layout[f] == 'f' ? '4' : node->layout[f];
        size_t table = flat_table(flat, layout);
        flat_link(flat, entry, 1, table);
        for (unsigned f = 0; layout[f]; f++) {
            uint32_t items[16], count = 0;
            if (layout[f] == '4')
                flat_set(flat, table, f, node->fields[f]);
            if (layout[f] != 'o')
                continue;
            for (const char *digit = node->lists[f]; *digit; digit++)
                items[count++] = (uint32_t)(*digit - '0');
            flat_link(flat, table, f, flat_vector(flat, items, count, 4, 4));
        }
        if (bounded) {
            size_t bounds = flat_table(flat, "44");
            flat_link(flat, entry, 3, bounds);
            flat_set(flat, bounds, 0, bits_of(node->lo));
            flat_set(flat, bounds, 1, bits_of(node->hi));
        }
    }
}

/* Number 0 is reserved. */
static void write_constants(struct flat *flat, const struct blob *blob, size_t graph,
                            struct flat *data)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < blob->value_count; i++)
        count += blob->values[i].constant;
    size_t list = flat_vector(flat, NULL, count, 4, 4);
    flat_link(flat, graph, blob->home == BLOB_INLINE ? 6 : 8, list);
    flat_link_at(flat, list + 4, flat_table(flat, "0"));
    for (uint32_t i = 0, at = 1; i < blob->value_count; i++) {
        const struct blob_value *value = &blob->values[i];
        if (!value->constant)
            continue;
        size_t bytes = constant_bytes(value);
        uint8_t *filled = calloc(1, bytes + 1);
        ck_assert_ptr_nonnull(filled);
        fill(filled, value, bytes);
        size_t entry = flat_table(flat, blob->home == BLOB_INLINE  ? "o"
                                        : blob->home == BLOB_NAMED ? "88o"
                                                                   : "88");
        flat_link_at(flat, list + 4 + 4 * (size_t)at++, entry);
        if (blob->home == BLOB_INLINE) {
            flat_link(flat, entry, 0, flat_vector(flat, filled, (uint32_t)bytes, 1, 16));
        } else {
            size_t place = flat_append(data, filled, bytes, 16);
            flat_set(flat, entry, 0, blob->home == BLOB_NAMED ? UINT64_MAX : place);
            flat_set(flat, entry, 1, bytes);
        }
        if (blob->home == BLOB_NAMED)
            flat_link(flat, entry, 2, flat_text(flat, "w"));
        free(filled);
    }
}

struct flat blob_write(const struct blob *blob, struct flat *data)
{
    bool header = blob->home != BLOB_INLINE;
    struct flat flat = {0}, behind = {0};
    flat_append(&flat, NULL, 8, 8);
    memcpy(flat.bytes + 4, header ? "XN01" : "XN00", 4);
    size_t graph = flat_table(&flat, blob->home == BLOB_INLINE ? "0oo000o" : "0oo00000o");
    flat_link_at(&flat, 0, graph);
    write_values(&flat, blob, graph);
    write_nodes(&flat, blob, graph);
    write_constants(&flat, blob, graph, blob->home == BLOB_NAMED ? data : &behind);
    if (!header)
        return flat;
    struct flat framed = {0};
    flat_append(&framed, NULL, HEADER_BYTES, 16);
    size_t at = flat_append(&framed, flat.bytes, flat.size, 16);
    size_t constants = flat_append(&framed, behind.bytes, behind.size, 16);
    const uint16_t length = 30;
    const uint32_t fields[3] = {(uint32_t)at, (uint32_t)flat.size, (uint32_t)constants};
    const uint64_t size = behind.size;
    memcpy(framed.bytes + 4, "XH00", 4);
    memcpy(framed.bytes + 8, &length, sizeof length);
    memcpy(framed.bytes + 10, fields, sizeof fields);
    memcpy(framed.bytes + 22, &size, sizeof size);
    free(flat.bytes);
    free(behind.bytes);
    return framed;
}
