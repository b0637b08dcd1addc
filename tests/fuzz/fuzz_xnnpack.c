/* An XNNPACK blob. Build with the preset "fuzz"; run: tools/fuzz.sh 60 xnnpack */
#include "delegate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_delegate("XnnpackBackend", data, size);
    return 0;
}
