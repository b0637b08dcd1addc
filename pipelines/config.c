/* Why: whatever can be wrong with a deployment should be said before anything runs, with the line
 * to look at. */
#include "pipelines/config.h"
#include "pipelines/config_files.h"
#include "pipelines/config_tables.h"
#include "pipelines/node_plugins.h"
#include "pipelines/schema.h"

#include <stdlib.h>
#include <string.h>

struct top {
    int64_t version;
    const struct pipe_tree *daemon, *scheduler, *backends, *models, *pipelines, *transcript;
    struct pipe_texts include, plugins, node_plugins;
};

const struct pipe_param pipe_top_params[] = {
    {.name = "version",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct top, version),
     .required = true,
     .min = 1,
     .max = 1,
     .help = "of this format: 1"},
    {.name = "include",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct top, include),
     .help = "files that this one adds to and changes"},
    {.name = "daemon",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, daemon),
     .help = "settings of the daemon itself"},
    {.name = "scheduler",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, scheduler),
     .help = "how pipelines share the processors"},
    {.name = "plugins",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct top, plugins),
     .help = "folders with backends to load"},
    {.name = "node_plugins",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct top, node_plugins),
     .help = "folders with kinds of nodes to load"},
    {.name = "backends",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, backends),
     .help = "name: options"},
    {.name = "models",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, models),
     .help = "name: {file, backends}"},
    {.name = "pipelines",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, pipelines),
     .required = true,
     .help = "name: {source, nodes, topics}"},
    {.name = "transcript",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct top, transcript),
     .help = "what of what is said is kept; nothing if not given"},
    {0},
};

enum percept_status pipe_config_check_names(const struct pipe_schema_reader *r,
                                            const struct pipe_tree *map, const char *what,
                                            size_t most)
{
    if (map->count > most)
        return pipe_schema_fail(r, map, PERCEPT_LIMIT, "more than %zu %ss", most, what);
    for (size_t i = 0; i < map->count; i++)
        if (!pipe_schema_is_name(map->items[i].key->text))
            return pipe_schema_fail(r, map->items[i].key, PERCEPT_MALFORMED,
                                    "'%.80s' is no name for a %s: expected up to 63 of a-z 0-9 . "
                                    "_ -, the first a letter or digit",
                                    map->items[i].key->text, what);
    return PERCEPT_OK;
}

/* ---- the file ---- */

/* The plugins come before the pipelines, whose nodes they may bring. */
static enum percept_status load_nodes(const struct pipe_schema_reader *r,
                                      const struct pipe_tree *tree, const struct pipe_texts *texts,
                                      const struct signing_keys *keys)
{
    const struct pipe_tree_item *item = pipe_tree_find(tree, "node_plugins");
    const char *const *folders;
    struct percept_error cause = {0};
    enum percept_status status = pipe_schema_strings(r, texts, &folders);
    if (status != PERCEPT_OK)
        return status;
    status = pipe_node_plugins_load(folders, texts->count, keys, &cause);
    return status == PERCEPT_OK
               ? status
               : pipe_schema_fail(r, item ? item->key : tree, status, "%s", cause.message);
}

/* What only a start can change: the parts of the daemon that are made from it stay. */
static void keep_fixed(struct pipe_config *config, const struct pipe_tree *tree)
{
    for (size_t i = 0; i < PIPE_FIXED_KEYS; i++) {
        const struct pipe_tree_item *item = pipe_tree_find(tree, pipe_config_fixed_keys[i]);
        config->fixed[i] = item ? item->value : NULL;
    }
}

const char *const pipe_config_fixed_keys[PIPE_FIXED_KEYS] = {"daemon", "scheduler", "plugins",
                                                             "node_plugins", "backends"};

/* from_files: by pipe_config_files_read, which has resolved includes; then plugins are loaded. */
static enum percept_status read_all(struct pipe_config *config, const struct pipe_tree *tree,
                                    bool from_files, const struct signing_keys *keys,
                                    struct percept_error *error)
{
    const struct pipe_schema_reader reader = {.arena = &config->arena, .error = error};
    struct top top = {0};
    struct pipe_schema_part part = {pipe_top_params, &top};
    enum percept_status status = pipe_schema_read(&reader, tree, "the configuration", &part, 1);
    if (status == PERCEPT_OK && top.include.count)
        status = pipe_schema_fail(&reader, pipe_tree_find(tree, "include")->key,
                                  PERCEPT_UNSUPPORTED, "include: only a file can include others");
    if (status == PERCEPT_OK && from_files)
        status = load_nodes(&reader, tree, &top.node_plugins, keys);
    if (status == PERCEPT_OK)
        status = pipe_config_read_daemon(&reader, top.daemon, &top.plugins, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_scheduler(&reader, top.scheduler, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_backends(&reader, top.backends, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_models(&reader, top.models, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_pipelines(&reader, top.pipelines, config);
    if (status == PERCEPT_OK)
        status = pipe_config_read_transcript(&reader, top.transcript, config);
    if (status == PERCEPT_OK)
        keep_fixed(config, tree);
    return status;
}

static struct pipe_config *create(const char *name, struct percept_error *error)
{
    struct pipe_config *config = calloc(1, sizeof *config);
    if (config)
        config->file = strdup(name);
    if (!config || !config->file) {
        free(config);
        percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        return NULL;
    }
    config->arena.limit = 64u << 20;
    config->references = 1;
    return config;
}

static enum percept_status hand_out(struct pipe_config *config, enum percept_status status,
                                    struct pipe_config **out)
{
    if (status == PERCEPT_OK)
        *out = config;
    else
        pipe_config_destroy(config);
    return status;
}

enum percept_status pipe_config_parse(const char *name, const void *bytes, size_t size,
                                      struct pipe_config **out, struct percept_error *error)
{
    struct pipe_config *config = create(name, error);
    const struct pipe_tree *tree;
    if (!config)
        return PERCEPT_NO_MEMORY;
    enum percept_status status = pipe_tree_parse(name, bytes, size, &config->arena, &tree, error);
    if (status == PERCEPT_OK)
        status = read_all(config, tree, false, NULL, error);
    return hand_out(config, status, out);
}

enum percept_status pipe_config_load(const char *path, struct pipe_config **config,
                                     struct percept_error *error)
{
    return pipe_config_load_signed(path, NULL, config, error);
}

enum percept_status pipe_config_load_signed(const char *path, const struct signing_keys *keys,
                                            struct pipe_config **out, struct percept_error *error)
{
    struct pipe_config *config = create(path, error);
    const struct pipe_tree *tree;
    if (!config)
        return PERCEPT_NO_MEMORY;
    enum percept_status status = pipe_config_files_read(path, keys, &config->arena, &tree, error);
    if (status == PERCEPT_OK)
        status = read_all(config, tree, true, keys, error);
    return hand_out(config, status, out);
}

struct pipe_config *pipe_config_ref(struct pipe_config *config)
{
    config->references++;
    return config;
}

void pipe_config_destroy(struct pipe_config *config)
{
    if (!config || --config->references)
        return;
    base_arena_reset(&config->arena);
    free(config->file);
    free(config);
}
