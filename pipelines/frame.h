/*
 * Frames, reference-counted and recycled: a camera at 60 Hz must not allocate 60 times a second.
 */
#ifndef PIPELINES_FRAME_H
#define PIPELINES_FRAME_H

#include "base/status.h"
#include "pipelines/stream.h"

struct pipe_frame_pool;

/* A pool of `count` frames without pixels yet. */
enum percept_status pipe_frame_pool_create(unsigned count, struct pipe_frame_pool **pool,
                                           struct percept_error *error);
/* Every frame must have been given back. NULL is fine. */
void pipe_frame_pool_destroy(struct pipe_frame_pool *pool);

/* A free frame with one reference, its pixels undefined; NULL when all are in use. Any thread,
 * never blocks. */
struct pipe_frame *pipe_frame_get(struct pipe_frame_pool *pool);

/* Make room for a size; allocates only when the frame was never that large. Only while the caller
 * holds the one reference. LIMIT for sizes of 0 or more than PIPE_FRAME_MAX_SIDE. */
#define PIPE_FRAME_MAX_SIDE 16384
enum percept_status pipe_frame_resize(struct pipe_frame *frame, uint32_t width, uint32_t height,
                                      struct percept_error *error);

/* Let a frame have a right eye, which is resized like itself. Only while the caller holds the one
 * reference; it is gone with pipe_frame_get. */
struct pipe_frame *pipe_frame_add_right(struct pipe_frame *frame);

/* Make `out` the columns first..first + width of a frame, which has them. */
enum percept_status pipe_frame_take_columns(const struct pipe_frame *from, uint32_t first,
                                            uint32_t width, struct pipe_frame *out,
                                            struct percept_error *error);

/* Let a frame have measured depths of a size, undefined as yet; allocates only when it never had as
 * many. The rest as pipe_frame_add_right. */
enum percept_status pipe_frame_add_depth(struct pipe_frame *frame, uint32_t width, uint32_t height,
                                         struct percept_error *error);
/* Make its depths its picture, near ones bright: for who has no photo beside them. */
enum percept_status pipe_frame_draw_depth(struct pipe_frame *frame, struct percept_error *error);

/* Any thread. The frame returns to its pool with the last reference. */
void pipe_frame_ref(struct pipe_frame *frame);
void pipe_frame_unref(struct pipe_frame *frame); /* NULL is fine */

#endif
