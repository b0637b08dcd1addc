/* Why: the files that executorch writes are tested in Python; these are small enough to spoil. */
#include "ptd.h"

#include <stdlib.h>
#include <string.h>

static size_t offsets(struct flat *flat, uint32_t count)
{
    uint32_t *zeros = calloc(count + 1, sizeof *zeros);
    size_t at = flat_vector(flat, zeros, count, 4, 4);
    free(zeros);
    return at;
}

/* Sizes and dim order into two offset fields. */
static void write_sizes(struct flat *flat, size_t table, unsigned sizes, unsigned order,
                        const struct prt_tensor *spec)
{
    flat_link(flat, table, sizes, flat_vector(flat, spec->sizes, spec->rank, 4, 4));
    flat_link(flat, table, order, flat_vector(flat, spec->dim_order, spec->rank, 1, 4));
}

struct flat ptd_write(const struct ptd_entry *entries, uint32_t count)
{
    struct flat flat = {0};
    flat_append(&flat, NULL, 48, 8);
    memcpy(flat.bytes + 4, "FT01FH01", 8);
    size_t root = flat_table(&flat, "4oo");
    flat_link_at(&flat, 0, root);
    size_t segments = offsets(&flat, count);
    flat_link(&flat, root, 1, segments);
    size_t named = offsets(&flat, count);
    flat_link(&flat, root, 2, named);
    uint64_t place = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t segment = flat_table(&flat, "88");
        flat_link_at(&flat, segments + 4 + 4 * (size_t)i, segment);
        flat_set(&flat, segment, 0, place);
        flat_set(&flat, segment, 1, entries[i].size);
        place += (entries[i].size + 15) / 16 * 16;
        size_t entry = flat_table(&flat, entries[i].spec ? "o4o" : "o4");
        flat_link_at(&flat, named + 4 + 4 * (size_t)i, entry);
        flat_link(&flat, entry, 0, flat_text(&flat, entries[i].key));
        flat_set(&flat, entry, 1, i);
        if (!entries[i].spec)
            continue;
        size_t layout = flat_table(&flat, "1oo");
        flat_link(&flat, entry, 2, layout);
        flat_set(&flat, layout, 0, entries[i].spec->dtype);
        write_sizes(&flat, layout, 1, 2, entries[i].spec);
    }
    uint64_t header[4] = {48, flat.size - 48, (flat.size + 15) / 16 * 16, place};
    for (uint32_t i = 0; i < count; i++)
        flat_append(&flat, entries[i].data, entries[i].size, 16);
    flat_append(&flat, NULL, header[2] + place - flat.size, 1);
    const uint32_t length = 40;
    memcpy(flat.bytes + PTD_LENGTH, &length, sizeof length);
    memcpy(flat.bytes + PTD_FLATBUFFER, header, sizeof header);
    return flat;
}

static size_t write_value(struct flat *flat, const struct bpte_value *value)
{
    size_t table = flat_table(flat, "1o");
    flat_set(flat, table, 0, (uint64_t)value->type);
    static const char *const layouts[] = {"4", "1ooo", "8", "1", "8"};
    size_t content = flat_table(flat, layouts[value->type]);
    flat_link(flat, table, 1, content);
    uint64_t bits = (uint64_t)value->i;
    if (value->type == 4)
        memcpy(&bits, &value->d, sizeof bits);
    if (value->type != 1) {
        flat_set(flat, content, 0, bits);
        return table;
    }
    flat_set(flat, content, 0, value->spec.dtype);
    flat_link(flat, content, 2, flat_vector(flat, value->data, (uint32_t)value->size, 1, 16));
    write_sizes(flat, content, 1, 3, &value->spec);
    return table;
}

static void write_values(struct flat *flat, size_t table, unsigned field,
                         const struct bpte_value *values, uint32_t count)
{
    size_t list = offsets(flat, count);
    flat_link(flat, table, field, list);
    for (uint32_t i = 0; i < count; i++)
        flat_link_at(flat, list + 4 + 4 * (size_t)i, write_value(flat, &values[i]));
}

struct flat bpte_write(const struct bpte *bundle)
{
    struct flat flat = {0};
    flat_append(&flat, NULL, 8, 8);
    memcpy(flat.bytes + 4, "BP08", 4);
    size_t root = flat_table(&flat, "4oo");
    flat_link_at(&flat, 0, root);
    size_t suites = offsets(&flat, 1);
    flat_link(&flat, root, 1, suites);
    size_t suite = flat_table(&flat, "oo");
    flat_link_at(&flat, suites + 4, suite);
    flat_link(&flat, suite, 0, flat_text(&flat, bundle->method));
    size_t cases = offsets(&flat, 1);
    flat_link(&flat, suite, 1, cases);
    size_t test = flat_table(&flat, "oo");
    flat_link_at(&flat, cases + 4, test);
    write_values(&flat, test, 0, bundle->inputs, bundle->input_count);
    write_values(&flat, test, 1, bundle->outputs, bundle->output_count);
    flat_link(&flat, root, 2,
              flat_vector(&flat, bundle->program.bytes, (uint32_t)bundle->program.size, 1, 32));
    return flat;
}
