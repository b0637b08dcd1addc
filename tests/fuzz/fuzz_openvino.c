/* What a blob of OpenVINO says about itself. Build with the preset "fuzz"; run: tools/fuzz.sh 60
 * openvino */
#include "backends/openvino/origin.h"
#include "check.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openvino_origin origin;
    struct percept_error error = {0};
    if (fuzz_check(openvino_origin(data, size, &origin, &error), &error) == PERCEPT_OK &&
        strspn(origin.version, "0123456789.") != strlen(origin.version))
        abort();
    return 0;
}
