/* A subscription that is taken away: the one who had it sees nothing new, the others miss nothing.
 */
#include "mini.h"
#include "raw.h"

#include "base/clock.h"
#include "ipc/session.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND BASE_NS_PER_S

static const char *path;
static struct mini *mini;
static struct percept_client *client;
static struct percept_error error;

/* ---- a guard that bars one process ---- */

static _Atomic int64_t barred;

static enum percept_status may_read(void *context, const struct ipc_peer *peer,
                                    const struct ipc_topic *topic, struct percept_error *why)
{
    (void)context;
    if (peer->pid != atomic_load(&barred))
        return PERCEPT_OK;
    return percept_fail(why, PERCEPT_PERMISSION, "not for you: %s", ipc_topic_name(topic));
}

static enum percept_status may_ask(void *context, const struct ipc_peer *peer, const char *what,
                                   struct percept_error *why)
{
    (void)context;
    (void)peer;
    return strcmp(what, "secrets") != 0 ? PERCEPT_OK
                                        : percept_fail(why, PERCEPT_PERMISSION, "no secrets");
}

static _Atomic int event_counts[IPC_EVENT_REVOKE + 1];

static void event(void *context, enum ipc_event kind, const struct ipc_peer *peer,
                  const char *topic, const char *text)
{
    (void)context;
    (void)peer;
    (void)topic;
    (void)text;
    atomic_fetch_add(&event_counts[kind], 1);
}

static const struct ipc_guard guard = {.may_read = may_read, .may_ask = may_ask, .event = event};

static void start(void)
{
    path = mini_path();
    mini = mini_start(path, &(struct mini_options){.guard = &guard, .topics = 1});
    ck_assert_msg(percept_connect(path, &client, &error) == PERCEPT_OK, "%s", error.message);
    atomic_store(&barred, -1);
}

static void stop(void)
{
    percept_disconnect(client);
    mini_stop(mini);
}

static struct percept_subscription *subscribe(struct percept_client *to)
{
    struct percept_subscribe_options options = {.reading = PERCEPT_READ_QUEUE};
    struct percept_subscription *subscription;
    ck_assert_msg(percept_subscribe(to, MINI_TOPIC, &options, &subscription, &error) == PERCEPT_OK,
                  "%s", error.message);
    return subscription;
}

static void bar(pid_t pid)
{
    atomic_store(&barred, pid);
    mini_recheck(mini);
}

/* Read what there is, up to this stamp: every one, in order, none lost. */
static void read_all(struct percept_subscription *subscription, uint64_t *last, uint64_t up_to)
{
    struct percept_sample sample;
    while (*last < up_to) {
        ck_assert_msg(percept_next(subscription, 30 * SECOND, &sample, &error) == PERCEPT_OK, "%s",
                      error.message);
        ck_assert_uint_eq(sample.sequence, ++*last);
        ck_assert_uint_eq(mini_stamp(&sample), *last);
        ck_assert_uint_eq(sample.lost, 0);
    }
}

/* ---- another process, to be barred ---- */

struct other {
    pid_t pid;
    int to, from; /* a byte is a step */
};

static void step(int fd)
{
    ck_assert_int_eq(write(fd, "", 1), 1);
}

static void await(int fd)
{
    char byte;
    ck_assert_int_eq(read(fd, &byte, 1), 1);
}

static struct other fork_other(void (*body)(int from, int to))
{
    int down[2], up[2];
    ck_assert_int_eq(pipe(down), 0);
    ck_assert_int_eq(pipe(up), 0);
    struct other other = {.pid = fork(), .to = down[1], .from = up[0]};
    ck_assert_int_ge(other.pid, 0);
    if (other.pid == 0) {
        close(down[1]);
        close(up[0]);
        body(down[0], up[1]);
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    await(other.from); /* it has subscribed */
    return other;
}

static void other_ends(struct other *other)
{
    int status;
    close(other->to);
    ck_assert_int_eq(waitpid(other->pid, &status, 0), other->pid);
    close(other->from);
    ck_assert_int_eq(status, 0);
}

/* In a child, a failed assertion has to be its exit. */
#define REQUIRE(condition) \
    do {                   \
        if (!(condition))  \
            _exit(1);      \
    } while (0)

static void *map_ring(int fd, size_t *bytes)
{
    struct stat status;
    REQUIRE(fstat(fd, &status) == 0);
    *bytes = (size_t)status.st_size;
    void *ring = mmap(NULL, *bytes, PROT_READ, MAP_SHARED, fd, 0);
    REQUIRE(ring != MAP_FAILED);
    return ring;
}

/* It keeps what it has mapped, and says that it holds a slot, after it has been told to go. */
static void stubborn(int from, int to)
{
    struct ipc_packet packet;
    size_t bytes;
    int fds[3], fd = raw_connect(path);
    raw_hello(fd);
    uint32_t id = raw_subscribe(fd, MINI_TOPIC, fds);
    const struct ipc_ring_header *ring = map_ring(fds[0], &bytes);
    step(to);

    await(from); /* barred: nothing but what was published before */
    char *before = malloc(bytes);
    REQUIRE(before);
    memcpy(before, ring, bytes);
    REQUIRE(ring->state == IPC_RING_OPEN);
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    REQUIRE(reply && reply->id == 0 && reply->body_case == PERCEPT__CONTROL__REPLY__BODY_ENDED);
    REQUIRE(reply->ended->subscription == id && reply->ended->status == PERCEPT_PERMISSION);
    REQUIRE(strcmp(reply->ended->message, "not for you: " MINI_TOPIC) == 0);
    step(to);

    await(from); /* much has been published since: the state is all that has changed */
    REQUIRE(ring->state == IPC_RING_MOVED);
    ((struct ipc_ring_header *)before)->state = IPC_RING_MOVED;
    REQUIRE(memcmp(before, ring, bytes) == 0);

    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Subscribe again = PERCEPT__CONTROL__SUBSCRIBE__INIT;
    again.topic = MINI_TOPIC;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE;
    request.subscribe = &again;
    REQUIRE(raw_send(fd, &request));
    REQUIRE(raw_expect_error(fd, NULL, 0) == PERCEPT_PERMISSION);
    step(to);
    await(from);
}

START_TEST(what_a_barred_reader_has_mapped_never_changes_again)
{
    uint64_t stamp = 0, last = 0;
    struct percept_subscription *subscription = subscribe(client);
    struct other other = fork_other(stubborn);
    while (stamp < 30)
        ck_assert(mini_publish(mini, ++stamp));
    bar(other.pid);
    step(other.to);
    await(other.from);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 30; k++)
            ck_assert(mini_publish(mini, ++stamp));
        read_all(subscription, &last, stamp);
    }
    step(other.to);
    await(other.from);
    step(other.to);
    other_ends(&other);
    ck_assert_int_eq(atomic_load(&event_counts[IPC_EVENT_REVOKE]), 1);
    ck_assert_int_eq(atomic_load(&event_counts[IPC_EVENT_REFUSE]), 1);
}
END_TEST

/* It has what it mapped, and is gone before anybody asks whether it may. */
static void departed(int from, int to)
{
    size_t bytes;
    int fds[3], fd = raw_connect(path);
    raw_hello(fd);
    raw_subscribe(fd, MINI_TOPIC, fds);
    const struct ipc_ring_header *ring = map_ring(fds[0], &bytes);
    close(fd);
    step(to);
    await(from);
    REQUIRE(ring->state == IPC_RING_MOVED && ipc_entry_sequence(ring->latest) == 1);
    step(to);
    await(from);
}

START_TEST(one_that_has_gone_sees_nothing_after_it_was_barred)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    struct ipc_topic_stats stats;
    struct other other = fork_other(departed);
    mini_publish(mini, 1);
    for (ipc_topic_stats(mini_topic(mini), &stats); stats.subscribers;
         ipc_topic_stats(mini_topic(mini), &stats))
        nanosleep(&pause, NULL);
    bar(other.pid);
    mini_publish(mini, 2);
    mini_publish(mini, 3);
    step(other.to);
    await(other.from);
    step(other.to);
    other_ends(&other);
}
END_TEST

static void first_version(int from, int to)
{
    struct ipc_packet packet;
    size_t bytes;
    int fds[3], fd = raw_connect(path);
    raw_hello_version(fd, 1);
    raw_subscribe(fd, MINI_TOPIC, fds);
    const struct ipc_ring_header *ring = map_ring(fds[0], &bytes);
    step(to);
    await(from);
    /* Nothing that it could not understand is sent. */
    packet.size = packet.fd_count = 0;
    REQUIRE(ipc_wire_receive(fd, &packet) == PERCEPT_BUSY);
    REQUIRE(ring->state == IPC_RING_MOVED && ipc_entry_sequence(ring->latest) == 1);
    step(to);
    await(from);
}

START_TEST(a_client_of_the_first_version_learns_it_from_the_ring)
{
    struct other other = fork_other(first_version);
    mini_publish(mini, 1);
    bar(other.pid);
    mini_publish(mini, 2);
    step(other.to);
    await(other.from);
    step(other.to);
    other_ends(&other);
}
END_TEST

static int ended_count;
static struct percept_subscription *ended_subscription;

static void on_ended(void *context, struct percept_subscription *subscription,
                     const struct percept_error *why)
{
    REQUIRE(context == &ended_count && why->status == PERCEPT_PERMISSION);
    ended_count++;
    ended_subscription = subscription;
}

/* An app with libpercept, asleep in one way or the other when it happens. */
static void app(int to, bool polls)
{
    struct percept_client *own;
    struct percept_sample sample;
    REQUIRE(percept_connect(path, &own, &error) == PERCEPT_OK);
    percept_on_ended(own, on_ended, &ended_count);
    struct percept_subscription *subscription = subscribe(own);
    struct pollfd wait = {.events = POLLIN};
    if (polls)
        wait.fd = percept_subscription_fd(subscription);
    step(to);
    enum percept_status status;
    while ((status = percept_next(subscription, polls ? 0 : -1, &sample, &error)) == PERCEPT_OK ||
           status == PERCEPT_TIMED_OUT)
        if (status == PERCEPT_TIMED_OUT)
            REQUIRE(poll(&wait, 1, RAW_PATIENCE_MS) == 1);
    REQUIRE(status == PERCEPT_PERMISSION);
    REQUIRE(strcmp(error.message, "not for you: " MINI_TOPIC) == 0);
    REQUIRE(ended_count == 1 && ended_subscription == subscription);
    REQUIRE(percept_next(subscription, -1, &sample, &error) == PERCEPT_PERMISSION);
    REQUIRE(percept_subscribe(own, MINI_TOPIC, NULL, &subscription, &error) == PERCEPT_PERMISSION);
    percept_disconnect(own);
}

static void app_that_sleeps(int from, int to)
{
    (void)from;
    app(to, false);
}

static void app_that_polls(int from, int to)
{
    (void)from;
    app(to, true);
}

START_TEST(an_app_is_told)
{
    struct other other = fork_other(_i ? app_that_polls : app_that_sleeps);
    mini_publish(mini, 1);
    bar(other.pid); /* and nothing is published: it must not take that to hear of it */
    other_ends(&other);
}
END_TEST

static void idle(int from, int to)
{
    int fds[3], fd = raw_connect(path);
    char byte;
    raw_hello(fd);
    raw_subscribe(fd, MINI_TOPIC, fds);
    step(to);
    REQUIRE(read(from, &byte, 1) == 0);
}

START_TEST(those_who_remain_lose_no_sample)
{
    uint64_t stamp = 0, last = 0, slow_seen = 0, slow_lost = 0;
    struct percept_sample sample = {0};
    struct percept_client *slow_client;
    ck_assert_int_eq(percept_connect(path, &slow_client, &error), PERCEPT_OK);
    struct percept_subscription *subscription = subscribe(client), *slow = subscribe(slow_client);
    size_t descriptors = 0, mappings = 0;
    for (int round = 0; round < 30; round++) {
        struct other other = fork_other(idle);
        for (int i = 0; i < 10; i++)
            ck_assert(mini_publish(mini, ++stamp));
        if (round % 3)
            read_all(subscription, &last, stamp - 5);
        bar(other.pid);
        for (int i = 0; i < 10; i++)
            ck_assert(mini_publish(mini, ++stamp));
        read_all(subscription, &last, stamp);
        /* Two moves behind: what only the ring between them had is gone, and counted. */
        while (round % 2 && slow_seen + slow_lost < stamp) {
            ck_assert_int_eq(percept_next(slow, 30 * SECOND, &sample, &error), PERCEPT_OK);
            slow_seen++;
            slow_lost += sample.lost;
            ck_assert_uint_eq(sample.sequence, slow_seen + slow_lost);
        }
        other_ends(&other);
        if (round == 5) {
            descriptors = mini_open_descriptors();
            mappings = mini_mappings();
        }
    }
    /* No more rings than are in use. */
    ck_assert_uint_le(mini_open_descriptors(), descriptors + 4);
    ck_assert_uint_le(mini_mappings(), mappings + 4);
    percept_disconnect(slow_client);
}
END_TEST

START_TEST(a_descriptor_that_is_asked_for_in_mid_move_works)
{
    uint64_t last = 0;
    struct percept_sample sample;
    struct percept_subscription *subscription = subscribe(client);
    struct other other = fork_other(idle);
    mini_publish(mini, 1);
    bar(other.pid);
    mini_publish(mini, 2);
    read_all(subscription, &last, 1);
    percept_next(subscription, 0, &sample, &error); /* asks for the other ring */
    struct pollfd wait = {.fd = percept_subscription_fd(subscription), .events = POLLIN};
    for (uint64_t stamp = 3; stamp < 6; stamp++) {
        while (percept_next(subscription, 0, &sample, &error) == PERCEPT_OK || sample.sequence < 2)
            ;
        ck_assert_int_eq(error.status, PERCEPT_TIMED_OUT);
        mini_publish(mini, stamp);
        ck_assert_int_eq(poll(&wait, 1, RAW_PATIENCE_MS), 1);
    }
    other_ends(&other);
}
END_TEST

START_TEST(a_client_at_its_limit_moves_all_the_same)
{
    uint64_t last[IPC_SUBSCRIPTIONS_MAX] = {0};
    struct percept_subscription *subscriptions[IPC_SUBSCRIPTIONS_MAX];
    struct other other = fork_other(idle);
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
        subscriptions[i] = subscribe(client);
    mini_publish(mini, 1);
    bar(other.pid);
    mini_publish(mini, 2);
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
        read_all(subscriptions[i], &last[i], 2);
    mini_publish(mini, 3);
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
        read_all(subscriptions[i], &last[i], 3);
    other_ends(&other);
}
END_TEST

START_TEST(a_topic_that_ends_as_it_moves_ends_for_those_who_remain)
{
    uint64_t last = 0;
    struct percept_sample sample;
    struct percept_subscription *subscription = subscribe(client);
    struct other other = fork_other(idle);
    mini_publish(mini, 1);
    bar(other.pid);
    ipc_topic_close(mini_topic(mini));
    read_all(subscription, &last, 1);
    ck_assert_int_eq(percept_next(subscription, 30 * SECOND, &sample, &error), PERCEPT_END);
    /* And one that has ended has no need to move. */
    other_ends(&other);
    other = fork_other(idle);
    bar(other.pid);
    struct percept_subscription *late = subscribe(client);
    ck_assert_int_eq(percept_next(late, 30 * SECOND, &sample, &error), PERCEPT_END);
    other_ends(&other);
}
END_TEST

START_TEST(without_memory_to_move_to_nothing_is_published)
{
    struct rlimit before, none;
    uint64_t last = 0;
    struct percept_subscription *subscription = subscribe(client);
    struct other other = fork_other(idle);
    mini_publish(mini, 1);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none); /* a ring takes a descriptor */
    bar(other.pid);
    ck_assert(!mini_publish(mini, 2));
    setrlimit(RLIMIT_NOFILE, &before);
    ck_assert(!mini_publish(mini, 2));
    /* With the next who comes it is tried again. */
    percept_unsubscribe(subscribe(client));
    ck_assert(mini_publish(mini, 2));
    read_all(subscription, &last, 2);
    other_ends(&other);
}
END_TEST

START_TEST(a_query_can_be_refused)
{
    char *json;
    ck_assert_int_eq(percept_query(client, "clients", &json, &error), PERCEPT_OK);
    free(json);
    ck_assert_int_eq(percept_query(client, "secrets", &json, &error), PERCEPT_PERMISSION);
    ck_assert_str_eq(error.message, "no secrets");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("permission");
    TCase *tests = tcase_create("permission");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_a_barred_reader_has_mapped_never_changes_again);
    tcase_add_test(tests, one_that_has_gone_sees_nothing_after_it_was_barred);
    tcase_add_test(tests, a_client_of_the_first_version_learns_it_from_the_ring);
    tcase_add_loop_test(tests, an_app_is_told, 0, 2);
    tcase_add_test(tests, those_who_remain_lose_no_sample);
    tcase_add_test(tests, a_descriptor_that_is_asked_for_in_mid_move_works);
    tcase_add_test(tests, a_client_at_its_limit_moves_all_the_same);
    tcase_add_test(tests, a_topic_that_ends_as_it_moves_ends_for_those_who_remain);
    tcase_add_test(tests, without_memory_to_move_to_nothing_is_published);
    tcase_add_test(tests, a_query_can_be_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
