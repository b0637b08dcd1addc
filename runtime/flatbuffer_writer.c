/* Why: profiles are written in a format of FlatBuffers; a few hundred lines of ours need no
 * generator. */
#include "runtime/flatbuffer_writer.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FIELDS = 32, FIRST_CAPACITY = 4096 };
static const size_t max_size = (size_t)1 << 31; /* offsets are 32 bits, some of them signed */

/* Room for bytes at a multiple of alignment, zeroed; 0 on failure, which is never a place that
 * this gives, as a buffer starts with its header. */
static size_t append(struct prt_fbw *writer, size_t bytes, size_t alignment)
{
    if (writer->failed)
        return 0;
    size_t at = (writer->size + alignment - 1) / alignment * alignment;
    if (bytes > max_size || at > max_size - bytes) {
        writer->failed = true;
        return 0;
    }
    if (at + bytes > writer->capacity) {
        size_t capacity = writer->capacity ? writer->capacity : FIRST_CAPACITY;
        while (capacity < at + bytes)
            capacity *= 2;
        uint8_t *grown = realloc(writer->bytes, capacity);
        if (!grown) {
            writer->failed = true;
            return 0;
        }
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    memset(writer->bytes + writer->size, 0, at + bytes - writer->size);
    writer->size = at + bytes;
    return at;
}

static void put_u32(struct prt_fbw *writer, size_t at, size_t value)
{
    uint32_t number = (uint32_t)value;
    if (!writer->failed)
        memcpy(writer->bytes + at, &number, sizeof number);
}

/* Where the offset to the root stands. */
static size_t root_at(const struct prt_fbw *writer)
{
    return writer->size_prefixed ? 4 : 0;
}

void prt_fbw_start(struct prt_fbw *writer, const char *id, bool size_prefixed)
{
    writer->size_prefixed = size_prefixed;
    append(writer, root_at(writer) + 8, 8);
    if (!writer->failed)
        memcpy(writer->bytes + root_at(writer) + 4, id, 4);
}

size_t prt_fbw_table(struct prt_fbw *writer, const struct prt_fbw_field *fields, unsigned count)
{
    uint16_t vtable[2 + MAX_FIELDS] = {(uint16_t)(4 + 2 * count)}, used = 4;
    for (unsigned i = 0; i < count && i < MAX_FIELDS; i++) {
        if (!fields[i].bytes)
            continue;
        used = (uint16_t)((used + fields[i].bytes - 1) / fields[i].bytes * fields[i].bytes);
        vtable[2 + i] = used;
        used = (uint16_t)(used + fields[i].bytes);
    }
    vtable[1] = used;
    size_t start = append(writer, vtable[0], 8), table = append(writer, used, 8);
    if (writer->failed)
        return 0;
    memcpy(writer->bytes + start, vtable, vtable[0]);
    put_u32(writer, table, table - start);
    for (unsigned i = 0; i < count && i < MAX_FIELDS; i++)
        memcpy(writer->bytes + table + vtable[2 + i], &fields[i].value, fields[i].bytes);
    uint32_t root;
    memcpy(&root, writer->bytes + root_at(writer), sizeof root);
    if (!root)
        put_u32(writer, root_at(writer), table - root_at(writer));
    return table;
}

void prt_fbw_link(struct prt_fbw *writer, size_t table, unsigned field, size_t target)
{
    if (writer->failed)
        return;
    uint32_t back;
    uint16_t offset;
    memcpy(&back, writer->bytes + table, sizeof back);
    memcpy(&offset, writer->bytes + table - back + 4 + 2 * (size_t)field, sizeof offset);
    put_u32(writer, table + offset, target - (table + offset));
}

void prt_fbw_link_item(struct prt_fbw *writer, size_t vector, uint32_t index, size_t target)
{
    size_t at = vector + 4 + 4 * (size_t)index;
    put_u32(writer, at, target - at);
}

size_t prt_fbw_vector(struct prt_fbw *writer, const void *items, uint32_t count, size_t item_bytes)
{
    /* The items are aligned, the count stands right before them. */
    size_t alignment = item_bytes > 4 ? item_bytes : 4;
    size_t count_at = append(writer, alignment, alignment) + alignment - 4;
    size_t items_at = append(writer, count * item_bytes, 1);
    put_u32(writer, count_at, count);
    if (!writer->failed && items && count)
        memcpy(writer->bytes + items_at, items, count * item_bytes);
    return count_at;
}

size_t prt_fbw_text(struct prt_fbw *writer, const char *text)
{
    size_t at = prt_fbw_vector(writer, text, (uint32_t)strlen(text), 1);
    append(writer, 1, 1);
    return at;
}

bool prt_fbw_finish(struct prt_fbw *writer)
{
    append(writer, 0, 8);
    if (writer->size_prefixed)
        put_u32(writer, 0, writer->size - 4);
    return !writer->failed;
}

void prt_fbw_free(struct prt_fbw *writer)
{
    free(writer->bytes);
    *writer = (struct prt_fbw){0};
}
