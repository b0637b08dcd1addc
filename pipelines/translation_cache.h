/* Translations of the last few texts. What was used longest ago makes room. All memory is taken
 * when the cache is made. One thread at a time. */
#ifndef PIPELINES_TRANSLATION_CACHE_H
#define PIPELINES_TRANSLATION_CACHE_H

#include <stddef.h>

#define PIPE_TRANSLATION_BYTES 512 /* of a text, and of a translation, each with its NUL */

struct pipe_translation_cache;

/* NULL when out of memory; 1 <= entries <= 65536. */
struct pipe_translation_cache *pipe_translation_cache_create(size_t entries);
void pipe_translation_cache_destroy(struct pipe_translation_cache *cache); /* NULL is fine */

/* Valid until the next put; NULL: not there. A use. Text is NUL-terminated. */
const char *pipe_translation_cache_get(struct pipe_translation_cache *cache, const char *text);
/* The same text again takes the old one's place. Texts that do not fit are not kept. */
void pipe_translation_cache_put(struct pipe_translation_cache *cache, const char *text,
                                const char *translation);

#endif
