/*
 * The control server: accepts clients on a libuv loop and carries packets between their sockets and
 * their sessions.
 *
 * Nobody gets more than their turn: a client is served a few packets, then the loop looks at the
 * others. A client that does not read its replies is not read from either: one reply waits for it,
 * no more.
 */
#include "ipc/server_private.h"

#include "base/clock.h"
#include "ipc/hang_up.h"
#include "ipc/socket_path.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_CLIENTS 64
#define PACKETS_A_TURN  16
#define ACCEPTS_A_TURN  16
/* Bytes of replies to a client that it has not read, as the kernel counts them: six, with three
 * descriptors each. Those of all clients together may be no more than a process may have open, or
 * nobody gets any. */
#define SEND_BUFFER     2304
#define ACCEPT_PAUSE_MS 100 /* when the process is out of descriptors */
#define TURN_MS         50  /* between the turns of those who ask too often */
#define TURN_MOST_NS    BASE_NS_PER_MS

static void on_client(uv_poll_t *poll, int status, int events);

static void handle_closed(struct ipc_server *server)
{
    if (--server->handles > 0)
        return;
    ipc_accounts_free(&server->accounts);
    free(server);
}

/* ---- clients ---- */

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    struct ipc_server *server = client->server;
    free(client->answer);
    free(client);
    handle_closed(server);
}

static void note(const struct ipc_server *server, enum ipc_event event, const struct ipc_peer *peer,
                 const char *text)
{
    const struct ipc_guard *guard = server->catalogue.guard;
    if (guard)
        guard->event(guard->context, event, peer, "", text);
}

static void drop_client(struct client *client)
{
    struct ipc_server *server = client->server;
    struct client **link = &server->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    server->client_count--;

    uv_close((uv_handle_t *)&client->poll, on_client_closed);
    /* First the socket, then the seats: a reader woken by the end of its seat finds the socket
     * closed. */
    ipc_hang_up(client->fd);
    ipc_session_finish(&client->session);
    client->session.account->connections--;
    ipc_packet_reset(&client->reply);
    note(server, IPC_EVENT_DISCONNECT, &client->peer, "");
    ipc_peer_close(&client->peer);
}

/* False when the client is gone. */
static bool flush(struct client *client)
{
    if (client->reply.size > 0) {
        enum percept_status status = ipc_wire_send(client->fd, &client->reply);
        if (status == PERCEPT_BUSY)
            return uv_poll_start(&client->poll, UV_WRITABLE, on_client) == 0 ||
                   (drop_client(client), false);
        ipc_packet_reset(&client->reply);
        if (status != PERCEPT_OK || client->last_words) {
            drop_client(client);
            return false;
        }
    }
    return true;
}

/* What it has to hear without having asked. False when the client is gone. */
static bool tell(struct client *client)
{
    while (client->reply.size == 0 && ipc_session_notice(&client->session, &client->reply))
        if (!flush(client))
            return false;
    return true;
}

/* Send what it has waited for, if that is there and the socket is free. False when it is not its
 * turn to ask: it waits for an answer, or for room, or is gone. */
static bool deliver(struct client *client)
{
    if (client->reply.size > 0)
        return false;
    if (client->session.awaited == 0)
        return true;
    if (!client->answered) { /* until then only its end is of interest */
        if (uv_poll_start(&client->poll, UV_DISCONNECT, on_client) != 0)
            drop_client(client);
        return false;
    }
    ipc_session_answer(&client->session, client->answer, &client->answer_error, &client->reply);
    free(client->answer);
    client->answer = NULL;
    client->answered = false;
    return flush(client) && client->reply.size == 0;
}

static void listen_to(struct client *client)
{
    if (uv_poll_start(&client->poll, UV_READABLE, on_client) != 0)
        drop_client(client);
}

void ipc_server_answer(struct ipc_server *server, uint64_t ticket, char *json,
                       const struct percept_error *error)
{
    struct client *client = server->clients;
    while (client && client->id != ticket)
        client = client->next;
    if (!client || client->session.awaited == 0 || client->answered) {
        free(json);
        return;
    }
    client->answered = true;
    client->answer = json;
    if (!json)
        client->answer_error = *error;
    if (deliver(client))
        listen_to(client);
}

void ipc_server_hide_past(struct ipc_server *server, struct ipc_topic *topic)
{
    ipc_topic_hide_past(topic);
    topic->must_move = true;
    ipc_server_recheck(server);
}

bool ipc_server_names(const struct ipc_server *server, const struct ipc_topic *topic)
{
    for (const struct client *client = server->clients; client; client = client->next)
        for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
            if (client->session.subscriptions[i].topic == topic)
                return true;
    return false;
}

static void recheck(struct ipc_server *server)
{
    struct ipc_catalogue *catalogue = &server->catalogue;
    const struct ipc_guard *guard = catalogue->guard;
    struct client *next;
    bool any = false;
    server->recheck_wanted = false;
    /* First the news, then the end of the seat: a reader that it wakes finds out why. */
    for (struct client *client = server->clients; client; client = next) {
        next = client->next;
        bool revoked = ipc_session_recheck(&client->session);
        any |= revoked;
        if (!revoked || tell(client))
            ipc_session_part(&client->session);
    }
    for (size_t i = 0; i < catalogue->topic_count; i++) {
        struct ipc_topic *topic = catalogue->topics[i];
        struct percept_error error;
        /* What permissions have become is not asked of those that have gone. */
        topic->must_move |= topic->departed;
        topic->departed = false;
        if (topic->must_move && ipc_topic_move(topic, &error) != PERCEPT_OK)
            note(server, IPC_EVENT_REVOKE, NULL, error.message);
        topic->must_move = false;
    }
    if (any && guard && guard->revoked)
        guard->revoked(guard->context);
}

void ipc_server_recheck(struct ipc_server *server)
{
    server->recheck_wanted = true;
    if (!server->in_turn)
        recheck(server);
}

/* ---- turns ---- */

/* Which results have been received? */
static void settle(struct ipc_account *account, struct client *clients)
{
    for (struct client *client = clients; client && account->queued_bytes; client = client->next) {
        int unread = 0;
        if (client->session.account == account && client->session.queued_bytes &&
            client->reply.size == 0 && ioctl(client->fd, SIOCOUTQ, &unread) == 0 && unread == 0)
            ipc_session_drained(&client->session);
    }
}

static void on_turn(uv_timer_t *timer)
{
    struct ipc_server *server = timer->data;
    struct client *next;
    for (struct client *client = server->clients; client; client = next) {
        next = client->next;
        if (!client->waits)
            continue;
        client->waits = false;
        /* With a reply that waits for the client it is polled already. */
        if (client->reply.size == 0 && uv_poll_start(&client->poll, UV_READABLE, on_client) != 0)
            drop_client(client);
    }
}

/* A user who asks too often is made to wait, not refused: what was asked stays in the socket. False
 * when it is so. */
static bool may_ask(struct client *client)
{
    struct ipc_server *server = client->server;
    struct ipc_account *account = client->session.account;
    if (ipc_account_may_ask(account, &server->catalogue.quotas, base_clock_ns()))
        return true;
    account->waits += !client->waits;
    client->waits = true;
    uv_poll_stop(&client->poll);
    if (!uv_is_active((uv_handle_t *)&server->turn))
        uv_timer_start(&server->turn, on_turn, TURN_MS, 0);
    return false;
}

/* False when it is not this client's turn any more. */
static bool serve_packet(struct client *client)
{
    struct ipc_server *server = client->server;
    struct ipc_packet packet = {.fd_count = 0};
    settle(client->session.account, server->clients);
    if (!may_ask(client))
        return false;
    enum percept_status status = ipc_wire_receive_bytes(client->fd, &packet);
    if (status == PERCEPT_BUSY)
        return false;
    ipc_account_asked(client->session.account, &server->catalogue.quotas, base_clock_ns());
    if (status == PERCEPT_MALFORMED || status == PERCEPT_UNSUPPORTED) {
        bool is_long = status == PERCEPT_MALFORMED;
        ipc_session_refuse(is_long ? PERCEPT_LIMIT : status,
                           is_long ? "the packet is too long" : "a request has no descriptors",
                           &client->reply);
        client->last_words = true;
    } else if (status != PERCEPT_OK) {
        drop_client(client);
        return false;
    } else {
        server->in_turn = true;
        client->last_words =
            !ipc_session_handle(&client->session, packet.bytes, packet.size, &client->reply);
        server->in_turn = false;
    }
    bool goes_on = flush(client) && deliver(client);
    if (!server->recheck_wanted)
        return goes_on;
    recheck(server); /* it may hang up on this client as well */
    return false;
}

static void serve(struct client *client, int status, int events)
{
    if (status < 0 || (client->session.awaited && (events & UV_DISCONNECT))) {
        drop_client(client);
        return;
    }
    bool was_waiting = client->reply.size > 0 || client->session.awaited;
    if (!flush(client) || !tell(client) || !deliver(client))
        return;
    if (was_waiting && uv_poll_start(&client->poll, UV_READABLE, on_client) != 0) {
        drop_client(client);
        return;
    }
    int64_t end = base_clock_thread_ns() + TURN_MOST_NS;
    for (int i = 0; i < PACKETS_A_TURN && serve_packet(client) && base_clock_thread_ns() < end; i++)
        ;
}

/* How long it takes is in the client's hands, too: to send to it, or to hang up on it, is to call
 * everybody who polls its end. */
static void on_client(uv_poll_t *poll, int status, int events)
{
    const struct client *client = poll->data;
    const struct ipc_quotas *quotas = &client->server->catalogue.quotas;
    struct ipc_account *account = client->session.account;
    int64_t before = base_clock_thread_ns();
    serve(poll->data, status, events);
    ipc_account_took(account, quotas, base_clock_ns(), base_clock_thread_ns() - before);
}

/* ---- newcomers ---- */

static void refuse(int fd, char *message)
{
    struct ipc_packet reply = {.fd_count = 0};
    ipc_session_refuse(PERCEPT_LIMIT, message, &reply);
    ipc_wire_send(fd, &reply);
    ipc_hang_up(fd);
}

/* Is there no place for another client of the user? Then `why` says so. */
static bool is_full(const struct ipc_server *server, const struct ipc_account *account, char *why,
                    size_t size)
{
    unsigned quota = server->catalogue.quotas.connections;
    if (server->client_count >= server->max_clients)
        snprintf(why, size, "the daemon serves %u clients, as many as it may",
                 server->client_count);
    else if (!ipc_quota_room(account->connections, quota, server->client_count,
                             server->max_clients))
        snprintf(why, size,
                 "user %u has %u connections, as many as one may have at present (quota "
                 "connections)",
                 account->uid, account->connections);
    else
        return false;
    return true;
}

/* The same for one who comes too often: there is no socket yet in which a request could wait. */
static bool asks_too_often(const struct ipc_server *server, struct ipc_account *account, char *why,
                           size_t size)
{
    const struct ipc_quotas *quotas = &server->catalogue.quotas;
    int64_t now = base_clock_ns();
    if (ipc_account_may_ask(account, quotas, now)) {
        ipc_account_asked(account, quotas, now);
        return false;
    }
    snprintf(why, size, "user %u asks more than %u times a second (quota requests_per_second)",
             account->uid, quotas->requests_per_second);
    return true;
}

static void welcome(struct ipc_server *server, int fd)
{
    struct ipc_peer peer = {.pidfd = -1};
    struct percept_error error;
    struct ipc_account *account = NULL;
    char why[160];
    int send_buffer = SEND_BUFFER;
    struct client *client = calloc(1, sizeof *client);
    if (client && ipc_peer_open(fd, &peer, &error) == PERCEPT_OK)
        account = ipc_account_find(&server->accounts, peer.uid, base_clock_ns());
    if (account && asks_too_often(server, account, why, sizeof why)) {
        account->refusals++; /* not on record, or that would grow as fast as it is asked */
    } else if (account && is_full(server, account, why, sizeof why)) {
        account->refusals++;
        note(server, IPC_EVENT_REFUSE, &peer, why);
    } else if (!account ||
               setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer) < 0 ||
               uv_poll_init(server->accept.loop, &client->poll, fd) != 0) {
        snprintf(why, sizeof why, "the daemon serves %u clients, and has no resources for another",
                 server->client_count);
    } else {
        why[0] = '\0';
    }
    if (why[0]) {
        free(client);
        ipc_peer_close(&peer);
        int64_t before = base_clock_thread_ns();
        refuse(fd, why);
        if (account)
            ipc_account_took(account, &server->catalogue.quotas, base_clock_ns(),
                             base_clock_thread_ns() - before);
        return;
    }
    client->server = server;
    client->fd = fd;
    client->id = ++server->last_client;
    client->peer = peer;
    client->poll.data = client;
    account->connections++;
    ipc_session_init(&client->session, &server->catalogue, &client->peer, account);
    client->session.ticket = client->id;
    client->next = server->clients;
    server->clients = client;
    server->client_count++;
    server->handles++;
    note(server, IPC_EVENT_CONNECT, &client->peer, "");
    if (uv_poll_start(&client->poll, UV_READABLE, on_client) != 0)
        drop_client(client);
}

/* ---- accepting ---- */

static void on_accept(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct ipc_server *server = timer->data;
    uv_poll_start(&server->accept, UV_READABLE, on_accept);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
    struct ipc_server *server = poll->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            welcome(server, fd);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        status = -errno;
    }
    /* Out of descriptors or memory: the queue stays, and so would the event. Come back later. */
    if (status < 0) {
        uv_poll_stop(&server->accept);
        uv_timer_start(&server->pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
    }
}

/* ---- the server ---- */

static void on_server_handle_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static enum percept_status open_listener(struct ipc_server *server,
                                         const struct ipc_server_options *options,
                                         struct percept_error *error)
{
    if (options->listening)
        return ipc_listener_adopt(&server->listener, *options->listening, error);
    char *path = ipc_socket_path(options->socket_path);
    enum percept_status status =
        path ? ipc_listener_open(&server->listener, path, error)
             : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for the control server");
    free(path);
    return status;
}

enum percept_status ipc_server_create(uv_loop_t *loop, const struct ipc_server_options *options,
                                      struct ipc_server **result, struct percept_error *error)
{
    struct ipc_server *server = calloc(1, sizeof *server);
    if (!server)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for the control server");
    enum percept_status status = open_listener(server, options, error);
    if (status != PERCEPT_OK) {
        free(server);
        return status;
    }
    server->max_clients = options->max_clients ? options->max_clients : DEFAULT_CLIENTS;
    server->catalogue.query = options->query;
    server->catalogue.history = options->history;
    server->catalogue.forget = options->forget;
    server->catalogue.push = options->push;
    server->catalogue.context = options->context;
    server->catalogue.guard = options->guard;
    server->catalogue.quotas = options->quotas;
    server->accept.data = server;
    server->pause.data = server->turn.data = server;
    int failure = uv_poll_init(loop, &server->accept, server->listener.fd);
    if (failure != 0) {
        ipc_listener_close(&server->listener);
        free(server);
        return percept_fail_errno(error, -failure, "poll the control socket");
    }
    uv_timer_init(loop, &server->pause);
    uv_timer_init(loop, &server->turn);
    server->handles = 3;
    failure = uv_poll_start(&server->accept, UV_READABLE, on_accept);
    if (failure != 0) {
        ipc_server_destroy(server);
        return percept_fail_errno(error, -failure, "poll the control socket");
    }
    *result = server;
    return PERCEPT_OK;
}

/* No topic has it, and no seats in one that is offered no longer are counted by it. */
static bool is_free(const struct ipc_server *server, size_t number)
{
    for (size_t i = 0; i < server->catalogue.topic_count; i++)
        if (server->catalogue.topics[i]->number == number)
            return false;
    for (const struct ipc_account *account = server->accounts; account; account = account->next)
        if (account->slots[number])
            return false;
    return true;
}

enum percept_status ipc_server_add_topic(struct ipc_server *server, struct ipc_topic *topic,
                                         struct percept_error *error)
{
    struct ipc_catalogue *catalogue = &server->catalogue;
    for (size_t i = 0; i < catalogue->topic_count; i++)
        if (strcmp(catalogue->topics[i]->name, topic->name) == 0)
            return percept_fail(error, PERCEPT_EXISTS, "two topics are named '%s'", topic->name);
    size_t number = 0;
    while (number < IPC_TOPICS_MAX && !is_free(server, number))
        number++;
    if (number == IPC_TOPICS_MAX)
        return percept_fail(error, PERCEPT_LIMIT, "topic '%s': a daemon may have %d topics",
                            topic->name, IPC_TOPICS_MAX);
    topic->number = number;
    catalogue->topics[catalogue->topic_count++] = topic;
    return PERCEPT_OK;
}

void ipc_server_set_quotas(struct ipc_server *server, const struct ipc_quotas *quotas)
{
    server->catalogue.quotas = *quotas;
}

void ipc_server_remove_topic(struct ipc_server *server, const struct ipc_topic *topic)
{
    struct ipc_catalogue *catalogue = &server->catalogue;
    size_t kept = 0;
    for (size_t i = 0; i < catalogue->topic_count; i++)
        if (catalogue->topics[i] != topic)
            catalogue->topics[kept++] = catalogue->topics[i];
    catalogue->topic_count = kept;
}

void ipc_server_destroy(struct ipc_server *server)
{
    if (!server)
        return;
    while (server->clients)
        drop_client(server->clients);
    uv_close((uv_handle_t *)&server->accept, on_server_handle_closed);
    uv_close((uv_handle_t *)&server->pause, on_server_handle_closed);
    uv_close((uv_handle_t *)&server->turn, on_server_handle_closed);
    ipc_listener_close(&server->listener);
}
