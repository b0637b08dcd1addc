/* A model that runs only to find out how long it takes. Private to the runtime. */
#ifndef RUNTIME_PLACEMENT_TRIAL_H
#define RUNTIME_PLACEMENT_TRIAL_H

#include "runtime/executor/model.h"

/* Give the inputs contents that are the same each time. */
void prt_trial_fill(struct prt_model *model);

/* Median of some runs after one that does not count; fewer when until_ns passes, but one.
 * UNSUPPORTED when a backend was given up, or when the data asked for another graph. */
enum percept_status prt_trial_time(struct prt_model *model, int64_t until_ns, int64_t *ns,
                                   struct percept_error *error);

/* The least time of each node of the graph, 0 for those that do not run. Ends as prt_trial_time. */
enum percept_status prt_trial_time_nodes(struct prt_model *model, int64_t until_ns, int64_t *ns,
                                         struct percept_error *error);

/* Have the nodes run on these backends, one a node; those without work are left out. */
enum percept_status prt_trial_move(struct prt_model *model,
                                   const struct prt_backend *const *backends,
                                   struct percept_error *error);

#endif
