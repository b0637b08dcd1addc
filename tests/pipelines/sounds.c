#include "sounds.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put(FILE *file, uint32_t number, unsigned bytes)
{
    for (; bytes; bytes--, number >>= 8)
        fputc((int)(number & 0xff), file);
}

void sound_write(const char *name, const struct sound *s)
{
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    uint32_t count = (uint32_t)lround(s->seconds * s->rate), frame = s->channels * s->bits / 8;
    uint32_t said =
        s->said_seconds > 0 ? (uint32_t)lround(s->said_seconds * s->rate) * frame : count * frame;
    fputs("RIFF", file);
    put(file, 36 + said, 4);
    fputs("WAVEfmt ", file);
    put(file, 16, 4);
    put(file, s->bits == 32 ? 3 : 1, 2);
    put(file, s->channels, 2);
    put(file, s->rate, 4);
    put(file, s->rate * frame, 4);
    put(file, frame, 2);
    put(file, s->bits, 2);
    fputs("data", file);
    put(file, said, 4);
    for (uint32_t i = 0; i < count; i++) {
        double value = sin(2 * M_PI * s->hertz * i / s->rate);
        for (unsigned c = 0; c < s->channels; c++) {
            float real = (float)value;
            uint32_t bits = (uint32_t)(int32_t)lround(value * 32767);
            if (s->bits == 32)
                memcpy(&bits, &real, sizeof bits);
            put(file, bits, s->bits / 8);
        }
    }
    ck_assert_int_eq(fclose(file), 0);
}

void sound_write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}
