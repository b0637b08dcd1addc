/*
 * Ask a child process: what a stranger's code does wrong when it is loaded then ends the child
 * only.
 */
#ifndef BASE_ASK_H
#define BASE_ASK_H

#include "base/status.h"

#include <stddef.h>

#define BASE_ASK_MOST 3000 /* bytes of an answer */

/* In the child: fill the answer, which is zeroed; or fail, and what is in it is lost. */
typedef enum percept_status (*base_ask_fn)(void *context, void *answer,
                                           struct percept_error *error);

/*
 * Run ask in a child, and copy its answer, a plain struct of `size` bytes, whose texts the caller
 * ends again: not all that could write it was ours. What crashes, exits, throws or does not answer
 * for half a minute is an error. It forks: call it from a process with one thread. The error is the
 * function's, without a file.
 */
enum percept_status base_ask_child(base_ask_fn ask, void *context, void *answer, size_t size,
                                   struct percept_error *error);

/* A text as an answer has it: cut to its room, control characters as '?'; NULL is "". */
void base_ask_text(char *to, size_t size, const char *text);

#endif
