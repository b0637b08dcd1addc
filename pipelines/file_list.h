/* The files that a source plays. */
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

#endif
