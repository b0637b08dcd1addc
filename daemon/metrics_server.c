/* Why: whoever scrapes is a stranger to the daemon: what it sends is small or refused, and how slow
 * it is is its own loss. */
#include "daemon/metrics_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_SCRAPERS 4
#define MOST_REQUEST  4096 /* bytes, head and all */
#define MOST_MS       5000 /* from the first to the last byte */

struct scraper {
    struct metrics_server *server; /* NULL: free */
    union {
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    uv_timer_t timer;
    uv_write_t write;
    unsigned handles; /* open ones */
    size_t used;
    char request[MOST_REQUEST];
    char head[256];
    char *body;
};

struct metrics_server {
    struct metrics_server_options options;
    union {
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } listener;
    bool is_unix, closing;
    char path[sizeof((struct sockaddr_un){0}.sun_path)];
    unsigned handles; /* open ones, scrapers' included; the last to close frees the server */
    struct scraper scrapers[MOST_SCRAPERS];
};

static void handle_closed(struct metrics_server *server)
{
    if (--server->handles == 0)
        free(server);
}

/* ---- one scraper ---- */

static void on_closed(uv_handle_t *handle)
{
    struct scraper *scraper = handle->data;
    struct metrics_server *server = scraper->server;
    if (--scraper->handles == 0) {
        free(scraper->body);
        scraper->body = NULL;
        scraper->server = NULL;
    }
    handle_closed(server);
}

static void hang_up(struct scraper *scraper)
{
    if (uv_is_closing((uv_handle_t *)&scraper->timer))
        return;
    uv_close((uv_handle_t *)&scraper->timer, on_closed);
    uv_close((uv_handle_t *)&scraper->socket, on_closed);
}

static void on_late(uv_timer_t *timer)
{
    hang_up(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    hang_up(write->data);
}

/* The status line says all of an error; only the metrics have a body. */
static void reply(struct scraper *scraper, const char *status, char *body)
{
    size_t size = body ? strlen(body) : 0;
    uv_read_stop(&scraper->socket.stream);
    scraper->body = body;
    snprintf(scraper->head, sizeof scraper->head,
             "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
             "Content-Length: %zu\r\nConnection: close\r\n\r\n",
             status, size);
    uv_buf_t parts[] = {uv_buf_init(scraper->head, (unsigned)strlen(scraper->head)),
                        uv_buf_init(body, (unsigned)size)};
    scraper->write.data = scraper;
    if (uv_write(&scraper->write, &scraper->socket.stream, parts, body ? 2 : 1, on_written) != 0)
        hang_up(scraper);
}

static void answer(struct scraper *scraper)
{
    const struct metrics_server_options *options = &scraper->server->options;
    if (strncmp(scraper->request, "GET ", 4) != 0) {
        reply(scraper, "405 Method Not Allowed\r\nAllow: GET", NULL);
        return;
    }
    const char *path = scraper->request + 4;
    size_t length = strcspn(path, " ?\r\n");
    if (length != 8 || strncmp(path, "/metrics", 8) != 0) {
        reply(scraper, "404 Not Found", NULL);
        return;
    }
    char *body = options->text(options->context);
    reply(scraper, body ? "200 OK" : "503 Service Unavailable", body);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
    struct scraper *scraper = handle->data;
    (void)wanted;
    *room = uv_buf_init(scraper->request + scraper->used,
                        (unsigned)(sizeof scraper->request - 1 - scraper->used));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *room)
{
    struct scraper *scraper = stream->data;
    (void)room;
    if (count == UV_ENOBUFS) {
        reply(scraper, "431 Request Header Fields Too Large", NULL);
        return;
    }
    if (count < 0) {
        hang_up(scraper);
        return;
    }
    scraper->used += (size_t)count;
    scraper->request[scraper->used] = '\0';
    if (strlen(scraper->request) != scraper->used)
        reply(scraper, "400 Bad Request", NULL);
    else if (strstr(scraper->request, "\r\n\r\n") || strstr(scraper->request, "\n\n"))
        answer(scraper);
}

/* ---- listening ---- */

static struct scraper *find_free(struct metrics_server *server)
{
    for (size_t i = 0; i < MOST_SCRAPERS; i++)
        if (!server->scrapers[i].server)
            return &server->scrapers[i];
    return NULL;
}

static void on_turned_away(uv_handle_t *handle)
{
    struct metrics_server *server = handle->data;
    free(handle);
    handle_closed(server);
}

/* libuv stops listening for as long as a connection is not accepted, so it is, and ended. */
static void turn_away(struct metrics_server *server)
{
    uv_pipe_t *away = malloc(sizeof *away > sizeof(uv_tcp_t) ? sizeof *away : sizeof(uv_tcp_t));
    if (!away)
        return;
    if (server->is_unix)
        uv_pipe_init(server->listener.stream.loop, away, 0);
    else
        uv_tcp_init(server->listener.stream.loop, (uv_tcp_t *)away);
    away->data = server;
    server->handles++;
    uv_accept(&server->listener.stream, (uv_stream_t *)away);
    uv_close((uv_handle_t *)away, on_turned_away);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct metrics_server *server = listener->data;
    struct scraper *scraper = find_free(server);
    if (status < 0)
        return;
    if (!scraper) {
        turn_away(server);
        return;
    }
    scraper->server = server;
    scraper->used = 0;
    if (server->is_unix)
        uv_pipe_init(listener->loop, &scraper->socket.pipe, 0);
    else
        uv_tcp_init(listener->loop, &scraper->socket.tcp);
    uv_timer_init(listener->loop, &scraper->timer);
    scraper->socket.stream.data = scraper->timer.data = scraper;
    scraper->handles = 2;
    server->handles += 2;
    if (uv_accept(listener, &scraper->socket.stream) != 0 ||
        uv_timer_start(&scraper->timer, on_late, MOST_MS, 0) != 0 ||
        uv_read_start(&scraper->socket.stream, on_room, on_read) != 0)
        hang_up(scraper);
}

/* Somebody who listens there is not thrown out; what nobody listens on is from a daemon that died.
 */
static bool is_stale(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat s;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool refused = fd >= 0 && lstat(path, &s) == 0 && S_ISSOCK(s.st_mode) &&
                   connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static int bind_unix(struct metrics_server *server, uv_loop_t *loop, const char *path)
{
    if (strlen(path) >= sizeof server->path)
        return UV_ENAMETOOLONG;
    int failed = uv_pipe_init(loop, &server->listener.pipe, 0);
    if (failed)
        return failed;
    server->handles = 1;
    if (is_stale(path))
        unlink(path);
    failed = uv_pipe_bind(&server->listener.pipe, path);
    if (failed)
        return failed;
    strcpy(server->path, path); /* ours to remove */
    return chmod(path, 0660) == 0 ? 0 : -errno;
}

static int bind_tcp(struct metrics_server *server, uv_loop_t *loop, const char *text)
{
    struct sockaddr_storage address = {0};
    const char *colon = strrchr(text, ':');
    int port = (int)strtol(colon + 1, NULL, 10); /* checked with the configuration */
    int failed = text[0] == '[' ? uv_ip6_addr("::1", port, (struct sockaddr_in6 *)&address)
                                : uv_ip4_addr("127.0.0.1", port, (struct sockaddr_in *)&address);
    if (!failed)
        failed = uv_tcp_init(loop, &server->listener.tcp);
    if (failed)
        return failed;
    server->handles = 1;
    return uv_tcp_bind(&server->listener.tcp, (const struct sockaddr *)&address, 0);
}

enum percept_status metrics_server_create(uv_loop_t *loop,
                                          const struct metrics_server_options *options,
                                          struct metrics_server **result,
                                          struct percept_error *error)
{
    struct metrics_server *server = calloc(1, sizeof *server);
    if (!server)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    server->options = *options;
    server->options.address = NULL; /* the caller's */
    server->is_unix = strncmp(options->address, "unix:", 5) == 0;
    int failed = server->is_unix ? bind_unix(server, loop, options->address + 5)
                                 : bind_tcp(server, loop, options->address);
    server->listener.stream.data = server;
    if (!failed)
        failed = uv_listen(&server->listener.stream, MOST_SCRAPERS, on_connection);
    if (failed) {
        percept_fail_errno(error, -failed, "metrics at %s", options->address);
        if (server->handles)
            metrics_server_destroy(server);
        else
            free(server);
        return failed == UV_EADDRINUSE ? PERCEPT_EXISTS : percept_status_from_errno(-failed);
    }
    *result = server;
    return PERCEPT_OK;
}

static void on_listener_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void metrics_server_destroy(struct metrics_server *server)
{
    if (!server || server->closing)
        return;
    server->closing = true;
    if (server->path[0])
        unlink(server->path);
    for (size_t i = 0; i < MOST_SCRAPERS; i++)
        if (server->scrapers[i].server)
            hang_up(&server->scrapers[i]);
    uv_close((uv_handle_t *)&server->listener, on_listener_closed);
}
