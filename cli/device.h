/* A device that pipelines are planned for: processors, and what a frame of each pipeline costs
 * there. docs/scheduling.md has the format. */
#ifndef CLI_DEVICE_H
#define CLI_DEVICE_H

#include "scheduler/simulate.h"

struct cli_device;

/* Fills lanes, segments, cost and pace of the settings. */
enum percept_status cli_device_load(const char *path, struct cli_device **device,
                                    struct sched_sim_settings *settings,
                                    struct percept_error *error);
void cli_device_free(struct cli_device *device); /* NULL is fine */

/* The costs of a pipeline, by its name, for each of its steps. NOT_FOUND. */
enum percept_status cli_device_costs(const struct cli_device *device, struct sched_task *task,
                                     struct percept_error *error);

#endif
