/*
 * Nets beside semi-global matching: one gives costs beside the census, one improves the map.
 *
 * Costs: inputs left and right, float32 [1, 3, height, width], red, green and blue 0..1; outputs
 * features of each, float32 [1, channels, height, width]. How alike a pixel and its candidate at
 * disparity d are is the product of the left features at x and the right ones at x - d.
 * Features may be of half the size, [1, channels, height / 2, width / 2]: then costs are found
 * there, and enlarged.
 *
 * Refinement: inputs the left image as above, disparity [1, 1, height, width] in pixels, filled,
 * and confidence [1, 1, height, width], 0..1 and 0 where it was filled; outputs both anew,
 * confidence being the probability that the disparity is off by at most a pixel.
 */
#ifndef PIPELINES_STEREO_NET_H
#define PIPELINES_STEREO_NET_H

#include "pipelines/node.h"
#include "pipelines/rectify.h"

struct stereo_net_size {
    uint32_t width, height, disparities; /* as matching has them */
    /* Costs: a share of the census's, and `scale` for each unit by which a candidate is less alike
     * than the best; or than `none`, how alike a pixel is to one that the right eye does not see.
     */
    float share, scale, none;
};

struct stereo_costs;
/* INVALID: the model's tensors are others. pool may be NULL; kept with the model. */
enum percept_status stereo_costs_create(struct pipe_model *model,
                                        const struct stereo_net_size *size, struct base_pool *pool,
                                        struct stereo_costs **costs, struct percept_error *error);
void stereo_costs_destroy(struct stereo_costs *costs); /* NULL is fine */
/* Add to what sgm_census has filled, from a rectifier with colour. Allocates nothing. */
enum percept_status stereo_costs_run(struct stereo_costs *costs, const struct rectifier *rectifier,
                                     uint8_t *out, struct percept_error *error);

/* A model of refinement as it should be? */
enum percept_status stereo_refine_check(struct pipe_model *model,
                                        const struct stereo_net_size *size,
                                        struct percept_error *error);
/* Disparity and confidence in place; confidence as matching gives it, 1 where it was filled. */
enum percept_status stereo_refine_run(struct pipe_model *model, const struct stereo_net_size *size,
                                      const struct rectifier *rectifier, float *disparity,
                                      uint8_t *confidence, struct percept_error *error);

#endif
