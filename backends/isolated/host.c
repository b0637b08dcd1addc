/* Why: see host.h. Whatever the other side does, each call ends by its deadline, and the first one
 * that is not answered as it should be is the last one that this host was asked. */
#include "backends/isolated/host.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A host that ran for so long is not taken to be one that dies again and again. */
#define CALM_NS (10 * BASE_NS_PER_S)
/* What somebody who makes a model waits for a host that is being started again. */
#define PATIENCE_NS BASE_NS_PER_S

/* ---- losing it ---- */

void isolated_host_wake(struct isolated_host *host)
{
    const uint64_t one = 1;
    ssize_t ignored = write(host->wake, &one, sizeof one); /* full: it will wake up */
    (void)ignored;
}

static void end_calls(struct isolated_host *host, enum percept_status status)
{
    for (struct isolated_call *call = host->first, *next; call; call = next) {
        next = call->next;
        call->status = percept_fail(&call->error, status, "%s: %s", host->name, host->cause);
        call->is_done = true;
    }
    host->first = NULL;
}

void isolated_host_lose(struct isolated_host *host, enum isolated_fault fault,
                        enum percept_status status, const char *cause)
{
    int64_t now = base_clock_ns();
    if (host->state == ISOLATED_IDLE || host->state == ISOLATED_LOST ||
        host->state == ISOLATED_ABSENT)
        return;
    snprintf(host->cause, sizeof host->cause, "%s", cause);
    host->faults[fault]++;
    if (host->pid > 0)
        kill(host->pid, SIGKILL); /* not reaped yet, so it is still that one */
    if (host->socket >= 0)
        shutdown(host->socket, SHUT_RDWR); /* wakes who reads */
    end_calls(host, status);
    if (host->state == ISOLATED_UP && now - host->up_since_ns > CALM_NS)
        host->backoff_ns = host->backoff_least_ns;
    host->next_start_ns = now + host->backoff_ns;
    host->backoff_ns =
        host->backoff_ns * 2 < host->backoff_most_ns ? host->backoff_ns * 2 : host->backoff_most_ns;
    host->state = ISOLATED_LOST;
    if (!host->was_up) {
        host->state = ISOLATED_ABSENT;
        snprintf(host->absent, sizeof host->absent, "%s", cause);
    }
    pthread_cond_broadcast(&host->changed);
    isolated_host_wake(host);
}

/* ---- calls ---- */

static bool is_supervisor(const struct isolated_host *host)
{
    return host->is_supervised && pthread_equal(pthread_self(), host->supervisor);
}

static int64_t patience_of(const struct isolated_host *host, uint32_t kind)
{
    bool loads = kind == ISOLATED_HELLO || kind == ISOLATED_SET || kind == ISOLATED_LOAD;
    return loads ? host->load_deadline_ns : host->deadline_ns;
}

enum percept_status isolated_call_begin(struct isolated_host *host, struct isolated_call *call,
                                        struct isolated_request *request, const int *fds,
                                        unsigned count, struct percept_error *error)
{
    bool may_ask = host->state == ISOLATED_UP ||
                   (host->state == ISOLATED_OPEN && request->kind == ISOLATED_SET) ||
                   (host->state == ISOLATED_STARTING && is_supervisor(host));
    if (!may_ask)
        return percept_fail(error, PERCEPT_DISCONNECTED, "%s: %s", host->name,
                            host->cause[0] ? host->cause : "its host does not run");
    request->sequence = ++host->sequence;
    call->kind = request->kind;
    call->sequence = request->sequence;
    call->patience_ns = patience_of(host, request->kind) + request->tune_ns;
    call->since_ns = base_clock_ns();
    if (!isolated_send(host->socket, request, sizeof *request, fds, count)) {
        isolated_host_lose(host, errno == EAGAIN ? ISOLATED_HUNG : ISOLATED_DIED,
                           PERCEPT_DISCONNECTED,
                           errno == EAGAIN ? "its host takes no messages" : "its host is gone");
        return percept_fail(error, PERCEPT_DISCONNECTED, "%s: %s", host->name, host->cause);
    }
    struct isolated_call **last = &host->first;
    while (*last)
        last = &(*last)->next;
    *last = call;
    return PERCEPT_OK;
}

/* Texts from the host become one line each. */
static void make_printable(struct isolated_reply *reply)
{
    for (unsigned i = 0; i < ISOLATED_TEXTS; i++) {
        char *text = reply->text[i];
        text[ISOLATED_TEXT_BYTES - 1] = '\0';
        for (; *text; text++)
            *text = (char)(*text < ' ' || *text > '~' ? '?' : *text);
    }
}

/* A record came, or the deadline of the first call. Under the lock. */
static void take_answer(struct isolated_host *host, bool in_time, ssize_t bytes,
                        struct isolated_reply *reply)
{
    struct isolated_call *call = host->first;
    char text[128];
    if (!call) /* it was lost meanwhile */
        return;
    if (!in_time) {
        snprintf(text, sizeof text, "its host did not answer in %lld ms",
                 (long long)(call->patience_ns / BASE_NS_PER_MS));
        isolated_host_lose(host, ISOLATED_HUNG, PERCEPT_TIMED_OUT, text);
        return;
    }
    if (bytes <= 0) {
        isolated_host_lose(host, ISOLATED_DIED, PERCEPT_DISCONNECTED, "its host is gone");
        return;
    }
    if (bytes != sizeof *reply || reply->kind != call->kind || reply->sequence != call->sequence ||
        reply->status > PERCEPT_OK || reply->status < PERCEPT_INTERNAL || reply->supports > 1) {
        isolated_host_lose(host, ISOLATED_GARBAGE, PERCEPT_MALFORMED,
                           "its host's answer makes no sense");
        return;
    }
    make_printable(reply);
    *call->reply = *reply;
    call->is_done = true;
    if (reply->status != PERCEPT_OK)
        call->status = percept_fail(&call->error, PERCEPT_UNSUPPORTED, "%s: its host refuses: %s",
                                    host->name, reply->text[0]);
    host->first = call->next;
    if (host->first)
        host->first->since_ns = base_clock_ns(); /* its turn begins */
}

/* Wait for the first call's answer, on behalf of all. Under the lock, which is let go meanwhile. */
static void read_one(struct isolated_host *host)
{
    struct isolated_reply reply;
    int socket = host->socket;
    const struct isolated_call *first = host->first;
    int64_t deadline = first->since_ns + first->patience_ns;
    host->is_reading = true;
    pthread_mutex_unlock(&host->lock);
    bool in_time = base_child_wait(socket, deadline);
    /* Descriptors that come with it are closed by the kernel. */
    ssize_t bytes = in_time ? recv(socket, &reply, sizeof reply, MSG_DONTWAIT | MSG_TRUNC) : 0;
    bool is_nothing = bytes < 0 && (errno == EAGAIN || errno == EINTR);
    pthread_mutex_lock(&host->lock);
    host->is_reading = false;
    if (!is_nothing)
        take_answer(host, in_time, bytes, &reply);
    pthread_cond_broadcast(&host->changed);
}

enum percept_status isolated_call_end(struct isolated_host *host, struct isolated_call *call,
                                      struct percept_error *error)
{
    pthread_mutex_lock(&host->lock);
    while (!call->is_done) {
        if (host->is_reading)
            pthread_cond_wait(&host->changed, &host->lock);
        else
            read_one(host);
    }
    pthread_mutex_unlock(&host->lock);
    if (call->status != PERCEPT_OK && error)
        *error = call->error;
    return call->status;
}

enum percept_status isolated_host_ask(struct isolated_host *host, struct isolated_request *request,
                                      const int *fds, unsigned count, struct isolated_reply *reply,
                                      struct percept_error *error)
{
    struct isolated_call call = {.reply = reply};
    pthread_mutex_lock(&host->lock);
    enum percept_status status = isolated_call_begin(host, &call, request, fds, count, error);
    pthread_mutex_unlock(&host->lock);
    return status == PERCEPT_OK ? isolated_call_end(host, &call, error) : status;
}

/* ---- being there ---- */

static struct timespec time_of(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / BASE_NS_PER_S),
                             .tv_nsec = (long)(ns % BASE_NS_PER_S)};
}

/* Under the lock. The thread begins with the first use: who makes proxies may want to fork yet. */
static void want(struct isolated_host *host)
{
    int cause =
        host->is_supervised ? 0 : pthread_create(&host->supervisor, NULL, isolated_supervise, host);
    host->is_wanted = true;
    host->is_supervised = !cause;
    if (cause) {
        host->state = ISOLATED_ABSENT;
        snprintf(host->absent, sizeof host->absent, "no thread for its host: %s", strerror(cause));
    }
    isolated_host_wake(host);
}

enum percept_status isolated_host_need(struct isolated_host *host, struct percept_error *error)
{
    const struct timespec limit = time_of(base_clock_ns() + PATIENCE_NS);
    if (!host->is_needed) {
        host->is_needed = true;
        want(host);
    }
    /* The first start ends by its own deadline. */
    while (host->state == ISOLATED_IDLE || host->state == ISOLATED_OPEN ||
           (host->state == ISOLATED_STARTING && !host->was_up))
        pthread_cond_wait(&host->changed, &host->lock);
    while (host->state == ISOLATED_STARTING ||
           (host->state == ISOLATED_LOST && host->next_start_ns < base_clock_ns() + PATIENCE_NS)) {
        if (pthread_cond_timedwait(&host->changed, &host->lock, &limit) == ETIMEDOUT)
            break;
    }
    if (host->state == ISOLATED_ABSENT)
        return percept_fail(error, PERCEPT_NOT_FOUND, "%s: %s", host->name, host->absent);
    return host->state == ISOLATED_UP
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_DISCONNECTED, "%s: %s", host->name, host->cause);
}

static bool keep_option(struct isolated_host *host, const char *key, const char *value)
{
    struct isolated_option *option = &host->options[host->option_count];
    if (host->option_count == ISOLATED_MOST_OPTIONS || strlen(key) >= sizeof option->key ||
        strlen(value) >= sizeof option->value)
        return false;
    snprintf(option->key, sizeof option->key, "%s", key);
    snprintf(option->value, sizeof option->value, "%s", value);
    host->option_count++;
    return true;
}

enum percept_status isolated_host_set(struct isolated_host *host, const char *key,
                                      const char *value, struct percept_error *error)
{
    struct isolated_request set = {.kind = ISOLATED_SET};
    struct isolated_reply reply;
    pthread_mutex_lock(&host->lock);
    want(host);
    while (host->state == ISOLATED_IDLE || (host->state == ISOLATED_STARTING && !host->was_up))
        pthread_cond_wait(&host->changed, &host->lock);
    enum percept_status status =
        host->state == ISOLATED_ABSENT ? percept_fail(error, PERCEPT_NOT_FOUND, "%s", host->absent)
        : host->state != ISOLATED_OPEN
            ? percept_fail(error, PERCEPT_INVALID, "options come before all else")
        : !keep_option(host, key, value)
            ? percept_fail(error, PERCEPT_LIMIT, "option '%s' is too long, or one too many", key)
            : PERCEPT_OK;
    pthread_mutex_unlock(&host->lock);
    if (status != PERCEPT_OK)
        return status;
    snprintf(set.key, sizeof set.key, "%s", key);
    snprintf(set.text, sizeof set.text, "%s", value);
    status = isolated_host_ask(host, &set, NULL, 0, &reply, error);
    return status == PERCEPT_UNSUPPORTED ? percept_fail(error, PERCEPT_INVALID, "%s", reply.text[0])
                                         : status;
}

static void free_host(struct isolated_host *host)
{
    if (host->wake >= 0)
        close(host->wake);
    pthread_cond_destroy(&host->changed);
    pthread_mutex_destroy(&host->lock);
    if (host->plugin >= 0)
        close(host->plugin);
    free(host);
}

enum percept_status isolated_host_create(const char *name, const char *plugin,
                                         struct isolated_host **out, struct percept_error *error)
{
    struct isolated_host *host = calloc(1, sizeof *host);
    if (!host)
        return percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory for a host", name);
    snprintf(host->name, sizeof host->name, "%s", name);
    host->socket = host->ended = host->standard_error = -1;
    host->deadline_ns = 2000 * BASE_NS_PER_MS;
    host->load_deadline_ns = 60000 * BASE_NS_PER_MS;
    host->backoff_ns = host->backoff_least_ns = 10 * BASE_NS_PER_MS;
    host->backoff_most_ns = 5000 * BASE_NS_PER_MS;
    host->plugin = plugin ? open(plugin, O_RDONLY | O_CLOEXEC) : -1;
    int cause = plugin && host->plugin < 0 ? errno : 0;
    host->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!cause && host->wake < 0)
        cause = errno;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&host->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&host->lock, NULL);
    if (cause) {
        free_host(host);
        return percept_fail_errno(error, cause, "%s: a host", name);
    }
    *out = host;
    return PERCEPT_OK;
}

void isolated_host_destroy(struct isolated_host *host)
{
    if (!host)
        return;
    pthread_mutex_lock(&host->lock);
    host->is_closing = true;
    if (host->state == ISOLATED_STARTING) /* which may take long */
        isolated_host_lose(host, ISOLATED_FAILED, PERCEPT_CANCELLED, "its host is not needed");
    isolated_host_wake(host);
    bool is_supervised = host->is_supervised;
    pthread_mutex_unlock(&host->lock);
    if (is_supervised)
        pthread_join(host->supervisor, NULL);
    free_host(host);
}
