/*
 * What publishing costs: no allocation, and no system call but the wake-up of a reader that sleeps.
 * The publisher is a process whose thread may make that call and no other: the kernel kills it at
 * any that is not on the list. malloc and its kin are counted by the linker (--wrap).
 */
#include "mini.h"

#include "base/clock.h"

#include <check.h>
#include <linux/futex.h>
#include <poll.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAMPLES 200
#define PAUSE   (200 * BASE_NS_PER_US)
#define SECOND  ((int64_t)BASE_NS_PER_S)

/* ---- allocations, of the thread that counts ---- */

static _Thread_local unsigned long allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    allocations++;
    return __real_realloc(memory, size);
}

/* ---- the publisher ---- */

/* How the reader waits, and so what may wake it. */
enum waiting { NOBODY_WAITS, SLEEPS, POLLS, WAYS };

static bool confine(enum waiting waiting, int go)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    const struct scmp_arg_cmp from_test = {
        .arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)go};
    /* The clock is read without a call where the kernel offers that; the end is ours. */
    bool good =
        filter && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clock_gettime), 0) == 0 &&
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, &from_test) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0) == 0;
    const struct scmp_arg_cmp wakes = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = FUTEX_WAKE};
    if (waiting == SLEEPS)
        good =
            good && seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(futex), 1, &wakes) == 0;
    if (waiting == POLLS)
        good = good && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 0) == 0;
    return good && seccomp_load(filter) == 0;
}

/* Exits with 0 if all was published without an allocation, and when it is told to: what it has
 * published is gone with it. */
static _Noreturn void publisher(const char *path, enum waiting waiting, int ready, int go)
{
    char byte;
    struct mini *mini = mini_start(path, &(struct mini_options){.slots = 4});
    if (write(ready, "", 1) != 1 || read(go, &byte, 1) != 1 || !confine(waiting, go))
        _exit(2);
    allocations = 0;
    for (uint64_t stamp = 1; stamp <= SAMPLES; stamp++) {
        if (!mini_publish(mini, stamp))
            _exit(3);
        for (int64_t until = base_clock_ns() + PAUSE; base_clock_ns() < until;)
            ;
    }
    bool frugal = allocations == 0;
    _exit(read(go, &byte, 1) == 1 && frugal ? 0 : 4);
}

/* Read to the last sample, unless nobody is to wait. Returns how many there were. */
static unsigned read_samples(struct percept_subscription *subscription, enum waiting waiting)
{
    struct percept_sample sample = {0};
    struct pollfd news = {.fd = waiting == POLLS ? percept_subscription_fd(subscription) : -1,
                          .events = POLLIN};
    unsigned count = 0;
    int64_t patience = base_clock_ns() + 20 * SECOND; /* a publisher that was killed says nothing */
    while (sample.sequence < SAMPLES && waiting != NOBODY_WAITS && base_clock_ns() < patience) {
        if (waiting == POLLS)
            ck_assert_int_ge(poll(&news, 1, 1000), 0);
        count +=
            percept_next(subscription, waiting == POLLS ? 0 : SECOND, &sample, NULL) == PERCEPT_OK;
    }
    return count;
}

START_TEST(publishing_costs_a_wake_up_and_nothing_else)
{
    enum waiting waiting = (enum waiting)_i;
    const char *path = mini_path();
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_error error = {0};
    int ready[2], go[2], status;
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(go), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        publisher(path, waiting, ready[1], go[0]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_msg(percept_connect(path, &client, &error) == PERCEPT_OK, "%s", error.message);
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error),
                     PERCEPT_OK);
    if (waiting == POLLS)
        ck_assert_int_ge(percept_subscription_fd(subscription), 0);
    ck_assert_int_eq(write(go[1], "", 1), 1);
    unsigned count = read_samples(subscription, waiting);
    ck_assert_int_eq(write(go[1], "", 1), 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status), "killed by signal %d: a call that is not on the list",
                  WTERMSIG(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    if (waiting != NOBODY_WAITS)
        ck_assert_uint_gt(count, 0);
    percept_disconnect(client);
    for (int end = 0; end < 2; end++) {
        close(ready[end]);
        close(go[end]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ipc publish");
    TCase *tests = tcase_create("cost");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, publishing_costs_a_wake_up_and_nothing_else, 0, WAYS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
