/* Why: what options a backend has is known to the backend alone, which may be a plugin, so they are
 * read as texts and judged by it, with the place of each at hand. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"

#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <stdio.h>
#include <string.h>

/* What is the daemon's own among the keys of a backend. */
const struct pipe_param pipe_backend_params[] = {
    {.name = "isolate",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct pipe_config_backend, isolate),
     .help = "run it in a process of its own"},
    {0},
};

static bool is_own(const char *key)
{
    for (const struct pipe_param *param = pipe_backend_params; param->name; param++)
        if (strcmp(param->name, key) == 0)
            return true;
    return false;
}

static enum percept_status read_options(const struct pipe_schema_reader *r,
                                        const struct pipe_tree *map,
                                        struct pipe_config_backend *backend)
{
    struct pipe_config_option *options =
        base_arena_array(r->arena, map->count, sizeof(struct pipe_config_option));
    if (!options)
        return pipe_schema_fail(r, map, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < map->count; i++) {
        const struct pipe_tree *key = map->items[i].key, *value = map->items[i].value;
        char got[128];
        if (is_own(key->text))
            continue;
        if (value->kind != PIPE_TREE_TEXT || (!value->quoted && value->text[0] == '\0'))
            return pipe_schema_fail(r, value, PERCEPT_MALFORMED, "%.60s: expected a text, got %s",
                                    key->text, pipe_tree_describe(value, got, sizeof got));
        options[backend->option_count++] = (struct pipe_config_option){
            .key = key->text,
            .value = value->text,
            .file = key->file->name,
            .line = key->line,
            .column = key->column,
        };
    }
    backend->options = options;
    return PERCEPT_OK;
}

static enum percept_status read_backend(const struct pipe_schema_reader *r,
                                        const struct pipe_tree_item *item,
                                        struct pipe_config_backend *backend)
{
    char what[96];
    snprintf(what, sizeof what, "backend '%s'", item->key->text);
    *backend = (struct pipe_config_backend){
        .name = item->key->text,
        .file = item->key->file->name,
        .line = item->key->line,
        .column = item->key->column,
    };
    enum percept_status status =
        pipe_schema_read_kind(r, item->value, what, pipe_backend_params, "isolate", backend);
    return status == PERCEPT_OK ? read_options(r, item->value, backend) : status;
}

enum percept_status pipe_config_read_backends(const struct pipe_schema_reader *r,
                                              const struct pipe_tree *map,
                                              struct pipe_config *config)
{
    if (!map)
        return PERCEPT_OK;
    enum percept_status status = pipe_config_check_names(r, map, "backend", PIPE_MAX_BACKENDS);
    if (status != PERCEPT_OK)
        return status;
    config->backends = base_arena_array(r->arena, map->count, sizeof(struct pipe_config_backend));
    if (!config->backends)
        return pipe_schema_fail(r, map, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < map->count && status == PERCEPT_OK; i++) {
        status = read_backend(r, &map->items[i], &config->backends[i]);
        config->backend_count = i + 1;
    }
    return status;
}

size_t pipe_config_backends(const struct pipe_config *config,
                            const struct pipe_config_backend **backends)
{
    *backends = config->backends;
    return config->backend_count;
}

size_t pipe_config_isolated(const struct pipe_config *config, const char *names[PIPE_MAX_BACKENDS])
{
    size_t count = 0;
    for (size_t i = 0; i < config->backend_count; i++)
        if (config->backends[i].isolate)
            names[count++] = config->backends[i].name;
    return count;
}

const struct prt_backend *pipe_config_find_backend(const struct prt_backend *const *all,
                                                   const struct pipe_text *name,
                                                   struct percept_error *error)
{
    struct pipe_suggest suggest = {.word = name->text};
    for (; *all; all++) {
        if (strcmp((*all)->name, name->text) == 0)
            return *all;
        pipe_suggest_add(&suggest, (*all)->name);
    }
    char near[128];
    percept_fail_at(error, PERCEPT_NOT_FOUND, name->file, name->line, name->column,
                    "there is no backend '%.40s'%s", name->text,
                    pipe_suggest_text(&suggest, near, sizeof near));
    return NULL;
}

static enum percept_status set_options(const struct pipe_config_backend *configured,
                                       const struct prt_backend *backend,
                                       struct percept_error *error)
{
    for (size_t i = 0; i < configured->option_count; i++) {
        const struct pipe_config_option *option = &configured->options[i];
        struct percept_error cause = {0};
        enum percept_status status = backend->set ? backend->set(option->key, option->value, &cause)
                                                  : percept_fail(&cause, PERCEPT_INVALID,
                                                                 "it has no options, and so no "
                                                                 "'%.60s'",
                                                                 option->key);
        char text[768];
        if (status != PERCEPT_OK)
            return percept_fail_at(error, status, option->file, option->line, option->column,
                                   "backend '%s': %s", backend->name,
                                   percept_error_format(&cause, text, sizeof text));
    }
    return PERCEPT_OK;
}

enum percept_status pipe_config_set_backends(const struct pipe_config *config,
                                             const struct prt_backend *const *all,
                                             struct percept_error *error)
{
    for (size_t i = 0; i < config->backend_count; i++) {
        const struct pipe_config_backend *configured = &config->backends[i];
        const struct pipe_text name = {configured->name, configured->file, configured->line,
                                       configured->column};
        const struct prt_backend *backend = pipe_config_find_backend(all, &name, error);
        enum percept_status status =
            backend ? set_options(configured, backend, error) : PERCEPT_NOT_FOUND;
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}
