/* A TOSA blob. Build with the preset "fuzz"; run: tools/fuzz.sh 60 tosa */
#include "delegate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_delegate("TOSABackend", data, size);
    return 0;
}
