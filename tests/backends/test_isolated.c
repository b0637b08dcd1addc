/* Backends in processes of their own: they compute what they compute here, and whatever becomes of
 * such a process, the numbers come and nothing is left behind. */
#include "backends/cpu/cpu.h"
#include "backends/isolated/isolated.h"
#include "base/clock.h"
#include "two_convs.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct prt_backend *const cpu_alone[] = {&prt_cpu_backend, NULL};
static const struct prt_backend *proxy;
static const struct prt_backend *backends[] = {NULL, &prt_cpu_backend, NULL};

static void set(const char *key, const char *value)
{
    struct percept_error error = {0};
    ck_assert_msg(proxy->set(key, value, &error) == PERCEPT_OK, "%s", error.message);
}

/* A proxy of the CPU's backend, hosted by that program. */
static void begin_with(const char *program)
{
    struct percept_error error = {0};
    setenv("PERCEPT_HOST", program, 1);
    ck_assert_msg(isolated_open("cpu", NULL, &proxy, &error) == PERCEPT_OK, "%s", error.message);
    backends[0] = proxy;
    set("deadline_ms", "120000"); /* what is slow under sanitizers is no fault */
}

static void begin(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/percept-host", getenv("PERCEPT_BIN"));
    begin_with(path);
}

static void begin_with_liar(const char *lie, const char *at)
{
    setenv("ISOLATED_LIE", lie, 1);
    setenv("ISOLATED_LIE_AT", at, 1);
    begin_with(ISOLATED_LIAR);
}

static struct isolated_stats stats(void)
{
    struct isolated_stats read;
    ck_assert(isolated_stats(proxy, &read));
    return read;
}

static void run_right(struct prt_model *model, int seed)
{
    two_convs_run(model, cpu_alone, seed);
}

static bool runs_there(const struct prt_model *model)
{
    return prt_model_placement(model, 0) == proxy;
}

/* Until the host has been started again so many times; the test's own timeout ends it otherwise. */
static void wait_for_restarts(uint64_t restarts)
{
    while (stats().restarts < restarts || strcmp(stats().state, "running") != 0)
        usleep(1000);
}

static void run_until_back(struct prt_model *model, int seed)
{
    for (run_right(model, seed); !runs_there(model); run_right(model, ++seed))
        usleep(1000);
}

/* ---- tests ---- */

START_TEST(it_computes_the_same_and_leaves_nothing)
{
    int descriptors = left_descriptors();
    for (int i = 0; i < 3; i++) {
        begin();
        struct prt_model *model = two_convs(backends, NULL);
        pid_t pid = stats().pid;
        struct prt_model *other = two_convs(backends, NULL);
        ck_assert(runs_there(model) && runs_there(other));
        ck_assert_int_eq(stats().pid, pid); /* one for both */
        run_right(model, i);
        run_right(other, i + 1);
        prt_model_destroy(model);
        run_right(other, i + 2);
        ck_assert_uint_eq(stats().runs, 3);
        prt_model_destroy(other);
        isolated_close(proxy);
        left_nothing(descriptors);
    }
}
END_TEST

START_TEST(what_nobody_asks_is_not_started)
{
    int descriptors = left_descriptors();
    begin();
    ck_assert_str_eq(stats().state, "not started");
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

START_TEST(only_what_enters_and_leaves_is_copied)
{
    struct prt_model_stats told;
    begin();
    struct prt_model *model = two_convs(backends, NULL);
    run_right(model, 1);
    prt_model_stats(model, &told);
    ck_assert_uint_eq(told.device.copied_bytes, 2 * TWO_CONVS_ELEMENTS); /* x and y */
    prt_model_destroy(model);
    isolated_close(proxy);
}
END_TEST

START_TEST(a_profile_has_the_times_of_the_other_side)
{
    struct prt_step_time times[3] = {0};
    begin();
    struct prt_model *model = two_convs(backends, NULL);
    uint32_t nodes = prt_model_graph(model)->node_count;
    ck_assert_uint_le(nodes, 3);
    int64_t start = base_clock_ns();
    ck_assert_int_eq(prt_model_run_profiled(model, times, NULL), PERCEPT_OK);
    for (uint32_t i = 0; i < nodes; i++) {
        ck_assert_ptr_nonnull(times[i].kernel);
        ck_assert_int_ge(times[i].start_ns, i ? times[i - 1].end_ns : start);
        ck_assert_int_gt(times[i].end_ns, times[i].start_ns);
    }
    prt_model_destroy(model);
    isolated_close(proxy);
}
END_TEST

START_TEST(a_killed_host_costs_no_frame_and_comes_back)
{
    int descriptors = left_descriptors();
    begin();
    struct prt_model *model = two_convs(backends, NULL);
    const void *x = prt_model_input_data(model, 0);
    run_right(model, 1);
    set("backoff_ms", "300000"); /* not while we look */
    set("backoff_most_ms", "300000");
    kill(stats().pid, SIGKILL);
    run_right(model, 2);
    ck_assert(!runs_there(model));
    ck_assert_str_eq(prt_model_gave_up(model), "cpu: its host is gone");
    ck_assert_ptr_eq(prt_model_input_data(model, 0), x); /* callers keep it */
    ck_assert_str_eq(stats().state, "lost");
    ck_assert_str_eq(stats().cause, "its host is gone");
    ck_assert_uint_eq(stats().faults[ISOLATED_DIED], 1);
    run_right(model, 3);
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

START_TEST(models_return_to_the_next_host)
{
    int descriptors = left_descriptors();
    begin();
    struct prt_model *model = two_convs(backends, NULL), *other = two_convs(backends, NULL);
    for (int i = 0; i < 3; i++) {
        pid_t pid = stats().pid;
        kill(pid, SIGKILL);
        run_right(model, i);
        run_until_back(model, i);
        run_until_back(other, i);
        ck_assert_ptr_null(prt_model_gave_up(model));
        ck_assert_int_ne(stats().pid, pid);
    }
    ck_assert_uint_eq(stats().restarts, 3);
    ck_assert_uint_eq(stats().faults[ISOLATED_DIED], 3);
    struct prt_model *later = two_convs(backends, NULL);
    ck_assert(runs_there(later));
    prt_model_destroy(model);
    prt_model_destroy(other);
    prt_model_destroy(later);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

START_TEST(a_host_that_dies_between_runs_is_missed_by_nobody)
{
    begin();
    struct prt_model *model = two_convs(backends, NULL);
    run_right(model, 1);
    kill(stats().pid, SIGKILL);
    wait_for_restarts(1);
    run_right(model, 2);
    ck_assert(runs_there(model));
    prt_model_destroy(model);
    isolated_close(proxy);
}
END_TEST

START_TEST(a_stopped_host_is_noticed_at_the_deadline)
{
    int descriptors = left_descriptors();
    begin();
    struct prt_model *model = two_convs(backends, NULL);
    run_right(model, 1);
    kill(stats().pid, SIGSTOP);
    set("deadline_ms", "50");
    set("backoff_ms", "300000");
    set("backoff_most_ms", "300000");
    run_right(model, 2);
    ck_assert_str_eq(prt_model_gave_up(model), "cpu: its host did not answer in 50 ms");
    ck_assert_uint_eq(stats().faults[ISOLATED_HUNG], 1);
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

static const struct {
    const char *lie, *told;
    enum isolated_fault fault;
} lies[] = {
    {"die", "its host is gone", ISOLATED_DIED},
    {"close", "its host is gone", ISOLATED_DIED},
    {"crash", "its host is gone", ISOLATED_DIED},
    {"hang", "its host did not answer in 300 ms", ISOLATED_HUNG},
    {"kind", "its host's answer makes no sense", ISOLATED_GARBAGE},
    {"sequence", "its host's answer makes no sense", ISOLATED_GARBAGE},
    {"status", "its host's answer makes no sense", ISOLATED_GARBAGE},
    {"short", "its host's answer makes no sense", ISOLATED_GARBAGE},
    {"long", "its host's answer makes no sense", ISOLATED_GARBAGE},
    {"refuse", "its host refuses: ????", ISOLATED_FAILED},
};

/* The liar tells the truth until its second run; so does the next one, which is a new process. */
START_TEST(a_lie_in_the_middle_of_a_run_costs_no_frame)
{
    int descriptors = left_descriptors();
    begin_with_liar(lies[_i].lie, "2");
    struct prt_model *model = two_convs(backends, NULL);
    run_right(model, 1);
    ck_assert(runs_there(model));
    if (lies[_i].fault == ISOLATED_HUNG)
        set("deadline_ms", "300");
    run_right(model, 2);
    set("deadline_ms", "120000");
    ck_assert(!runs_there(model));
    const char *told = prt_model_gave_up(model);
    ck_assert_msg(told && strstr(told, lies[_i].told), "%s", told);
    ck_assert_uint_eq(stats().faults[lies[_i].fault], 1);
    run_until_back(model, 3);
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

/* It gives descriptors away with each answer, shrinks and fills what is shared while it is read. */
START_TEST(what_a_host_does_to_shared_memory_is_numbers)
{
    int descriptors = left_descriptors();
    begin_with_liar("scribble", "1");
    struct prt_model *model = two_convs(backends, NULL);
    int with_a_host = left_descriptors();
    for (int i = 0; i < 20; i++) {
        two_convs_fill(model, i);
        ck_assert_int_eq(prt_model_run(model, NULL), PERCEPT_OK);
        ck_assert(runs_there(model));
        ck_assert_int_eq(left_descriptors(), with_a_host);
    }
    struct prt_step_time times[3] = {0};
    ck_assert_int_eq(prt_model_run_profiled(model, times, NULL), PERCEPT_OK);
    int64_t now = base_clock_ns();
    for (uint32_t i = 0; i < prt_model_graph(model)->node_count; i++)
        ck_assert(times[i].start_ns > 0 && times[i].end_ns <= now && strlen(times[i].kernel) < 64);
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

START_TEST(a_model_that_kills_hosts_is_left_to_others)
{
    int descriptors = left_descriptors();
    begin_with_liar("load", "1");
    struct prt_model *model = two_convs(backends, NULL);
    ck_assert(!runs_there(model));
    ck_assert_str_eq(prt_model_gave_up(model), "cpu: its host is gone");
    wait_for_restarts(1);
    run_right(model, 1);
    ck_assert(!runs_there(model)); /* for good */
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

START_TEST(a_model_that_kills_the_next_hosts_is_given_up)
{
    char mark[] = "/tmp/percept-mark-XXXXXX";
    int descriptors = left_descriptors();
    close(mkstemp(mark));
    unlink(mark);
    setenv("ISOLATED_MARK", mark, 1);
    begin_with_liar("reload", "0");
    struct prt_model *model = two_convs(backends, NULL);
    ck_assert(runs_there(model));
    kill(stats().pid, SIGKILL);
    wait_for_restarts(1);
    run_right(model, 1);
    ck_assert(!runs_there(model));
    ck_assert_uint_eq(stats().faults[ISOLATED_DIED], 1 + 3);
    unlink(mark);
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

START_TEST(who_is_not_of_this_version_or_absent_is_not_used)
{
    static const char *const lie[] = {"version", "absent", "die_early"};
    static const char *const told[] = {"its host is of another version", "no such device",
                                       "its host is gone"};
    int descriptors = left_descriptors();
    begin_with_liar(lie[_i], "1");
    ck_assert_str_eq(proxy->absent(), told[_i]);
    ck_assert_str_eq(stats().state, "absent");
    struct prt_model *model = two_convs(backends, NULL);
    run_right(model, 1);
    ck_assert(!runs_there(model));
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

START_TEST(without_another_backend_a_dead_host_is_an_error_until_the_next_one)
{
    struct percept_error error = {0};
    begin();
    const struct prt_backend *alone[] = {proxy, NULL};
    struct prt_model *model = two_convs(alone, NULL);
    set("backoff_ms", "300");
    kill(stats().pid, SIGKILL);
    ck_assert_int_eq(prt_model_run(model, &error), PERCEPT_DISCONNECTED);
    ck_assert_str_eq(error.message, "cpu: its host is gone");
    wait_for_restarts(1);
    run_right(model, 1);
    prt_model_destroy(model);
    isolated_close(proxy);
}
END_TEST

START_TEST(no_program_is_said)
{
    begin_with("/nowhere/percept-host");
    ck_assert_str_eq(proxy->absent(), "PERCEPT_HOST names no program");
    isolated_close(proxy);
}
END_TEST

START_TEST(options_are_checked_here_or_there)
{
    static const struct {
        const char *key, *value, *told;
    } wrong[] = {
        {"deadline_ms", "soon",
         "deadline_ms: expected a number of milliseconds from 1 to 3600000, got 'soon'"},
        {"deadline_ms", "0",
         "deadline_ms: expected a number of milliseconds from 1 to 3600000, got '0'"},
        {"speed", "9", "it has no options of its own, and so no 'speed'"},
    };
    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct percept_error error = {0};
        ck_assert_int_eq(proxy->set(wrong[i].key, wrong[i].value, &error), PERCEPT_INVALID);
        ck_assert_str_eq(error.message, wrong[i].told);
    }
    ck_assert_ptr_null(proxy->absent());
    isolated_close(proxy);
}
END_TEST

START_TEST(two_runs_are_in_flight_at_once)
{
    begin();
    struct prt_model *model = two_convs(backends, NULL), *other = two_convs(backends, NULL);
    two_convs_fill(model, 1);
    two_convs_fill(other, 2);
    ck_assert_int_eq(prt_model_start(model, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_start(other, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_start(other, NULL), PERCEPT_BUSY);
    ck_assert_int_eq(prt_model_wait(other, NULL), PERCEPT_OK);
    ck_assert_int_eq(prt_model_wait(model, NULL), PERCEPT_OK);
    ck_assert_uint_eq(stats().runs, 2);
    ck_assert_int_eq(prt_model_start(other, NULL), PERCEPT_OK);
    kill(stats().pid, SIGKILL);
    ck_assert_int_eq(prt_model_wait(other, NULL), PERCEPT_OK);
    run_until_back(model, 3);
    ck_assert_int_eq(prt_model_start(other, NULL), PERCEPT_OK);
    prt_model_destroy(other); /* in flight */
    prt_model_destroy(model);
    isolated_close(proxy);
}
END_TEST

/* A model of its own in each thread, all on one host, which dies again and again. */
static void *run_often(void *argument)
{
    for (int i = 0; i < 4; i++) {
        struct prt_model *model = two_convs(backends, NULL);
        for (int run = 0; run < 8; run++)
            run_right(model, run + *(int *)argument);
        prt_model_destroy(model);
    }
    return NULL;
}

START_TEST(it_may_die_under_several_threads)
{
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    int numbers[THREADS], descriptors = left_descriptors();
    begin_with_liar("die", "20");
    set("backoff_most_ms", "10");
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_often, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

/* Programs with a sanitizer in them take half a second to start. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { DEATHS = 20 };
#else
enum { DEATHS = 200 };
#endif

START_TEST(many_deaths_leave_nothing)
{
    int descriptors = left_descriptors();
    begin();
    set("backoff_ms", "0");
    set("backoff_most_ms", "0");
    struct prt_model *model = two_convs(backends, NULL);
    for (int i = 0; i < DEATHS; i++) {
        kill(stats().pid, SIGKILL);
        run_right(model, i);
        run_until_back(model, i);
    }
    ck_assert_uint_eq(stats().faults[ISOLATED_DIED], DEATHS);
    prt_model_destroy(model);
    isolated_close(proxy);
    left_nothing(descriptors);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("isolated");
    TCase *tests = tcase_create("isolated");
    tcase_set_timeout(tests, 250);
    tcase_add_test(tests, it_computes_the_same_and_leaves_nothing);
    tcase_add_test(tests, what_nobody_asks_is_not_started);
    tcase_add_test(tests, only_what_enters_and_leaves_is_copied);
    tcase_add_test(tests, a_profile_has_the_times_of_the_other_side);
    tcase_add_test(tests, a_killed_host_costs_no_frame_and_comes_back);
    tcase_add_test(tests, models_return_to_the_next_host);
    tcase_add_test(tests, a_host_that_dies_between_runs_is_missed_by_nobody);
    tcase_add_test(tests, a_stopped_host_is_noticed_at_the_deadline);
    tcase_add_loop_test(tests, a_lie_in_the_middle_of_a_run_costs_no_frame, 0,
                        sizeof lies / sizeof lies[0]);
    tcase_add_test(tests, what_a_host_does_to_shared_memory_is_numbers);
    tcase_add_test(tests, a_model_that_kills_hosts_is_left_to_others);
    tcase_add_test(tests, a_model_that_kills_the_next_hosts_is_given_up);
    tcase_add_loop_test(tests, who_is_not_of_this_version_or_absent_is_not_used, 0, 3);
    tcase_add_test(tests, without_another_backend_a_dead_host_is_an_error_until_the_next_one);
    tcase_add_test(tests, no_program_is_said);
    tcase_add_test(tests, options_are_checked_here_or_there);
    tcase_add_test(tests, two_runs_are_in_flight_at_once);
    tcase_add_test(tests, it_may_die_under_several_threads);
    tcase_add_test(tests, many_deaths_leave_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
