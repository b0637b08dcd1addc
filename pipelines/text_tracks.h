/*
 * Lines of text followed from frame to frame: what was read once need not be read again, and what
 * was read several times is known better.
 */
#ifndef PIPELINES_TEXT_TRACKS_H
#define PIPELINES_TEXT_TRACKS_H

#include "pipelines/stream.h"
#include "pipelines/text_image.h"
#include "pipelines/text_quad.h"

/* Lines that are followed, those that turned out not to be readable included. */
#define PIPE_TEXT_TRACKS  128
#define PIPE_TEXT_VOTES   4
#define PIPE_LOOK_ROWS    6
#define PIPE_LOOK_COLUMNS 32

/* What a line looks like, before it is read. */
struct pipe_text_glance {
    float height, sharpness; /* in the frame, pixels; pipe_text_sharpness */
    /* Small, of mean 0 and length 1: the product of two says how alike they are, 1 at most. */
    float look[PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS];
};

/* One of the texts that a line was read as. */
struct pipe_text_vote {
    char text[PERCEPT_LINE_BYTES];
    float sum, best; /* of scores */
    unsigned count;
};

struct pipe_text_track {
    uint32_t id;       /* 0: this place is free */
    pipe_quad corners; /* as the detector gave them */
    unsigned turns;    /* quarters by which they are turned to be read */
    float detection_score;
    bool seen; /* in the last frame that the detector looked at */
    int64_t first_ns, seen_ns, read_ns;
    unsigned readings;
    struct pipe_text_glance glance; /* look: when it was read last; the rest: the best so far */
    struct pipe_text_vote votes[PIPE_TEXT_VOTES];
    char language[PERCEPT_LANGUAGE_BYTES];
};

/*
 * Which track each region continues: an index, or -1. Those that overlap most are joined first;
 * then those whose centres are nearer than a line's height and whose sizes are alike, for a hand
 * or head that moves. No track continues in two regions.
 */
void pipe_text_tracks_match(const struct pipe_text_track *tracks,
                            const struct pipe_text_regions *regions, int *track_of);

/* Of the picture's first `used` columns, the line. */
void pipe_text_glance(const struct pipe_picture *picture, uint32_t used, float height,
                      struct pipe_text_glance *glance);
float pipe_text_alike(const struct pipe_text_glance *a, const struct pipe_text_glance *b);

enum pipe_text_verdict {
    PIPE_TEXT_KNOWN,   /* there is nothing new about it */
    PIPE_TEXT_CLEARER, /* larger or sharper than ever by a quarter, or not sure yet: read again */
    PIPE_TEXT_CHANGED, /* it looks different: read again, what was read before counts half */
    PIPE_TEXT_OTHER,   /* it looks nothing like it: another line in the same place */
};

/* Is a track to be read (again), which looks like this now? */
enum pipe_text_verdict pipe_text_judge(const struct pipe_text_track *track,
                                       const struct pipe_text_glance *glance);
/* It was read as it looks. */
void pipe_text_remember(struct pipe_text_track *track, const struct pipe_text_glance *glance);

/* Count a reading. Its text is what most of the scores are for, the newest among equals. */
void pipe_text_vote(struct pipe_text_track *track, const char *text, float score);
/* What was read before counts half from now on. */
void pipe_text_doubt(struct pipe_text_track *track);
/* The winner; NULL before the first vote. */
const struct pipe_text_vote *pipe_text_winner(const struct pipe_text_track *track);

#endif
