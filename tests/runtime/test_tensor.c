/* What tensors promise: sizes never overflow silently, and memory orders that differ only in
 * dimensions of size 1 are the same. */
#include "runtime/tensor.h"

#include "build.h"

#include <string.h>

static struct prt_tensor tensor(enum prt_dtype dtype, unsigned rank, const int32_t *sizes,
                                const uint8_t *order)
{
    struct prt_tensor made = {.dtype = dtype, .rank = (uint8_t)rank};
    for (uint8_t i = 0; i < rank; i++) {
        made.sizes[i] = sizes[i];
        made.dim_order[i] = order ? order[i] : i;
    }
    return made;
}

START_TEST(bytes_are_checked_for_overflow)
{
    size_t bytes = 42;
    struct prt_tensor t = tensor(PRT_F32, 4, (int32_t[]){1, 3, 192, 192}, NULL);
    ck_assert(prt_tensor_bytes(&t, &bytes) && bytes == 442368);
    t = tensor(PRT_F32, 0, NULL, NULL);
    ck_assert(prt_tensor_bytes(&t, &bytes) && bytes == 4);
    t = tensor(PRT_I8, 2, (int32_t[]){0, 7}, NULL);
    ck_assert(prt_tensor_bytes(&t, &bytes) && bytes == 0);
    bytes = 42;
    t = tensor(PRT_F64, 3, (int32_t[]){INT32_MAX, INT32_MAX, 2}, NULL);
    ck_assert(!prt_tensor_bytes(&t, &bytes));
    t = tensor(PRT_F64, 4, (int32_t[]){INT32_MAX, INT32_MAX, 2, 0}, NULL);
    ck_assert(!prt_tensor_bytes(&t, &bytes)); /* empty, but its strides overflow */
    t = tensor(PRT_F32, 2, (int32_t[]){4, -1}, NULL);
    ck_assert(!prt_tensor_bytes(&t, &bytes));
    ck_assert_uint_eq(bytes, 42);
}
END_TEST

START_TEST(strides_follow_the_memory_order)
{
    int64_t strides[PRT_MAX_RANK];
    struct prt_tensor t = tensor(PRT_F32, 4, (int32_t[]){2, 3, 4, 5}, (uint8_t[]){0, 2, 3, 1});
    prt_tensor_strides(&t, strides);
    ck_assert_int_eq(strides[0], 60);
    ck_assert_int_eq(strides[1], 1);
    ck_assert_int_eq(strides[2], 15);
    ck_assert_int_eq(strides[3], 3);
}
END_TEST

START_TEST(dimensions_of_one_may_stand_anywhere)
{
    const uint8_t last[] = {0, 2, 3, 1};
    struct prt_tensor a = tensor(PRT_F32, 4, (int32_t[]){1, 3, 4, 5}, NULL);
    struct prt_tensor b = tensor(PRT_F32, 4, (int32_t[]){1, 3, 4, 5}, last);
    ck_assert(prt_tensor_is_contiguous(&a) && !prt_tensor_is_channels_last(&a));
    ck_assert(!prt_tensor_is_contiguous(&b) && prt_tensor_is_channels_last(&b));
    ck_assert(prt_tensor_same_sizes(&a, &b) && !prt_tensor_same_layout(&a, &b));
    a = tensor(PRT_F32, 4, (int32_t[]){1, 3, 1, 1}, NULL);
    b = tensor(PRT_F32, 4, (int32_t[]){1, 3, 1, 1}, last);
    ck_assert(prt_tensor_is_contiguous(&b) && prt_tensor_is_channels_last(&a));
    ck_assert(prt_tensor_same_layout(&a, &b));
    a = tensor(PRT_F32, 4, (int32_t[]){2, 1, 4, 5}, NULL);
    ck_assert(prt_tensor_is_contiguous(&a) && prt_tensor_is_channels_last(&a));
}
END_TEST

START_TEST(types_have_the_codes_of_the_file_format)
{
    ck_assert(prt_dtype_known(6) && prt_dtype_size(PRT_F32) == 4);
    ck_assert_str_eq(prt_dtype_name(PRT_BF16), "bfloat16");
    ck_assert(!prt_dtype_known(9) && !prt_dtype_known(-1));
    ck_assert_uint_eq(prt_dtype_size((enum prt_dtype)9), 0);
    ck_assert_str_eq(prt_dtype_name((enum prt_dtype)9), "unknown");
}
END_TEST

START_TEST(description_fits_any_buffer)
{
    char text[128];
    struct prt_tensor t = tensor(PRT_I8, 4, (int32_t[]){1, 3, 4, 5}, (uint8_t[]){0, 2, 3, 1});
    t.quant = (struct prt_quant){.kind = PRT_QUANT_PER_TENSOR, .scale = 0.5f, .zero_point = -3};
    ck_assert_str_eq(prt_tensor_describe(&t, text, sizeof text),
                     "int8[1, 3, 4, 5] order(0,2,3,1) q(0.5, -3)");
    for (size_t size = 1; size < 44; size++) {
        memset(text, 'x', sizeof text);
        prt_tensor_describe(&t, text, size);
        ck_assert_uint_eq(strlen(text), size - 1 < 42 ? size - 1 : 42);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor");
    TCase *tests = tcase_create("tensor");
    tcase_add_test(tests, bytes_are_checked_for_overflow);
    tcase_add_test(tests, strides_follow_the_memory_order);
    tcase_add_test(tests, dimensions_of_one_may_stand_anywhere);
    tcase_add_test(tests, types_have_the_codes_of_the_file_format);
    tcase_add_test(tests, description_fits_any_buffer);
    suite_add_tcase(suite, tests);
    return build_run_suite(suite);
}
