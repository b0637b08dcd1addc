/*
 * How far has the picture moved since a detector looked at it? By its profiles: the means of its
 * columns and of its rows, which a camera that turns shifts along.
 */
#ifndef PIPELINES_TEXT_MOTION_H
#define PIPELINES_TEXT_MOTION_H

#include "pipelines/stream.h"

#include <stdbool.h>

#define PIPE_MOTION_BINS 1024 /* of a profile, at most: of larger frames, some pixels a bin */

struct pipe_profile {
    uint32_t bins, pixels;         /* pixels a bin */
    float steps[PIPE_MOTION_BINS]; /* from each mean to the next */
};

struct pipe_profiles {
    struct pipe_profile columns, rows;
};

/* Of green, in one pass. Asks between rows whether to pause (base_pool_pause). */
void pipe_profiles_measure(const struct pipe_frame *frame, struct pipe_profiles *profiles);

/* By how many pixels of the frame `now` shows it further to the right and below than `before`, up
 * to an eighth of its sides. False: they show different things, or too little to tell. */
bool pipe_profiles_shift(const struct pipe_profiles *before, const struct pipe_profiles *now,
                         float shift[2]);

#endif
