/*
 * Where a camera was while it recorded: a file of poses, which are interpolated to the times of
 * frames. The format is that of the TUM RGB-D benchmark: a line `t x y z qx qy qz qw` for each
 * pose, seconds, metres and the unit quaternion of the rotation from camera to world; times
 * increase; # begins a comment.
 */
#ifndef PIPELINES_POSE_TRACK_H
#define PIPELINES_POSE_TRACK_H

#include "base/status.h"
#include "pipelines/stream.h"

struct pose_track;

/* MALFORMED with file and line; LIMIT: more than a million poses. */
enum percept_status pose_track_read(const char *path, struct pose_track **track,
                                    struct percept_error *error);
void pose_track_destroy(struct pose_track *track); /* NULL is fine */

/* The pose at a time; not known before the first, after the last, and where two are more than a
 * second apart. NULL: never known. */
struct pipe_pose pose_track_at(const struct pose_track *track, double seconds);

/*
 * The pose of a frame of a recording. A file whose name is a number with a point was recorded at
 * so many seconds, its frames in_file_ns after that. Others have no clock: the frame of an index is
 * at index / rate, the first one at 0; without a rate nothing is known.
 */
struct pipe_pose pose_track_of_file(const struct pose_track *track, const char *path,
                                    int64_t in_file_ns, uint64_t index, double rate);

#endif
