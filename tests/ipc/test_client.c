/* What an app sees of Percept: samples, waiting, the end, and clear refusals. */
#include "mini.h"

#include "base/clock.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND BASE_NS_PER_S

static const char *path;
static struct mini *mini;
static struct percept_client *client;
static struct percept_error error;

static void start_with(const struct mini_options *options)
{
    path = mini_path();
    mini = mini_start(path, options);
    ck_assert_msg(percept_connect(path, &client, &error) == PERCEPT_OK, "%s", error.message);
}

static void start(void)
{
    start_with(NULL);
}

static void stop(void)
{
    percept_disconnect(client);
    mini_stop(mini);
    client = NULL;
    mini = NULL;
}

static struct percept_subscription *subscribe(enum percept_reading reading)
{
    struct percept_subscribe_options options = {.reading = reading};
    struct percept_subscription *subscription;
    ck_assert_msg(percept_subscribe(client, MINI_TOPIC, &options, &subscription, &error) ==
                      PERCEPT_OK,
                  "%s", error.message);
    return subscription;
}

static uint64_t next(struct percept_subscription *subscription, struct percept_sample *sample)
{
    ck_assert_msg(percept_next(subscription, 30 * SECOND, sample, &error) == PERCEPT_OK, "%s",
                  error.message);
    return mini_stamp(sample);
}

START_TEST(three_calls_to_the_first_sample)
{
    struct percept_client *own;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    mini_publish(mini, 7);
    ck_assert_int_eq(percept_connect(path, &own, &error), PERCEPT_OK);
    ck_assert_int_eq(percept_subscribe(own, MINI_TOPIC, NULL, &subscription, &error), PERCEPT_OK);
    ck_assert_int_eq(percept_next(subscription, -1, &sample, &error), PERCEPT_OK);
    ck_assert_uint_eq(mini_stamp(&sample), 7);
    ck_assert_uint_eq(sample.sequence, 1);
    ck_assert_uint_eq(sample.size, 64);
    ck_assert_uint_eq((uintptr_t)sample.data % 64, 0);
    ck_assert_int_ge(sample.publish_ns, sample.capture_ns);
    percept_disconnect(own);
}
END_TEST

START_TEST(latest_skips_to_the_newest_and_counts_the_rest)
{
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_LATEST);
    struct percept_sample sample;
    mini_publish(mini, 1);
    ck_assert_uint_eq(next(subscription, &sample), 1);
    for (uint64_t stamp = 2; stamp <= 6; stamp++)
        mini_publish(mini, stamp);
    ck_assert_uint_eq(next(subscription, &sample), 6);
    ck_assert_uint_eq(sample.lost, 4);
    ck_assert_int_eq(percept_next(subscription, 0, &sample, &error), PERCEPT_TIMED_OUT);
}
END_TEST

START_TEST(queue_gives_every_sample_in_order)
{
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_QUEUE);
    struct percept_sample sample;
    for (uint64_t stamp = 1; stamp <= 40; stamp++)
        mini_publish(mini, stamp);
    for (uint64_t stamp = 1; stamp <= 40; stamp++) {
        ck_assert_uint_eq(next(subscription, &sample), stamp);
        ck_assert_uint_eq(sample.sequence, stamp);
        ck_assert_uint_eq(sample.lost, 0);
    }
}
END_TEST

/* A queue of n begins n samples back, and skips what would put it further behind. */
START_TEST(a_queue_is_as_deep_as_it_was_asked_to_be)
{
    struct percept_subscribe_options options = {.reading = PERCEPT_READ_QUEUE, .depth = 3};
    struct percept_subscription *subscription;
    struct percept_sample sample;
    for (uint64_t stamp = 1; stamp <= 7; stamp++)
        mini_publish(mini, stamp);
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, &options, &subscription, &error),
                     PERCEPT_OK);
    for (uint64_t stamp = 5; stamp <= 7; stamp++) {
        ck_assert_uint_eq(next(subscription, &sample), stamp);
        ck_assert_uint_eq(sample.lost, 0);
    }
    for (uint64_t stamp = 8; stamp <= 12; stamp++)
        mini_publish(mini, stamp);
    ck_assert_uint_eq(next(subscription, &sample), 10);
    ck_assert_uint_eq(sample.lost, 2);
    ck_assert_uint_eq(next(subscription, &sample), 11);
    ck_assert_uint_eq(sample.lost, 0);
}
END_TEST

/* Who spins finds what comes meanwhile, times out when nothing does, and still sees the end. */
START_TEST(a_reader_may_spin_before_it_sleeps)
{
    struct percept_subscribe_options options = {.spin_us = 1000};
    struct percept_subscription *subscription;
    struct percept_sample sample;
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, &options, &subscription, &error),
                     PERCEPT_OK);
    ck_assert_int_eq(percept_next(subscription, SECOND / 50, &sample, &error), PERCEPT_TIMED_OUT);
    mini_publish(mini, 1);
    ck_assert_uint_eq(next(subscription, &sample), 1);
    ipc_topic_close(mini_topic(mini));
    ck_assert_int_eq(percept_next(subscription, -1, &sample, &error), PERCEPT_END);

    options.spin_us = PERCEPT_SPIN_MAX_US + 1;
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, &options, &subscription, &error),
                     PERCEPT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "100001"));
}
END_TEST

START_TEST(queue_counts_what_the_ring_no_longer_had)
{
    struct percept_subscription *subscription;
    struct percept_sample sample;
    uint64_t seen = 0, lost = 0;
    stop();
    start_with(&(struct mini_options){.slots = 8});
    subscription = subscribe(PERCEPT_READ_QUEUE);
    mini_publish(mini, 1);
    next(subscription, &sample);
    for (uint64_t stamp = 2; stamp <= 100; stamp++)
        mini_publish(mini, stamp);
    while (percept_next(subscription, 0, &sample, &error) == PERCEPT_OK) {
        ck_assert_uint_eq(mini_stamp(&sample), sample.sequence);
        seen++;
        lost += sample.lost;
    }
    ck_assert_uint_eq(seen + lost, 99);
    ck_assert_uint_ge(seen, 8);
}
END_TEST

START_TEST(a_held_sample_is_not_overwritten_and_the_writer_goes_on)
{
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_LATEST);
    struct percept_sample sample;
    mini_publish(mini, 1);
    next(subscription, &sample);
    for (uint64_t stamp = 2; stamp <= 1000; stamp++)
        ck_assert(mini_publish(mini, stamp));
    ck_assert_uint_eq(mini_stamp(&sample), 1);
    ck_assert_uint_eq(next(subscription, &sample), 1000);
}
END_TEST

START_TEST(next_times_out_when_it_should)
{
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_LATEST);
    struct percept_sample sample = {.sequence = 99};
    int64_t before = base_clock_ns();
    ck_assert_int_eq(percept_next(subscription, 50 * BASE_NS_PER_MS, &sample, &error),
                     PERCEPT_TIMED_OUT);
    ck_assert_int_ge(base_clock_ns() - before, 50 * BASE_NS_PER_MS);
    ck_assert_uint_eq(sample.sequence, 99);
}
END_TEST

static void *publish_soon(void *argument)
{
    (void)argument;
    base_clock_sleep_until(base_clock_ns() + 30 * BASE_NS_PER_MS);
    mini_publish(mini, 5);
    return NULL;
}

START_TEST(a_sleeping_reader_is_woken)
{
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_LATEST);
    struct percept_sample sample;
    int64_t took = INT64_MAX;
    /* Far less than the 250 ms after which it would have looked by itself; however busy the machine
     * is, once in a while. */
    while (took > 100 * BASE_NS_PER_MS) {
        pthread_t thread;
        pthread_create(&thread, NULL, publish_soon, NULL);
        ck_assert_uint_eq(next(subscription, &sample), 5);
        took = base_clock_ns() - sample.publish_ns;
        pthread_join(thread, NULL);
    }
}
END_TEST

#define SLEEPERS 8

/* With a connection of its own, which is one thread's; how long after it was published. */
static void *sleep_once(void *took)
{
    struct percept_client *own = NULL;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    struct percept_error why;
    if (percept_connect(path, &own, &why) == PERCEPT_OK &&
        percept_subscribe(own, MINI_TOPIC, NULL, &subscription, &why) == PERCEPT_OK &&
        percept_next(subscription, 30 * SECOND, &sample, &why) == PERCEPT_OK)
        *(int64_t *)took = base_clock_ns() - sample.publish_ns;
    percept_disconnect(own);
    return NULL;
}

/* The longest of all. */
static int64_t sleep_together(struct ipc_topic *topic)
{
    pthread_t threads[SLEEPERS];
    int64_t took[SLEEPERS], longest = 0;
    struct ipc_topic_stats stats;
    for (int i = 0; i < SLEEPERS; i++) {
        took[i] = INT64_MAX;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sleep_once, &took[i]), 0);
    }
    do
        ipc_topic_stats(topic, &stats);
    while (stats.subscribers < SLEEPERS && poll(NULL, 0, 1) == 0);
    poll(NULL, 0, 30);
    mini_publish(mini, 5);
    for (int i = 0; i < SLEEPERS; i++) {
        pthread_join(threads[i], NULL);
        longest = took[i] > longest ? took[i] : longest;
    }
    return longest;
}

/* As above, each of them. */
START_TEST(all_readers_that_sleep_are_woken)
{
    while (sleep_together(mini_topic(mini)) > 100 * BASE_NS_PER_MS) {
        /* A new topic: no sample that is there already. */
        stop();
        start();
    }
}
END_TEST

START_TEST(a_closed_topic_ends_after_its_last_sample)
{
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_QUEUE);
    struct percept_sample sample;
    mini_publish(mini, 1);
    mini_publish(mini, 2);
    ipc_topic_close(mini_topic(mini));
    ck_assert_uint_eq(next(subscription, &sample), 1);
    /* Even when the daemon is gone by then. */
    mini_stop_server(mini);
    ck_assert_uint_eq(next(subscription, &sample), 2);
    ck_assert_int_eq(percept_next(subscription, -1, &sample, &error), PERCEPT_END);
    ck_assert_int_eq(percept_next(subscription, 0, &sample, &error), PERCEPT_END);
}
END_TEST

static int readable(int fd, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms);
}

START_TEST(the_descriptor_tells_when_to_call_next)
{
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_QUEUE);
    struct percept_sample sample;
    int fd = percept_subscription_fd(subscription);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(percept_subscription_fd(subscription), fd);
    ck_assert_int_eq(percept_next(subscription, 0, &sample, &error), PERCEPT_TIMED_OUT);
    ck_assert_int_eq(readable(fd, 20), 0);
    for (uint64_t stamp = 1; stamp <= 20; stamp++) {
        mini_publish(mini, stamp);
        ck_assert_int_eq(readable(fd, 30000), 1);
        /* It stays readable until there is nothing more to say. */
        ck_assert_uint_eq(next(subscription, &sample), stamp);
        ck_assert_int_eq(readable(fd, 0), 1);
        ck_assert_int_eq(percept_next(subscription, 0, &sample, &error), PERCEPT_TIMED_OUT);
        ck_assert_int_eq(readable(fd, 0), 0);
    }
    ipc_topic_close(mini_topic(mini));
    ck_assert_int_eq(readable(fd, 30000), 1);
    ck_assert_int_eq(percept_next(subscription, 0, &sample, &error), PERCEPT_END);
}
END_TEST

START_TEST(queries_return_json_of_any_size)
{
    char *json, expected[64];
    ck_assert_int_eq(percept_query(client, "clients", &json, &error), PERCEPT_OK);
    snprintf(expected, sizeof expected, "{\"clients\": 1, \"pid\": %d, \"lost\": 0}", getpid());
    ck_assert_str_eq(json, expected);
    free(json);
    ck_assert_int_eq(percept_query(client, "large", &json, &error), PERCEPT_OK);
    ck_assert_uint_eq(strlen(json), 1000000);
    free(json);
    ck_assert_int_eq(percept_query(client, "weather", &json, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "the daemon knows no 'weather'");
}
END_TEST

START_TEST(refusals_say_why)
{
    struct percept_client *none;
    struct percept_subscription *subscription;
    struct percept_subscribe_options options = {.schema = "test.numbers/2"};
    ck_assert_int_eq(percept_connect("/nowhere/percept.sock", &none, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "no daemon listens on '/nowhere/percept.sock'");
    ck_assert_int_eq(percept_subscribe(client, "faces", NULL, &subscription, &error),
                     PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "no topic 'faces'");
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, &options, &subscription, &error),
                     PERCEPT_VERSION);
    ck_assert_str_eq(error.message,
                     "topic 'numbers' has the schema 'test.numbers/1', not 'test.numbers/2'");
}
END_TEST

START_TEST(subscriptions_come_and_go_without_a_trace)
{
    struct percept_sample sample;
    size_t descriptors = 0, mappings = 0;
    for (int i = 0; i < 300; i++) {
        struct percept_subscription *subscription = subscribe(PERCEPT_READ_LATEST);
        mini_publish(mini, (uint64_t)i);
        ck_assert_uint_eq(next(subscription, &sample), (uint64_t)i);
        if (i % 2 == 0)
            ck_assert_int_ge(percept_subscription_fd(subscription), 0);
        percept_unsubscribe(subscription);
        if (i == 100) {
            descriptors = mini_open_descriptors();
            mappings = mini_mappings();
        }
    }
    /* The daemon may be an unsubscription behind. */
    ck_assert_uint_le(mini_open_descriptors(), descriptors + 2);
    ck_assert_uint_le(mini_mappings(), mappings + 2);
}
END_TEST

/* As often as it is kept, it takes to be let go of; the last one to do so may be anybody. */
START_TEST(memory_that_is_kept_outlives_its_subscription)
{
    struct percept_sample sample;
    const void *start, *again;
    size_t bytes, same_bytes, before = mini_mappings();
    struct percept_subscription *subscription = subscribe(PERCEPT_READ_LATEST);
    ck_assert_ptr_null(percept_memory_keep(subscription, &start, &bytes));
    mini_publish(mini, 5);
    ck_assert_uint_eq(next(subscription, &sample), 5);
    struct percept_memory *memory = percept_memory_keep(subscription, &start, &bytes);
    ck_assert_ptr_nonnull(memory);
    ck_assert(start < sample.data);
    ck_assert((const char *)sample.data + sample.size <= (const char *)start + bytes);
    ck_assert_ptr_eq(percept_memory_keep(subscription, &again, &same_bytes), memory);
    ck_assert(again == start && same_bytes == bytes);
    percept_unsubscribe(subscription);
    ck_assert_uint_eq(mini_stamp(&sample), 5);
    percept_memory_release(memory);
    ck_assert_uint_eq(mini_stamp(&sample), 5);
    percept_memory_release(memory);
    percept_memory_release(NULL);
    /* The daemon may be an unsubscription behind. */
    ck_assert_uint_le(mini_mappings(), before + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *tests = tcase_create("client");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, three_calls_to_the_first_sample);
    tcase_add_test(tests, latest_skips_to_the_newest_and_counts_the_rest);
    tcase_add_test(tests, queue_gives_every_sample_in_order);
    tcase_add_test(tests, a_queue_is_as_deep_as_it_was_asked_to_be);
    tcase_add_test(tests, a_reader_may_spin_before_it_sleeps);
    tcase_add_test(tests, queue_counts_what_the_ring_no_longer_had);
    tcase_add_test(tests, a_held_sample_is_not_overwritten_and_the_writer_goes_on);
    tcase_add_test(tests, next_times_out_when_it_should);
    tcase_add_test(tests, a_sleeping_reader_is_woken);
    tcase_add_test(tests, all_readers_that_sleep_are_woken);
    tcase_add_test(tests, a_closed_topic_ends_after_its_last_sample);
    tcase_add_test(tests, the_descriptor_tells_when_to_call_next);
    tcase_add_test(tests, queries_return_json_of_any_size);
    tcase_add_test(tests, refusals_say_why);
    tcase_add_test(tests, subscriptions_come_and_go_without_a_trace);
    tcase_add_test(tests, memory_that_is_kept_outlives_its_subscription);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
