/*
 * Writes FlatBuffers front to back, and finds fields in them so that a test can spoil one. The
 * reader under test shares no code with this. Running out of memory ends the test.
 */
#ifndef TESTS_RUNTIME_FLAT_H
#define TESTS_RUNTIME_FLAT_H

#include <stddef.h>
#include <stdint.h>

struct flat {
    uint8_t *bytes; /* malloc'ed */
    size_t size;
};

/* Append bytes at a multiple of alignment; data NULL appends zeros. Returns their place. */
size_t flat_append(struct flat *flat, const void *data, size_t size, size_t alignment);

/* A table. layout has one digit a field: its bytes, 0 for an absent one; 'o' is an offset. */
size_t flat_table(struct flat *flat, const char *layout);
void flat_set(struct flat *flat, size_t table, unsigned field, uint64_t value);
/* Make an offset field, or any place that holds an offset, point to target, which lies behind. */
void flat_link(struct flat *flat, size_t table, unsigned field, size_t target);
void flat_link_at(struct flat *flat, size_t at, size_t target);

size_t flat_vector(struct flat *flat, const void *items, uint32_t count, size_t item_size,
                   size_t alignment);
size_t flat_text(struct flat *flat, const char *text);

/* Where a field's bytes are (0 when absent), what an offset there leads to, and a vector's item. */
size_t flat_field(const uint8_t *bytes, size_t table, unsigned field);
size_t flat_follow(const uint8_t *bytes, size_t at);
size_t flat_child(const uint8_t *bytes, size_t table, unsigned field);
size_t flat_item(const uint8_t *bytes, size_t table, unsigned field, uint32_t index);

/* The bytes of a file of the source tree; to be freed. */
struct flat flat_read_file(const char *path);

/* Change every word in several ways, one at a time, and try each: nothing may crash. */
void flat_spoil_words(struct flat *flat, void (*attempt)(const struct flat *flat));

#endif
