/* Why: see host.h. Starting, reaping and the next start all take time that no frame has, so a
 * thread does them that has nothing else to do. It is the parent of every host: a host asks the
 * kernel to die with the thread that started it. */
#include "backends/isolated/host.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one whose socket is closed may take to end by itself. */
#define GRACE_NS (2 * BASE_NS_PER_S)

/* ---- what it says on standard error ---- */

enum { MOST_LINES = 20 }; /* a second: a log is not a host's to fill */

struct listener {
    char line[400];
    size_t used;
    int64_t second_ns; /* when the count began */
    unsigned lines;
};

static void tell_line(struct listener *listener, const char *name)
{
    int64_t now = base_clock_ns();
    listener->line[listener->used] = '\0';
    listener->used = 0;
    if (now - listener->second_ns > BASE_NS_PER_S) {
        if (listener->lines > MOST_LINES)
            base_log(BASE_LOG_WARNING, "host of %s: %u lines more", name,
                     listener->lines - MOST_LINES);
        listener->second_ns = now;
        listener->lines = 0;
    }
    if (++listener->lines <= MOST_LINES)
        base_log(BASE_LOG_WARNING, "host of %s: %s", name, listener->line);
}

static void hear(struct listener *listener, const struct isolated_host *host)
{
    char bytes[4096];
    ssize_t got = read(host->standard_error, bytes, sizeof bytes);
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] != '\n')
            listener->line[listener->used++] = bytes[i] ? bytes[i] : ' ';
        if (bytes[i] == '\n' || listener->used == sizeof listener->line - 1)
            tell_line(listener, host->name);
    }
}

/* ---- its end ---- */

static void describe(int result, char *text, size_t size)
{
    if (WIFSIGNALED(result))
        snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(result),
                 strsignal(WTERMSIG(result)));
    else
        snprintf(text, size, "exit code %d", WEXITSTATUS(result));
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Under the lock, which it lets go meanwhile. Nothing is left of the one that ran. */
static void clear_away(struct isolated_host *host, struct listener *listener)
{
    char how[96] = "it did not start";
    pid_t pid = host->pid;
    host->pid = -1;
    while (host->is_reading)
        pthread_cond_wait(&host->changed, &host->lock);
    int64_t grace = host->is_closing && host->state == ISOLATED_UP ? GRACE_NS : 0;
    close_one(&host->socket);
    pthread_mutex_unlock(&host->lock);
    if (pid > 0) {
        describe(base_child_end(pid, grace), how, sizeof how);
        for (int i = 0; i < 16; i++) /* what a pipe holds, 4 KiB at a time */
            hear(listener, host);
        if (listener->used)
            tell_line(listener, host->name);
    }
    close_one(&host->standard_error);
    close_one(&host->ended);
    pthread_mutex_lock(&host->lock);
    if (host->state == ISOLATED_LOST && !host->is_closing) {
        int64_t pause = host->next_start_ns - base_clock_ns();
        base_log(BASE_LOG_WARNING, "host of %s is lost: %s; %s; the next one starts in %lld ms",
                 host->name, host->cause, how, (long long)(pause > 0 ? pause / BASE_NS_PER_MS : 0));
    }
}

/* ---- its start ---- */

/* 0 or errno. */
static int spawn(const char *path, struct isolated_host *host, int socket, int standard_error,
                 pid_t *pid)
{
    char program[] = "percept-host", backend[] = "--backend", plugin[] = "--plugin";
    bool is_plugin = host->plugin >= 0;
    char *const argv[] = {program, backend, host->name, is_plugin ? plugin : NULL, NULL};
    const struct base_child_start start = {
        .path = path,
        .argv = argv,
        .fds = {socket, host->plugin}, /* ISOLATED_SOCKET_FD, ISOLATED_PLUGIN_FD */
        .fd_count = is_plugin ? 2 : 1,
        .standard_error = standard_error};
    return base_child_start(&start, pid);
}

/* Under the lock. What is open of it is cleared away whether it succeeds or not. */
static void open_process(struct isolated_host *host)
{
    char path[PATH_MAX], text[128];
    int sockets[2] = {-1, -1}, pipes[2] = {-1, -1};
    pid_t pid = -1;
    if (!base_child_find("percept-host", "PERCEPT_HOST", path)) {
        isolated_host_lose(host, ISOLATED_FAILED, PERCEPT_NOT_FOUND,
                           getenv("PERCEPT_HOST") ? "PERCEPT_HOST names no program"
                                                  : "there is no percept-host beside this program");
        return;
    }
    /* A host that says more than anybody hears loses words, not time. */
    int cause = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0 ||
                        pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0
                    ? errno
                    : 0;
    if (!cause)
        cause = spawn(path, host, sockets[1], pipes[1], &pid);
    close_one(&sockets[1]);
    close_one(&pipes[1]);
    host->socket = sockets[0];
    host->standard_error = pipes[0];
    host->pid = pid;
    host->ended = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (cause) {
        snprintf(text, sizeof text, "its host does not start: %s", strerror(cause));
        isolated_host_lose(host, ISOLATED_FAILED, PERCEPT_IO, text);
    }
}

/* Not under the lock. What it answers to what it is told first. */
static void greet(struct isolated_host *host)
{
    struct isolated_reply reply;
    struct isolated_request hello = {.kind = ISOLATED_HELLO, .version = ISOLATED_VERSION};
    struct percept_error error = {0};
    enum percept_status status = isolated_host_ask(host, &hello, NULL, 0, &reply, &error);
    if (status == PERCEPT_OK && reply.version != ISOLATED_VERSION)
        status = percept_fail(&error, PERCEPT_VERSION, "its host is of another version");
    if (status == PERCEPT_OK && reply.text[0][0])
        status = percept_fail(&error, PERCEPT_NOT_FOUND, "%s", reply.text[0]);
    pthread_mutex_lock(&host->lock);
    if (status != PERCEPT_OK) /* nothing, if that is why */
        isolated_host_lose(host, ISOLATED_FAILED, status, error.message);
    else if (!host->was_up)
        memcpy(host->about, reply.text[1], sizeof host->about);
    pthread_mutex_unlock(&host->lock);
}

/* Not under the lock: options were right when they were set, or the host was not there. */
static void repeat_options(struct isolated_host *host)
{
    for (unsigned i = 0; i < host->option_count; i++) {
        struct isolated_request set = {.kind = ISOLATED_SET};
        struct isolated_reply reply;
        memcpy(set.key, host->options[i].key, sizeof set.key);
        memcpy(set.text, host->options[i].value, sizeof host->options[i].value);
        (void)isolated_host_ask(host, &set, NULL, 0, &reply, NULL);
    }
}

/* Both under the lock, which they let go meanwhile. */
static void start(struct isolated_host *host)
{
    host->state = ISOLATED_STARTING;
    host->generation++;
    open_process(host);
    pthread_mutex_unlock(&host->lock);
    repeat_options(host);
    pthread_mutex_lock(&host->lock);
    if (host->state == ISOLATED_STARTING)
        host->state = ISOLATED_OPEN;
    pthread_cond_broadcast(&host->changed);
}

static void make_ready(struct isolated_host *host)
{
    host->state = ISOLATED_STARTING;
    pthread_mutex_unlock(&host->lock);
    greet(host);
    pthread_mutex_lock(&host->lock);
    while (host->state == ISOLATED_STARTING && isolated_load_next(host))
        ;
    if (host->state != ISOLATED_STARTING)
        return;
    host->state = ISOLATED_UP;
    host->up_since_ns = base_clock_ns();
    host->was_up = true;
    if (host->generation > 1) {
        host->restarts++;
        base_log(BASE_LOG_INFO, "host of %s runs again", host->name);
    }
    pthread_cond_broadcast(&host->changed);
}

/* ---- the thread ---- */

/* Until there is something to do, or the deadline. Not under the lock: the descriptors are ours. */
static void sleep_until(struct isolated_host *host, struct listener *listener, int64_t deadline_ns)
{
    struct pollfd events[] = {{.fd = host->wake, .events = POLLIN},
                              {.fd = host->ended, .events = POLLIN},
                              {.fd = host->standard_error, .events = POLLIN}};
    int64_t left = deadline_ns == INT64_MAX ? -1 : deadline_ns - base_clock_ns();
    int ms = deadline_ns == INT64_MAX ? -1 : left <= 0 ? 0 : (int)(left / BASE_NS_PER_MS) + 1;
    uint64_t ignored;
    if (poll(events, 3, ms) <= 0)
        return;
    if (events[0].revents && read(host->wake, &ignored, sizeof ignored) < 0)
        return;
    if (events[2].revents & POLLIN)
        hear(listener, host);
    else if (events[2].revents) /* it closed its end: poll would not sleep any more */
        close_one(&host->standard_error);
    if (events[1].revents) {
        pthread_mutex_lock(&host->lock);
        isolated_host_lose(host, ISOLATED_DIED, PERCEPT_DISCONNECTED, "its host is gone");
        pthread_mutex_unlock(&host->lock);
    }
}

static bool is_open(const struct isolated_host *host)
{
    return host->pid > 0 || host->socket >= 0 || host->standard_error >= 0;
}

void *isolated_supervise(void *argument)
{
    struct isolated_host *host = argument;
    struct listener listener = {0};
    pthread_mutex_lock(&host->lock);
    while (!host->is_closing) {
        bool is_gone = host->state == ISOLATED_LOST || host->state == ISOLATED_ABSENT;
        bool is_due = host->state == ISOLATED_LOST && host->next_start_ns <= base_clock_ns();
        if (is_gone && is_open(host)) {
            clear_away(host, &listener);
        } else if (is_due || (host->state == ISOLATED_IDLE && host->is_wanted)) {
            start(host);
        } else if (host->state == ISOLATED_OPEN && host->is_needed) {
            make_ready(host);
        } else if (host->state != ISOLATED_UP || !isolated_load_next(host)) {
            int64_t deadline = host->state == ISOLATED_LOST ? host->next_start_ns : INT64_MAX;
            pthread_mutex_unlock(&host->lock);
            sleep_until(host, &listener, deadline);
            pthread_mutex_lock(&host->lock);
        }
    }
    clear_away(host, &listener);
    pthread_mutex_unlock(&host->lock);
    return NULL;
}
