/*
 * What is inside a sample: one table of schemas, each a table of fields (ipc/topics.h in data
 * form). A new schema is a row in decode.c.
 */
#ifndef CLI_DECODE_H
#define CLI_DECODE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

struct cli_schema {
    const char *name; /* "percept.hands/1" */
    size_t least;     /* bytes a payload has at least */
    const struct cli_struct *layout;
    void (*line)(const void *data, size_t size, FILE *file); /* for people: no newline */
    json_t *(*json)(const void *data, size_t size); /* what the layout does not have; NULL */
    int64_t (*model_ns)(const void *data); /* time of the latency that models took; NULL: unknown */
};

/* NULL when it is not in the table. */
const struct cli_schema *cli_schema_find(const char *name);

/* The payload as an object whose members are called as in ipc/topics.h; schema NULL or a payload
 * too short for it: {"size", "hex": its first bytes}. */
json_t *cli_decode_json(const struct cli_schema *schema, const void *data, size_t size);
void cli_decode_line(const struct cli_schema *schema, const void *data, size_t size, FILE *file);

#endif
