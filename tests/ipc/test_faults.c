/* Death and malice: daemons that are killed, clients that are killed, and clients that try to get
 * at what is not theirs. What a whole daemon has to bear is in tests/soak/ipc.c. */
#include "mini.h"
#include "raw.h"

#include "base/clock.h"
#include "ipc/layout.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE \
    (60 * BASE_NS_PER_S) /* for what takes no time on a machine that is not overloaded */

static struct percept_error error;

static void connect_to(const char *path, struct percept_client **client)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    enum percept_status status;
    while ((status = percept_connect(path, client, &error)) == PERCEPT_TIMED_OUT &&
           base_clock_ns() < deadline)
        ;
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
}

static void subscribe_to(struct percept_client *client, enum percept_reading reading,
                         struct percept_subscription **subscription)
{
    struct percept_subscribe_options options = {.reading = reading};
    ck_assert_msg(percept_subscribe(client, MINI_TOPIC, &options, subscription, &error) ==
                      PERCEPT_OK,
                  "%s", error.message);
}

/* ---- the daemon dies ---- */

static int changes[8], change_count;

static void on_connection(void *context, int connected)
{
    ck_assert_ptr_eq(context, changes);
    ck_assert_int_lt(change_count, 8);
    changes[change_count++] = connected;
}

START_TEST(readers_resume_when_a_killed_daemon_is_back)
{
    const char *path = mini_path();
    struct percept_client *client;
    struct percept_subscription *latest, *queue;
    struct percept_sample sample, held;
    pid_t daemon = mini_fork(path);
    connect_to(path, &client);
    percept_on_connection(client, on_connection, changes);
    subscribe_to(client, PERCEPT_READ_LATEST, &latest);
    subscribe_to(client, PERCEPT_READ_QUEUE, &queue);
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(percept_next(latest, PATIENCE, &sample, &error), PERCEPT_OK);
        ck_assert_uint_gt(sample.sequence, 90);
        ck_assert_int_eq(percept_next(queue, PATIENCE, &held, &error), PERCEPT_OK);
        uint64_t stamp = mini_stamp(&held);

        mini_kill(daemon);
        /* What is left in the ring, then nothing. */
        enum percept_status status;
        while ((status = percept_next(latest, 600 * BASE_NS_PER_MS, &sample, &error)) == PERCEPT_OK)
            ;
        ck_assert_int_eq(status, PERCEPT_TIMED_OUT);
        ck_assert_int_eq(change_count, 2 * round - 1);

        int64_t begin = base_clock_ns();
        daemon = mini_fork(path);
        ck_assert_int_eq(percept_next(latest, -1, &sample, &error), PERCEPT_OK);
        ck_assert_int_eq(change_count, 2 * round);
        /* Counted from 1 again: it is not a millisecond old for each. */
        ck_assert_int_le((int64_t)sample.sequence,
                         (sample.publish_ns - begin) / BASE_NS_PER_MS + 1);
        ck_assert_uint_eq(mini_stamp(&held), stamp);
    }
    static const int expected[] = {0, 1, 0, 1};
    ck_assert_mem_eq(changes, expected, sizeof expected);
    percept_disconnect(client);
    mini_kill(daemon);
}
END_TEST

START_TEST(a_reader_asleep_for_ever_notices_the_death_and_the_return)
{
    const char *path = mini_path();
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    pid_t daemon = mini_fork(path);
    connect_to(path, &client);
    percept_on_connection(client, on_connection, changes);
    subscribe_to(client, PERCEPT_READ_LATEST, &subscription);
    pid_t helper = fork();
    if (helper == 0) {
        poll(NULL, 0, 100);
        kill(daemon, SIGKILL);
        poll(NULL, 0, 500);
        mini_serve(path, -1);
    }
    while (change_count < 2)
        ck_assert_int_eq(percept_next(subscription, -1, &sample, &error), PERCEPT_OK);
    ck_assert(!changes[0] && changes[1]);
    percept_disconnect(client);
    waitpid(daemon, NULL, 0);
    mini_kill(helper);
}
END_TEST

/* So often this thread has waited for something. */
static long sleeps(void)
{
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

START_TEST(the_descriptor_survives_a_restart)
{
    const char *path = mini_path();
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    pid_t daemon = mini_fork(path);
    connect_to(path, &client);
    subscribe_to(client, PERCEPT_READ_LATEST, &subscription);
    struct pollfd wait = {.fd = percept_subscription_fd(subscription), .events = POLLIN};
    for (int round = 0; round < 2; round++) {
        /* A poll loop as an app would write it, through a death and a return. */
        int seen = 0;
        bool restarted = false;
        while (seen < 200) {
            ck_assert_int_ge(poll(&wait, 1, 1000), 0);
            while (percept_next(subscription, 0, &sample, &error) == PERCEPT_OK)
                seen++;
            if (seen > 50 && !restarted) {
                mini_kill(daemon);
                daemon = mini_fork(path);
                restarted = true;
            }
        }
    }
    /* While it is away, next never stalls the loop. */
    mini_kill(daemon);
    for (int i = 0; i < 100; i++) {
        poll(&wait, 1, 10);
        long before = sleeps();
        while (percept_next(subscription, 0, &sample, &error) == PERCEPT_OK)
            ;
        ck_assert_int_eq(sleeps(), before);
    }
    percept_disconnect(client);
}
END_TEST

START_TEST(a_topic_that_did_not_come_back_is_named)
{
    const char *path = mini_path();
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    struct mini *mini = mini_start(path, &(struct mini_options){.topics = 1});
    connect_to(path, &client);
    ck_assert_int_eq(percept_subscribe(client, "more0", NULL, &subscription, &error), PERCEPT_OK);
    mini_stop(mini);
    mini = mini_start(path, NULL);
    ck_assert_int_eq(percept_next(subscription, PATIENCE, &sample, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "no topic 'more0'");
    percept_disconnect(client);
    mini_stop(mini);
}
END_TEST

/* ---- clients die ---- */

static void be_a_client(const char *path, int number)
{
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    connect_to(path, &client);
    subscribe_to(client, number % 2 ? PERCEPT_READ_LATEST : PERCEPT_READ_QUEUE, &subscription);
    if (number % 3 == 0)
        percept_subscription_fd(subscription);
    for (;;)
        percept_next(subscription, -1, &sample, &error);
}

START_TEST(a_stopped_client_holds_up_nobody)
{
    const char *path = mini_path();
    struct mini *mini = mini_start(path, NULL);
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    pid_t stopped = fork();
    if (stopped == 0)
        be_a_client(path, 0);
    connect_to(path, &client);
    subscribe_to(client, PERCEPT_READ_QUEUE, &subscription);
    for (uint64_t stamp = 1; stamp <= 2000; stamp++) {
        if (stamp == 500)
            kill(stopped, SIGSTOP);
        ck_assert(mini_publish(mini, stamp));
        ck_assert_int_eq(percept_next(subscription, PATIENCE, &sample, &error), PERCEPT_OK);
        ck_assert_uint_eq(mini_stamp(&sample), stamp);
    }
    percept_disconnect(client);
    mini_kill(stopped);
    mini_stop(mini);
}
END_TEST

/* ---- clients attack ---- */

START_TEST(a_wake_up_socket_can_not_stop_the_writer)
{
    const char *path = mini_path();
    struct mini *mini = mini_start(path, NULL);
    int fds[3], fd = raw_connect(path);
    raw_hello(fd);
    raw_subscribe(fd, MINI_TOPIC, fds);
    struct ipc_ring_page *page =
        mmap(NULL, IPC_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    /* Blocking mode, armed again and again, never read: the socket fills, the writer goes on. */
    ck_assert_int_eq(fcntl(fds[2], F_SETFL, 0), 0);
    for (uint64_t stamp = 0; stamp < 20000; stamp++) {
        atomic_store(&page->wait, IPC_WAIT_DESCRIPTOR);
        ck_assert(mini_publish(mini, stamp));
    }
    /* It does not take anything either. */
    ck_assert_int_eq((int)send(fds[2], "x", 1, MSG_NOSIGNAL), -1);
    shutdown(fds[2], SHUT_RDWR);
    atomic_store(&page->wait, IPC_WAIT_DESCRIPTOR);
    ck_assert(mini_publish(mini, 1));
    close(fds[2]);
    atomic_store(&page->wait, IPC_WAIT_DESCRIPTOR);
    ck_assert(mini_publish(mini, 1));
    munmap(page, IPC_PAGE_BYTES);
    close(fds[0]);
    close(fds[1]);
    close(fd);
    mini_stop(mini);
}
END_TEST

enum { WATCHERS = 120 };

/* To send to the other end is to call all of them. */
static void watch_a_lot(int fd, int fds[2 * WATCHERS])
{
    struct epoll_event event = {.events = EPOLLIN};
    for (int i = 0; i < WATCHERS; i++) {
        fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        fds[WATCHERS + i] = epoll_create1(EPOLL_CLOEXEC);
        ck_assert(fds[i] >= 0 && fds[WATCHERS + i] >= 0);
    }
    for (int i = 0; i < WATCHERS * WATCHERS; i++)
        ck_assert_int_eq(
            epoll_ctl(fds[WATCHERS + i / WATCHERS], EPOLL_CTL_ADD, fds[i % WATCHERS], &event), 0);
}

START_TEST(a_wake_up_socket_that_takes_long_is_not_rung_any_more)
{
    const char *path = mini_path();
    struct mini *mini = mini_start(path, NULL);
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    char message[256], byte;
    int fds[3], watchers[2 * WATCHERS], fd = raw_connect(path);
    raw_hello(fd);
    uint32_t id = raw_subscribe(fd, MINI_TOPIC, fds);
    struct ipc_ring_page *page =
        mmap(NULL, IPC_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    ck_assert_ptr_ne(page, MAP_FAILED);
    connect_to(path, &client);
    subscribe_to(client, PERCEPT_READ_LATEST, &subscription);
    struct pollfd wait = {.fd = percept_subscription_fd(subscription), .events = POLLIN};
    watch_a_lot(fds[2], watchers);
    uint64_t stamp = 0;
    do {
        atomic_store(&page->wait, IPC_WAIT_DESCRIPTOR);
        ck_assert(mini_publish(mini, ++stamp));
    } while (recv(fds[2], &byte, 1, MSG_DONTWAIT) == 1);
    /* Others are, whatever they wait for. */
    for (int i = 0; i < 50; i++) {
        while (percept_next(subscription, 0, &sample, &error) == PERCEPT_OK)
            ;
        ck_assert(mini_publish(mini, ++stamp));
        ck_assert_int_eq(poll(&wait, 1, 30000), 1);
        ck_assert_int_eq(percept_next(subscription, PATIENCE, &sample, &error), PERCEPT_OK);
        ck_assert_uint_eq(mini_stamp(&sample), stamp);
    }
    /* Another one does not come at once. */
    raw_unsubscribe(fd, id);
    raw_send_subscribe(fd, MINI_TOPIC);
    ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_LIMIT);
    ck_assert_ptr_nonnull(strstr(message, "by a socket took too long"));
    for (int i = 0; i < 2 * WATCHERS; i++)
        close(watchers[i]);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    munmap(page, IPC_PAGE_BYTES);
    close(fd);
    percept_disconnect(client);
    mini_stop(mini);
}
END_TEST

struct liar {
    struct ipc_ring_page *page;
    _Atomic int stop;
};

static void *lie(void *argument)
{
    struct liar *liar = argument;
    unsigned seed = 1;
    while (!atomic_load(&liar->stop)) {
        atomic_store(&liar->page->held, (uint32_t)rand_r(&seed) % 200);
        atomic_store(&liar->page->wait, (uint32_t)rand_r(&seed) % 4);
        atomic_store(&liar->page->lost, UINT64_MAX);
    }
    return NULL;
}

START_TEST(a_client_that_lies_about_everything_harms_only_itself)
{
    const char *path = mini_path();
    struct mini *mini = mini_start(path, &(struct mini_options){.slots = 4});
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    struct liar liar = {0};
    pthread_t thread;
    int fds[3], fd = raw_connect(path);
    raw_hello(fd);
    raw_subscribe(fd, MINI_TOPIC, fds);
    liar.page = mmap(NULL, IPC_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    ck_assert_ptr_ne(liar.page, MAP_FAILED);
    pthread_create(&thread, NULL, lie, &liar);
    connect_to(path, &client);
    subscribe_to(client, PERCEPT_READ_LATEST, &subscription);
    for (uint64_t stamp = 1; stamp <= 5000; stamp++) {
        ck_assert(mini_publish(mini, stamp));
        ck_assert_int_eq(percept_next(subscription, PATIENCE, &sample, &error), PERCEPT_OK);
        ck_assert_uint_eq(mini_stamp(&sample), stamp);
    }
    atomic_store(&liar.stop, 1);
    pthread_join(thread, NULL);
    munmap(liar.page, IPC_PAGE_BYTES);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(fd);
    percept_disconnect(client);
    mini_stop(mini);
}
END_TEST

/* Readers in other processes, as fast as they can, against a writer as fast as it can. */
START_TEST(readers_in_other_processes_see_whole_samples)
{
    const char *path = mini_path();
    struct mini *mini = mini_start(path, &(struct mini_options){.max_bytes = 16384, .slots = 4});
    pid_t readers[4];
    for (int i = 0; i < 4; i++) {
        readers[i] = fork();
        if (readers[i] == 0) {
            struct percept_client *client;
            struct percept_subscription *subscription;
            struct percept_sample sample;
            uint64_t last = 0, seen = 0, lost = 0, first = 0;
            connect_to(path, &client);
            subscribe_to(client, i % 2 ? PERCEPT_READ_LATEST : PERCEPT_READ_QUEUE, &subscription);
            while (percept_next(subscription, -1, &sample, &error) == PERCEPT_OK) {
                ck_assert_uint_eq(mini_stamp(&sample), sample.sequence);
                ck_assert_uint_gt(sample.sequence, last);
                first = seen++ ? first : sample.sequence;
                last = sample.sequence;
                lost += sample.lost;
            }
            _exit(error.status == PERCEPT_END && last == 20000 && seen + lost == last - first + 1
                      ? 0
                      : 1);
        }
    }
    struct ipc_topic_stats stats;
    do
        ipc_topic_stats(mini_topic(mini), &stats);
    while (stats.subscribers < 4 && poll(NULL, 0, 1) == 0);
    for (uint64_t stamp = 1; stamp <= 20000; stamp++)
        ck_assert(mini_publish(mini, stamp));
    ipc_topic_close(mini_topic(mini));
    for (int i = 0; i < 4; i++) {
        int status;
        ck_assert_int_eq(waitpid(readers[i], &status, 0), readers[i]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    mini_stop(mini);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *tests = tcase_create("faults");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, readers_resume_when_a_killed_daemon_is_back);
    tcase_add_test(tests, a_reader_asleep_for_ever_notices_the_death_and_the_return);
    tcase_add_test(tests, the_descriptor_survives_a_restart);
    tcase_add_test(tests, a_topic_that_did_not_come_back_is_named);
    tcase_add_test(tests, a_stopped_client_holds_up_nobody);
    tcase_add_test(tests, a_wake_up_socket_can_not_stop_the_writer);
    tcase_add_test(tests, a_wake_up_socket_that_takes_long_is_not_rung_any_more);
    tcase_add_test(tests, a_client_that_lies_about_everything_harms_only_itself);
    tcase_add_test(tests, readers_in_other_processes_see_whole_samples);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
