/* What a unigram tokenizer is made of: unigram_file.c reads it, unigram.c works with it. */
#ifndef PIPELINES_UNIGRAM_FILE_H
#define PIPELINES_UNIGRAM_FILE_H

#include "base/arena.h"
#include "pipelines/charsmap.h"
#include "pipelines/unigram.h"

#include <stdbool.h>

struct pipe_piece {
    const char *text; /* NUL-terminated, valid UTF-8 */
    double score;     /* log probability */
    uint16_t size;
    bool control; /* stands for no text: </s>, <unk> */
};

struct pipe_sorted_piece {
    const char *text;
    uint32_t size, token;
};

struct pipe_unigram {
    struct base_arena arena;
    struct pipe_charsmap map;
    struct pipe_piece *pieces;        /* by token */
    struct pipe_sorted_piece *sorted; /* those that text can become, by their bytes */
    uint32_t count, sorted_count, unknown;
    double unknown_score;
};

#endif
