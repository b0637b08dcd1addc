/* Grants outlive the daemon but not their time, the audit record keeps to its size. */
#include "daemon/audit.h"
#include "daemon/grants.h"

#include "base/clock.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char place[64], path[128];
static struct state_folder folder;
static struct grants *grants;
static struct percept_error error;
static const struct ipc_peer alice = {.uid = 1000, .pidfd = -1}, bob = {.uid = 1001, .pidfd = -1};

static void reopen(void)
{
    grants_close(grants);
    grants = grants_open(&folder, &error);
    ck_assert_ptr_nonnull(grants);
}

static void start(void)
{
    snprintf(place, sizeof place, "/tmp/percept-grants-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place));
    ck_assert_msg(state_open(place, &folder, &error) == PERCEPT_OK, "%s", error.message);
    snprintf(path, sizeof path, "%s/grants.json", place);
    reopen();
    ck_assert_int_eq(error.status, PERCEPT_OK);
}

static void remove_all(const char *where)
{
    DIR *directory = opendir(where);
    const struct dirent *entry;
    char name[512];
    while (directory && (entry = readdir(directory)) != NULL) {
        snprintf(name, sizeof name, "%s/%s", where, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(name) != 0)
            remove_all(name);
    }
    if (directory)
        closedir(directory);
    rmdir(where);
}

static void stop(void)
{
    grants_close(grants);
    grants = NULL;
    state_close(&folder);
    remove_all(place);
}

static enum percept_status add(const char *what, int64_t uid, const char *executable,
                               uint64_t seconds)
{
    const struct percept_grant terms = {
        .what = what, .uid = uid, .executable = executable, .seconds = seconds};
    return grants_add(grants, &terms, 0, &error);
}

static enum percept_status take(const char *what, int64_t uid)
{
    const struct percept_grant terms = {.what = what, .uid = uid, .executable = ""};
    return grants_remove(grants, &terms, &error);
}

static bool allowed(const struct ipc_peer *peer, const char *topic, const char *class)
{
    return grants_allow(grants, peer, topic, ipc_topic_class_find(class));
}

START_TEST(a_grant_is_for_one_user_and_what_it_names)
{
    ck_assert_int_eq(add("camera", 1000, "", 0), PERCEPT_OK);
    ck_assert_int_eq(add("door", 1001, "", 0), PERCEPT_OK);
    for (int round = 0; round < 2; round++) {
        ck_assert(allowed(&alice, "frames", "camera"));
        ck_assert(!allowed(&alice, "talk", "audio"));
        ck_assert(allowed(&bob, "door", "camera"));
        ck_assert(!allowed(&bob, "frames", "camera"));
        reopen(); /* and so it stays */
    }
    ck_assert_int_eq(take("camera", 1001), PERCEPT_NOT_FOUND);
    ck_assert_int_eq(take("camera", -1), PERCEPT_OK);
    reopen();
    ck_assert(!allowed(&alice, "frames", "camera"));
    ck_assert(allowed(&bob, "door", "camera"));
}
END_TEST

static int over_count;

static void over(void *context, const struct percept_grant *terms)
{
    ck_assert_ptr_eq(context, &over_count);
    ck_assert_str_eq(terms->what, "camera");
    over_count++;
}

START_TEST(a_grant_ends_with_its_time)
{
    ck_assert_int_eq(grants_next_end(grants), GRANTS_FOREVER);
    ck_assert_int_eq(add("camera", 1000, "", 6), PERCEPT_OK);
    ck_assert_int_eq(add("audio", 1000, "", 3600), PERCEPT_OK);
    int64_t end = grants_next_end(grants);
    ck_assert(allowed(&alice, "frames", "camera"));
    reopen(); /* which does not give it more time */
    ck_assert_int_eq(grants_next_end(grants), end);
    struct timespec until = {.tv_sec = end / BASE_NS_PER_S, .tv_nsec = end % BASE_NS_PER_S};
    ck_assert_int_eq(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL), 0);
    ck_assert(!allowed(&alice, "frames", "camera")); /* before anybody has looked */
    grants_expire(grants, over, &over_count);
    ck_assert_int_eq(over_count, 1);
    ck_assert_int_gt(grants_next_end(grants), end);
    ck_assert(allowed(&alice, "talk", "audio"));
}
END_TEST

static void edit(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "sed -i 's/%s/%s/' %s", from, to, path);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(a_grant_for_a_time_does_not_outlive_the_boot)
{
    ck_assert_int_eq(add("camera", 1000, "", 3600), PERCEPT_OK);
    ck_assert_int_eq(add("camera", 1001, "", 0), PERCEPT_OK);
    edit("\"boot\": \"[^\"]*\"", "\"boot\": \"another\"");
    reopen();
    ck_assert_int_eq(error.status, PERCEPT_OK);
    ck_assert(!allowed(&alice, "frames", "camera"));
    ck_assert(allowed(&bob, "frames", "camera"));
}
END_TEST

START_TEST(a_file_can_not_ask_for_more_than_could_be_given)
{
    ck_assert_int_eq(add("camera", 1000, "", 3600), PERCEPT_OK);
    edit("\"end_ns\": [0-9]*", "\"end_ns\": 9000000000000000000");
    reopen();
    ck_assert(!allowed(&alice, "frames", "camera"));
}
END_TEST

START_TEST(a_file_of_anything_gives_nothing)
{
    static const char *const files[] = {
        "", "[]", "{}", "null", "{\"version\": 1, \"boot\": \"\", \"grants\": 7}",
        "{\"version\": 1, \"boot\": \"\", \"grants\": [{}]}",
        "{\"version\": 1, \"boot\": \"\", \"grants\": [], \"more\": 1}",
        /* to everybody */
        "{\"version\": 1, \"boot\": \"\", \"grants\": [{\"what\": \"camera\", \"uid\": -1, "
        "\"executable\": \"\", \"end_ns\": 0, \"given_s\": 0, \"by\": 0}]}",
        "{\"version\": 1, \"boot\": \"\", \"grants\": [{\"what\": \"camera\", \"uid\": 1000, "
        "\"executable\": \"relative\", \"end_ns\": 0, \"given_s\": 0, \"by\": 0}]}"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ck_assert_int_eq(state_write(&folder, "grants.json", files[i], &error), PERCEPT_OK);
        reopen();
        ck_assert_msg(error.status == PERCEPT_MALFORMED, "%s", files[i]);
        ck_assert_ptr_nonnull(strstr(error.message, "damaged: nothing is granted"));
        ck_assert(!allowed(&alice, "frames", "camera"));
        ck_assert_int_eq(take("", -1), PERCEPT_NOT_FOUND);
    }
    /* The next one that is given replaces it. */
    ck_assert_int_eq(add("camera", 1000, "", 0), PERCEPT_OK);
    reopen();
    ck_assert_int_eq(error.status, PERCEPT_OK);
    ck_assert(allowed(&alice, "frames", "camera"));
}
END_TEST

START_TEST(a_name_that_can_not_be_kept_is_no_name)
{
    static const char *const names[] = {"relative", "/a\nb", "/\x7f", "/\xff"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_int_eq(add("camera", 1000, names[i], 0), PERCEPT_INVALID);
    ck_assert_int_eq(add("camera", -1, "", 0), PERCEPT_INVALID); /* to everybody */
    ck_assert_int_eq(add("camera", 1000, "/\xc3\xa4", 0), PERCEPT_OK);
}
END_TEST

START_TEST(there_are_so_many_and_no_more)
{
    for (int i = 0; i < GRANTS_MAX; i++)
        ck_assert_int_eq(add("camera", 2000 + i, "", 0), PERCEPT_OK);
    ck_assert_int_eq(add("camera", 1000, "", 0), PERCEPT_LIMIT);
    ck_assert_int_eq(add("camera", 2000, "", 60), PERCEPT_OK); /* replaces its own */
    reopen();
    ck_assert_int_eq(error.status, PERCEPT_OK);
    json_t *list = grants_json(grants);
    ck_assert_uint_eq(json_array_size(list), GRANTS_MAX);
    json_decref(list);
}
END_TEST

START_TEST(what_can_not_be_kept_is_not_given)
{
    ck_assert_int_eq(add("camera", 1000, "", 0), PERCEPT_OK);
    /* A folder where the new file should be: root, too, can't write that. */
    snprintf(path, sizeof path, "%s/grants.json.new", place);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_ne(add("audio", 1000, "", 0), PERCEPT_OK);
    ck_assert(!allowed(&alice, "talk", "audio"));
    ck_assert(allowed(&alice, "frames", "camera"));
    /* But what is taken is taken, and said to come back. */
    ck_assert_int_ne(take("camera", 1000), PERCEPT_OK);
    ck_assert(!allowed(&alice, "frames", "camera"));
}
END_TEST

/* ---- the record ---- */

static uint64_t read_records(struct audit *audit, uint64_t after, uint64_t *first, size_t *count)
{
    char *text = audit_json(audit, after);
    json_t *root = json_loads(text, 0, NULL), *record;
    size_t i;
    uint64_t number = after;
    ck_assert_ptr_nonnull(root);
    *count = 0;
    json_array_foreach(json_object_get(root, "records"), i, record)
    {
        uint64_t n = (uint64_t)json_integer_value(json_object_get(record, "n"));
        ck_assert_uint_gt(n, number);
        number = n;
        if ((*count)++ == 0)
            *first = n;
    }
    ck_assert_int_eq(json_integer_value(json_object_get(root, "last")), (json_int_t)number);
    json_decref(root);
    free(text);
    return number;
}

START_TEST(a_flood_of_records_pushes_out_its_own_alone)
{
    struct audit *audit;
    char line[3000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    ck_assert_int_eq(audit_open(&folder, &audit, &error), PERCEPT_OK);
    audit_write(audit, "subscribe", &alice, "frames", "");
    for (int i = 0; i < 4000; i++) /* 12 MiB */
        audit_write(audit, "refuse", &bob, "frames", line);
    audit_close(audit);

    struct stat status;
    off_t total = 0;
    static const char *const names[] = {"1001.jsonl", "1001.old.jsonl", "1000.jsonl"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/audit/%s", place, names[i]);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_uint_eq(status.st_mode & 0777, 0600);
        total += status.st_size;
    }
    ck_assert_int_lt(total, (off_t)9 << 20);

    /* A daemon that comes later goes on counting; a line cut short by a crash is left out. */
    FILE *file = fopen(path, "a");
    ck_assert_ptr_nonnull(file);
    fputs("{\"n\":999999,\"time", file);
    fclose(file);
    ck_assert_int_eq(audit_open(&folder, &audit, &error), PERCEPT_OK);
    uint64_t first = 0, last = 0, all = 0;
    size_t count;
    while ((last = read_records(audit, last, &first, &count)), count > 0) {
        ck_assert(all > 0 || first == 1); /* what alice did is still there */
        all += count;
    }
    ck_assert_uint_eq(last, 4001);
    ck_assert_uint_gt(all, 1000);
    audit_close(audit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grants");
    TCase *tests = tcase_create("grants");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_grant_is_for_one_user_and_what_it_names);
    tcase_add_test(tests, a_grant_ends_with_its_time);
    tcase_add_test(tests, a_grant_for_a_time_does_not_outlive_the_boot);
    tcase_add_test(tests, a_file_can_not_ask_for_more_than_could_be_given);
    tcase_add_test(tests, a_file_of_anything_gives_nothing);
    tcase_add_test(tests, a_name_that_can_not_be_kept_is_no_name);
    tcase_add_test(tests, there_are_so_many_and_no_more);
    tcase_add_test(tests, what_can_not_be_kept_is_not_given);
    tcase_add_test(tests, a_flood_of_records_pushes_out_its_own_alone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
