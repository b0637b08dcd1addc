/*
 * Apertium as a process that is kept: a text goes in, its translation comes out, each with a NUL
 * behind it. One thread at a time.
 */
#ifndef PIPELINES_APERTIUM_CHILD_H
#define PIPELINES_APERTIUM_CHILD_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pipe_apertium_child {
    pid_t pid; /* 0: there is none */
    int to, from;
};

/* What a mode's file says, a dozen programs one behind the other. `tool` is apertium-wblank-mode,
 * which makes of it that they hand on what they have at a NUL. */
enum percept_status pipe_apertium_start(struct pipe_apertium_child *child, const char *tool,
                                        const char *mode, struct percept_error *error);
/* It ends by itself when there is nothing more to read; kill it after that time. There may be
 * none. */
void pipe_apertium_end(struct pipe_apertium_child *child, int64_t patience_ns);

/*
 * Have one sentence translated, into `room` > 0 bytes. CANCELLED as soon as `stop` can be read;
 * TIMED_OUT; DISCONNECTED when it is gone; MALFORMED when it says too much. After any of them it
 * cannot be asked again.
 */
enum percept_status pipe_apertium_ask(struct pipe_apertium_child *child, const char *sentence,
                                      int64_t deadline_ns, int stop, char *to, size_t room);

#endif
