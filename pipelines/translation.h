/* What the nodes that translate share: parameters of one language pair, and how its translator is
 * made of configured models. */
#ifndef PIPELINES_TRANSLATION_H
#define PIPELINES_TRANSLATION_H

#include "pipelines/node.h"
#include "pipelines/translator.h"

struct pipe_translation_params {
    const char *from, *to, *encoder, *decoder, *tokenizer, *shortlist;
    int64_t cache;
    bool capitals;
};

/* Rows of a table for the member `pair` of struct `type`. */
#define PIPE_TRANSLATION_ROW(type, kind_, field) \
    .name = #field, .kind = kind_, .offset = offsetof(struct type, pair.field)
#define PIPE_TRANSLATION_PARAMS(type)                                                            \
    {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_TEXT, from), .required = true,                        \
     .help = "language to translate, an ISO 639 code such as en"},                               \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_TEXT, to), .required = true,                      \
         .help = "language to translate to, likewise"},                                          \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_MODEL, encoder), .required = true,                \
         .help = "a Marian translator's encoder"},                                               \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_MODEL, decoder), .required = true,                \
         .help = "its decoder"},                                                                 \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_PATH, tokenizer), .required = true,               \
         .help = "its tokenizer.json"},                                                          \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_PATH, shortlist), .required = true,               \
         .help = "its lexical shortlist"},                                                       \
        {PIPE_TRANSLATION_ROW(type, PIPE_PARAM_INT, cache), .fallback = 256, .min = 64,          \
         .max = 4096, .help = "texts whose translations are remembered"},                        \
    {                                                                                            \
        PIPE_TRANSLATION_ROW(type, PIPE_PARAM_BOOL, capitals),                                   \
            .fallback = 1,                                                                       \
            .help = "text in capitals is translated as if it were not, and its translation put " \
                    "in capitals"                                                                \
    }

/* What nets run for; at one place as long as the translator. */
struct pipe_translation_nets {
    struct pipe_model *models[2]; /* encoder, decoder */
};

enum percept_status pipe_translation_create(const struct pipe_node_setup *setup,
                                            const struct pipe_translation_params *pair,
                                            struct pipe_translation_nets *nets,
                                            struct pipe_translator **translator,
                                            struct percept_error *error);

/* Is a text's language, which may name a country (pt-BR), the pair's? "" is nobody's. */
bool pipe_translation_is_from(const struct pipe_translation_params *pair, const char *language);

#endif
