/* Commands that end in good order on Ctrl-C (or SIGTERM), with what they have got. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From here on a signal interrupts poll, and cli_interrupted says so. */
void cli_catch_interrupts(void);
bool cli_interrupted(void);

#endif
