/* ETDumps: what is written is a FlatBuffer that our own, distrustful reader reads back. The Python
 * test test_etdump.py opens one with ExecuTorch's Inspector. */
#include "runtime/etdump.h"
#include "runtime/flatbuffer.h"
#include "runtime/flatbuffer_writer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- the writer ---- */

START_TEST(what_is_written_can_be_read)
{
    struct prt_fbw writer = {0};
    const struct prt_fbw_field fields[] = {PRT_FBW_U8(200), PRT_FBW_ABSENT, PRT_FBW_U64(1ULL << 40),
                                           PRT_FBW_OFFSET,  PRT_FBW_OFFSET, PRT_FBW_I32(-7)};
    const int64_t numbers[] = {5, -6};
    prt_fbw_start(&writer, "TEST", false);
    size_t table = prt_fbw_table(&writer, fields, 6);
    prt_fbw_link(&writer, table, 3, prt_fbw_text(&writer, "text"));
    prt_fbw_link(&writer, table, 4, prt_fbw_vector(&writer, numbers, 2, 8));
    ck_assert(prt_fbw_finish(&writer));

    struct prt_fb buffer = {0};
    size_t length;
    struct prt_fb_table root = prt_fb_open(&buffer, writer.bytes, writer.size, "TEST");
    ck_assert_uint_eq(prt_fb_u8(root, 0), 200);
    ck_assert(!prt_fb_has(root, 1));
    ck_assert_uint_eq(prt_fb_u64(root, 2), 1ULL << 40);
    const char *text = prt_fb_text(root, 3, &length);
    ck_assert_uint_eq(length, 4);
    ck_assert_mem_eq(text, "text", 4);
    struct prt_fb_vector list = prt_fb_list(root, 4, 8);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_int_eq((int64_t)prt_fb_item(list, 1, 8), -6);
    ck_assert_int_eq(prt_fb_i32(root, 5), -7);
    ck_assert_ptr_null(buffer.fault);
    prt_fbw_free(&writer);
}
END_TEST

START_TEST(more_than_2_gib_is_refused)
{
    struct prt_fbw writer = {0};
    prt_fbw_start(&writer, "TEST", true);
    prt_fbw_vector(&writer, NULL, UINT32_MAX, 8);
    prt_fbw_text(&writer, "after"); /* does nothing */
    ck_assert(!prt_fbw_finish(&writer));
    prt_fbw_free(&writer);
}
END_TEST

/* ---- the dump ---- */

static const struct prt_etdump_event add = {.name = "aten::add.out", .instruction = 3};

/* Behind the length that comes first, alignment is the reader's business; copy. */
static struct prt_fb_table open_dump(struct prt_fb *buffer, struct prt_etdump_file file,
                                     void **copy)
{
    uint32_t length;
    memcpy(&length, file.data, sizeof length);
    ck_assert_uint_eq(length, file.size - 4);
    ck_assert_int_eq(posix_memalign(copy, 64, file.size), 0);
    memcpy(*copy, (const char *)file.data + 4, file.size - 4);
    *buffer = (struct prt_fb){0};
    return prt_fb_open(buffer, *copy, file.size - 4, "ED00");
}

static struct prt_fb_table event_at(struct prt_fb_table root, uint32_t run, uint32_t event)
{
    struct prt_fb_table table = prt_fb_item_table(prt_fb_list(root, 1, 4), run);
    return prt_fb_item_table(prt_fb_list(table, 3, 4), event);
}

START_TEST(times_are_profile_events)
{
    struct prt_etdump *dump;
    struct prt_etdump_file file, buffer_file;
    struct prt_fb buffer;
    void *copy;
    ck_assert_int_eq(prt_etdump_create(&dump, NULL), PERCEPT_OK);
    prt_etdump_run(dump, "first");
    prt_etdump_time(dump, &add, 100, 250);
    prt_etdump_run(dump, "second");
    struct prt_etdump_event part = add;
    part.part = "xnn add #1";
    prt_etdump_time(dump, &add, 1, 2);
    prt_etdump_time(dump, &part, 300, 500);
    ck_assert_int_eq(prt_etdump_finish(dump, &file, &buffer_file, NULL), PERCEPT_OK);
    ck_assert_uint_eq(buffer_file.size, 0);
    struct prt_fb_table root = open_dump(&buffer, file, &copy);
    ck_assert_uint_eq(prt_fb_list(root, 1, 4).count, 2);
    struct prt_fb_table profile = prt_fb_child(event_at(root, 1, 1), 0);
    size_t length;
    ck_assert_mem_eq(prt_fb_text(profile, 0, &length), "aten::add.out", 13);
    ck_assert_int_eq(prt_fb_i32(profile, 2), 3);
    ck_assert_int_eq(prt_fb_i32(profile, 3), -1);
    ck_assert_mem_eq(prt_fb_text(profile, 4, &length), "xnn add #1", 10);
    ck_assert_uint_eq(prt_fb_u64(profile, 6), 300);
    ck_assert_uint_eq(prt_fb_u64(profile, 7), 500);
    ck_assert_ptr_null(buffer.fault);
    free(copy);
    prt_etdump_destroy(dump);
}
END_TEST

START_TEST(tensors_lie_row_by_row_in_the_debug_buffer)
{
    struct prt_etdump *dump;
    struct prt_etdump_file file, buffer_file;
    struct prt_fb buffer;
    void *copy;
    const float columns[] = {1, 4, 2, 5, 3, 6}; /* [2, 3], the columns one after the other */
    const struct prt_tensor spec = {
        .dtype = PRT_F32, .rank = 2, .sizes = {2, 3}, .dim_order = {1, 0}};
    const struct prt_tensor brain = {.dtype = PRT_BF16, .rank = 1, .sizes = {2}};
    ck_assert_int_eq(prt_etdump_create(&dump, NULL), PERCEPT_OK);
    prt_etdump_run(dump, "Execute");
    prt_etdump_tensor(dump, &add, &brain, columns, false); /* the Inspector knows no bfloat16 */
    prt_etdump_tensor(dump, &add, &spec, columns, false);
    prt_etdump_tensor(dump, &add, &spec, columns, true);
    ck_assert_int_eq(prt_etdump_finish(dump, &file, &buffer_file, NULL), PERCEPT_OK);
    ck_assert_uint_eq(buffer_file.size, 2 * sizeof columns);
    ck_assert_mem_eq(buffer_file.data, ((float[]){1, 2, 3, 4, 5, 6}), sizeof columns);
    struct prt_fb_table root = open_dump(&buffer, file, &copy);
    struct prt_fb_table value = prt_fb_child(prt_fb_child(event_at(root, 0, 1), 2), 2);
    struct prt_fb_table tensor = prt_fb_child(value, 1);
    ck_assert_uint_eq(prt_fb_u8(tensor, 0), PRT_F32);
    ck_assert_uint_eq(prt_fb_item(prt_fb_list(tensor, 1, 8), 1, 8), 3);
    ck_assert_uint_eq(prt_fb_item(prt_fb_list(tensor, 2, 8), 0, 8), 3);
    ck_assert_uint_eq(prt_fb_u64(tensor, 3), sizeof columns);
    ck_assert(prt_fb_bool(prt_fb_child(value, 7), 0));
    ck_assert_ptr_null(buffer.fault);
    free(copy);
    prt_etdump_destroy(dump);
}
END_TEST

START_TEST(an_event_outside_a_run_is_no_dump)
{
    struct prt_etdump *dump;
    struct prt_etdump_file file, buffer_file;
    ck_assert_int_eq(prt_etdump_create(&dump, NULL), PERCEPT_OK);
    prt_etdump_time(dump, &add, 1, 2);
    ck_assert_int_ne(prt_etdump_finish(dump, &file, &buffer_file, NULL), PERCEPT_OK);
    prt_etdump_destroy(dump);
    prt_etdump_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("etdump");
    TCase *tests = tcase_create("etdump");
    tcase_add_test(tests, what_is_written_can_be_read);
    tcase_add_test(tests, more_than_2_gib_is_refused);
    tcase_add_test(tests, times_are_profile_events);
    tcase_add_test(tests, tensors_lie_row_by_row_in_the_debug_buffer);
    tcase_add_test(tests, an_event_outside_a_run_is_no_dump);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
