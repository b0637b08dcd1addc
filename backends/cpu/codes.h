/*
 * Sums and prelus from 8-bit codes to 8-bit codes, in fixed point.
 */
#ifndef BACKENDS_CPU_CODES_H
#define BACKENDS_CPU_CODES_H

#include "backends/cpu/step.h"

/*
 * Prepare a BINARY or PRELU step in fixed point. *taken tells whether the node is one that can:
 * both sides 8-bit codes of one type in one memory order, operands whose steps are 2^-10 to 2^8 of
 * the result's, a constant slope along the innermost dimension.
 */
enum percept_status cpu_codes_prepare(const struct cpu_prepare *prepare, struct cpu_step *step,
                                      bool *taken);

#endif
