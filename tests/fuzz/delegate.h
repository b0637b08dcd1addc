/* Fuzzing the importer of a delegate: the input is the blob itself, in a program around it. */
#ifndef TESTS_FUZZ_DELEGATE_H
#define TESTS_FUZZ_DELEGATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Import a program of a call to the delegate, and an operator of its own on each side of each
 * argument: what goes in is cloned before, and what comes out goes through logical_not. The first
 * byte says how many arguments the call has (3 bits) and how many of these, the last, are results
 * (3 bits). Then each argument, a tensor: a byte for its type and rank (rank * 8 + type, of
 * float32, int8, int32, int64, uint8, float16, bfloat16, bool) and a byte for each size. The rest
 * is the blob. A failure must say why; a graph must be printable.
 */
void fuzz_delegate(const char *id, const uint8_t *data, size_t size);

#endif
