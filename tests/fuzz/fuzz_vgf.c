/* A VGF file. Build with the preset "fuzz"; run: tools/fuzz.sh 60 vgf */
#include "check.h"
#include "runtime/vgf.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that a driver would be handed is there to be read. */
static unsigned sum_up(const struct prt_vgf *vgf)
{
    unsigned sum = 0;
    for (uint32_t i = 0; i < vgf->constant_count; i++) {
        const struct prt_vgf_constant *constant = &vgf->constants[i];
        const uint8_t *bytes = constant->data;
        size_t size = vgf->resources[constant->resource].bytes;
        sum += bytes[0] + bytes[size - 1];
    }
    for (uint32_t i = 0; i < vgf->segment_count; i++) {
        const struct prt_vgf_segment *segment = &vgf->segments[i];
        const struct prt_vgf_module *module = &vgf->modules[segment->module];
        sum += module->words[module->word_count - 1] + (unsigned)module->entry[0];
        for (uint32_t k = 0; k < segment->binding_count; k++)
            sum += (unsigned)vgf->resources[segment->bindings[k].resource].bytes;
        for (uint32_t k = 0; k < segment->constant_count; k++)
            sum += vgf->constants[segment->constants[k]].resource;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prt_vgf vgf = {0};
    struct percept_error error = {0};
    if (fuzz_check(prt_vgf_parse(&vgf, data, size, &error), &error) == PERCEPT_OK) {
        volatile unsigned sum = sum_up(&vgf);
        (void)sum;
    }
    prt_vgf_reset(&vgf);
    return 0;
}
