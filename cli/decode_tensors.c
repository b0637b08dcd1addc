#include "cli/decode_tensors.h"

#include "cli/cli.h"
#include "ipc/topics.h"
#include "runtime/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 4 /* numbers in a line */

/* The 16 bits as the upper ones of a float, or a float16 by its fields. */
static double half(uint16_t bits, bool brain)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    if (brain) {
        memcpy(&value, &wide, sizeof value);
        return (double)value;
    }
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

#define READ(type)                        \
    {                                     \
        type value;                       \
        memcpy(&value, at, sizeof value); \
        return (double)value;             \
    }

/* As a double, which is enough of an int64 for people. */
static double number(uint32_t dtype, const unsigned char *at)
{
    uint16_t bits;
    switch (dtype) {
    case PERCEPT_UINT8:
    case PERCEPT_BOOL:
        return *at;
    case PERCEPT_INT8:
        READ(int8_t)
    case PERCEPT_INT16:
        READ(int16_t)
    case PERCEPT_INT32:
        READ(int32_t)
    case PERCEPT_INT64:
        READ(int64_t)
    case PERCEPT_FLOAT32:
        READ(float)
    case PERCEPT_FLOAT64:
        READ(double)
    case PERCEPT_UINT16:
        READ(uint16_t)
    case PERCEPT_UINT32:
        READ(uint32_t)
    case PERCEPT_UINT64:
        READ(uint64_t)
    default:
        memcpy(&bits, at, sizeof bits);
        return half(bits, dtype == PERCEPT_BFLOAT16);
    }
}

static bool is_whole(uint32_t dtype)
{
    return dtype != PERCEPT_FLOAT16 && dtype != PERCEPT_FLOAT32 && dtype != PERCEPT_FLOAT64 &&
           dtype != PERCEPT_BFLOAT16;
}

/* Where its numbers are; NULL when they are not all within the payload. */
static const unsigned char *find(const void *data, size_t size, const struct percept_tensor *tensor,
                                 size_t *count)
{
    size_t element = prt_dtype_known((int)tensor->dtype) ? prt_dtype_size(tensor->dtype) : 0;
    if (!element || tensor->offset > size || tensor->bytes > size - tensor->offset)
        return NULL;
    *count = tensor->bytes / element;
    return (const unsigned char *)data + tensor->offset;
}

static unsigned rank_of(const struct percept_tensor *tensor)
{
    return tensor->rank < PERCEPT_TENSOR_RANK_MAX ? tensor->rank : PERCEPT_TENSOR_RANK_MAX;
}

static unsigned count_of(const struct percept_tensors *tensors)
{
    return tensors->tensor_count < PERCEPT_TENSORS_MAX ? tensors->tensor_count
                                                       : PERCEPT_TENSORS_MAX;
}

static json_t *json_number(uint32_t dtype, const unsigned char *at)
{
    double value = number(dtype, at);
    if (is_whole(dtype))
        return json_integer((json_int_t)value);
    return isfinite(value) ? json_real(value) : json_null(); /* JSON has no others */
}

static json_t *tensor_json(const void *data, size_t size, const struct percept_tensor *tensor)
{
    char name[sizeof tensor->name + 1] = "";
    size_t count = 0;
    memcpy(name, tensor->name, sizeof tensor->name);
    json_t *shape = json_array();
    for (unsigned d = 0; d < rank_of(tensor); d++)
        json_array_append_new(shape, json_integer(tensor->sizes[d]));
    json_t *object = json_pack("{s:o, s:s, s:o}", "name", cli_json_text(name), "dtype",
                               prt_dtype_name((enum prt_dtype)tensor->dtype), "shape", shape);
    const unsigned char *at = find(data, size, tensor, &count);
    json_t *numbers = at ? json_array() : NULL;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            numbers,
            json_number(tensor->dtype, at + i * prt_dtype_size((enum prt_dtype)tensor->dtype)));
    if (numbers)
        json_object_set_new(object, "data", numbers);
    return object;
}

json_t *cli_tensors_json(const void *data, size_t size)
{
    const struct percept_tensors *t = data;
    json_t *list = json_array(), *rect = json_array();
    for (unsigned i = 0; i < count_of(t); i++)
        json_array_append_new(list, tensor_json(data, size, &t->tensors[i]));
    for (int i = 0; i < 4; i++)
        json_array_append_new(rect, isfinite(t->image_rect[i]) ? json_real((double)t->image_rect[i])
                                                               : json_null());
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "capture_ns", (json_int_t)t->capture_ns,
                     "model_ns", (json_int_t)t->model_ns, "frame", (json_int_t)t->frame,
                     "image_width", (json_int_t)t->image_width, "image_height",
                     (json_int_t)t->image_height, "image_rect", rect, "tensors", list);
}

void cli_tensors_line(const void *data, size_t size, FILE *file)
{
    const struct percept_tensors *t = data;
    fprintf(file, "frame %llu:", (unsigned long long)t->frame);
    for (unsigned i = 0; i < count_of(t); i++) {
        const struct percept_tensor *tensor = &t->tensors[i];
        char name[sizeof tensor->name + 1] = "";
        size_t count = 0;
        memcpy(name, tensor->name, sizeof tensor->name);
        fputs(i ? "; " : " ", file);
        cli_print_text(name, file);
        fprintf(file, " %s[", prt_dtype_name((enum prt_dtype)tensor->dtype));
        for (unsigned d = 0; d < rank_of(tensor); d++)
            fprintf(file, "%s%u", d ? ", " : "", tensor->sizes[d]);
        putc(']', file);
        const unsigned char *at = find(data, size, tensor, &count);
        for (size_t n = 0; n < count && n < SHOWN; n++)
            fprintf(file, " %.6g",
                    number(tensor->dtype, at + n * prt_dtype_size((enum prt_dtype)tensor->dtype)));
        if (count > SHOWN)
            fputs(" ...", file);
    }
}
