/* What one user takes is not another's. Users are made by setresuid, so most of it takes root. */
#include "mini.h"
#include "raw.h"

#include "base/clock.h"
#include "ipc/session.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define USERS 12340 /* the first of those that are made */

static const char *path;
static struct mini *mini;
static struct percept_client *client;
static struct percept_error error;

static void start_with(const struct mini_options *options)
{
    char folder[64];
    path = mini_path();
    mini = mini_start(path, options);
    /* For every user to connect to. */
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    ck_assert_int_eq(chmod(folder, 0711), 0);
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_msg(percept_connect(path, &client, &error) == PERCEPT_OK, "%s", error.message);
}

static void stop(void)
{
    percept_disconnect(client);
    mini_stop(mini);
}

/* ---- users ---- */

struct user {
    pid_t pid;
    int to, from;
};

static void become(int number)
{
    uid_t uid = (uid_t)(USERS + number);
    if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
        _exit(2);
}

/* A process of that user that takes as much as it gets, says how many (a byte), and keeps it. */
static struct user fork_user(int number, int (*take)(void))
{
    int down[2], up[2];
    ck_assert_int_eq(pipe(down), 0);
    ck_assert_int_eq(pipe(up), 0);
    struct user user = {.pid = fork(), .to = down[1], .from = up[0]};
    ck_assert_int_ge(user.pid, 0);
    if (user.pid == 0) {
        char byte;
        close(down[1]);
        close(up[0]);
        become(number);
        byte = (char)take();
        if (write(up[1], &byte, 1) != 1)
            _exit(3);
        _exit(read(down[0], &byte, 1) == 1 ? 0 : 4);
    }
    close(down[0]);
    close(up[1]);
    return user;
}

static int taken(const struct user *user)
{
    char byte = -1;
    ck_assert_int_eq(read(user->from, &byte, 1), 1);
    return byte;
}

static void leave(struct user *user)
{
    int status;
    ck_assert_int_eq(write(user->to, "", 1), 1);
    close(user->to);
    ck_assert_int_eq(waitpid(user->pid, &status, 0), user->pid);
    close(user->from);
    ck_assert_int_eq(status, 0);
}

static bool cannot_be_others(void)
{
    if (geteuid() == 0)
        return false;
    printf("not root: no other users\n");
    return true;
}

/* What the daemon says of a user. */
static void expect_user(int number, const char *expected)
{
    char what[32], *json;
    snprintf(what, sizeof what, "user %d", USERS + number);
    ck_assert_int_eq(percept_query(client, what, &json, &error), PERCEPT_OK);
    ck_assert_str_eq(json, expected);
    free(json);
}

/* ---- places ---- */

static int connect_all(void)
{
    static struct percept_client *clients[64];
    int count = 0;
    while (count < 64 && percept_connect(path, &clients[count], &error) == PERCEPT_OK)
        count++;
    /* It says which quota it was. */
    if (error.status != PERCEPT_LIMIT || !strstr(error.message, "(quota connections)"))
        _exit(5);
    return count;
}

START_TEST(connections_are_left_for_others)
{
    if (cannot_be_others())
        return;
    start_with(&(struct mini_options){.max_clients = 16, .quotas = {.connections = 8}});
    struct user users[4]; /* and we are one */
    users[0] = fork_user(0, connect_all);
    ck_assert_int_eq(taken(&users[0]), 8); /* the quota */
    users[1] = fork_user(1, connect_all);
    ck_assert_int_eq(taken(&users[1]), 5); /* up to the last eighth, */
    users[2] = fork_user(2, connect_all);
    ck_assert_int_eq(taken(&users[2]), 1); /* in which each who had none gets one */
    expect_user(0, "{\"connections\": 8, \"subscriptions\": 0, \"held\": 0, \"queued\": 0, "
                   "\"waited\": 0}");
    leave(&users[0]);
    leave(&users[1]);
    leave(&users[2]);
    users[3] = fork_user(3, connect_all);
    ck_assert_int_eq(taken(&users[3]), 8); /* as if they had never been there */
    leave(&users[3]);
    stop();
}
END_TEST

/* ---- subscriptions and slots ---- */

static int subscribe_all(const char *topic, const char *quota)
{
    int count = 0;
    for (;; count++) {
        struct percept_client *own = NULL;
        struct percept_subscription *subscription;
        struct percept_sample sample;
        if (count % 20 == 0 && percept_connect(path, &own, &error) != PERCEPT_OK)
            _exit(6);
        static struct percept_client *current;
        current = own ? own : current;
        if (percept_subscribe(current, topic, NULL, &subscription, &error) != PERCEPT_OK)
            break;
        percept_next(subscription, 0, &sample, &error); /* and holds a slot */
    }
    if (error.status != PERCEPT_LIMIT || !strstr(error.message, quota))
        _exit(7);
    return count;
}

static int hold_slots(void)
{
    return subscribe_all(MINI_TOPIC, "(quota slots)");
}

START_TEST(slots_of_a_topic_are_left_for_others)
{
    if (cannot_be_others())
        return;
    start_with(&(struct mini_options){.quotas = {.slots = 64}});
    mini_publish(mini, 1);
    struct user users[3];
    users[0] = fork_user(0, hold_slots);
    ck_assert_int_eq(taken(&users[0]), IPC_SEATS_MAX / 2); /* never more than half */
    users[1] = fork_user(1, hold_slots);
    ck_assert_int_eq(taken(&users[1]), 24);
    users[2] = fork_user(2, hold_slots);
    ck_assert_int_eq(taken(&users[2]), 1);
    expect_user(0, "{\"connections\": 2, \"subscriptions\": 32, \"held\": 32, \"queued\": 0, "
                   "\"waited\": 0}");
    for (uint64_t stamp = 2; stamp < 500; stamp++)
        ck_assert(mini_publish(mini, stamp)); /* however many are held */
    for (int i = 0; i < 3; i++)
        leave(&users[i]);
    stop();
}
END_TEST

START_TEST(subscriptions_are_counted_over_all_connections)
{
    struct percept_client *second;
    struct percept_subscription *subscriptions[6], *last;
    start_with(&(struct mini_options){.topics = 2, .quotas = {.subscriptions = 6}});
    ck_assert_int_eq(percept_connect(path, &second, &error), PERCEPT_OK);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(percept_subscribe(i % 2 ? client : second, i < 3 ? "more0" : "more1", NULL,
                                           &subscriptions[i], &error),
                         PERCEPT_OK);
    ck_assert_int_eq(percept_subscribe(second, MINI_TOPIC, NULL, &last, &error), PERCEPT_LIMIT);
    snprintf(error.file, sizeof error.file,
             "user %u has 6 subscriptions, as many as one may have (quota subscriptions)",
             geteuid());
    ck_assert_str_eq(error.message, error.file);
    percept_unsubscribe(subscriptions[1]);
    char *json; /* by now the daemon has heard of it */
    ck_assert_int_eq(percept_query(client, "clients", &json, &error), PERCEPT_OK);
    free(json);
    ck_assert_int_eq(percept_subscribe(second, MINI_TOPIC, NULL, &last, &error), PERCEPT_OK);
    percept_disconnect(second);
    stop();
}
END_TEST

static void remove_first(struct ipc_server *server, void *topic)
{
    ipc_server_remove_topic(server, topic);
}

static void add_late(struct ipc_server *server, void *topic)
{
    ck_assert_int_eq(ipc_server_add_topic(server, topic, &error), PERCEPT_OK);
}

static int subscribe_until_full(const char *topic)
{
    struct percept_subscription *subscription;
    int count = 0;
    while (count < 8 && percept_subscribe(client, topic, NULL, &subscription, &error) == PERCEPT_OK)
        count++;
    ck_assert_int_eq(error.status, PERCEPT_LIMIT);
    ck_assert_ptr_nonnull(strstr(error.message, "(quota slots)"));
    return count;
}

/* A daemon that reads another configuration. */
START_TEST(slots_are_counted_by_topic_though_topics_come_and_go)
{
    const struct ipc_topic_options options = {.name = "late", .schema = "late/1", .max_bytes = 64};
    struct ipc_topic *late;
    start_with(&(struct mini_options){.topics = 1, .quotas = {.slots = 2}});
    ck_assert_int_eq(subscribe_until_full(MINI_TOPIC), 2);
    ck_assert_int_eq(subscribe_until_full("more0"), 2);
    mini_call(mini, remove_first, mini_topic(mini));
    ck_assert_int_eq(subscribe_until_full("more0"), 0);
    ck_assert_int_eq(ipc_topic_create(&options, &late, &error), PERCEPT_OK);
    mini_call(mini, add_late, late);
    ck_assert_int_eq(subscribe_until_full("late"), 2);
    stop();
    ipc_topic_destroy(late);
}
END_TEST

/* ---- requests ---- */

#define RATE  2
#define BURST (10 * RATE)
#define MORE  (3 * RATE) /* than at once: unless these alone take three seconds, somebody waits */

static void send_query(int fd, const char *what, uint32_t id)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Query query = PERCEPT__CONTROL__QUERY__INIT;
    query.what = (char *)what;
    request.id = id;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_QUERY;
    request.query = &query;
    if (!raw_send(fd, &request))
        _exit(8);
}

/* Asks more than it may at once; every answer comes, in order. */
static int ask_too_much(void)
{
    int fd = raw_connect(path);
    raw_hello(fd);
    uint32_t sent = 0, received = 0;
    while (received < BURST + MORE) {
        if (sent < BURST + MORE && sent - received < 4) {
            send_query(fd, "nothing", ++sent);
            continue;
        }
        struct ipc_packet packet;
        Percept__Control__Reply *reply = raw_receive(fd, &packet);
        if (!reply || reply->id != ++received)
            _exit(9);
        percept__control__reply__free_unpacked(reply, NULL);
    }
    return 1;
}

static int flood(void)
{
    int fd = raw_connect(path);
    raw_hello(fd);
    for (uint32_t id = 1; id; id++)
        send_query(fd, "nothing", id); /* blocks when it is not read any more */
    return 0;
}

START_TEST(who_asks_too_often_waits_and_nobody_else_does)
{
    if (cannot_be_others())
        return;
    start_with(&(struct mini_options){.quotas = {.requests_per_second = RATE}});
    struct user patient = fork_user(0, ask_too_much), rude = fork_user(1, flood);
    ck_assert_int_eq(taken(&patient), 1);
    expect_user(0, "{\"connections\": 1, \"subscriptions\": 0, \"held\": 0, \"queued\": 0, "
                   "\"waited\": 1}");
    char *json;
    for (int i = 0; i < RATE; i++) { /* ours has hardly been touched */
        ck_assert_int_eq(percept_query(client, "clients", &json, &error), PERCEPT_OK);
        free(json);
    }
    leave(&patient);
    mini_kill(rude.pid);
    stop();
}
END_TEST

static int connect_too_often(void)
{
    struct percept_client *own;
    for (int i = 0; i < 2 * BURST; i++) {
        enum percept_status status = percept_connect(path, &own, &error);
        if (status == PERCEPT_LIMIT && strstr(error.message, "(quota requests_per_second)"))
            return 1;
        if (status != PERCEPT_OK)
            _exit(10);
        percept_disconnect(own);
    }
    return 0;
}

START_TEST(who_comes_too_often_is_turned_away)
{
    if (cannot_be_others())
        return;
    start_with(&(struct mini_options){.quotas = {.requests_per_second = RATE}});
    struct user user = fork_user(0, connect_too_often);
    ck_assert_int_eq(taken(&user), 1);
    struct percept_client *own;
    ck_assert_int_eq(percept_connect(path, &own, &error), PERCEPT_OK);
    percept_disconnect(own);
    leave(&user);
    stop();
}
END_TEST

/* ---- results ---- */

/* The status of the next answer: OK for a result. */
static int next_answer(int fd)
{
    struct ipc_packet packet;
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    ck_assert_ptr_nonnull(reply);
    int status = PERCEPT_OK;
    if (reply->body_case == PERCEPT__CONTROL__REPLY__BODY_ERROR) {
        status = reply->error->status;
        ck_assert_ptr_nonnull(strstr(reply->error->message, "(quota queued_bytes)"));
    }
    percept__control__reply__free_unpacked(reply, NULL);
    ipc_packet_reset(&packet);
    return status;
}

START_TEST(results_that_nobody_takes_are_bounded)
{
    start_with(&(struct mini_options){.quotas = {.queued_bytes = 3500000}});
    int first = raw_connect(path), second = raw_connect(path);
    raw_hello(first);
    raw_hello(second);
    /* Of a million bytes each; no connection may have what another of the user has used up. */
    for (uint32_t id = 1; id <= 3; id++)
        send_query(first, "large", id);
    struct pollfd wait = {.fd = first, .events = POLLIN};
    for (int unread = 0; unread < 3;) { /* until all three are on their way */
        char *json;
        ck_assert_int_eq(poll(&wait, 1, RAW_PATIENCE_MS), 1);
        ck_assert_int_eq(percept_query(client, "clients", &json, &error), PERCEPT_OK);
        free(json);
        unread++;
    }
    send_query(second, "large", 1);
    ck_assert_int_eq(next_answer(second), PERCEPT_LIMIT);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(next_answer(first), PERCEPT_OK);
    /* Received: there is room again. */
    send_query(second, "large", 2);
    ck_assert_int_eq(next_answer(second), PERCEPT_OK);
    close(first);
    close(second);
    stop();
}
END_TEST

/* Subscribes and unsubscribes, and reads no answer: their descriptors stay on their way. */
static void leave_replies_unread(int fd)
{
    Percept__Control__Request requests[2] = {PERCEPT__CONTROL__REQUEST__INIT,
                                             PERCEPT__CONTROL__REQUEST__INIT};
    Percept__Control__Subscribe subscribe = PERCEPT__CONTROL__SUBSCRIBE__INIT;
    Percept__Control__Unsubscribe unsubscribe = PERCEPT__CONTROL__UNSUBSCRIBE__INIT;
    subscribe.topic = MINI_TOPIC;
    subscribe.wake = true;
    requests[0].body_case = PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE;
    requests[0].subscribe = &subscribe;
    requests[1].body_case = PERCEPT__CONTROL__REQUEST__BODY_UNSUBSCRIBE;
    requests[1].unsubscribe = &unsubscribe;
    raw_hello(fd);
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t bytes[IPC_PACKET_MAX];
        requests[i % 2].id = i + 1;
        unsubscribe.subscription = i / 2 + 1;
        size_t size = percept__control__request__pack(&requests[i % 2], bytes);
        (void)send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

/* The kernel counts what is on its way by the daemon's user, and lets it be as many as a process
 * may have open. */
static void serve_who_reads_nothing(void)
{
    const struct rlimit few = {300, 300};
    struct percept_subscription *subscription;
    become(0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    path = mini_path();
    mini = mini_start(path, NULL);
    ck_assert_int_eq(percept_connect(path, &client, &error), PERCEPT_OK);
    for (int i = 0; i < 16; i++) {
        leave_replies_unread(raw_connect(path));
        ck_assert_msg(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error) ==
                          PERCEPT_OK,
                      "%s", error.message);
        percept_unsubscribe(subscription);
    }
    stop();
}

START_TEST(replies_that_nobody_reads_leave_room_for_those_of_others)
{
    int status;
    if (cannot_be_others())
        return;
    pid_t daemon = fork();
    if (daemon == 0) {
        serve_who_reads_nothing();
        exit(0);
    }
    ck_assert_int_eq(waitpid(daemon, &status, 0), daemon);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quota");
    TCase *tests = tcase_create("quota");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, connections_are_left_for_others);
    tcase_add_test(tests, slots_of_a_topic_are_left_for_others);
    tcase_add_test(tests, subscriptions_are_counted_over_all_connections);
    tcase_add_test(tests, slots_are_counted_by_topic_though_topics_come_and_go);
    tcase_add_test(tests, who_asks_too_often_waits_and_nobody_else_does);
    tcase_add_test(tests, who_comes_too_often_is_turned_away);
    tcase_add_test(tests, results_that_nobody_takes_are_bounded);
    tcase_add_test(tests, replies_that_nobody_reads_leave_room_for_those_of_others);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
