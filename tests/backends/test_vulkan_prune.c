/* What is taken away of a shader, by small shaders written out in words. That what is left computes
 * the same is what all tests on a device say; that it is valid, vulkan_validation.sh. */
#include "backends/vulkan/prune.h"

#include <check.h>
#include <stdlib.h>

/* An instruction: its operands follow. */
#define OP(op, operands) ((operands) + 1) << 16 | (op)
enum { DECORATE = 71, TYPE_VOID = 19, TYPE_INT = 21, TYPE_BOOL = 20, TYPE_FUNCTION = 33 };
enum { CONSTANT = 43, SPEC_CONSTANT = 50, SPEC_CONSTANT_OP = 52, FUNCTION = 54, FUNCTION_END = 56 };
enum { PHI = 245, LOOP_MERGE = 246, SELECTION_MERGE = 247, LABEL = 248, BRANCH = 249 };
enum { BRANCH_CONDITIONAL = 250, SWITCH = 251, RETURN = 253, UNREACHABLE = 255 };
enum { I_ADD = 128, I_EQUAL = 170, NO_CONTRACTION = 42, SPEC_ID = 1 };

/* constant_id 0 is %6; %7: it is 3. */
/* clang-format off */
#define BEGIN \
    0x07230203, 0x10300, 0, 40, 0, \
    OP(DECORATE, 3), 6, SPEC_ID, 0, OP(DECORATE, 2), 20, NO_CONTRACTION, \
    OP(TYPE_VOID, 1), 1, OP(TYPE_INT, 3), 2, 32, 0, OP(TYPE_BOOL, 1), 3, \
    OP(TYPE_FUNCTION, 2), 4, 1, OP(CONSTANT, 3), 2, 5, 3, OP(SPEC_CONSTANT, 3), 2, 6, 0, \
    OP(SPEC_CONSTANT_OP, 5), 3, 7, I_EQUAL, 6, 5, \
    OP(FUNCTION, 4), 1, 8, 0, 4, OP(LABEL, 1), 9
#define END OP(RETURN, 0), OP(FUNCTION_END, 0)

/* %10: %20 = 3 + 3; %11: nothing; %12: %21 is %20 or 3 */
static const uint32_t either[] = {
    BEGIN, OP(SELECTION_MERGE, 2), 12, 0, OP(BRANCH_CONDITIONAL, 3), 7, 10, 11,
    OP(LABEL, 1), 10, OP(I_ADD, 4), 2, 20, 5, 5, OP(BRANCH, 1), 12,
    OP(LABEL, 1), 11, OP(BRANCH, 1), 12,
    OP(LABEL, 1), 12, OP(PHI, 6), 2, 21, 20, 10, 5, 11, END};
static const uint32_t first[] = {
    BEGIN, OP(BRANCH, 1), 10,
    OP(LABEL, 1), 10, OP(I_ADD, 4), 2, 20, 5, 5, OP(BRANCH, 1), 12,
    OP(LABEL, 1), 12, OP(PHI, 4), 2, 21, 20, 10, END};
/* clang-format on */

static uint32_t pruned_count;
static uint32_t *prune(const uint32_t *words, size_t bytes, uint32_t constant)
{
    size_t count = bytes / sizeof *words;
    uint32_t *pruned = vk_prune(words, &count, &constant, 1);
    ck_assert_ptr_nonnull(pruned);
    pruned_count = (uint32_t)count;
    return pruned;
}

START_TEST(a_branch_that_constants_close_is_gone)
{
    uint32_t *pruned = prune(either, sizeof either, 3);
    ck_assert_uint_eq(pruned_count, sizeof first / sizeof *first);
    ck_assert_mem_eq(pruned, first, sizeof first);
    free(pruned);
}
END_TEST

START_TEST(what_decorated_it_goes_with_it)
{
    uint32_t *pruned = prune(either, sizeof either, 4);
    /* Without the way by %10: its six words, the decoration of %20, the way there and its phi's. */
    ck_assert_uint_eq(pruned_count, sizeof either / sizeof *either - 9 - 3 - 5 - 2);
    for (uint32_t i = 5; i < pruned_count; i += pruned[i] >> 16)
        ck_assert((pruned[i] & 0xffff) != DECORATE || pruned[i + 1] != 20);
    free(pruned);
}
END_TEST

/* clang-format off */
/* A switch over %6 whose case 3 may leave it from inside another selection: the switch stays, with
 * one case, and its merge block. %13 is a truth that nobody knows. */
static const uint32_t chosen[] = {
    BEGIN, OP(I_EQUAL, 4), 3, 13, 22, 5,
    OP(SELECTION_MERGE, 2), 12, 0, OP(SWITCH, 6), 6, 11, 3, 10, 4, 14,
    OP(LABEL, 1), 10, OP(SELECTION_MERGE, 2), 15, 0, OP(BRANCH_CONDITIONAL, 3), 13, 16, 15,
    OP(LABEL, 1), 16, OP(BRANCH, 1), 12, OP(LABEL, 1), 15, OP(BRANCH, 1), 12,
    OP(LABEL, 1), 14, OP(BRANCH, 1), 12,
    OP(LABEL, 1), 11, OP(UNREACHABLE, 0),
    OP(LABEL, 1), 12, END};
static const uint32_t one_case[] = {
    BEGIN, OP(I_EQUAL, 4), 3, 13, 22, 5,
    OP(SELECTION_MERGE, 2), 12, 0, OP(SWITCH, 2), 6, 10,
    OP(LABEL, 1), 10, OP(SELECTION_MERGE, 2), 15, 0, OP(BRANCH_CONDITIONAL, 3), 13, 16, 15,
    OP(LABEL, 1), 16, OP(BRANCH, 1), 12, OP(LABEL, 1), 15, OP(BRANCH, 1), 12,
    OP(LABEL, 1), 12, END};
static const uint32_t no_case[] = {
    BEGIN, OP(I_EQUAL, 4), 3, 13, 22, 5,
    OP(SELECTION_MERGE, 2), 12, 0, OP(SWITCH, 2), 6, 11,
    OP(LABEL, 1), 11, OP(UNREACHABLE, 0),
    OP(LABEL, 1), 12, OP(UNREACHABLE, 0), OP(FUNCTION_END, 0)};
/* clang-format on */

/* %20 is in none of these shaders, so its decoration stays. */
START_TEST(a_switch_keeps_the_case_that_is_taken)
{
    uint32_t *pruned = prune(chosen, sizeof chosen, 3);
    ck_assert_uint_eq(pruned_count, sizeof one_case / sizeof *one_case);
    ck_assert_mem_eq(pruned, one_case, sizeof one_case);
    free(pruned);
}
END_TEST

START_TEST(a_merge_block_that_nobody_reaches_is_there)
{
    uint32_t *pruned = prune(chosen, sizeof chosen, 9);
    ck_assert_uint_eq(pruned_count, sizeof no_case / sizeof *no_case);
    ck_assert_mem_eq(pruned, no_case, sizeof no_case);
    free(pruned);
}
END_TEST

/* clang-format off */
/* A loop that is left at once when %6 is 3, so that nothing goes on to its next turn. */
static const uint32_t loop[] = {
    BEGIN, OP(BRANCH, 1), 10,
    OP(LABEL, 1), 10, OP(LOOP_MERGE, 3), 12, 11, 0, OP(BRANCH_CONDITIONAL, 3), 7, 12, 11,
    OP(LABEL, 1), 11, OP(BRANCH, 1), 10,
    OP(LABEL, 1), 12, END};
/* clang-format on */

START_TEST(a_loop_without_a_way_back_is_let_alone)
{
    size_t count = sizeof loop / sizeof *loop;
    ck_assert_ptr_null(vk_prune(loop, &count, (const uint32_t[]){3}, 1));
    ck_assert_uint_eq(count, sizeof loop / sizeof *loop);
    uint32_t *pruned = prune(loop, sizeof loop, 4); /* for ever */
    ck_assert_uint_lt(pruned_count, count);
    free(pruned);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vulkan prune");
    TCase *tests = tcase_create("prune");
    tcase_add_test(tests, a_branch_that_constants_close_is_gone);
    tcase_add_test(tests, what_decorated_it_goes_with_it);
    tcase_add_test(tests, a_switch_keeps_the_case_that_is_taken);
    tcase_add_test(tests, a_merge_block_that_nobody_reaches_is_there);
    tcase_add_test(tests, a_loop_without_a_way_back_is_let_alone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
