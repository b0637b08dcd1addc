/* Why: the whole of a configuration starts and stops as one. */
#include "pipelines/engine.h"

#include "pipelines/pipeline.h"

#include <stdlib.h>

struct pipe_engine {
    const struct pipe_config *config;
    struct pipe_host host; /* a copy: the caller's may be on its stack */
    struct pipe_models *models;
    bool started;
    size_t count;
    struct pipe_pipeline *pipelines[];
};

enum percept_status pipe_engine_create(const struct pipe_config *config,
                                       const struct pipe_host *host, struct pipe_engine **out,
                                       struct percept_error *error)
{
    size_t bytes =
        sizeof(struct pipe_engine) + config->pipeline_count * sizeof(struct pipe_pipeline *);
    struct pipe_engine *engine = calloc(1, bytes);
    if (!engine)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    engine->config = config;
    engine->host = *host;
    enum percept_status status = pipe_config_set_backends(config, host->backends, error);
    if (status == PERCEPT_OK)
        status = pipe_models_create(config, &engine->host, &engine->models, error);
    for (size_t i = 0; i < config->pipeline_count && status == PERCEPT_OK; i++) {
        status = pipe_pipeline_create(config, &config->pipelines[i], &engine->host, engine->models,
                                      &engine->pipelines[i], error);
        engine->count += status == PERCEPT_OK;
    }
    if (status != PERCEPT_OK) {
        pipe_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return PERCEPT_OK;
}

enum percept_status pipe_engine_start(struct pipe_engine *engine, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    if (engine->started)
        return percept_fail(error, PERCEPT_INVALID, "the engine was started before");
    engine->started = true;
    for (size_t i = 0; i < engine->count && status == PERCEPT_OK; i++)
        status = pipe_pipeline_start(engine->pipelines[i], error);
    if (status != PERCEPT_OK)
        pipe_engine_stop(engine);
    return status;
}

void pipe_engine_stop(struct pipe_engine *engine)
{
    for (size_t i = 0; i < engine->count; i++)
        pipe_pipeline_cancel(engine->pipelines[i]);
    for (size_t i = 0; i < engine->count; i++)
        pipe_pipeline_join(engine->pipelines[i]);
}

void pipe_engine_destroy(struct pipe_engine *engine)
{
    if (!engine)
        return;
    pipe_engine_stop(engine);
    for (size_t i = 0; i < engine->count; i++)
        pipe_pipeline_destroy(engine->pipelines[i]);
    pipe_models_destroy(engine->models);
    free(engine);
}

size_t pipe_engine_stats(const struct pipe_engine *engine, struct pipe_stats *stats,
                         size_t capacity)
{
    for (size_t i = 0; i < engine->count && i < capacity; i++)
        pipe_pipeline_stats(engine->pipelines[i], &stats[i]);
    return engine->count;
}

size_t pipe_engine_model_stats(const struct pipe_engine *engine, struct pipe_model_stats *stats,
                               size_t capacity)
{
    return pipe_models_stats(engine->models, stats, capacity);
}
