#include "whole.h"

#include "base/clock.h"
#include "pipelines/log_mel.h"
#include "pipelines/node.h"

#include <stdlib.h>
#include <string.h>

static void (*tell_heard)(const struct whole_heard *heard);

struct params {
    const char *encoder, *decoder, *tokenizer, *config;
    bool translate;
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
                                           {.name = "translate",
                                            .kind = PIPE_PARAM_BOOL,
                                            .offset = offsetof(struct params, translate),
                                            .help = "to English"},
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
    struct pipe_whisper_options options = {
        .tokenizer = p->tokenizer, .config = p->config, .translate = p->translate};
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

static enum percept_status recognise(struct pipe_node *n, struct percept_error *error)
{
    struct whole_heard heard = {
        .whisper = n->whisper, .text = &n->text, .samples = n->count, .begin_ns = base_clock_ns()};
    pipe_log_mel_reset(n->mel);
    pipe_log_mel_picture(n->mel, n->samples, n->count, pipe_whisper_picture(n->whisper));
    enum percept_status status = pipe_whisper_listen(n->whisper, error);
    heard.listened_ns = base_clock_ns();
    if (!status)
        status = pipe_whisper_say(n->whisper, 0, NULL, &n->text, error);
    heard.said_ns = base_clock_ns();
    if (!status)
        tell_heard(&heard);
    return status;
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

enum percept_status whole_register(void (*tell)(const struct whole_heard *heard),
                                   struct percept_error *error)
{
    static const struct pipe_port inputs[] = {{.name = "audio", .type = PIPE_AUDIO}, {0}};
    static const struct pipe_port outputs[] = {{0}};
    static const struct pipe_node_class class = {
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
    tell_heard = tell;
    return pipe_node_register(&class, error);
}
