/* A node `ear` that listens: what tests of sound find out about what a pipeline heard. */
#ifndef TESTS_PIPELINES_EAR_H
#define TESTS_PIPELINES_EAR_H

#include "pipelines/stream.h"

#include <stdatomic.h>

struct ear {
    atomic_size_t samples, blocks, lost;
    atomic_size_t begins, pauses; /* sound that has nothing to do with what was before; no sound */
    atomic_size_t forgotten, ends;
    _Atomic int64_t first_ns;
    float heard[PIPE_AUDIO_RATE * 4]; /* read once all of it is there */
    struct pipe_audio last;
    bool gap_in_time;
};
extern struct ear ear;

void ear_register(void);

/* How much of some sound is a tone: the amplitude of its part at that frequency. */
double ear_amplitude(const float *sound, double hertz, size_t from, size_t to);

#endif
