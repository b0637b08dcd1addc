/*
 * What a hostile or broken `.pte` meets. Each test spoils one thing in a good file. The names in
 * comments are of the holes in other runtimes that a test stands for.
 */
#include "pte.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Places in the schema, see program.fbs. */
enum { PROGRAM_METHODS = 1, PROGRAM_SEGMENTS = 4, PROGRAM_CONSTANTS };
enum { PLAN_NAME, PLAN_VALUES = 2, PLAN_INPUTS, PLAN_OUTPUTS, PLAN_CHAINS, PLAN_OPERATORS };
enum { PLAN_BUFFER_SIZES = 8 };
enum { TENSOR_DTYPE, TENSOR_OFFSET, TENSOR_SIZES, TENSOR_ORDER, TENSOR_DATA = 5, TENSOR_PLAN };

static struct pte pte;
static struct flat file;

/* v0 = input f32[2,3], v1 = constant f32[4,3], v2 = constant f32[4], v3 = the result. */
static void setup(void)
{
    pte = (struct pte){0};
    pte_call(&pte, "aten::linear.out", "f32[2,3] cf32[4,3] cf32[4] >f32[2,4] =");
    file = pte_write(&pte, false);
}

static void teardown(void)
{
    free(file.bytes);
}

static size_t plan(void)
{
    return flat_item(file.bytes, flat_follow(file.bytes, 0), PROGRAM_METHODS, 0);
}

static size_t value(uint32_t index)
{
    return flat_child(file.bytes, flat_item(file.bytes, plan(), PLAN_VALUES, index), 1);
}

/* The place of item index in a vector field. */
static size_t item_at(size_t table, unsigned field, size_t index, size_t size)
{
    return flat_child(file.bytes, table, field) + 4 + index * size;
}

static void put(size_t at, const void *data, size_t size)
{
    memcpy(file.bytes + at, data, size);
}

static void put_u32(size_t at, uint32_t word)
{
    put(at, &word, sizeof word);
}

static void put_u64(size_t at, uint64_t word)
{
    put(at, &word, sizeof word);
}

/* Let a field be absent. */
static void drop(size_t table, unsigned field)
{
    int32_t back;
    memcpy(&back, file.bytes + table, sizeof back);
    memset(file.bytes + table - back + 4 + 2 * field, 0, 2);
}

static void expect(const char *expected)
{
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(good_file_imports)
{
    expect("v3: float32[2, 4] = linear(v0, c1, c2, -, -)\n");
}
END_TEST

START_TEST(old_file_with_inline_constants_imports)
{
    free(file.bytes);
    file = pte_write(&pte, true);
    expect("v3: float32[2, 4] = linear(v0, c1, c2, -, -)\n");
}
END_TEST

START_TEST(methods_and_what_they_call_are_listed)
{
    struct prt_program *program = pte_open(&pte);
    ck_assert_uint_eq(prt_program_method_count(program), 1);
    ck_assert_str_eq(prt_program_method_name(program, 0), "forward");
    ck_assert_ptr_null(prt_program_method_name(program, 1));
    ck_assert_uint_eq(prt_program_item_count(program, 0), 1);
    ck_assert_uint_eq(prt_program_item_count(program, 1), 0);
    const struct prt_program_item *item = prt_program_item(program, 0, 0);
    ck_assert_str_eq(item->name, "aten::linear.out");
    ck_assert(!item->delegate);
    ck_assert_uint_eq(item->calls, 1);
    ck_assert_ptr_null(prt_program_item(program, 0, 1));
    prt_program_close(program);
    prt_program_close(NULL);
}
END_TEST

/* Python's FlatBuffers before 25.12 lets tables with the same fields at the same offsets share one
 * list of them, whatever their sizes: the size that the list states is one table's only. */
START_TEST(a_table_may_share_its_field_list_with_a_smaller_one)
{
    size_t tables[] = {plan(), value(0), value(1)};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int32_t back;
        uint16_t stated = 4;
        memcpy(&back, file.bytes + tables[i], sizeof back);
        put(tables[i] - (size_t)back + 2, &stated, sizeof stated);
    }
    expect("v3: float32[2, 4] = linear(v0, c1, c2, -, -)\n");
}
END_TEST

START_TEST(constants_stay_where_they_are)
{
    struct prt_program *program = pte_open(&pte);
    struct prt_graph *first = NULL, *second = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &first, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_program_import(program, "forward", &second, NULL), PERCEPT_OK);
    ck_assert_ptr_eq(first->values[1].data, second->values[1].data);
    ck_assert_float_eq(((const float *)first->values[1].data)[11], 11.5f);
    prt_graph_destroy(first);
    prt_graph_destroy(second);
    prt_program_close(program);
}
END_TEST

/* ---- the frame ---- */

START_TEST(short_files_are_malformed)
{
    for (size_t size = 0; size < 48; size++) {
        struct prt_program *program = NULL;
        struct percept_error error = {0};
        ck_assert_int_eq(prt_program_open_buffer(file.bytes, size, "cut", &program, &error),
                         PERCEPT_MALFORMED);
        ck_assert_ptr_null(program);
        ck_assert_str_ne(error.message, "");
    }
}
END_TEST

START_TEST(other_files_are_malformed)
{
    put(4, "TFL3", 4);
    expect("MALFORMED: the flatbuffer's identifier is not the expected one");
}
END_TEST

START_TEST(root_outside_the_file)
{
    put_u32(0, 0xfffffff0);
    expect("MALFORMED: an offset leads outside the flatbuffer");
}
END_TEST

START_TEST(header_states_more_than_there_is)
{
    put_u64(16, file.size + 1);
    char expected[128];
    snprintf(expected, sizeof expected,
             "MALFORMED: the header states a program of %zu bytes, the file has %zu", file.size + 1,
             file.size);
    expect(expected);
}
END_TEST

START_TEST(header_of_no_length)
{
    put_u32(12, 23);
    expect("MALFORMED: the extended header has a length of 23");
}
END_TEST

START_TEST(segments_before_the_program_ends)
{
    put_u64(24, 8);
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_ptr_nonnull(strstr(text, "MALFORMED: segments start at 8, the program ends at"));
    free(text);
}
END_TEST

START_TEST(segment_outside_the_file) /* CVE-2025-30405: offset + size overflows */
{
    size_t segment = flat_item(file.bytes, flat_follow(file.bytes, 0), PROGRAM_SEGMENTS, 0);
    put_u64(flat_field(file.bytes, segment, 0), UINT64_MAX - 15);
    expect("MALFORMED: segment 0 lies outside the file");
}
END_TEST

/* ---- tensors ---- */

START_TEST(size_in_bytes_overflows) /* CVE-2025-30402 */
{
    put_u32(item_at(value(0), TENSOR_SIZES, 0, 4), INT32_MAX);
    put_u32(item_at(value(0), TENSOR_SIZES, 1, 4), INT32_MAX);
    expect("MALFORMED: a tensor's size in bytes overflows");
    teardown();
    pte = (struct pte){0};
    pte_call(&pte, "aten::relu.out", "f32[1,1,1,1] >f32[1,1,1,1] =");
    file = pte_write(&pte, false);
    for (size_t i = 0; i < 4; i++)
        put_u32(item_at(value(0), TENSOR_SIZES, i, 4), INT32_MAX);
    expect("MALFORMED: a tensor's size in bytes overflows");
}
END_TEST

START_TEST(allocation_wraps_around) /* CVE-2025-30404: overlapping allocations */
{
    size_t allocation = flat_child(file.bytes, value(3), TENSOR_PLAN);
    put_u32(flat_field(file.bytes, allocation, 1), 0xfffffff8);
    put_u32(flat_field(file.bytes, allocation, 2), 0xffffffff);
    expect("MALFORMED: a tensor of 32 bytes at offset 18446744073709551608 lies outside its buffer "
           "of 64 bytes");
}
END_TEST

START_TEST(allocation_in_a_buffer_that_is_not)
{
    put_u32(flat_field(file.bytes, flat_child(file.bytes, value(3), TENSOR_PLAN), 0), 2);
    expect("MALFORMED: a tensor lies in buffer 2 of 2");
    put_u32(flat_field(file.bytes, flat_child(file.bytes, value(3), TENSOR_PLAN), 0), 0);
    expect("MALFORMED: a tensor lies in buffer 0 of 2");
}
END_TEST

START_TEST(buffer_of_negative_size)
{
    put_u64(item_at(plan(), PLAN_BUFFER_SIZES, 1, 8), UINT64_MAX);
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_ptr_nonnull(strstr(text, "lies outside its buffer of -1 bytes"));
    free(text);
}
END_TEST

START_TEST(too_many_dimensions) /* CVE-2025-54951 */
{
    pte.values[0].rank = 17;
    teardown();
    file = pte_write(&pte, false);
    expect("LIMIT: a tensor has 17 dimensions, 16 are the limit");
}
END_TEST

START_TEST(negative_size)
{
    put_u32(item_at(value(0), TENSOR_SIZES, 1, 4), (uint32_t)-3);
    expect("MALFORMED: a tensor has the size -3");
}
END_TEST

START_TEST(dim_order_is_no_permutation)
{
    put(item_at(value(0), TENSOR_ORDER, 1, 1), "\0", 1);
    expect("MALFORMED: a tensor's dim order is no permutation");
    put(item_at(value(0), TENSOR_ORDER, 1, 1), "\xff", 1);
    expect("MALFORMED: a tensor's dim order is no permutation");
    put_u32(flat_child(file.bytes, value(0), TENSOR_ORDER), 1);
    expect("MALFORMED: a tensor of 2 dimensions has a dim order of 1");
}
END_TEST

START_TEST(unknown_element_type)
{
    put(flat_field(file.bytes, value(0), TENSOR_DTYPE), "\x0c", 1);
    expect("UNSUPPORTED: a tensor has the unsupported element type 12");
}
END_TEST

START_TEST(storage_offset)
{
    put_u32(flat_field(file.bytes, value(0), TENSOR_OFFSET), 1);
    expect("UNSUPPORTED: a tensor has a storage offset");
}
END_TEST

START_TEST(weights_in_another_file)
{
    pte.values[1].external = "fc.weight";
    teardown();
    file = pte_write(&pte, false);
    expect("UNSUPPORTED: method 'forward', instruction 0, aten::linear.out: the weight 'fc.weight' "
           "is in a .ptd file, which was not given");
}
END_TEST

START_TEST(constant_that_does_not_exist)
{
    put_u32(flat_field(file.bytes, value(1), TENSOR_DATA), 3);
    expect("MALFORMED: constant 3 of 3");
}
END_TEST

START_TEST(constant_smaller_than_its_tensor)
{
    put_u32(item_at(value(2), TENSOR_SIZES, 0, 4), 5);
    expect("MALFORMED: constant 2 has 16 bytes, its tensor needs 20");
    teardown();
    file = pte_write(&pte, true);
    put_u32(item_at(value(1), TENSOR_SIZES, 0, 4), 5);
    expect("MALFORMED: constant 1 has 48 bytes, its tensor needs 60");
}
END_TEST

START_TEST(constant_outside_its_segment)
{
    size_t list = flat_child(file.bytes, flat_follow(file.bytes, 0), PROGRAM_CONSTANTS);
    put_u64(item_at(list, 1, 2, 8), UINT64_MAX - 3);
    expect("MALFORMED: constant 2 lies outside its segment");
}
END_TEST

START_TEST(initial_state_that_does_not_exist)
{
    put_u32(flat_field(file.bytes, value(3), TENSOR_DATA), 1);
    expect("MALFORMED: initial state in list 0 of 0");
}
END_TEST

/* ---- lists and indices ---- */

START_TEST(list_longer_than_the_file) /* CVE-2025-54952 */
{
    put_u32(flat_child(file.bytes, plan(), PLAN_VALUES), 0xffffffff);
    expect("MALFORMED: a vector is longer than the flatbuffer");
    put_u32(flat_child(file.bytes, plan(), PLAN_VALUES), 0x40000001); /* times 4 wraps in 32 bits */
    expect("MALFORMED: a vector is longer than the flatbuffer");
}
END_TEST

START_TEST(value_that_does_not_exist)
{
    put_u32(item_at(plan(), PLAN_OUTPUTS, 0, 4), 4);
    expect("MALFORMED: there is no value 4, only 4");
    put_u32(item_at(plan(), PLAN_OUTPUTS, 0, 4), (uint32_t)-1);
    expect("MALFORMED: there is no value -1, only 4");
}
END_TEST

static size_t call(void)
{
    size_t chain = flat_item(file.bytes, plan(), PLAN_CHAINS, 0);
    return flat_child(file.bytes, flat_item(file.bytes, chain, 2, 0), 1);
}

START_TEST(operator_that_does_not_exist)
{
    put_u32(flat_field(file.bytes, call(), 0), 1);
    expect("MALFORMED: an instruction calls operator or delegate 1 of 1");
}
END_TEST

START_TEST(argument_that_does_not_exist)
{
    put_u32(item_at(call(), 1, 2, 4), 99);
    expect("MALFORMED: there is no value 99, only 4");
}
END_TEST

START_TEST(too_few_arguments) /* CVE-2025-54950 */
{
    put_u32(flat_child(file.bytes, call(), 1), 2);
    expect("MALFORMED: method 'forward', instruction 0, aten::linear.out: has 2 arguments instead "
           "of 5");
}
END_TEST

/* CVE-2025-54949: a write outside of a list. Rows and row, the index, what is wrong. */
static const struct {
    const char *args, *message;
} rows_outside[] = {
    {"f32[2,3] f32[3] 1000000", "row 1000000 comes after 2 rows"},
    {"f32[2,3] f32[3] -1", "has no row -1"},
    {"f32[2,3] f32[3] 9223372036854775807", "has no row 9223372036854775807"},
    {"f32[2,3] f32[3] 2", "size 0 of tensor 0 is 3, at most 2"},
    {"f32[2,3] f32[4] 0", "size 1 of tensor 0 is 4, at most 3"},
    {"f32[2,3] f32[3,1] 0", "tensor 0 has 3 dimensions, the program states 2"},
    {"f32[2,3] i64[3] 0", "has rows and a row of different types"},
    {"7 f32[3] 0", "argument 0 is not a tensor"},
};

START_TEST(copy_index_outside)
{
    pte = (struct pte){0};
    pte_call(&pte, "executorch_prim::et_copy_index.tensor", rows_outside[_i].args);
    teardown();
    file = pte_write(&pte, false);
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_ptr_nonnull(strstr(text, "instruction 0, executorch_prim::et_copy_index.tensor: "));
    ck_assert_msg(strstr(text, rows_outside[_i].message) != NULL, "%s", text);
    free(text);
}
END_TEST

START_TEST(empty_union)
{
    drop(flat_item(file.bytes, plan(), PLAN_VALUES, 0), 1);
    expect("MALFORMED: a value has a type but no content");
}
END_TEST

START_TEST(instruction_without_arguments)
{
    size_t chain = flat_item(file.bytes, plan(), PLAN_CHAINS, 0);
    drop(flat_item(file.bytes, chain, 2, 0), 1);
    expect("MALFORMED: an instruction is empty or of kind 1");
}
END_TEST

START_TEST(call_of_a_delegate_with_null_lists) /* delegate list dereferenced when null */
{
    pte = (struct pte){0};
    pte_delegate(&pte, "XnnpackBackend", "f32[4] >f32[4]");
    teardown();
    file = pte_write(&pte, false);
    drop(plan(), 7);
    expect("MALFORMED: an instruction calls operator or delegate 0 of 0");
}
END_TEST

START_TEST(absent_lists_are_empty)
{
    for (unsigned field = 0; field < 10; field++) {
        drop(plan(), field);
        free(pte_import_bytes(file.bytes, file.size)); /* whatever it is, no crash */
        teardown();
        file = pte_write(&pte, false);
    }
    drop(flat_follow(file.bytes, 0), PROGRAM_METHODS);
    expect("MALFORMED: the program has no methods");
}
END_TEST

/* ---- size without end ---- */

/* Append a vector of count offsets that all lead to target, written behind it by the caller. */
static size_t many(uint32_t count)
{
    return flat_vector(&file, NULL, count, 4, 4);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

START_TEST(a_hundred_thousand_methods)
{
    teardown();
    file = pte_write(&pte, true);
    size_t list = many(100000), one = flat_table(&file, "o");
    flat_link(&file, one, 0, flat_text(&file, "forward"));
    for (size_t i = 0; i < 100000; i++)
        flat_link_at(&file, list + 4 + 4 * i, one);
    flat_link(&file, flat_follow(file.bytes, 0), PROGRAM_METHODS, list);
    expect("LIMIT: the program has 100000 methods, 1024 are the limit");
}
END_TEST

START_TEST(sharing_does_not_multiply_memory_or_time)
{
    /* A hundred thousand values, each the same list of a hundred thousand integers. */
    teardown();
    file = pte_write(&pte, true);
    const uint32_t count = 100000;
    size_t values = many(count), entry = flat_table(&file, "1o");
    flat_set(&file, entry, 0, 7);
    size_t list = flat_table(&file, "o");
    flat_link(&file, entry, 1, list);
    flat_link(&file, list, 0, flat_vector(&file, NULL, count, 8, 8));
    for (size_t i = 0; i < count; i++)
        flat_link_at(&file, values + 4 + 4 * i, entry);
    flat_link(&file, plan(), PLAN_VALUES, values);
    double start = seconds();
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_msg(strncmp(text, "MALFORMED: vectors are shared too often", 20) == 0 ||
                      strncmp(text, "NO_MEMORY", 9) == 0,
                  "%s", text);
    free(text);
    ck_assert_double_lt(seconds() - start, 5);
}
END_TEST

START_TEST(every_word_spoilt)
{
    pte_spoil_words(&file);
    teardown();
    pte = (struct pte){0};
    pte_call(&pte, "aten::cat.out", "(f32[2,3] cf32[2,1]) 1 >f32[2,4] =");
    pte_call(&pte, "aten::upsample_nearest2d.vec_out", "f32[1,1,2,2] - {2.0,2.0} >f32[1,1,4,4] =");
    pte_call(&pte, "aten::gelu.out", "f32[2] \"none\" >f32[2] =");
    pte_instruction(&pte, 3, 0, 4);
    file = pte_write(&pte, true);
    pte_spoil_words(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("program");
    TCase *tests = tcase_create("program");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    const TTest *const all[] = {
        good_file_imports,
        old_file_with_inline_constants_imports,
        methods_and_what_they_call_are_listed,
        a_table_may_share_its_field_list_with_a_smaller_one,
        constants_stay_where_they_are,
        short_files_are_malformed,
        other_files_are_malformed,
        root_outside_the_file,
        header_states_more_than_there_is,
        header_of_no_length,
        segments_before_the_program_ends,
        segment_outside_the_file,
        size_in_bytes_overflows,
        allocation_wraps_around,
        allocation_in_a_buffer_that_is_not,
        buffer_of_negative_size,
        too_many_dimensions,
        negative_size,
        dim_order_is_no_permutation,
        unknown_element_type,
        storage_offset,
        weights_in_another_file,
        constant_that_does_not_exist,
        constant_smaller_than_its_tensor,
        constant_outside_its_segment,
        initial_state_that_does_not_exist,
        list_longer_than_the_file,
        value_that_does_not_exist,
        operator_that_does_not_exist,
        argument_that_does_not_exist,
        too_few_arguments,
        empty_union,
        instruction_without_arguments,
        call_of_a_delegate_with_null_lists,
        absent_lists_are_empty,
        a_hundred_thousand_methods,
        sharing_does_not_multiply_memory_or_time,
        every_word_spoilt,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        tcase_add_test(tests, all[i]);
    tcase_add_loop_test(tests, copy_index_outside, 0, sizeof rows_outside / sizeof rows_outside[0]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
