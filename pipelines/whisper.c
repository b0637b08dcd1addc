/* Why: what makes a net's logits a text is a handful of rules, and they must be the ones that the
 * net was trained and is judged by. */
#include "pipelines/whisper.h"

#include "base/utf8.h"
#include "pipelines/log_mel.h"
#include "runtime/prt.h"
#include "signing/signing.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_LAYERS = 32,
    MAX_SUPPRESSED = 1024,
    MAX_LANGUAGES = 128,
    MAX_PROMPT = 4,
    MAX_CONFIG = 16 << 20
};
/* A text that says the same again so many times is a circle. */
enum { CIRCLE_TIMES = 4, CIRCLE_TOKENS = 12 };

struct language {
    uint32_t token;
    char code[8];
};

struct pipe_whisper {
    struct pipe_whisper_options options;
    struct pipe_tokenizer *tokenizer;
    /* The states of the encoder, and the keys and values that come of them, where all nets find
     * them: the arena of a pipeline's models keeps nothing from one net to the next. */
    struct prt_buffer *states, *sound[2 * MAX_LAYERS];
    size_t sound_count, vocabulary;
    const float *logits;
    float *kept; /* logits after the rules */
    uint32_t end, start, transcribe, translate, no_speech, no_timestamps, blank;
    uint32_t suppressed[MAX_SUPPRESSED];
    size_t suppressed_count;
    struct language languages[MAX_LANGUAGES];
    size_t language_count; /* 0: it knows one only */
    const struct language *chosen;
};

/* ---- making one ---- */

static enum percept_status bind(struct pipe_model *from, size_t output, struct pipe_model *to,
                                size_t input, struct prt_buffer **buffer,
                                struct percept_error *error)
{
    struct prt_model *a = pipe_model_prt(from), *b = pipe_model_prt(to);
    const struct prt_tensor *made = prt_model_output_spec(a, output),
                            *taken = prt_model_input_spec(b, input);
    size_t bytes;
    if (!made || !taken || made->dtype != PRT_F32 || taken->dtype != PRT_F32 ||
        prt_tensor_elements(made) != prt_tensor_elements(taken) ||
        !prt_tensor_bytes(made, &bytes) || !prt_tensor_is_contiguous(made) ||
        !prt_tensor_is_contiguous(taken))
        return percept_fail(error, PERCEPT_INVALID,
                            "encoder and decoder do not fit: output %zu is not what input %zu is",
                            output, input);
    enum percept_status status = prt_buffer_create(NULL, bytes, buffer, error);
    if (status == PERCEPT_OK)
        status = prt_model_bind_output(a, output, *buffer, 0, error);
    return status == PERCEPT_OK ? prt_model_bind_input(b, input, *buffer, 0, error) : status;
}

static bool is_number(const struct prt_tensor *spec)
{
    return spec && spec->dtype == PRT_I64 && prt_tensor_elements(spec) == 1;
}

static enum percept_status connect_nets(struct pipe_whisper *w, struct percept_error *error)
{
    const struct pipe_whisper_options *o = &w->options;
    struct prt_model *encoder = pipe_model_prt(o->encoder),
                     *cross = pipe_model_prt(o->cross_attention),
                     *decoder = pipe_model_prt(o->decoder);
    const struct prt_tensor *picture = prt_model_input_spec(encoder, 0);
    if (!picture || picture->dtype != PRT_F32 || !prt_tensor_is_contiguous(picture) ||
        prt_tensor_elements(picture) != (size_t)PIPE_MEL_BANDS * PIPE_MEL_FRAMES)
        return percept_fail(error, PERCEPT_INVALID,
                            "no Whisper encoder: expected an input float32[1, %d, %d]",
                            PIPE_MEL_BANDS, PIPE_MEL_FRAMES);
    if (!is_number(prt_model_input_spec(decoder, 0)) ||
        !is_number(prt_model_input_spec(decoder, 1)))
        return percept_fail(error, PERCEPT_INVALID,
                            "no Whisper decoder: expected a token and its position, int64, first");
    w->sound_count = prt_model_output_count(cross);
    if (!w->sound_count || w->sound_count > 2 * MAX_LAYERS ||
        prt_model_input_count(decoder) != w->sound_count + 2)
        return percept_fail(error, PERCEPT_INVALID,
                            "encoder and decoder do not fit: %zu keys and values, %zu inputs",
                            w->sound_count, prt_model_input_count(decoder));
    enum percept_status status = bind(o->encoder, 0, o->cross_attention, 0, &w->states, error);
    for (size_t i = 0; i < w->sound_count && status == PERCEPT_OK; i++)
        status = bind(o->cross_attention, i, o->decoder, i + 2, &w->sound[i], error);
    const struct prt_tensor *logits = prt_model_output_spec(decoder, 0);
    if (status == PERCEPT_OK)
        w->vocabulary = logits ? prt_tensor_elements(logits) : 0;
    return status;
}

static enum percept_status read_special(struct pipe_whisper *w, struct percept_error *error)
{
    const struct {
        const char *names[2];
        uint32_t *token;
    } table[] = {
        {{"<|endoftext|>"}, &w->end},
        {{"<|startoftranscript|>"}, &w->start},
        {{"<|transcribe|>"}, &w->transcribe},
        {{"<|translate|>"}, &w->translate},
        {{"<|nospeech|>", "<|nocaptions|>"}, &w->no_speech},
        {{"<|notimestamps|>"}, &w->no_timestamps},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        *table[i].token = pipe_tokenizer_find(w->tokenizer, table[i].names[0]);
        if (*table[i].token == PIPE_NO_TOKEN && table[i].names[1])
            *table[i].token = pipe_tokenizer_find(w->tokenizer, table[i].names[1]);
        if (*table[i].token >= w->vocabulary)
            return percept_fail_at(error, PERCEPT_INVALID, w->options.tokenizer, 0, 0,
                                   "not the tokenizer of this model: no token '%s' among %zu",
                                   table[i].names[0], w->vocabulary);
    }
    uint32_t *tokens;
    size_t count;
    enum percept_status status =
        pipe_tokenizer_encode(w->tokenizer, " ", 1, &tokens, &count, error);
    if (status != PERCEPT_OK)
        return status;
    w->blank = count == 1 ? tokens[0] : PIPE_NO_TOKEN;
    free(tokens);
    return PERCEPT_OK;
}

/* Between start and translate: "<|en|>". A model of one language has such tokens, too, and ends
 * with the first vocabulary of 51864; its start is one lower. */
static void read_languages(struct pipe_whisper *w)
{
    for (uint32_t token = w->start + 1; token < w->translate; token++) {
        size_t size;
        bool special;
        const char *text = pipe_tokenizer_text(w->tokenizer, token, &size, &special);
        struct language *language = &w->languages[w->language_count];
        if (!special || size < 6 || size > 4 + sizeof language->code - 1 ||
            memcmp(text, "<|", 2) != 0 || w->language_count == MAX_LANGUAGES)
            continue;
        *language = (struct language){.token = token};
        memcpy(language->code, text + 2, size - 4);
        if (language->code[0] >= 'a' && strlen(language->code) <= 3)
            w->language_count++;
    }
    /* OpenAI's models of English alone have 51864 tokens. */
    if (w->vocabulary == 51864)
        w->language_count = 0;
}

static enum percept_status choose_language(struct pipe_whisper *w, struct percept_error *error)
{
    const char *wanted = w->options.language;
    if (!w->language_count)
        return !w->options.translate && (!wanted || strcmp(wanted, "en") == 0)
                   ? PERCEPT_OK
                   : percept_fail(error, PERCEPT_INVALID,
                                  "this model knows English only, and does not translate");
    for (size_t i = 0; wanted && i < w->language_count; i++)
        if (strcmp(w->languages[i].code, wanted) == 0)
            w->chosen = &w->languages[i];
    return !wanted || w->chosen
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_INVALID, "this model has no language '%.40s'", wanted);
}

static enum percept_status read_suppressed(struct pipe_whisper *w, struct percept_error *error)
{
    json_error_t where;
    const char *path = w->options.config;
    if (!path)
        return PERCEPT_OK;
    void *text;
    size_t size;
    enum percept_status status =
        signing_read_file(w->options.keys, path, MAX_CONFIG, &text, &size, error);
    if (status != PERCEPT_OK)
        return status;
    json_t *root = json_loadb(text, size, 0, &where);
    free(text);
    if (!root)
        return percept_fail_at(error, PERCEPT_MALFORMED, path, (unsigned)where.line,
                               (unsigned)where.column, "%s", where.text);
    const json_t *list = json_object_get(root, "suppress_ids");
    if (!list)
        list = json_object_get(root, "suppress_tokens");
    size_t count = json_array_size(list);
    bool fits = count && count <= MAX_SUPPRESSED;
    for (size_t i = 0; i < count && fits; i++) {
        json_int_t token = json_integer_value(json_array_get(list, i));
        fits = token >= 0 && (size_t)token < w->vocabulary;
        w->suppressed[i] = (uint32_t)token;
    }
    json_decref(root);
    if (!fits)
        return percept_fail_at(error, PERCEPT_INVALID, path, 0, 0,
                               "no list of this model's tokens under suppress_ids or "
                               "suppress_tokens");
    w->suppressed_count = count;
    return PERCEPT_OK;
}

enum percept_status pipe_whisper_create(const struct pipe_whisper_options *options,
                                        struct pipe_whisper **whisper, struct percept_error *error)
{
    struct pipe_whisper *w = calloc(1, sizeof *w);
    if (!w)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    w->options = *options;
    enum percept_status status = connect_nets(w, error);
    if (status == PERCEPT_OK)
        status = pipe_tokenizer_open(options->tokenizer, options->keys, &w->tokenizer, error);
    if (status == PERCEPT_OK)
        status = read_special(w, error);
    if (status == PERCEPT_OK)
        status = read_suppressed(w, error);
    if (status == PERCEPT_OK) {
        read_languages(w);
        status = choose_language(w, error);
    }
    if (status == PERCEPT_OK && !(w->kept = calloc(w->vocabulary, sizeof *w->kept)))
        status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (status != PERCEPT_OK) {
        pipe_whisper_destroy(w);
        return status;
    }
    *whisper = w;
    return PERCEPT_OK;
}

void pipe_whisper_destroy(struct pipe_whisper *w)
{
    if (!w)
        return;
    /* The models outlive the buffers, and must not look at them then. */
    const struct pipe_whisper_options *o = &w->options;
    (void)prt_model_bind_output(pipe_model_prt(o->encoder), 0, NULL, 0, NULL);
    (void)prt_model_bind_input(pipe_model_prt(o->cross_attention), 0, NULL, 0, NULL);
    for (size_t i = 0; i < w->sound_count && i < 2 * MAX_LAYERS; i++) {
        (void)prt_model_bind_output(pipe_model_prt(o->cross_attention), i, NULL, 0, NULL);
        (void)prt_model_bind_input(pipe_model_prt(o->decoder), i + 2, NULL, 0, NULL);
        prt_buffer_destroy(w->sound[i]);
    }
    prt_buffer_destroy(w->states);
    pipe_tokenizer_close(w->tokenizer);
    free(w->kept);
    free(w);
}

const struct pipe_tokenizer *pipe_whisper_tokenizer(const struct pipe_whisper *whisper)
{
    return whisper->tokenizer;
}

/* ---- listening ---- */

float *pipe_whisper_picture(struct pipe_whisper *w)
{
    return prt_model_input_data(pipe_model_prt(w->options.encoder), 0);
}

enum percept_status pipe_whisper_listen(struct pipe_whisper *w, struct percept_error *error)
{
    enum percept_status status = pipe_model_run(w->options.encoder, error);
    return status == PERCEPT_OK ? pipe_model_run(w->options.cross_attention, error) : status;
}

/* ---- saying ---- */

/* Show the decoder a token; its logits for the next are in w->logits. */
static enum percept_status show(struct pipe_whisper *w, uint32_t token, size_t position,
                                struct percept_error *error)
{
    struct prt_model *decoder = pipe_model_prt(w->options.decoder);
    *(int64_t *)prt_model_input_data(decoder, 0) = token;
    *(int64_t *)prt_model_input_data(decoder, 1) = (int64_t)position;
    enum percept_status status = pipe_model_run(w->options.decoder, error);
    return status == PERCEPT_OK
               ? pipe_model_output(w->options.decoder, 0, w->vocabulary, &w->logits, error)
               : status;
}

/* Natural logarithm of the sum of the exponentials. */
static double log_sum(const float *logits, size_t count)
{
    float most = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        most = logits[i] > most ? logits[i] : most;
    for (size_t i = 0; i < count; i++)
        if (logits[i] > most - 40)
            sum += (double)expf(logits[i] - most);
    return (double)most + log(sum);
}

static const struct language *find_language(const struct pipe_whisper *w, const char *code)
{
    for (size_t i = 0; code && i < w->language_count; i++)
        if (strcmp(w->languages[i].code, code) == 0)
            return &w->languages[i];
    return NULL;
}

/* The likeliest language, of the logits after the start. */
static const struct language *likeliest(const struct pipe_whisper *w)
{
    const struct language *best = &w->languages[0];
    for (size_t i = 1; i < w->language_count; i++)
        if (w->logits[w->languages[i].token] > w->logits[best->token])
            best = &w->languages[i];
    return best;
}

/* Show what every text begins with. *position becomes that of the first token of the text. */
static enum percept_status begin(struct pipe_whisper *w, const char *code,
                                 struct pipe_whisper_text *text, size_t *position,
                                 struct percept_error *error)
{
    uint32_t prompt[MAX_PROMPT];
    size_t count = 0;
    enum percept_status status = show(w, w->start, 0, error);
    if (status != PERCEPT_OK)
        return status;
    text->no_speech =
        (float)exp((double)w->logits[w->no_speech] - log_sum(w->logits, w->vocabulary));
    snprintf(text->language, sizeof text->language, "en");
    if (w->language_count) {
        const struct language *language = find_language(w, code);
        if (!language)
            language = w->chosen ? w->chosen : likeliest(w);
        memcpy(text->language, language->code, sizeof text->language);
        prompt[count++] = language->token;
        prompt[count++] = w->options.translate ? w->translate : w->transcribe;
    }
    prompt[count++] = w->no_timestamps;
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++)
        status = show(w, prompt[i], i + 1, error);
    *position = count + 1;
    return status;
}

/* What is never said: what the model's list names, and before the first token a blank or the end.
 */
static void suppress(struct pipe_whisper *w, bool first)
{
    memcpy(w->kept, w->logits, w->vocabulary * sizeof *w->kept);
    for (size_t i = 0; i < w->suppressed_count; i++)
        w->kept[w->suppressed[i]] = -INFINITY;
    for (size_t token = w->end + 1; token < w->vocabulary; token++)
        w->kept[token] = -INFINITY; /* special ones, and times */
    if (first) {
        w->kept[w->end] = -INFINITY;
        if (w->blank < w->vocabulary)
            w->kept[w->blank] = -INFINITY;
    }
}

static uint32_t likeliest_token(const struct pipe_whisper *w)
{
    uint32_t best = 0;
    for (uint32_t token = 1; token < w->vocabulary; token++)
        if (w->kept[token] > w->kept[best])
            best = token;
    return best;
}

/* Does the text end with the same tokens, so many times over? Returns the tokens of a round. */
static size_t circle(const uint32_t *tokens, size_t count)
{
    for (size_t round = 1; round * CIRCLE_TIMES <= count; round++) {
        size_t times = CIRCLE_TIMES;
        while (times * round < CIRCLE_TOKENS)
            times++;
        if (times * round > count)
            continue;
        size_t same = 0;
        while (same < (times - 1) * round &&
               tokens[count - 1 - same] == tokens[count - 1 - same - round])
            same++;
        if (same == (times - 1) * round)
            return round;
    }
    return 0;
}

enum percept_status pipe_whisper_say(struct pipe_whisper *w, size_t prefix, const char *language,
                                     struct pipe_whisper_text *text, struct percept_error *error)
{
    size_t position;
    double sum = 0;
    enum percept_status status = begin(w, language, text, &position, error);
    text->repeats = false;
    for (text->count = 0; status == PERCEPT_OK && text->count < PIPE_WHISPER_TOKENS;) {
        suppress(w, text->count == 0);
        uint32_t token = text->count < prefix ? text->tokens[text->count] : likeliest_token(w);
        sum += (double)w->kept[token] - log_sum(w->kept, w->vocabulary);
        if (token == w->end)
            break;
        text->tokens[text->count++] = token;
        size_t round = text->count > prefix ? circle(text->tokens, text->count) : 0;
        if (round) {
            /* Once is enough. */
            while (text->count > prefix + round && text->count > round &&
                   text->tokens[text->count - 1] == text->tokens[text->count - 1 - round])
                text->count--;
            text->repeats = true;
            break;
        }
        status = show(w, token, position++, error);
    }
    text->score = (float)(sum / (double)(text->count + 1));
    return status;
}

size_t pipe_whisper_spell(const struct pipe_whisper *w, const uint32_t *tokens, size_t count,
                          char *text, size_t room)
{
    char bytes[PIPE_WHISPER_TOKENS * 16];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size;
        bool special;
        const char *piece = pipe_tokenizer_text(w->tokenizer, tokens[i], &size, &special);
        if (special || size > sizeof bytes - used)
            continue;
        memcpy(bytes + used, piece, size);
        used += size;
    }
    /* A character that is not complete yet: up to three bytes at the end. */
    for (size_t back = 1; back < 4 && back <= used; back++) {
        unsigned char lead = (unsigned char)bytes[used - back];
        size_t needs = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
        if (lead >= 0xc0) {
            used -= needs > back ? back : 0;
            break;
        }
        if (lead < 0x80)
            break;
    }
    return base_utf8_copy(bytes, used, text, room);
}
