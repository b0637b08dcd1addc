/* Requests that are answered later: in their turn, to whoever is still there. And a past that is
 * hidden: newcomers see nothing of it, others miss nothing of what follows. */
#include "mini.h"
#include "raw.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND BASE_NS_PER_S

static const char *path;
static struct mini *mini;
static struct percept_client *client;
static struct percept_error error;

/* ---- a server that takes its time ---- */

static struct {
    struct percept_history wish;
    char topic[64], search[64];
    uint64_t seconds;
} last;
static uint64_t tickets[64];
static _Atomic unsigned begun;

static enum percept_status on_history(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                      const struct percept_history *wish, struct percept_error *why)
{
    (void)context;
    ck_assert_int_eq(peer->uid, geteuid());
    if (strcmp(wish->topic, "secret") == 0)
        return percept_fail(why, PERCEPT_PERMISSION, "not for you");
    last.wish = *wish;
    snprintf(last.topic, sizeof last.topic, "%s", wish->topic);
    snprintf(last.search, sizeof last.search, "%s", wish->search);
    tickets[atomic_load(&begun)] = ticket;
    atomic_fetch_add(&begun, 1);
    return PERCEPT_OK;
}

static enum percept_status on_forget(void *context, uint64_t ticket, const struct ipc_peer *peer,
                                     uint64_t seconds, struct percept_error *why)
{
    (void)context;
    (void)peer;
    (void)why;
    last.seconds = seconds;
    tickets[atomic_load(&begun)] = ticket;
    atomic_fetch_add(&begun, 1);
    return PERCEPT_OK;
}

static void on_later(void *context, uint64_t ticket)
{
    (void)context;
    tickets[atomic_load(&begun)] = ticket;
    atomic_fetch_add(&begun, 1);
}

/* The payload's first word is one more when it is published. */
static void look(void *context, void *payload, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size / sizeof(uint64_t); i++)
        ((uint64_t *)payload)[i]++;
}

static void start_with(const struct ipc_quotas *quotas)
{
    struct mini_options options = {
        .history = on_history, .forget = on_forget, .later = on_later, .look = look};
    if (quotas)
        options.quotas = *quotas;
    path = mini_path();
    mini = mini_start(path, &options);
    ck_assert_msg(percept_connect(path, &client, &error) == PERCEPT_OK, "%s", error.message);
    atomic_store(&begun, 0);
}

static void start(void)
{
    start_with(NULL);
}

static void stop(void)
{
    percept_disconnect(client);
    mini_stop(mini);
}

struct late {
    uint64_t ticket;
    const char *json;
    struct percept_error why;
};

static void give(struct ipc_server *server, void *context)
{
    struct late *late = context;
    ipc_server_answer(server, late->ticket, late->json ? strdup(late->json) : NULL, &late->why);
}

static void answer(unsigned which, const char *json, enum percept_status status)
{
    struct late late = {.ticket = tickets[which], .json = json};
    if (!json)
        percept_fail(&late.why, status, "it is %s", percept_status_text(status));
    mini_call(mini, give, &late);
}

static void await_begun(unsigned count)
{
    while (atomic_load(&begun) < count)
        usleep(1000);
}

static void send_history(int fd, uint32_t id, const char *topic)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__History history = PERCEPT__CONTROL__HISTORY__INIT;
    history.topic = (char *)topic;
    request.id = id;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HISTORY;
    request.history = &history;
    ck_assert(raw_send(fd, &request));
}

static void send_forget(int fd, uint64_t seconds, bool all)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Forget forget = PERCEPT__CONTROL__FORGET__INIT;
    forget.seconds = seconds;
    forget.all = all;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_FORGET;
    request.forget = &forget;
    ck_assert(raw_send(fd, &request));
}

static void send_query_of(int fd, uint32_t id, const char *what)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Query query = PERCEPT__CONTROL__QUERY__INIT;
    query.what = (char *)what;
    request.id = id;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_QUERY;
    request.query = &query;
    ck_assert(raw_send(fd, &request));
}

static void send_query(int fd, uint32_t id)
{
    send_query_of(fd, id, "clients");
}

/* A result of this request; its content. */
static const char *result(int fd, uint32_t id)
{
    static char text[256];
    struct ipc_packet packet;
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->body_case, PERCEPT__CONTROL__REPLY__BODY_RESULT);
    ck_assert_uint_eq(reply->id, id);
    ck_assert_uint_eq(packet.fd_count, 1);
    ssize_t got = pread(packet.fds[0], text, sizeof text - 1, 0);
    ck_assert_int_ge(got, 0);
    text[got] = '\0';
    ipc_packet_reset(&packet);
    percept__control__reply__free_unpacked(reply, NULL);
    return text;
}

/* ---- later ---- */

START_TEST(an_answer_comes_later_and_in_its_turn)
{
    int fd = raw_connect(path), other = raw_connect(path);
    raw_hello(fd);
    raw_hello(other);
    send_history(fd, 7, "captions");
    send_query(fd, 8);
    await_begun(1);
    /* Others are served meanwhile. */
    send_query(other, 3);
    ck_assert_ptr_nonnull(strstr(result(other, 3), "\"clients\": 3"));
    answer(0, "{\"lines\":[]}", PERCEPT_OK);
    ck_assert_str_eq(result(fd, 7), "{\"lines\":[]}");
    ck_assert_ptr_nonnull(strstr(result(fd, 8), "\"clients\": 3"));
    /* And an error is an answer, too; another answer to the same is none. */
    send_history(fd, 9, "captions");
    await_begun(2);
    answer(1, NULL, PERCEPT_IO);
    answer(1, "{}", PERCEPT_OK);
    char message[64];
    ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_IO);
    ck_assert_str_eq(message, "it is input/output error");
    send_history(fd, 10, "secret");
    ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_PERMISSION);
    send_query(fd, 11);
    result(fd, 11);
    close(fd);
    close(other);
}
END_TEST

START_TEST(a_query_may_be_answered_later_too)
{
    int fd = raw_connect(path);
    raw_hello(fd);
    send_query_of(fd, 7, "later");
    send_query(fd, 8);
    await_begun(1);
    answer(0, "{\"at\":\"last\"}", PERCEPT_OK);
    ck_assert_str_eq(result(fd, 7), "{\"at\":\"last\"}");
    ck_assert_ptr_nonnull(strstr(result(fd, 8), "\"clients\": 2"));
    close(fd);
}
END_TEST

START_TEST(whoever_goes_does_not_mind_the_answer)
{
    int fd = raw_connect(path), other = raw_connect(path);
    raw_hello(fd);
    raw_hello(other);
    send_history(fd, 1, "");
    await_begun(1);
    close(fd);
    for (uint32_t id = 1;; id++) {
        send_query(other, id);
        if (strstr(result(other, id), "\"clients\": 2"))
            break;
    }
    answer(0, "{}", PERCEPT_OK);
    send_history(other, 5, "");
    await_begun(2);
    answer(0, "{\"somebody\":\"else's\"}", PERCEPT_OK); /* the ticket is not used again */
    answer(1, "{}", PERCEPT_OK);
    ck_assert_str_eq(result(other, 5), "{}");
    close(other);
    /* A server that stops has none to answer any more. */
    fd = raw_connect(path);
    raw_hello(fd);
    send_history(fd, 1, "");
    await_begun(3);
    mini_stop_server(mini);
    ck_assert(raw_hung_up(fd));
    close(fd);
}
END_TEST

START_TEST(what_is_asked_comes_over_as_it_is)
{
    int fd = raw_connect(path);
    char message[128];
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__History history = PERCEPT__CONTROL__HISTORY__INIT;
    raw_hello(fd);
    history.topic = (char *)"captions";
    history.search = (char *)"two words";
    history.from_ns = -1;
    history.to_ns = INT64_MAX;
    history.after = UINT64_MAX;
    history.before = 5;
    history.limit = UINT32_MAX;
    history.newest = 1;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HISTORY;
    request.history = &history;
    ck_assert(raw_send(fd, &request));
    await_begun(1);
    ck_assert_str_eq(last.topic, "captions");
    ck_assert_str_eq(last.search, "two words");
    ck_assert_int_eq(last.wish.from_ns, -1);
    ck_assert_int_eq(last.wish.to_ns, INT64_MAX);
    ck_assert_uint_eq(last.wish.after, UINT64_MAX);
    ck_assert_uint_eq(last.wish.before, 5);
    ck_assert_uint_eq(last.wish.limit, UINT32_MAX);
    ck_assert_uint_eq(last.wish.newest, 1);
    answer(0, "{}", PERCEPT_OK);
    result(fd, 1);
    send_forget(fd, 300, false);
    await_begun(2);
    ck_assert_uint_eq(last.seconds, 300);
    answer(1, "{\"forgotten\":3}", PERCEPT_OK);
    ck_assert_str_eq(result(fd, 1), "{\"forgotten\":3}");
    send_forget(fd, 0, true);
    await_begun(3);
    ck_assert(last.seconds == PERCEPT_FORGET_ALL);
    answer(2, "{\"forgotten\":0}", PERCEPT_OK);
    result(fd, 1);
    /* Nothing said is not "all". */
    send_forget(fd, 0, false);
    ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_INVALID);
    send_forget(fd, 5, true);
    ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_INVALID);
    close(fd);
}
END_TEST

START_TEST(an_older_client_has_no_such_request)
{
    int fd = raw_connect(path);
    raw_hello_version(fd, 2);
    send_history(fd, 1, "");
    ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_MALFORMED);
    ck_assert(raw_hung_up(fd));
    close(fd);
    ck_assert_uint_eq(atomic_load(&begun), 0);
}
END_TEST

static _Atomic unsigned to_answer;

static void *answer_one(void *json)
{
    await_begun(atomic_load(&to_answer) + 1);
    answer(atomic_load(&to_answer), json, PERCEPT_NOT_FOUND);
    atomic_fetch_add(&to_answer, 1);
    return NULL;
}

static pthread_t answer_with(const char *json)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, answer_one, (void *)json), 0);
    return thread;
}

START_TEST(the_client_waits_for_it)
{
    const struct percept_history wish = {.topic = "captions", .limit = 3};
    char *json = NULL;
    uint64_t lines = 0;
    atomic_store(&to_answer, 0);
    pthread_t thread = answer_with("{\"lines\":[],\"more\":false}");
    ck_assert_msg(percept_history(client, &wish, &json, &error) == PERCEPT_OK, "%s", error.message);
    pthread_join(thread, NULL);
    ck_assert_str_eq(json, "{\"lines\":[],\"more\":false}");
    ck_assert_uint_eq(last.wish.limit, 3);
    free(json);
    thread = answer_with(NULL);
    ck_assert_int_eq(percept_history(client, &wish, &json, &error), PERCEPT_NOT_FOUND);
    pthread_join(thread, NULL);
    ck_assert_str_eq(error.message, "it is not found");
    thread = answer_with("{\"forgotten\":17}");
    ck_assert_int_eq(percept_forget(client, 60, &lines, &error), PERCEPT_OK);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(lines, 17);
    thread = answer_with("{\"forgotten\":many}");
    ck_assert_int_eq(percept_forget(client, PERCEPT_FORGET_ALL, NULL, &error), PERCEPT_MALFORMED);
    pthread_join(thread, NULL);
    ck_assert_int_eq(percept_forget(client, 0, NULL, &error), PERCEPT_INVALID);
}
END_TEST

START_TEST(a_result_that_is_over_the_quota_is_refused)
{
    stop();
    const struct ipc_quotas quotas = {.queued_bytes = 100};
    start_with(&quotas);
    char *large = malloc(1001);
    memset(large, ' ', 1000);
    large[1000] = '\0';
    int fd = raw_connect(path);
    raw_hello(fd);
    send_history(fd, 1, "");
    await_begun(1);
    answer(0, large, PERCEPT_OK);
    ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_LIMIT);
    send_history(fd, 2, "");
    await_begun(2);
    answer(1, "{}", PERCEPT_OK);
    ck_assert_str_eq(result(fd, 2), "{}");
    free(large);
    close(fd);
}
END_TEST

/* ---- a past that is hidden ---- */

static void hide(struct ipc_server *server, void *context)
{
    (void)context;
    ipc_server_hide_past(server, mini_topic(mini));
}

static struct percept_subscription *subscribe(struct percept_client *by)
{
    const struct percept_subscribe_options options = {.reading = PERCEPT_READ_QUEUE};
    struct percept_subscription *subscription;
    ck_assert_msg(percept_subscribe(by, MINI_TOPIC, &options, &subscription, &error) == PERCEPT_OK,
                  "%s", error.message);
    return subscription;
}

static void expect(struct percept_subscription *subscription, uint64_t stamp)
{
    struct percept_sample sample;
    ck_assert_msg(percept_next(subscription, 30 * SECOND, &sample, &error) == PERCEPT_OK, "%s",
                  error.message);
    ck_assert_uint_eq(mini_stamp(&sample), stamp + 1); /* look() adds one */
    ck_assert_uint_eq(sample.lost, 0);
}

static void expect_nothing(struct percept_subscription *subscription)
{
    struct percept_sample sample;
    ck_assert_int_eq(percept_next(subscription, 0, &sample, &error), PERCEPT_TIMED_OUT);
}

START_TEST(a_newcomer_sees_nothing_of_what_is_hidden)
{
    struct percept_subscription *before = subscribe(client), *early, *late;
    for (uint64_t stamp = 10; stamp < 13; stamp++)
        ck_assert(mini_publish(mini, stamp));
    expect(before, 10);
    mini_call(mini, hide, NULL);
    early = subscribe(client); /* before the writer has published again */
    expect_nothing(early);
    expect(before, 11); /* what it had mapped it has */
    expect(before, 12);
    for (uint64_t stamp = 20; stamp < 23; stamp++)
        ck_assert(mini_publish(mini, stamp));
    late = subscribe(client);
    for (uint64_t stamp = 20; stamp < 23; stamp++) {
        expect(before, stamp);
        expect(early, stamp);
        expect(late, stamp);
    }
    /* Twice without a sample between, and again. */
    mini_call(mini, hide, NULL);
    mini_call(mini, hide, NULL);
    struct percept_subscription *last_one = subscribe(client);
    expect_nothing(last_one);
    ck_assert(mini_publish(mini, 30));
    expect(last_one, 30);
    expect(before, 30);
    mini_call(mini, hide, NULL);
    ck_assert(mini_publish(mini, 40));
    expect(last_one, 40);
}
END_TEST

START_TEST(a_topic_that_has_ended_has_nothing_left_to_show)
{
    struct percept_subscription *subscription;
    ck_assert(mini_publish(mini, 1));
    ipc_topic_close(mini_topic(mini));
    subscription = subscribe(client);
    expect(subscription, 1);
    mini_call(mini, hide, NULL);
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error),
                     PERCEPT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "forgotten"));
}
END_TEST

static _Atomic bool over;

static void *publish_on(void *context)
{
    (void)context;
    for (uint64_t stamp = 1; !atomic_load(&over); stamp++) {
        mini_publish(mini, stamp);
        if (stamp % 64 == 0)
            usleep(1000);
    }
    return NULL;
}

/* The writer takes the next ring while newcomers look for it. */
START_TEST(newcomers_come_while_the_past_is_hidden_and_the_writer_goes_on)
{
    pthread_t writer;
    ck_assert_int_eq(pthread_create(&writer, NULL, publish_on, NULL), 0);
    for (int round = 0; round < 100; round++) {
        struct percept_sample sample;
        mini_call(mini, hide, NULL);
        struct percept_subscription *subscription = subscribe(client);
        ck_assert_msg(percept_next(subscription, 30 * SECOND, &sample, &error) == PERCEPT_OK, "%s",
                      error.message);
        mini_stamp(&sample);
        percept_unsubscribe(subscription);
    }
    atomic_store(&over, true);
    pthread_join(writer, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tests = tcase_create("history");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_answer_comes_later_and_in_its_turn);
    tcase_add_test(tests, a_query_may_be_answered_later_too);
    tcase_add_test(tests, whoever_goes_does_not_mind_the_answer);
    tcase_add_test(tests, what_is_asked_comes_over_as_it_is);
    tcase_add_test(tests, an_older_client_has_no_such_request);
    tcase_add_test(tests, the_client_waits_for_it);
    tcase_add_test(tests, a_result_that_is_over_the_quota_is_refused);
    tcase_add_test(tests, a_newcomer_sees_nothing_of_what_is_hidden);
    tcase_add_test(tests, a_topic_that_has_ended_has_nothing_left_to_show);
    tcase_add_test(tests, newcomers_come_while_the_past_is_hidden_and_the_writer_goes_on);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
