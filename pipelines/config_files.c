/* Why: a vendor's profile, a site's changes to it and one more pipeline are three people's files.
 * Whoever made a mistake must be told in which. */
#include "pipelines/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reading {
    const struct signing_keys *keys;
    struct base_arena *arena;
    struct percept_error *error;
    unsigned count; /* files read so far */
};

/* A file that is being read, and the one that includes it. */
struct chain {
    const struct chain *above;
    const char *name;
    struct stat identity;
};

static enum percept_status fail_at(const struct reading *r, const struct pipe_tree *at,
                                   enum percept_status status, const char *what, const char *path,
                                   const char *why)
{
    return percept_fail_at(r->error, status, at->file->name, at->line, at->column, "%s '%s': %s",
                           what, path, why);
}

static enum percept_status no_memory(const struct reading *r)
{
    return percept_fail(r->error, PERCEPT_NO_MEMORY, "out of memory");
}

/* ---- joining ---- */

static const struct pipe_tree *merge(const struct reading *r, const struct pipe_tree *under,
                                     const struct pipe_tree *over)
{
    if (!under || under->kind != PIPE_TREE_MAP || over->kind != PIPE_TREE_MAP || !under->count)
        return over;
    struct pipe_tree *joined = base_arena_copy(r->arena, over, sizeof *over);
    struct pipe_tree_item *items =
        base_arena_array(r->arena, under->count + over->count, sizeof *items);
    if (!joined || !items)
        return NULL;
    joined->items = items;
    joined->count = 0;
    for (size_t i = 0; i < under->count; i++)
        if (!pipe_tree_find(over, under->items[i].key->text))
            items[joined->count++] = under->items[i];
    for (size_t i = 0; i < over->count; i++) {
        const struct pipe_tree_item *before = pipe_tree_find(under, over->items[i].key->text);
        items[joined->count] = over->items[i];
        if (before)
            items[joined->count].value = merge(r, before->value, over->items[i].value);
        if (!items[joined->count++].value)
            return NULL;
    }
    return joined;
}

/* ---- one file, with what it includes ---- */

static enum percept_status add_file(struct reading *r, const char *path, const struct chain *above,
                                    const struct pipe_tree *at, const struct pipe_tree **tree);

/* The names from the file down to itself, as far as they fit. */
static enum percept_status fail_circle(const struct reading *r, const struct chain *above,
                                       const struct stat *identity, const char *path,
                                       const struct pipe_tree *at)
{
    char text[400];
    const struct chain *links[PIPE_MAX_FILES];
    size_t count = 0, used = 0;
    for (const struct chain *link = above; link && count < PIPE_MAX_FILES; link = link->above) {
        links[count++] = link;
        if (link->identity.st_ino == identity->st_ino && link->identity.st_dev == identity->st_dev)
            break;
    }
    while (count-- > 0 && used < sizeof text)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s includes ", links[count]->name);
    if (used < sizeof text)
        snprintf(text + used, sizeof text - used, "%s", path);
    return fail_at(r, at, PERCEPT_MALFORMED, "include", path, text);
}

static bool is_above(const struct chain *link, const struct stat *identity)
{
    for (; link; link = link->above)
        if (link->identity.st_ino == identity->st_ino && link->identity.st_dev == identity->st_dev)
            return true;
    return false;
}

static char *join(const struct reading *r, const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = base_arena_alloc(r->arena, size);
    if (path)
        snprintf(path, size, "%s%s%s", name[0] == '/' ? "" : folder,
                 name[0] == '/' || !folder[0] ? "" : "/", name);
    return path;
}

static enum percept_status include_all(struct reading *r, const struct pipe_tree *list,
                                       const struct chain *chain, const struct pipe_tree **tree)
{
    const struct pipe_tree_item alone = {.value = list};
    size_t count = list->kind == PIPE_TREE_LIST ? list->count : 1;
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++) {
        const struct pipe_tree *item =
            list->kind == PIPE_TREE_LIST ? list->items[i].value : alone.value;
        char got[128];
        if (item->kind != PIPE_TREE_TEXT || !item->text[0])
            return percept_fail_at(r->error, PERCEPT_MALFORMED, item->file->name, item->line,
                                   item->column, "include: expected a path or a list, got %s",
                                   pipe_tree_describe(item, got, sizeof got));
        char *path = join(r, item->file->folder, item->text);
        status = path ? add_file(r, path, chain, item, tree) : no_memory(r);
    }
    return status;
}

/* The map without what has been done. */
static const struct pipe_tree *drop_include(const struct reading *r, const struct pipe_tree *map)
{
    struct pipe_tree *rest = base_arena_copy(r->arena, map, sizeof *map);
    struct pipe_tree_item *items = base_arena_array(r->arena, map->count, sizeof *items);
    if (!rest || !items)
        return NULL;
    rest->items = items;
    rest->count = 0;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key->text, "include") != 0)
            items[rest->count++] = map->items[i];
    return rest;
}

static enum percept_status read_file(struct reading *r, const char *path,
                                     const struct pipe_tree *at, const struct pipe_tree **own)
{
    char *bytes;
    size_t size;
    struct percept_error cause = {0};
    if (++r->count > PIPE_MAX_FILES)
        return percept_fail_at(r->error, PERCEPT_LIMIT, path, 0, 0,
                               "more than %d files in one configuration", PIPE_MAX_FILES);
    enum percept_status status = pipe_tree_read_file(path, r->keys, &bytes, &size, &cause);
    if (status != PERCEPT_OK && at)
        return fail_at(r, at, status, "include", path, cause.message);
    if (status != PERCEPT_OK) {
        if (r->error)
            *r->error = cause;
        return status;
    }
    status = pipe_tree_parse(path, bytes, size, r->arena, own, r->error);
    free(bytes);
    return status;
}

/* Put a file over what is there. at: where it is included; NULL: it is not. */
static enum percept_status add_file(struct reading *r, const char *path, const struct chain *above,
                                    const struct pipe_tree *at, const struct pipe_tree **tree)
{
    struct chain chain = {.above = above, .name = path};
    const struct pipe_tree *own;
    if (stat(path, &chain.identity) == 0 && is_above(above, &chain.identity))
        return fail_circle(r, above, &chain.identity, path, at);
    enum percept_status status = read_file(r, path, at, &own);
    if (status != PERCEPT_OK)
        return status;
    const struct pipe_tree_item *include = pipe_tree_find(own, "include");
    if (include) {
        status = include_all(r, include->value, &chain, tree);
        own = drop_include(r, own);
    }
    const struct pipe_tree *joined = status == PERCEPT_OK && own ? merge(r, *tree, own) : NULL;
    if (status == PERCEPT_OK && !joined)
        return no_memory(r);
    if (status == PERCEPT_OK)
        *tree = joined;
    return status;
}

/* ---- the drop-in folder ---- */

static int is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot && strcmp(dot, ".yaml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* NAME.d of NAME.yaml; NULL when out of memory. */
static char *drop_in_folder(const struct reading *r, const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t length = dot && dot > (slash ? slash + 1 : path) ? (size_t)(dot - path) : strlen(path);
    char *folder = base_arena_alloc(r->arena, length + 3);
    if (folder) {
        memcpy(folder, path, length);
        strcpy(folder + length, ".d");
    }
    return folder;
}

static enum percept_status add_drop_ins(struct reading *r, const char *path,
                                        const struct pipe_tree **tree)
{
    struct dirent **names;
    char *folder = drop_in_folder(r, path);
    if (!folder)
        return no_memory(r);
    int count = scandir(folder, &names, is_yaml, by_name);
    if (count < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? PERCEPT_OK
                   : percept_fail_at(r->error, percept_status_from_errno(errno), folder, 0, 0, "%s",
                                     strerror(errno));
    enum percept_status status = PERCEPT_OK;
    for (int i = 0; i < count; i++) {
        char *file = status == PERCEPT_OK ? join(r, folder, names[i]->d_name) : NULL;
        if (status == PERCEPT_OK)
            status = file ? add_file(r, file, NULL, NULL, tree) : no_memory(r);
        free(names[i]);
    }
    free(names);
    return status;
}

enum percept_status pipe_config_files_read(const char *path, const struct signing_keys *keys,
                                           struct base_arena *arena, const struct pipe_tree **tree,
                                           struct percept_error *error)
{
    struct reading r = {.keys = keys, .arena = arena, .error = error};
    const struct pipe_tree *joined = NULL;
    enum percept_status status = add_file(&r, path, NULL, NULL, &joined);
    if (status == PERCEPT_OK)
        status = add_drop_ins(&r, path, &joined);
    if (status == PERCEPT_OK)
        *tree = joined;
    return status;
}
