#include "cli/tensor_file.h"

#include "base/checked.h"
#include "cli/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPY_MAGIC "\x93NUMPY"

/* numpy's names; '<' little-endian, '|' where there is no order. bfloat16 has none. */
static const struct {
    enum prt_dtype dtype;
    const char *descr;
} npy_dtypes[] = {
    {PRT_U8, "|u1"},   {PRT_I8, "|i1"},  {PRT_I16, "<i2"}, {PRT_I32, "<i4"},
    {PRT_I64, "<i8"},  {PRT_F16, "<f2"}, {PRT_F32, "<f4"}, {PRT_F64, "<f8"},
    {PRT_BOOL, "|b1"}, {PRT_U16, "<u2"}, {PRT_U32, "<u4"}, {PRT_U64, "<u8"},
};

static const char *npy_descr(enum prt_dtype dtype)
{
    for (size_t i = 0; i < sizeof npy_dtypes / sizeof npy_dtypes[0]; i++)
        if (npy_dtypes[i].dtype == dtype)
            return npy_dtypes[i].descr;
    return NULL;
}

/* ---- reading ---- */

/* The text after "'key':" and blanks in the header's dictionary; NULL when it is not there. */
static const char *npy_value(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    at = at ? strchr(at, ':') : NULL;
    return at ? at + 1 + strspn(at + 1, " ") : NULL;
}

/* The shape that a header states; false when it is not one of `rank` dimensions. */
static bool npy_shape(const char *header, unsigned rank, int32_t *sizes)
{
    const char *value = npy_value(header, "'shape'");
    if (!value || *value++ != '(')
        return false;
    for (unsigned i = 0; i < rank; i++) {
        char *end;
        long long size = strtoll(value, &end, 10);
        if (end == value || size < 0 || size > INT32_MAX)
            return false;
        sizes[i] = (int32_t)size;
        value = end + strspn(end, " ,");
    }
    return *value == ')';
}

/* Check a header against the spec; NULL when it agrees, else what is wrong. */
static const char *npy_mismatch(const char *header, const struct prt_tensor *spec)
{
    const char *descr = npy_descr(spec->dtype), *value = npy_value(header, "'descr'");
    int32_t sizes[PRT_MAX_RANK];
    if (!value || value[0] != '\'' || !descr || strncmp(value + 1, descr, strlen(descr)) != 0 ||
        value[1 + strlen(descr)] != '\'')
        return "its dtype differs from the input's";
    value = npy_value(header, "'fortran_order'");
    if (!value || strncmp(value, "False", 5) != 0)
        return "it is in Fortran order";
    if (!npy_shape(header, spec->rank, sizes) ||
        memcmp(sizes, spec->sizes, spec->rank * sizeof *sizes) != 0)
        return "its shape differs from the input's";
    return NULL;
}

static bool is_npy(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".npy") == 0;
}

/* Find header and data of an .npy file in memory; the header is terminated there. */
static enum percept_status npy_open(const char *path, unsigned char *bytes, size_t size,
                                    const char **header, size_t *offset,
                                    struct percept_error *error)
{
    if (size < 12 || memcmp(bytes, NPY_MAGIC, 6) != 0)
        return percept_fail_at(error, PERCEPT_MALFORMED, path, 0, 0, "not an .npy file");
    bool wide = bytes[6] >= 2; /* version 1 has a 16-bit header length */
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (wide)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    size_t start = wide ? 12 : 10;
    if (length == 0 || !base_range_inside(start, length, size))
        return percept_fail_at(error, PERCEPT_MALFORMED, path, 0, 0, "truncated .npy header");
    bytes[start + length - 1] = '\0'; /* the newline that ends the header */
    *header = (const char *)bytes + start;
    *offset = start + length;
    return PERCEPT_OK;
}

static enum percept_status npy_parse(const char *path, unsigned char *bytes, size_t size,
                                     const struct prt_tensor *spec, size_t *offset,
                                     struct percept_error *error)
{
    const char *header;
    enum percept_status status = npy_open(path, bytes, size, &header, offset, error);
    const char *wrong = status ? NULL : npy_mismatch(header, spec);
    return wrong ? percept_fail_at(error, PERCEPT_INVALID, path, 0, 0, "%s", wrong) : status;
}

bool cli_tensor_shape(const char *path, unsigned rank, int32_t *sizes)
{
    void *bytes;
    size_t length, offset;
    const char *header;
    if (!is_npy(path) || cli_file_read(path, &bytes, &length, NULL))
        return false;
    bool known =
        !npy_open(path, bytes, length, &header, &offset, NULL) && npy_shape(header, rank, sizes);
    free(bytes);
    return known;
}

enum percept_status cli_tensor_read(const char *path, const struct prt_tensor *spec, void **data,
                                    size_t *size, struct percept_error *error)
{
    void *bytes;
    size_t length, offset = 0, want = 0;
    enum percept_status status = cli_file_read(path, &bytes, &length, error);
    if (status)
        return status;
    if (is_npy(path))
        status = npy_parse(path, bytes, length, spec, &offset, error);
    if (!status && (!prt_tensor_bytes(spec, &want) || length - offset != want))
        status =
            percept_fail_at(error, PERCEPT_INVALID, path, 0, 0,
                            "%zu bytes of data, but the tensor has %zu", length - offset, want);
    if (status) {
        free(bytes);
        return status;
    }
    memmove(bytes, (unsigned char *)bytes + offset, want);
    *data = bytes;
    *size = want;
    return PERCEPT_OK;
}

/* ---- writing ---- */

enum percept_status cli_tensor_write(const char *stem, const struct prt_tensor *spec,
                                     const void *data, struct percept_error *error)
{
    char path[4096], shape[PRT_MAX_RANK * 12 + 4] = "", header[512];
    const char *descr = npy_descr(spec->dtype);
    size_t bytes, used = 0;
    if (!prt_tensor_bytes(spec, &bytes) ||
        snprintf(path, sizeof path, "%s.%s", stem, descr ? "npy" : "bin") >= (int)sizeof path)
        return percept_fail(error, PERCEPT_LIMIT, "%s: too long", stem);
    struct cli_file file;
    enum percept_status status = cli_file_create(path, &file, error);
    if (status)
        return status;
    if (descr) {
        for (unsigned i = 0; i < spec->rank; i++)
            used += (size_t)snprintf(shape + used, sizeof shape - used, "%d, ", spec->sizes[i]);
        /* The data starts at a multiple of 64; the header ends with a newline. */
        int length =
            snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
        unsigned padded = ((10u + (unsigned)length + 1 + 63) & ~63u) - 10;
        fprintf(file.stream, NPY_MAGIC "%c%c%c%c%-*s\n", 1, 0, (int)(padded & 0xff),
                (int)(padded >> 8), (int)padded - 1, header);
    }
    fwrite(data, 1, bytes, file.stream);
    return cli_file_commit(&file, error);
}

/* ---- contents ---- */

static float half_to_float(uint16_t half)
{
    unsigned exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;
    float value = exponent == 0    ? ldexpf((float)mantissa, -24)
                  : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                   : ldexpf((float)(mantissa | 0x400), (int)exponent - 25);
    return half & 0x8000 ? -value : value;
}

double cli_tensor_at(enum prt_dtype dtype, const void *data, size_t index)
{
    uint32_t bits;
    float f32;
    switch (dtype) {
    case PRT_U8:
    case PRT_BOOL:
        return ((const uint8_t *)data)[index];
    case PRT_I8:
        return ((const int8_t *)data)[index];
    case PRT_I16:
        return ((const int16_t *)data)[index];
    case PRT_U16:
        return ((const uint16_t *)data)[index];
    case PRT_I32:
        return ((const int32_t *)data)[index];
    case PRT_U32:
        return ((const uint32_t *)data)[index];
    case PRT_I64:
        return (double)((const int64_t *)data)[index];
    case PRT_U64:
        return (double)((const uint64_t *)data)[index];
    case PRT_F16:
        return (double)half_to_float(((const uint16_t *)data)[index]);
    case PRT_BF16: /* the upper half of a float */
        bits = (uint32_t)((const uint16_t *)data)[index] << 16;
        memcpy(&f32, &bits, sizeof f32);
        return (double)f32;
    case PRT_F32:
        return (double)((const float *)data)[index];
    case PRT_F64:
        return ((const double *)data)[index];
    }
    return 0;
}

/* splitmix64: a few lines, the same on every machine. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void cli_tensor_random(const struct prt_tensor *spec, uint64_t seed, void *data)
{
    size_t count = prt_tensor_elements(spec), size = prt_dtype_size(spec->dtype);
    for (size_t i = 0; i < count; i++) {
        uint64_t r = next_random(&seed);
        unsigned char *at = (unsigned char *)data + i * size;
        uint16_t u16;
        float f32 = (float)(r >> 40) * 0x1p-24f;
        double f64 = (double)(r >> 11) * 0x1p-53;
        uint32_t bits;
        switch (spec->dtype) {
        case PRT_F32:
            memcpy(at, &f32, sizeof f32);
            break;
        case PRT_F64:
            memcpy(at, &f64, sizeof f64);
            break;
        case PRT_BF16: /* cut off, so below 1 */
            memcpy(&bits, &f32, sizeof bits);
            u16 = (uint16_t)(bits >> 16);
            memcpy(at, &u16, sizeof u16);
            break;
        case PRT_F16: /* 0x3c00 is 1: all below it are in [0, 1) */
            u16 = (uint16_t)(r % 0x3c00);
            memcpy(at, &u16, sizeof u16);
            break;
        case PRT_U8:
        case PRT_I8:
            *at = (unsigned char)r;
            break;
        default: /* indices and conditions, usually: small ones are safe */
            memset(at, 0, size);
            *at = (unsigned char)(r & 1);
            break;
        }
    }
}

/* ---- comparing ---- */

struct cli_tolerance cli_tensor_tolerance(enum prt_dtype dtype)
{
    switch (dtype) {
    case PRT_F64:
        return (struct cli_tolerance){1e-7, 1e-6};
    case PRT_F32:
        return (struct cli_tolerance){1e-4, 1e-4};
    case PRT_F16:
        return (struct cli_tolerance){1e-3, 5e-3};
    case PRT_BF16:
        return (struct cli_tolerance){1e-2, 2e-2};
    default:
        return (struct cli_tolerance){0, 0};
    }
}

struct cli_difference cli_tensor_compare(const struct prt_tensor *spec, const void *got,
                                         const void *want, struct cli_tolerance tolerance)
{
    struct cli_difference difference = {0};
    size_t count = prt_tensor_elements(spec);
    for (size_t i = 0; i < count; i++) {
        double g = cli_tensor_at(spec->dtype, got, i), w = cli_tensor_at(spec->dtype, want, i);
        if (g == w || (isnan(g) && isnan(w)))
            continue;
        double distance = isfinite(g) && isfinite(w) ? fabs(g - w) : INFINITY;
        if (distance > difference.max_absolute)
            difference.max_absolute = distance;
        if (distance <= tolerance.absolute + tolerance.relative * fabs(w) && isfinite(distance))
            continue;
        if (!difference.count++)
            difference.first = i;
    }
    return difference;
}
