/* The VGF container: what a file of Arm's converter holds (one convolution, fp32), and that nothing
 * of a spoiled one is believed. */
#include "flat.h"
#include "runtime/vgf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_AT = 8, MODULES_AT = 16, SEQUENCE_AT = 32, RESOURCES_AT = 48, CONSTANTS_AT = 64 };

static struct flat file;

static void setup(void)
{
    file = flat_read_file("tests/fuzz/corpus/vgf/conv");
}

static void teardown(void)
{
    free(file.bytes);
}

static uint64_t number_at(size_t at)
{
    uint64_t number;
    memcpy(&number, file.bytes + at, sizeof number);
    return number;
}

static void put(size_t at, uint64_t number, size_t bytes)
{
    memcpy(file.bytes + at, &number, bytes);
}

static void expect_failure(enum percept_status status, const char *text)
{
    struct prt_vgf vgf = {0};
    struct percept_error error = {0};
    ck_assert_int_eq(prt_vgf_parse(&vgf, file.bytes, file.size, &error), status);
    ck_assert_str_eq(error.message, text);
    ck_assert_ptr_null(vgf.resources);
}

START_TEST(a_file_says_what_runs_on_which_tensors)
{
    static const int64_t x[] = {1, 3, 32, 32}, y[] = {1, 16, 32, 32}, w[] = {16, 3, 3, 3};
    struct prt_vgf vgf = {0};
    struct percept_error error = {0};
    ck_assert_msg(prt_vgf_parse(&vgf, file.bytes, file.size, &error) == PERCEPT_OK, "%s",
                  error.message);
    ck_assert_uint_eq(vgf.module_count, 1);
    ck_assert_str_eq(vgf.modules[0].entry, "graph_partition_0");
    ck_assert_uint_eq(vgf.input_count, 1);
    ck_assert_uint_eq(vgf.output_count, 1);
    const struct prt_vgf_resource *in = &vgf.resources[vgf.inputs[0]],
                                  *out = &vgf.resources[vgf.outputs[0]];
    ck_assert_mem_eq(in->sizes, x, sizeof x);
    ck_assert_mem_eq(out->sizes, y, sizeof y);
    ck_assert_int_eq(in->dtype, PRT_F32);
    ck_assert_uint_eq(out->bytes, 16 * 32 * 32 * sizeof(float));
    ck_assert_uint_eq(vgf.constant_count, 1);
    ck_assert_mem_eq(vgf.resources[vgf.constants[0].resource].sizes, w, sizeof w);
    ck_assert_uint_eq(vgf.segment_count, 1);
    ck_assert_uint_eq(vgf.segments[0].constant_count, 1);
    ck_assert_uint_eq(vgf.segments[0].binding_count, 2);
    ck_assert_uint_eq(vgf.segments[0].bindings[0].resource, vgf.inputs[0]);
    ck_assert_uint_eq(vgf.segments[0].bindings[1].binding, 1);
    prt_vgf_reset(&vgf);
}
END_TEST

START_TEST(another_kind_of_file_is_named_so)
{
    file.bytes[0] = 'v';
    expect_failure(PERCEPT_MALFORMED, "VGF: this is no VGF file");
}
END_TEST

START_TEST(another_version_is_refused_with_both_named)
{
    file.bytes[VERSION_AT + 1] = 5;
    expect_failure(PERCEPT_VERSION, "VGF: the file is of version 0.5, we read 0.4");
}
END_TEST

static const struct {
    size_t at;
    const char *name;
} sections[] = {
    {MODULES_AT, "VGF: the section of modules ends outside of the file"},
    {SEQUENCE_AT, "VGF: the section of the sequence ends outside of the file"},
    {RESOURCES_AT, "VGF: the section of resources ends outside of the file"},
    {CONSTANTS_AT, "VGF: the section of constants ends outside of the file"},
};

START_TEST(a_section_lies_in_the_file)
{
    put(sections[_i].at + 8, file.size - number_at(sections[_i].at) + 1, 8);
    expect_failure(PERCEPT_MALFORMED, sections[_i].name);
    put(sections[_i].at, UINT64_MAX, 8);
    expect_failure(PERCEPT_MALFORMED, sections[_i].name);
}
END_TEST

START_TEST(a_constant_has_the_bytes_of_its_tensor)
{
    put(number_at(CONSTANTS_AT) + 16 + 8, 1724, 8);
    expect_failure(PERCEPT_MALFORMED, "VGF: constant 0 has 1724 bytes instead of 1728");
}
END_TEST

START_TEST(a_constant_lies_in_its_section)
{
    put(number_at(CONSTANTS_AT) + 16 + 16, 32, 8);
    expect_failure(PERCEPT_MALFORMED, "VGF: constant 0 ends outside of its section");
}
END_TEST

START_TEST(a_constant_is_of_a_resource_for_it)
{
    put(number_at(CONSTANTS_AT) + 16, 1, 4);
    expect_failure(PERCEPT_MALFORMED, "VGF: constant 0 is resource 1, which is none");
    put(number_at(CONSTANTS_AT) + 16, 9, 4);
    expect_failure(PERCEPT_MALFORMED, "VGF: constant 0 is resource 9, which is none");
}
END_TEST

START_TEST(constants_have_room_for_their_records)
{
    put(number_at(CONSTANTS_AT) + 8, UINT64_MAX, 8);
    expect_failure(PERCEPT_MALFORMED, "VGF: there is no room for 18446744073709551615 constants");
}
END_TEST

START_TEST(code_is_spirv_from_instruction_to_instruction)
{
    const uint32_t magic = 0x07230203;
    size_t at = 0;
    while (memcmp(file.bytes + at, &magic, sizeof magic) != 0)
        at += 4;
    put(at + 5 * 4 + 2, 0, 2); /* the first instruction's length */
    expect_failure(PERCEPT_MALFORMED, "VGF: module 0 is no SPIR-V");
    put(at, 0, 4);
    expect_failure(PERCEPT_MALFORMED, "VGF: module 0 is no SPIR-V");
}
END_TEST

/* The last place of these bytes. */
static size_t find(const char *text)
{
    size_t at = file.size - strlen(text);
    while (memcmp(file.bytes + at, text, strlen(text)) != 0)
        at--;
    return at;
}

START_TEST(a_module_has_the_graph_that_runs)
{
    file.bytes[find("graph_partition_0")] = 'G'; /* behind the table's own is that of the code */
    expect_failure(PERCEPT_MALFORMED, "VGF: module 0 has no graph 'graph_partition_0'");
}
END_TEST

START_TEST(a_graph_has_its_constants)
{
    const uint32_t instruction[] = {4u << 16 | 4181, 25, 27, 0};
    size_t at = 0;
    while (memcmp(file.bytes + at, instruction, sizeof instruction) != 0)
        at += 4;
    put(at + 12, 1, 4);
    expect_failure(PERCEPT_MALFORMED, "VGF: segment 0 lacks a constant of its graph");
}
END_TEST

/* ---- any bytes ---- */

static void attempt(const struct flat *flat)
{
    struct prt_vgf vgf = {0};
    struct percept_error error = {0};
    if (prt_vgf_parse(&vgf, flat->bytes, flat->size, &error) != PERCEPT_OK)
        ck_assert_msg(strncmp(error.message, "VGF: ", 5) == 0, "%s", error.message);
    prt_vgf_reset(&vgf);
}

START_TEST(a_spoiled_file_is_refused_or_whole)
{
    flat_spoil_words(&file, attempt);
}
END_TEST

START_TEST(a_file_that_ends_early_is_refused)
{
    struct prt_vgf vgf = {0};
    size_t whole = file.size;
    uint64_t used = number_at(CONSTANTS_AT) + number_at(CONSTANTS_AT + 8);
    for (file.size = 0; file.size < whole && file.size < used; file.size++) {
        /* Of its own, so that a sanitizer sees what is read behind it. */
        uint8_t *copy = malloc(file.size + 1);
        memcpy(copy, file.bytes, file.size);
        ck_assert_int_ne(prt_vgf_parse(&vgf, copy, file.size, NULL), PERCEPT_OK);
        free(copy);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vgf");
    TCase *tests = tcase_create("vgf");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_file_says_what_runs_on_which_tensors);
    tcase_add_test(tests, another_kind_of_file_is_named_so);
    tcase_add_test(tests, another_version_is_refused_with_both_named);
    tcase_add_loop_test(tests, a_section_lies_in_the_file, 0, 4);
    tcase_add_test(tests, a_constant_has_the_bytes_of_its_tensor);
    tcase_add_test(tests, a_constant_lies_in_its_section);
    tcase_add_test(tests, a_constant_is_of_a_resource_for_it);
    tcase_add_test(tests, constants_have_room_for_their_records);
    tcase_add_test(tests, code_is_spirv_from_instruction_to_instruction);
    tcase_add_test(tests, a_module_has_the_graph_that_runs);
    tcase_add_test(tests, a_graph_has_its_constants);
    tcase_add_test(tests, a_spoiled_file_is_refused_or_whole);
    tcase_add_test(tests, a_file_that_ends_early_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
