/*
 * What `percept trace` has recorded of a daemon, for the simulator: when frames came, the pieces of
 * computing between two looks at the scheduler, and what came of them.
 */
#ifndef CLI_SIMULATE_REPLAY_H
#define CLI_SIMULATE_REPLAY_H

#include "base/status.h"
#include "scheduler/simulate.h"

#include <stdbool.h>

/* A frame, here and there; times since the first one came, 0: never. */
struct cli_replay_frame {
    int64_t granted_ns[2], done_ns[2]; /* its first slot; recorded, simulated */
};

struct cli_replay_pipeline {
    char *name;
    struct sched_sim_frame *frames;
    struct cli_replay_frame *times; /* of each frame */
    size_t frame_count;
    int64_t worst_ns; /* of a frame, as the daemon knew in the end */
    int64_t lost_ns;  /* of its slots' time, in which its thread did not compute: while it woke up,
                         or  others had the core */
    int64_t computed_ns;
    bool begun; /* simulated: its job has had a slot, */
    int64_t begun_ns;
};

struct cli_replay {
    struct sched_lane lane;
    char lane_name[64];
    size_t count;
    struct cli_replay_pipeline *pipelines;
    int64_t length_ns;
};

/* stolen: a piece takes what it took, with the time in which its thread had the slot and did not
 * run; else, what it computed. IO, MALFORMED: not such a trace. */
enum percept_status cli_replay_load(const char *path, bool stolen, struct cli_replay **replay,
                                    struct percept_error *error);
void cli_replay_free(struct cli_replay *replay); /* NULL is fine */

struct cli_replay_pipeline *cli_replay_find(const struct cli_replay *replay, const char *name);
/* What the simulation did with a pipeline: to be told all its events. */
void cli_replay_event(struct cli_replay_pipeline *pipeline, const struct sched_sim_event *event);

#endif
