/*
 * A YAML document as a small tree in which every value knows its line and column.
 *
 * Everything is checked while it is built: size, depth and number of values (aliases count each
 * time they are used, so a file cannot grow by them), duplicate keys, and ${NAME} or
 * ${NAME:-default}, which are replaced by environment variables except in 'single quotes'; $$ is a
 * dollar sign. What a plain text means (number, truth, name) is decided by whoever reads it.
 */
#ifndef PIPELINES_TREE_H
#define PIPELINES_TREE_H

#include "base/arena.h"
#include "base/status.h"
#include "signing/signing.h"

#include <stdbool.h>
#include <stdint.h>

#define PIPE_TREE_MAX_BYTES  65536
#define PIPE_TREE_MAX_DEPTH  16
#define PIPE_TREE_MAX_VALUES 10000
#define PIPE_TREE_MAX_TEXT   4096

enum pipe_tree_kind { PIPE_TREE_TEXT, PIPE_TREE_LIST, PIPE_TREE_MAP };

struct pipe_tree_item {
    const struct pipe_tree *key; /* NULL in a list */
    const struct pipe_tree *value;
};

/* A file that values come from. */
struct pipe_tree_file {
    const char *name;   /* for messages */
    const char *folder; /* that relative paths in it start from; "": the current one */
};

struct pipe_tree {
    enum pipe_tree_kind kind;
    bool quoted; /* TEXT: was written in quotes, so it is not a number */
    const struct pipe_tree_file *file;
    unsigned line, column;
    const char *text; /* TEXT */
    size_t count;     /* LIST, MAP */
    const struct pipe_tree_item *items;
};

/* name is for messages, and its folder is where relative paths start. An empty document gives an
 * empty map. The tree lives in the arena. */
enum percept_status pipe_tree_parse(const char *name, const void *bytes, size_t size,
                                    struct base_arena *arena, const struct pipe_tree **tree,
                                    struct percept_error *error);

/* The bytes of a file, for pipe_tree_parse, which says when they are too many; malloc'ed. With
 * keys, one of them must have signed it; NULL: none need. */
enum percept_status pipe_tree_read_file(const char *path, const struct signing_keys *keys,
                                        char **bytes, size_t *size, struct percept_error *error);

/* The item of a map with this key; NULL when there is none. */
const struct pipe_tree_item *pipe_tree_find(const struct pipe_tree *map, const char *key);

/* Do they say the same? Order does not matter in a map; places do not, but the folders of texts
 * do, for they may be relative paths. Two NULLs are the same. */
bool pipe_tree_same(const struct pipe_tree *a, const struct pipe_tree *b);

/* "a list", "the text '30'", "nothing": what a message says it got. Returns buffer. */
char *pipe_tree_describe(const struct pipe_tree *tree, char *buffer, size_t size);

#endif
