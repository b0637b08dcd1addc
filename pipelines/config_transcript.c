/* Why: what is said is kept only where a deployment says so, and no longer than it says. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"
#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <string.h>

struct transcript_fields {
    struct pipe_texts topics;
    double days;
    int64_t max_lines, max_mib;
};

const struct pipe_param pipe_transcript_params[] = {
    {.name = "topics",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct transcript_fields, topics),
     .required = true,
     .help = "topics of captions that are kept when they are final"},
    {.name = "days",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct transcript_fields, days),
     .fallback = 30,
     .min = 0.01,
     .max = 3650,
     .help = "what is older is erased"},
    {.name = "max_lines",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct transcript_fields, max_lines),
     .fallback = 100000,
     .min = 16,
     .max = 10000000,
     .help = "of more, the oldest are erased"},
    {.name = "max_mib",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct transcript_fields, max_mib),
     .fallback = 64,
     .min = 1,
     .max = 16384,
     .help = "MiB of the file; of more, the oldest lines are erased"},
    {0},
};

static const struct pipe_config_topic *topic_at(const struct pipe_config *config, const char *name,
                                                struct pipe_suggest *suggest)
{
    for (size_t p = 0; p < config->pipeline_count; p++)
        for (size_t i = 0; i < config->pipelines[p].topic_count; i++) {
            const struct pipe_config_topic *topic = &config->pipelines[p].topics[i];
            if (strcmp(topic->name, name) == 0)
                return topic;
            if (topic->type == PIPE_CAPTIONS)
                pipe_suggest_add(suggest, topic->name);
        }
    return NULL;
}

static enum percept_status check_topic(const struct pipe_schema_reader *r,
                                       const struct pipe_config *config,
                                       const struct pipe_text *wanted)
{
    struct pipe_suggest suggest = {.word = wanted->text};
    char near[128];
    const struct pipe_config_topic *topic = topic_at(config, wanted->text, &suggest);
    if (!topic)
        return percept_fail_at(r->error, PERCEPT_MALFORMED, wanted->file, wanted->line,
                               wanted->column,
                               "transcript: no pipeline publishes a topic '%.80s'%s", wanted->text,
                               pipe_suggest_text(&suggest, near, sizeof near));
    if (topic->type != PIPE_CAPTIONS)
        return percept_fail_at(r->error, PERCEPT_MALFORMED, wanted->file, wanted->line,
                               wanted->column,
                               "transcript: topic '%.80s' carries %s; captions alone can be kept",
                               wanted->text, pipe_stream_type_name(topic->type));
    return PERCEPT_OK;
}

enum percept_status pipe_config_read_transcript(const struct pipe_schema_reader *r,
                                                const struct pipe_tree *map,
                                                struct pipe_config *config)
{
    struct transcript_fields fields = {0};
    struct pipe_schema_part part = {pipe_transcript_params, &fields};
    const char *const *topics;
    if (!map)
        return PERCEPT_OK;
    enum percept_status status = pipe_schema_read(r, map, "transcript", &part, 1);
    if (status == PERCEPT_OK && fields.topics.count == 0)
        status = pipe_schema_fail(r, map, PERCEPT_MALFORMED, "transcript: topics: expected one");
    if (status == PERCEPT_OK && fields.topics.count > PIPE_MAX_TOPICS)
        status = pipe_schema_fail(r, map, PERCEPT_LIMIT, "transcript: more than %d topics",
                                  PIPE_MAX_TOPICS);
    for (size_t i = 0; i < fields.topics.count && status == PERCEPT_OK; i++)
        status = check_topic(r, config, &fields.topics.items[i]);
    if (status == PERCEPT_OK)
        status = pipe_schema_strings(r, &fields.topics, &topics);
    if (status != PERCEPT_OK)
        return status;
    config->transcript = (struct pipe_transcript_settings){.topic_count = fields.topics.count,
                                                           .topics = topics,
                                                           .days = fields.days,
                                                           .max_lines = fields.max_lines,
                                                           .max_mib = fields.max_mib};
    return PERCEPT_OK;
}

const struct pipe_transcript_settings *pipe_config_transcript(const struct pipe_config *config)
{
    return &config->transcript;
}

bool pipe_config_keeps(const struct pipe_config *config, const char *topic)
{
    for (size_t i = 0; i < config->transcript.topic_count; i++)
        if (strcmp(config->transcript.topics[i], topic) == 0)
            return true;
    return false;
}
