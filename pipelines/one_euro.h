/*
 * The One Euro filter: steady when its input rests, quick when it moves. G. Casiez, N. Roussel,
 * D. Vogel: "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
 * Systems", CHI 2012.
 */
#ifndef PIPELINES_ONE_EURO_H
#define PIPELINES_ONE_EURO_H

#include <stdbool.h>

struct pipe_one_euro_params {
    float min_cutoff;        /* Hz, at rest */
    float beta;              /* Hz more for each unit of speed a second */
    float derivative_cutoff; /* Hz, of the speed's own filter */
};

struct pipe_one_euro {
    float value, speed; /* filtered */
    bool started;
};

/*
 * The filtered value. seconds since the last one, > 0. scale: what a length of 1 is to the filter
 * (a hand's size, so that near and far hands are filtered alike).
 */
float pipe_one_euro_step(struct pipe_one_euro *filter, const struct pipe_one_euro_params *params,
                         float value, float seconds, float scale);

#endif
