/*
 * Kill the host of an isolated backend again and again while a model runs on it, and look at what
 * that leaves: soak_isolated [KILLS]. Every run's numbers are compared; the figures before and
 * after are printed, and growth is a failure.
 */
#include "backends/isolated/isolated.h"
#include "backends/cpu/cpu.h"
#include "base/clock.h"
#include "base/log.h"
#include "two_convs.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEDS = 4, WARM_UP = 200, MOST_GROWTH_KIB = 2048 };

static const struct prt_backend *proxy;
static atomic_bool is_over;

/* ---- what is there ---- */

struct figures {
    int descriptors, mappings, children;
    long rss_kib, shared_kib; /* shared: of memfds that are mapped */
};

/* Lines of a file that have a word; the sum of the numbers that follow it, if `sum` is there. */
static int count_lines(const char *path, const char *word, long *sum)
{
    char line[512];
    int count = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, word);
        count += at != NULL;
        if (at && sum)
            *sum += strtol(at + strlen(word), NULL, 10);
    }
    if (file)
        fclose(file);
    return count;
}

/* With the threads of this process, whose children they are. */
static int count_children(void)
{
    char command[96];
    int count = 0;
    snprintf(command, sizeof command, "ps --no-headers --ppid %d -o stat,comm", (int)getpid());
    FILE *list = popen(command, "r");
    char line[256];
    while (list && fgets(line, sizeof line, list))
        count += strstr(line, "percept-host") != NULL; /* running or dead */
    if (list)
        pclose(list);
    return count;
}

static struct figures look(void)
{
    struct figures figures = {.descriptors = left_descriptors()};
    figures.mappings = count_lines("/proc/self/maps", "memfd:", NULL);
    (void)count_lines("/proc/self/status", "VmRSS:", &figures.rss_kib);
    (void)count_lines("/proc/self/status", "RssShmem:", &figures.shared_kib);
    figures.children = count_children();
    return figures;
}

static void show(const char *when, const struct figures *figures)
{
    printf("%-8s %3d descriptors, %2d shared mappings, %2d hosts, RSS %ld KiB (%ld KiB shared)\n",
           when, figures->descriptors, figures->mappings, figures->children, figures->rss_kib,
           figures->shared_kib);
    fflush(stdout);
}

/* ---- killing ---- */

static struct isolated_stats stats(void)
{
    struct isolated_stats read = {0};
    (void)isolated_stats(proxy, &read);
    return read;
}

/* Within five milliseconds after it has come up: some die in a run, some between two. */
static void *kill_often(void *argument)
{
    unsigned seed = 1;
    pid_t last = 0;
    while (!atomic_load(&is_over)) {
        struct isolated_stats now = stats();
        if (strcmp(now.state, "running") == 0 && now.pid != last) {
            usleep((useconds_t)(rand_r(&seed) % 5000));
            last = now.pid;
            kill(last, SIGKILL);
        } else {
            usleep(200);
        }
    }
    return argument;
}

/* ---- running ---- */

struct counts {
    uint64_t runs, there, wrong, failed;
};

static void run_until(struct prt_model *model, int8_t expected[SEEDS][TWO_CONVS_ELEMENTS],
                      uint64_t kills, struct counts *counts)
{
    for (int seed = 0; stats().faults[ISOLATED_DIED] < kills; seed = (seed + 1) % SEEDS) {
        two_convs_fill(model, seed);
        counts->failed += prt_model_run(model, NULL) != PERCEPT_OK;
        counts->wrong +=
            memcmp(prt_model_output_data(model, 0), expected[seed], TWO_CONVS_ELEMENTS) != 0;
        counts->there += prt_model_placement(model, 0) == proxy;
        counts->runs++;
    }
}

static uint64_t kills = 10000;

START_TEST(deaths_leave_nothing)
{
    static int8_t expected[SEEDS][TWO_CONVS_ELEMENTS];
    const struct prt_backend *const here[] = {&prt_cpu_backend, NULL};
    struct percept_error error = {0};
    struct counts counts = {0};
    pthread_t killer;
    base_log_open("soak", BASE_LOG_ERROR);
    struct prt_model *model = two_convs(here, &error);
    for (int seed = 0; seed < SEEDS; seed++) {
        two_convs_fill(model, seed);
        (void)prt_model_run(model, NULL);
        memcpy(expected[seed], prt_model_output_data(model, 0), TWO_CONVS_ELEMENTS);
    }
    prt_model_destroy(model);
    int descriptors = left_descriptors();
    ck_assert_int_eq(isolated_open("cpu", NULL, &proxy, &error), PERCEPT_OK);
    ck_assert_int_eq(proxy->set("backoff_ms", "0", &error), PERCEPT_OK);
    ck_assert_int_eq(proxy->set("backoff_most_ms", "0", &error), PERCEPT_OK);
    const struct prt_backend *const backends[] = {proxy, &prt_cpu_backend, NULL};
    model = two_convs(backends, &error);
    ck_assert_ptr_eq(prt_model_placement(model, 0), proxy);
    ck_assert_int_eq(pthread_create(&killer, NULL, kill_often, NULL), 0);
    int64_t start = base_clock_ns();
    run_until(model, expected, WARM_UP, &counts);
    struct figures before = look();
    show("before", &before);
    run_until(model, expected, WARM_UP + kills, &counts);
    atomic_store(&is_over, true);
    pthread_join(killer, NULL);
    struct figures after = look();
    show("after", &after);
    struct isolated_stats told = stats();
    printf("%llu kills in %.0f s: %llu runs, %llu of them there, %llu failed, %llu wrong; "
           "%llu hosts started again\n",
           (unsigned long long)told.faults[ISOLATED_DIED],
           (double)(base_clock_ns() - start) / BASE_NS_PER_S, (unsigned long long)counts.runs,
           (unsigned long long)counts.there, (unsigned long long)counts.failed,
           (unsigned long long)counts.wrong, (unsigned long long)told.restarts);
    prt_model_destroy(model);
    isolated_close(proxy);
    int left = left_descriptors() - descriptors, children = count_children();
    bool no_child = waitpid(-1, NULL, WNOHANG) < 0;
    printf("closed: %d descriptors, %d hosts and %s children more than at first\n", left, children,
           no_child ? "no" : "some");
    ck_assert_uint_eq(counts.failed, 0);
    ck_assert_uint_eq(counts.wrong, 0);
    ck_assert_int_le(after.mappings, before.mappings + 1); /* of one host, up or not, as below */
    ck_assert_int_le(after.descriptors, before.descriptors + 4);
    ck_assert_int_le(after.children, 1);
    ck_assert_int_le(after.rss_kib, before.rss_kib + MOST_GROWTH_KIB);
    ck_assert_int_eq(left, 0);
    ck_assert(no_child);
}
END_TEST

int main(int argc, char **argv)
{
    kills = argc > 1 ? strtoull(argv[1], NULL, 10) : kills;
    Suite *suite = suite_create("soak");
    TCase *tests = tcase_create("isolated");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, deaths_leave_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the figures are of this process */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
