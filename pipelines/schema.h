/* Reads a mapping of the configuration into structs, as parameter tables describe them. */
#ifndef PIPELINES_SCHEMA_H
#define PIPELINES_SCHEMA_H

#include "base/arena.h"
#include "base/status.h"
#include "pipelines/param.h"
#include "pipelines/tree.h"

struct pipe_schema_reader {
    struct base_arena *arena;
    struct percept_error *error;
};

/* A table and the zeroed struct that it fills. */
struct pipe_schema_part {
    const struct pipe_param *params; /* NULL: none */
    void *out;
};

/*
 * Every key of the map must be in one of the parts, and every required parameter in the map. what
 * names the map in messages ("node 'palms'"). MALFORMED with the place of the first mistake.
 */
enum percept_status pipe_schema_read(const struct pipe_schema_reader *reader,
                                     const struct pipe_tree *map, const char *what,
                                     const struct pipe_schema_part *parts, size_t part_count);

/*
 * Read but one parameter of a map that says what the others are: until it is known which kind of
 * thing the map describes, other keys can't be judged. Success means that the key is there.
 */
enum percept_status pipe_schema_read_kind(const struct pipe_schema_reader *reader,
                                          const struct pipe_tree *map, const char *what,
                                          const struct pipe_param *params, const char *key,
                                          void *out);

/* Texts without their places, in the arena. */
enum percept_status pipe_schema_strings(const struct pipe_schema_reader *reader,
                                        const struct pipe_texts *texts,
                                        const char *const **strings);

/* Fails at a value. */
enum percept_status pipe_schema_fail(const struct pipe_schema_reader *reader,
                                     const struct pipe_tree *at, enum percept_status status,
                                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Is it what PIPE_PARAM_NAME takes? */
bool pipe_schema_is_name(const char *text);

#endif
