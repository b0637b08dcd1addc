/* Why: hostile files are made by spoiling good ones, and good ones must be small enough to read. */
#include "flat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t flat_append(struct flat *flat, const void *data, size_t size, size_t alignment)
{
    size_t at = (flat->size + alignment - 1) / alignment * alignment;
    uint8_t *bytes = realloc(flat->bytes, at + size);
    if (!bytes)
        abort();
    memset(bytes + flat->size, 0, at + size - flat->size);
    if (data && size)
        memcpy(bytes + at, data, size);
    flat->bytes = bytes;
    flat->size = at + size;
    return at;
}

size_t flat_table(struct flat *flat, const char *layout)
{
    size_t fields = strlen(layout);
    uint16_t vtable[64] = {(uint16_t)(4 + 2 * fields)}, used = 4;
    for (size_t i = 0; i < fields; i++) {
        uint16_t size = layout[i] == 'o' ? 4 : (uint16_t)(layout[i] - '0');
        if (size == 0)
            continue;
        used = (uint16_t)((used + size - 1) / size * size);
        vtable[2 + i] = used;
        used = (uint16_t)(used + size);
    }
    vtable[1] = used;
    size_t start = flat_append(flat, vtable, vtable[0], 8);
    size_t table = flat_append(flat, NULL, used, 8);
    int32_t back = (int32_t)(table - start);
    memcpy(flat->bytes + table, &back, sizeof back);
    return table;
}

size_t flat_field(const uint8_t *bytes, size_t table, unsigned field)
{
    int32_t back;
    uint16_t vtable_size, offset;
    memcpy(&back, bytes + table, sizeof back);
    const uint8_t *vtable = bytes + table - back;
    memcpy(&vtable_size, vtable, sizeof vtable_size);
    if (4 + 2 * field >= vtable_size)
        return 0;
    memcpy(&offset, vtable + 4 + 2 * field, sizeof offset);
    return offset ? table + offset : 0;
}

/* Bytes up to the next field, which is at least what the field takes. */
void flat_set(struct flat *flat, size_t table, unsigned field, uint64_t value)
{
    size_t at = flat_field(flat->bytes, table, field), end = table;
    int32_t back;
    uint16_t size;
    memcpy(&back, flat->bytes + table, sizeof back);
    memcpy(&size, flat->bytes + table - back + 2, sizeof size);
    end += size;
    for (unsigned other = 0; other < 60; other++) {
        size_t next = flat_field(flat->bytes, table, other);
        if (next > at && next < end)
            end = next;
    }
    size_t bytes = end - at < 8 ? end - at : 8;
    memcpy(flat->bytes + at, &value, bytes);
}

void flat_link_at(struct flat *flat, size_t at, size_t target)
{
    uint32_t offset = (uint32_t)(target - at);
    memcpy(flat->bytes + at, &offset, sizeof offset);
}

void flat_link(struct flat *flat, size_t table, unsigned field, size_t target)
{
    flat_link_at(flat, flat_field(flat->bytes, table, field), target);
}

size_t flat_vector(struct flat *flat, const void *items, uint32_t count, size_t item_size,
                   size_t alignment)
{
    /* The items are aligned, the count stands right before them. */
    size_t room = alignment > 4 ? alignment : 4;
    size_t items_at = flat_append(flat, NULL, room, room) + room;
    memcpy(flat->bytes + items_at - 4, &count, sizeof count);
    flat_append(flat, items, count * item_size, 1);
    return items_at - 4;
}

size_t flat_text(struct flat *flat, const char *text)
{
    size_t at = flat_vector(flat, text, (uint32_t)strlen(text), 1, 4);
    flat_append(flat, "", 1, 1);
    return at;
}

size_t flat_follow(const uint8_t *bytes, size_t at)
{
    uint32_t offset;
    memcpy(&offset, bytes + at, sizeof offset);
    return at + offset;
}

size_t flat_child(const uint8_t *bytes, size_t table, unsigned field)
{
    return flat_follow(bytes, flat_field(bytes, table, field));
}

size_t flat_item(const uint8_t *bytes, size_t table, unsigned field, uint32_t index)
{
    return flat_follow(bytes, flat_child(bytes, table, field) + 4 + 4 * (size_t)index);
}

void flat_spoil_words(struct flat *flat, void (*attempt)(const struct flat *flat))
{
    static const uint32_t words[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0xff};
    for (size_t at = 0; at + 4 <= flat->size; at += 4) {
        uint32_t original, spoilt;
        memcpy(&original, flat->bytes + at, sizeof original);
        for (size_t i = 0; i < 2 + sizeof words / sizeof words[0]; i++) {
            spoilt = i == 0 ? original + 1 : i == 1 ? original - 1 : words[i - 2];
            memcpy(flat->bytes + at, &spoilt, sizeof spoilt);
            attempt(flat);
        }
        memcpy(flat->bytes + at, &original, sizeof original);
    }
}

struct flat flat_read_file(const char *path)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "%s/%s", getenv("PERCEPT_SOURCE_DIR"), path);
    FILE *in = fopen(whole, "rb");
    if (!in)
        abort();
    struct flat flat = {.bytes = malloc(1 << 20)};
    flat.size = flat.bytes ? fread(flat.bytes, 1, 1 << 20, in) : 0;
    fclose(in);
    return flat;
}
