/*
 * What is done to a disparity map after matching: outliers out, holes filled, noise averaged over
 * time, made larger along the edges of an image.
 *
 * Maps are width * height, row after row. Confidence 0 is "rejected"; after filling nothing is 0
 * but where a whole map is rejected, and 1 is "filled in".
 */
#ifndef PIPELINES_DISPARITY_H
#define PIPELINES_DISPARITY_H

#include "base/status.h"
#include "base/thread_pool.h"

#include <stdbool.h>
#include <stdint.h>

#define DISPARITY_FILLED 1

struct disparity_mender;

/* For maps of a size. pool may be NULL; kept as long as the mender. */
enum percept_status disparity_mender_create(uint32_t width, uint32_t height, struct base_pool *pool,
                                            struct disparity_mender **mender,
                                            struct percept_error *error);
void disparity_mender_destroy(struct disparity_mender *mender); /* NULL is fine */

/* Reject regions of fewer than `least` pixels whose neighbours are within a pixel of disparity:
 * what matched by chance does so alone. */
void disparity_reject_speckles(struct disparity_mender *mender, const float *disparity,
                               uint8_t *confidence, uint32_t least);

/* Give rejected pixels the disparity of the nearest good one on their row, left or right, whichever
 * is farther away: what one eye does not see lies behind. Rows without a good pixel take those of
 * the nearest row that has one. False: there is none at all. */
bool disparity_fill(struct disparity_mender *mender, float *disparity, uint8_t *confidence);

/* The same, and then each filled pixel agrees with what is around it and looks like it in `gray`,
 * the left image: rows know nothing of each other. So does the edge of what is near beside a gap
 * that it hides. */
bool disparity_fill_alike(struct disparity_mender *mender, const uint8_t *gray, float *disparity,
                          uint8_t *confidence);

/* Median of 3 x 3. */
void disparity_median(struct disparity_mender *mender, float *disparity);

/*
 * Average over time where nothing moved: where neither brightness nor disparity changed by more
 * than noise. `keep` 0..1 is the share of the past; 0 forgets it. gray: brightness of the left
 * image, width * height.
 */
void disparity_settle(struct disparity_mender *mender, float *disparity, const uint8_t *gray,
                      float keep);
/* The next map has no past: the camera has moved, or frames are missing. */
void disparity_forget(struct disparity_mender *mender);

/*
 * A larger map of the same view. Each pixel takes from its four neighbours in the small map those
 * that look like it, and of these only one surface. Disparities are multiplied by the ratio of
 * widths.
 */
struct disparity_image {
    uint32_t width, height;
    const uint8_t *gray;
};
void disparity_enlarge(const struct disparity_image *from, const float *disparity,
                       const uint8_t *confidence, const struct disparity_image *to, float *out,
                       uint8_t *out_confidence, struct base_pool *pool);

#endif
