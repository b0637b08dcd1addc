/* Why: that a model's file is there is known before anything runs, and so is the line that names
 * it. Opening it is the engine's business. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"
#include "pipelines/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const precisions[] = {"fp32", "fp16", NULL}; /* enum pipe_precision */

const struct pipe_param pipe_model_params[] = {
    {.name = "file",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct pipe_config_model, file),
     .required = true,
     .help = "path of the .pte"},
    {.name = "backends",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct pipe_config_model, backends),
     .help = "backends to use, most preferred first; default: cpu. auto, alone or before those to "
             "choose from: the quickest"},
    {.name = "precision",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct pipe_config_model, precision),
     .choices = precisions,
     .help = "of floats inside, where a backend has both"},
    {0},
};

static enum percept_status check_file(const struct pipe_schema_reader *r,
                                      const struct pipe_tree *at, const char *path,
                                      struct stat *identity)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return pipe_schema_fail(r, at, percept_status_from_errno(errno), "model file '%s': %s",
                                path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return pipe_schema_fail(r, at, PERCEPT_INVALID, "model file '%s' is not a regular file",
                                path);
    if (access(path, R_OK) != 0)
        return pipe_schema_fail(r, at, percept_status_from_errno(errno), "model file '%s': %s",
                                path, strerror(errno));
    *identity = s;
    return PERCEPT_OK;
}

enum percept_status pipe_config_read_models(const struct pipe_schema_reader *r,
                                            const struct pipe_tree *map, struct pipe_config *config)
{
    if (!map)
        return PERCEPT_OK;
    enum percept_status status = pipe_config_check_names(r, map, "model", PIPE_MAX_MODELS);
    config->models = base_arena_array(r->arena, map->count, sizeof *config->models);
    if (status == PERCEPT_OK && !config->models)
        status = pipe_schema_fail(r, map, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < map->count && status == PERCEPT_OK; i++) {
        struct pipe_config_model *model = &config->models[i];
        struct pipe_schema_part part = {pipe_model_params, model};
        char what[96];
        model->name = map->items[i].key->text;
        model->place = map->items[i].key;
        model->tree = map->items[i].value;
        snprintf(what, sizeof what, "model '%s'", model->name);
        status = pipe_schema_read(r, map->items[i].value, what, &part, 1);
        if (status == PERCEPT_OK)
            status = check_file(r, pipe_tree_find(map->items[i].value, "file")->value, model->file,
                                &model->identity);
        config->model_count = i + 1;
    }
    return status;
}

const struct pipe_config_model *pipe_config_find_model(const struct pipe_config *config,
                                                       const char *name)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (strcmp(config->models[i].name, name) == 0)
            return &config->models[i];
    return NULL;
}
