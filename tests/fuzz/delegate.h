/* Fuzzing the importer of a delegate: the input is the blob itself, in a program around it. */
#ifndef TESTS_FUZZ_DELEGATE_H
#define TESTS_FUZZ_DELEGATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Import a program of one call to the delegate. The low bits of the first byte say how many
 * arguments the call has, each a tensor of [1, 2, 3, 3]; the next bits, whether they are float32,
 * int8, int32 or int64. The rest is the blob. A failure must say why; a graph must be printable.
 */
void fuzz_delegate(const char *id, const uint8_t *data, size_t size);

#endif
