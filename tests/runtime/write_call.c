/*
 * Write a program, for tests that need a file: write_call FILE OPERATOR "ARGUMENTS"..., a pair a
 * call (pte.h). What builds it asserts, so this is a test in form.
 */
#include "pte.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *path;
static char **calls; /* NULL-terminated pairs */

START_TEST(write_program)
{
    struct pte pte = {0};
    for (char **call = calls; *call; call += 2)
        pte_call(&pte, call[0], call[1]);
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
    if (argc < 4 || argc % 2)
        return 2;
    path = argv[1];
    calls = argv + 2;
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
