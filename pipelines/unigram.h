/*
 * Text to the numbers that a translator takes, and back: SentencePiece's unigram model (T. Kudo,
 * 2018), which cuts a text into the most likely sequence of pieces; read from the tokenizer.json
 * that Hugging Face's `tokenizers` writes.
 *
 * Understood: model Unigram without byte_fallback; normalizers Precompiled, Replace of " {2,}" by
 * " ", and Strip, in this order; pre-tokenizer Metaspace that always prepends and
 * splits. Anything else is
 * refused by name. Where `tokenizers` and SentencePiece differ (`tokenizers` applies a rule of the
 * map to a character together with the marks that follow it), this follows SentencePiece. Immutable
 * after opening: several threads may share one, each with its own struct pipe_unigram_work. Neither
 * encode nor decode allocates.
 */
#ifndef PIPELINES_UNIGRAM_H
#define PIPELINES_UNIGRAM_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define PIPE_UNIGRAM_MAX_BYTES 2048 /* of a text after normalisation */

struct pipe_unigram;
struct signing_keys;

/* What encode computes with; needs no initialisation. */
struct pipe_unigram_work {
    char text[PIPE_UNIGRAM_MAX_BYTES];
    double score[PIPE_UNIGRAM_MAX_BYTES + 1]; /* of the best way to each place */
    uint16_t from[PIPE_UNIGRAM_MAX_BYTES + 1];
    uint32_t token[PIPE_UNIGRAM_MAX_BYTES + 1];
};

/* IO, MALFORMED, UNSUPPORTED, LIMIT: naming the file, and what of it. With keys, one of them must
 * have signed it. */
enum percept_status pipe_unigram_open(const char *path, const struct signing_keys *keys,
                                      struct pipe_unigram **unigram, struct percept_error *error);
/* The JSON itself; name is for messages. */
enum percept_status pipe_unigram_open_text(const char *json, size_t size, const char *name,
                                           struct pipe_unigram **unigram,
                                           struct percept_error *error);
void pipe_unigram_close(struct pipe_unigram *unigram); /* NULL is fine */

/* Tokens are below. */
uint32_t pipe_unigram_size(const struct pipe_unigram *unigram);
/* The token that stands for what no piece does. */
uint32_t pipe_unigram_unknown(const struct pipe_unigram *unigram);
/* The token of a piece; pipe_unigram_size when there is none. */
uint32_t pipe_unigram_find(const struct pipe_unigram *unigram, const char *piece);

/* Any bytes; what is no UTF-8 counts as U+FFFD. Control pieces such as </s> are never made of text.
 * LIMIT when the text is longer than PIPE_UNIGRAM_MAX_BYTES or has more than `room` tokens. */
enum percept_status pipe_unigram_encode(const struct pipe_unigram *unigram,
                                        struct pipe_unigram_work *work, const char *text,
                                        size_t size, uint32_t *tokens, size_t room, size_t *count,
                                        struct percept_error *error);

/* The text of tokens, with a NUL behind it: valid UTF-8, cut between two characters where it is
 * longer than `room` > 0 bytes allow. Control and unknown tokens have none. Returns its bytes. */
size_t pipe_unigram_decode(const struct pipe_unigram *unigram, const uint32_t *tokens, size_t count,
                           char *text, size_t room);

#endif
