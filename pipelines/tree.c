/* Why: libyaml's document knows places but expands aliases by reference; readers want a plain tree
 * that is already known to be small and sound. */
#include "pipelines/tree.h"

#include "base/checked.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

struct builder {
    const char *name;
    const struct pipe_tree_file *file;
    yaml_document_t *document;
    struct base_arena *arena;
    struct percept_error *error;
    unsigned values;
};

#define FAIL(b, status, mark, ...)                                              \
    percept_fail_at((b)->error, (status), (b)->name, (unsigned)(mark).line + 1, \
                    (unsigned)(mark).column + 1, __VA_ARGS__)

static bool name_character(char c, bool first)
{
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (!first && c >= '0' && c <= '9');
}

/* One "${NAME}" or "${NAME:-default}" at *text, which is moved past it. */
static enum percept_status variable(struct builder *b, yaml_mark_t mark, const char **text,
                                    const char *end, const char **value, size_t *length)
{
    const char *start = *text + 2, *close = memchr(start, '}', (size_t)(end - start));
    if (!close)
        return FAIL(b, PERCEPT_MALFORMED, mark, "'${' without '}'");
    const char *name_end = start;
    while (name_end < close && name_character(*name_end, name_end == start))
        name_end++;
    bool has_default = close - name_end >= 2 && name_end[0] == ':' && name_end[1] == '-';
    char name[128];
    size_t name_length = (size_t)(name_end - start);
    if (name_length == 0 || name_length >= sizeof name || (name_end != close && !has_default))
        return FAIL(b, PERCEPT_MALFORMED, mark, "expected ${NAME} or ${NAME:-default}");
    memcpy(name, start, name_length);
    name[name_length] = '\0';
    const char *set = getenv(name);
    if (set && *set) {
        *value = set;
        *length = strlen(set);
    } else if (has_default) {
        *value = name_end + 2;
        *length = (size_t)(close - *value);
    } else {
        return FAIL(b, PERCEPT_NOT_FOUND, mark,
                    "environment variable %s is not set (${%s:-...} gives a default)", name, name);
    }
    *text = close + 1;
    return PERCEPT_OK;
}

static enum percept_status expand(struct builder *b, const yaml_node_t *node, const char **out)
{
    const char *text = (const char *)node->data.scalar.value;
    const char *end = text + node->data.scalar.length;
    bool literal = node->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE;
    char result[PIPE_TREE_MAX_TEXT + 1];
    size_t used = 0;
    if (memchr(text, '\0', (size_t)(end - text)))
        return FAIL(b, PERCEPT_MALFORMED, node->start_mark, "a text with a NUL character in it");
    while (text < end) {
        const char *piece = text;
        size_t length = 1;
        if (!literal && text[0] == '$' && end - text >= 2 && text[1] == '$') {
            text += 2;
        } else if (!literal && text[0] == '$' && end - text >= 2 && text[1] == '{') {
            enum percept_status status = variable(b, node->start_mark, &text, end, &piece, &length);
            if (status != PERCEPT_OK)
                return status;
        } else {
            text++;
        }
        if (length > PIPE_TREE_MAX_TEXT - used)
            return FAIL(b, PERCEPT_LIMIT, node->start_mark, "a text of more than %d bytes",
                        PIPE_TREE_MAX_TEXT);
        memcpy(result + used, piece, length);
        used += length;
    }
    *out = base_arena_strndup(b->arena, result, used);
    return *out ? PERCEPT_OK : FAIL(b, PERCEPT_NO_MEMORY, node->start_mark, "out of memory");
}

static enum percept_status build(struct builder *b, int index, unsigned depth,
                                 const struct pipe_tree **out);

static enum percept_status build_key(struct builder *b, int index, const struct pipe_tree *map,
                                     size_t filled, unsigned depth, const struct pipe_tree **out)
{
    const yaml_node_t *node = yaml_document_get_node(b->document, index);
    if (node && node->type != YAML_SCALAR_NODE)
        return FAIL(b, PERCEPT_MALFORMED, node->start_mark, "a key must be a plain name");
    enum percept_status status = build(b, index, depth, out);
    if (status != PERCEPT_OK)
        return status;
    for (size_t i = 0; i < filled; i++)
        if (strcmp(map->items[i].key->text, (*out)->text) == 0)
            return percept_fail_at(b->error, PERCEPT_MALFORMED, b->name, (*out)->line,
                                   (*out)->column, "key '%s' again; it is already on line %u",
                                   (*out)->text, map->items[i].key->line);
    return PERCEPT_OK;
}

static enum percept_status build_items(struct builder *b, const yaml_node_t *node, unsigned depth,
                                       struct pipe_tree *tree)
{
    bool map = tree->kind == PIPE_TREE_MAP;
    tree->count = map ? (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start)
                      : (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    /* Before the memory is taken, so that a list of lists of aliases stops early. */
    if (tree->count > PIPE_TREE_MAX_VALUES - b->values)
        return FAIL(b, PERCEPT_LIMIT, node->start_mark,
                    "more than %d values, aliases counted each time", PIPE_TREE_MAX_VALUES);
    struct pipe_tree_item *items = base_arena_array(b->arena, tree->count, sizeof *items);
    if (!items)
        return FAIL(b, PERCEPT_NO_MEMORY, node->start_mark, "out of memory");
    tree->items = items;
    for (size_t i = 0; i < tree->count; i++) {
        enum percept_status status = PERCEPT_OK;
        if (map)
            status = build_key(b, node->data.mapping.pairs.start[i].key, tree, i, depth + 1,
                               &items[i].key);
        if (status == PERCEPT_OK)
            status = build(b,
                           map ? node->data.mapping.pairs.start[i].value
                               : node->data.sequence.items.start[i],
                           depth + 1, &items[i].value);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

static enum percept_status build(struct builder *b, int index, unsigned depth,
                                 const struct pipe_tree **out)
{
    const yaml_node_t *node = yaml_document_get_node(b->document, index);
    if (!node)
        return percept_fail_at(b->error, PERCEPT_MALFORMED, b->name, 0, 0, "not valid YAML");
    if (++b->values > PIPE_TREE_MAX_VALUES)
        return FAIL(b, PERCEPT_LIMIT, node->start_mark,
                    "more than %d values, aliases counted each time", PIPE_TREE_MAX_VALUES);
    if (depth > PIPE_TREE_MAX_DEPTH)
        return FAIL(b, PERCEPT_LIMIT, node->start_mark, "nested more than %d deep",
                    PIPE_TREE_MAX_DEPTH);
    struct pipe_tree *tree = base_arena_alloc(b->arena, sizeof *tree);
    if (!tree)
        return FAIL(b, PERCEPT_NO_MEMORY, node->start_mark, "out of memory");
    tree->file = b->file;
    tree->line = (unsigned)node->start_mark.line + 1;
    tree->column = (unsigned)node->start_mark.column + 1;
    enum percept_status status;
    if (node->type == YAML_SCALAR_NODE) {
        tree->kind = PIPE_TREE_TEXT;
        tree->quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        status = expand(b, node, &tree->text);
    } else {
        tree->kind = node->type == YAML_MAPPING_NODE ? PIPE_TREE_MAP : PIPE_TREE_LIST;
        status = build_items(b, node, depth, tree);
    }
    if (status == PERCEPT_OK)
        *out = tree;
    return status;
}

static enum percept_status parser_failed(const yaml_parser_t *parser, const char *name,
                                         struct percept_error *error)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return percept_fail_at(error, PERCEPT_NO_MEMORY, name, 0, 0, "out of memory");
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    if (parser->error == YAML_READER_ERROR)
        return percept_fail_at(error, PERCEPT_MALFORMED, name, (unsigned)parser->mark.line + 1, 0,
                               "not valid YAML: %s at byte %zu", problem, parser->problem_offset);
    /* The context says where the thing began that is now broken: an unclosed quote, say. */
    if (parser->context)
        return percept_fail_at(
            error, PERCEPT_MALFORMED, name, (unsigned)parser->problem_mark.line + 1,
            (unsigned)parser->problem_mark.column + 1, "not valid YAML: %s %s (from line %zu)",
            problem, parser->context, parser->context_mark.line + 1);
    return percept_fail_at(error, PERCEPT_MALFORMED, name, (unsigned)parser->problem_mark.line + 1,
                           (unsigned)parser->problem_mark.column + 1, "not valid YAML: %s",
                           problem);
}

static enum percept_status expect_end(yaml_parser_t *parser, struct builder *b)
{
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next))
        return parser_failed(parser, b->name, b->error);
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    enum percept_status status = PERCEPT_OK;
    if (root)
        status = FAIL(b, PERCEPT_MALFORMED, root->start_mark,
                      "a second document; a configuration is one document");
    yaml_document_delete(&next);
    return status;
}

static const struct pipe_tree_file *name_file(struct base_arena *arena, const char *name)
{
    struct pipe_tree_file *file = base_arena_alloc(arena, sizeof *file);
    const char *slash = strrchr(name, '/');
    size_t length = slash == name ? 1 : slash ? (size_t)(slash - name) : 0;
    if (!file)
        return NULL;
    file->name = base_arena_strndup(arena, name, strlen(name));
    file->folder = base_arena_strndup(arena, name, length);
    return file->name && file->folder ? file : NULL;
}

enum percept_status pipe_tree_parse(const char *name, const void *bytes, size_t size,
                                    struct base_arena *arena, const struct pipe_tree **tree,
                                    struct percept_error *error)
{
    if (size > PIPE_TREE_MAX_BYTES)
        return percept_fail_at(error, PERCEPT_LIMIT, name, 0, 0, "more than %d bytes",
                               PIPE_TREE_MAX_BYTES);
    const struct pipe_tree_file *file = name_file(arena, name);
    yaml_parser_t parser;
    yaml_document_t document;
    if (!file)
        return percept_fail_at(error, PERCEPT_NO_MEMORY, name, 0, 0, "out of memory");
    if (!yaml_parser_initialize(&parser))
        return percept_fail_at(error, PERCEPT_NO_MEMORY, name, 0, 0, "out of memory");
    yaml_parser_set_input_string(&parser, bytes, size);
    if (!yaml_parser_load(&parser, &document)) {
        enum percept_status status = parser_failed(&parser, name, error);
        yaml_parser_delete(&parser);
        return status;
    }
    struct builder b = {
        .name = name, .file = file, .document = &document, .arena = arena, .error = error};
    const struct pipe_tree *root = NULL;
    enum percept_status status = PERCEPT_OK;
    if (yaml_document_get_root_node(&document)) {
        status = build(&b, 1, 0, &root);
        if (status == PERCEPT_OK)
            status = expect_end(&parser, &b);
    } else {
        struct pipe_tree *empty = base_arena_alloc(arena, sizeof *empty);
        if (empty)
            *empty =
                (struct pipe_tree){.kind = PIPE_TREE_MAP, .file = file, .line = 1, .column = 1};
        else
            status = percept_fail_at(error, PERCEPT_NO_MEMORY, name, 0, 0, "out of memory");
        root = empty;
    }
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    if (status == PERCEPT_OK)
        *tree = root;
    return status;
}

const struct pipe_tree_item *pipe_tree_find(const struct pipe_tree *map, const char *key)
{
    for (size_t i = 0; map && map->kind == PIPE_TREE_MAP && i < map->count; i++)
        if (strcmp(map->items[i].key->text, key) == 0)
            return &map->items[i];
    return NULL;
}

bool pipe_tree_same(const struct pipe_tree *a, const struct pipe_tree *b)
{
    if (!a || !b)
        return a == b;
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == PIPE_TREE_TEXT)
        return a->quoted == b->quoted && strcmp(a->text, b->text) == 0 &&
               strcmp(a->file->folder, b->file->folder) == 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct pipe_tree_item *other =
            a->kind == PIPE_TREE_MAP ? pipe_tree_find(b, a->items[i].key->text) : &b->items[i];
        if (!other || !pipe_tree_same(a->items[i].value, other->value))
            return false;
    }
    return true;
}

char *pipe_tree_describe(const struct pipe_tree *tree, char *buffer, size_t size)
{
    if (tree->kind == PIPE_TREE_LIST)
        snprintf(buffer, size, "a list");
    else if (tree->kind == PIPE_TREE_MAP)
        snprintf(buffer, size, "a mapping");
    else if (!tree->quoted && tree->text[0] == '\0')
        snprintf(buffer, size, "nothing");
    else
        snprintf(buffer, size, "%s'%.60s'", tree->quoted ? "the quoted text " : "", tree->text);
    return buffer;
}

static enum percept_status open_file(const char *path, const struct signing_keys *keys, int *fd,
                                     struct percept_error *error)
{
    if (keys)
        return signing_open(keys, path, fd, NULL, error);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? PERCEPT_OK
                    : percept_fail_at(error, percept_status_from_errno(errno), path, 0, 0, "%s",
                                      strerror(errno));
}

enum percept_status pipe_tree_read_file(const char *path, const struct signing_keys *keys,
                                        char **result, size_t *size, struct percept_error *error)
{
    int fd;
    enum percept_status status = open_file(path, keys, &fd, error);
    if (status != PERCEPT_OK)
        return status;
    /* One byte more than is allowed, so that too much is seen as too much. */
    size_t capacity = PIPE_TREE_MAX_BYTES + 1;
    char *bytes = malloc(capacity);
    ssize_t used = bytes ? base_read_most(fd, bytes, capacity) : -1;
    int cause = errno;
    close(fd);
    if (used < 0) {
        free(bytes);
        return percept_fail_at(error, percept_status_from_errno(cause), path, 0, 0, "%s",
                               strerror(cause));
    }
    *result = bytes;
    *size = (size_t)used;
    return PERCEPT_OK;
}
