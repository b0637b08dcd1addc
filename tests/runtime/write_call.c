/*
 * Write a program of one call, for tests that need a file: write_call FILE OPERATOR "ARGUMENTS"
 * (pte.h). What builds it asserts, so this is a test in form.
 */
#include "pte.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *path, *op_name, *arguments;

START_TEST(write_program)
{
    struct pte pte = {0};
    pte_call(&pte, op_name, arguments);
    struct flat file = pte_write(&pte, false);
    FILE *to = fopen(path, "wb");
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.size, to), file.size);
    ck_assert_int_eq(fclose(to), 0);
    free(file.bytes);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    path = argv[1];
    op_name = argv[2];
    arguments = argv[3];
    Suite *suite = suite_create("write");
    TCase *tests = tcase_create("write");
    tcase_add_test(tests, write_program);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
