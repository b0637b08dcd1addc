/*
 * Writing FlatBuffers, front to back: what refers comes before what it refers to, so a place is
 * known as soon as it is written and offsets are filled in afterwards.
 *
 * Running out of memory, or a buffer of more than 2 GiB, is remembered: every later call does
 * nothing and prt_fbw_finish fails. So writing code has no error paths. The counterpart of
 * flatbuffer.h. Source: the FlatBuffers "internals" specification.
 */
#ifndef RUNTIME_FLATBUFFER_WRITER_H
#define RUNTIME_FLATBUFFER_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise. */
struct prt_fbw {
    uint8_t *bytes;
    size_t size, capacity;
    bool size_prefixed;
    bool failed;
};

/* A field of a table: its bytes (1, 2, 4, 8; 0 when it is absent) and its value; of a field that
 * is an offset, 4 bytes that prt_fbw_link fills. */
struct prt_fbw_field {
    uint8_t bytes;
    uint64_t value;
};
#define PRT_FBW_ABSENT      ((struct prt_fbw_field){0, 0})
#define PRT_FBW_OFFSET      ((struct prt_fbw_field){4, 0})
#define PRT_FBW_I32(number) ((struct prt_fbw_field){4, (uint32_t)(number)})
#define PRT_FBW_U64(number) ((struct prt_fbw_field){8, (uint64_t)(number)})
#define PRT_FBW_U8(number)  ((struct prt_fbw_field){1, (uint8_t)(number)})

/* Start a buffer with its file identifier, four characters. size_prefixed: a length comes first. */
void prt_fbw_start(struct prt_fbw *writer, const char *id, bool size_prefixed);

/* A table; the fields in the order of the schema. At most 32. The first one is the root. */
size_t prt_fbw_table(struct prt_fbw *writer, const struct prt_fbw_field *fields, unsigned count);
/* Make an offset field of a table, or an item of a vector of offsets, point to a later place. */
void prt_fbw_link(struct prt_fbw *writer, size_t table, unsigned field, size_t target);
void prt_fbw_link_item(struct prt_fbw *writer, size_t vector, uint32_t index, size_t target);

/* A vector of scalars of 1, 2, 4 or 8 bytes; items NULL for zeros (offsets, for example). */
size_t prt_fbw_vector(struct prt_fbw *writer, const void *items, uint32_t count, size_t item_bytes);
size_t prt_fbw_text(struct prt_fbw *writer, const char *text);

/* Fill the length in. False: it did not work out. The bytes stay the writer's. */
bool prt_fbw_finish(struct prt_fbw *writer);
void prt_fbw_free(struct prt_fbw *writer);

#endif
