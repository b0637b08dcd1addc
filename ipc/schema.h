/*
 * The payloads of ipc/topics.h as data: one table, from which everything that has no C header
 * decodes them. The daemon gives it out as JSON (the query "schemas", docs/schemas.md); the command
 * line, the Python client and recordings know no more of a payload than that.
 *
 * Names, offsets, types and sizes are taken from the C structs by the compiler, so the two can't
 * disagree. A new schema is a struct in ipc/topics.h and a row in schema.c.
 */
#ifndef IPC_SCHEMA_H
#define IPC_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum ipc_field_type {
    IPC_FIELD_I64,
    IPC_FIELD_U64,
    IPC_FIELD_U32,
    IPC_FIELD_F32,
    IPC_FIELD_TEXT,   /* NUL-terminated within dims[0] bytes */
    IPC_FIELD_STRUCT, /* layout */
    IPC_FIELD_IMAGE,  /* up to the payload's end: `height` rows of `stride` bytes, in each `width`
                         pixels of `format`, which are fields of the same struct */
    IPC_FIELD_TENSOR, /* nothing of the struct but what its fields `dtype` (a word), `rank`,
                         `sizes`, `offset` (from the payload's begin) and `bytes` describe:
                         row-major */
};

struct ipc_field {
    const char *name;
    enum ipc_field_type type;
    size_t offset;
    size_t dims[2];           /* of an array; 0, 0: a single one */
    const char *unit;         /* NULL: none */
    const char *const *words; /* U32: what 0, 1, ... mean; ends with NULL. NULL: a number */
    const struct ipc_struct *layout;
    const char *count; /* the u32 of the same struct that says how many elements mean something;
                          NULL: all */
    bool reserved;     /* zero, to be left out */
};

struct ipc_struct {
    size_t size;
    const struct ipc_field *fields; /* ascending and without gaps; ends with one without a name */
};

struct ipc_schema {
    const char *name; /* "percept.hands/1" */
    struct ipc_struct layout;
};

/* NULL past the last. */
const struct ipc_schema *ipc_schema_at(size_t index);

/* All of them, {"schemas": [...]}; malloc'ed, NULL when out of memory. */
char *ipc_schemas_json(void);

#endif
