/* Why: what a pipeline hears or sees, and what it publishes, are names that others use: of sources,
 * of clients, of permissions. Each must be somebody's, and one pipeline's alone. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"
#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <stdio.h>
#include <string.h>

static enum percept_status no_memory(const struct pipe_schema_reader *r, const struct pipe_tree *at)
{
    return pipe_schema_fail(r, at, PERCEPT_NO_MEMORY, "out of memory");
}

/* ---- a source ---- */

struct source_fields {
    const char *type;
};

const struct pipe_param pipe_source_params[] = {
    {.name = "type",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct source_fields, type),
     .required = true,
     .help = "the kind of source"},
    {0},
};

static enum percept_status name_push(const struct pipe_schema_reader *r,
                                     struct pipe_config_pipeline *pipeline)
{
    size_t size = strlen(IPC_PUSH_PREFIX) + strlen(pipeline->name) + 1;
    char *name = base_arena_alloc(r->arena, size);
    if (!name)
        return no_memory(r, pipeline->place);
    snprintf(name, size, IPC_PUSH_PREFIX "%s", pipeline->name);
    pipeline->push = name;
    return PERCEPT_OK;
}

static enum percept_status read_source(const struct pipe_schema_reader *r,
                                       struct pipe_config_pipeline *pipeline,
                                       const struct pipe_tree *map)
{
    struct source_fields fields = {0};
    char what[128], near[128], kinds[256] = "";
    snprintf(what, sizeof what, "source of pipeline '%s'", pipeline->name);
    enum percept_status status =
        pipe_schema_read_kind(r, map, what, pipe_source_params, "type", &fields);
    if (status != PERCEPT_OK)
        return status;
    const struct pipe_tree *type = pipe_tree_find(map, "type")->value;
    struct pipe_suggest suggest = {.word = fields.type};
    for (size_t i = 0; pipe_source_classes[i]; i++) {
        if (strcmp(pipe_source_classes[i]->name, suggest.word) == 0)
            pipeline->source = pipe_source_classes[i];
        pipe_suggest_add(&suggest, pipe_source_classes[i]->name);
        size_t used = strlen(kinds);
        snprintf(kinds + used, sizeof kinds - used, "%s%s",
                 !i                           ? ""
                 : pipe_source_classes[i + 1] ? ", "
                                              : " or ",
                 pipe_source_classes[i]->name);
    }
    if (!pipeline->source)
        return pipe_schema_fail(r, type, PERCEPT_MALFORMED, "no source type '%.60s'; expected %s%s",
                                suggest.word, kinds,
                                pipe_suggest_text(&suggest, near, sizeof near));
    pipeline->source_params = base_arena_alloc(r->arena, pipeline->source->params_size);
    if (!pipeline->source_params)
        return no_memory(r, map);
    const struct pipe_schema_part parts[] = {
        {pipe_source_params, &fields},
        {pipeline->source->params, pipeline->source_params},
    };
    pipeline->source_place = type;
    status = pipe_schema_read(r, map, what, parts, 2);
    return status == PERCEPT_OK && pipeline->source->attach ? name_push(r, pipeline) : status;
}

/* ---- a pipeline ---- */

struct pipeline_fields {
    const struct pipe_tree *source, *nodes, *topics, *ladder;
    int when_late, priority;
    double deadline_ms, cost_ms, linger_ms;
    bool on_demand;
};

static const char *const when_late_choices[] = {"drop", "wait", NULL};
static const char *const priority_choices[] = {"low", "normal", "high", NULL};

const struct pipe_param pipe_pipeline_params[] = {
    {.name = "source",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct pipeline_fields, source),
     .required = true,
     .help = "where its frames come from"},
    {.name = "nodes",
     .kind = PIPE_PARAM_LIST,
     .offset = offsetof(struct pipeline_fields, nodes),
     .help = "what is done with a frame"},
    {.name = "topics",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct pipeline_fields, topics),
     .help = "topic: stream that is published as it"},
    {.name = "when_late",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct pipeline_fields, when_late),
     .fallback = PIPE_WHEN_LATE_DROP,
     .choices = when_late_choices,
     .help =
         "a frame comes while one is being processed: keep only the newest, or hold the source"},
    {.name = "priority",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct pipeline_fields, priority),
     .fallback = PIPE_PRIORITY_NORMAL,
     .choices = priority_choices,
     .help = "who computes first, among the pipelines and in the system"},
    {.name = "deadline_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipeline_fields, deadline_ms),
     .max = 60000,
     .help = "a frame is to be done so long after its capture, and not begun later, milliseconds; "
             "0: none"},
    {.name = "cost_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipeline_fields, cost_ms),
     .max = 60000,
     .help = "computing time of a frame at worst, milliseconds; 0: as measured"},
    {.name = "on_demand",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct pipeline_fields, on_demand),
     .help = "run only while somebody subscribes to one of its topics"},
    {.name = "linger_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipeline_fields, linger_ms),
     .fallback = 5000,
     .max = 3600000,
     .help = "and so long after the last one has gone, milliseconds"},
    {.name = "ladder",
     .kind = PIPE_PARAM_LIST,
     .offset = offsetof(struct pipeline_fields, ladder),
     .help = "steps of less quality, from better to worse"},
    {0},
};

static enum percept_status read_pipeline(const struct pipe_schema_reader *r,
                                         const struct pipe_config *config,
                                         const struct pipe_tree_item *item,
                                         struct pipe_config_pipeline *pipeline)
{
    struct pipeline_fields fields = {0};
    struct pipe_schema_part part = {pipe_pipeline_params, &fields};
    char what[96];
    snprintf(what, sizeof what, "pipeline '%s'", item->key->text);
    enum percept_status status = pipe_schema_read(r, item->value, what, &part, 1);
    if (status != PERCEPT_OK)
        return status;
    *pipeline = (struct pipe_config_pipeline){
        .name = item->key->text,
        .place = item->key,
        .tree = item->value,
        .when_late = fields.when_late,
        .priority = fields.priority,
        .deadline_ms = fields.deadline_ms,
        .cost_ms = fields.cost_ms,
        .on_demand = fields.on_demand,
        .linger_ms = fields.linger_ms,
    };
    status = read_source(r, pipeline, fields.source);
    if (status == PERCEPT_OK)
        status = pipe_config_read_nodes(r, config, pipeline, fields.nodes);
    if (status == PERCEPT_OK)
        status = pipe_config_read_topics(r, pipeline, fields.topics);
    if (status == PERCEPT_OK)
        status = pipe_config_read_ladder(r, config, pipeline, fields.ladder);
    return status;
}

/* Clients know topics by name alone, so a name belongs to one pipeline. */
static enum percept_status check_topics(const struct pipe_schema_reader *r,
                                        const struct pipe_config *config, size_t last)
{
    const struct pipe_config_pipeline *mine = &config->pipelines[last];
    for (size_t p = 0; p < last; p++)
        for (size_t i = 0; i < config->pipelines[p].topic_count; i++)
            for (size_t j = 0; j < mine->topic_count; j++)
                if (strcmp(config->pipelines[p].topics[i].name, mine->topics[j].name) == 0)
                    return pipe_schema_fail(r, mine->topics[j].place, PERCEPT_MALFORMED,
                                            "topic '%s' is already published by pipeline '%s'",
                                            mine->topics[j].name, config->pipelines[p].name);
    return PERCEPT_OK;
}

enum percept_status pipe_config_read_pipelines(const struct pipe_schema_reader *r,
                                               const struct pipe_tree *map,
                                               struct pipe_config *config)
{
    enum percept_status status = pipe_config_check_names(r, map, "pipeline", PIPE_MAX_PIPELINES);
    if (status == PERCEPT_OK && map->count == 0)
        status = pipe_schema_fail(r, map, PERCEPT_MALFORMED, "pipelines: expected at least one");
    config->pipelines = base_arena_array(r->arena, map->count, sizeof *config->pipelines);
    if (status == PERCEPT_OK && !config->pipelines)
        status = no_memory(r, map);
    for (size_t i = 0; i < map->count && status == PERCEPT_OK; i++) {
        status = read_pipeline(r, config, &map->items[i], &config->pipelines[i]);
        config->pipeline_count = i + 1;
        if (status == PERCEPT_OK)
            status = check_topics(r, config, i);
    }
    return status;
}

/* ---- names ---- */

const char *pipe_config_topic_pipeline(const struct pipe_config *config, const char *topic)
{
    for (size_t p = 0; p < config->pipeline_count; p++)
        for (size_t i = 0; i < config->pipelines[p].topic_count; i++)
            if (strcmp(config->pipelines[p].topics[i].name, topic) == 0)
                return config->pipelines[p].name;
    return NULL;
}

const char *pipe_config_push_at(const struct pipe_config *config, size_t index)
{
    for (size_t p = 0; p < config->pipeline_count; p++)
        if (config->pipelines[p].push && index-- == 0)
            return config->pipelines[p].push;
    return NULL;
}

const char *pipe_config_topic_at(const struct pipe_config *config, size_t index)
{
    for (size_t p = 0; p < config->pipeline_count; p++) {
        if (index < config->pipelines[p].topic_count)
            return config->pipelines[p].topics[index].name;
        index -= config->pipelines[p].topic_count;
    }
    return NULL;
}
