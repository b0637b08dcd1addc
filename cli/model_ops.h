/* What a selective build of the runtime needs to run programs: cmake/Selection.cmake. */
#ifndef CLI_MODEL_OPS_H
#define CLI_MODEL_OPS_H

#include "cli/model.h"

/* Print it for all methods of all these files, a word a line; an exit code. */
int cli_model_print_ops(const char *const *paths, size_t count,
                        const struct base_option_list *data);

#endif
