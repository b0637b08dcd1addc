/*
 * 128 bits that tell contents apart: keys of tables and the seal of a file against decay. Not
 * against somebody who looks for two contents with the same hash.
 *
 * The same bytes in the same pieces give the same hash on every processor of one byte order.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct base_hash {
    uint64_t words[2];
};

/* Add a piece; begin with a zeroed hash. */
void base_hash_add(struct base_hash *hash, const void *data, size_t size);

#endif
