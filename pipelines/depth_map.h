/* The memory of a stream of depth, and how it becomes a topic. */
#ifndef PIPELINES_DEPTH_MAP_H
#define PIPELINES_DEPTH_MAP_H

#include "base/thread_pool.h"
#include "pipelines/param.h"
#include "pipelines/stream.h"

#define PIPE_DEPTH_MAX_SIDE 4096

/* Bytes of the maps of a size, or of fewer pixels; up to PIPE_DEPTH_MAX_SIDE a side. For a node's
 * output_bytes. */
size_t pipe_depth_bytes(uint32_t width, uint32_t height);
/* Both sides of a topic's map or neither (0), and a fixed pose that is one: what every node of
 * depth takes. INVALID says which is not. */
enum percept_status pipe_depth_check(int64_t out_width, int64_t out_height,
                                     const struct pipe_numbers *pose, struct percept_error *error);
/* A fixed pose of 7 numbers (x y z, qx qy qz qw) where there is one, else the frame's. */
void pipe_depth_set_pose(struct pipe_depth *out, const struct pipe_numbers *fixed,
                         const struct pipe_pose *of_frame);
/* A rectified camera is the camera turned: turn is of a point from that to this. Make the pose, if
 * there is one, that of the rectified. */
void pipe_depth_turn_pose(struct pipe_depth *out, const double turn[3][3]);
/* Set the size and where the maps are: in the room behind an output. */
void pipe_depth_place(struct pipe_depth *out, uint32_t width, uint32_t height);

/* As pipe_publisher_write: the payload of a topic (struct percept_depth). */
size_t pipe_depth_write(void *slot, size_t max_bytes, const struct pipe_depth *depth,
                        int64_t model_ns, struct base_pool *pool);

/* Names of flags, as messages say them: "the left eye is covered"; NULL past the last. bit is
 * counted from 0. */
const char *pipe_depth_flag_text(unsigned bit);

#endif
