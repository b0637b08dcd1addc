/* The hand-over between a source's thread and its pipeline's: who waits for whom, and for how long.
 */
#include "suite.h"

#include "pipelines/mailbox.h"

#include "base/clock.h"

static struct pipe_mailbox mailbox;
static struct pipe_frame_pool *pool;

static void setup(void)
{
    struct percept_error error;
    pipe_mailbox_init(&mailbox);
    ck_assert_int_eq(pipe_frame_pool_create(2, &pool, &error), PERCEPT_OK);
}

static void teardown(void)
{
    pipe_mailbox_fini(&mailbox);
    pipe_frame_pool_destroy(pool);
}

static void *read_one(void *argument)
{
    struct pipe_frame **frame = argument;
    enum percept_status status = pipe_mailbox_take(&mailbox, frame);
    ck_assert_int_eq(status, PERCEPT_OK);
    return NULL;
}

START_TEST(a_source_rests_no_longer_than_it_was_told)
{
    int64_t begin = base_clock_ns();
    ck_assert_int_eq(pipe_mailbox_wait_reader(&mailbox, begin + 5 * BASE_NS_PER_MS), PERCEPT_OK);
    ck_assert_int_ge(base_clock_ns() - begin, 5 * BASE_NS_PER_MS);
    ck_assert_int_eq(pipe_mailbox_wait_reader(&mailbox, 0), PERCEPT_OK); /* long over */
}
END_TEST

START_TEST(a_pipeline_that_waits_ends_the_rest)
{
    pthread_t reader;
    struct pipe_frame *frame = NULL;
    ck_assert_int_eq(pthread_create(&reader, NULL, read_one, &frame), 0);
    /* Returns at all: the limit is an hour away, and then there is none. */
    ck_assert_int_eq(pipe_mailbox_wait_reader(&mailbox, base_clock_ns() + 3600 * BASE_NS_PER_S),
                     PERCEPT_OK);
    ck_assert_int_eq(pipe_mailbox_wait_reader(&mailbox, -1), PERCEPT_OK);
    struct pipe_frame *put = pipe_frame_get(pool);
    ck_assert_ptr_null(pipe_mailbox_put(&mailbox, put));
    pthread_join(reader, NULL);
    ck_assert_ptr_eq(frame, put);
    pipe_frame_unref(frame);
}
END_TEST

START_TEST(a_frame_that_nobody_took_keeps_the_source_resting)
{
    int64_t begin = base_clock_ns();
    ck_assert_ptr_null(pipe_mailbox_put(&mailbox, pipe_frame_get(pool)));
    mailbox.reader_waits = true; /* woken, but not there yet */
    ck_assert_int_eq(pipe_mailbox_wait_reader(&mailbox, begin + 5 * BASE_NS_PER_MS), PERCEPT_OK);
    ck_assert_int_ge(base_clock_ns() - begin, 5 * BASE_NS_PER_MS);
}
END_TEST

START_TEST(cancelling_ends_every_wait)
{
    pipe_mailbox_cancel(&mailbox);
    ck_assert_int_eq(pipe_mailbox_wait_reader(&mailbox, -1), PERCEPT_CANCELLED);
    ck_assert_int_eq(pipe_mailbox_wait_reader(&mailbox, 0), PERCEPT_CANCELLED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tests = tcase_create("mailbox");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_source_rests_no_longer_than_it_was_told);
    tcase_add_test(tests, a_pipeline_that_waits_ends_the_rest);
    tcase_add_test(tests, a_frame_that_nobody_took_keeps_the_source_resting);
    tcase_add_test(tests, cancelling_ends_every_wait);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
