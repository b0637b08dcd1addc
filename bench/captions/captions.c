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
#include "pipelines/log_mel.h"
#include "pipelines/node.h"
#include "pipelines/whisper.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the node ---- */

struct params {
    const char *encoder, *decoder, *tokenizer, *config;
};

#define TEXT(name_, kind_)                                                       \
    {                                                                            \
        .name = #name_, .kind = kind_, .offset = offsetof(struct params, name_), \
        .help = "as of speech_recognizer"                                        \
    }
static const struct pipe_param params[] = {TEXT(encoder, PIPE_PARAM_MODEL),
                                           TEXT(decoder, PIPE_PARAM_MODEL),
                                           TEXT(tokenizer, PIPE_PARAM_PATH),
                                           TEXT(config, PIPE_PARAM_PATH),
                                           {0}};

struct pipe_node {
    struct pipe_whisper *whisper;
    struct pipe_log_mel *mel;
    struct pipe_whisper_text text;
    size_t count;
    float samples[PIPE_MEL_SAMPLES];
};

static void destroy(struct pipe_node *n)
{
    if (!n)
        return;
    pipe_whisper_destroy(n->whisper);
    pipe_log_mel_destroy(n->mel);
    free(n);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    const struct params *p = setup->params;
    struct pipe_whisper_options options = {.tokenizer = p->tokenizer, .config = p->config};
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status =
        setup->open_model(setup->host, p->encoder, &options.encoder, error);
    if (!status)
        status = setup->open_method(setup->host, p->encoder, "cross_attention",
                                    &options.cross_attention, error);
    if (!status)
        status = setup->open_model(setup->host, p->decoder, &options.decoder, error);
    if (!status)
        status = pipe_whisper_create(&options, &n->whisper, error);
    if (!status)
        status = pipe_log_mel_create(&n->mel, error);
    if (status) {
        destroy(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

static void print(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

static enum percept_status recognise(struct pipe_node *n, struct percept_error *error)
{
    int64_t begin = base_clock_ns();
    pipe_log_mel_reset(n->mel);
    pipe_log_mel_picture(n->mel, n->samples, n->count, pipe_whisper_picture(n->whisper));
    enum percept_status status = pipe_whisper_listen(n->whisper, error);
    int64_t heard = base_clock_ns();
    if (!status)
        status = pipe_whisper_say(n->whisper, 0, NULL, &n->text, error);
    int64_t end = base_clock_ns();
    if (status)
        return status;
    char text[PIPE_WHISPER_TOKENS * 16];
    size_t size = pipe_whisper_spell(n->whisper, n->text.tokens, n->text.count, text, sizeof text);
    json_t *tokens = json_array();
    for (size_t i = 0; i < n->text.count; i++)
        json_array_append_new(tokens, json_integer(n->text.tokens[i]));
    print(json_pack("{s:f, s:f, s:f, s:o, s:s%}", "seconds", (double)n->count / PIPE_AUDIO_RATE,
                    "listen_ms", (double)(heard - begin) * 1e-6, "say_ms",
                    (double)(end - heard) * 1e-6, "tokens", tokens, "text", text, size));
    return PERCEPT_OK;
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_audio *audio = in[0];
    enum percept_status status = PERCEPT_OK;
    (void)out;
    if ((audio->begins || audio->last) && n->count) {
        status = recognise(n, error);
        n->count = 0;
    }
    size_t room = PIPE_MEL_SAMPLES - n->count, more = audio->count < room ? audio->count : room;
    memcpy(n->samples + n->count, audio->samples, more * sizeof *n->samples);
    n->count += more;
    return status ? status : PERCEPT_END;
}

static const struct pipe_port inputs[] = {{.name = "audio", .type = PIPE_AUDIO}, {0}};
static const struct pipe_port outputs[] = {{0}};
static const struct pipe_node_class whole = {
    .version = PIPE_NODE_VERSION,
    .name = "whole",
    .summary = "Hears files as a whole",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};

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
    enum percept_status status = pipe_node_register(&whole, error);
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
