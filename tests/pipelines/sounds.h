/* Sound files made on the spot. */
#ifndef TESTS_PIPELINES_SOUNDS_H
#define TESTS_PIPELINES_SOUNDS_H

#include <stddef.h>
#include <stdint.h>

struct sound {
    unsigned rate, channels, bits; /* 16, or 32: floats */
    double seconds, hertz;         /* of a tone, as loud as can be, in all channels */
    double said_seconds;           /* what the header says; 0: as long as it is */
};

/* A WAV file in the current folder. */
void sound_write(const char *name, const struct sound *sound);
void sound_write_bytes(const char *name, const void *bytes, size_t size);

#endif
