/* Files that do to percept-probe whatever they can. */
#include "base/clock.h"
#include "daemon/filter.h"
#include "daemon/probe.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct probe *probe;
static struct percept_error error;

static void start_with(unsigned seconds)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/../tests/probe_hostile", getenv("PERCEPT_BIN"));
    setenv("PERCEPT_PROBE", path, 1);
    ck_assert_msg(probe_start(seconds, NULL, &probe, &error) == PERCEPT_OK, "%s", error.message);
}

static void start(void)
{
    start_with(60);
}

static void stop(void)
{
    probe_stop(probe);
    probe = NULL;
}

/* What becomes of a file that consists of this word. */
static enum percept_status probe_word(const char *word)
{
    static const uint8_t hash[SIGNING_HASH_BYTES];
    int file = memfd_create("word", MFD_CLOEXEC);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq((int)write(file, word, strlen(word)), (int)strlen(word));
    enum percept_status status = probe_model(probe, "word.pte", file, hash, &error);
    close(file);
    return status;
}

START_TEST(what_loads_passes)
{
    ck_assert_int_eq(probe_word("pass"), PERCEPT_OK);
    /* The daemon may have a backend for it. */
    ck_assert_int_eq(probe_word("lack"), PERCEPT_OK);
}
END_TEST

static const struct {
    const char *word, *told;
    enum percept_status status;
    bool is_limit; /* that a sanitizer does not let us set */
} faults[] = {
    {"crash", "killed by signal 11 (Segmentation fault)", PERCEPT_MALFORMED, true},
    {"eat", "no memory", PERCEPT_NO_MEMORY, true},
    {"leave", "(exit status 0) without a word", PERCEPT_MALFORMED, false},
    {"lie", "(exit status 0) without a word", PERCEPT_MALFORMED, false},
    {"forge", "all is well?perceptd: ?[31m", PERCEPT_INVALID, false},
};

START_TEST(what_does_not_is_refused_by_name)
{
    if (daemon_sanitized && faults[_i].is_limit)
        return;
    ck_assert_int_eq(probe_word(faults[_i].word), faults[_i].status);
    ck_assert_msg(strstr(error.message, faults[_i].told) != NULL, "%s", error.message);
    /* And it is none the worse for it. */
    ck_assert_int_eq(probe_word("pass"), PERCEPT_OK);
}
END_TEST

START_TEST(what_hangs_is_given_up)
{
    enum percept_status status;
    stop();
    start_with(2);
    ck_assert_int_eq(probe_word("hang"), PERCEPT_TIMED_OUT);
    ck_assert_ptr_nonnull(strstr(error.message, "not done after 2 s"));
    while ((status = probe_word("pass")) == PERCEPT_TIMED_OUT) /* the machine is slow */
        ;
    ck_assert_int_eq(status, PERCEPT_OK);
}
END_TEST

START_TEST(it_has_nothing_but_the_file)
{
    if (!daemon_sanitized)
        ck_assert_msg(probe_word("reach") == PERCEPT_OK, "%s", error.message);
}
END_TEST

static pid_t pid_of_probe(void)
{
    char command[96];
    int pid = 0;
    snprintf(command, sizeof command, "pgrep -P %d -f probe_hostile", (int)getpid());
    FILE *list = popen(command, "r");
    ck_assert_ptr_nonnull(list);
    ck_assert_int_eq(fscanf(list, "%d", &pid), 1);
    pclose(list);
    return pid;
}

START_TEST(one_that_is_lost_is_started_again)
{
    kill(pid_of_probe(), SIGKILL);
    ck_assert_int_eq(probe_word("pass"), PERCEPT_INTERNAL);
    ck_assert_ptr_nonnull(strstr(error.message, "word.pte: percept-probe"));
    ck_assert_int_eq(probe_word("pass"), PERCEPT_OK);
}
END_TEST

START_TEST(one_that_is_not_there_is_named)
{
    struct probe *none = NULL;
    setenv("PERCEPT_PROBE", "/nowhere/percept-probe", 1);
    ck_assert_int_eq(probe_start(1, NULL, &none, &error), PERCEPT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/percept-probe"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe");
    TCase *tests = tcase_create("probe");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, what_loads_passes);
    tcase_add_loop_test(tests, what_does_not_is_refused_by_name, 0,
                        sizeof faults / sizeof faults[0]);
    tcase_add_test(tests, what_hangs_is_given_up);
    tcase_add_test(tests, it_has_nothing_but_the_file);
    tcase_add_test(tests, one_that_is_lost_is_started_again);
    tcase_add_test(tests, one_that_is_not_there_is_named);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
