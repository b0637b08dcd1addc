/*
 * A Marian translator (models/nets/marian.py): tokens of one sentence in, tokens of its translation
 * out, by greedy search. The encoder runs once a sentence, the decoder once a token, and keeps its
 * state in the model.
 *
 * encoder: int64 [1, n] tokens, float32 [1, n] mask -> float32 [1, n, width] states.
 * decoder: int64 [1, 1] token before, int64 [1] position, float32 [1, n, width] states, float32
 * [1, n] mask, int64 [1, k] candidates -> float32 [1, k] logits of these for the next token.
 *
 * n and k are dynamic. Both nets are compiled for a few sizes when the translator is made, and what
 * a sentence lacks to the next of them is masked. So translating compiles and allocates nothing.
 */
#ifndef PIPELINES_MARIAN_H
#define PIPELINES_MARIAN_H

#include "base/status.h"
#include "pipelines/shortlist.h"
#include "runtime/prt.h"

#define PIPE_MARIAN_MAX_TOKENS 256 /* of a sentence with its end, either way */

struct pipe_marian;

/* The caller's models, which must outlive the translator, and how to run one of them. They may
 * share an arena with each other and with models that do not run during a translation. */
struct pipe_marian_nets {
    struct prt_model *encoder, *decoder;
    enum percept_status (*run)(void *context, struct prt_model *model, struct percept_error *error);
    void *context;
};

struct pipe_marian_tokens {
    uint32_t end;     /* ends a sentence */
    uint32_t unknown; /* is never said */
    uint32_t size;    /* of the vocabulary */
};

/* INVALID when the nets are not as above or do not fit each other. The shortlist, which is of the
 * vocabulary, has to outlive it. Compiles, which takes a while. */
enum percept_status pipe_marian_create(const struct pipe_marian_nets *nets,
                                       const struct pipe_marian_tokens *tokens,
                                       struct pipe_shortlist *shortlist,
                                       struct pipe_marian **marian, struct percept_error *error);
void pipe_marian_destroy(struct pipe_marian *marian); /* NULL is fine */

/* The most tokens of a sentence that it takes, without its end. */
size_t pipe_marian_most(const struct pipe_marian *marian);

/* `count` tokens without the end, at most pipe_marian_most of them, to at most `room` ones without
 * the end: *made. A translation also ends when it is three times as long as the sentence, and a
 * little: then it goes round in a circle. */
enum percept_status pipe_marian_translate(struct pipe_marian *marian, const uint32_t *sentence,
                                          size_t count, uint32_t *translation, size_t room,
                                          size_t *made, struct percept_error *error);

#endif
