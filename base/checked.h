/*
 * Checked arithmetic for sizes that come from outside: files, sockets, configuration.
 *
 * Each returns true and stores the result, or returns false on overflow and leaves *out alone.
 */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool base_add_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    return !__builtin_add_overflow(a, b, &r) && (*out = r, true);
}

static inline bool base_mul_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    return !__builtin_mul_overflow(a, b, &r) && (*out = r, true);
}

static inline bool base_add_i64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    return !__builtin_add_overflow(a, b, &r) && (*out = r, true);
}

static inline bool base_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    return !__builtin_mul_overflow(a, b, &r) && (*out = r, true);
}

/* Is [offset, offset + length) inside [0, size)? Never overflows. */
static inline bool base_range_inside(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

/* Round up to a multiple of a power of two. */
static inline bool base_align_size(size_t value, size_t alignment, size_t *out)
{
    size_t r;
    return !__builtin_add_overflow(value, alignment - 1, &r) && (*out = r & ~(alignment - 1), true);
}

#endif
