/* `.ptd` files: weights come from where the program says, and every way in which the two files may
 * disagree, or the second may lie, is refused. */
#include "ptd.h"
#include "pte.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const float weights[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const float bias[4] = {0.5f, 1.5f, 2.5f, 3.5f};
static struct prt_tensor weight_spec, bias_spec;
static struct ptd_entry entries[2];
static struct flat program_file, data_file;

static void setup(void)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::linear.out", "f32[2,3] cf32[4,3] cf32[4] >f32[2,4] =");
    pte.values[1].external = "fc.weight";
    pte.values[2].external = "fc.bias";
    program_file = pte_write(&pte, false);
    weight_spec =
        (struct prt_tensor){.dtype = PRT_F32, .rank = 2, .sizes = {4, 3}, .dim_order = {0, 1}};
    bias_spec = (struct prt_tensor){.dtype = PRT_F32, .rank = 1, .sizes = {4}};
    entries[0] = (struct ptd_entry){"fc.weight", weights, sizeof weights, &weight_spec};
    entries[1] = (struct ptd_entry){"fc.bias", bias, sizeof bias, &bias_spec};
    data_file = ptd_write(entries, 2);
}

static void teardown(void)
{
    free(program_file.bytes);
    free(data_file.bytes);
}

static void rewrite(void)
{
    free(data_file.bytes);
    data_file = ptd_write(entries, 2);
}

/* Open with `count` data files alike; "" or the error. */
static const char *open_with(size_t count, struct prt_program **program)
{
    static char text[1024];
    struct percept_error error = {0};
    const struct prt_buffer file = {program_file.bytes, program_file.size, "test.pte"};
    const struct prt_buffer data[2] = {{data_file.bytes, data_file.size, "a.ptd"},
                                       {data_file.bytes, data_file.size, "b.ptd"}};
    text[0] = '\0';
    enum percept_status status = prt_program_open_buffers(&file, data, count, program, &error);
    if (status)
        snprintf(text, sizeof text, "%s: %s: %s", percept_status_name(status), error.file,
                 error.message);
    return text;
}

static void expect(const char *message)
{
    struct prt_program *program = NULL;
    ck_assert_str_eq(open_with(1, &program), message);
    ck_assert_ptr_null(program);
}

static void put(size_t at, uint64_t value, size_t bytes)
{
    memcpy(data_file.bytes + at, &value, bytes);
}

/* ---- what works ---- */

START_TEST(weights_come_from_the_file)
{
    struct prt_program *program = NULL;
    struct prt_graph *graph = NULL;
    ck_assert_str_eq(open_with(1, &program), "");
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    unsigned found = 0;
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        if (!(value->flags & PRT_FLAG_CONSTANT))
            continue;
        found += value->bytes == sizeof weights && !memcmp(value->data, weights, sizeof weights);
        found += value->bytes == sizeof bias && !memcmp(value->data, bias, sizeof bias);
    }
    ck_assert_uint_eq(found, 2);
    prt_graph_destroy(graph);
    prt_program_close(program);
}
END_TEST

START_TEST(files_may_change_once_they_are_open)
{
    char pte[] = "/tmp/percept-pte-XXXXXX", ptd[] = "/tmp/percept-ptd-XXXXXX";
    const char *const paths[] = {ptd};
    int a = mkstemp(pte), b = mkstemp(ptd);
    struct prt_program *program = NULL;
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(write(a, program_file.bytes, program_file.size), program_file.size);
    ck_assert_int_eq(write(b, data_file.bytes, data_file.size), data_file.size);
    ck_assert_int_eq(prt_program_open_with_data(pte, paths, 1, &program, NULL), PERCEPT_OK);
    ck_assert_int_eq(ftruncate(b, 0), 0);
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    prt_graph_destroy(graph);
    prt_program_close(program);
    close(a);
    close(b);
    unlink(pte);
    unlink(ptd);
}
END_TEST

START_TEST(a_layout_need_not_be_stated)
{
    struct prt_program *program = NULL;
    entries[0].spec = entries[1].spec = NULL;
    rewrite();
    ck_assert_str_eq(open_with(1, &program), "");
    prt_program_close(program);
}
END_TEST

START_TEST(without_its_file_a_program_opens_but_is_not_imported)
{
    struct prt_program *program = NULL;
    struct prt_graph *graph = NULL;
    struct percept_error error = {0};
    ck_assert_str_eq(open_with(0, &program), "");
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, &error), PERCEPT_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "'fc.weight' is in a .ptd file, which was not"));
    prt_program_close(program);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(a_key_in_two_files)
{
    struct prt_program *program = NULL;
    ck_assert_str_eq(open_with(2, &program),
                     "MALFORMED: test.pte: two pieces of data are named 'fc.bias'");
}
END_TEST

START_TEST(another_tensor_under_the_key)
{
    weight_spec.sizes[0] = 3;
    weight_spec.sizes[1] = 4;
    rewrite();
    expect("MALFORMED: test.pte: the weight 'fc.weight' is another tensor in the .ptd file");
}
END_TEST

START_TEST(another_memory_order_under_the_key)
{
    weight_spec.dim_order[0] = 1;
    weight_spec.dim_order[1] = 0;
    rewrite();
    expect("MALFORMED: test.pte: the weight 'fc.weight' is another tensor in the .ptd file");
}
END_TEST

START_TEST(fewer_bytes_than_the_tensor_needs)
{
    entries[0].size -= 4;
    rewrite();
    expect("MALFORMED: test.pte: the weight 'fc.weight' has 44 bytes, its tensor needs 48");
}
END_TEST

START_TEST(no_header)
{
    put(8, 0, 4);
    expect("MALFORMED: a.ptd: not a .ptd file: it has no FH01 header");
}
END_TEST

START_TEST(header_shorter_than_its_fields)
{
    put(PTD_LENGTH, 24, 4);
    expect("MALFORMED: a.ptd: the header has a length of 24");
}
END_TEST

START_TEST(another_identifier)
{
    put(4, 0x3130544f, 4);
    struct prt_program *program = NULL;
    ck_assert_int_eq(strncmp(open_with(1, &program), "MALFORMED: a.ptd: ", 18), 0);
}
END_TEST

START_TEST(description_outside_the_file)
{
    put(PTD_FLATBUFFER, UINT64_MAX - 3, 8); /* and the sum wraps around */
    expect("MALFORMED: a.ptd: the description lies outside the file");
}
END_TEST

START_TEST(segments_outside_the_file)
{
    put(PTD_SEGMENTS_SIZE, UINT64_MAX - 8, 8);
    expect("MALFORMED: a.ptd: the segments lie outside the file");
}
END_TEST

/* The first segment's table, its offset and size. */
static size_t segment_field(unsigned field)
{
    size_t root = flat_follow(data_file.bytes, 0);
    return flat_field(data_file.bytes, flat_item(data_file.bytes, root, 1, 1), field);
}

START_TEST(segment_that_wraps_around)
{
    put(segment_field(0), UINT64_MAX - 8, 8);
    expect("MALFORMED: a.ptd: segment 1 lies outside the file");
}
END_TEST

START_TEST(segment_longer_than_the_file)
{
    put(segment_field(1), 1 << 20, 8);
    expect("MALFORMED: a.ptd: segment 1 lies outside the file");
}
END_TEST

START_TEST(segment_that_does_not_exist)
{
    size_t root = flat_follow(data_file.bytes, 0);
    put(flat_field(data_file.bytes, flat_item(data_file.bytes, root, 2, 0), 1), 7, 4);
    expect("MALFORMED: a.ptd: named data 0 is in segment 7 of 2");
}
END_TEST

START_TEST(unknown_element_type)
{
    size_t root = flat_follow(data_file.bytes, 0);
    size_t layout = flat_child(data_file.bytes, flat_item(data_file.bytes, root, 2, 0), 2);
    put(flat_field(data_file.bytes, layout, 0), 99, 1);
    expect("UNSUPPORTED: a.ptd: the data 'fc.weight' has the unsupported element type 99");
}
END_TEST

START_TEST(negative_size)
{
    weight_spec.sizes[0] = -4;
    rewrite();
    expect("MALFORMED: a.ptd: a tensor has the size -4");
}
END_TEST

START_TEST(more_files_than_anyone_has)
{
    const char *paths[PRT_MAX_DATA_FILES + 1] = {0};
    struct prt_program *program = NULL;
    ck_assert_int_eq(prt_program_open_with_data("x", paths, PRT_MAX_DATA_FILES + 1, &program, NULL),
                     PERCEPT_LIMIT);
}
END_TEST

/* open_with reads data_file, which is what was spoilt. */
static void try_data(const struct flat *flat)
{
    (void)flat;
    struct prt_program *program = NULL;
    struct prt_graph *graph = NULL;
    if (open_with(1, &program)[0] == '\0' &&
        prt_program_import(program, "forward", &graph, NULL) == PERCEPT_OK)
        free(prt_graph_dump(graph));
    prt_graph_destroy(graph);
    prt_program_close(program);
}

/* Nothing that one wrong word can do crashes; ASan looks on. */
START_TEST(every_word_spoilt)
{
    flat_spoil_words(&data_file, try_data);
    for (size_t size = data_file.size; size-- > 0;) {
        struct prt_program *program = NULL;
        data_file.size = size;
        (void)open_with(1, &program);
        prt_program_close(program);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data file");
    TCase *tests = tcase_create("data file");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, weights_come_from_the_file);
    tcase_add_test(tests, files_may_change_once_they_are_open);
    tcase_add_test(tests, a_layout_need_not_be_stated);
    tcase_add_test(tests, without_its_file_a_program_opens_but_is_not_imported);
    tcase_add_test(tests, a_key_in_two_files);
    tcase_add_test(tests, another_tensor_under_the_key);
    tcase_add_test(tests, another_memory_order_under_the_key);
    tcase_add_test(tests, fewer_bytes_than_the_tensor_needs);
    tcase_add_test(tests, no_header);
    tcase_add_test(tests, header_shorter_than_its_fields);
    tcase_add_test(tests, another_identifier);
    tcase_add_test(tests, description_outside_the_file);
    tcase_add_test(tests, segments_outside_the_file);
    tcase_add_test(tests, segment_that_wraps_around);
    tcase_add_test(tests, segment_longer_than_the_file);
    tcase_add_test(tests, segment_that_does_not_exist);
    tcase_add_test(tests, unknown_element_type);
    tcase_add_test(tests, negative_size);
    tcase_add_test(tests, more_files_than_anyone_has);
    tcase_add_test(tests, every_word_spoilt);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
