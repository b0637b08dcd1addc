/* Why: a topic needs to know its largest payload before its first one, so a recording is read
 * twice; a damaged one is refused before anybody has seen half of it. */
#include "cli/replay.h"

#include <errno.h>
#include <string.h>

static enum percept_status fail_file(const struct replay_samples *samples, int number,
                                     struct percept_error *error)
{
    char text[128];
    return percept_fail_at(error, percept_status_from_errno(number), samples->path, 0, 0, "%s",
                           strerror_r(number, text, sizeof text));
}

static bool is_wanted(const char *name, char **wanted, int wanted_count)
{
    for (int i = 0; i < wanted_count; i++)
        if (strcmp(wanted[i], name) == 0)
            return true;
    return wanted_count == 0;
}

static struct replay_topic *find(struct replay_samples *samples, const char *name)
{
    for (unsigned i = 0; i < samples->topic_count; i++)
        if (strcmp(samples->topics[i].name, name) == 0)
            return &samples->topics[i];
    return NULL;
}

static enum percept_status add_topic(struct replay_samples *samples,
                                     const struct recording_sample *sample,
                                     struct replay_topic **result, struct percept_error *error)
{
    struct replay_topic *topic = &samples->topics[samples->topic_count];
    if (samples->topic_count == RECORDING_TOPICS)
        return percept_fail_at(error, PERCEPT_LIMIT, samples->path, 0, 0,
                               "more than %d topics; name those to replay", RECORDING_TOPICS);
    if (strlen(sample->topic) >= sizeof topic->name ||
        strlen(sample->schema) >= sizeof topic->schema)
        return percept_fail_at(error, PERCEPT_MALFORMED, samples->path, 0, 0,
                               "the name of a topic or of a schema is too long");
    *topic = (struct replay_topic){.description = json_incref(sample->description)};
    strcpy(topic->name, sample->topic);
    strcpy(topic->schema, sample->schema);
    samples->topic_count++;
    *result = topic;
    return PERCEPT_OK;
}

static enum percept_status survey(struct replay_samples *samples, char **wanted, int wanted_count,
                                  struct percept_error *error)
{
    struct recording_sample sample;
    enum percept_status status = PERCEPT_OK;
    while (!(status = recording_next(samples->reader, &sample, error))) {
        struct replay_topic *topic = find(samples, sample.topic);
        if (!topic && !is_wanted(sample.topic, wanted, wanted_count))
            continue;
        if (!topic && (status = add_topic(samples, &sample, &topic, error)))
            return status;
        if (strcmp(topic->schema, sample.schema) != 0)
            return percept_fail_at(error, PERCEPT_MALFORMED, samples->path, 0, 0,
                                   "the topic '%s' has two schemas", topic->name);
        topic->samples++;
        if (sample.sample.size > topic->most_bytes)
            topic->most_bytes = sample.sample.size;
    }
    samples->cut_off = recording_cut_off(samples->reader);
    return status == PERCEPT_END ? PERCEPT_OK : status;
}

enum percept_status replay_rewind(struct replay_samples *samples, struct percept_error *error)
{
    recording_close(samples->reader);
    samples->reader = NULL;
    if (fseeko(samples->file, 0, SEEK_SET) != 0)
        return fail_file(samples, errno, error);
    return recording_open(samples->file, samples->path, &samples->reader, error);
}

enum percept_status replay_open(struct replay_samples *samples, const char *path, char **wanted,
                                int wanted_count, struct percept_error *error)
{
    *samples = (struct replay_samples){.path = path, .file = fopen(path, "rbe")};
    if (!samples->file)
        return fail_file(samples, errno, error);
    enum percept_status status = replay_rewind(samples, error);
    if (!status)
        status = survey(samples, wanted, wanted_count, error);
    for (int i = 0; i < wanted_count && !status; i++)
        if (!find(samples, wanted[i]))
            status = percept_fail_at(error, PERCEPT_NOT_FOUND, path, 0, 0,
                                     "no sample of a topic '%.64s'", wanted[i]);
    if (!status && samples->topic_count == 0)
        status = percept_fail_at(error, PERCEPT_NOT_FOUND, path, 0, 0, "it has no samples");
    return status ? status : replay_rewind(samples, error);
}

enum percept_status replay_next(struct replay_samples *samples, struct percept_error *error)
{
    enum percept_status status;
    do {
        status = recording_next(samples->reader, &samples->sample, error);
        if (status)
            return status;
        samples->of = find(samples, samples->sample.topic);
    } while (!samples->of);
    /* A file that was written to since might hold others than were looked at. */
    if (samples->sample.sample.size > samples->of->most_bytes)
        return percept_fail_at(error, PERCEPT_MALFORMED, samples->path, 0, 0,
                               "it has changed while it is replayed");
    return PERCEPT_OK;
}

void replay_close(struct replay_samples *samples)
{
    recording_close(samples->reader);
    if (samples->file)
        fclose(samples->file);
    for (unsigned i = 0; i < samples->topic_count; i++)
        json_decref(samples->topics[i].description);
    *samples = (struct replay_samples){0};
}
