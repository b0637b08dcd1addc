/*
 * A lexical shortlist: the tokens that the translation of a sentence may have, of the tens of
 * thousands that there are. Marian's binary form (lex.50.50.*.s2t.bin), little-endian: six uint64,
 * which are 0xF11A48D5013417F5, a checksum, how many of the commonest tokens always count, how many
 * tokens count for one of the sentence at most, V + 1, and how many follow in all; V + 1 uint64,
 * where the tokens of each token begin and the last ones end; those tokens, uint32.
 */
#ifndef PIPELINES_SHORTLIST_H
#define PIPELINES_SHORTLIST_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct pipe_shortlist;
struct signing_keys;

/* For a vocabulary of so many tokens. IO, LIMIT; MALFORMED, also for another vocabulary's. With
 * keys, one of them must have signed it. */
enum percept_status pipe_shortlist_open(const char *path, const struct signing_keys *keys,
                                        uint32_t vocabulary, struct pipe_shortlist **shortlist,
                                        struct percept_error *error);
/* The file itself, which is copied; name is for messages. */
enum percept_status pipe_shortlist_open_bytes(const void *bytes, size_t size, const char *name,
                                              uint32_t vocabulary,
                                              struct pipe_shortlist **shortlist,
                                              struct percept_error *error);
void pipe_shortlist_close(struct pipe_shortlist *shortlist); /* NULL is fine */

/* At most how many candidates a sentence of `count` tokens has. */
size_t pipe_shortlist_most(const struct pipe_shortlist *shortlist, size_t count);

/* Candidates for the tokens of a sentence, all below the vocabulary's size, ascending and each
 * once, as far as there is room. One thread at a time; does not allocate. Returns how many. */
size_t pipe_shortlist_choose(struct pipe_shortlist *shortlist, const uint32_t *sentence,
                             size_t count, int64_t *candidates, size_t room);

#endif
