/* "Did you mean": for a misspelt word, the nearest of those that would have been right. */
#ifndef PIPELINES_SUGGEST_H
#define PIPELINES_SUGGEST_H

#include <stddef.h>

/* Collects candidates one by one; zero but for `word`. */
struct pipe_suggest {
    const char *word;
    const char *best;
    size_t distance;
};

void pipe_suggest_add(struct pipe_suggest *suggest, const char *candidate);

/* "; did you mean 'x'?", or "" when nothing is near. Returns buffer. */
char *pipe_suggest_text(const struct pipe_suggest *suggest, char *buffer, size_t size);

#endif
