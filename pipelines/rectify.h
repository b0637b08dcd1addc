/*
 * Both eyes of a stereo frame as matching wants them: of one size, without distortion, what is at
 * one point of space on one row. How each pixel moves is computed once.
 */
#ifndef PIPELINES_RECTIFY_H
#define PIPELINES_RECTIFY_H

#include "base/thread_pool.h"
#include "pipelines/calibration.h"
#include "pipelines/stream.h"

struct rectifier;

/* What the rectified images are, in pixels as ipc/topics.h has them. */
struct rectified {
    double fx, fy, cx, cy;
    double shift;      /* disparity of what is infinitely far */
    double baseline;   /* in the calibration's units */
    double turn[3][3]; /* of a point from the left camera to the rectified one */
};

/* By how many rows what the right eye sees is lower than where it should be: in the middle, and
 * what is added from there to the right edge and to the lower one. Pixels of the rectified image.
 */
struct rectified_rows {
    float middle, across, down;
};

/*
 * For images of width * height, which show all of the calibrated ones, stretched where proportions
 * differ. calibration NULL: frames are as they should be but for their size. pool may be NULL;
 * kept as long as the rectifier.
 */
struct rectifier_options {
    const struct calibration *calibration;
    uint32_t width, height;
    unsigned eyes; /* 1: the left one alone */
    bool colour;   /* keep red, green and blue, too */
};
enum percept_status rectifier_create(const struct rectifier_options *options,
                                     struct base_pool *pool, struct rectifier **rectifier,
                                     struct percept_error *error);
void rectifier_destroy(struct rectifier *rectifier); /* NULL is fine */

/*
 * Rectify both eyes, which have one size. INVALID: frames of other proportions than those that the
 * calibration was made with; or of a part of the sensor's image, where there is distortion to be
 * undone. Allocates nothing.
 */
enum percept_status rectifier_run(struct rectifier *rectifier, const struct pipe_frame *frame,
                                  struct rectified *rectified, struct percept_error *error);

/* From the next run on, the right eye's image is that much higher, by what each pixel looks at:
 * nothing is interpolated twice. */
void rectifier_move_rows(struct rectifier *rectifier, const struct rectified_rows *rows);

/* Brightness of an eye (0 left, 1 right), width * height; black where it shows nothing. */
const uint8_t *rectifier_gray(const struct rectifier *rectifier, unsigned eye);
/* Red, green or blue; only with colour. */
const uint8_t *rectifier_plane(const struct rectifier *rectifier, unsigned eye, unsigned channel);
/* Set confidence 0 where the left camera shows nothing of the rectified image. */
void rectifier_blank(const struct rectifier *rectifier, uint8_t *confidence);

#endif
