/* A table of options parses what it states, refuses the rest in one line, and is its own help. */
#include "base/options.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct values {
    bool json;
    const char *socket;
    unsigned long count;
    double seconds;
    struct base_option_list inputs;
    int operands;
    bool shown;
    struct percept_error error;
};

static enum percept_status parse(struct values *values, char **argv)
{
    const struct base_option options[] = {
        {"json", NULL, "print JSON", BASE_OPTION_FLAG, &values->json},
        {"socket", "PATH", "the socket", BASE_OPTION_TEXT, &values->socket},
        {"count", "N", "how many", BASE_OPTION_COUNT, &values->count},
        {"seconds", "SECONDS", "how long", BASE_OPTION_SECONDS, &values->seconds},
        {"input", "INDEX=FILE", "an input", BASE_OPTION_LIST, &values->inputs},
    };
    const struct base_usage usage = {
        .program = "percept test",
        .operands = "TOPIC [FILE]",
        .purpose = "Test.",
        .least = 1,
        .most = 2,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    int argc = 0;
    while (argv[argc])
        argc++;
    *values = (struct values){0};
    return base_options_parse(&usage, argc, argv, &values->operands, &values->shown,
                              &values->error);
}

#define ARGV(...) ((char *[]){"percept", __VA_ARGS__, NULL})

START_TEST(options_and_operands_may_be_mixed)
{
    struct values v;
    char **argv = ARGV("hands", "--count", "12", "--socket=/tmp/x=y", "out", "--json", "--seconds",
                       "0.5", "--input", "0=a.npy", "--input=1=b.bin");
    ck_assert_int_eq(parse(&v, argv), PERCEPT_OK);
    ck_assert_int_eq(v.operands, 2);
    ck_assert_str_eq(argv[1], "hands");
    ck_assert_str_eq(argv[2], "out");
    ck_assert(v.json && !v.shown);
    ck_assert_uint_eq(v.count, 12);
    ck_assert_double_eq(v.seconds, 0.5);
    ck_assert_str_eq(v.socket, "/tmp/x=y");
    ck_assert_uint_eq(v.inputs.count, 2);
    ck_assert_str_eq(v.inputs.items[1], "1=b.bin");
}
END_TEST

START_TEST(two_dashes_end_the_options)
{
    struct values v;
    char **argv = ARGV("--", "--json", "-");
    ck_assert_int_eq(parse(&v, argv), PERCEPT_OK);
    ck_assert_int_eq(v.operands, 2);
    ck_assert_str_eq(argv[1], "--json");
    ck_assert(!v.json);
}
END_TEST

START_TEST(help_wins_over_what_is_wrong_after_it)
{
    struct values v;
    ck_assert_int_eq(parse(&v, ARGV("--help", "--nonsense")), PERCEPT_OK);
    ck_assert(v.shown);
    ck_assert_int_eq(parse(&v, ARGV("a", "--version")), PERCEPT_INVALID); /* it has no release */
}
END_TEST

static const struct {
    const char *words[4];
    const char *message;
} refused[] = {
    {{"a", "--jsno"}, "unknown option '--jsno'"},
    {{"a", "-j"}, "unknown option '-j'"},
    {{"a", "--json=yes"}, "--json takes no value"},
    {{"a", "--socket"}, "--socket wants a value: PATH"},
    {{"a", "--count", "0"}, "--count wants a whole number from 1, not '0'"},
    {{"a", "--count", "-1"}, "--count wants a whole number from 1, not '-1'"},
    {{"a", "--count", "3x"}, "--count wants a whole number from 1, not '3x'"},
    {{"a", "--count", "99999999999999999999"},
     "--count wants a whole number from 1, not '99999999999999999999'"},
    {{"a", "--seconds", "nan"}, "--seconds wants seconds above 0, not 'nan'"},
    {{"a", "--seconds", "1e10"}, "--seconds wants seconds above 0, not '1e10'"},
    {{"a", "--seconds", "0"}, "--seconds wants seconds above 0, not '0'"},
    {{"a", "b", "c"}, "one operand too many: 'c'"},
    {{"--json"}, "missing operand; usage: percept test TOPIC [FILE]"},
};

START_TEST(a_wrong_line_is_refused_with_its_reason)
{
    struct values v;
    char words[4][64], *argv[6] = {"percept"};
    int argc = 1;
    for (size_t i = 0; i < 4 && refused[_i].words[i]; i++) {
        snprintf(words[i], sizeof words[i], "%s", refused[_i].words[i]);
        argv[argc++] = words[i];
    }
    ck_assert_int_eq(parse(&v, argv), PERCEPT_INVALID);
    ck_assert_str_eq(v.error.message, refused[_i].message);
}
END_TEST

START_TEST(a_list_has_an_end)
{
    struct values v;
    char *argv[2 * BASE_OPTION_LIST_MAX + 5] = {"percept", "a"};
    for (int i = 0; i <= BASE_OPTION_LIST_MAX; i++) {
        argv[2 + 2 * i] = "--input";
        argv[3 + 2 * i] = "0=x";
    }
    ck_assert_int_eq(parse(&v, argv), PERCEPT_INVALID);
    ck_assert_uint_eq(v.inputs.count, BASE_OPTION_LIST_MAX);
}
END_TEST

START_TEST(help_lists_every_option)
{
    const struct base_option options[] = {
        {"count", "N", "how many", BASE_OPTION_COUNT, NULL},
    };
    const struct base_usage usage = {.program = "percept test",
                                     .operands = "TOPIC",
                                     .purpose = "Test.",
                                     .options = options,
                                     .option_count = 1,
                                     .release = "1.2"};
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    base_options_help(&usage, file);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "usage: percept test [options] TOPIC\n"));
    ck_assert_ptr_nonnull(strstr(text, "--count N"));
    ck_assert_ptr_nonnull(strstr(text, "--version"));
    ck_assert_ptr_nonnull(strstr(text, "--help"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    tcase_add_test(tests, options_and_operands_may_be_mixed);
    tcase_add_test(tests, two_dashes_end_the_options);
    tcase_add_test(tests, help_wins_over_what_is_wrong_after_it);
    tcase_add_loop_test(tests, a_wrong_line_is_refused_with_its_reason, 0,
                        sizeof refused / sizeof refused[0]);
    tcase_add_test(tests, a_list_has_an_end);
    tcase_add_test(tests, help_lists_every_option);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
