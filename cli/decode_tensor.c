#include "cli/decode_tensor.h"

#include "cli/cli.h"
#include "ipc/topics.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define SHOWN 4 /* numbers in a line */

/* ---- numbers by the name of their type ---- */

enum kind { UNSIGNED, SIGNED, FLOAT, BRAIN };

struct number_type {
    enum percept_dtype id;
    const char *name;
    unsigned bytes;
    enum kind kind;
};

static const struct number_type types[] = {
    {PERCEPT_UINT8, "uint8", 1, UNSIGNED},   {PERCEPT_INT8, "int8", 1, SIGNED},
    {PERCEPT_INT16, "int16", 2, SIGNED},     {PERCEPT_INT32, "int32", 4, SIGNED},
    {PERCEPT_INT64, "int64", 8, SIGNED},     {PERCEPT_FLOAT16, "float16", 2, FLOAT},
    {PERCEPT_FLOAT32, "float32", 4, FLOAT},  {PERCEPT_FLOAT64, "float64", 8, FLOAT},
    {PERCEPT_BOOL, "bool", 1, UNSIGNED},     {PERCEPT_BFLOAT16, "bfloat16", 2, BRAIN},
    {PERCEPT_UINT16, "uint16", 2, UNSIGNED}, {PERCEPT_UINT32, "uint32", 4, UNSIGNED},
    {PERCEPT_UINT64, "uint64", 8, UNSIGNED},
};
enum { TYPES = sizeof types / sizeof types[0] };

static const struct number_type *find_name(const char *name)
{
    for (size_t i = 0; name && i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

static const struct number_type *find_id(uint32_t id)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].id == id)
            return &types[i];
    return NULL;
}

/* A float16 by its fields. */
static double half(uint64_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static double real(const struct number_type *type, uint64_t bits)
{
    uint32_t low = (uint32_t)(type->kind == BRAIN ? bits << 16 : bits);
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return type->bytes == 8 ? wide : type->kind == FLOAT && type->bytes == 2 ? half(bits) : narrow;
}

static json_t *number(const struct number_type *type, const unsigned char *at)
{
    uint64_t bits = 0;
    memcpy(&bits, at, type->bytes); /* little-endian, as all of a payload */
    if (type->kind == UNSIGNED)     /* JSON's end at 2^63 */
        return json_integer((json_int_t)bits);
    if (type->kind == SIGNED) {
        unsigned unused = 64 - 8 * type->bytes;
        return json_integer((json_int_t)(bits << unused) >> unused);
    }
    double value = real(type, bits);
    return isfinite(value) ? json_real(value) : json_null(); /* nor has it others */
}

/* ---- a tensor ---- */

/* At most so many of the numbers; NULL when they are not all within the payload. */
static json_t *numbers(const struct number_type *type, uint64_t offset, uint64_t bytes,
                       const void *payload, size_t size, size_t most)
{
    if (!type || offset > size || bytes > size - offset)
        return NULL;
    json_t *array = json_array();
    const unsigned char *at = (const unsigned char *)payload + offset;
    for (uint64_t i = 0; i < bytes / type->bytes && i < most; i++)
        json_array_append_new(array, number(type, at + i * type->bytes));
    return array;
}

json_t *cli_tensor_json(const struct cli_tensor *tensor, const unsigned char *base,
                        const void *payload, size_t size, size_t *left)
{
    uint32_t dtype;
    uint64_t offset, bytes;
    memcpy(&dtype, base + tensor->dtype->offset, sizeof dtype);
    memcpy(&offset, base + tensor->offset->offset, sizeof offset);
    memcpy(&bytes, base + tensor->bytes->offset, sizeof bytes);
    const char *name = json_string_value(json_array_get(tensor->dtype->words, dtype));
    if (bytes > *left)
        return json_null();
    *left -= bytes;
    json_t *array = numbers(find_name(name), offset, bytes, payload, size, SIZE_MAX);
    return array ? array : json_null();
}

/* ---- a line ---- */

void cli_tensors_line(const void *data, size_t size, FILE *file)
{
    const struct percept_tensors *t = data;
    fprintf(file, "frame %llu:", (unsigned long long)t->frame);
    for (unsigned i = 0; i < t->tensor_count && i < PERCEPT_TENSORS_MAX; i++) {
        const struct percept_tensor *tensor = &t->tensors[i];
        const struct number_type *type = find_id(tensor->dtype);
        char name[sizeof tensor->name + 1] = "";
        memcpy(name, tensor->name, sizeof tensor->name);
        fputs(i ? "; " : " ", file);
        cli_print_text(name, file);
        fprintf(file, " %s[", type ? type->name : "unknown");
        for (unsigned d = 0; d < tensor->rank && d < PERCEPT_TENSOR_RANK_MAX; d++)
            fprintf(file, "%s%u", d ? ", " : "", tensor->sizes[d]);
        putc(']', file);
        json_t *first = numbers(type, tensor->offset, tensor->bytes, data, size, SHOWN);
        json_t *value;
        size_t n;
        json_array_foreach(first, n, value)
            fprintf(file, " %.6g", json_is_null(value) ? (double)NAN : json_number_value(value));
        json_decref(first);
        if (type && tensor->bytes / type->bytes > SHOWN)
            fputs(" ...", file);
    }
}
