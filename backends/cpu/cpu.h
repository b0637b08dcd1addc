/*
 * The CPU backend: runs the whole IR in fp32 and int8, and moves and converts every element type.
 *
 * Nothing to set up: the best instruction set that this processor has is chosen when a segment is
 * compiled. The environment variable PERCEPT_CPU_ISA (see isa.h) lowers that choice.
 */
#ifndef BACKENDS_CPU_CPU_H
#define BACKENDS_CPU_CPU_H

#include "runtime/backend.h"

extern const struct prt_backend prt_cpu_backend;

#endif
