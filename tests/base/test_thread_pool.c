/* What the pool promises: each task once, memory ordered both ways, callers never wait for each
 * other's turn. */
#include "base/thread_pool.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define TASKS 1000

struct tally {
    unsigned char runs[TASKS]; /* plain: each task writes its own, the pool orders them */
    atomic_uint workers_seen;
    unsigned threads;
};

static void count_task(void *context, size_t task, unsigned worker)
{
    struct tally *tally = context;
    atomic_fetch_or(&tally->workers_seen, 1u << worker);
    tally->runs[task]++;
}

static void run_and_check(struct base_pool *pool, size_t count)
{
    struct tally tally = {.threads = base_pool_threads(pool)};
    base_pool_run(pool, count, count_task, &tally);
    size_t wrong = 0; /* one assertion a run: Check writes to a file for each */
    for (size_t i = 0; i < TASKS; i++)
        wrong += tally.runs[i] != (i < count);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_lt(tally.workers_seen, 1u << tally.threads);
}

START_TEST(every_task_runs_exactly_once)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create((unsigned)_i, &pool, NULL), PERCEPT_OK);
    for (int round = 0; round < 300; round++)
        run_and_check(pool, (size_t)(round * 7 % (TASKS + 1)));
    base_pool_destroy(pool);
}
END_TEST

static void name_worker(void *context, size_t task, unsigned worker)
{
    unsigned char *workers = context;
    struct timespec pause = {.tv_nsec = 10000};
    nanosleep(&pause, NULL);
    workers[task] = (unsigned char)worker;
}

/* So that a CPU has in its caches what it goes on with in the next job. */
START_TEST(tasks_are_claimed_from_both_ends)
{
    struct base_pool *pool = NULL;
    bool both = false;
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
    for (int round = 0; round < 1000 && !both; round++) {
        unsigned char workers[64];
        unsigned changes = 0;
        base_pool_run(pool, sizeof workers, name_worker, workers);
        for (size_t i = 1; i < sizeof workers; i++)
            changes += workers[i] != workers[i - 1];
        ck_assert_uint_le(changes, 1);
        both = workers[0] == 0 && workers[sizeof workers - 1] == 1;
    }
    ck_assert(both);
    base_pool_destroy(pool);
}
END_TEST

/* ---- limits ---- */

/* Long enough that a worker which may help does. */
static void busy_task(void *context, size_t task, unsigned worker)
{
    struct tally *tally = context;
    struct timespec pause = {.tv_nsec = 100000};
    nanosleep(&pause, NULL);
    count_task(tally, task, worker);
}

static unsigned count_helpers(struct base_pool *pool)
{
    struct tally tally = {0};
    base_pool_run(pool, 100, busy_task, &tally);
    return (unsigned)__builtin_popcount(tally.workers_seen & ~1u);
}

START_TEST(no_more_workers_help_than_may)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(4, &pool, NULL), PERCEPT_OK);
    int64_t before = base_pool_helped_ns();
    base_pool_limit(pool, 0, NULL);
    ck_assert_uint_eq(count_helpers(pool), 0);
    ck_assert_int_eq(base_pool_helped_ns(), before);
    base_pool_limit(pool, 3, NULL);
    while (count_helpers(pool) < 3) /* until the last of them was quick enough */
        ;
    int64_t helped = base_pool_helped_ns() - before;
    ck_assert_int_gt(helped, 3 * 100000); /* one task each, at least */
    base_pool_destroy(pool);
}
END_TEST

struct limit_change {
    struct base_pool *pool;
    atomic_uint seen_after;
    atomic_bool limited;
};

/* The fifth task says that nobody may help any more; workers finish what they have. */
static void limiting_task(void *context, size_t task, unsigned worker)
{
    struct limit_change *change = context;
    struct timespec pause = {.tv_nsec = 100000};
    if (worker && atomic_load(&change->limited))
        atomic_fetch_add(&change->seen_after, 1);
    if (task == 5) {
        base_pool_limit(change->pool, 0, NULL);
        atomic_store(&change->limited, true);
    }
    nanosleep(&pause, NULL);
}

START_TEST(a_limit_takes_effect_within_a_run)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(4, &pool, NULL), PERCEPT_OK);
    struct limit_change change = {.pool = pool};
    base_pool_run(pool, 200, limiting_task, &change);
    ck_assert(change.limited);
    /* Each of the three workers may have been about to begin one. */
    ck_assert_uint_le(change.seen_after, 3);
    base_pool_destroy(pool);
}
END_TEST

static void *run_and_count(void *pool)
{
    return (void *)(uintptr_t)count_helpers(pool);
}

START_TEST(workers_can_be_one_threads_alone)
{
    struct base_pool *pool = NULL;
    pthread_t other;
    void *helpers = NULL;
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
    base_pool_limit(pool, 1, base_pool_thread());
    ck_assert_int_eq(pthread_create(&other, NULL, run_and_count, pool), 0);
    pthread_join(other, &helpers);
    ck_assert_ptr_null(helpers); /* none */
    while (count_helpers(pool) < 1)
        ;
    base_pool_destroy(pool);
}
END_TEST

/* ---- pauses ---- */

static void count_pause(void *context)
{
    ++*(unsigned *)context;
}

/* Of the pool's runs at least one pause each, of those alone one a task; other threads have none.
 */
START_TEST(a_caller_is_asked_to_pause)
{
    struct base_pool *pool = NULL;
    unsigned pauses = 0;
    pthread_t other;
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
    base_pool_set_pause(count_pause, &pauses);
    run_and_check(pool, 100);
    ck_assert_uint_ge(pauses, 1);
    pauses = 1;
    run_and_check(NULL, 100);
    ck_assert_uint_eq(pauses, 101);
    ck_assert_int_eq(pthread_create(&other, NULL, run_and_count, pool), 0);
    pthread_join(other, NULL);
    ck_assert_uint_eq(pauses, 101);
    base_pool_set_pause(NULL, NULL);
    run_and_check(pool, 100);
    ck_assert_uint_eq(pauses, 101);
    base_pool_destroy(pool);
}
END_TEST

/* A task of 3 ms is longer than what the pool runs without a pause. */
static void slow_task(void *context, size_t task, unsigned worker)
{
    struct timespec pause = {.tv_nsec = 3000000};
    nanosleep(&pause, NULL);
    count_task(context, task, worker);
}

START_TEST(a_long_run_pauses_on_the_way)
{
    enum { COUNT = 12 };
    struct base_pool *pool = NULL;
    unsigned pauses = 0;
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
    while (pauses < 3) { /* until the worker has left the caller its share */
        struct tally tally = {0};
        pauses = 0;
        base_pool_set_pause(count_pause, &pauses);
        base_pool_run(pool, COUNT, slow_task, &tally);
        base_pool_set_pause(NULL, NULL);
        for (size_t i = 0; i < TASKS; i++)
            ck_assert_uint_eq(tally.runs[i], i < COUNT);
    }
    base_pool_destroy(pool);
}
END_TEST

START_TEST(no_pool_runs_on_the_caller)
{
    base_pool_limit(NULL, 0, NULL);
    run_and_check(NULL, TASKS);
    ck_assert_uint_eq(base_pool_threads(NULL), 1);
}
END_TEST

START_TEST(sleeping_workers_wake_for_a_job)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(4, &pool, NULL), PERCEPT_OK);
    for (int round = 0; round < 20; round++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* well past the spin */
        run_and_check(pool, TASKS);
    }
    base_pool_destroy(pool);
}
END_TEST

static void *hammer(void *pool)
{
    for (int round = 0; round < 200; round++)
        run_and_check(pool, 64);
    return NULL;
}

struct placement {
    int caller;       /* the CPU it is on */
    atomic_bool kept; /* a worker was met that may not run there, but elsewhere */
};

static void look_around(void *context, size_t task, unsigned worker)
{
    struct placement *placement = context;
    cpu_set_t mine;
    (void)task;
    if (worker && sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) > 0 &&
        !CPU_ISSET((size_t)placement->caller, &mine))
        placement->kept = true;
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* Wherever the caller goes: beside an idle CPU, two on one would be slower than one. */
START_TEST(woken_workers_keep_off_the_callers_cpu)
{
    struct base_pool *pool = NULL;
    cpu_set_t allowed;
    ck_assert_int_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    if (CPU_COUNT(&allowed) < 2)
        return;
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        struct placement placement = {.caller = cpu};
        cpu_set_t here;
        if (!CPU_ISSET((size_t)cpu, &allowed))
            continue;
        CPU_ZERO(&here);
        CPU_SET((size_t)cpu, &here);
        ck_assert_int_eq(sched_setaffinity(0, sizeof here, &here), 0);
        for (int round = 0; round < 1000 && !placement.kept; round++) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* past the spin */
            base_pool_run(pool, 4, look_around, &placement);
        }
        ck_assert(placement.kept);
    }
    base_pool_destroy(pool);
}
END_TEST

START_TEST(several_callers_share_a_pool)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(3, &pool, NULL), PERCEPT_OK);
    pthread_t callers[6];
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(pthread_create(&callers[i], NULL, hammer, pool), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(callers[i], NULL);
    base_pool_destroy(pool);
}
END_TEST

static void *hog(void *stop)
{
    while (!atomic_load_explicit((atomic_bool *)stop, memory_order_relaxed))
        ;
    return NULL;
}

/* No statement about time: only that waiting for workers which rarely run ends, and ends right. */
START_TEST(taken_cores_change_no_result)
{
    enum { HOGS = 4, THREADS = 24 };
    atomic_bool stop = false;
    pthread_t hogs[HOGS];
    for (int i = 0; i < HOGS; i++)
        ck_assert_int_eq(pthread_create(&hogs[i], NULL, hog, &stop), 0);
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(THREADS, &pool, NULL), PERCEPT_OK);
    for (int round = 0; round < 50; round++)
        run_and_check(pool, TASKS);
    base_pool_destroy(pool);
    atomic_store(&stop, true);
    for (int i = 0; i < HOGS; i++)
        pthread_join(hogs[i], NULL);
}
END_TEST

static void nested(void *context, size_t task, unsigned worker)
{
    (void)task, (void)worker;
    run_and_check(context, 8);
}

START_TEST(a_task_may_run_tasks)
{
    struct base_pool *pool = NULL;
    ck_assert_int_eq(base_pool_create(2, &pool, NULL), PERCEPT_OK);
    base_pool_run(pool, 50, nested, pool);
    base_pool_destroy(pool);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    struct base_pool *pool = (struct base_pool *)&pool;
    struct percept_error error;
    ck_assert_int_eq(base_pool_create(100000, &pool, &error), PERCEPT_LIMIT);
    ck_assert_ptr_eq(pool, &pool);
    base_pool_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread_pool");
    TCase *tests = tcase_create("thread_pool");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_task_runs_exactly_once, 1, 9);
    tcase_add_test(tests, tasks_are_claimed_from_both_ends);
    tcase_add_test(tests, no_pool_runs_on_the_caller);
    tcase_add_test(tests, no_more_workers_help_than_may);
    tcase_add_test(tests, a_limit_takes_effect_within_a_run);
    tcase_add_test(tests, workers_can_be_one_threads_alone);
    tcase_add_test(tests, a_caller_is_asked_to_pause);
    tcase_add_test(tests, a_long_run_pauses_on_the_way);
    tcase_add_test(tests, sleeping_workers_wake_for_a_job);
    tcase_add_test(tests, woken_workers_keep_off_the_callers_cpu);
    tcase_add_test(tests, several_callers_share_a_pool);
    tcase_add_test(tests, a_task_may_run_tasks);
    tcase_add_test(tests, taken_cores_change_no_result);
    tcase_add_test(tests, absurd_sizes_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
