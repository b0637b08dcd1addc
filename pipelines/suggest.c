/* Why: a wrong key is nearly always a typing mistake, and the machine can see which. */
#include "pipelines/suggest.h"

#include <stdio.h>
#include <string.h>

#define MAX_WORD 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance with swaps of neighbours (optimal string alignment), three rows at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][MAX_WORD + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > MAX_WORD || b_length > MAX_WORD)
        return MAX_WORD;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(up[j - 1] + (a[i - 1] != b[j - 1]), least(up[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], up2[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

void pipe_suggest_add(struct pipe_suggest *suggest, const char *candidate)
{
    size_t distance = edit_distance(suggest->word, candidate);
    /* Up to a third of the word may be wrong; beyond that it is another word. */
    size_t length = strlen(candidate);
    if (distance > (length < 6 ? 2 : length / 3) || distance >= length)
        return;
    if (!suggest->best || distance < suggest->distance) {
        suggest->best = candidate;
        suggest->distance = distance;
    }
}

char *pipe_suggest_text(const struct pipe_suggest *suggest, char *buffer, size_t size)
{
    if (suggest->best)
        snprintf(buffer, size, "; did you mean '%s'?", suggest->best);
    else
        buffer[0] = '\0';
    return buffer;
}
