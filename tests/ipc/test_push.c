/* Pushing sound: who may, how many, what goes over the socket, and how it ends. What a pipeline
 * makes of it: tests/pipelines/test_audio_stream.c. */
#include "mini.h"
#include "raw.h"

#include "base/clock.h"
#include "ipc/hang_up.h"
#include "ipc/push.h"
#include "ipc/session.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

static const char *path;
static struct mini *mini;
static struct percept_client *client;
static struct percept_error error;

static const struct percept_sound phone = {.rate = 8000, .channels = 1, .dtype = PERCEPT_INT16};

/* ---- a pipeline that keeps the socket ---- */

static _Atomic int taken = -1;
static atomic_bool busy;
static struct ipc_push_format taken_format;

static enum percept_status on_push(void *context, const char *to, int fd,
                                   const struct ipc_push_format *format, struct percept_error *why)
{
    (void)context;
    if (strcmp(to, "busy") == 0 || atomic_load(&busy))
        return percept_fail(why, PERCEPT_BUSY, "somebody else is at it");
    if (strncmp(to, "phone", 5) != 0)
        return percept_fail(why, PERCEPT_NOT_FOUND, "no pipeline '%s'", to);
    taken_format = *format;
    atomic_store(&taken, fd);
    return PERCEPT_OK;
}

/* ---- a guard that bars, and writes down ---- */

static atomic_bool barred;
static char record[4096];
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;

static enum percept_status may_read(void *context, const struct ipc_peer *peer,
                                    const struct ipc_topic *topic, struct percept_error *why)
{
    (void)context, (void)peer, (void)topic, (void)why;
    return PERCEPT_OK;
}

static enum percept_status may_push(void *context, const struct ipc_peer *peer, const char *to,
                                    struct percept_error *why)
{
    (void)context;
    ck_assert_int_eq(peer->uid, geteuid());
    return atomic_load(&barred) ? percept_fail(why, PERCEPT_PERMISSION, "not to '%s'", to)
                                : PERCEPT_OK;
}

static void event(void *context, enum ipc_event kind, const struct ipc_peer *peer,
                  const char *topic, const char *text)
{
    static const char *const names[] = {[IPC_EVENT_REFUSE] = "refuse",
                                        [IPC_EVENT_REVOKE] = "end",
                                        [IPC_EVENT_PUSH] = "push",
                                        [IPC_EVENT_PUSHED] = "pushed"};
    (void)context, (void)peer, (void)text;
    if ((size_t)kind >= sizeof names / sizeof names[0] || !names[kind])
        return;
    pthread_mutex_lock(&record_lock);
    size_t used = strlen(record);
    snprintf(record + used, sizeof record - used, "%s %s;", names[kind], topic);
    pthread_mutex_unlock(&record_lock);
}

/* The server's thread may not be that far yet. */
static void await_record(const char *expected)
{
    for (size_t length = 0; length < strlen(expected);) {
        pthread_mutex_lock(&record_lock);
        length = strlen(record);
        if (length >= strlen(expected))
            ck_assert_str_eq(record, expected);
        pthread_mutex_unlock(&record_lock);
        usleep(1000);
    }
}

static const struct ipc_guard guard = {.may_read = may_read, .may_push = may_push, .event = event};

static void start_with(const struct ipc_quotas *quotas)
{
    struct mini_options options = {.push = on_push, .guard = &guard};
    if (quotas)
        options.quotas = *quotas;
    path = mini_path();
    mini = mini_start(path, &options);
    ck_assert_msg(percept_connect(path, &client, &error) == PERCEPT_OK, "%s", error.message);
    atomic_store(&barred, false);
}

static void start(void)
{
    start_with(NULL);
}

static void stop(void)
{
    percept_disconnect(client);
    mini_stop(mini);
    if (atomic_load(&taken) >= 0)
        close(atomic_load(&taken));
}

static struct percept_push *open_push(const char *to, const struct percept_sound *sound)
{
    struct percept_push *push;
    enum percept_status status = percept_push_open(client, to, sound, &push, &error);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    return push;
}

/* As the pipeline gets it; false at the end. */
static bool receive(struct ipc_push_head *head, int16_t sound[8192])
{
    static union {
        struct ipc_push_head head;
        uint8_t bytes[sizeof(struct ipc_push_head) + IPC_PUSH_SOUND_MAX];
    } packet;
    ssize_t size;
    while ((size = recv(atomic_load(&taken), &packet, sizeof packet, MSG_DONTWAIT)) < 0) {
        ck_assert_int_eq(errno, EAGAIN);
        usleep(1000);
    }
    if (size == 0)
        return false;
    ck_assert_int_ge(size, sizeof *head);
    *head = packet.head;
    ck_assert_uint_eq((size_t)size, sizeof *head + head->frames * 2);
    memcpy(sound, packet.bytes + sizeof *head, head->frames * 2);
    return true;
}

/* ---- what goes over ---- */

START_TEST(sound_of_any_length_goes_over_in_order_with_its_times)
{
    static int16_t sound[20000], got[8192];
    struct ipc_push_head head;
    size_t pushed = 0, at = 0;
    for (size_t i = 0; i < 20000; i++)
        sound[i] = (int16_t)i;
    struct percept_push *push = open_push("phone", &phone);
    ck_assert_uint_eq(taken_format.rate, 8000);
    ck_assert_uint_eq(taken_format.channels, 1);
    ck_assert_uint_eq(taken_format.dtype, PERCEPT_INT16);
    ck_assert_uint_eq(taken_format.queue, IPC_PUSH_QUEUE);
    ck_assert_int_eq(percept_push(push, sound, 20000, 5 * BASE_NS_PER_S, -1, &pushed, &error),
                     PERCEPT_OK);
    ck_assert_uint_eq(pushed, 20000);
    while (at < 20000) {
        ck_assert(receive(&head, got));
        ck_assert_uint_eq(head.position, at);
        ck_assert_int_eq(head.capture_ns, 5 * BASE_NS_PER_S + (int64_t)at * 125000);
        ck_assert_uint_eq(head.flags, 0);
        ck_assert_mem_eq(got, sound + at, head.frames * 2);
        at += head.frames;
    }
    percept_push_skip(push, 100);
    ck_assert_int_eq(percept_push(push, sound, 1, 0, -1, NULL, &error), PERCEPT_OK);
    ck_assert(receive(&head, got));
    ck_assert_uint_eq(head.position, 20100);
    ck_assert_int_eq(head.capture_ns, 0);
    percept_push_close(push);
    ck_assert(receive(&head, got));
    ck_assert_uint_eq(head.flags, IPC_PUSH_END);
    ck_assert(!receive(&head, got));
}
END_TEST

START_TEST(without_room_it_waits_no_longer_than_it_may)
{
    static int16_t sound[8000], got[8192];
    struct ipc_push_head head;
    size_t pushed, all = 0;
    struct percept_push *push = open_push("phone", &phone);
    enum percept_status status;
    while ((status = percept_push(push, sound, 8000, 0, 0, &pushed, &error)) == PERCEPT_OK)
        all += pushed;
    ck_assert_int_eq(status, PERCEPT_TIMED_OUT);
    all += pushed;
    ck_assert_uint_ge(all, 8000);
    ck_assert_uint_le(all * 2, IPC_PUSH_QUEUE + IPC_PUSH_SOUND_MAX);
    ck_assert_int_eq(percept_push(push, sound, 1, 0, BASE_NS_PER_MS, NULL, &error),
                     PERCEPT_TIMED_OUT);
    ck_assert_int_ge(percept_push_fd(push), 0);
    while (all) { /* what was taken is there; then there is room again */
        ck_assert(receive(&head, got));
        all -= head.frames;
    }
    ck_assert_int_eq(percept_push(push, sound, 8000, 0, 0, &pushed, &error), PERCEPT_OK);
    percept_push_close(push);
}
END_TEST

/* ---- who may ---- */

static const struct {
    struct percept_sound sound;
    const char *says;
} wrong[] = {
    {{7999, 1, PERCEPT_INT16, 0, {0}}, "7999 samples a second: sound is pushed at 8000 to 192000"},
    {{192001, 1, PERCEPT_INT16, 0, {0}}, "192001 samples a second"},
    {{0, 1, PERCEPT_INT16, 0, {0}}, "0 samples a second"},
    {{8000, 0, PERCEPT_INT16, 0, {0}}, "0 channels: sound is pushed in 1 to 8"},
    {{8000, 9, PERCEPT_INT16, 0, {0}}, "9 channels"},
    {{8000, UINT32_MAX, PERCEPT_FLOAT32, 0, {0}}, "4294967295 channels"},
    {{8000, 1, PERCEPT_FLOAT64, 0, {0}}, "samples of type 7: sound is pushed as int16 or float32"},
};

static void send_push(int fd, const char *to, const struct percept_sound *sound)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Push push = PERCEPT__CONTROL__PUSH__INIT;
    push.to = (char *)to;
    push.rate = sound->rate;
    push.channels = sound->channels;
    push.dtype = sound->dtype;
    request.id = 5;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_PUSH;
    request.push = &push;
    ck_assert(raw_send(fd, &request));
}

/* The socket that comes with the answer. */
static int raw_push(int fd, const char *to)
{
    struct ipc_packet packet;
    send_push(fd, to, &phone);
    Percept__Control__Reply *reply = raw_receive(fd, &packet);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->body_case, PERCEPT__CONTROL__REPLY__BODY_PUSHING);
    ck_assert_uint_eq(reply->id, 5);
    ck_assert_uint_eq(packet.fd_count, 1);
    percept__control__reply__free_unpacked(reply, NULL);
    return packet.fds[0];
}

START_TEST(sound_that_nothing_takes_is_refused_on_both_sides)
{
    struct percept_push *push = NULL;
    char message[256];
    ck_assert_int_eq(percept_push_open(client, "phone", &wrong[_i].sound, &push, &error),
                     PERCEPT_INVALID);
    ck_assert_msg(strstr(error.message, wrong[_i].says), "%s", error.message);
    int fd = raw_connect(path);
    raw_hello(fd);
    send_push(fd, "phone", &wrong[_i].sound);
    ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_INVALID);
    ck_assert_msg(strstr(message, wrong[_i].says), "%s", message);
    close(fd);
    ck_assert_int_eq(atomic_load(&taken), -1);
}
END_TEST

START_TEST(who_may_not_hears_it_and_it_is_on_record)
{
    struct percept_push *push = NULL;
    static char name[3000];
    atomic_store(&barred, true);
    ck_assert_int_eq(percept_push_open(client, "phone", &phone, &push, &error), PERCEPT_PERMISSION);
    ck_assert_str_eq(error.message, "not to 'phone'");
    ck_assert_str_eq(record, "refuse push:phone;");
    atomic_store(&barred, false);
    ck_assert_int_eq(percept_push_open(client, "busy", &phone, &push, &error), PERCEPT_BUSY);
    ck_assert_int_eq(percept_push_open(client, "fone", &phone, &push, &error), PERCEPT_NOT_FOUND);
    ck_assert_int_eq(percept_push_open(client, "", &phone, &push, &error), PERCEPT_NOT_FOUND);
    memset(name, 'x', sizeof name - 1);
    ck_assert_int_eq(percept_push_open(client, name, &phone, &push, &error), PERCEPT_NOT_FOUND);
    ck_assert_ptr_null(push);
    ck_assert_str_eq(record, "refuse push:phone;");
}
END_TEST

START_TEST(a_client_has_some_and_a_user_as_many_as_the_quota_says)
{
    const struct ipc_quotas quotas = {.pushes = IPC_PUSHES_MAX + 1};
    int sockets[IPC_PUSHES_MAX + 1];
    char message[256], name[16];
    stop();
    start_with(&quotas);
    int fd = raw_connect(path), other = raw_connect(path);
    raw_hello(fd);
    raw_hello(other);
    for (int i = 0; i < IPC_PUSHES_MAX; i++) {
        snprintf(name, sizeof name, "phone%d", i);
        sockets[i] = raw_push(fd, name);
        close(atomic_exchange(&taken, -1));
    }
    send_push(fd, "phone", &phone);
    ck_assert_int_eq(raw_expect_error(fd, message, sizeof message), PERCEPT_LIMIT);
    ck_assert_ptr_nonnull(strstr(message, "to 4 pipelines at most"));
    sockets[IPC_PUSHES_MAX] = raw_push(other, "phone");
    close(atomic_exchange(&taken, -1));
    send_push(other, "phone", &phone);
    ck_assert_int_eq(raw_expect_error(other, message, sizeof message), PERCEPT_LIMIT);
    ck_assert_ptr_nonnull(strstr(message, "(quota pushes)"));
    /* One that is over makes room. */
    close(sockets[0]);
    close(raw_push(fd, "phone"));
    for (int i = 1; i <= IPC_PUSHES_MAX; i++)
        close(sockets[i]);
    close(fd);
    close(other);
}
END_TEST

/* Where the kernel does not refuse them: nobody takes such a packet, and nothing behind it. */
START_TEST(descriptors_between_sound_hold_up_nobody)
{
    static const struct ipc_packet sound = {.size = sizeof(struct ipc_push_head)};
    const int passes = 1;
    int fd = raw_connect(path), socket;
    raw_hello(fd);
    socket = raw_push(fd, "phone");
    if (!raw_send_lingering(socket, &sound)) /* refused, from Linux 6.16 on */
        ck_assert_int_eq(
            setsockopt(atomic_load(&taken), SOL_SOCKET, SO_PASSRIGHTS, &passes, sizeof passes), 0);
    ck_assert_int_eq(ipc_wire_send(socket, &sound), PERCEPT_OK);
    ck_assert(raw_send_lingering(socket, &sound));
    ck_assert_int_eq(ipc_wire_send(socket, &sound), PERCEPT_OK);
    /* Revoked, and so emptied and closed. */
    atomic_store(&barred, true);
    mini_recheck(mini);
    ipc_hang_up(atomic_exchange(&taken, -1));
    mini_recheck(mini);
    close(socket);
    close(fd);
}
END_TEST

START_TEST(an_older_client_has_no_such_request)
{
    int fd = raw_connect(path);
    raw_hello_version(fd, 3);
    send_push(fd, "phone", &phone);
    ck_assert_int_eq(raw_expect_error(fd, NULL, 0), PERCEPT_MALFORMED);
    ck_assert(raw_hung_up(fd));
    close(fd);
}
END_TEST

START_TEST(a_daemon_that_takes_none_says_so)
{
    struct percept_push *push = NULL;
    stop();
    path = mini_path();
    mini = mini_start(path, NULL);
    ck_assert_int_eq(percept_connect(path, &client, &error), PERCEPT_OK);
    ck_assert_int_eq(percept_push_open(client, "phone", &phone, &push, &error),
                     PERCEPT_UNSUPPORTED);
}
END_TEST

/* ---- its end ---- */

START_TEST(what_is_revoked_ends_at_once_and_what_waits_is_not_heard)
{
    static int16_t sound[8000], got[8192];
    struct ipc_push_head head;
    struct percept_push *push = open_push("phone", &phone), *again = NULL;
    ck_assert_int_eq(percept_push(push, sound, 8000, 0, -1, NULL, &error), PERCEPT_OK);
    ck_assert_int_eq(send(percept_push_fd(push), "", 0, 0), 0); /* hides what is behind it */
    ck_assert_int_eq(percept_push(push, sound, 8000, 0, -1, NULL, &error), PERCEPT_OK);
    atomic_store(&barred, true);
    mini_recheck(mini);
    ck_assert(!receive(&head, got));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(percept_push(push, sound, 1, 0, -1, NULL, &error), PERCEPT_PERMISSION);
        ck_assert_str_eq(error.message, "pushing was ended: not to 'phone'");
    }
    percept_push_close(push);
    ck_assert_int_eq(percept_push_open(client, "phone", &phone, &again, &error),
                     PERCEPT_PERMISSION);
    await_record("push push:phone;end push:phone;refuse push:phone;");
}
END_TEST

START_TEST(with_the_connection_it_ends_and_leaves_nothing_behind)
{
    static int16_t sound[100], got[8192];
    struct ipc_push_head head;
    size_t before = mini_open_descriptors();
    int fd = raw_connect(path);
    raw_hello(fd);
    int push = raw_push(fd, "phone");
    ck_assert_int_eq(
        send(push, &(struct ipc_push_head){.frames = 0}, sizeof(struct ipc_push_head), 0),
        sizeof(struct ipc_push_head));
    close(fd);
    ck_assert(receive(&head, got)); /* what was said is heard */
    ck_assert(!receive(&head, got));
    ck_assert_int_eq(send(push, sound, sizeof sound, MSG_NOSIGNAL), -1);
    close(push);
    close(atomic_exchange(&taken, -1));
    while (mini_open_descriptors() > before)
        usleep(1000);
    await_record("push push:phone;pushed push:phone;");
}
END_TEST

START_TEST(with_its_client_it_is_over)
{
    static int16_t sound[100];
    struct percept_push *push = open_push("phone", &phone);
    percept_disconnect(client);
    client = NULL;
    while (percept_push(push, sound, 100, 0, -1, NULL, &error) == PERCEPT_OK)
        usleep(1000);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(percept_push(push, sound, 100, 0, -1, NULL, &error), PERCEPT_DISCONNECTED);
    percept_push_close(push);
}
END_TEST

/* ---- its return ---- */

static int gone, back;

static void on_connection(void *context, int connected)
{
    ck_assert_ptr_eq(context, &gone);
    *(connected ? &back : &gone) += 1;
}

static void lose_daemon(void)
{
    mini_stop(mini);
    mini = NULL;
    close(atomic_exchange(&taken, -1));
}

static void start_daemon(void)
{
    mini = mini_start(path, &(struct mini_options){.push = on_push, .guard = &guard});
}

static void *start_later(void *unused)
{
    usleep(50000);
    start_daemon();
    return unused;
}

/* One packet, as the first that the pipeline hears. */
static void hears_from_the_beginning(void)
{
    static int16_t got[8192];
    struct ipc_push_head head;
    ck_assert(receive(&head, got));
    ck_assert_uint_eq(head.position, 0);
    ck_assert_uint_eq(head.frames, 100);
}

START_TEST(it_waits_for_a_daemon_that_dies_and_goes_on)
{
    static int16_t sound[100];
    pthread_t thread;
    size_t pushed;
    struct percept_push *push = open_push("phone", &phone);
    percept_on_connection(client, on_connection, &gone);
    ck_assert_int_eq(percept_push(push, sound, 100, 0, -1, NULL, &error), PERCEPT_OK);
    hears_from_the_beginning();
    lose_daemon();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(percept_push(push, sound, 100, 0, 0, &pushed, &error), PERCEPT_TIMED_OUT);
        ck_assert_str_eq(error.message, "the daemon is away");
        ck_assert_uint_eq(pushed, 0);
        ck_assert_int_eq(percept_push_fd(push), -1);
    }
    ck_assert_int_eq(gone, 1);
    ck_assert_int_eq(back, 0);
    percept_push_skip(push, 12345); /* nobody misses it */
    pthread_create(&thread, NULL, start_later, NULL);
    ck_assert_int_eq(percept_push(push, sound, 100, 0, -1, &pushed, &error), PERCEPT_OK);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(pushed, 100);
    hears_from_the_beginning();
    ck_assert_int_ge(percept_push_fd(push), 0);
    ck_assert_int_eq(gone, 1);
    ck_assert_int_eq(back, 1);
    percept_push_close(push);
    await_record("push push:phone;pushed push:phone;push push:phone;");
}
END_TEST

START_TEST(with_a_subscription_of_its_client_it_comes_back_too)
{
    static int16_t sound[100];
    struct percept_subscription *subscription;
    struct percept_sample sample;
    struct percept_push *push = open_push("phone", &phone);
    percept_on_connection(client, on_connection, &gone);
    ck_assert_int_eq(percept_subscribe(client, MINI_TOPIC, NULL, &subscription, &error),
                     PERCEPT_OK);
    lose_daemon();
    start_daemon();
    mini_publish(mini, 7);
    ck_assert_int_eq(percept_next(subscription, -1, &sample, &error), PERCEPT_OK);
    ck_assert_int_eq(gone, 1);
    ck_assert_int_eq(percept_push(push, sound, 100, 0, -1, NULL, &error), PERCEPT_OK);
    hears_from_the_beginning();
    ck_assert_int_eq(back, 1);
    percept_push_close(push);
}
END_TEST

START_TEST(a_pipeline_that_comes_back_hears_it_again)
{
    static int16_t sound[100];
    struct percept_push *push = open_push("phone", &phone);
    percept_on_connection(client, on_connection, &gone);
    ipc_push_hang_up(atomic_load(&taken), PERCEPT_DISCONNECTED, "the pipeline has ended");
    close(atomic_exchange(&taken, -1));
    atomic_store(&busy, true);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(percept_push(push, sound, 100, 0, 300 * BASE_NS_PER_MS, NULL, &error),
                         PERCEPT_TIMED_OUT);
        ck_assert_str_eq(error.message, "somebody else is at it");
    }
    atomic_store(&busy, false);
    ck_assert_int_eq(percept_push(push, sound, 100, 0, -1, NULL, &error), PERCEPT_OK);
    hears_from_the_beginning();
    ck_assert_int_eq(gone + back, 0); /* the daemon was there all the time */
    percept_push_close(push);
}
END_TEST

START_TEST(what_is_not_permitted_any_more_does_not_come_back)
{
    static int16_t sound[100];
    struct percept_push *push = open_push("phone", &phone);
    lose_daemon();
    atomic_store(&barred, true);
    start_daemon();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(percept_push(push, sound, 1, 0, -1, NULL, &error), PERCEPT_PERMISSION);
        ck_assert_str_eq(error.message, "not to 'phone'");
    }
    percept_push_close(push);
}
END_TEST

/* Be a daemon of the third version, for one client. Returns what it was asked besides Hello. */
static void *serve_version_3(void *listener)
{
    static int asked;
    Percept__Control__Reply reply = PERCEPT__CONTROL__REPLY__INIT;
    Percept__Control__Welcome welcome = PERCEPT__CONTROL__WELCOME__INIT;
    uint8_t bytes[IPC_PACKET_MAX];
    int fd = accept(*(const int *)listener, NULL, NULL);
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    Percept__Control__Request *hello =
        percept__control__request__unpack(NULL, size > 0 ? (size_t)size : 0, bytes);
    ck_assert(hello && hello->body_case == PERCEPT__CONTROL__REQUEST__BODY_HELLO);
    welcome.version = 3;
    reply.id = hello->id;
    reply.body_case = PERCEPT__CONTROL__REPLY__BODY_WELCOME;
    reply.welcome = &welcome;
    percept__control__request__free_unpacked(hello, NULL);
    size = (ssize_t)percept__control__reply__pack(&reply, bytes);
    ck_assert_int_eq(send(fd, bytes, (size_t)size, 0), size);
    asked = 0;
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        asked++;
    close(fd);
    return &asked;
}

START_TEST(a_daemon_that_comes_back_older_is_not_asked)
{
    static int16_t sound[100];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t thread;
    void *asked;
    struct percept_push *push = open_push("phone", &phone);
    lose_daemon();
    unlink(path);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    pthread_create(&thread, NULL, serve_version_3, &listener);
    ck_assert_int_eq(percept_push(push, sound, 1, 0, -1, NULL, &error), PERCEPT_VERSION);
    ck_assert_ptr_nonnull(strstr(error.message, "speaks version 3 of the protocol"));
    percept_push_close(push);
    percept_disconnect(client);
    client = NULL;
    pthread_join(thread, &asked);
    ck_assert_int_eq(*(const int *)asked, 0);
    close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("push");
    TCase *tests = tcase_create("push");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, sound_of_any_length_goes_over_in_order_with_its_times);
    tcase_add_test(tests, without_room_it_waits_no_longer_than_it_may);
    tcase_add_loop_test(tests, sound_that_nothing_takes_is_refused_on_both_sides, 0,
                        sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tests, who_may_not_hears_it_and_it_is_on_record);
    tcase_add_test(tests, a_client_has_some_and_a_user_as_many_as_the_quota_says);
    tcase_add_test(tests, descriptors_between_sound_hold_up_nobody);
    tcase_add_test(tests, an_older_client_has_no_such_request);
    tcase_add_test(tests, a_daemon_that_takes_none_says_so);
    tcase_add_test(tests, what_is_revoked_ends_at_once_and_what_waits_is_not_heard);
    tcase_add_test(tests, with_the_connection_it_ends_and_leaves_nothing_behind);
    tcase_add_test(tests, with_its_client_it_is_over);
    tcase_add_test(tests, it_waits_for_a_daemon_that_dies_and_goes_on);
    tcase_add_test(tests, with_a_subscription_of_its_client_it_comes_back_too);
    tcase_add_test(tests, a_pipeline_that_comes_back_hears_it_again);
    tcase_add_test(tests, what_is_not_permitted_any_more_does_not_come_back);
    tcase_add_test(tests, a_daemon_that_comes_back_older_is_not_asked);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
