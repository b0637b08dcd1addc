/* Models that never run at once take the memory of the largest, and what they cost together. */
#include "pte.h"
#include "run.h"

#include "backends/cpu/cpu.h"
#include "runtime/prt.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct prt_backend *const backends[] = {&prt_cpu_backend, NULL};
static struct prt_arena *arena;

static void setup(void)
{
    ck_assert_int_eq(prt_arena_create(&arena, NULL), PERCEPT_OK);
}

static void teardown(void)
{
    prt_arena_destroy(arena);
}

/* y = -(x * x) on `count` numbers. */
static struct prt_program *program_of(int count)
{
    struct pte pte = {0};
    char args[96];
    snprintf(args, sizeof args, "f32[%d] $0 >f32[%d] =", count, count);
    uint32_t x = pte_call(&pte, "aten::mul.out", args);
    snprintf(args, sizeof args, "$%u >f32[%d] =", x, count);
    pte_call(&pte, "aten::neg.out", args);
    return pte_open(&pte);
}

static void expect_right(struct prt_model *model, size_t count, float seed)
{
    float *x = prt_model_input_data(model, 0);
    for (size_t i = 0; i < count; i++)
        x[i] = seed + (float)(i % 100);
    ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
    const float *y = prt_model_output_data(model, 0);
    size_t wrong = 0; /* an assertion for each would take its time */
    for (size_t i = 0; i < count; i++)
        wrong += y[i] != -(seed + (float)(i % 100)) * (seed + (float)(i % 100));
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(models_take_turns_in_the_memory_of_the_largest)
{
    enum { SMALL = 1000, LARGE = 1 << 20 };
    struct prt_program *programs[2] = {program_of(SMALL), program_of(LARGE)};
    struct prt_model *small = run_model(programs[0], &(struct prt_model_options){.arena = arena});
    void *small_input = prt_model_input_data(small, 0);
    size_t before = prt_arena_bytes(arena);
    struct prt_model *large =
        run_model(programs[1], &(struct prt_model_options){.arena = arena}); /* grows the arena */
    struct prt_model_stats stats;
    prt_model_stats(large, &stats);
    ck_assert_uint_gt(prt_arena_bytes(arena), before);
    ck_assert_uint_lt(prt_arena_bytes(arena), stats.arena_bytes + stats.scratch_bytes + (4 << 20));
    /* One place for both, and where the first one lies has not changed. */
    ck_assert_ptr_eq(prt_model_input_data(small, 0), small_input);
    ck_assert_ptr_eq(prt_model_input_data(large, 0), small_input);
    for (int round = 0; round < 3; round++) {
        expect_right(small, SMALL, (float)round);
        expect_right(large, LARGE, (float)round + 0.5f);
    }
    prt_model_destroy(large);
    expect_right(small, SMALL, 7);
    prt_model_destroy(small);
    for (int i = 0; i < 2; i++)
        prt_program_close(programs[i]);
}
END_TEST

struct another {
    const struct prt_program *program;
    size_t made;
};

static void *make_another(void *context)
{
    struct another *another = context;
    struct prt_model *model = NULL;
    const struct prt_model_options options = {.backends = backends, .arena = arena};
    if (prt_model_create(another->program, &options, &model, NULL) == PERCEPT_OK)
        another->made++;
    prt_model_destroy(model);
    return NULL;
}

static void on_pause(void *another)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, make_another, another), 0);
    pthread_join(thread, NULL);
}

START_TEST(others_make_models_while_it_grows)
{
    enum { SMALL = 1000, LARGE = 4 << 20 };
    struct prt_program *small = program_of(SMALL), *large = program_of(LARGE);
    struct another another = {.program = small};
    base_pool_set_pause(on_pause, &another);
    struct prt_model *model = run_model(large, &(struct prt_model_options){.arena = arena});
    base_pool_set_pause(NULL, NULL);
    struct prt_model_stats stats;
    prt_model_stats(model, &stats);
    ck_assert_uint_ge(prt_arena_bytes(arena), stats.arena_bytes + stats.scratch_bytes);
    ck_assert_uint_ge(another.made, stats.arena_bytes / (4 << 20));
    expect_right(model, LARGE, 1);
    prt_model_destroy(model);
    prt_program_close(small);
    prt_program_close(large);
}
END_TEST

START_TEST(what_is_there_survives_a_model_that_fails)
{
    struct prt_program *program = program_of(1000);
    struct prt_model *model = run_model(program, &(struct prt_model_options){.arena = arena}),
                     *none = NULL;
    float *x = prt_model_input_data(model, 0);
    x[999] = 3;
    const struct prt_model_options options = {
        .backends = backends, .arena = arena, .method = "none"};
    ck_assert_int_ne(prt_model_create(program, &options, &none, NULL), PERCEPT_OK);
    ck_assert_ptr_null(none);
    ck_assert_float_eq(x[999], 3);
    prt_model_destroy(model);
    prt_program_close(program);
}
END_TEST

START_TEST(more_than_there_are_addresses_is_refused)
{
    struct pte pte = {0};
    struct prt_program *program;
    struct prt_model *model = NULL;
    struct percept_error error = {0};
    pte_call(&pte, "aten::neg.out", "f32[1073741824,4] >f32[1073741824,4] =");
    program = pte_open(&pte);
    const struct prt_model_options options = {.backends = backends, .arena = arena};
    ck_assert_int_ne(prt_model_create(program, &options, &model, &error), PERCEPT_OK);
    ck_assert(error.message[0]);
    prt_program_close(program);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("arena");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, models_take_turns_in_the_memory_of_the_largest);
    tcase_add_test(tests, others_make_models_while_it_grows);
    tcase_add_test(tests, what_is_there_survives_a_model_that_fails);
    tcase_add_test(tests, more_than_there_are_addresses_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
