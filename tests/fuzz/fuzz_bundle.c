/* A `.bpte` file: opened, and every byte of its test cases read. */
#include "base/checked.h"
#include "check.h"
#include "runtime/bundle.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum_of(const struct prt_bundle_value *values, uint32_t count)
{
    unsigned sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t bytes;
        if (values[i].kind != PRT_VALUE_TENSOR)
            continue;
        if (!prt_tensor_bytes(&values[i].tensor.spec, &bytes))
            abort();
        for (size_t b = 0; b < bytes; b++)
            sum += ((const uint8_t *)values[i].tensor.data)[b];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prt_bundle *bundle = NULL;
    struct percept_error error = {0};
    if (fuzz_check(prt_bundle_open_buffer(data, size, "fuzz", &bundle, &error), &error) !=
        PERCEPT_OK)
        return 0;
    unsigned sum = 0;
    for (size_t i = 0; i < prt_bundle_case_count(bundle); i++) {
        const struct prt_bundle_case *test = prt_bundle_case(bundle, i);
        sum += sum_of(test->inputs, test->input_count);
        sum += sum_of(test->outputs, test->output_count);
    }
    if (sum == UINT32_MAX)
        free(malloc(1)); /* so that the sum is needed */
    prt_bundle_close(bundle);
    return 0;
}
