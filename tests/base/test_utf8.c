/* Characters of any bytes, and copies that stay characters. */
#include "base/utf8.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(every_character_comes_back)
{
    unsigned wrong = 0; /* a million assertions take their time */
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        char bytes[4];
        uint32_t back;
        size_t size = base_utf8_put(code, bytes, sizeof bytes);
        wrong += size == 0 || base_utf8_next(bytes, size, &back) != size || back != code ||
                 base_utf8_put(code, bytes, size - 1) != 0;
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(what_is_no_character_is_one_byte)
{
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xff",
                                      "\xc3",
                                      "\xe2\x82",
                                      "\xf0\x9f\x98",
                                      "\xc3("};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t code;
        ck_assert_uint_eq(base_utf8_next(bad[i], strlen(bad[i]), &code), 1);
        ck_assert_uint_eq(code, BASE_UTF8_BAD);
    }
}
END_TEST

START_TEST(a_copy_is_cut_between_characters)
{
    char to[6];
    ck_assert_uint_eq(base_utf8_copy("aéé", 5, to, sizeof to), 5);
    ck_assert_str_eq(to, "aéé");
    ck_assert_uint_eq(base_utf8_copy("aéé", 5, to, 5), 3);
    ck_assert_mem_eq(to, "a\xc3\xa9\0\0", 5);
    ck_assert_uint_eq(base_utf8_copy("\xff", 1, to, sizeof to), 3);
    ck_assert_mem_eq(to, "\xef\xbf\xbd\0\0\0", 6);
    ck_assert_uint_eq(base_utf8_copy("a", 1, to, 1), 0);
    ck_assert_uint_eq(base_utf8_fit("aéé", 5, 4), 3);
    ck_assert_uint_eq(base_utf8_fit("aéé", 5, 9), 5);
    ck_assert_uint_eq(base_utf8_fit("é", 2, 1), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tcase = tcase_create("utf8");
    tcase_set_timeout(tcase, 100); /* a sanitizer on a busy machine */
    tcase_add_test(tcase, every_character_comes_back);
    tcase_add_test(tcase, what_is_no_character_is_one_byte);
    tcase_add_test(tcase, a_copy_is_cut_between_characters);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
