/* Where the time of a model goes: a profile of some runs, and the forms in which it is shown. */
#ifndef CLI_MODEL_PROFILE_H
#define CLI_MODEL_PROFILE_H

#include "cli/model.h"

#include <jansson.h>

struct cli_profile {
    struct prt_step_time *times; /* runs * nodes: a run after the other */
    uint32_t runs, nodes;
};

enum percept_status cli_profile_take(struct prt_model *model, uint32_t runs,
                                     struct cli_profile *profile, struct percept_error *error);
void cli_profile_free(struct cli_profile *profile);

/* A row a node in the order of the runs, and a row an operation with a kernel, the longest first:
 * median time of a node's runs, and its share of all nodes' medians. */
json_t *cli_profile_nodes(const struct prt_model *model, const struct cli_profile *profile);
json_t *cli_profile_ops(const struct prt_model *model, const struct cli_profile *profile);

/* JSON trace events, which Perfetto and chrome://tracing read: each run and each node of it. */
enum percept_status cli_profile_trace(const struct prt_model *model,
                                      const struct cli_profile *profile, const char *path,
                                      struct percept_error *error);

/* An ETDump of the profile and of what a run without fusion computed, on the inputs: path and
 * path.buffer, for ExecuTorch's Inspector. */
enum percept_status cli_profile_etdump(const char *file, const struct cli_model *model,
                                       const struct cli_model_settings *settings,
                                       const struct base_option_list *inputs,
                                       const struct cli_profile *profile, const char *path,
                                       struct percept_error *error);

#endif
