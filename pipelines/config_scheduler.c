/* Why: what a pipeline may lose under load is the deployment's to say, and wrong ladders must be
 * found before the load comes. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"
#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <stdio.h>
#include <string.h>

const struct pipe_param pipe_scheduler_params[] = {
    {.name = "cores",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct pipe_scheduler_settings, cores),
     .max = 256,
     .help = "CPUs for perception; 0: those that the process may use"},
    {.name = "realtime",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct pipe_scheduler_settings, realtime),
     .max = 99,
     .help = "pipelines run in real time (SCHED_FIFO), at this priority at most; 0: they do not"},
    {.name = "segment_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipe_scheduler_settings, segment_ms),
     .fallback = 1,
     .min = 0.05,
     .max = 1000,
     .help = "a pipeline computes so long before it looks for a better one, milliseconds"},
    {.name = "grace_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipe_scheduler_settings, grace_ms),
     .fallback = 1000,
     .min = 10,
     .max = 600000,
     .help = "a step that takes longer loses its place to others, milliseconds"},
    {.name = "share",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct pipe_scheduler_settings, share),
     .fallback = 0.05,
     .min = 0,
     .max = 0.5,
     .help = "of the processor, for pipelines that would starve"},
    {0},
};

enum percept_status pipe_config_read_scheduler(const struct pipe_schema_reader *r,
                                               const struct pipe_tree *map,
                                               struct pipe_config *config)
{
    static const struct pipe_tree empty = {.kind = PIPE_TREE_MAP};
    struct pipe_schema_part part = {pipe_scheduler_params, &config->scheduler};
    return pipe_schema_read(r, map ? map : &empty, "scheduler", &part, 1);
}

int pipe_config_realtime(const struct pipe_config *config,
                         const struct pipe_config_pipeline *pipeline)
{
    int highest = (int)config->scheduler.realtime;
    int own = highest - (PIPE_PRIORITY_HIGH - pipeline->priority);
    return highest && own < 1 ? 1 : highest ? own : 0;
}

/* ---- ladders ---- */

struct step_fields {
    double rate;
    bool pause;
    const struct pipe_tree *models;
};

const struct pipe_param pipe_step_params[] = {
    {.name = "rate",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct step_fields, rate),
     .fallback = 1,
     .min = 0.001,
     .max = 1,
     .help = "share of the frames that are processed"},
    {.name = "pause",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct step_fields, pause),
     .help = "no frame is processed"},
    {.name = "models",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct step_fields, models),
     .help = "model: the one that takes its place"},
    {0},
};

/* Does a node of the pipeline name the model? */
static bool uses(const struct pipe_config_pipeline *pipeline, const char *model,
                 struct pipe_suggest *suggest)
{
    for (size_t i = 0; i < pipeline->node_count; i++) {
        const struct pipe_config_node *node = &pipeline->nodes[i];
        for (const struct pipe_param *p = node->class->params; p && p->name; p++) {
            const char *named = p->kind == PIPE_PARAM_MODEL
                                    ? *(const char *const *)((const char *)node->params + p->offset)
                                    : NULL;
            if (named && strcmp(named, model) == 0)
                return true;
            if (named)
                pipe_suggest_add(suggest, named);
        }
    }
    return false;
}

static enum percept_status read_swap(const struct pipe_schema_reader *r,
                                     const struct pipe_config *config,
                                     const struct pipe_config_pipeline *pipeline,
                                     const struct pipe_tree_item *item,
                                     struct pipe_config_swap *swap)
{
    char near[128], got[128];
    struct pipe_suggest of_nodes = {.word = item->key->text};
    if (!uses(pipeline, item->key->text, &of_nodes))
        return pipe_schema_fail(r, item->key, PERCEPT_MALFORMED,
                                "no node of pipeline '%s' has the model '%.60s'%s", pipeline->name,
                                item->key->text, pipe_suggest_text(&of_nodes, near, sizeof near));
    if (item->value->kind != PIPE_TREE_TEXT)
        return pipe_schema_fail(r, item->value, PERCEPT_MALFORMED,
                                "expected the name of a model, got %s",
                                pipe_tree_describe(item->value, got, sizeof got));
    struct pipe_suggest of_models = {.word = item->value->text};
    for (size_t i = 0; i < config->model_count; i++)
        pipe_suggest_add(&of_models, config->models[i].name);
    if (!pipe_config_find_model(config, item->value->text))
        return pipe_schema_fail(r, item->value, PERCEPT_MALFORMED,
                                "no model '%.60s' under models%s", item->value->text,
                                pipe_suggest_text(&of_models, near, sizeof near));
    *swap = (struct pipe_config_swap){.model = item->key->text, .by = item->value->text};
    return PERCEPT_OK;
}

static enum percept_status read_step(const struct pipe_schema_reader *r,
                                     const struct pipe_config *config,
                                     const struct pipe_config_pipeline *pipeline,
                                     const struct pipe_tree *map, struct pipe_config_step *step)
{
    struct step_fields fields = {0};
    struct pipe_schema_part part = {pipe_step_params, &fields};
    enum percept_status status = pipe_schema_read(r, map, "a step of a ladder", &part, 1);
    if (status != PERCEPT_OK)
        return status;
    size_t count = fields.models ? fields.models->count : 0;
    if (fields.pause && (count || pipe_tree_find(map, "rate")))
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED, "a pause has no rate and no models");
    if (!fields.pause && !count && fields.rate == 1)
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED,
                                "a step that changes nothing: expected rate, models or pause");
    if (pipeline->source->output == PIPE_AUDIO && !fields.pause && fields.rate < 1)
        return pipe_schema_fail(r, pipe_tree_find(map, "rate")->value, PERCEPT_MALFORMED,
                                "sound can't be taken at a lower rate; use other models, or pause");
    step->rate = fields.pause ? 0 : fields.rate;
    step->swap_count = count;
    step->swaps = base_arena_array(r->arena, count, sizeof *step->swaps);
    if (!step->swaps)
        return pipe_schema_fail(r, map, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++)
        status = read_swap(r, config, pipeline, &fields.models->items[i], &step->swaps[i]);
    return status;
}

enum percept_status pipe_config_read_ladder(const struct pipe_schema_reader *r,
                                            const struct pipe_config *config,
                                            struct pipe_config_pipeline *pipeline,
                                            const struct pipe_tree *list)
{
    enum percept_status status = PERCEPT_OK;
    if (!list)
        return PERCEPT_OK;
    if (list->count >= SCHED_MAX_STEPS)
        return pipe_schema_fail(r, list, PERCEPT_LIMIT, "more than %d steps", SCHED_MAX_STEPS - 1);
    pipeline->steps = base_arena_array(r->arena, list->count, sizeof *pipeline->steps);
    if (!pipeline->steps)
        return pipe_schema_fail(r, list, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < list->count && status == PERCEPT_OK; i++)
        status = read_step(r, config, pipeline, list->items[i].value, &pipeline->steps[i]);
    pipeline->step_count = list->count;
    return status;
}

const char *pipe_config_swapped(const struct pipe_config_pipeline *pipeline, size_t step,
                                const char *model)
{
    const struct pipe_config_step *at = step ? &pipeline->steps[step - 1] : NULL;
    for (size_t i = 0; at && i < at->swap_count; i++)
        if (strcmp(at->swaps[i].model, model) == 0)
            return at->swaps[i].by;
    return model;
}

/* Frames a second that the source was told to give; 0: it decides. */
static double rate_of(const struct pipe_config_pipeline *pipeline)
{
    for (const struct pipe_param *p = pipeline->source->params; p && p->name; p++)
        if (strcmp(p->name, "rate") == 0 && p->kind == PIPE_PARAM_NUMBER)
            return *(const double *)((const char *)pipeline->source_params + p->offset);
    return 0;
}

struct sched_task pipe_config_task(const struct pipe_config_pipeline *pipeline)
{
    static const enum sched_priority priorities[] = {
        [PIPE_PRIORITY_LOW] = SCHED_LOW,
        [PIPE_PRIORITY_NORMAL] = SCHED_NORMAL,
        [PIPE_PRIORITY_HIGH] = SCHED_HIGH,
    };
    double rate = rate_of(pipeline);
    struct sched_task task = {
        .name = pipeline->name,
        .priority = priorities[pipeline->priority],
        .period_ns = rate > 0 ? (int64_t)(1e9 / rate) : 0,
        .deadline_ns = (int64_t)(pipeline->deadline_ms * 1e6),
        .step_count = pipeline->step_count + 1,
    };
    for (size_t step = 0; step < task.step_count; step++) {
        task.steps[step].rate = step ? pipeline->steps[step - 1].rate : 1;
        task.steps[step].cost_ns[0] = (int64_t)(pipeline->cost_ms * 1e6);
    }
    return task;
}

size_t pipe_config_tasks(const struct pipe_config *config, struct sched_task *tasks,
                         size_t capacity)
{
    for (size_t i = 0; i < config->pipeline_count && i < capacity; i++)
        tasks[i] = pipe_config_task(&config->pipelines[i]);
    return config->pipeline_count;
}

double pipe_config_share(const struct pipe_config *config)
{
    return config->scheduler.share;
}

int64_t pipe_config_segment_ns(const struct pipe_config *config)
{
    return (int64_t)(config->scheduler.segment_ms * 1e6);
}
