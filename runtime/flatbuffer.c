/* Why: the reader that generated code would give us trusts the file; this one cannot be made to
 * read outside it. */
#include "runtime/flatbuffer.h"

#include "base/checked.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "FlatBuffers are read in place: little-endian hosts only"
#endif

#define ELEMENTS_PER_BYTE 16

static void fault(struct prt_fb *buffer, const char *text)
{
    if (!buffer->fault)
        buffer->fault = text;
}

static bool inside(struct prt_fb *buffer, size_t at, size_t bytes)
{
    if (base_range_inside(at, bytes, buffer->size))
        return true;
    fault(buffer, "an offset leads outside the flatbuffer");
    return false;
}

static struct prt_fb_table absent_table(struct prt_fb *buffer)
{
    return (struct prt_fb_table){.buffer = buffer};
}

static struct prt_fb_table open_table(struct prt_fb *buffer, size_t at)
{
    if (!inside(buffer, at, 4))
        return absent_table(buffer);
    int64_t vtable = (int64_t)at - (int32_t)prt_fb_load(buffer, at, 4);
    if (vtable < 0 || !inside(buffer, (size_t)vtable, 4)) {
        fault(buffer, "a table's field list lies outside the flatbuffer");
        return absent_table(buffer);
    }
    uint16_t vtable_bytes = (uint16_t)prt_fb_load(buffer, (size_t)vtable, 2);
    /* The table's own size, which follows, is not to be believed: Python's writer before 25.12 lets
     * tables of different sizes share one list. Fields are checked against the buffer instead. */
    if (vtable_bytes < 4 || vtable_bytes % 2 != 0) {
        fault(buffer, "a table's field list is malformed");
        return absent_table(buffer);
    }
    if (!inside(buffer, (size_t)vtable, vtable_bytes))
        return absent_table(buffer);
    return (struct prt_fb_table){
        .buffer = buffer, .at = at, .vtable = (size_t)vtable, .vtable_bytes = vtable_bytes};
}

/* Follow the offset stored at a checked place. Zero would lead back to itself. */
static bool follow(struct prt_fb *buffer, size_t at, size_t *target)
{
    uint32_t offset = (uint32_t)prt_fb_load(buffer, at, 4);
    if (offset == 0) {
        fault(buffer, "an offset is null");
        return false;
    }
    *target = at + offset;
    return inside(buffer, *target, 4);
}

struct prt_fb_table prt_fb_open(struct prt_fb *buffer, const void *bytes, size_t size,
                                const char *id)
{
    *buffer = (struct prt_fb){.bytes = bytes, .size = size};
    size_t root;
    if (size < 8 || (id && memcmp(buffer->bytes + 4, id, 4) != 0)) {
        fault(buffer, "the flatbuffer's identifier is not the expected one");
        return absent_table(buffer);
    }
    return follow(buffer, 0, &root) ? open_table(buffer, root) : absent_table(buffer);
}

size_t prt_fb_place(struct prt_fb_table table, unsigned field, unsigned bytes)
{
    size_t slot = 4 + 2 * (size_t)field;
    if (table.at == 0 || slot + 2 > table.vtable_bytes)
        return 0;
    uint16_t offset = (uint16_t)prt_fb_load(table.buffer, table.vtable + slot, 2);
    if (offset == 0)
        return 0;
    if (offset < 4) {
        fault(table.buffer, "a field lies over its table's head");
        return 0;
    }
    return inside(table.buffer, table.at + offset, bytes) ? table.at + offset : 0;
}

bool prt_fb_has(struct prt_fb_table table, unsigned field)
{
    return prt_fb_place(table, field, 1) != 0;
}

struct prt_fb_table prt_fb_child(struct prt_fb_table table, unsigned field)
{
    size_t at = prt_fb_place(table, field, 4), target;
    if (!at || !follow(table.buffer, at, &target))
        return absent_table(table.buffer);
    return open_table(table.buffer, target);
}

/* What an offset at a place leads to; absent when at is 0. */
static struct prt_fb_vector list_at(struct prt_fb *buffer, size_t at, unsigned element_bytes)
{
    struct prt_fb_vector none = {.buffer = buffer};
    size_t target;
    if (!at || !follow(buffer, at, &target))
        return none;
    uint32_t count = (uint32_t)prt_fb_load(buffer, target, 4);
    size_t bytes;
    if (!base_mul_size(count, element_bytes, &bytes) ||
        !base_range_inside(target + 4, bytes, buffer->size)) {
        fault(buffer, "a vector is longer than the flatbuffer");
        return none;
    }
    buffer->handed_out += count;
    if (buffer->handed_out / ELEMENTS_PER_BYTE > buffer->size) {
        fault(buffer, "vectors are shared too often");
        return none;
    }
    return (struct prt_fb_vector){
        .buffer = buffer, .at = target + 4, .count = count, .present = true};
}

struct prt_fb_vector prt_fb_list(struct prt_fb_table table, unsigned field, unsigned element_bytes)
{
    return list_at(table.buffer, prt_fb_place(table, field, 4), element_bytes);
}

static const char *text_of(struct prt_fb_vector vector, size_t *length)
{
    const char *text = vector.count ? (const char *)vector.buffer->bytes + vector.at : "";
    *length = vector.count;
    if (memchr(text, '\0', vector.count)) {
        fault(vector.buffer, "a string contains a NUL");
        *length = 0;
        return "";
    }
    return text;
}

const char *prt_fb_text(struct prt_fb_table table, unsigned field, size_t *length)
{
    return text_of(prt_fb_list(table, field, 1), length);
}

const char *prt_fb_item_text(struct prt_fb_vector vector, uint32_t index, size_t *length)
{
    return text_of(list_at(vector.buffer, vector.at + (size_t)index * 4, 1), length);
}

struct prt_fb_table prt_fb_item_table(struct prt_fb_vector vector, uint32_t index)
{
    size_t target;
    if (!follow(vector.buffer, vector.at + (size_t)index * 4, &target))
        return absent_table(vector.buffer);
    return open_table(vector.buffer, target);
}

float prt_fb_f32(struct prt_fb_table table, unsigned field)
{
    uint32_t bits = prt_fb_u32(table, field);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double prt_fb_f64(struct prt_fb_table table, unsigned field)
{
    uint64_t bits = prt_fb_u64(table, field);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
