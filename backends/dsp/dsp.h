/* The backend for remote processors, behind runtime/backend.h: docs/dsp.md. */
#ifndef BACKENDS_DSP_DSP_H
#define BACKENDS_DSP_DSP_H

#include "runtime/backend.h"

extern const struct prt_backend prt_dsp_backend;

#endif
