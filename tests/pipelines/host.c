#include "host.h"

#include "pipelines/config.h"

#include "base/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum percept_status open_topic(void *context, const char *name, const char *schema,
                                      size_t max_bytes, struct pipe_topic **topic,
                                      struct percept_error *error)
{
    struct host *host = context;
    if (host->refuse_topics)
        return percept_fail(error, PERCEPT_EXISTS, "no room for '%s'", name);
    ck_assert_uint_lt(host->topic_count, HOST_TOPICS);
    struct pipe_topic *t = &host->topics[host->topic_count++];
    t->host = host;
    t->max_bytes = max_bytes;
    t->slot = malloc(max_bytes);
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(t->schema, sizeof t->schema, "%s", schema);
    *topic = t;
    return PERCEPT_OK;
}

static void *loan(void *context, struct pipe_topic *topic)
{
    struct host *host = context;
    pthread_mutex_lock(&host->mutex);
    bool refused = host->refuse_loans;
    pthread_mutex_unlock(&host->mutex);
    return refused ? NULL : topic->slot;
}

static void publish(void *context, struct pipe_topic *topic, size_t size, int64_t capture_ns)
{
    struct host *host = context;
    struct host_sample sample = {
        .capture_ns = capture_ns, .publish_ns = base_clock_ns(), .size = size};
    ck_assert_uint_le(size, topic->max_bytes);
    if (strcmp(topic->schema, PERCEPT_HANDS_SCHEMA) == 0) {
        sample.hands = *(struct percept_hands *)topic->slot;
        sample.frame = sample.hands.frame;
        sample.width = sample.hands.image_width;
        sample.height = sample.hands.image_height;
    } else if (strcmp(topic->schema, PERCEPT_FRAME_SCHEMA) == 0) {
        const struct percept_frame *frame = topic->slot;
        sample.frame = frame->frame;
        sample.width = frame->width;
        sample.height = frame->height;
        memcpy(sample.pixel, frame->pixels, 3);
    }
    pthread_mutex_lock(&host->mutex);
    if (topic->sample_count < HOST_SAMPLES)
        topic->samples[topic->sample_count++] = sample;
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->mutex);
}

static void close_topic(void *context, struct pipe_topic *topic)
{
    struct host *host = context;
    pthread_mutex_lock(&host->mutex);
    ck_assert(!topic->closed);
    topic->closed = true;
    pthread_mutex_unlock(&host->mutex);
}

static void finished(void *context, const char *pipeline, enum percept_status status,
                     const struct percept_error *error)
{
    struct host *host = context;
    (void)pipeline;
    pthread_mutex_lock(&host->mutex);
    host->finished_count++;
    host->finished_status = status;
    if (error)
        host->finished_error = *error;
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->mutex);
}

static void event(void *context, const char *pipeline, const char *text)
{
    struct host *host = context;
    pthread_mutex_lock(&host->mutex);
    if (host->event_count < HOST_EVENTS)
        snprintf(host->events[host->event_count++], sizeof host->events[0], "%s: %s",
                 pipeline ? pipeline : "model", text);
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->mutex);
}

static const struct prt_backend *const no_backends[] = {NULL};

void host_init(struct host *host)
{
    pthread_condattr_t attributes;
    memset(host, 0, sizeof *host);
    pthread_mutex_init(&host->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&host->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    host->pipe = (struct pipe_host){
        .context = host,
        .backends = no_backends,
        .open_topic = open_topic,
        .loan = loan,
        .publish = publish,
        .close_topic = close_topic,
        .finished = finished,
        .event = event,
    };
}

void host_fini(struct host *host)
{
    pipe_engine_destroy(host->engine);
    pipe_config_destroy(host->config);
    for (size_t i = 0; i < host->topic_count; i++) {
        ck_assert(host->topics[i].closed);
        free(host->topics[i].slot);
    }
    pthread_cond_destroy(&host->changed);
    pthread_mutex_destroy(&host->mutex);
}

enum percept_status host_try(struct host *host, const char *yaml, struct percept_error *error)
{
    enum percept_status status =
        pipe_config_parse("test.yaml", yaml, strlen(yaml), &host->config, error);
    if (status == PERCEPT_OK)
        status = pipe_engine_create(host->config, &host->pipe, &host->engine, error);
    return status;
}

void host_start(struct host *host, const char *yaml)
{
    struct percept_error error = {0};
    char text[1024];
    enum percept_status status = host_try(host, yaml, &error);
    if (status == PERCEPT_OK)
        status = pipe_engine_start(host->engine, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", percept_error_format(&error, text, sizeof text));
}

/* ---- waiting ---- */

typedef bool (*condition_fn)(struct host *host, const void *what, size_t count);

static void wait_for(struct host *host, condition_fn condition, const void *what, size_t count,
                     int seconds, const char *name)
{
    struct timespec until;
    bool held = true, expired = false;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&host->mutex);
    while (!(held = condition(host, what, count)) && !expired)
        expired = pthread_cond_timedwait(&host->changed, &host->mutex, &until) != 0;
    char events[2000] = "";
    for (size_t i = 0; i < host->event_count && !held; i++) {
        size_t used = strlen(events);
        snprintf(events + used, sizeof events - used, "\n  %s", host->events[i]);
    }
    pthread_mutex_unlock(&host->mutex);
    ck_assert_msg(held, "waited %d s for %s; events:%s", seconds, name, events);
}

static bool have_finished(struct host *host, const void *what, size_t count)
{
    (void)what;
    return host->finished_count >= count;
}

void host_wait_finished(struct host *host, size_t count, int seconds)
{
    wait_for(host, have_finished, NULL, count, seconds, "the end");
}

static bool have_samples(struct host *host, const void *what, size_t count)
{
    (void)host;
    return ((const struct pipe_topic *)what)->sample_count >= count;
}

void host_wait_samples(struct host *host, const char *topic, size_t count, int seconds)
{
    wait_for(host, have_samples, host_topic(host, topic), count, seconds, "samples");
}

static size_t count_events(const struct host *host, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < host->event_count; i++)
        count += strstr(host->events[i], text) != NULL;
    return count;
}

static bool have_event(struct host *host, const void *what, size_t count)
{
    return count_events(host, what) >= count;
}

void host_wait_events(struct host *host, const char *text, size_t count, int seconds)
{
    wait_for(host, have_event, text, count, seconds, text);
}

size_t host_count_events(struct host *host, const char *text)
{
    pthread_mutex_lock(&host->mutex);
    size_t count = count_events(host, text);
    pthread_mutex_unlock(&host->mutex);
    return count;
}

struct pipe_topic *host_topic(struct host *host, const char *name)
{
    for (size_t i = 0; i < host->topic_count; i++)
        if (strcmp(host->topics[i].name, name) == 0)
            return &host->topics[i];
    ck_abort_msg("no topic '%s'", name);
    return NULL;
}

struct pipe_stats host_stats(struct host *host, size_t index)
{
    struct pipe_stats stats[8] = {0};
    ck_assert_uint_lt(index, pipe_engine_stats(host->engine, stats, 8));
    return stats[index];
}
