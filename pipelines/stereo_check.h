/*
 * Do two rectified eyes belong together? Some places with texture are looked for in the other eye's
 * image in all directions, while matching only ever looks along the row: so it would find something
 * even where nothing is as it should be.
 */
#ifndef PIPELINES_STEREO_CHECK_H
#define PIPELINES_STEREO_CHECK_H

#include "base/status.h"
#include "base/thread_pool.h"
#include "pipelines/rectify.h"

#include <stdbool.h>
#include <stdint.h>

struct stereo_check;

struct stereo_check_result {
    uint32_t flags;    /* of enum percept_depth_flags: COVERED, SWAPPED, MISALIGNED, NO_TEXTURE,
                          SAME_VIEW, UNMATCHED */
    float vertical_px; /* median distance of matches from their row */
    uint32_t textured, matched; /* places */
    bool fitted;                /* there are places enough to say this: */
    struct rectified_rows rows; /* by which the right eye's image is too low */
};

/* For images of width * height, one byte a pixel; disparities as matching has them. pool may be
 * NULL; kept as long as the check. */
enum percept_status stereo_check_create(uint32_t width, uint32_t height, uint32_t disparities,
                                        struct base_pool *pool, struct stereo_check **check,
                                        struct percept_error *error);
void stereo_check_destroy(struct stereo_check *check); /* NULL is fine */

/* Allocates nothing. */
void stereo_check_run(struct stereo_check *check, const uint8_t *left, const uint8_t *right,
                      struct stereo_check_result *result);

#endif
