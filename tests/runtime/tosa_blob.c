/* Why: TOSA graphs small enough to read, written without the code under test. */
#include "tosa_blob.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Bytes an element, by TOSA's number of the type. */
static const size_t widths[] = {0, 1, 1, 1, 2, 4, 6, 4, 2, 2};

void tosa_tensor(struct tosa_blob *blob, const char *name, uint32_t type, const char *shape,
                 enum tosa_role role)
{
    ck_assert_uint_lt(blob->tensor_count, TOSA_TENSORS);
    uint32_t at = blob->tensor_count++;
    blob->tensors[at].name = name;
    blob->tensors[at].type = type;
    blob->tensors[at].shape = shape;
    blob->tensors[at].role = role;
}

void tosa_data(struct tosa_blob *blob, const void *data, size_t bytes)
{
    blob->tensors[blob->tensor_count - 1].data = data;
    blob->tensors[blob->tensor_count - 1].bytes = bytes;
}

static uint32_t read_list(const char *text, int64_t *items)
{
    uint32_t count = 0;
    while (*text && *text != ' ') {
        char *end;
        items[count++] = strtoll(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

void tosa_shape(struct tosa_blob *blob, const char *name, const char *numbers)
{
    ck_assert_uint_lt(blob->shape_count, TOSA_TENSORS);
    uint32_t at = blob->shape_count++;
    blob->shapes[at].name = name;
    blob->shapes[at].count = read_list(numbers, blob->shapes[at].numbers);
}

void tosa_op(struct tosa_blob *blob, uint32_t number, const char *inputs, const char *output,
             const char *attributes)
{
    ck_assert_uint_lt(blob->op_count, TOSA_OPS);
    uint32_t at = blob->op_count++;
    blob->ops[at].number = number;
    blob->ops[at].inputs = inputs;
    blob->ops[at].output = output;
    blob->ops[at].attributes = attributes;
}

/* ---- writing ---- */

/* A vector of texts from words. */
static size_t write_names(struct flat *flat, const char *words)
{
    char copy[256] = "", *rest = NULL, *names[32];
    uint32_t count = 0;
    strncpy(copy, words, sizeof copy - 1);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        names[count++] = word;
    size_t list = flat_vector(flat, NULL, count, 4, 4);
    for (uint32_t i = 0; i < count; i++)
        flat_link_at(flat, list + 4 + 4 * (size_t)i, flat_text(flat, names[i]));
    return list;
}

static void write_tensors(struct flat *flat, const struct tosa_blob *blob, size_t block)
{
    size_t list = flat_vector(flat, NULL, blob->tensor_count, 4, 4);
    flat_link(flat, block, 2, list);
    for (uint32_t i = 0; i < blob->tensor_count; i++) {
        int64_t wide[8];
        int32_t sizes[8];
        uint32_t rank = read_list(blob->tensors[i].shape, wide);
        size_t bytes = blob->tensors[i].type < 10 ? widths[blob->tensors[i].type] : 1;
        for (uint32_t d = 0; d < rank; d++) {
            sizes[d] = (int32_t)wide[d];
            bytes *= (size_t)wide[d];
        }
        bool constant = blob->tensors[i].role == TOSA_CONSTANT;
        size_t table = flat_table(flat, constant ? "oo4o" : "oo4");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, table);
        flat_link(flat, table, 0, flat_text(flat, blob->tensors[i].name));
        flat_link(flat, table, 1, flat_vector(flat, sizes, rank, 4, 4));
        flat_set(flat, table, 2, blob->tensors[i].type);
        if (!constant)
            continue;
        uint8_t counted[1024];
        for (size_t b = 0; b < sizeof counted; b++)
            counted[b] = (uint8_t)(b + 1);
        const void *data = blob->tensors[i].data ? blob->tensors[i].data : counted;
        size_t given = blob->tensors[i].data ? blob->tensors[i].bytes : bytes;
        flat_link(flat, table, 3, flat_vector(flat, data, (uint32_t)given, 1, 8));
    }
}

static void write_shapes(struct flat *flat, const struct tosa_blob *blob, size_t block)
{
    size_t list = flat_vector(flat, NULL, blob->shape_count, 4, 4);
    flat_link(flat, block, 5, list);
    for (uint32_t i = 0; i < blob->shape_count; i++) {
        size_t table = flat_table(flat, "o4o");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, table);
        flat_link(flat, table, 0, flat_text(flat, blob->shapes[i].name));
        flat_set(flat, table, 1, blob->shapes[i].count);
        flat_link(flat, table, 2,
                  flat_vector(flat, blob->shapes[i].numbers, 8 * blob->shapes[i].count, 1, 8));
    }
}

/* "4=1 o=1,2": a table with these fields. */
static size_t write_attributes(struct flat *flat, const char *text)
{
    char layout[16] = "", copy[128] = "", *rest = NULL;
    const char *values[16];
    uint32_t count = 0;
    strncpy(copy, text, sizeof copy - 1);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        layout[count] = *word;
        values[count++] = word + 2;
    }
    size_t table = flat_table(flat, layout);
    for (uint32_t i = 0; i < count; i++) {
        int64_t items[16];
        uint32_t length = read_list(values[i], items);
        int32_t narrow[16];
        for (uint32_t j = 0; j < length; j++)
            narrow[j] = (int32_t)items[j];
        if (layout[i] == 'o')
            flat_link(flat, table, i, flat_vector(flat, narrow, length, 4, 4));
        else
            flat_set(flat, table, i, (uint64_t)items[0]);
    }
    return table;
}

static void write_ops(struct flat *flat, const struct tosa_blob *blob, size_t block)
{
    size_t list = flat_vector(flat, NULL, blob->op_count, 4, 4);
    flat_link(flat, block, 1, list);
    for (uint32_t i = 0; i < blob->op_count; i++) {
        size_t table = flat_table(flat, "41ooo");
        flat_link_at(flat, list + 4 + 4 * (size_t)i, table);
        flat_set(flat, table, 0, blob->ops[i].number);
        flat_set(flat, table, 1, blob->ops[i].number); /* attributes are numbered alike */
        flat_link(flat, table, 2, write_attributes(flat, blob->ops[i].attributes));
        flat_link(flat, table, 3, write_names(flat, blob->ops[i].inputs));
        flat_link(flat, table, 4, write_names(flat, blob->ops[i].output));
    }
}

static void append_name(char *names, const char *name)
{
    strcat(names, name);
    strcat(names, " ");
}

struct flat tosa_write(const struct tosa_blob *blob)
{
    struct flat flat = {0};
    flat_append(&flat, NULL, 8, 8);
    memcpy(flat.bytes + 4, "TOSA", 4);
    size_t graph = flat_table(&flat, "oo");
    flat_link_at(&flat, 0, graph);
    flat_link(&flat, graph, 0, flat_table(&flat, "444"));
    size_t regions = flat_vector(&flat, NULL, 1, 4, 4);
    flat_link(&flat, graph, 1, regions);
    size_t region = flat_table(&flat, "oo");
    flat_link_at(&flat, regions + 4, region);
    size_t blocks = flat_vector(&flat, NULL, 1, 4, 4);
    flat_link(&flat, region, 1, blocks);
    size_t block = flat_table(&flat, "oooooo");
    flat_link_at(&flat, blocks + 4, block);
    flat_link(&flat, region, 0, flat_text(&flat, "main"));
    flat_link(&flat, block, 0, flat_text(&flat, "main"));
    write_ops(&flat, blob, block);
    write_tensors(&flat, blob, block);
    char inputs[256] = "", outputs[256] = "";
    for (uint32_t i = 0; i < blob->tensor_count; i++) {
        if (blob->tensors[i].role == TOSA_INPUT)
            append_name(inputs, blob->tensors[i].name);
        if (blob->tensors[i].role == TOSA_OUTPUT)
            append_name(outputs, blob->tensors[i].name);
    }
    flat_link(&flat, block, 3, write_names(&flat, inputs));
    flat_link(&flat, block, 4, write_names(&flat, outputs));
    write_shapes(&flat, blob, block);
    return flat;
}
