/*
 * The right eye's image is rows too low or too high, and a little turned: a camera was knocked, or
 * a calibration is old. Matching looks along rows, so a pixel of that costs it much. It is measured
 * on what is in both images (stereo_check.h), and rectification takes it into account.
 */
#ifndef PIPELINES_STEREO_ALIGN_H
#define PIPELINES_STEREO_ALIGN_H

#include "base/status.h"
#include "base/thread_pool.h"
#include "pipelines/rectify.h"
#include "pipelines/stereo_check.h"

#include <stdbool.h>
#include <stddef.h>

/* Where something is in the image, -1..1 from edge to edge, and by how many rows it is lower in the
 * right eye. */
struct stereo_row_sample {
    float u, v, rows;
};

/* What most samples have in common; wrong ones have no say. False: they are too few, or too much
 * in one place. */
bool stereo_rows_fit(const struct stereo_row_sample *samples, size_t count,
                     struct rectified_rows *rows);

/* The most that rows moves any pixel by. */
float stereo_rows_most(const struct rectified_rows *rows);

struct stereo_aligner;

/* limit: pixels; what is farther off is not corrected but a fault, PERCEPT_DEPTH_MISALIGNED. 0:
 * nothing is corrected. The others as stereo_check_create has them. */
enum percept_status stereo_aligner_create(uint32_t width, uint32_t height, uint32_t disparities,
                                          float limit, struct base_pool *pool,
                                          struct stereo_aligner **aligner,
                                          struct percept_error *error);
void stereo_aligner_destroy(struct stereo_aligner *aligner); /* NULL is fine */

/*
 * Rectify a frame; in every fourth, look whether its eyes belong together, and correct what is off
 * by more than a third of a pixel: at once when that is found, then slowly. result has the flags,
 * PERCEPT_DEPTH_REALIGNED among them; vertical_px is what the eyes are off without correction.
 * Errors are rectifier_run's. Allocates nothing.
 */
enum percept_status stereo_aligner_run(struct stereo_aligner *aligner, struct rectifier *rectifier,
                                       const struct pipe_frame *frame, struct rectified *rectified,
                                       struct stereo_check_result *result,
                                       struct percept_error *error);

#endif
