/*
 * The inner loops of semi-global matching, compiled once for each instruction set
 * (sgm_kernels.inc): plain loops over bytes that the compiler makes vectors of.
 */
#ifndef PIPELINES_SGM_KERNELS_H
#define PIPELINES_SGM_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Path costs of pixels lie SGM_GUARD bytes apart, filled with SGM_NEVER: larger than any path cost
 * that could be taken from a neighbour, and small enough to have a penalty added. */
#define SGM_GUARD 32
#define SGM_NEVER 210

/* Cost of a candidate that the right eye's image does not show: more than a good match, less than a
 * bad one, so that a surface that leaves the image goes on as it was. */
#define SGM_OUTSIDE 20

#define SGM_CENSUS_X 4 /* neighbours on either side */
#define SGM_CENSUS_Y 3

struct sgm_census {
    const uint8_t *rows[2 * SGM_CENSUS_Y + 1]; /* SGM_CENSUS_X readable pixels on either side */
    size_t width;
    uint8_t *planes; /* SGM_PLANES rows of 8 bits a pixel, pitch bytes apart */
    size_t pitch;
};
#define SGM_PLANES 8

struct sgm_match {
    /* Planes of the census, then brightness; the left's width bytes apart, the right's width +
     * disparities. On the right from the last pixel to the first: so a pixel's candidates lie in
     * the order of disparity. */
    const uint8_t *left, *right;
    size_t width, disparities;
    uint8_t outside; /* the cost of candidates beyond the right image */
    uint8_t *costs;  /* width * disparities */
};

/* Costs by the likeness of features, added to a share of those that are there: of a pixel, how much
 * less alike a candidate is than the best one, or than `none`, which is how alike a pixel is to one
 * that the right eye does not see. */
struct sgm_features {
    const float *left; /* of the row; channels left_pitch apart */
    size_t left_pitch;
    const float *right; /* reversed as sgm_match.right; channels width + disparities apart */
    size_t channels, width, disparities;
    float share, scale, none;
    uint8_t most;   /* the largest cost */
    float *sums;    /* disparities of scratch */
    uint8_t *costs; /* width * disparities: in and out */
};

/*
 * A row without noise: each pixel becomes a mean of those around it whose surroundings look the
 * same (non-local means, Buades 2005). What looks like nothing near it, an edge or fine grain,
 * stays as it is.
 */
#define SGM_PATCH   2 /* pixels on either side that must look the same */
#define SGM_SEARCH  5 /* on either side where they are looked for */
#define SGM_DENOISE (SGM_PATCH + SGM_SEARCH)

struct sgm_denoise {
    const uint8_t *image; /* its first pixel; SGM_DENOISE readable ones on all sides of the row */
    size_t pitch, width;
    /* Sums of differences over a patch: up to `same` it has a full say, from `other` on none. */
    float same, other;
    uint16_t *columns;    /* width + 2 * SGM_PATCH of scratch */
    float *sums, *shares; /* width of scratch each */
    float gain, offset;   /* of what comes out: a mean is finer than bytes are */
    uint8_t *out;
};

/* Paths that come from the row before, at x - 1, x and x + 1, and from the pixel before. */
#define SGM_ABOVE 3
#define SGM_PATHS 4

struct sgm_sweep {
    const uint8_t *costs; /* width * disparities */
    size_t width, disparities;
    bool backward; /* the pixel before is at x + 1 */
    /* Of each path and pixel: penalty of a change by more than one. */
    const uint8_t *large_step[SGM_PATHS];
    uint8_t small_step;
    /* Path costs of pixel 0, pixels being disparities + SGM_GUARD apart; one pixel of zeros before
     * and one after. */
    const uint8_t *above[SGM_ABOVE];
    uint8_t *now[SGM_ABOVE];
    uint8_t *side[2]; /* of one pixel each, in turns; zeros to begin with */
    uint16_t *sums;   /* width * disparities */
};

struct sgm_pick {
    const uint16_t *sums[2]; /* width * disparities */
    size_t width, disparities;
    uint32_t uniqueness;
    uint16_t *total;           /* disparities + 2 of scratch */
    uint16_t *right_cost;      /* width + disparities of scratch */
    uint16_t *right_disparity; /* the same */
    uint16_t *best;            /* width of scratch */
    float *disparity;          /* width */
    uint8_t *confidence;       /* width */
};

struct sgm_kernels {
    void (*denoise)(const struct sgm_denoise *denoise);
    void (*census)(const struct sgm_census *census);
    void (*match)(const struct sgm_match *match);
    void (*features)(const struct sgm_features *features);
    void (*sweep)(const struct sgm_sweep *sweep);
    void (*pick)(const struct sgm_pick *pick);
};

/* Those for the processor that we run on. */
const struct sgm_kernels *sgm_kernels_here(void);

extern const struct sgm_kernels sgm_kernels_plain;
#ifdef __x86_64__
extern const struct sgm_kernels sgm_kernels_avx2;
#endif

#endif
