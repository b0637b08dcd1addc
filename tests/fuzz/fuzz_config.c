/* Any bytes as a configuration: an error or a configuration, never a crash, and in little time. */
#include "pipelines/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipe_config *config = NULL;
    struct percept_error error;
    if (pipe_config_parse("fuzz/config.yaml", data, size, &config, &error) == PERCEPT_OK)
        pipe_config_destroy(config);
    return 0;
}
