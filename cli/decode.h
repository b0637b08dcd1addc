/*
 * What is inside a sample. As JSON by its description, whatever it is; as a line for people by a
 * table of the schemas that this build knows (ipc/topics.h).
 */
#ifndef CLI_DECODE_H
#define CLI_DECODE_H

#include "cli/layout.h"
#include "ipc/percept.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

struct cli_schema {
    const char *name;                                        /* "percept.hands/1" */
    size_t least;                                            /* bytes a payload has at least */
    void (*line)(const void *data, size_t size, FILE *file); /* for people: no newline */
    int64_t (*model_ns)(const void *data); /* time of the latency that models took; NULL: unknown */
};

/* NULL when it is not in the table. */
const struct cli_schema *cli_schema_find(const char *name);

/* The payload as an object whose members are called as in the description; layout NULL or a payload
 * too short for it: {"size", "hex": its first bytes}. */
json_t *cli_decode_json(const struct cli_layout *layout, const void *data, size_t size);
/* Either may be NULL. */
void cli_decode_line(const struct cli_schema *schema, const struct cli_layout *layout,
                     const void *data, size_t size, FILE *file);

/* That of one schema in a daemon's answer to "schemas"; NULL: none. */
json_t *cli_description(const json_t *schemas, const char *schema);
/* Ask a daemon what is in payloads of a schema; *layout is NULL when it does not know. */
enum percept_status cli_describe(struct percept_client *client, const char *schema,
                                 struct cli_layout **layout, struct percept_error *error);

#endif
