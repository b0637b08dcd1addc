/* percept model verify of a `.bpte` file. */
#ifndef CLI_MODEL_SELFTEST_H
#define CLI_MODEL_SELFTEST_H

#include "cli/model.h"

/* Run the file's test cases; prints and exits as percept model verify does. */
int cli_verify_bundle(const char *path, const struct cli_model_settings *settings, bool json);

#endif
