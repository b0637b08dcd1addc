/*
 * Reading FlatBuffers that nobody has vouched for.
 *
 * Every access is checked against the buffer. A bad one does not fail at the spot: it records the
 * first fault, and yields a default, an absent table or an empty vector; the caller asks for the
 * fault when it has read a piece and before it believes it. So reading code has no error paths, and
 * nothing is ever read outside the buffer.
 *
 * Offsets point forward only, so no chain of tables can be endless; but a table or vector may be
 * referred to many times. The reader counts the elements that it hands out and faults past 16 for
 * each byte, which no honest writer reaches and which keeps work linear in the size of the file.
 *
 * Little-endian hosts only, like the format. Source: the FlatBuffers "internals" specification.
 */
#ifndef RUNTIME_FLATBUFFER_H
#define RUNTIME_FLATBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct prt_fb {
    const uint8_t *bytes;
    size_t size;
    size_t handed_out; /* elements of vectors so far */
    const char *fault; /* the first thing wrong, static text; NULL so far */
};

/* An absent table has at == 0: all its fields are absent. */
struct prt_fb_table {
    struct prt_fb *buffer;
    size_t at;
    size_t vtable;
    uint16_t vtable_bytes;
};

/* Of scalars, or of offsets to tables, strings or vectors. An absent one has count 0. */
struct prt_fb_vector {
    struct prt_fb *buffer;
    size_t at;
    uint32_t count;
    bool present;
};

/* bytes <= 8 at a place that need not be aligned. The caller has checked the place. */
static inline uint64_t prt_fb_load(const struct prt_fb *buffer, size_t at, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, buffer->bytes + at, bytes);
    return value;
}

/* Start reading; id is the four characters at offset 4, NULL for "do not look". Returns the root,
 * absent when the buffer is none. The bytes outlive the reader and must not change. */
struct prt_fb_table prt_fb_open(struct prt_fb *buffer, const void *bytes, size_t size,
                                const char *id);

/* Where a field has room for bytes; 0 when it is absent. Fields are numbered in the order of the
 * schema, a union counting two. */
size_t prt_fb_place(struct prt_fb_table table, unsigned field, unsigned bytes);

/* A scalar of 1, 2, 4 or 8 bytes, zero-extended; fallback when the field is absent. */
static inline uint64_t prt_fb_scalar(struct prt_fb_table table, unsigned field, unsigned bytes,
                                     uint64_t fallback)
{
    size_t at = prt_fb_place(table, field, bytes);
    return at ? prt_fb_load(table.buffer, at, bytes) : fallback;
}
bool prt_fb_has(struct prt_fb_table table, unsigned field);

struct prt_fb_table prt_fb_child(struct prt_fb_table table, unsigned field);
struct prt_fb_vector prt_fb_list(struct prt_fb_table table, unsigned field, unsigned element_bytes);

/* Text is not terminated within length; "" when absent. A string with a NUL inside is a fault. */
const char *prt_fb_text(struct prt_fb_table table, unsigned field, size_t *length);

/* Elements; index must be below count. */
static inline uint64_t prt_fb_item(struct prt_fb_vector vector, uint32_t index, unsigned bytes)
{
    return prt_fb_load(vector.buffer, vector.at + (size_t)index * bytes, bytes);
}
/* Of a vector of texts; as prt_fb_text. */
const char *prt_fb_item_text(struct prt_fb_vector vector, uint32_t index, size_t *length);
struct prt_fb_table prt_fb_item_table(struct prt_fb_vector vector, uint32_t index);

static inline bool prt_fb_bool(struct prt_fb_table table, unsigned field)
{
    return prt_fb_scalar(table, field, 1, 0) != 0;
}

static inline uint8_t prt_fb_u8(struct prt_fb_table table, unsigned field)
{
    return (uint8_t)prt_fb_scalar(table, field, 1, 0);
}

static inline uint32_t prt_fb_u32(struct prt_fb_table table, unsigned field)
{
    return (uint32_t)prt_fb_scalar(table, field, 4, 0);
}

static inline int32_t prt_fb_i32(struct prt_fb_table table, unsigned field)
{
    return (int32_t)prt_fb_u32(table, field);
}

static inline uint64_t prt_fb_u64(struct prt_fb_table table, unsigned field)
{
    return prt_fb_scalar(table, field, 8, 0);
}

static inline int64_t prt_fb_i64(struct prt_fb_table table, unsigned field)
{
    return (int64_t)prt_fb_u64(table, field);
}

float prt_fb_f32(struct prt_fb_table table, unsigned field);
double prt_fb_f64(struct prt_fb_table table, unsigned field);

#endif
