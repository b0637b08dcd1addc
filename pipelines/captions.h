/* The list that the topic of captions shows: what was said last, and what is being said. */
#ifndef PIPELINES_CAPTIONS_H
#define PIPELINES_CAPTIONS_H

#include "ipc/topics.h"

#include <stddef.h>

struct pipe_captions {
    struct percept_captions list;
    uint64_t ids; /* given so far */
};

/* A caption for another utterance, at the end of the list; the oldest may go for it. Valid until
 * the next one is made. */
struct percept_caption *pipe_captions_add(struct pipe_captions *captions, int64_t begin_ns);
/* The newest, which is not final, goes without a trace. */
void pipe_captions_drop(struct pipe_captions *captions);
/*
 * Another version of the newest one: its text, NUL-terminated UTF-8 of `size` bytes, of which
 * `stable` stay until the final one. A final text that does not fit becomes more captions, which
 * share its time by the length of their texts.
 */
void pipe_captions_say(struct pipe_captions *captions, const char *text, size_t size,
                       size_t stable);
void pipe_captions_finish(struct pipe_captions *captions, const char *text, size_t size,
                          int64_t end_ns);

#endif
