/*
 * From one language to another, whatever does it: an engine for single sentences, and around it
 * what all of them need: sentences that are cut, and a memory of what was translated.
 */
#ifndef PIPELINES_TRANSLATOR_H
#define PIPELINES_TRANSLATOR_H

#include "base/status.h"
#include "pipelines/marian.h"
#include "pipelines/translation_cache.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a sentence that an engine gets. */
#define PIPE_SENTENCE_BYTES 240

struct pipe_translation_engine {
    void *state;
    /* A sentence of up to PIPE_SENTENCE_BYTES bytes, none of them NUL, to a NUL-terminated text of
     * less than `room` bytes, cut between two characters if need be. LIMIT when this sentence can't
     * be translated; BUSY while it is being translated elsewhere: ask again; anything else is the
     * engine's own trouble. Must not allocate. */
    enum percept_status (*translate)(void *state, const char *sentence, size_t size, char *to,
                                     size_t room, struct percept_error *error);
    void (*destroy)(void *state);
};

/* Marian's nets with their tokenizer.json and their shortlist, which one of the keys must have
 * signed, if there are keys. INVALID when they do not belong together. */
enum percept_status pipe_engine_marian(const struct pipe_marian_nets *nets, const char *tokenizer,
                                       const char *shortlist, const struct signing_keys *keys,
                                       struct pipe_translation_engine *engine,
                                       struct percept_error *error);

struct pipe_translator;

/*
 * The engine is the translator's from here on, also on failure. One thread at a time may use it.
 * capitals: a text in capitals is translated as if only its sentences' first letters were, and so
 * is written in capitals what comes of it. Engines that learned from prose do not know "EXIT".
 */
enum percept_status pipe_translator_create(const struct pipe_translation_engine *engine,
                                           size_t cache_entries, bool capitals,
                                           struct pipe_translator **translator,
                                           struct percept_error *error);
void pipe_translator_destroy(struct pipe_translator *translator); /* NULL is fine */

/* The translation if it is remembered, else NULL. Valid until the next call. "": it has none. */
const char *pipe_translator_recall(struct pipe_translator *translator, const char *text);

/* The same, translated if need be. A text that the engine can't translate has the translation "",
 * and so has an empty one. Texts of up to PIPE_TRANSLATION_BYTES - 1 bytes are remembered. BUSY as
 * long as the engine is with one of its sentences. */
enum percept_status pipe_translator_translate(struct pipe_translator *translator, const char *text,
                                              const char **translation,
                                              struct percept_error *error);

#endif
