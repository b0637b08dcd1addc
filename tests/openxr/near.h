/* Comparisons that say what differs. */
#ifndef TESTS_OPENXR_NEAR_H
#define TESTS_OPENXR_NEAR_H

#include "openxr/pose.h"

#include <check.h>

#define near_vector(a, ...)                                                                     \
    do {                                                                                        \
        XrVector3f a_ = (a), b_ = __VA_ARGS__;                                                  \
        ck_assert_msg(vec_length(vec_sub(a_, b_)) < 2e-3f, #a " is (%f %f %f), not (%f %f %f)", \
                      (double)a_.x, (double)a_.y, (double)a_.z, (double)b_.x, (double)b_.y,     \
                      (double)b_.z);                                                            \
    } while (0)

/* The directions of the axes of a rotation. */
#define near_axes(q, x, y, z)                                  \
    do {                                                       \
        near_vector(quat_rotate(q, (XrVector3f){1, 0, 0}), x); \
        near_vector(quat_rotate(q, (XrVector3f){0, 1, 0}), y); \
        near_vector(quat_rotate(q, (XrVector3f){0, 0, 1}), z); \
    } while (0)

#endif
