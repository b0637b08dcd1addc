/* What base promises: statuses map both ways, errors read well, checked arithmetic refuses, arenas
 * hold. */
#include "base/arena.h"
#include "base/checked.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/status.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(status_has_name_and_text)
{
    ck_assert_str_eq(percept_status_name(PERCEPT_NOT_FOUND), "NOT_FOUND");
    ck_assert_str_eq(percept_status_text(PERCEPT_NOT_FOUND), "not found");
    ck_assert_str_eq(percept_status_text((enum percept_status)(-999)), "unknown status");
}
END_TEST

START_TEST(error_names_the_place)
{
    struct percept_error error = {0};
    char text[128];
    ck_assert_int_eq(
        percept_fail_at(&error, PERCEPT_MALFORMED, "a.yaml", 3, 7, "unknown key '%s'", "rte"),
        PERCEPT_MALFORMED);
    ck_assert_str_eq(percept_error_format(&error, text, sizeof text),
                     "a.yaml:3:7: unknown key 'rte'");
    /* A prefix may quote the message it replaces. */
    percept_fail(&error, error.status, "config: %s", error.message);
    ck_assert_str_eq(error.message, "config: unknown key 'rte'");
    ck_assert_int_eq(percept_fail_errno(&error, ENOENT, "open x"), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "open x: No such file or directory");
    ck_assert_int_eq(percept_fail(NULL, PERCEPT_IO, "nobody listens"), PERCEPT_IO);
}
END_TEST

START_TEST(error_is_one_clean_line)
{
    struct percept_error error;
    percept_fail_at(&error, PERCEPT_MALFORMED, "a\nb", 0, 0, "no op '%s'", "\x1b[2J\n\x7f\xc3\xa4");
    ck_assert_str_eq(error.message, "no op '?[2J??\xc3\xa4'");
    ck_assert_str_eq(error.file, "a?b");
}
END_TEST

START_TEST(checked_arithmetic_refuses_overflow)
{
    size_t out = 42;
    ck_assert(!base_add_size(SIZE_MAX, 1, &out));
    ck_assert(!base_mul_size(SIZE_MAX / 2, 3, &out));
    ck_assert(!base_align_size(SIZE_MAX, 64, &out));
    ck_assert_uint_eq(out, 42);
    ck_assert(base_align_size(65, 64, &out) && out == 128);
    ck_assert(base_range_inside(10, 0, 10));
    ck_assert(!base_range_inside(11, 0, 10));
    ck_assert(!base_range_inside(UINT64_MAX, 2, UINT64_MAX));
}
END_TEST

START_TEST(arena_returns_zeroed_aligned_memory_within_its_limit)
{
    struct base_arena arena = {.limit = 1 << 20};
    unsigned char *previous = NULL;
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *memory = base_arena_alloc(&arena, size);
        ck_assert_ptr_nonnull(memory);
        ck_assert_ptr_ne(memory, previous);
        ck_assert_uint_eq((uintptr_t)memory % _Alignof(max_align_t), 0);
        unsigned char any = 0; /* an assertion a byte would take seconds under a sanitizer */
        for (size_t i = 0; i < size; i++)
            any |= memory[i];
        ck_assert_uint_eq(any, 0);
        memset(memory, 0xa5, size);
        previous = memory;
    }
    ck_assert_ptr_null(base_arena_alloc(&arena, 1 << 20));
    ck_assert_ptr_null(base_arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(base_arena_array(&arena, SIZE_MAX / 2, 4));
    ck_assert_str_eq(base_arena_strndup(&arena, "percept", 4), "perc");
    base_arena_reset(&arena);
    ck_assert_uint_eq(arena.total, 0);
    ck_assert_ptr_nonnull(base_arena_alloc(&arena, 100000));
    base_arena_reset(&arena);
}
END_TEST

/* Pairs of hashes that have a half in common. */
static size_t count_alike(const struct base_hash *seen, size_t count)
{
    size_t alike = 0; /* an assertion for each would take its time */
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            alike += seen[i].words[0] == seen[k].words[0] || seen[i].words[1] == seen[k].words[1];
    return alike;
}

START_TEST(hash_tells_every_bit_and_length_apart)
{
    enum { MOST = 1100, COUNT = MOST * 8 + MOST };
    static const size_t sizes[] = {150, MOST}; /* what is large goes another way */
    static struct base_hash seen[COUNT];
    unsigned char bytes[MOST] = {0};
    size_t size = sizes[_i], count = 0;
    memset(seen, 0, sizeof seen);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        base_hash_add(&seen[count++], bytes, size);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t part = 0; part < size; part++)
        base_hash_add(&seen[count++], bytes, part);
    ck_assert_uint_eq(count_alike(seen, count), 0);
    struct base_hash again = {0};
    base_hash_add(&again, bytes, size - 1);
    ck_assert_mem_eq(&again, &seen[count - 1], sizeof again);
    base_hash_add(&again, bytes, 0); /* a piece of no bytes is one, too */
    ck_assert_mem_ne(&again, &seen[count - 1], sizeof again);
}
END_TEST

/* How files decay: a page of zeros, one in the place of another, one that was not written. */
START_TEST(hash_tells_pages_that_are_lost_or_elsewhere)
{
    enum { PAGE = 4096, PAGES = 20, WORDS = PAGE / sizeof(uint32_t) };
    static uint32_t pages[PAGES][WORDS], kept[WORDS];
    static struct base_hash seen[2 * PAGES];
    for (uint32_t i = 0; i < PAGES * WORDS; i++)
        pages[i / WORDS][i % WORDS] = i;
    size_t count = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        memcpy(kept, pages[i], PAGE);
        memset(pages[i], 0, PAGE);
        base_hash_add(&seen[count++], pages, sizeof pages);
        memcpy(pages[i], pages[(i + 1) % PAGES], PAGE);
        base_hash_add(&seen[count++], pages, sizeof pages);
        memcpy(pages[i], kept, PAGE);
    }
    ck_assert_uint_eq(count_alike(seen, count), 0);
}
END_TEST

START_TEST(pages_are_zeroed_and_lie_where_huge_ones_can)
{
    const size_t sizes[] = {1, 5000, BASE_HUGE_PAGE, 3 * BASE_HUGE_PAGE + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *memory = base_pages_reserve(sizes[i]);
        ck_assert_ptr_nonnull(memory);
        if (sizes[i] >= BASE_HUGE_PAGE)
            ck_assert_uint_eq((uintptr_t)memory % BASE_HUGE_PAGE, 0);
        memory[0] = 7;
        base_pages_wish_huge(memory, 0, sizes[i]);
        base_pages_touch(memory, 0, sizes[i]);
        ck_assert_uint_eq(memory[0], 7);
        if (sizes[i] > 1)
            ck_assert_uint_eq(memory[sizes[i] - 1], 0);
        base_pages_free(memory, sizes[i]);
    }
    base_pages_free(NULL, 1);
    ck_assert_ptr_null(base_pages_reserve(SIZE_MAX - 5));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_test(tests, status_has_name_and_text);
    tcase_add_test(tests, error_names_the_place);
    tcase_add_test(tests, error_is_one_clean_line);
    tcase_add_test(tests, checked_arithmetic_refuses_overflow);
    tcase_add_test(tests, arena_returns_zeroed_aligned_memory_within_its_limit);
    tcase_add_loop_test(tests, hash_tells_every_bit_and_length_apart, 0, 2);
    tcase_add_test(tests, hash_tells_pages_that_are_lost_or_elsewhere);
    tcase_add_test(tests, pages_are_zeroed_and_lie_where_huge_ones_can);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
