/*
 * What bench/captions/run drives: bench_captions CONFIG, the configuration of one pipeline with
 * sound. Prints a line of JSON for each text that a node `whole` made, and for each version of the
 * captions that was published, with the time.
 *
 * The node `whole` hears each file as a whole, as the peers do; its pipeline says what that took.
 */
#include "backends/backends.h"
#include "base/clock.h"
#include "pipelines/engine.h"
#include "pipelines/stream.h"
#include "whole.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is printed ---- */

static void print(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

static void print_heard(const struct whole_heard *heard)
{
    char text[PIPE_WHISPER_TOKENS * 16];
    size_t size = pipe_whisper_spell(heard->whisper, heard->text->tokens, heard->text->count, text,
                                     sizeof text);
    json_t *tokens = json_array();
    for (size_t i = 0; i < heard->text->count; i++)
        json_array_append_new(tokens, json_integer(heard->text->tokens[i]));
    print(json_pack("{s:f, s:f, s:f, s:s, s:o, s:s%}", "seconds",
                    (double)heard->samples / PIPE_AUDIO_RATE, "listen_ms",
                    (double)(heard->listened_ns - heard->begin_ns) * 1e-6, "say_ms",
                    (double)(heard->said_ns - heard->listened_ns) * 1e-6, "language",
                    heard->text->language, "tokens", tokens, "text", text, size));
}

/* ---- the host ---- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done;
    enum percept_status status;
    struct percept_error error;
} ended = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct percept_captions slot;

static enum percept_status open_topic(void *context, const char *name, const char *schema,
                                      size_t max_bytes, struct pipe_topic **topic,
                                      struct percept_error *error)
{
    (void)context, (void)name, (void)max_bytes;
    if (strcmp(schema, PERCEPT_CAPTIONS_SCHEMA) != 0)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "captions only");
    *topic = (struct pipe_topic *)&slot;
    return PERCEPT_OK;
}

static void *loan(void *context, struct pipe_topic *topic)
{
    (void)context, (void)topic;
    return &slot;
}

static void publish(void *context, struct pipe_topic *topic, size_t size, int64_t capture_ns)
{
    (void)context, (void)topic, (void)size, (void)capture_ns;
    if (!slot.caption_count)
        return;
    const struct percept_caption *c = &slot.captions[slot.caption_count - 1];
    print(json_pack("{s:I, s:I, s:I, s:I, s:b, s:I, s:s}", "now_ns", (json_int_t)base_clock_ns(),
                    "id", (json_int_t)c->id, "begin_ns", (json_int_t)c->begin_ns, "end_ns",
                    (json_int_t)c->end_ns, "final", (int)(c->final != 0), "stable",
                    (json_int_t)c->stable_bytes, "text", c->text));
}

static void close_topic(void *context, struct pipe_topic *topic)
{
    (void)context, (void)topic;
}

static void finished(void *context, const char *pipeline, enum percept_status status,
                     const struct percept_error *error)
{
    (void)context, (void)pipeline;
    pthread_mutex_lock(&ended.mutex);
    ended.done = true;
    ended.status = status;
    if (error)
        ended.error = *error;
    pthread_cond_signal(&ended.changed);
    pthread_mutex_unlock(&ended.mutex);
}

static void event(void *context, const char *pipeline, const char *text)
{
    (void)context;
    fprintf(stderr, "%s: %s\n", pipeline ? pipeline : "model", text);
}

static enum percept_status run(const char *path, struct base_pool *pool,
                               struct percept_error *error)
{
    struct pipe_config *config = NULL;
    struct pipe_engine *engine = NULL;
    const struct pipe_host host = {
        .backends = percept_known_backends,
        .pool = pool,
        .open_topic = open_topic,
        .loan = loan,
        .publish = publish,
        .close_topic = close_topic,
        .finished = finished,
        .event = event,
    };
    enum percept_status status = whole_register(print_heard, error);
    if (!status)
        status = pipe_config_load(path, &config, error);
    if (!status)
        status = pipe_engine_create(config, &host, &engine, error);
    if (!status)
        status = pipe_engine_start(engine, error);
    pthread_mutex_lock(&ended.mutex);
    while (!status && !ended.done)
        pthread_cond_wait(&ended.changed, &ended.mutex);
    pthread_mutex_unlock(&ended.mutex);
    if (!status && ended.status != PERCEPT_END) {
        status = ended.status;
        *error = ended.error;
    }
    pipe_engine_destroy(engine);
    pipe_config_destroy(config);
    return status;
}

int main(int argc, char **argv)
{
    struct percept_error error = {0};
    struct base_pool *pool = NULL;
    char text[1024];
    unsigned long threads = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (!threads || threads > 64) {
        fputs("usage: bench_captions CONFIG THREADS\n", stderr);
        return 2;
    }
    enum percept_status status = base_pool_create((unsigned)threads, &pool, &error);
    if (!status)
        status = run(argv[1], pool, &error);
    base_pool_destroy(pool);
    if (status)
        fprintf(stderr, "bench_captions: %s\n", percept_error_format(&error, text, sizeof text));
    return status ? 1 : 0;
}
