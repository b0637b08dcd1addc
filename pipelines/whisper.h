/*
 * Whisper (Radford et al., 2022) as a recogniser of up to 30 s of sound: encoder, greedy decoder,
 * and the rules of what is never said. Given the same weights, the tokens are those of
 * CTranslate2's Whisper.generate with beam_size 1, without timestamps.
 *
 * The nets are the zoo's: an encoder with a method that makes keys and values of its states, and a
 * decoder that takes a token a run and keeps what it has seen.
 */
#ifndef PIPELINES_WHISPER_H
#define PIPELINES_WHISPER_H

#include "pipelines/model.h"
#include "pipelines/tokenizer.h"

#include <stdbool.h>

#define PIPE_WHISPER_TOKENS 224 /* of a text, at most */

struct pipe_whisper; /* one thread at a time */
struct signing_keys;

struct pipe_whisper_options {
    struct pipe_model *encoder, *cross_attention, *decoder; /* must outlive it */
    const char *tokenizer;                                  /* path of the model's tokenizer.json */
    /* Path of the model's config.json as CTranslate2 has it or generation_config.json as Hugging
     * Face has it: what is never said. NULL: nothing but special tokens. */
    const char *config;
    const struct signing_keys *keys; /* one of which must have signed both; NULL: none need */
    const char *language; /* "en"; NULL: find out. Of a model that knows one language: that one */
    bool translate;       /* to English */
};

/* What is wrong with a model, a file or the language is said with its name. */
enum percept_status pipe_whisper_create(const struct pipe_whisper_options *options,
                                        struct pipe_whisper **whisper, struct percept_error *error);
void pipe_whisper_destroy(struct pipe_whisper *whisper); /* NULL is fine */
const struct pipe_tokenizer *pipe_whisper_tokenizer(const struct pipe_whisper *whisper);

/* Where the picture of the sound goes (log_mel.h) before pipe_whisper_listen. */
float *pipe_whisper_picture(struct pipe_whisper *whisper);
/* Look at it: what pipe_whisper_say speaks of from then on. */
enum percept_status pipe_whisper_listen(struct pipe_whisper *whisper, struct percept_error *error);

struct pipe_whisper_text {
    uint32_t tokens[PIPE_WHISPER_TOKENS]; /* no special ones */
    size_t count;
    float score;     /* mean log probability of the tokens and of the end after them */
    float no_speech; /* 0..1, that nobody spoke */
    bool repeats;    /* it began to go round in a circle, and was ended there */
    char language[8];
};

/*
 * The likeliest text, token by token. The first `prefix` tokens of *text are taken as said: it goes
 * on from there. language: of a text that was begun, so that it does not change on the way; NULL:
 * as the options say.
 */
enum percept_status pipe_whisper_say(struct pipe_whisper *whisper, size_t prefix,
                                     const char *language, struct pipe_whisper_text *text,
                                     struct percept_error *error);

/* The bytes of tokens, as far as they fit into `room` > 0 with a NUL behind them: valid UTF-8 but
 * for a character that the last token begins, which is left out. Returns how many. */
size_t pipe_whisper_spell(const struct pipe_whisper *whisper, const uint32_t *tokens, size_t count,
                          char *text, size_t room);

#endif
