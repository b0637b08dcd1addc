/* What was recorded beside what was simulated of it. */
#ifndef CLI_SIMULATE_REPLAY_VIEW_H
#define CLI_SIMULATE_REPLAY_VIEW_H

#include "cli/cli.h"
#include "cli/simulate_replay.h"

/* Of tasks that the trace has all; pairs are [recorded, simulated]. The caller's. */
json_t *cli_replay_json(const struct cli_replay *replay, const struct sched_sim_task *tasks,
                        size_t count);
/* The same as a table. */
void cli_replay_print(const json_t *result);

#endif
