/*
 * The control server: accepts clients on a libuv loop and carries packets between their sockets and
 * their sessions.
 *
 * Nobody gets more than their turn: a client is served a few packets, then the loop looks at the
 * others. A client that does not read its replies is not read from either: one reply waits for it,
 * no more.
 */
#include "ipc/server.h"

#include "ipc/listener.h"
#include "ipc/session.h"
#include "ipc/socket_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_CLIENTS 64
#define PACKETS_A_TURN  16
#define ACCEPTS_A_TURN  16
#define SEND_BUFFER     8192 /* bytes of replies, and so of descriptors in flight, per client */
#define ACCEPT_PAUSE_MS 100  /* when the process is out of descriptors */

struct client {
    struct ipc_server *server;
    struct client *next;
    uv_poll_t poll;
    int fd;
    uint64_t id;
    struct ipc_peer peer;
    struct ipc_session session;
    struct ipc_packet reply; /* one that the socket had no room for; size 0: none */
    bool last_words;         /* hang up once the reply is sent */
};

struct ipc_server {
    struct ipc_listener listener;
    uv_poll_t accept;
    uv_timer_t pause;
    struct ipc_catalogue catalogue;
    unsigned max_clients, client_count;
    bool in_turn;        /* a packet is being handled */
    bool recheck_wanted; /* once it has been */
    uint64_t last_client;
    struct client *clients;
    unsigned handles; /* open ones, clients' included; the last to close frees the server */
};

static void on_client(uv_poll_t *poll, int status, int events);

static void handle_closed(struct ipc_server *server)
{
    if (--server->handles == 0)
        free(server);
}

/* ---- clients ---- */

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    struct ipc_server *server = client->server;
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
    close(client->fd);
    ipc_session_finish(&client->session);
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

static void recheck(struct ipc_server *server)
{
    struct ipc_catalogue *catalogue = &server->catalogue;
    struct client *next;
    server->recheck_wanted = false;
    /* First the news, then the end of the seat: a reader that it wakes finds out why. */
    for (struct client *client = server->clients; client; client = next) {
        next = client->next;
        if (!ipc_session_recheck(&client->session) || tell(client))
            ipc_session_part(&client->session);
    }
    for (size_t i = 0; i < catalogue->topic_count; i++) {
        struct ipc_topic *topic = catalogue->topics[i];
        struct percept_error error;
        if (topic->must_move && ipc_topic_move(topic, &error) != PERCEPT_OK)
            note(server, IPC_EVENT_REVOKE, NULL, error.message);
        topic->must_move = false;
    }
}

void ipc_server_recheck(struct ipc_server *server)
{
    server->recheck_wanted = true;
    if (!server->in_turn)
        recheck(server);
}

/* False when it is not this client's turn any more. */
static bool serve_packet(struct client *client)
{
    struct ipc_server *server = client->server;
    struct ipc_packet packet = {.fd_count = 0};
    enum percept_status status = ipc_wire_receive_bytes(client->fd, &packet);
    if (status == PERCEPT_BUSY)
        return false;
    if (status == PERCEPT_MALFORMED) {
        ipc_session_refuse(PERCEPT_LIMIT, "the packet is too long", &client->reply);
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
    bool goes_on = flush(client) && client->reply.size == 0;
    if (!server->recheck_wanted)
        return goes_on;
    recheck(server); /* it may hang up on this client as well */
    return false;
}

static void on_client(uv_poll_t *poll, int status, int events)
{
    struct client *client = poll->data;
    (void)events;
    if (status < 0) {
        drop_client(client);
        return;
    }
    bool was_waiting = client->reply.size > 0;
    if (!flush(client) || !tell(client) || client->reply.size > 0)
        return;
    if (was_waiting && uv_poll_start(poll, UV_READABLE, on_client) != 0) {
        drop_client(client);
        return;
    }
    for (int i = 0; i < PACKETS_A_TURN && serve_packet(client); i++)
        ;
}

static void refuse(int fd, const char *why, unsigned clients)
{
    struct ipc_packet reply = {.fd_count = 0};
    char message[128];
    snprintf(message, sizeof message, "the daemon serves %u clients, %s", clients, why);
    ipc_session_refuse(PERCEPT_LIMIT, message, &reply);
    ipc_wire_send(fd, &reply);
    close(fd);
}

static void welcome(struct ipc_server *server, int fd)
{
    struct ipc_peer peer = {.pidfd = -1};
    struct percept_error error;
    int send_buffer = SEND_BUFFER;
    if (server->client_count >= server->max_clients) {
        refuse(fd, "as many as it may", server->client_count);
        return;
    }
    struct client *client = calloc(1, sizeof *client);
    if (!client || ipc_peer_open(fd, &peer, &error) != PERCEPT_OK ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer) < 0 ||
        uv_poll_init(server->accept.loop, &client->poll, fd) != 0) {
        free(client);
        ipc_peer_close(&peer);
        refuse(fd, "and has no resources for another", server->client_count);
        return;
    }
    client->server = server;
    client->fd = fd;
    client->id = ++server->last_client;
    client->peer = peer;
    client->poll.data = client;
    ipc_session_init(&client->session, &server->catalogue, &client->peer);
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
    server->catalogue.context = options->context;
    server->catalogue.guard = options->guard;
    server->accept.data = server;
    server->pause.data = server;
    int failure = uv_poll_init(loop, &server->accept, server->listener.fd);
    if (failure != 0) {
        ipc_listener_close(&server->listener);
        free(server);
        return percept_fail_errno(error, -failure, "poll the control socket");
    }
    uv_timer_init(loop, &server->pause);
    server->handles = 2;
    failure = uv_poll_start(&server->accept, UV_READABLE, on_accept);
    if (failure != 0) {
        ipc_server_destroy(server);
        return percept_fail_errno(error, -failure, "poll the control socket");
    }
    *result = server;
    return PERCEPT_OK;
}

enum percept_status ipc_server_add_topic(struct ipc_server *server, struct ipc_topic *topic,
                                         struct percept_error *error)
{
    struct ipc_catalogue *catalogue = &server->catalogue;
    for (size_t i = 0; i < catalogue->topic_count; i++)
        if (strcmp(catalogue->topics[i]->name, topic->name) == 0)
            return percept_fail(error, PERCEPT_EXISTS, "two topics are named '%s'", topic->name);
    if (catalogue->topic_count >= IPC_TOPICS_MAX)
        return percept_fail(error, PERCEPT_LIMIT, "topic '%s': a daemon may have %d topics",
                            topic->name, IPC_TOPICS_MAX);
    catalogue->topics[catalogue->topic_count++] = topic;
    return PERCEPT_OK;
}

void ipc_server_destroy(struct ipc_server *server)
{
    if (!server)
        return;
    while (server->clients)
        drop_client(server->clients);
    uv_close((uv_handle_t *)&server->accept, on_server_handle_closed);
    uv_close((uv_handle_t *)&server->pause, on_server_handle_closed);
    ipc_listener_close(&server->listener);
}

size_t ipc_server_clients(const struct ipc_server *server, struct ipc_client_stats *stats,
                          size_t capacity)
{
    size_t count = 0;
    for (const struct client *client = server->clients; client; client = client->next, count++) {
        if (count >= capacity)
            continue;
        struct ipc_client_stats *row = &stats[count];
        *row = (struct ipc_client_stats){
            .id = client->id, .pid = client->peer.pid, .uid = client->peer.uid};
        for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++) {
            const struct ipc_subscription *subscription = &client->session.subscriptions[i];
            if (!subscription->seat)
                continue;
            row->subscriptions++;
            row->lost +=
                atomic_load_explicit(&subscription->seat->page->lost, memory_order_relaxed);
        }
    }
    return count;
}

size_t ipc_server_subscribers(const struct ipc_server *server, struct ipc_subscriber *rows,
                              size_t capacity)
{
    size_t count = 0;
    for (const struct client *client = server->clients; client; client = client->next)
        for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++) {
            const struct ipc_subscription *subscription = &client->session.subscriptions[i];
            if (!subscription->seat || subscription->revoked)
                continue;
            if (count < capacity)
                rows[count] =
                    (struct ipc_subscriber){.topic = subscription->topic, .peer = &client->peer};
            count++;
        }
    return count;
}
