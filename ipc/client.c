/*
 * The connection to the daemon: dialling, requests and replies, and getting back up after the
 * daemon has gone. On dialling, the greeting and all subscriptions are sent at once; the connection
 * is up when all have been answered.
 */
#include "ipc/client.h"

#include "base/clock.h"
#include "ipc/memfd.h"
#include "ipc/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define RESULT_MAX ((size_t)64 << 20)

typedef Percept__Control__Reply reply_message;

/* ---- losing and dialling ---- */

/* For poll loops: wake up at that time; 0: no more. */
static void set_timer(struct percept_client *client, int64_t when_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(when_ns / BASE_NS_PER_S),
                                           .tv_nsec = (long)(when_ns % BASE_NS_PER_S)}};
    if (client->timer_fd >= 0)
        timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void lose(struct percept_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->hello = client->query = 0;
    client->retry_ns = base_clock_ns() + client->backoff_ns;
    client->backoff_ns *= 2;
    if (client->backoff_ns > CLIENT_BACKOFF_MAX)
        client->backoff_ns = CLIENT_BACKOFF_MAX;
    set_timer(client, client->retry_ns);
    for (struct percept_subscription *s = client->subscriptions; s; s = s->next) {
        s->request = s->wake_request = 0;
        s->seated = false;
        s->current.id = 0;
        mapping_close(&s->fresh);
        subscription_kick(s);
    }
    push_lost(client);
    bool was_up = client->up;
    client->up = false;
    if (was_up && client->callback)
        client->callback(client->context, 0);
}

/*
 * A send that fails ends the connection in good order: what the daemon has said can still be read,
 * then comes the end, and with it lose().
 */
uint32_t client_send(struct percept_client *client, Percept__Control__Request *request)
{
    struct ipc_packet packet = {.fd_count = 0};
    if (client->fd < 0)
        return 0;
    if (++client->last_request == 0)
        client->last_request = 1;
    request->id = client->last_request;
    if (percept__control__request__get_packed_size(request) > sizeof packet.bytes)
        return 0;
    packet.size = percept__control__request__pack(request, packet.bytes);
    if (ipc_wire_send(client->fd, &packet) != PERCEPT_OK)
        shutdown(client->fd, SHUT_RDWR);
    return request->id;
}

static void send_hello(struct percept_client *client)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Hello hello = PERCEPT__CONTROL__HELLO__INIT;
    hello.version_min = IPC_PROTOCOL_MIN;
    hello.version_max = IPC_PROTOCOL_MAX;
    hello.program = program_invocation_short_name;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HELLO;
    request.hello = &hello;
    client->hello = client_send(client, &request);
}

void client_send_subscribe(struct percept_subscription *subscription)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Subscribe subscribe = PERCEPT__CONTROL__SUBSCRIBE__INIT;
    subscribe.topic = subscription->topic;
    subscribe.schema = subscription->schema;
    subscribe.wake = subscription->epoll_fd >= 0;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE;
    request.subscribe = &subscribe;
    subscription->failure.status = PERCEPT_OK;
    subscription->request = client_send(subscription->client, &request);
}

void client_send_unsubscribe(struct percept_client *client, uint32_t id)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Unsubscribe unsubscribe = PERCEPT__CONTROL__UNSUBSCRIBE__INIT;
    unsubscribe.subscription = id;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_UNSUBSCRIBE;
    request.unsubscribe = &unsubscribe;
    client_send(client, &request);
}

static enum percept_status dial(struct percept_client *client, struct percept_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, client->path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return percept_fail_errno(error, errno, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int cause = errno;
        close(fd);
        if (cause == ENOENT || cause == ECONNREFUSED)
            return percept_fail(error, cause == ENOENT ? PERCEPT_NOT_FOUND : PERCEPT_DISCONNECTED,
                                "no daemon listens on '%s'", client->path);
        return percept_fail_errno(error, cause, "connect to '%s'", client->path);
    }
    client->fd = fd;
    client->deadline_ns = base_clock_ns() + CLIENT_REQUEST_NS;
    set_timer(client, client->deadline_ns);
    send_hello(client);
    for (struct percept_subscription *s = client->subscriptions; s; s = s->next) {
        subscription_watch(s, fd);
        client_send_subscribe(s);
    }
    return PERCEPT_OK;
}

/* ---- replies ---- */

static void note_up(struct percept_client *client)
{
    bool up = client->fd >= 0 && client->hello == 0 && !push_awaited(client);
    for (const struct percept_subscription *s = client->subscriptions; s; s = s->next)
        up = up && s->request == 0;
    if (!up || client->up)
        return;
    client->up = true;
    client->backoff_ns = CLIENT_BACKOFF_NS;
    set_timer(client, 0);
    if (client->callback)
        client->callback(client->context, 1);
}

void client_reply_failure(const reply_message *reply, struct percept_error *failure)
{
    if (reply->body_case == PERCEPT__CONTROL__REPLY__BODY_ERROR && reply->error->status < 0)
        percept_fail(failure, (enum percept_status)reply->error->status, "%s",
                     reply->error->message);
    else
        percept_fail(failure, PERCEPT_MALFORMED, "the daemon's reply does not fit the request");
}

static void on_subscribe_reply(struct percept_subscription *subscription,
                               const reply_message *reply, struct ipc_packet *packet)
{
    struct percept_error failure;
    struct mapping mapping;
    subscription->request = 0;
    if (reply->body_case != PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED || packet->fd_count < 2) {
        client_reply_failure(reply, &failure);
        subscription_failed(subscription, &failure);
        return;
    }
    enum percept_status status =
        mapping_open(packet->fds[0], packet->fds[1], subscription->topic, &mapping, &failure);
    if (status != PERCEPT_OK) {
        client_send_unsubscribe(subscription->client, reply->subscribed->subscription);
        subscription_failed(subscription, &failure);
        return;
    }
    mapping.id = reply->subscribed->subscription;
    mapping.wake_fd = ipc_packet_take_fd(packet, 2);
    subscription_mapped(subscription, &mapping);
}

/* Of an answer that nobody took: the connection was lost right behind it. */
static void drop_result(struct percept_client *client)
{
    if (client->result_fd >= 0)
        close(client->result_fd);
    client->result_fd = -1;
}

static void on_query_reply(struct percept_client *client, const reply_message *reply,
                           struct ipc_packet *packet)
{
    client->query = 0;
    if (reply->body_case == PERCEPT__CONTROL__REPLY__BODY_RESULT && packet->fd_count == 1)
        client->result_fd = ipc_packet_take_fd(packet, 0);
    else if (reply->body_case != PERCEPT__CONTROL__REPLY__BODY_DONE)
        client_reply_failure(reply, &client->query_failure);
}

static void on_ended(struct percept_client *client, const Percept__Control__Ended *ended)
{
    struct percept_error why;
    percept_fail(&why, ended->status < 0 ? (enum percept_status)ended->status : PERCEPT_MALFORMED,
                 "%s", ended->message);
    for (struct percept_subscription *s = client->subscriptions; s; s = s->next)
        if (ended->subscription != 0 &&
            (s->current.id == ended->subscription || s->fresh.id == ended->subscription)) {
            subscription_ended(s, ended->subscription, &why);
            if (client->ended)
                client->ended(client->ended_context, s, &why);
            return;
        }
}

/* False when the connection is of no more use. */
static bool on_reply(struct percept_client *client, const reply_message *reply,
                     struct ipc_packet *packet)
{
    if (reply->id == 0 && reply->body_case == PERCEPT__CONTROL__REPLY__BODY_ENDED) {
        on_ended(client, reply->ended);
        return true;
    }
    if (reply->id == 0 || reply->id == client->hello) {
        if (reply->id != 0 && reply->body_case == PERCEPT__CONTROL__REPLY__BODY_WELCOME) {
            client->hello = 0;
            client->version = reply->welcome->version;
            client->failure.status = PERCEPT_OK;
            push_welcome(client);
            return true;
        }
        client_reply_failure(reply, &client->failure);
        return false;
    }
    if (reply->id == client->query) {
        on_query_reply(client, reply, packet);
        return true;
    }
    if (push_reply(client, reply, packet))
        return true;
    for (struct percept_subscription *s = client->subscriptions; s; s = s->next) {
        if (reply->id == s->request) {
            on_subscribe_reply(s, reply, packet);
            return true;
        }
        if (reply->id == s->wake_request) {
            s->wake_request = 0;
            subscription_wake_added(s, ipc_packet_take_fd(packet, 0));
            return true;
        }
    }
    /* Subscribed for someone who has lost interest meanwhile. */
    if (reply->body_case == PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED)
        client_send_unsubscribe(client, reply->subscribed->subscription);
    return true;
}

static void read_replies(struct percept_client *client)
{
    struct ipc_packet packet;
    while (client->fd >= 0) {
        packet.size = packet.fd_count = 0;
        enum percept_status status = ipc_wire_receive(client->fd, &packet);
        if (status == PERCEPT_BUSY)
            return;
        reply_message *reply = NULL;
        if (status == PERCEPT_OK)
            reply = percept__control__reply__unpack(NULL, packet.size, packet.bytes);
        if (!reply || !on_reply(client, reply, &packet))
            lose(client);
        if (reply)
            percept__control__reply__free_unpacked(reply, NULL);
        ipc_packet_reset(&packet);
        note_up(client);
    }
}

void client_service(struct percept_client *client)
{
    uint64_t expirations;
    if (!client->up && client->timer_fd >= 0 &&
        read(client->timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        return;
    if (client->fd < 0) {
        if (base_clock_ns() < client->retry_ns)
            return;
        if (dial(client, NULL) != PERCEPT_OK)
            lose(client);
    }
    read_replies(client);
    if (client->fd >= 0 && !client->up && base_clock_ns() >= client->deadline_ns)
        lose(client);
}

void client_sleep(struct percept_client *client, int64_t deadline_ns)
{
    int64_t until = client->fd < 0 ? client->retry_ns
                    : client->up   ? deadline_ns
                                   : client->deadline_ns;
    if (until > deadline_ns)
        until = deadline_ns;
    int64_t left = until - base_clock_ns();
    struct timespec timeout = {.tv_sec = (time_t)(left / BASE_NS_PER_S),
                               .tv_nsec = (long)(left % BASE_NS_PER_S)};
    struct pollfd wait = {.fd = client->fd, .events = POLLIN}; /* -1 is skipped */
    if (left > 0)
        ppoll(&wait, 1, &timeout, NULL);
}

static enum percept_status await_until(struct percept_client *client, const uint32_t *request,
                                       int64_t deadline, struct percept_error *error)
{
    for (;;) {
        read_replies(client);
        if (client->fd < 0 && client->failure.status != PERCEPT_OK)
            return percept_fail(error, client->failure.status, "%s", client->failure.message);
        if (client->fd < 0)
            return percept_fail(error, PERCEPT_DISCONNECTED, "the daemon on '%s' hung up",
                                client->path);
        if (*request == 0)
            return PERCEPT_OK;
        if (base_clock_ns() >= deadline)
            return percept_fail(error, PERCEPT_TIMED_OUT, "the daemon on '%s' does not answer",
                                client->path);
        client_sleep(client, deadline);
    }
}

enum percept_status client_await(struct percept_client *client, const uint32_t *request,
                                 struct percept_error *error)
{
    return await_until(client, request, base_clock_ns() + CLIENT_REQUEST_NS, error);
}

enum percept_status client_too_old(const struct percept_client *client, uint32_t version,
                                   struct percept_error *error)
{
    return percept_fail(error, PERCEPT_VERSION,
                        "the daemon on '%s' speaks version %u of the protocol, and this takes "
                        "version %u",
                        client->path, client->version, version);
}

enum percept_status client_ready(struct percept_client *client, uint32_t version,
                                 struct percept_error *error)
{
    client_service(client);
    enum percept_status status = client_await(client, &client->hello, error);
    if (status == PERCEPT_OK && client->version < version)
        status = client_too_old(client, version, error);
    return status;
}

/* ---- public ---- */

enum percept_status percept_connect(const char *socket_path, struct percept_client **result,
                                    struct percept_error *error)
{
    struct percept_client *client = calloc(1, sizeof *client);
    char *path = ipc_socket_path(socket_path);
    if (!client || !path) {
        free(client);
        free(path);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    *client = (struct percept_client){
        .path = path, .fd = -1, .timer_fd = -1, .result_fd = -1, .backoff_ns = CLIENT_BACKOFF_NS};
    enum percept_status status = PERCEPT_OK;
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        status = percept_fail(error, PERCEPT_INVALID, "the socket path '%s' is too long", path);
    if (status == PERCEPT_OK)
        status = dial(client, error);
    if (status == PERCEPT_OK)
        status = client_await(client, &client->hello, error);
    if (status != PERCEPT_OK) {
        percept_disconnect(client);
        return status;
    }
    *result = client;
    return PERCEPT_OK;
}

void percept_disconnect(struct percept_client *client)
{
    if (!client)
        return;
    while (client->subscriptions) {
        struct percept_subscription *subscription = client->subscriptions;
        client->subscriptions = subscription->next;
        subscription_free(subscription);
    }
    push_disconnect(client);
    if (client->fd >= 0)
        close(client->fd);
    if (client->timer_fd >= 0)
        close(client->timer_fd);
    drop_result(client);
    free(client->path);
    free(client);
}

void percept_on_connection(struct percept_client *client, percept_connection_fn callback,
                           void *context)
{
    client->callback = callback;
    client->context = context;
}

void percept_on_ended(struct percept_client *client, percept_ended_fn callback, void *context)
{
    client->ended = callback;
    client->ended_context = context;
}

static enum percept_status read_result(int fd, char **json, struct percept_error *error)
{
    size_t bytes;
    if (!ipc_memfd_check(fd, IPC_SEALS_RESULT, &bytes) || bytes > RESULT_MAX)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "the daemon's result is not what it should be");
    char *text = malloc(bytes + 1);
    if (!text)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for a result of %zu bytes",
                            bytes);
    if (pread(fd, text, bytes, 0) != (ssize_t)bytes) {
        free(text);
        return percept_fail(error, PERCEPT_IO, "the daemon's result can't be read");
    }
    text[bytes] = '\0';
    *json = text;
    return PERCEPT_OK;
}

/* Send what there is since a version of the protocol, and wait so long for the answer. */
static enum percept_status ask_within(struct percept_client *client,
                                      Percept__Control__Request *request, uint32_t version,
                                      int64_t wait_ns, struct percept_error *error)
{
    if (percept__control__request__get_packed_size(request) + 8 > IPC_PACKET_MAX)
        return percept_fail(error, PERCEPT_INVALID, "the request is too long");
    client_service(client);
    if (client->hello == 0 && client->version < version)
        return client_too_old(client, version, error);
    drop_result(client);
    client->query_failure.status = PERCEPT_OK;
    client->query = client_send(client, request);
    if (client->query == 0)
        return percept_fail(error, PERCEPT_DISCONNECTED, "the daemon on '%s' is away",
                            client->path);
    enum percept_status status =
        await_until(client, &client->query, base_clock_ns() + wait_ns, error);
    client->query = 0;
    if (status != PERCEPT_OK)
        return status;
    if (client->query_failure.status != PERCEPT_OK)
        return percept_fail(error, client->query_failure.status, "%s",
                            client->query_failure.message);
    return PERCEPT_OK;
}

/* The result that came with the answer. */
static enum percept_status take_result(struct percept_client *client, char **json,
                                       struct percept_error *error)
{
    if (client->result_fd < 0)
        return percept_fail(error, PERCEPT_MALFORMED, "the daemon has answered without a result");
    enum percept_status status = read_result(client->result_fd, json, error);
    drop_result(client);
    return status;
}

enum percept_status percept_query(struct percept_client *client, const char *what, char **json,
                                  struct percept_error *error)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Query query = PERCEPT__CONTROL__QUERY__INIT;
    query.what = (char *)what;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_QUERY;
    request.query = &query;
    bool loads = strcmp(what, "reload") == 0; /* models, one after the other */
    enum percept_status status =
        ask_within(client, &request, 1, loads ? CLIENT_ERASE_NS : CLIENT_REQUEST_NS, error);
    return status == PERCEPT_OK ? take_result(client, json, error) : status;
}

enum percept_status percept_grant(struct percept_client *client, const struct percept_grant *grant,
                                  struct percept_error *error)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Grant message = PERCEPT__CONTROL__GRANT__INIT;
    message.what = (char *)grant->what;
    message.uid = grant->uid;
    message.executable = (char *)(grant->executable ? grant->executable : "");
    message.seconds = grant->seconds;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_GRANT;
    request.grant = &message;
    return ask_within(client, &request, 2, CLIENT_REQUEST_NS, error);
}

enum percept_status percept_revoke(struct percept_client *client, const struct percept_grant *grant,
                                   struct percept_error *error)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Revoke message = PERCEPT__CONTROL__REVOKE__INIT;
    message.what = (char *)(grant->what ? grant->what : "");
    message.uid = grant->uid;
    message.executable = (char *)(grant->executable ? grant->executable : "");
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_REVOKE;
    request.revoke = &message;
    return ask_within(client, &request, 2, CLIENT_REQUEST_NS, error);
}

enum percept_status percept_history(struct percept_client *client,
                                    const struct percept_history *history, char **json,
                                    struct percept_error *error)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__History message = PERCEPT__CONTROL__HISTORY__INIT;
    message.topic = (char *)(history->topic ? history->topic : "");
    message.search = (char *)(history->search ? history->search : "");
    message.from_ns = history->from_ns;
    message.to_ns = history->to_ns;
    message.after = history->after;
    message.before = history->before;
    message.limit = history->limit;
    message.newest = history->newest != 0;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_HISTORY;
    request.history = &message;
    enum percept_status status = ask_within(client, &request, 3, CLIENT_ERASE_NS, error);
    return status == PERCEPT_OK ? take_result(client, json, error) : status;
}

enum percept_status percept_forget(struct percept_client *client, uint64_t seconds, uint64_t *lines,
                                   struct percept_error *error)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Forget message = PERCEPT__CONTROL__FORGET__INIT;
    char *json = NULL;
    message.all = seconds == PERCEPT_FORGET_ALL;
    message.seconds = message.all ? 0 : seconds;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_FORGET;
    request.forget = &message;
    enum percept_status status = ask_within(client, &request, 3, CLIENT_ERASE_NS, error);
    if (status == PERCEPT_OK)
        status = take_result(client, &json, error);
    if (status != PERCEPT_OK)
        return status;
    static const char key[] = "{\"forgotten\":"; /* and a number */
    char *end = NULL;
    unsigned long long count =
        strncmp(json, key, sizeof key - 1) == 0 ? strtoull(json + sizeof key - 1, &end, 10) : 0;
    bool good = end && *end == '}';
    free(json);
    if (!good)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "the daemon's result is not what it should be");
    if (lines)
        *lines = count;
    return PERCEPT_OK;
}
