/* What the fuzzers of the OpenXR layer share: the bytes of an input, one after the other, and a
 * feed without a thread (openxr/feed.h), whose topics are always held. */
#ifndef TESTS_FUZZ_OPENXR_INPUT_H
#define TESTS_FUZZ_OPENXR_INPUT_H

#include <stddef.h>
#include <stdint.h>

void input_begin(const uint8_t *data, size_t size);
/* Bytes that have not been taken. */
size_t input_left(void);
/* 0 when there are no more. */
unsigned input_byte(void);
/* Zeros after the last. */
void input_bytes(void *to, size_t size);

#endif
