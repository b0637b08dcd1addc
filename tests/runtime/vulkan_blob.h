/*
 * Builds Vulkan blobs for tests.
 *
 *     struct vulkan_blob blob = {0};
 *     vulkan_call(&blob, "aten.add.Tensor", "f32[2,3] cf32[3] 1 >f32[2,3]");
 *
 * One word an argument:
 *   f32[2,3]   a new input       cf32[3]  a new constant (all zeros)
 *   >f32[2,3]  a new output      .f32[3]  a new tensor between two calls
 *   h32[2,3]   float32 outside, kept as a half (force_fp16); also ch32, >h32, .h32
 *   $n  value n    7  1.5  T  F  -  "text"     [1,2]  {0.5,2.0}     ($1,$2) a list of values
 *   %7  a symbolic integer
 * Types: b8 u8 i8 i32 f16 f32 f64 i64, and x8, which is unknown.
 */
#ifndef TESTS_RUNTIME_VULKAN_BLOB_H
#define TESTS_RUNTIME_VULKAN_BLOB_H

#include "flat.h"

#include <stdbool.h>

enum { VULKAN_VALUES = 64, VULKAN_CALLS = 8, VULKAN_ITEMS = 24 };

struct vulkan_value {
    int kind; /* of the union GraphTypes */
    int64_t i;
    double d;
    char text[64];
    uint32_t count;
    int64_t items[VULKAN_ITEMS];
    double doubles[VULKAN_ITEMS];
    int datatype, staging; /* of a tensor, whose dims are items */
    bool constant;
    size_t bytes;
    const void *data; /* of a constant that lies behind the blob; NULL: zeros */
};

struct vulkan_blob {
    struct vulkan_value values[VULKAN_VALUES];
    struct {
        char name[64];
        uint32_t args[VULKAN_ITEMS], count;
    } calls[VULKAN_CALLS];
    uint32_t inputs[VULKAN_ITEMS], outputs[VULKAN_ITEMS];
    uint32_t value_count, call_count, input_count, output_count;
    bool named; /* constants are named data under the key "w", all the same bytes */
};

void vulkan_call(struct vulkan_blob *blob, const char *name, const char *args);
/* Bytes of a constant, by its place among the values. */
void vulkan_data(struct vulkan_blob *blob, uint32_t value, const void *data, size_t bytes);
/* The blob; constants that have no key are behind it. */
struct flat vulkan_write(const struct vulkan_blob *blob);

#endif
