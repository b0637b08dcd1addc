/* The frames of any file that libav can decode: video, animations, stills. */
#ifndef PIPELINES_VIDEO_READER_H
#define PIPELINES_VIDEO_READER_H

#include "pipelines/frame.h"

struct pipe_video; /* one thread at a time */

/*
 * Takes over fd, whatever happens. The file is read through it alone: a playlist or header that
 * names other files or addresses gets nothing. MALFORMED: not a video or image.
 */
enum percept_status pipe_video_open(int fd, size_t max_pixels, struct pipe_video **video,
                                    struct percept_error *error);
void pipe_video_close(struct pipe_video *video); /* NULL is fine */

/*
 * The next frame, in the order of presentation. *time_ns is its time from the first frame's.
 * END after the last one; MALFORMED when the file is damaged from here on; LIMIT: too large.
 */
enum percept_status pipe_video_next(struct pipe_video *video, struct pipe_frame *frame,
                                    int64_t *time_ns, struct percept_error *error);

/*
 * The same of a file of depths: 16-bit grey (PNG, PGM, TIFF, lossless video), which becomes
 * frame->raw as it is written there; unit_m and the picture are the caller's. UNSUPPORTED: other
 * pixels, which would be depths of another precision or none.
 */
enum percept_status pipe_video_next_depth(struct pipe_video *video, struct pipe_frame *frame,
                                          int64_t *time_ns, struct percept_error *error);

/* How long a frame lasts as far as is known: what the last one is given when the next file follows.
 */
int64_t pipe_video_frame_ns(const struct pipe_video *video);

#endif
