/*
 * What is done to the images of both eyes before they are compared. Matching decides by which of
 * two pixels is darker, which noise turns over where there is little contrast; and by brightness
 * itself, of which two eyes that are exposed differently make different things.
 */
#ifndef PIPELINES_STEREO_SMOOTH_H
#define PIPELINES_STEREO_SMOOTH_H

#include "base/status.h"
#include "base/thread_pool.h"

#include <stdint.h>

/* Standard deviation of the noise of an image of width * height bytes, by its flattest parts, to a
 * sixth; and mean and deviation of the image. Rounding to bytes alone is 0.3, and is not counted.
 */
struct stereo_noise {
    float noise, mean, contrast;
};
struct stereo_noise stereo_noise_measure(const uint8_t *image, uint32_t width, uint32_t height);

struct stereo_smoother;

/* pool may be NULL; kept as long as the smoother. */
enum percept_status stereo_smoother_create(uint32_t width, uint32_t height, struct base_pool *pool,
                                           struct stereo_smoother **smoother,
                                           struct percept_error *error);
void stereo_smoother_destroy(struct stereo_smoother *smoother); /* NULL is fine */

/* Replace images by ones that the smoother keeps. An eye that is exposed otherwise than the other
 * gets its levels. Noise is taken off both and edges stay as they are: wholly where it is high
 * against contrast, not at all where it is low. Allocates nothing. */
void stereo_smoother_run(struct stereo_smoother *smoother, const uint8_t *images[2]);

#endif
