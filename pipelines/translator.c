/* Why: a frame's time is spent on what is new in it, and an engine that was trained on sentences
 * translates two of them at once badly. */
#include "pipelines/translator.h"

#include "pipelines/letters.h"
#include "pipelines/sentences.h"
#include "pipelines/shortlist.h"
#include "pipelines/unigram.h"

#include <stdlib.h>
#include <string.h>

/* ---- Marian ---- */

struct marian_state {
    struct pipe_unigram *unigram;
    struct pipe_shortlist *shortlist;
    struct pipe_marian *marian;
    struct pipe_unigram_work work;
    uint32_t sentence[PIPE_MARIAN_MAX_TOKENS], said[PIPE_MARIAN_MAX_TOKENS];
};

static void marian_destroy(void *state)
{
    struct marian_state *s = state;
    if (s) {
        pipe_marian_destroy(s->marian);
        pipe_shortlist_close(s->shortlist);
        pipe_unigram_close(s->unigram);
    }
    free(s);
}

static enum percept_status marian_translate(void *state, const char *sentence, size_t size,
                                            char *to, size_t room, struct percept_error *error)
{
    struct marian_state *s = state;
    size_t count, made = 0;
    enum percept_status status =
        pipe_unigram_encode(s->unigram, &s->work, sentence, size, s->sentence,
                            pipe_marian_most(s->marian), &count, error);
    if (status == PERCEPT_OK && count > 0) /* of nothing, nets make something */
        status = pipe_marian_translate(s->marian, s->sentence, count, s->said,
                                       PIPE_MARIAN_MAX_TOKENS, &made, error);
    if (status == PERCEPT_OK)
        pipe_unigram_decode(s->unigram, s->said, made, to, room);
    return status;
}

enum percept_status pipe_engine_marian(const struct pipe_marian_nets *nets, const char *tokenizer,
                                       const char *shortlist, const struct signing_keys *keys,
                                       struct pipe_translation_engine *engine,
                                       struct percept_error *error)
{
    struct marian_state *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = pipe_unigram_open(tokenizer, keys, &s->unigram, error);
    if (status == PERCEPT_OK)
        status = pipe_shortlist_open(shortlist, keys, pipe_unigram_size(s->unigram), &s->shortlist,
                                     error);
    if (status == PERCEPT_OK &&
        pipe_unigram_find(s->unigram, "</s>") == pipe_unigram_size(s->unigram))
        status = percept_fail_at(error, PERCEPT_INVALID, tokenizer, 0, 0, "no piece </s>");
    if (status == PERCEPT_OK) {
        const struct pipe_marian_tokens tokens = {
            .end = pipe_unigram_find(s->unigram, "</s>"),
            .unknown = pipe_unigram_unknown(s->unigram),
            .size = pipe_unigram_size(s->unigram),
        };
        status = pipe_marian_create(nets, &tokens, s->shortlist, &s->marian, error);
    }
    if (status != PERCEPT_OK) {
        marian_destroy(s);
        return status;
    }
    *engine = (struct pipe_translation_engine){s, marian_translate, marian_destroy};
    return PERCEPT_OK;
}

/* ---- any engine ---- */

struct pipe_translator {
    struct pipe_translation_engine engine;
    struct pipe_translation_cache *cache;
    bool capitals;
    char sentence[PIPE_SENTENCE_BYTES];
    char translation[PIPE_TRANSLATION_BYTES]; /* in the making */
};

enum percept_status pipe_translator_create(const struct pipe_translation_engine *engine,
                                           size_t cache_entries, bool capitals,
                                           struct pipe_translator **translator,
                                           struct percept_error *error)
{
    struct pipe_translator *t = calloc(1, sizeof *t);
    struct pipe_translation_cache *cache = pipe_translation_cache_create(cache_entries);
    if (!t || !cache) {
        free(t);
        pipe_translation_cache_destroy(cache);
        engine->destroy(engine->state);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    t->engine = *engine;
    t->cache = cache;
    t->capitals = capitals;
    *translator = t;
    return PERCEPT_OK;
}

void pipe_translator_destroy(struct pipe_translator *t)
{
    if (t) {
        t->engine.destroy(t->engine.state);
        pipe_translation_cache_destroy(t->cache);
    }
    free(t);
}

const char *pipe_translator_recall(struct pipe_translator *t, const char *text)
{
    return *text ? pipe_translation_cache_get(t->cache, text) : "";
}

/* Sentence by sentence, with a space between them where there was one. */
static enum percept_status translate(struct pipe_translator *t, const char *text,
                                     struct percept_error *error)
{
    char *to = t->translation;
    size_t size = strlen(text), used = 0;
    bool capitals = t->capitals && pipe_letters_are_capitals(text, size);
    enum percept_status status = PERCEPT_OK;
    bool busy = false; /* then the others are asked for, too */
    to[0] = '\0';
    for (size_t at = 0, taken; at < size && status == PERCEPT_OK; at += taken) {
        taken = pipe_sentence_next(text + at, size - at, PIPE_SENTENCE_BYTES);
        const char *sentence = text + at;
        if (capitals) {
            pipe_letters_lower(text + at, taken, t->sentence);
            sentence = t->sentence;
        }
        if (used > 0 && used + 2 < PIPE_TRANSLATION_BYTES)
            to[used++] = ' ';
        status = t->engine.translate(t->engine.state, sentence, taken, to + used,
                                     PIPE_TRANSLATION_BYTES - used, error);
        if (status == PERCEPT_BUSY) {
            busy = true;
            status = PERCEPT_OK;
            continue;
        }
        used += status == PERCEPT_OK ? strlen(to + used) : 0;
    }
    while (used > 0 && to[used - 1] == ' ')
        used--;
    to[used] = '\0';
    if (capitals)
        pipe_letters_upper(to, used, to);
    return status == PERCEPT_OK && busy ? PERCEPT_BUSY : status;
}

enum percept_status pipe_translator_translate(struct pipe_translator *t, const char *text,
                                              const char **translation, struct percept_error *error)
{
    const char *known = pipe_translator_recall(t, text);
    if (known) {
        *translation = known;
        return PERCEPT_OK;
    }
    enum percept_status status = translate(t, text, error);
    if (status == PERCEPT_LIMIT) {
        t->translation[0] = '\0';
        status = PERCEPT_OK;
    }
    if (status == PERCEPT_OK) {
        pipe_translation_cache_put(t->cache, text, t->translation);
        *translation = t->translation;
    }
    return status;
}
