/* Any bytes as a stereo calibration: an error, or one that can be rectified or not, and pixels that
 * are somewhere. */
#include "pipelines/calibration.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calibration calibration;
    struct percept_error error;
    char *bytes = malloc(size + 1);
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    if (calibration_parse("fuzz.yml", bytes, size, &calibration, &error) == PERCEPT_OK &&
        calibration_rectify(&calibration, &error) == PERCEPT_OK)
        for (unsigned eye = 0; eye < 2; eye++) {
            double at[2];
            calibration_find(&calibration, eye, 3, 4, at);
        }
    free(bytes);
    return 0;
}
