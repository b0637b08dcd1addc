/*
 * SentencePiece's "precompiled" normaliser: rules "these characters become those", most of them of
 * NFKC, in the form that a tokenizer.json carries them in (precompiled_charsmap, base64).
 *
 * The form: a little-endian uint32 that says how many bytes the trie takes; the trie, a double
 * array (J. Aoe, 1989) of uint32 as Darts-clone lays it out; then the texts, each with its NUL.
 */
#ifndef PIPELINES_CHARSMAP_H
#define PIPELINES_CHARSMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: no rules. */
struct pipe_charsmap {
    const unsigned char *units; /* of the trie, 4 bytes each */
    size_t unit_count;
    const char *texts;
    size_t text_bytes;
};

/* The bytes stay the caller's, and have to outlive the map. false: they are not such a map. */
bool pipe_charsmap_open(struct pipe_charsmap *map, const void *bytes, size_t size);

/* The longest rule for what text begins with: how many bytes it takes (0: there is none) and what
 * they become. */
size_t pipe_charsmap_match(const struct pipe_charsmap *map, const char *text, size_t size,
                           const char **to, size_t *to_size);

#endif
