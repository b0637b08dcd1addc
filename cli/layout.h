/*
 * The description of a payload (ipc/schema.h), as it comes from a daemon or stands in a recording,
 * made ready for decoding. It may be hostile: what passes here describes bytes inside the payload,
 * each of them once.
 */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include "base/status.h"
#include "ipc/schema.h"

#include <jansson.h>

struct cli_field;

/* Fields of the same struct, which say where and what a tensor is. */
struct cli_tensor {
    const struct cli_field *dtype, *rank, *sizes, *offset, *bytes;
};

struct cli_field {
    const char *name;
    enum ipc_field_type type;
    size_t offset;
    size_t dims[2];                /* 0, 0: a single one */
    size_t bytes;                  /* of one element */
    const json_t *words;           /* texts of 0, 1, ...; NULL: a number */
    struct cli_layout *layout;     /* STRUCT */
    const struct cli_field *count; /* a single u32 of the same struct; NULL: all */
    struct cli_tensor tensor;      /* TENSOR */
};

struct cli_layout {
    size_t size; /* bytes a payload has at least */
    size_t field_count;
    struct cli_field *fields;
    json_t *description; /* what names and words point into; of the outermost only */
};

/* One member of "schemas". MALFORMED tells what is wrong with it. */
enum percept_status cli_layout_parse(json_t *description, struct cli_layout **layout,
                                     struct percept_error *error);
void cli_layout_free(struct cli_layout *layout); /* NULL is fine */

#endif
