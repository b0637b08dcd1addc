/* The programs that the firmware holds. It believes nothing that the host wrote: a program is
 * copied into memory that the host does not see, and each of its steps is checked there. */
#ifndef BACKENDS_DSP_FIRMWARE_PROGRAMS_H
#define BACKENDS_DSP_FIRMWARE_PROGRAMS_H

#include "backends/dsp/step.h"

enum { DSP_PROGRAMS = 1024 };

struct dsp_loaded; /* a program and its tiles */

struct dsp_processor {
    unsigned char *shared, *local; /* memory of both; its own, 16-byte aligned */
    size_t shared_bytes, local_bytes;
    struct dsp_loaded *programs[DSP_PROGRAMS];
};

/* Each returns NULL, or what is wrong (static text). */
const char *dsp_load_program(struct dsp_processor *processor, uint64_t offset, uint64_t bytes,
                             uint64_t *handle);
const char *dsp_run_program(struct dsp_processor *processor, uint64_t handle);
const char *dsp_unload_program(struct dsp_processor *processor, uint64_t handle);
void dsp_unload_all(struct dsp_processor *processor);

#endif
