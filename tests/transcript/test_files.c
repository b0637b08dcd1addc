/* Files that are damaged, others', newer, read-only or may not grow: one clear line, and no harm.
 */
#include "place.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct percept_error error;
static struct place_page page;

static void write_file(const void *bytes, size_t size)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void sql(const char *text)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void refused(enum percept_status status, const char *says)
{
    struct transcript_store *store = NULL;
    error.message[0] = '\0';
    ck_assert_int_eq(transcript_store_open(file, "this boot", &store, &error), status);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(error.message, file) == error.message, "%s", error.message);
    ck_assert_msg(strstr(error.message, says) != NULL, "%s", error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}

static void fill(uint64_t lines)
{
    struct transcript_store *store = place_open();
    for (uint64_t n = 1; n <= lines; n++)
        place_add(store, n, "something that was said");
    transcript_store_close(store);
}

START_TEST(the_files_are_the_owners_alone)
{
    struct stat s;
    char log[160];
    umask(0);
    struct transcript_store *store = place_open();
    place_add(store, 1, "text");
    ck_assert_int_eq(stat(file, &s), 0);
    ck_assert_int_eq(s.st_mode & 0777, 0600);
    snprintf(log, sizeof log, "%s-wal", file);
    ck_assert_int_eq(stat(log, &s), 0);
    ck_assert_int_eq(s.st_mode & 0777, 0600);
    /* And this process's alone. */
    refused(PERCEPT_BUSY, "another process");
    transcript_store_close(store);
    ck_assert_int_eq(chmod(file, 0644), 0);
    transcript_store_close(place_open());
    ck_assert_int_eq(stat(file, &s), 0);
    ck_assert_int_eq(s.st_mode & 0777, 0600);
}
END_TEST

START_TEST(another_programs_file_is_left_as_it_is)
{
    sql("CREATE TABLE mail(x); INSERT INTO mail VALUES('dear'); PRAGMA user_version = 1;");
    refused(PERCEPT_MALFORMED, "another program's");
    ck_assert(place_has("dear"));
    write_file("just some text, longer than a header of SQLite's would be, to be sure of it: "
               "once upon a time, there was a file that was no database at all.",
               141);
    refused(PERCEPT_MALFORMED, "not a database");
    ck_assert(place_has("once upon a time"));
}
END_TEST

START_TEST(a_newer_ones_file_is_left_as_it_is)
{
    fill(1);
    sql("PRAGMA user_version = 2");
    refused(PERCEPT_VERSION, "newer");
    sql("PRAGMA user_version = 1");
    transcript_store_close(place_open());
    sql("PRAGMA user_version = 0");
    refused(PERCEPT_MALFORMED, "no version");
}
END_TEST

START_TEST(what_others_may_write_to_is_refused)
{
    fill(1);
    ck_assert_int_eq(chmod(file, 0662), 0);
    refused(PERCEPT_PERMISSION, "ours alone");
    ck_assert_int_eq(chmod(file, 0400), 0);
    refused(PERCEPT_PERMISSION, geteuid() == 0 ? "read-only" : "ermission");
    unlink(file);
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    refused(PERCEPT_PERMISSION, "ours alone");
    unlink(file);
    ck_assert_int_eq(symlink("/dev/null", file), 0);
    struct transcript_store *store;
    ck_assert_int_ne(transcript_store_open(file, "this boot", &store, &error), PERCEPT_OK);
    unlink(file);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    ck_assert_int_ne(transcript_store_open(file, "this boot", &store, &error), PERCEPT_OK);
    rmdir(file);
}
END_TEST

/* A table that lacks, or is, something else. */
START_TEST(a_file_without_its_tables_is_damaged)
{
    fill(1);
    sql("DROP TABLE words");
    refused(PERCEPT_MALFORMED, "damaged");
}
END_TEST

/* Every page in turn is overwritten: whatever is asked then, it is an answer or an error, and never
 * something else; the last page, or the first, is found. */
START_TEST(a_damaged_page_is_an_error_at_most)
{
    static char whole[4 << 20];
    fill(300);
    FILE *stream = fopen(file, "rb");
    size_t size = fread(whole, 1, sizeof whole, stream), found = 0;
    fclose(stream);
    for (size_t at = 0; at < size; at += 4096) {
        char *copy = malloc(size);
        memcpy(copy, whole, size);
        for (size_t i = 0; i < 4096; i++)
            copy[at + i] = (char)(i * 37 + at / 4096);
        write_file(copy, size);
        free(copy);
        struct transcript_store *store;
        if (transcript_store_open(file, "this boot", &store, &error) != PERCEPT_OK) {
            found++;
            continue;
        }
        struct transcript_line line = place_line(1000, "something new");
        struct transcript_store_stats stats;
        uint64_t erased;
        const struct transcript_limits limits = {.lines = 200};
        enum percept_status all[] = {
            place_page(store, (struct transcript_wish){0}, &page, &error),
            place_page(store, (struct transcript_wish){.search = "something"}, &page, &error),
            transcript_store_add(store, &line, 1, &error),
            transcript_store_keep(store, &limits, TODAY, &erased, &error),
        };
        transcript_store_stats(store, &stats);
        bool any = false;
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
            any |= all[i] == PERCEPT_MALFORMED;
        ck_assert_int_eq(any, stats.damaged);
        found += any;
        transcript_store_close(store);
    }
    ck_assert_uint_gt(found, size / 4096 / 2);
}
END_TEST

/* ---- a disk that is full ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_full_disk_costs_what_does_not_fit_and_no_more)
{
    uint64_t kept = 0, lost = 0;
    signal(SIGXFSZ, SIG_IGN);
    struct transcript_store *store = place_open();
    limit_files(200000);
    for (uint64_t n = 1; n <= 500; n++) {
        struct transcript_line line =
            place_line(n, "a text of some length, so that the disk is full "
                          "before long, and then there is no more room");
        if (transcript_store_add(store, &line, 1, &error) == PERCEPT_OK)
            kept++;
        else
            lost++;
    }
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_gt(kept, 0);
    ck_assert_msg(strstr(error.message, file) == error.message, "%s", error.message);
    struct transcript_store_stats stats;
    transcript_store_stats(store, &stats);
    ck_assert(!stats.damaged);
    ck_assert_uint_eq(stats.lines, kept);
    limit_files(RLIM_INFINITY);
    place_add(store, 1000, "room again");
    transcript_store_close(store);
    store = place_open();
    ck_assert_int_eq(place_page(store, (struct transcript_wish){0}, &page, &error), PERCEPT_OK);
    ck_assert_uint_eq(page.count, kept + 1);
    ck_assert_str_eq(place_search(store, "again"), "room again");
    transcript_store_close(store);
}
END_TEST

/* Not one byte more: to erase takes room, but to forget all does not. */
START_TEST(all_can_be_forgotten_on_a_disk_that_is_full)
{
    uint64_t erased = 0;
    signal(SIGXFSZ, SIG_IGN);
    struct transcript_store *store = place_open();
    for (uint64_t n = 1; n <= 400; n++)
        place_add(store, n, "qunforgettable, if the disk has no room for a log of what is erased");
    limit_files(4096);
    ck_assert_int_eq(transcript_store_forget(store, TODAY, TODAY, &erased, &error), PERCEPT_IO);
    ck_assert_int_eq(place_page(store, (struct transcript_wish){0}, &page, &error), PERCEPT_OK);
    ck_assert_uint_eq(page.count, 400);
    limit_files(65536);
    ck_assert_msg(transcript_store_forget(store, INT64_MIN, INT64_MIN, &erased, &error) ==
                      PERCEPT_OK,
                  "%s", error.message);
    ck_assert_uint_eq(erased, 400);
    ck_assert(!place_has("qunforgettable"));
    limit_files(RLIM_INFINITY);
    place_add(store, 401, "and on it goes");
    ck_assert_str_eq(place_search(store, "goes"), "and on it goes");
    transcript_store_close(store);
    transcript_store_close(place_open());
}
END_TEST

START_TEST(a_disk_that_is_full_from_the_start_is_a_clear_line)
{
    signal(SIGXFSZ, SIG_IGN);
    limit_files(0);
    struct transcript_store *store;
    ck_assert_int_eq(transcript_store_open(file, "this boot", &store, &error), PERCEPT_IO);
    limit_files(RLIM_INFINITY);
    ck_assert_msg(strstr(error.message, file) == error.message, "%s", error.message);
    transcript_store_close(place_open()); /* what is half made is made */
}
END_TEST

/* ---- a crash ---- */

/* A writer is killed whenever; what it said was kept is there, and nothing else, in order. */
START_TEST(what_was_kept_survives_a_crash)
{
    uint64_t last = 0;
    for (int round = 0; round < 12; round++) {
        int pipes[2];
        ck_assert_int_eq(pipe(pipes), 0);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            struct transcript_store *store = place_open();
            const struct transcript_limits limits = {.lines = 100};
            for (uint64_t n = last + 1;; n++) {
                uint64_t erased;
                place_add(store, n, "said before the crash");
                if (write(pipes[1], &n, sizeof n) != sizeof n)
                    _exit(1);
                if (n % 7 == 0)
                    transcript_store_keep(store, &limits, TODAY, &erased, &error);
            }
        }
        close(pipes[1]);
        uint64_t n, told = 0;
        for (int i = 0; i < 5 + 17 * round; i++) {
            ck_assert_int_eq(read(pipes[0], &n, sizeof n), sizeof n);
            told = n;
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(pipes[0], &n, sizeof n) == sizeof n)
            told = n;
        close(pipes[0]);
        struct transcript_store *store = place_open();
        ck_assert_int_eq(place_page(store, (struct transcript_wish){.newest = true}, &page, &error),
                         PERCEPT_OK);
        ck_assert_uint_ge(page.ids[0], told);
        ck_assert_uint_le(page.ids[0], told + 1);
        for (size_t i = 1; i < page.count; i++)
            ck_assert_uint_eq(page.ids[i], page.ids[i - 1] - 1);
        size_t all = page.count;
        ck_assert_int_eq(
            place_page(store, (struct transcript_wish){.search = "crash"}, &page, &error),
            PERCEPT_OK);
        ck_assert_uint_eq(page.count, all);
        last = page.ids[page.count - 1];
        transcript_store_close(store);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transcript_files");
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, place_make, place_remove);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, the_files_are_the_owners_alone);
    tcase_add_test(tests, another_programs_file_is_left_as_it_is);
    tcase_add_test(tests, a_newer_ones_file_is_left_as_it_is);
    tcase_add_test(tests, what_others_may_write_to_is_refused);
    tcase_add_test(tests, a_file_without_its_tables_is_damaged);
    tcase_add_test(tests, a_damaged_page_is_an_error_at_most);
    tcase_add_test(tests, a_full_disk_costs_what_does_not_fit_and_no_more);
    tcase_add_test(tests, all_can_be_forgotten_on_a_disk_that_is_full);
    tcase_add_test(tests, a_disk_that_is_full_from_the_start_is_a_clear_line);
    tcase_add_test(tests, what_was_kept_survives_a_crash);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
