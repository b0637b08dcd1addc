/* How a program's file is taken in: what happens to it later, and what is no file at all. */
#include "pte.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct flat file;

static void setup(void)
{
    struct pte pte = {0};
    pte_call(&pte, "aten::linear.out", "f32[2,3] cf32[4,3] cf32[4] >f32[2,4] =");
    file = pte_write(&pte, false);
}

static void teardown(void)
{
    free(file.bytes);
}

static void temporary_file(char path[64])
{
    strcpy(path, "/tmp/percept-program-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, file.bytes, file.size), (ssize_t)file.size);
    close(fd);
}

static float last_weight(const struct prt_program *program)
{
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    float weight = ((const float *)graph->values[1].data)[11];
    prt_graph_destroy(graph);
    return weight;
}

START_TEST(file_may_shrink_and_change_while_open) /* no SIGBUS, no second thoughts */
{
    char path[64];
    struct prt_program *program = NULL;
    temporary_file(path);
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_float_eq(last_weight(program), 11.5f);
    prt_program_close(program);
    unlink(path);
}
END_TEST

static const void *weights_of(const struct prt_program *program)
{
    struct prt_graph *graph = NULL;
    ck_assert_int_eq(prt_program_import(program, "forward", &graph, NULL), PERCEPT_OK);
    const void *data = graph->values[1].data;
    prt_graph_destroy(graph);
    return data;
}

START_TEST(file_opened_again_is_not_copied_again)
{
    char path[64];
    struct prt_program *programs[3] = {0};
    temporary_file(path);
    usleep(200000); /* a file that changed just now may change again */
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(prt_program_open(path, &programs[i], NULL), PERCEPT_OK);
    ck_assert_ptr_eq(weights_of(programs[0]), weights_of(programs[1]));
    prt_program_close(programs[0]); /* the other one still has it */
    ck_assert_float_eq(last_weight(programs[1]), 11.5f);

    /* The same bytes, but written again: nobody can know. */
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(write(fd, file.bytes, file.size), (ssize_t)file.size);
    close(fd);
    ck_assert_int_eq(prt_program_open(path, &programs[2], NULL), PERCEPT_OK);
    ck_assert_ptr_ne(weights_of(programs[1]), weights_of(programs[2]));
    prt_program_close(programs[1]);
    prt_program_close(programs[2]);
    unlink(path);
}
END_TEST

static bool changed_just_now(const char *path)
{
    struct stat info;
    struct timespec now;
    ck_assert_int_eq(stat(path, &info), 0);
    clock_gettime(CLOCK_REALTIME, &now);
    double age = (double)(now.tv_sec - info.st_ctim.tv_sec) +
                 (double)(now.tv_nsec - info.st_ctim.tv_nsec) * 1e-9;
    return age < 0.1;
}

START_TEST(file_that_changed_just_now_is_copied_each_time)
{
    for (bool copied = false; !copied;) {
        char path[64];
        struct prt_program *programs[2] = {0};
        temporary_file(path);
        for (int i = 0; i < 2; i++)
            ck_assert_int_eq(prt_program_open(path, &programs[i], NULL), PERCEPT_OK);
        copied = weights_of(programs[0]) != weights_of(programs[1]);
        ck_assert(copied || !changed_just_now(path)); /* it took too long: once more */
        for (int i = 0; i < 2; i++)
            prt_program_close(programs[i]);
        unlink(path);
    }
}
END_TEST

START_TEST(memfd_is_used_only_when_sealed)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char path[64];
    struct prt_program *program = NULL;
    ck_assert_int_eq(write(fd, file.bytes, file.size), (ssize_t)file.size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    /* Not sealed: later writes must not show. */
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
    uint8_t *zeros = calloc(1, file.size);
    ck_assert_int_eq(pwrite(fd, zeros, file.size, 0), (ssize_t)file.size);
    ck_assert_float_eq(last_weight(program), 11.5f);
    prt_program_close(program);
    /* Sealed: it is mapped as it is. */
    ck_assert_int_eq(pwrite(fd, file.bytes, file.size, 0), (ssize_t)file.size);
    ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    ck_assert_int_eq(prt_program_open(path, &program, NULL), PERCEPT_OK);
    ck_assert_float_eq(last_weight(program), 11.5f);
    char line[512];
    bool mapped = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        mapped |= strstr(line, "memfd:test") != NULL;
    fclose(maps);
    ck_assert(mapped);
    prt_program_close(program);
    free(zeros);
    close(fd);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    struct prt_program *program = NULL;
    struct percept_error error;
    char path[64];
    ck_assert_int_eq(prt_program_open("/nonexistent.pte", &program, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "/nonexistent.pte: cannot open: No such file or directory");
    ck_assert_int_eq(prt_program_open("/tmp", &program, &error), PERCEPT_INVALID);
    temporary_file(path);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(prt_program_open(path, &program, &error), PERCEPT_MALFORMED);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* without a writer: must not wait for one */
    ck_assert_int_eq(prt_program_open(path, &program, &error), PERCEPT_INVALID);
    unlink(path);
    ck_assert_ptr_null(program);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("program_file");
    TCase *tests = tcase_create("program_file");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, file_may_shrink_and_change_while_open);
    tcase_add_test(tests, file_opened_again_is_not_copied_again);
    tcase_add_test(tests, file_that_changed_just_now_is_copied_each_time);
    tcase_add_test(tests, memfd_is_used_only_when_sealed);
    tcase_add_test(tests, what_is_no_file_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
