/*
 * Why: captions are wanted while somebody speaks, and Whisper knows sentences only as a whole. So
 * what was said so far is recognised again and again, and what two hypotheses in a row agree on is
 * held to be said (LocalAgreement-2: Liu et al., 2020; Machacek et al., 2023): every later partial
 * one goes on from there. The final one begins anew, since it alone has heard everything: what it
 * says is what the net says of the whole, whatever was shown on the way.
 */
#include "pipelines/captions.h"
#include "pipelines/log_mel.h"
#include "pipelines/node.h"
#include "pipelines/whisper.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE_NS (BASE_NS_PER_S / PIPE_AUDIO_RATE)
/* Less probability of speech than this is a pause. */
#define PAUSE      0.3f
#define TEXT_BYTES (PIPE_WHISPER_TOKENS * 16)

struct params {
    const char *encoder, *decoder, *tokenizer, *config, *language;
    int task;
    int64_t partial_ms, behind_ms;
    double no_speech, score;
};

enum { TRANSCRIBE, TRANSLATE };
static const char *const tasks[] = {"transcribe", "translate", NULL};

static const struct pipe_param params[] = {
    {.name = "encoder",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, encoder),
     .required = true,
     .help = "a Whisper encoder"},
    {.name = "decoder",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, decoder),
     .required = true,
     .help = "and its decoder"},
    {.name = "tokenizer",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, tokenizer),
     .required = true,
     .help = "the model's tokenizer.json"},
    {.name = "config",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, config),
     .help = "the model's config.json or generation_config.json, with the tokens that are never "
             "said"},
    {.name = "language",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, language),
     .fallback_text = "auto",
     .help = "of the speech, as \"en\"; auto: found out for each utterance"},
    {.name = "task",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, task),
     .choices = tasks,
     .help = "write down what is said, or say it in English"},
    {.name = "partial_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, partial_ms),
     .fallback = 500,
     .max = 10000,
     .help = "a partial caption each time that so much more was said, milliseconds; 0: none"},
    {.name = "behind_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, behind_ms),
     .fallback = 1000,
     .max = 60000,
     .help = "further behind the sound than this, the time is for catching up, and no partial "
             "captions are made, milliseconds; 0: they always are"},
    {.name = "no_speech",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, no_speech),
     .fallback = 0.6,
     .max = 1,
     .help = "what the net holds to be no speech with more than this probability is left out"},
    {.name = "score",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, score),
     .fallback = -1.5,
     .min = -20,
     .max = 0,
     .help = "and so is text of which the mean log probability is lower than this"},
    {0},
};

enum { IN_AUDIO, IN_SPEECH };
static const struct pipe_port inputs[] = {
    {.name = "audio", .type = PIPE_AUDIO}, {.name = "speech", .type = PIPE_SPEECH}, {0}};
static const struct pipe_port outputs[] = {{.name = "captions", .type = PIPE_CAPTIONS}, {0}};

struct pipe_node {
    const struct params *params;
    struct pipe_model *encoder, *cross_attention, *decoder;
    struct pipe_whisper *whisper;
    struct pipe_log_mel *mel;
    /* The newest sound, for an utterance that begins before one knows. */
    float recent[2 * PIPE_SPEECH_BEFORE];
    size_t recent_count;
    /* The utterance. */
    bool open, shown; /* there is one; it has a caption */
    float *samples;   /* PIPE_MEL_SAMPLES */
    size_t count, recognised, pictured;
    uint64_t begin; /* running number of its first sample */
    struct pipe_whisper_text text, last;
    size_t stable; /* tokens of `last` that later partial captions keep */
    struct pipe_captions captions;
    bool speaking; /* as it was published */
    /* When the sample of that number was captured. */
    uint64_t anchor;
    int64_t anchor_ns;
};

static void destroy(struct pipe_node *n)
{
    if (!n)
        return;
    pipe_whisper_destroy(n->whisper);
    pipe_log_mel_destroy(n->mel);
    free(n->samples);
    free(n);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    const struct params *p = n->params = setup->params;
    enum percept_status status = setup->open_model(setup->host, p->encoder, &n->encoder, error);
    if (status == PERCEPT_OK)
        status = setup->open_method(setup->host, p->encoder, "cross_attention", &n->cross_attention,
                                    error);
    if (status == PERCEPT_OK)
        status = setup->open_model(setup->host, p->decoder, &n->decoder, error);
    if (status == PERCEPT_OK) {
        const struct pipe_whisper_options options = {
            .encoder = n->encoder,
            .cross_attention = n->cross_attention,
            .decoder = n->decoder,
            .tokenizer = p->tokenizer,
            .config = p->config,
            .keys = setup->keys,
            .language = strcmp(p->language, "auto") == 0 ? NULL : p->language,
            .translate = p->task == TRANSLATE,
        };
        status = pipe_whisper_create(&options, &n->whisper, error);
    }
    if (status == PERCEPT_OK)
        status = pipe_log_mel_create(&n->mel, error);
    if (status == PERCEPT_OK && !(n->samples = calloc(PIPE_MEL_SAMPLES, sizeof *n->samples)))
        status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

/* ---- sound ---- */

static void remember(struct pipe_node *n, const struct pipe_audio *audio)
{
    const size_t room = sizeof n->recent / sizeof n->recent[0];
    if (n->recent_count + audio->count > room) {
        size_t kept = PIPE_SPEECH_BEFORE;
        memmove(n->recent, n->recent + n->recent_count - kept, kept * sizeof *n->recent);
        n->recent_count = kept;
    }
    memcpy(n->recent + n->recent_count, audio->samples, audio->count * sizeof *n->recent);
    n->recent_count += audio->count;
}

static void append(struct pipe_node *n, const float *samples, size_t count)
{
    size_t room = PIPE_MEL_SAMPLES - n->count;
    count = count < room ? count : room;
    memcpy(n->samples + n->count, samples, count * sizeof *samples);
    n->count += count;
}

/* From the sample of that number on, as far as it is remembered, to the newest. */
static void open_utterance(struct pipe_node *n, const struct pipe_audio *audio, uint64_t begin)
{
    uint64_t newest = audio->first + audio->count, oldest = newest - n->recent_count;
    begin = begin < oldest ? oldest : begin > newest ? newest : begin;
    n->open = true;
    n->shown = false;
    n->begin = begin;
    n->count = n->recognised = n->pictured = n->stable = 0;
    n->last.count = 0;
    pipe_log_mel_reset(n->mel);
    append(n, n->recent + (begin - oldest), (size_t)(newest - begin));
}

/* ---- text ---- */

static int64_t time_of(const struct pipe_node *n, uint64_t sample)
{
    return n->anchor_ns + ((int64_t)sample - (int64_t)n->anchor) * SAMPLE_NS;
}

/* The first `prefix` tokens are those of the last hypothesis. */
static enum percept_status recognise(struct pipe_node *n, size_t prefix,
                                     struct percept_error *error)
{
    /* What it was shown must be the beginning of what it is shown now. */
    if (n->count < n->pictured)
        pipe_log_mel_reset(n->mel);
    n->pictured = n->recognised = n->count;
    pipe_log_mel_picture(n->mel, n->samples, n->count, pipe_whisper_picture(n->whisper));
    enum percept_status status = pipe_whisper_listen(n->whisper, error);
    memcpy(n->text.tokens, n->last.tokens, prefix * sizeof n->last.tokens[0]);
    if (status == PERCEPT_OK)
        status =
            pipe_whisper_say(n->whisper, prefix, prefix ? n->last.language : NULL, &n->text, error);
    return status;
}

/* Skips the spaces that a text begins with. */
static char *spell(const struct pipe_node *n, const struct pipe_whisper_text *text, size_t count,
                   char buffer[TEXT_BYTES], size_t *size)
{
    char *begin = buffer;
    *size = pipe_whisper_spell(n->whisper, text->tokens, count, buffer, TEXT_BYTES);
    while (*begin == ' ') {
        begin++;
        --*size;
    }
    return begin;
}

static bool says_something(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
            return true;
    }
    return false;
}

/* Nets trained on subtitles write them of noise, too. */
static bool is_speech(const struct pipe_node *n, const struct pipe_whisper_text *text)
{
    char buffer[TEXT_BYTES];
    size_t size;
    return (double)text->score >= n->params->score &&
           (double)text->no_speech <= n->params->no_speech &&
           says_something(spell(n, text, text->count, buffer, &size));
}

static struct percept_caption *describe(struct pipe_node *n)
{
    if (!n->shown)
        (void)pipe_captions_add(&n->captions, time_of(n, n->begin));
    n->shown = true;
    struct percept_captions *list = &n->captions.list;
    struct percept_caption *caption = &list->captions[list->caption_count - 1];
    caption->end_ns = time_of(n, n->begin + n->count);
    caption->score = n->text.score;
    caption->no_speech = n->text.no_speech;
    memcpy(caption->language, n->params->task == TRANSLATE ? "en\0\0\0\0\0" : n->text.language,
           sizeof caption->language);
    return caption;
}

/* How far two hypotheses in a row agree. The last token of either is of sound that was cut off. */
static size_t agreed(const struct pipe_node *n)
{
    size_t count = 0;
    while (count + 1 < n->text.count && count + 1 < n->last.count &&
           n->text.tokens[count] == n->last.tokens[count])
        count++;
    return count > n->stable ? count : n->stable;
}

/* *changed: there is something to see. */
static enum percept_status make_partial(struct pipe_node *n, bool *changed,
                                        struct percept_error *error)
{
    char buffer[TEXT_BYTES], fixed[TEXT_BYTES];
    size_t size, stable_size;
    enum percept_status status = recognise(n, n->stable, error);
    if (status != PERCEPT_OK || (!n->stable && !is_speech(n, &n->text)))
        return status;
    n->stable = agreed(n);
    n->last = n->text;
    const char *text = spell(n, &n->text, n->text.count, buffer, &size);
    (void)spell(n, &n->text, n->stable, fixed, &stable_size);
    (void)describe(n);
    pipe_captions_say(&n->captions, text, size, stable_size);
    *changed = true;
    return PERCEPT_OK;
}

static enum percept_status make_final(struct pipe_node *n, uint64_t end, bool *changed,
                                      struct percept_error *error)
{
    char buffer[TEXT_BYTES];
    size_t size, said = end > n->begin ? (size_t)(end - n->begin) : 0;
    n->open = false;
    n->count = said < n->count ? said : n->count;
    enum percept_status status = recognise(n, 0, error);
    bool good = status == PERCEPT_OK && is_speech(n, &n->text);
    if (!good && !n->stable) {
        if (n->shown)
            pipe_captions_drop(&n->captions);
        *changed |= n->shown;
        return status;
    }
    /* What was held to be said is not taken back for nothing better. */
    const char *text = good ? spell(n, &n->text, n->text.count, buffer, &size)
                            : spell(n, &n->last, n->stable, buffer, &size);
    int64_t end_ns = describe(n)->end_ns;
    pipe_captions_finish(&n->captions, text, size, end_ns);
    *changed = true;
    return status;
}

/* ---- a block ---- */

/* In a pause none is: it may be the end, and then the final one must not wait for it. */
static bool wants_partial(const struct pipe_node *n, const struct pipe_audio *audio,
                          const struct pipe_speech *speech)
{
    const struct params *p = n->params;
    int64_t behind_ns = base_clock_ns() - time_of(n, audio->first + audio->count);
    return n->open && p->partial_ms && speech->probability >= PAUSE &&
           (!p->behind_ms || behind_ns < p->behind_ms * BASE_NS_PER_MS) &&
           n->count - n->recognised >= (size_t)p->partial_ms * (PIPE_AUDIO_RATE / 1000);
}

static enum percept_status end_utterance(struct pipe_node *n, const struct pipe_speech *speech,
                                         bool *changed, struct percept_error *error)
{
    if (!n->open || !speech->ended)
        return PERCEPT_OK;
    if (!speech->forgotten)
        return make_final(n, speech->end, changed, error);
    n->open = false;
    memset(n->samples, 0, n->count * sizeof *n->samples);
    if (n->shown)
        pipe_captions_drop(&n->captions);
    *changed |= n->shown;
    return PERCEPT_OK;
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_audio *audio = in[IN_AUDIO];
    const struct pipe_speech *speech = in[IN_SPEECH];
    bool changed = n->speaking != speech->speaking;
    enum percept_status status = PERCEPT_OK;
    n->speaking = speech->speaking;
    if (audio->begins) {
        status = end_utterance(n, speech, &changed, error);
        n->recent_count = 0;
    }
    n->anchor = audio->first;
    n->anchor_ns = audio->capture_ns;
    remember(n, audio);
    if (n->open)
        append(n, audio->samples, audio->count);
    if (status == PERCEPT_OK)
        status = end_utterance(n, speech, &changed, error);
    if (speech->begun)
        open_utterance(n, audio, speech->begin);
    if (status == PERCEPT_OK && wants_partial(n, audio, speech))
        status = make_partial(n, &changed, error);
    if (status != PERCEPT_OK)
        return status;
    if (!changed)
        return PERCEPT_END;
    struct percept_captions *captions = out[0];
    n->captions.list.capture_ns = time_of(n, audio->first + audio->count);
    n->captions.list.speaking = n->speaking;
    *captions = n->captions.list;
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_speech_recognizer = {
    .version = PIPE_NODE_VERSION,
    .name = "speech_recognizer",
    .summary = "Writes down what is said, by Whisper",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
