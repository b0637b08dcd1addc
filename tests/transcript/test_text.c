/* Texts from anywhere become fit to be kept; what is searched for means itself. */
#include "transcript/search.h"
#include "transcript/text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct percept_error error;

START_TEST(utf8_is_what_the_standard_says)
{
    static const char *const good[] = {
        "", "plain", "ol\xc3\xa1", "\xe4\xbd\xa0", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe4\xbd",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xff"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(transcript_text_valid(good[i]), "%zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!transcript_text_valid(bad[i]), "%zu", i);
}
END_TEST

START_TEST(a_copy_is_valid_whatever_it_was_made_of)
{
    char to[64];
    ck_assert_uint_eq(transcript_text_copy(to, sizeof to,
                                           "a\xff"
                                           "b\x01"
                                           "c\xc2\x85"
                                           "d",
                                           100),
                      9);
    ck_assert_str_eq(to, "a\xef\xbf\xbd"
                         "b c d");
    ck_assert_uint_eq(transcript_text_copy(to, sizeof to, "", 0), 0);
    ck_assert_str_eq(to, "");
    /* No NUL within what may be read, and a character cut by it. */
    transcript_text_copy(to, sizeof to, "ab\xe4\xbd\xa0", 4);
    ck_assert_str_eq(to, "ab\xef\xbf\xbd\xef\xbf\xbd");
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char noise[48], small[40];
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (char)(rand() % 256);
        size_t bytes = transcript_text_copy(small, sizeof small, noise, sizeof noise);
        ck_assert_uint_eq(bytes, strlen(small));
        ck_assert_uint_lt(bytes, sizeof small);
        ck_assert(transcript_text_valid(small));
        ck_assert_ptr_null(strpbrk(small, "\n\r\t\x1b\x7f"));
    }
}
END_TEST

START_TEST(a_text_is_cut_between_characters)
{
    char to[6];
    ck_assert_uint_eq(transcript_text_copy(to, sizeof to, "abc\xe4\xbd\xa0", 100), 3);
    ck_assert_str_eq(to, "abc");
    ck_assert_uint_eq(transcript_text_copy(to, sizeof to, "ab\xe4\xbd\xa0", 100), 5);
}
END_TEST

static const char *expression(const char *words)
{
    static char result[TRANSCRIPT_EXPRESSION_BYTES];
    ck_assert_msg(transcript_search_expression(words, result, &error) == PERCEPT_OK, "%s",
                  error.message);
    return result;
}

START_TEST(what_is_searched_for_is_quoted)
{
    ck_assert_str_eq(expression("hello"), "\"hello\" ");
    ck_assert_str_eq(expression("  two\twords\n"), "\"two\" \"words\" ");
    ck_assert_str_eq(expression("say \"so\""), "\"say\" \"\"\"so\"\"\" ");
    ck_assert_str_eq(expression("hel*"), "\"hel\"* ");
    ck_assert_str_eq(expression("hel**"), "\"hel\"* ");
    ck_assert_str_eq(expression("*"), "\"*\" ");
    ck_assert_str_eq(expression("a OR NOT text:b"), "\"a\" \"OR\" \"NOT\" \"text:b\" ");
}
END_TEST

START_TEST(what_can_not_be_searched_for_is_refused)
{
    char result[TRANSCRIPT_EXPRESSION_BYTES], words[4 * TRANSCRIPT_SEARCH_BYTES] = "";
    static const char *const none[] = {"", "  \n ", "\xff", "good \xc3"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        ck_assert_int_eq(transcript_search_expression(none[i], result, &error), PERCEPT_INVALID);
    for (int i = 0; i < TRANSCRIPT_SEARCH_WORDS; i++)
        strcat(words, "a ");
    expression(words);
    strcat(words, "a");
    ck_assert_int_eq(transcript_search_expression(words, result, &error), PERCEPT_INVALID);
    /* The longest there may be, of what takes most room. */
    memset(words, '"', TRANSCRIPT_SEARCH_BYTES - 1);
    words[TRANSCRIPT_SEARCH_BYTES - 1] = '\0';
    ck_assert_uint_lt(strlen(expression(words)), TRANSCRIPT_EXPRESSION_BYTES);
    strcat(words, "\"");
    ck_assert_int_eq(transcript_search_expression(words, result, &error), PERCEPT_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transcript_text");
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 100); /* a sanitizer on a busy machine */
    tcase_add_test(tests, utf8_is_what_the_standard_says);
    tcase_add_test(tests, a_copy_is_valid_whatever_it_was_made_of);
    tcase_add_test(tests, a_text_is_cut_between_characters);
    tcase_add_test(tests, what_is_searched_for_is_quoted);
    tcase_add_test(tests, what_can_not_be_searched_for_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
