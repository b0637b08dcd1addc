/*
 * Disparity by semi-global matching (Hirschmüller, 2008): a cost for each pixel and disparity,
 * summed along eight paths that pay for each change of disparity.
 *
 * Images are brightness, 8 bits, `width` bytes a row, rectified: what is at (x, y) on the left is
 * at (x - d, y) on the right, 0 <= d < disparities. Costs come from the images by the census
 * transform, or from outside, as from a net that compares what it has learned to see.
 */
#ifndef PIPELINES_SGM_H
#define PIPELINES_SGM_H

#include "base/status.h"
#include "base/thread_pool.h"

#include <stdbool.h>
#include <stdint.h>

#define SGM_MAX_SIDE        2048
#define SGM_MAX_DISPARITIES 256
#define SGM_MAX_COST        100 /* of one pixel and disparity */

struct sgm_options {
    uint32_t width, height;
    uint32_t disparities; /* a multiple of 32, up to SGM_MAX_DISPARITIES */
    uint32_t small_step;  /* penalty of a change by one disparity, 1..40 */
    uint32_t large_step;  /* by more, where brightness does not change; to small_step + 1..100 */
    uint32_t uniqueness;  /* per cent by which the best must beat all others but its neighbours */
};

struct sgm;

/* INVALID for options out of range. pool may be NULL; kept as long as the matcher. */
enum percept_status sgm_create(const struct sgm_options *options, struct base_pool *pool,
                               struct sgm **sgm, struct percept_error *error);
void sgm_destroy(struct sgm *sgm); /* NULL is fine */

/* Where costs from outside go: [height][width][disparities], up to SGM_MAX_COST. */
uint8_t *sgm_costs(struct sgm *sgm);
/* Fill them by the census transform: how many of 62 neighbours in 9 x 7 are darker on one side
 * only, and a little of the difference in brightness. */
void sgm_census(struct sgm *sgm, const uint8_t *left, const uint8_t *right);

/*
 * From costs to disparities. `left` is where the paths see edges. disparity[y * width + x] is in
 * pixels, subpixel; confidence 0: rejected (not unique, or left and right do not agree; disparity
 * is then the best guess), else 1..255. Allocates nothing.
 */
void sgm_run(struct sgm *sgm, const uint8_t *left, float *disparity, uint8_t *confidence);

#endif
