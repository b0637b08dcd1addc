/* A daemon that is confined does what it has to, and nothing that would be somebody else's. */
#include "daemon/confine.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool confined;
static struct percept_error error;

static bool refuses_network(int family)
{
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == EPERM;
}

static void *thread_before(void *unused)
{
    while (!atomic_load(&confined))
        usleep(1000);
    return refuses_network(AF_INET) ? unused : NULL;
}

START_TEST(what_is_not_on_the_list_fails)
{
    pthread_t thread;
    void *refused = NULL;
    char *const nothing[] = {"/bin/true", NULL};
    ck_assert_int_eq(pthread_create(&thread, NULL, thread_before, &error), 0);
    ck_assert_msg(daemon_confine(false, &error) == PERCEPT_OK, "%s", error.message);
    atomic_store(&confined, true);
    ck_assert_int_eq(pthread_join(thread, &refused), 0);
    ck_assert_msg(refused != NULL, "a thread that was there before");
    ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    ck_assert(refuses_network(AF_INET) && refuses_network(AF_INET6) && refuses_network(AF_NETLINK));
    ck_assert(!refuses_network(AF_UNIX));
    ck_assert(execv(nothing[0], nothing) == -1 && errno == EPERM);
    ck_assert(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 && errno == EPERM);
    ck_assert(mount("none", "/", "tmpfs", 0, NULL) == -1 && errno == EPERM);
    ck_assert(setresuid(1, 1, 1) == -1 && errno == EPERM);
    ck_assert(chroot("/") == -1 && errno == EPERM);
}
END_TEST

/* dsp and hosts of backends begin after that, too, and are as confined. */
START_TEST(programs_that_it_needs_begin_confined)
{
    int status = -1;
    ck_assert_msg(daemon_confine(true, &error) == PERCEPT_OK, "%s", error.message);
    pid_t child = fork();
    if (child == 0) {
        execlp("grep", "grep", "-q", "^NoNewPrivs:.1$", "/proc/self/status", (char *)NULL);
        _exit(99);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    ck_assert(refuses_network(AF_INET));
}
END_TEST

START_TEST(capabilities_of_root_go)
{
    char line[128] = "";
    if (geteuid() != 0)
        return;
    ck_assert_msg(daemon_drop_privileges(NULL, &error) == PERCEPT_OK, "%s", error.message);
    FILE *status = fopen("/proc/self/status", "re");
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "CapEff: %127s", line) == 1)
            break;
    fclose(status);
    ck_assert_str_eq(line, "0000000000880000"); /* SYS_PTRACE and SYS_NICE */
    ck_assert(chroot("/") == -1 && errno == EPERM);
}
END_TEST

START_TEST(another_user)
{
    ck_assert_int_eq(daemon_drop_privileges("no such user", &error), PERCEPT_NOT_FOUND);
    if (geteuid() != 0)
        return;
    ck_assert_msg(daemon_drop_privileges("nobody", &error) == PERCEPT_OK, "%s", error.message);
    ck_assert_uint_ne(geteuid(), 0);
    ck_assert_int_eq(setresuid(0, 0, 0), -1);
    ck_assert_int_eq(daemon_drop_privileges("root", &error), PERCEPT_PERMISSION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("confine");
    TCase *tests = tcase_create("confine");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, what_is_not_on_the_list_fails);
    tcase_add_test(tests, programs_that_it_needs_begin_confined);
    tcase_add_test(tests, capabilities_of_root_go);
    tcase_add_test(tests, another_user);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
