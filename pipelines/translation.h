/* What the nodes that translate share: parameters of one language pair, and how its translator is
 * made of configured models. */
#ifndef PIPELINES_TRANSLATION_H
#define PIPELINES_TRANSLATION_H

#include "pipelines/node.h"
#include "pipelines/translator.h"

struct pipe_translation_params {
    const char *from, *to, *encoder, *decoder, *tokenizer, *shortlist, *apertium;
    int64_t cache;
    bool capitals;
};

/* Rows of a table for the member `pair` of struct `type`. */
#define PIPE_TRANSLATION_ROW(type, kind_, field) \
    .name = #field, .kind = kind_, .offset = offsetof(struct type, pair.field)
#define PIPE_TRANSLATION_PARAMS(type)                                                              \
    {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_TEXT, from), .required = true,                          \
     .help = "language to translate, an ISO 639 code such as en"},                                 \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_TEXT, to), .required = true,                        \
         .help = "language to translate to, likewise"},                                            \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_MODEL, encoder),                                    \
         .help = "a Marian translator's encoder"},                                                 \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_MODEL, decoder), .help = "its decoder"},            \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_PATH, tokenizer), .help = "its tokenizer.json"},    \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_PATH, shortlist), .help = "its lexical shortlist"}, \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_TEXT, apertium),                                    \
         .help = "instead of these four, a mode of Apertium such as eng-spa"},                     \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_INT, cache), .fallback = 256, .min = 64,            \
         .max = 4096, .help = "texts whose translations are remembered"},                          \
    {                                                                                              \
        PIPE_TRANSLATION_ROW(type, PIPE_PARAM_BOOL, capitals),                                     \
            .fallback = 1,                                                                         \
            .help = "text in capitals is translated as if it were not, and its translation put "   \
                    "in capitals"                                                                  \
    }

/* The caller's, zero before it is created, and at one place until it is destroyed. */
struct pipe_translation {
    const struct pipe_translation_params *pair;
    struct pipe_model *models[2]; /* encoder, decoder */
    struct pipe_translator *translator;
};

enum percept_status pipe_translation_create(struct pipe_translation *translation,
                                            const struct pipe_node_setup *setup,
                                            const struct pipe_translation_params *pair,
                                            struct percept_error *error);
void pipe_translation_destroy(struct pipe_translation *translation); /* also after a failure */

/*
 * A text's translation into `room` bytes at `to`, and its language: what is remembered, or, while
 * *left new ones may be made, a new one, which is one less. Else `to` and the language stay. `text`
 * may not be in `to`.
 */
enum percept_status pipe_translation_fill(struct pipe_translation *translation, const char *text,
                                          int64_t *left, char *to, size_t room,
                                          char language[PERCEPT_LANGUAGE_BYTES],
                                          struct percept_error *error);

/* Is a text's language, which may name a country (pt-BR), the pair's? "" is nobody's. */
bool pipe_translation_is_from(const struct pipe_translation_params *pair, const char *language);

#endif
