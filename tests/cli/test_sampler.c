/* Choosing tokens: the likeliest without temperature; with it, as often as their shares say, the
 * same again for the same seed, and none outside of top-p. */
#include "cli/sampler.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { CHOICES = 20000 };

static struct cli_sampler sampler_of(double temperature, double top_p, uint64_t seed, size_t count)
{
    struct cli_sampler sampler;
    ck_assert_int_eq(cli_sampler_init(&sampler, temperature, top_p, seed, count, NULL), PERCEPT_OK);
    return sampler;
}

START_TEST(without_temperature_the_likeliest)
{
    const float logits[] = {-1, 3, NAN, 3, 2};
    const float first_nan[] = {NAN, -2, -1};
    struct cli_sampler sampler = sampler_of(0, 1, 1, 5);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(cli_sampler_next(&sampler, logits), 1);
    cli_sampler_free(&sampler);
    sampler = sampler_of(0, 1, 1, 3);
    ck_assert_uint_eq(cli_sampler_next(&sampler, first_nan), 2);
    cli_sampler_free(&sampler);
}
END_TEST

START_TEST(as_often_as_the_shares_say)
{
    const float logits[] = {logf(1), logf(2), logf(5), -INFINITY, NAN};
    const double shares[] = {1 / 8.0, 2 / 8.0, 5 / 8.0, 0, 0};
    struct cli_sampler sampler = sampler_of(1, 1, 7, 5);
    double counts[5] = {0};
    for (int i = 0; i < CHOICES; i++)
        counts[cli_sampler_next(&sampler, logits)]++;
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(counts[i] / CHOICES, shares[i], 0.02);
    cli_sampler_free(&sampler);
}
END_TEST

START_TEST(temperature_flattens)
{
    const float logits[] = {logf(1), logf(4)};
    struct cli_sampler sampler = sampler_of(2, 1, 7, 2);
    double second = 0;
    for (int i = 0; i < CHOICES; i++)
        second += cli_sampler_next(&sampler, logits);
    ck_assert_double_eq_tol(second / CHOICES, 2 / 3.0, 0.02); /* sqrt(4) to sqrt(1) */
    cli_sampler_free(&sampler);
}
END_TEST

START_TEST(none_outside_of_top_p)
{
    const float logits[] = {logf(1), logf(4), logf(3), logf(2)};
    struct cli_sampler sampler = sampler_of(1, 0.65, 3, 4); /* 4 and 3 have 0.7 */
    double counts[4] = {0};
    for (int i = 0; i < CHOICES; i++)
        counts[cli_sampler_next(&sampler, logits)]++;
    ck_assert_double_eq(counts[0] + counts[3], 0);
    ck_assert_double_eq_tol(counts[1] / CHOICES, 4 / 7.0, 0.02);
    cli_sampler_free(&sampler);
    sampler = sampler_of(1, 1e-9, 3, 4); /* at least one */
    ck_assert_uint_eq(cli_sampler_next(&sampler, logits), 1);
    cli_sampler_free(&sampler);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_text)
{
    float logits[100];
    for (int i = 0; i < 100; i++)
        logits[i] = (float)(i % 7);
    struct cli_sampler a = sampler_of(1, 0.9, 42, 100), b = sampler_of(1, 0.9, 42, 100),
                       other = sampler_of(1, 0.9, 43, 100);
    int differ = 0;
    for (int i = 0; i < 200; i++) {
        uint32_t token = cli_sampler_next(&a, logits);
        ck_assert_uint_eq(token, cli_sampler_next(&b, logits));
        differ += token != cli_sampler_next(&other, logits);
    }
    ck_assert_int_gt(differ, 100);
    cli_sampler_free(&a);
    cli_sampler_free(&b);
    cli_sampler_free(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *tests = tcase_create("sampler");
    tcase_add_test(tests, without_temperature_the_likeliest);
    tcase_add_test(tests, as_often_as_the_shares_say);
    tcase_add_test(tests, temperature_flattens);
    tcase_add_test(tests, none_outside_of_top_p);
    tcase_add_test(tests, the_same_seed_gives_the_same_text);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
