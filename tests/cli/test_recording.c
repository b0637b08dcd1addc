/* Recordings: what goes in comes out, also when there is no room for all of it. */
#include "cli/recording.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[64];
static struct percept_error error;
static struct recording_writer *writer;
static struct recording_topic topics[RECORDING_TOPICS];
static unsigned topic_count;

static void set_up(void)
{
    strcpy(path, "/tmp/percept-recording.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unlink(path); /* a recording has to be new */
    writer = NULL;
}

static void tear_down(void)
{
    recording_writer_free(writer);
    unlink(path);
}

/* A sample whose bytes follow from its number. */
static void add(unsigned topic, uint64_t sequence, size_t size)
{
    static unsigned char data[8 << 20];
    memset(data, (int)(sequence * 7 + topic), size);
    const struct percept_sample sample = {.data = data,
                                          .size = size,
                                          .sequence = sequence,
                                          .capture_ns = 1000 + (int64_t)sequence,
                                          .publish_ns = 2000 + (int64_t)sequence};
    ck_assert_msg(recording_add(writer, topic, &sample, &error) == PERCEPT_OK, "%s", error.message);
}

static void check_sample(const struct recording_sample *from, const char *topic, unsigned number,
                         uint64_t sequence, size_t size)
{
    const unsigned char *data = from->sample.data;
    ck_assert_str_eq(from->topic, topic);
    ck_assert_uint_eq(from->sample.sequence, sequence);
    ck_assert_uint_eq(from->sample.size, size);
    ck_assert_int_eq(from->sample.capture_ns, 1000 + (int64_t)sequence);
    ck_assert_int_eq(from->sample.publish_ns, 2000 + (int64_t)sequence);
    ck_assert_uint_eq((uintptr_t)data % 64, 0);
    size_t same = 0;
    while (same < size && data[same] == (unsigned char)(sequence * 7 + number))
        same++;
    ck_assert_uint_eq(same, size);
}

static struct recording_reader *open_it(FILE **file)
{
    struct recording_reader *reader;
    *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(*file);
    ck_assert_msg(recording_open(*file, path, &reader, &error) == PERCEPT_OK, "%s", error.message);
    return reader;
}

/* A description of a payload of one byte. */
static json_t *description(void)
{
    return json_loads("{\"name\": \"a/1\", \"size\": 4, \"fields\": "
                      "[{\"name\": \"x\", \"type\": \"u32\", \"offset\": 0}]}",
                      0, NULL);
}

START_TEST(what_goes_in_comes_out)
{
    /* Of any size, and chunks of one sample and of many. */
    static const size_t sizes[] = {0, 1, 63, 64, 65, 100000, 5 << 20, 3, 4 << 20, 1000};
    unsigned a, b;
    json_t *what = description();
    ck_assert_int_eq(recording_create(path, &writer, &error), PERCEPT_OK);
    ck_assert_int_eq(recording_add_topic(writer, "a", "a/1", what, &a, &error), PERCEPT_OK);
    ck_assert_int_eq(recording_add_topic(writer, "b", "b/1", NULL, &b, &error), PERCEPT_OK);
    json_decref(what);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        add(a, i + 1, sizes[i]);
        add(b, 2 * i + 1, 10);
    }
    ck_assert_int_eq(recording_finish(writer, topics, &topic_count, &error), PERCEPT_OK);
    ck_assert_uint_eq(topic_count, 2);
    ck_assert_uint_eq(topics[0].samples, sizeof sizes / sizeof *sizes);
    ck_assert_uint_eq(topics[1].bytes, 100);

    FILE *file;
    struct recording_sample sample;
    struct recording_reader *reader = open_it(&file);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_int_eq(recording_next(reader, &sample, &error), PERCEPT_OK);
        check_sample(&sample, "a", a, i + 1, sizes[i]);
        ck_assert_str_eq(sample.schema, "a/1");
        ck_assert_ptr_nonnull(sample.layout);
        ck_assert_uint_eq(sample.sample.lost, 0);
        ck_assert_int_eq(recording_next(reader, &sample, &error), PERCEPT_OK);
        check_sample(&sample, "b", b, 2 * i + 1, 10);
        ck_assert_ptr_null(sample.layout);
        ck_assert_uint_eq(sample.sample.lost, i ? 1 : 0);
    }
    ck_assert_int_eq(recording_next(reader, &sample, &error), PERCEPT_END);
    ck_assert(!recording_cut_off(reader));
    ck_assert_int_eq(recording_next(reader, &sample, &error), PERCEPT_END);
    recording_close(reader);
    fclose(file);
}
END_TEST

START_TEST(sequences_go_on_beyond_32_bits_and_begin_anew)
{
    static const uint64_t sequences[] = {UINT32_MAX - 1ull, UINT32_MAX + 3ull, UINT32_MAX + 4ull, 2,
                                         3};
    static const uint64_t losts[] = {0, 3, 0, 1, 0};
    unsigned a;
    ck_assert_int_eq(recording_create(path, &writer, &error), PERCEPT_OK);
    ck_assert_int_eq(recording_add_topic(writer, "a", "a/1", NULL, &a, &error), PERCEPT_OK);
    for (size_t i = 0; i < 5; i++)
        add(a, sequences[i], 8);
    ck_assert_int_eq(recording_finish(writer, topics, &topic_count, &error), PERCEPT_OK);

    FILE *file;
    struct recording_sample sample;
    struct recording_reader *reader = open_it(&file);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(recording_next(reader, &sample, &error), PERCEPT_OK);
        check_sample(&sample, "a", a, sequences[i], 8);
        ck_assert_uint_eq(sample.sample.lost, losts[i]);
    }
    recording_close(reader);
    fclose(file);
}
END_TEST

/* Where a file may not grow beyond what its chunks take, its end takes the room of the last one. */
START_TEST(without_room_for_the_end_the_newest_chunks_make_it)
{
    unsigned a;
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    ck_assert_int_eq(recording_create(path, &writer, &error), PERCEPT_OK);
    ck_assert_int_eq(recording_add_topic(writer, "a", "a/1", NULL, &a, &error), PERCEPT_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        add(a, i, 1000);
        ck_assert_int_eq(recording_settle(writer, &error), PERCEPT_OK);
    }
    FILE *file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    const rlim_t size = (rlim_t)ftell(file);
    fclose(file);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = size + 20, .rlim_max = limit.rlim_max});
    add(a, 4, 1000);
    ck_assert_int_ne(recording_settle(writer, &error), PERCEPT_OK);
    /* It says so again whenever it is asked for more. */
    error.message[0] = '\0';
    ck_assert_int_ne(recording_settle(writer, &error), PERCEPT_OK);
    ck_assert_str_eq(error.message, "File too large");
    ck_assert_int_ne(recording_finish(writer, topics, &topic_count, &error), PERCEPT_OK);
    ck_assert_str_eq(error.file, path);
    ck_assert_uint_eq(topics[0].samples, 2);

    struct recording_sample sample;
    struct recording_reader *reader = open_it(&file);
    for (uint64_t i = 1; i <= 2; i++) {
        ck_assert_int_eq(recording_next(reader, &sample, &error), PERCEPT_OK);
        check_sample(&sample, "a", a, i, 1000);
    }
    ck_assert_int_eq(recording_next(reader, &sample, &error), PERCEPT_END);
    ck_assert(!recording_cut_off(reader));
    recording_close(reader);
    fclose(file);
}
END_TEST

/* Any beginning of a recording is an error or what was whole of it. */
START_TEST(a_file_that_was_cut_is_read_as_far_as_it_goes)
{
    unsigned a, shown = 0;
    static char bytes[8192];
    ck_assert_int_eq(recording_create(path, &writer, &error), PERCEPT_OK);
    ck_assert_int_eq(recording_add_topic(writer, "a", "a/1", NULL, &a, &error), PERCEPT_OK);
    for (uint64_t i = 1; i <= 3; i++) {
        add(a, i, 100);
        ck_assert_int_eq(recording_settle(writer, &error), PERCEPT_OK);
    }
    ck_assert_int_eq(recording_finish(writer, topics, &topic_count, &error), PERCEPT_OK);
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ck_assert_uint_lt(size, sizeof bytes);
    for (size_t cut = 8; cut <= size; cut++) {
        struct recording_reader *reader;
        struct recording_sample sample;
        unsigned count = 0;
        file = fmemopen(bytes, cut, "rb");
        ck_assert_int_eq(recording_open(file, path, &reader, &error), PERCEPT_OK);
        while (recording_next(reader, &sample, &error) == PERCEPT_OK)
            check_sample(&sample, "a", a, ++count, 100);
        ck_assert_int_eq(error.status, PERCEPT_END);
        ck_assert_uint_ge(count, shown);
        shown = count;
        recording_close(reader);
        fclose(file);
    }
    ck_assert_uint_eq(shown, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recording");
    TCase *tests = tcase_create("recording");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_goes_in_comes_out);
    tcase_add_test(tests, sequences_go_on_beyond_32_bits_and_begin_anew);
    tcase_add_test(tests, without_room_for_the_end_the_newest_chunks_make_it);
    tcase_add_test(tests, a_file_that_was_cut_is_read_as_far_as_it_goes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
