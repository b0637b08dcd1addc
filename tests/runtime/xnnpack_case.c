#include "xnnpack_case.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct blob blob;
struct pte pte;

void xnnpack_case_setup(void)
{
    blob = (struct blob){0};
    pte = (struct pte){0};
}

/* The file of a program that calls the blob with args. */
struct flat xnnpack_case_program(const struct flat *written, const struct flat *data,
                                 const char *args)
{
    pte_delegate(&pte, "XnnpackBackend", args);
    pte.blob = written->bytes;
    pte.blob_size = written->size;
    if (data->size) {
        pte.blob_key = "w";
        pte.blob_data = data->bytes;
        pte.blob_data_size = data->size;
    }
    return pte_write(&pte, false);
}

static char *import_blob(const char *args)
{
    struct flat data = {0}, written = blob_write(&blob, &data);
    struct flat file = xnnpack_case_program(&written, &data, args);
    char *text = pte_import_bytes(file.bytes, file.size);
    free(file.bytes);
    free(written.bytes);
    free(data.bytes);
    return text;
}

void xnnpack_case_expect(const char *args, const char *expected)
{
    char *text = import_blob(args);
    ck_assert_str_eq(text, expected);
    free(text);
}

void xnnpack_case_fails(const char *args, const char *status, const char *rest)
{
    char expected[512];
    snprintf(expected, sizeof expected, "%s: method 'forward', instruction 0, %s", status, rest);
    xnnpack_case_expect(args, expected);
}

void xnnpack_case_product(void)
{
    uint32_t x = blob_value(&blob, "f32[1,2]", BLOB_INPUT, 0);
    uint32_t w = blob_value(&blob, "f32[3,2]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "f32[1,3]", BLOB_OUTPUT, 1);
    blob_node(&blob, 2, "44444", x, w, UINT32_MAX, y, 0);
}
