/*
 * Sums and prelus from 8-bit codes to 8-bit codes, where they fit 16-bit fixed point.
 */
#ifndef BACKENDS_CPU_CODES_H
#define BACKENDS_CPU_CODES_H

#include "backends/cpu/step.h"

/*
 * Prepare a BINARY or PRELU step in fixed point. *taken tells whether the node is one that can:
 * both sides 8-bit codes of one type in one memory order, scales that do not grow more than twofold
 * (four times for a prelu), a constant slope along the innermost dimension.
 */
enum percept_status cpu_codes_prepare(const struct cpu_prepare *prepare, struct cpu_step *step,
                                      bool *taken);

#endif
