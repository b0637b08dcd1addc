/* The files that a source plays, and how it is told to. */
#ifndef PIPELINES_FILE_LIST_H
#define PIPELINES_FILE_LIST_H

#include "base/status.h"
#include "pipelines/param.h"

struct pipe_file {
    char *path;
    bool bad;  /* gives nothing: was reported once, not tried again */
    bool told; /* damaged after some of it: was reported once, ends there without a word now */
};

struct pipe_file_list {
    struct pipe_file *items;
    size_t count;
};

/* Files, folders (their files by name) and globs, in sequence. NOT_FOUND when that is none. On
 * failure the list is to be freed, too. */
enum percept_status pipe_file_list_fill(struct pipe_file_list *list, const struct pipe_texts *paths,
                                        struct percept_error *error);
void pipe_file_list_free(struct pipe_file_list *list); /* one that is all zero is fine */

/* How pictures are played. */
struct pipe_play_params {
    double rate;
    int64_t loop, max_pixels;
};

/* Rows of a table for the member `play` of struct `type`; image: what help calls one. */
#define PIPE_PLAY_ROW(type, kind_, field) \
    .name = #field, .kind = kind_, .offset = offsetof(struct type, play.field)
#define PIPE_PLAY_PARAMS(type, image, rate_fallback, when_0)                                 \
    {PIPE_PLAY_ROW(type, PIPE_PARAM_NUMBER, rate), .fallback = (rate_fallback), .max = 1000, \
     .help = "frames per second; 0: " when_0},                                               \
        {PIPE_PLAY_ROW(type, PIPE_PARAM_INT, loop), .fallback = 1, .max = 1000000000,        \
         .help = "how many times all of it is played; 0: for ever"},                         \
    {                                                                                        \
        PIPE_PLAY_ROW(type, PIPE_PARAM_INT, max_pixels),                                     \
            .fallback = 1920 * 1080, .min = 1, .max = 1 << 28,                               \
            .help = "largest width * height of " image " that is taken"                      \
    }

#endif
