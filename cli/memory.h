/* How much memory the process has resident, as the kernel counts it (proc(5), status). */
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

#include <stdint.h>

/* Bytes now; 0 when /proc does not say. */
int64_t cli_memory_now(void);
/* The most since cli_memory_restart, or since the process began where the kernel does not offer
 * that. */
int64_t cli_memory_peak(void);
void cli_memory_restart(void);

#endif
