/*
 * Text to the numbers that a language model takes, and back: byte-level BPE, read from the
 * tokenizer.json that Hugging Face's `tokenizers` writes.
 *
 * Understood: model BPE; pre-tokenizers ByteLevel, Digits, Split by the pattern of GPT-2 or of
 * Llama 3, and sequences of these; added tokens; no normalizer, or NFC (text is taken as it is, so
 * bring it in NFC). Anything else is refused by name. What a post-processor would add (a token at
 * the beginning) is the caller's. Immutable after opening: several threads may share one.
 */
#ifndef PIPELINES_TOKENIZER_H
#define PIPELINES_TOKENIZER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pipe_tokenizer;
struct signing_keys;

/* With keys, one of them must have signed it. */
enum percept_status pipe_tokenizer_open(const char *path, const struct signing_keys *keys,
                                        struct pipe_tokenizer **tokenizer,
                                        struct percept_error *error);
/* The JSON itself; name is for messages. */
enum percept_status pipe_tokenizer_open_text(const char *text, size_t size, const char *name,
                                             struct pipe_tokenizer **tokenizer,
                                             struct percept_error *error);
void pipe_tokenizer_close(struct pipe_tokenizer *tokenizer); /* NULL is fine */

/* One more than the largest number. */
uint32_t pipe_tokenizer_size(const struct pipe_tokenizer *tokenizer);

/* Any bytes of any length; *tokens is malloc'ed. Added tokens in the text are taken as such. */
enum percept_status pipe_tokenizer_encode(const struct pipe_tokenizer *tokenizer, const char *text,
                                          size_t size, uint32_t **tokens, size_t *count,
                                          struct percept_error *error);

/* The number of an added token ("<|endoftext|>"); PIPE_NO_TOKEN: there is none. */
#define PIPE_NO_TOKEN UINT32_MAX
uint32_t pipe_tokenizer_find(const struct pipe_tokenizer *tokenizer, const char *text);

/* The bytes that a token stands for, which may be a part of a character; 0 bytes for a number that
 * is none. Special tokens have their name. */
const char *pipe_tokenizer_text(const struct pipe_tokenizer *tokenizer, uint32_t token,
                                size_t *size, bool *special);

#endif
