/* The control socket under clients that are wrong, greedy, hostile, or many. Those that send noise
 * are in tests/soak/ipc.c. */
#include "mini.h"
#include "raw.h"

#include "base/clock.h"
#include "ipc/session.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

static const char *path;
static struct mini *mini;
static struct percept_error error;
static char message[600];

static void start_with(const struct mini_options *options)
{
    path = mini_path();
    mini = mini_start(path, options);
}

static void start(void)
{
    start_with(NULL);
}

static void stop(void)
{
    mini_stop(mini);
    mini = NULL;
}

/* The daemon is well if a client that does all right gets a sample. */
static void check_daemon_serves(void)
{
    struct percept_client *client;
    struct percept_subscription *subscription;
    struct percept_sample sample;
    static uint64_t stamp = 1000;
    ck_assert_msg(percept_connect(path, &client, &error) == PERCEPT_OK, "%s", error.message);
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error),
                     PERCEPT_OK);
    mini_publish(mini, ++stamp);
    ck_assert_int_eq(percept_next(subscription, BASE_NS_PER_S, &sample, &error), PERCEPT_OK);
    ck_assert_uint_eq(mini_stamp(&sample), stamp);
    percept_disconnect(client);
}

START_TEST(versions_are_negotiated)
{
    static const struct {
        uint32_t min, max, version; /* 0: refused */
    } cases[] = {{1, 1, 1}, {0, 9, 4}, {1, 2, 2}, {2, 3, 3},
                 {3, 4, 4}, {5, 6, 0}, {0, 0, 0}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ipc_packet packet;
        Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
        Percept__Control__Hello hello = PERCEPT__CONTROL__HELLO__INIT;
        int fd = raw_connect(path);
        hello.version_min = cases[i].min;
        hello.version_max = cases[i].max;
        request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HELLO;
        request.hello = &hello;
        ck_assert(raw_send(fd, &request));
        if (cases[i].version) {
            Percept__Control__Reply *reply = raw_receive(fd, &packet);
            ck_assert_int_eq(reply->body_case, PERCEPT__CONTROL__REPLY__BODY_WELCOME);
            ck_assert_uint_eq(reply->welcome->version, cases[i].version);
            percept__control__reply__free_unpacked(reply, NULL);
        } else {
            ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_VERSION);
            ck_assert(raw_hung_up(fd));
        }
        close(fd);
    }
}
END_TEST

START_TEST(requests_out_of_turn_end_the_connection)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Query query = PERCEPT__CONTROL__QUERY__INIT;
    Percept__Control__Hello hello = PERCEPT__CONTROL__HELLO__INIT;
    query.what = "clients";
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_QUERY;
    request.query = &query;
    int fd = raw_connect(path);
    ck_assert(raw_send(fd, &request));
    ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_MALFORMED);
    ck_assert(raw_hung_up(fd));
    close(fd);

    fd = raw_connect(path);
    raw_hello(fd);
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HELLO;
    request.hello = &hello;
    ck_assert(raw_send(fd, &request));
    ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_MALFORMED);
    ck_assert(raw_hung_up(fd));
    close(fd);
}
END_TEST

START_TEST(packets_of_no_size_and_of_too_much_end_the_connection)
{
    static char large[IPC_PACKET_MAX + 1];
    int fd = raw_connect(path);
    raw_hello(fd);
    ck_assert(raw_send_bytes(fd, large, sizeof large));
    ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_LIMIT);
    ck_assert(raw_hung_up(fd));
    close(fd);
    fd = raw_connect(path);
    ck_assert(raw_send_bytes(fd, large, 0));
    ck_assert(raw_hung_up(fd));
    close(fd);
    check_daemon_serves();
}
END_TEST

START_TEST(a_client_that_never_reads_is_not_read_from_either)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Query query = PERCEPT__CONTROL__QUERY__INIT;
    query.what = "clients";
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_QUERY;
    request.query = &query;
    int fd = raw_connect(path);
    raw_hello(fd);
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    int sent = 0;
    for (int quiet = 0; quiet < 20;) {
        request.id = (uint32_t)sent + 1;
        if (raw_send(fd, &request)) {
            sent++;
            quiet = 0;
        } else {
            ck_assert_int_eq(errno, EAGAIN);
            quiet++;
            check_daemon_serves();
        }
        ck_assert_int_lt(sent, 100000);
    }
    /* Every request that was taken is answered, in order, once it reads. */
    for (int i = 0; i < sent; i++) {
        struct ipc_packet packet;
        Percept__Control__Reply *reply = raw_receive(fd, &packet);
        ck_assert_ptr_nonnull(reply);
        ck_assert_uint_eq(reply->id, (uint32_t)i + 1);
        percept__control__reply__free_unpacked(reply, NULL);
        ipc_packet_reset(&packet);
    }
    close(fd);
}
END_TEST

START_TEST(a_flood_of_requests_starves_nobody)
{
    pid_t flood = fork();
    ck_assert_int_ge(flood, 0);
    if (flood == 0) {
        static const uint8_t query[] = {8, 6, 50, 9, 10, 7, 'c', 'l', 'i', 'e', 'n', 't', 's'};
        int fd = raw_connect(path);
        raw_hello(fd);
        for (;;) {
            struct ipc_packet packet = {.size = 0};
            while (send(fd, query, sizeof query, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
                ;
            while (ipc_wire_receive(fd, &packet) == PERCEPT_OK)
                ipc_packet_reset(&packet);
        }
    }
    for (int i = 0; i < 50; i++)
        check_daemon_serves(); /* no request may take more than 5 s */
    mini_kill(flood);
}
END_TEST

/* ---- descriptors that clients send ---- */

/* Before Linux 6.16 they can't be refused; after it, a test can have it as it was before. */
static void let_descriptors_in(void)
{
    const int passes = 1;
    int listens;
    for (int fd = 3; fd < 64; fd++) {
        socklen_t size = sizeof listens;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
            (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &passes, sizeof passes);
    }
}

static const struct ipc_packet unknown_wake = {.bytes = {8, 4, 34, 2, 8, 1}, .size = 6};

START_TEST(descriptors_that_a_client_sends_are_refused)
{
    int fd = raw_connect(path);
    raw_hello(fd);
    if (raw_send_lingering(fd, &unknown_wake)) { /* Linux before 6.16 */
        ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_UNSUPPORTED);
        ck_assert(raw_hung_up(fd));
    } else {
        ck_assert(raw_send_bytes(fd, unknown_wake.bytes, unknown_wake.size));
        ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_NOT_FOUND);
    }
    check_daemon_serves();
    close(fd);
}
END_TEST

/* The daemon must neither receive them nor be who closes the socket that they are in. */
START_TEST(nothing_that_a_client_sends_holds_up_the_daemon)
{
    static const struct ipc_packet nonsense = {.bytes = {255}, .size = 1}, empty = {.size = 0};
    let_descriptors_in();
    for (int i = 0; i < 50; i++) {
        int fd = raw_connect(path);
        switch (i % 5) {
        case 0: /* with a request */
            raw_hello(fd);
            ck_assert(raw_send_lingering(fd, &unknown_wake));
            ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_UNSUPPORTED);
            ck_assert_str_eq(message, "a request has no descriptors");
            ck_assert(raw_hung_up(fd));
            break;
        case 1: /* instead of one */
            ck_assert(raw_send_lingering(fd, &empty));
            break;
        case 2: /* behind what it hangs up on */
            ck_assert(raw_send_bytes(fd, nonsense.bytes, nonsense.size));
            (void)raw_send_lingering(fd, &unknown_wake);
            break;
        case 3: /* and be gone */
            raw_hello(fd);
            ck_assert(raw_send_lingering(fd, &unknown_wake));
            break;
        default: /* before it knows whether it is let in */
            ck_assert(raw_send_lingering(fd, &nonsense));
            break;
        }
        close(fd);
        if (i % 10 == 9)
            check_daemon_serves();
    }
}
END_TEST

/* The other way: what libpercept gets and has no use for. */
START_TEST(an_empty_packet_leaves_no_descriptors)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    size_t descriptors = mini_open_descriptors();
    struct ipc_packet packet = {.fds = {pair[0], pair[0], pair[1]}, .fd_count = IPC_FDS_MAX};
    ck_assert_int_eq(ipc_wire_send(pair[0], &packet), PERCEPT_OK);
    packet.fd_count = 0;
    ck_assert_int_eq(ipc_wire_receive(pair[1], &packet), PERCEPT_DISCONNECTED);
    ck_assert_uint_eq(mini_open_descriptors(), descriptors);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

static void answer(int fd, Percept__Control__Reply *reply, int with)
{
    struct ipc_packet packet = {.fds = {with}, .fd_count = with >= 0}, request = {.fd_count = 0};
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, 30000), 1);
    ck_assert_int_eq(ipc_wire_receive(fd, &request), PERCEPT_OK);
    Percept__Control__Request *asked =
        percept__control__request__unpack(NULL, request.size, request.bytes);
    reply->id = asked->id;
    percept__control__request__free_unpacked(asked, NULL);
    packet.size = percept__control__reply__pack(reply, packet.bytes);
    ck_assert_int_eq(ipc_wire_send(fd, &packet), PERCEPT_OK);
}

/* A daemon that answers with a result whatever it is asked, `count` times. */
static void answer_with_results(int listener, int count)
{
    Percept__Control__Reply reply = PERCEPT__CONTROL__REPLY__INIT;
    Percept__Control__Welcome welcome = PERCEPT__CONTROL__WELCOME__INIT;
    Percept__Control__Result result = PERCEPT__CONTROL__RESULT__INIT;
    int fd = accept(listener, NULL, NULL);
    welcome.version = IPC_PROTOCOL_MAX;
    reply.body_case = PERCEPT__CONTROL__REPLY__BODY_WELCOME;
    reply.welcome = &welcome;
    answer(fd, &reply, -1);
    reply.body_case = PERCEPT__CONTROL__REPLY__BODY_RESULT;
    reply.result = &result;
    while (count--)
        answer(fd, &reply, fd);
    _exit(0);
}

START_TEST(a_result_that_nobody_asked_for_is_closed)
{
    struct percept_client *client;
    const struct percept_grant grant = {.what = "camera"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t descriptors = mini_open_descriptors();
    strcpy(address.sun_path, mini_path());
    int status, listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    pid_t daemon = fork();
    if (daemon == 0)
        answer_with_results(listener, 10);
    close(listener);
    ck_assert_int_eq(percept_connect(address.sun_path, &client, &error), PERCEPT_OK);
    for (int i = 0; i < 10; i++)
        (void)percept_grant(client, &grant, &error);
    percept_disconnect(client);
    ck_assert_uint_eq(mini_open_descriptors(), descriptors);
    ck_assert_int_eq(waitpid(daemon, &status, 0), daemon);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Slots that are not in use have no memory; a client can say that it holds one. */
START_TEST(what_a_page_says_takes_no_memory)
{
    int fds[3], fd;
    struct stat before, after;
    char *json;
    struct percept_client *client;
    stop();
    start_with(&(struct mini_options){.max_bytes = 8192});
    fd = raw_connect(path);
    raw_hello(fd);
    raw_subscribe(fd, MINI_TOPIC, fds);
    struct ipc_ring_header *ring = mmap(NULL, sizeof *ring, PROT_READ, MAP_SHARED, fds[0], 0);
    struct ipc_ring_page *page =
        mmap(NULL, IPC_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    ck_assert_ptr_ne(ring, MAP_FAILED);
    ck_assert_ptr_ne(page, MAP_FAILED);
    ck_assert_int_eq(percept_connect(path, &client, &error), PERCEPT_OK);
    ck_assert_int_eq(fstat(fds[0], &before), 0);
    for (uint32_t slot = 0; slot <= ring->slot_count; slot++) {
        atomic_store(&page->held, slot);
        ck_assert_int_eq(percept_query(client, "clients", &json, &error), PERCEPT_OK);
        free(json);
    }
    ck_assert_int_eq(fstat(fds[0], &after), 0);
    ck_assert_int_eq(after.st_blocks, before.st_blocks);
    percept_disconnect(client);
    munmap(ring, sizeof *ring);
    munmap(page, IPC_PAGE_BYTES);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(fd);
}
END_TEST

START_TEST(idle_clients_fill_the_house_and_then_it_is_full)
{
    int idle[4];
    struct percept_client *client;
    stop();
    start_with(&(struct mini_options){.max_clients = 4});
    for (int i = 0; i < 4; i++) {
        idle[i] = raw_connect(path);
        if (i % 2)
            raw_hello(idle[i]);
    }
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(percept_connect(path, &client, &error), PERCEPT_LIMIT);
        ck_assert_str_eq(error.message, "the daemon serves 4 clients, as many as it may");
    }
    close(idle[0]);
    /* The daemon learns of it in its own time. */
    while (percept_connect(path, &client, &error) != PERCEPT_OK)
        poll(NULL, 0, 10);
    percept_disconnect(client);
    for (int i = 1; i < 4; i++)
        close(idle[i]);
}
END_TEST

START_TEST(a_client_has_so_many_subscriptions_and_no_more)
{
    struct percept_client *client;
    struct percept_subscription *subscription;
    ck_assert_int_eq(percept_connect(path, &client, &error), PERCEPT_OK);
    for (int i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
        ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error),
                         PERCEPT_OK);
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error),
                     PERCEPT_LIMIT);
    ck_assert_str_eq(error.message, "a client may have 32 subscriptions");
    percept_disconnect(client);
}
END_TEST

START_TEST(a_topic_has_so_many_subscribers_and_no_more)
{
    struct percept_client *clients[3];
    struct percept_subscription *subscription;
    int granted = 0;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(percept_connect(path, &clients[i], &error), PERCEPT_OK);
    while (percept_subscribe(clients[granted / 30], MINI_TOPIC, NULL, &subscription, &error) ==
           PERCEPT_OK)
        granted++;
    ck_assert_int_eq(granted, IPC_SEATS_MAX);
    ck_assert_int_eq(error.status, PERCEPT_LIMIT);
    ck_assert_str_eq(error.message, "topic 'numbers' has 64 subscribers, the most it takes");
    for (int i = 0; i < 3; i++)
        percept_disconnect(clients[i]);
}
END_TEST

START_TEST(a_daemon_out_of_descriptors_says_so_and_recovers)
{
    struct rlimit before, tight;
    struct percept_client *client;
    struct percept_subscription *subscription;
    ck_assert_int_eq(percept_connect(path, &client, &error), PERCEPT_OK);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error),
                     PERCEPT_LIMIT);
    setrlimit(RLIMIT_NOFILE, &before);
    percept_disconnect(client);
    check_daemon_serves();

    /* No descriptor to accept with: the client waits in line, and is served when there is one. */
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    close(fd);
    tight.rlim_cur = (rlim_t)fd + 1;
    setrlimit(RLIMIT_NOFILE, &tight);
    fd = raw_connect(path);
    poll(NULL, 0, 50);
    setrlimit(RLIMIT_NOFILE, &before);
    raw_hello(fd);
    close(fd);
}
END_TEST

static enum percept_status open_server(const char *where)
{
    uv_loop_t loop;
    struct ipc_server *server = NULL;
    struct ipc_server_options options = {.socket_path = where};
    uv_loop_init(&loop);
    enum percept_status status = ipc_server_create(&loop, &options, &server, &error);
    ipc_server_destroy(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    return status;
}

START_TEST(two_daemons_do_not_share_a_socket)
{
    ck_assert_int_eq(open_server(path), PERCEPT_EXISTS);
    ck_assert_ptr_nonnull(strstr(error.message, path));
    check_daemon_serves();
}
END_TEST

START_TEST(a_dead_daemons_socket_is_replaced)
{
    struct stat status;
    const char *place = mini_path();
    stop(); /* a process with threads can't fork a daemon under ThreadSanitizer */
    mini_kill(mini_fork(place));
    ck_assert_int_eq(stat(place, &status), 0);
    ck_assert_int_eq(open_server(place), PERCEPT_OK);
    /* And a daemon that stops leaves nothing. */
    snprintf(message, sizeof message, "%s.lock", place);
    ck_assert_int_eq(stat(place, &status), -1);
    ck_assert_int_eq(stat(message, &status), -1);
}
END_TEST

START_TEST(a_file_that_is_no_socket_stays)
{
    const char *place = mini_path();
    struct stat status;
    close(open(place, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(open_server(place), PERCEPT_EXISTS);
    ck_assert_int_eq(stat(place, &status), 0);
    ck_assert_int_eq(open_server("/nowhere/percept.sock"), PERCEPT_NOT_FOUND);
    ck_assert_int_eq(open_server(""), PERCEPT_INVALID);
    memset(message, 'x', 200);
    message[200] = '\0';
    ck_assert_int_eq(open_server(message), PERCEPT_INVALID);
}
END_TEST

START_TEST(the_socket_is_not_for_everyone)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0660);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tests = tcase_create("control");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, versions_are_negotiated);
    tcase_add_test(tests, requests_out_of_turn_end_the_connection);
    tcase_add_test(tests, packets_of_no_size_and_of_too_much_end_the_connection);
    tcase_add_test(tests, a_client_that_never_reads_is_not_read_from_either);
    tcase_add_test(tests, a_flood_of_requests_starves_nobody);
    tcase_add_test(tests, descriptors_that_a_client_sends_are_refused);
    tcase_add_test(tests, nothing_that_a_client_sends_holds_up_the_daemon);
    tcase_add_test(tests, an_empty_packet_leaves_no_descriptors);
    tcase_add_test(tests, a_result_that_nobody_asked_for_is_closed);
    tcase_add_test(tests, what_a_page_says_takes_no_memory);
    tcase_add_test(tests, idle_clients_fill_the_house_and_then_it_is_full);
    tcase_add_test(tests, a_client_has_so_many_subscriptions_and_no_more);
    tcase_add_test(tests, a_topic_has_so_many_subscribers_and_no_more);
    tcase_add_test(tests, a_daemon_out_of_descriptors_says_so_and_recovers);
    tcase_add_test(tests, two_daemons_do_not_share_a_socket);
    tcase_add_test(tests, a_dead_daemons_socket_is_replaced);
    tcase_add_test(tests, a_file_that_is_no_socket_stays);
    tcase_add_test(tests, the_socket_is_not_for_everyone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
