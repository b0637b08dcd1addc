/* A node `whole` that hears each file as a whole, as other programs do; one that is longer than
 * half a minute, its beginning. For tests, and for bench/captions. */
#ifndef TESTS_PIPELINES_WHOLE_H
#define TESTS_PIPELINES_WHOLE_H

#include "pipelines/whisper.h"

struct whole_heard {
    const struct pipe_whisper *whisper;
    const struct pipe_whisper_text *text; /* of a file */
    size_t samples;
    int64_t begin_ns, listened_ns, said_ns; /* by the clock of base/clock.h */
};

/* It tells what it heard on its pipeline's thread. */
enum percept_status whole_register(void (*tell)(const struct whole_heard *heard),
                                   struct percept_error *error);

#endif
