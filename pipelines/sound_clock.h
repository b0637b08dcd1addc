/* When sound was captured: what drivers and clients say of it trembles, and sound does not. */
#ifndef PIPELINES_SOUND_CLOCK_H
#define PIPELINES_SOUND_CLOCK_H

#include "base/clock.h"
#include "pipelines/stream.h"

#define PIPE_SAMPLE_NS (BASE_NS_PER_S / PIPE_AUDIO_RATE)

struct pipe_sound_clock {
    int64_t next_ns; /* when the next sample should be; 0: nobody knows */
};

/* The time of the first of `count` samples that were captured at about taken_ns. Within 20 ms of
 * where they should be it is smoothed. */
static inline int64_t pipe_sound_clock_stamp(struct pipe_sound_clock *clock, int64_t taken_ns,
                                             size_t count)
{
    const int64_t tremble_ns = 20 * BASE_NS_PER_MS;
    int64_t off_ns = taken_ns - clock->next_ns;
    if (clock->next_ns && off_ns > -tremble_ns && off_ns < tremble_ns)
        taken_ns = clock->next_ns + off_ns / 64;
    clock->next_ns = taken_ns + (int64_t)count * PIPE_SAMPLE_NS;
    return taken_ns;
}

#endif
