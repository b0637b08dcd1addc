/*
 * Recordings of which each moment is in one file, or half of it in each of two: lists of files that
 * are played in step, round after round.
 */
#ifndef PIPELINES_FILE_PAIRS_H
#define PIPELINES_FILE_PAIRS_H

#include "pipelines/file_list.h"
#include "pipelines/video_reader.h"

enum { PIPE_PAIR_MOST = 2 };

struct pipe_file_pairs_options {
    const struct pipe_texts *paths[PIPE_PAIR_MOST]; /* the second may be NULL: there is one list */
    const char *names[PIPE_PAIR_MOST];              /* for messages: "the left eye" */
    size_t max_pixels[PIPE_PAIR_MOST];              /* of a picture */
    int64_t loop;                                   /* rounds; 0: for ever */
    /* Take the next frame of a list's file: pipe_video_next, or what else there is. */
    enum percept_status (*take)(void *context, unsigned list, struct pipe_video *video,
                                int64_t *time_ns, struct percept_error *error);
    void *context;
};

struct pipe_file_pairs;

/* INVALID: the lists differ in length. NOT_FOUND: no such file. */
enum percept_status pipe_file_pairs_create(const struct pipe_file_pairs_options *options,
                                           struct pipe_file_pairs **pairs,
                                           struct percept_error *error);
void pipe_file_pairs_destroy(struct pipe_file_pairs *pairs); /* NULL is fine */

/*
 * Take the next frame of each list. times_ns[i]: within its file. END: that was all; NOT_FOUND:
 * nothing of a round could be read. MALFORMED: these files could not be read on, which is told
 * once; the next call goes on after them.
 */
enum percept_status pipe_file_pairs_next(struct pipe_file_pairs *pairs,
                                         int64_t times_ns[PIPE_PAIR_MOST],
                                         struct percept_error *error);
/* What was taken is of no use: read no more of its files. */
void pipe_file_pairs_reject(struct pipe_file_pairs *pairs);
/* The file that a list's last frame came from. */
const char *pipe_file_pairs_path(const struct pipe_file_pairs *pairs, unsigned list);
/* How many frames of this round went before the last one. */
uint64_t pipe_file_pairs_index(const struct pipe_file_pairs *pairs);

#endif
