/* What a hostile XNNPACK blob meets. */
#include "xnnpack_case.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(weight_smaller_than_its_tensor)
{
    xnnpack_case_product();
    blob.home = (enum blob_home)_i;
    struct flat data = {0}, written = blob_write(&blob, &data);
    size_t start = blob.home == BLOB_INLINE ? 0 : 32;
    const uint8_t *bytes = written.bytes + start;
    size_t tensor = flat_child(bytes, flat_item(bytes, flat_follow(bytes, 0), 2, 1), 1);
    const uint32_t more = 300;
    memcpy(written.bytes + start + flat_child(bytes, tensor, 2) + 4, &more, sizeof more);
    struct flat file = xnnpack_case_program(&written, &data, "f32[1,2] >f32[1,3]");
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_str_eq(text, "MALFORMED: method 'forward', instruction 0, XnnpackBackend: constant 1 "
                           "has 24 bytes, its tensor needs 2400");
    free(text);
    free(file.bytes);
    free(written.bytes);
    free(data.bytes);
}
END_TEST

START_TEST(weight_that_is_not_in_the_file)
{
    xnnpack_case_product();
    blob.home = BLOB_NAMED;
    struct flat data = {0}, written = blob_write(&blob, &data);
    struct flat none = {0}, file = xnnpack_case_program(&written, &none, "f32[1,2] >f32[1,3]");
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_str_eq(text, "UNSUPPORTED: method 'forward', instruction 0, XnnpackBackend: the "
                           "weight 'w' is not in the file");
    free(text);
    free(file.bytes);
    free(written.bytes);
    free(data.bytes);
}
END_TEST

static void one_sigmoid(const char *x_type, const char *y_type)
{
    uint32_t x = blob_value(&blob, x_type, BLOB_INPUT, 0);
    uint32_t y = blob_value(&blob, y_type, BLOB_OUTPUT, 1);
    blob_node(&blob, 4, "444", x, y, 0);
}

START_TEST(unknown_id)
{
    one_sigmoid("f32[2]", "f32[2]");
    blob.nodes[0].fields[0] = 7;
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED",
                       "XNNSigmoid: names value 7, which is not there");
    xnnpack_case_setup();
    one_sigmoid("f32[2]", "f32[2]");
    blob.nodes[0].fields[0] = UINT32_MAX;
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED",
                       "XNNSigmoid: names value 4294967295, which is not there");
}
END_TEST

START_TEST(unknown_argument)
{
    one_sigmoid("f32[2]", "f32[2]");
    blob.values[0].external = 2;
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED", "XnnpackBackend: argument 2 of 2");
    xnnpack_case_setup();
    one_sigmoid("f32[2]", "f32[2]");
    blob.values[1].external = UINT32_MAX;
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED", "XnnpackBackend: argument 4294967295 of 2");
}
END_TEST

START_TEST(argument_of_another_kind_or_size)
{
    one_sigmoid("f32[2]", "f32[2]");
    xnnpack_case_fails("7 >f32[2]", "MALFORMED", "XnnpackBackend: value 0 is read but no tensor");
    xnnpack_case_setup();
    one_sigmoid("f32[2]", "f32[2]");
    xnnpack_case_fails("f32[3] >f32[2]", "MALFORMED",
                       "XnnpackBackend: takes a tensor for one of another type or size");
    xnnpack_case_setup();
    one_sigmoid("f32[2]", "f32[2]");
    xnnpack_case_fails("f32[2] >i32[2]", "MALFORMED",
                       "XnnpackBackend: takes a tensor for one of another type or size");
}
END_TEST

START_TEST(flags_that_are_not_allowed) /* a persistent value was freed twice */
{
    one_sigmoid("f32[2]", "f32[2]");
    blob.values[0].flags = 5;
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED", "XnnpackBackend: value 0 has the flags 0x5");
    xnnpack_case_setup();
    one_sigmoid("f32[2]", "f32[2]");
    blob.nodes[0].fields[2] = 4;
    xnnpack_case_fails("f32[2] >f32[2]", "UNSUPPORTED", "XNNSigmoid: flag 0x4 is not supported");
}
END_TEST

START_TEST(too_many_dimensions)
{
    one_sigmoid("f32[1,1,1,1,1,1,2]", "f32[2]");
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED",
                       "XnnpackBackend: a value has 7 sizes for 7 dimensions, 6 are the limit");
}
END_TEST

START_TEST(dimensions_that_are_not_there) /* dims != num_dims */
{
    one_sigmoid("f32[2]", "f32[2]");
    struct flat data = {0}, written = blob_write(&blob, &data);
    const uint8_t *bytes = written.bytes + 32;
    size_t tensor = flat_child(bytes, flat_item(bytes, flat_follow(bytes, 0), 2, 0), 1);
    const uint32_t more = 3;
    memcpy(written.bytes + 32 + flat_field(bytes, tensor, 1), &more, sizeof more);
    struct flat file = xnnpack_case_program(&written, &data, "f32[2] >f32[2]");
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_str_eq(text,
                     "MALFORMED: method 'forward', instruction 0, XnnpackBackend: a value has "
                     "1 sizes for 3 dimensions, 6 are the limit");
    free(text);
    free(file.bytes);
    free(written.bytes);
}
END_TEST

START_TEST(types_that_are_refused)
{
    static const char *const types[][3] = {
        {"qd8@0[2]", "MALFORMED", "XnnpackBackend: a value of 1 dimensions has 0 for a scale"},
        {"qd8@3[2]", "MALFORMED", "XnnpackBackend: a value of 1 dimensions has 3 for a scale"},
        {"c4@0[2]", "UNSUPPORTED", "XnnpackBackend: a weight of 4 bits is computed"},
    };
    one_sigmoid("f32[2]", "f32[2]");
    blob_value(&blob, types[_i][0], BLOB_INTERNAL, 0);
    xnnpack_case_fails("f32[2] >f32[2]", types[_i][1], types[_i][2]);
}
END_TEST

START_TEST(scales_that_do_not_fit)
{
    one_sigmoid("f32[2]", "f32[2]");
    blob_value(&blob, "c8@1[2,3]", BLOB_INTERNAL, 0);
    blob.values[2].dims[1] = 3;
    blob.values[2].rank = 1; /* the axis is outside */
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED",
                       "XnnpackBackend: a value has 3 scales along dimension 1");
}
END_TEST

START_TEST(bounds_out_of_order)
{
    one_sigmoid("f32[2]", "f32[2]");
    blob_bounds(&blob, 6, -6);
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED",
                       "XNNSigmoid: the bounds of the output are not in order");
}
END_TEST

START_TEST(value_computed_twice)
{
    one_sigmoid("f32[2]", "f32[2]");
    blob_node(&blob, 4, "444", 0, 1, 0);
    xnnpack_case_expect("f32[2] >f32[2]",
                        "MALFORMED: method 'forward': value 1: written twice, or an input or "
                        "constant");
    xnnpack_case_setup();
    one_sigmoid("f32[2]", "f32[2]");
    blob_node(&blob, 46, "444", 0, 1, 0);
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED",
                       "XNNCopy: the result was read or computed before");
}
END_TEST

START_TEST(output_that_nothing_computes)
{
    one_sigmoid("f32[2]", "f32[2]");
    blob.node_count = 0;
    xnnpack_case_expect("f32[2] >f32[2]",
                        "MALFORMED: method 'forward': value 1: an output of the method that "
                        "nothing computes");
}
END_TEST

START_TEST(nodes_that_are_refused)
{
    one_sigmoid("f32[2]", "f32[2]");
    blob.nodes[0].kind = 48;
    xnnpack_case_fails("f32[2] >f32[2]", "MALFORMED",
                       "XnnpackBackend: a node is empty or of kind 48");
}
END_TEST

START_TEST(padding_out_of_range)
{
    uint32_t x = blob_value(&blob, "f32[2]", BLOB_INPUT, 0);
    uint32_t y = blob_value(&blob, "f32[1]", BLOB_OUTPUT, 1);
    blob_node(&blob, 10, "oof444", "/", "0", 0.0, x, y, 0); /* '/' is one before '0': -1 */
    xnnpack_case_fails("f32[2] >f32[1]", "MALFORMED",
                       "XNNStaticConstantPad: has a number out of range");
}
END_TEST

START_TEST(blob_cut_anywhere)
{
    xnnpack_case_product();
    blob.home = (enum blob_home)_i;
    struct flat data = {0}, written = blob_write(&blob, &data);
    for (size_t size = 0; size < written.size; size++) {
        xnnpack_case_setup();
        struct flat cut = {written.bytes, size};
        struct flat file = xnnpack_case_program(&cut, &data, "f32[1,2] >f32[1,3]");
        char *text = pte_import_bytes(file.bytes, file.size);
        /* Only the padding behind the last weight may be missing. */
        ck_assert_msg(strncmp(text, "MALFORMED", 9) == 0 || size + 16 > written.size, "%zu: %s",
                      size, text);
        free(text);
        free(file.bytes);
    }
    free(written.bytes);
    free(data.bytes);
}
END_TEST

START_TEST(header_leads_outside)
{
    xnnpack_case_product();
    struct flat data = {0}, written = blob_write(&blob, &data);
    const uint64_t huge = UINT64_MAX;
    memcpy(written.bytes + 22, &huge, sizeof huge);
    struct flat file = xnnpack_case_program(&written, &data, "f32[1,2] >f32[1,3]");
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_str_eq(text, "MALFORMED: method 'forward', instruction 0, XnnpackBackend: the header "
                           "leads outside the blob");
    free(text);
    free(file.bytes);
    free(written.bytes);
}
END_TEST

START_TEST(every_word_spoilt)
{
    uint32_t in = blob_value(&blob, "f32[1,3,3,2]", BLOB_INPUT, 0);
    uint32_t x = blob_value(&blob, "q8[1,3,3,2]", BLOB_INTERNAL, 0);
    uint32_t w = blob_value(&blob, "c8@3[1,2,2,2]", BLOB_CONSTANT, 0);
    uint32_t b = blob_value(&blob, "q32[2]", BLOB_CONSTANT, 0);
    uint32_t y = blob_value(&blob, "q8[1,2,2,2]", BLOB_INTERNAL, 0);
    uint32_t z = blob_value(&blob, "q8[1,3,2,2]", BLOB_OUTPUT, 1);
    blob.home = (enum blob_home)_i;
    blob_node(&blob, 18, "444", in, x, 0);
    blob_node(&blob, 13, XNNPACK_CONV, 0, 0, 0, 0, 2, 2, 1, 1, 1, 1, 1, 1, 2, 0, 0, x, w, b, y, 0);
    blob_node(&blob, 10, "oof444", "0100", "0000", 0.5, y, z, 0);
    struct flat data = {0}, written = blob_write(&blob, &data);
    struct flat file = xnnpack_case_program(&written, &data, "f32[1,2,3,3]@0231 >i8[1,2,3,2]@0231");
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_msg(strstr(text, "MALFORMED") == NULL, "%s", text);
    free(text);
    pte_spoil_words(&file);
    free(file.bytes);
    free(written.bytes);
    free(data.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import_xnnpack_hostile");
    TCase *tests = tcase_create("import_xnnpack_hostile");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, xnnpack_case_setup, NULL);
    const TTest *const all[] = {
        weight_that_is_not_in_the_file,
        unknown_id,
        unknown_argument,
        argument_of_another_kind_or_size,
        flags_that_are_not_allowed,
        too_many_dimensions,
        dimensions_that_are_not_there,
        scales_that_do_not_fit,
        bounds_out_of_order,
        value_computed_twice,
        output_that_nothing_computes,
        nodes_that_are_refused,
        padding_out_of_range,
        header_leads_outside,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_add_test(tests, all[i]);
    tcase_add_loop_test(tests, weight_smaller_than_its_tensor, 0, 3);
    tcase_add_loop_test(tests, types_that_are_refused, 0, 3);
    tcase_add_loop_test(tests, blob_cut_anywhere, 0, 3);
    tcase_add_loop_test(tests, every_word_spoilt, 0, 3);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
