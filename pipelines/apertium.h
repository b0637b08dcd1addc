/*
 * Apertium, an engine for the pairs of languages that have no Marian nets here: Debian has some
 * forty of them, as packages beside `apertium`, whose programs run as processes of their own.
 */
#ifndef PIPELINES_APERTIUM_H
#define PIPELINES_APERTIUM_H

#include "pipelines/translator.h"

#include <stdint.h>

/* How it is run; for a zero, what is said here. */
struct pipe_apertium {
    const char *tool;    /* /usr/bin/apertium-wblank-mode */
    const char *folder;  /* with `modes`: /usr/share/apertium */
    int64_t start_ns;    /* what the first answer of a process may take: 10 s, */
    int64_t deadline_ns; /* and each after it: 2 s */
    int64_t backoff_ns;  /* from a loss to the next start: 100 ms; it doubles up to a minute */
};

/*
 * An engine for one of its modes, such as eng-spa. The process begins here, and a thread that waits
 * for it, so that nobody else does: a sentence that is new is BUSY until it is translated, but for
 * a short while that the first who asks waits for it, letting others compute meanwhile. A process
 * that is gone, or does not answer by its deadline, is replaced when there is something to
 * translate; the sentence that has cost two of them is none that can be translated (LIMIT).
 *
 * INVALID for what is no mode; NOT_FOUND without the program or the mode, and the message names
 * Debian's package.
 */
enum percept_status pipe_engine_apertium(const char *mode, const struct pipe_apertium *how,
                                         struct pipe_translation_engine *engine,
                                         struct percept_error *error);

#endif
