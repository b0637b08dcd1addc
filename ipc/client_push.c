/* Why: an app has sound in pieces of any size, and the socket takes packets. */
#include "ipc/client.h"
#include "ipc/push.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* So long close waits for room to say that it is the end. */
#define END_NS (2 * BASE_NS_PER_S)

/* So long after a pipeline was busy it is asked again. */
#define RETRY_NS (250 * BASE_NS_PER_MS)

struct percept_push {
    struct percept_client *client; /* NULL once it has disconnected: it comes back no more */
    struct percept_push *next;     /* of the client's */
    char to[IPC_NAME_BYTES];
    struct percept_sound sound;
    size_t frame_bytes;
    int fd;                    /* -1 while it is not open */
    uint32_t request;          /* of the Push under way; 0: none */
    int64_t retry_ns;          /* not to be asked for again before */
    uint64_t position;         /* of the next frame */
    struct percept_error busy; /* what the daemon said when it was asked last, if that was all */
    struct percept_error over; /* status not OK: it has ended, and why */
};

/* ---- coming and going, called by client.c ---- */

static void ask(struct percept_push *push)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Push message = PERCEPT__CONTROL__PUSH__INIT;
    message.to = push->to;
    message.rate = push->sound.rate;
    message.channels = push->sound.channels;
    message.dtype = push->sound.dtype;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_PUSH;
    request.push = &message;
    push->request = client_send(push->client, &request);
}

/* The daemon has hung up, or the connection is gone, and with it the push. It may have said why;
 * what is not a matter of the daemon or the pipeline going is for good. */
static void cut(struct percept_push *push)
{
    struct ipc_push_word word = {0};
    ssize_t size = -1;
    /* Sound that it had not read comes first, as an error. */
    for (int i = 0; i < 2 && size < 0; i++)
        size = recv(push->fd, &word, sizeof word, MSG_DONTWAIT);
    word.message[sizeof word.message - 1] = '\0';
    bool told = size == sizeof word && word.status < 0;
    close(push->fd);
    push->fd = -1;
    push->busy.status = PERCEPT_OK;
    if (!push->client || (told && word.status != PERCEPT_DISCONNECTED))
        percept_fail(&push->over, told ? (enum percept_status)word.status : PERCEPT_DISCONNECTED,
                     "pushing was ended: %s", told ? word.message : "the daemon has gone");
}

void push_lost(struct percept_client *client)
{
    for (struct percept_push *push = client->pushes; push; push = push->next) {
        push->request = 0;
        if (push->fd >= 0)
            cut(push);
    }
}

void push_welcome(struct percept_client *client)
{
    for (struct percept_push *push = client->pushes; push; push = push->next) {
        if (push->over.status != PERCEPT_OK)
            continue;
        if (client->version < PUSH_VERSION)
            client_too_old(client, PUSH_VERSION, &push->over);
        else
            ask(push);
    }
}

bool push_awaited(const struct percept_client *client)
{
    for (const struct percept_push *push = client->pushes; push; push = push->next)
        if (push->request != 0)
            return true;
    return false;
}

bool push_reply(struct percept_client *client, const Percept__Control__Reply *reply,
                struct ipc_packet *packet)
{
    struct percept_push *push = client->pushes;
    while (push && push->request != reply->id)
        push = push->next;
    if (!push)
        return false;
    push->request = 0;
    push->busy.status = PERCEPT_OK;
    if (reply->body_case == PERCEPT__CONTROL__REPLY__BODY_PUSHING && packet->fd_count == 1) {
        push->fd = ipc_packet_take_fd(packet, 0);
        push->position = 0; /* who hears it has heard nothing before */
        return true;
    }
    struct percept_error failure;
    client_reply_failure(reply, &failure);
    /* It starts, or whoever else comes back is not there yet. */
    bool is_busy = failure.status == PERCEPT_BUSY;
    *(is_busy ? &push->busy : &push->over) = failure;
    push->retry_ns = base_clock_ns() + RETRY_NS;
    return true;
}

void push_disconnect(struct percept_client *client)
{
    for (struct percept_push *push = client->pushes; push; push = push->next) {
        push->client = NULL;
        if (push->fd < 0)
            percept_fail(&push->over, PERCEPT_DISCONNECTED, "the client has disconnected");
    }
}

/* ---- opening ---- */

static void leave(struct percept_push *push)
{
    if (!push->client)
        return;
    struct percept_push **link = &push->client->pushes;
    while (*link != push)
        link = &(*link)->next;
    *link = push->next;
}

static void destroy(struct percept_push *push)
{
    leave(push);
    if (push->fd >= 0)
        close(push->fd);
    free(push);
}

static enum percept_status create(struct percept_client *client, const char *pipeline,
                                  const struct percept_sound *sound, struct percept_push **result,
                                  struct percept_error *error)
{
    const struct ipc_push_format format = {
        .rate = sound->rate, .channels = sound->channels, .dtype = sound->dtype};
    enum percept_status status = ipc_push_check(&format, error);
    if (status != PERCEPT_OK)
        return status;
    if (strlen(pipeline) >= IPC_NAME_BYTES)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no pipeline '%.70s'", pipeline);
    struct percept_push *push = calloc(1, sizeof *push);
    if (!push)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    strcpy(push->to, pipeline);
    push->sound = *sound;
    push->frame_bytes = ipc_push_frame_bytes(&format);
    push->fd = -1;
    push->client = client;
    push->next = client->pushes;
    client->pushes = push;
    *result = push;
    return PERCEPT_OK;
}

enum percept_status percept_push_open(struct percept_client *client, const char *pipeline,
                                      const struct percept_sound *sound,
                                      struct percept_push **result, struct percept_error *error)
{
    struct percept_push *push;
    enum percept_status status = client_ready(client, PUSH_VERSION, error);
    if (status == PERCEPT_OK)
        status = create(client, pipeline, sound, &push, error);
    if (status != PERCEPT_OK)
        return status;
    ask(push);
    status = client_await(client, &push->request, error);
    const struct percept_error *refused =
        push->over.status != PERCEPT_OK ? &push->over : &push->busy;
    if (status == PERCEPT_OK && push->fd < 0)
        status = percept_fail(error, refused->status, "%s", refused->message);
    if (status == PERCEPT_OK)
        *result = push;
    else
        destroy(push);
    return status;
}

/* ---- pushing ---- */

static enum percept_status wait_for_room(const struct percept_push *push, int64_t deadline_ns,
                                         struct percept_error *error)
{
    for (;;) {
        struct pollfd watched = {.fd = push->fd, .events = POLLOUT};
        int64_t left = deadline_ns - base_clock_ns();
        left = left > 0 ? left : 0;
        struct timespec timeout = {.tv_sec = (time_t)(left / BASE_NS_PER_S),
                                   .tv_nsec = (long)(left % BASE_NS_PER_S)};
        int ready = ppoll(&watched, 1, deadline_ns == INT64_MAX ? NULL : &timeout, NULL);
        if (ready > 0)
            return PERCEPT_OK;
        if (ready == 0)
            return percept_fail(error, PERCEPT_TIMED_OUT, "there is no room for more sound");
        if (errno != EINTR)
            return percept_fail_errno(error, errno, "poll");
    }
}

/* DISCONNECTED: it is cut. */
static enum percept_status send_packet(const struct percept_push *push,
                                       const struct ipc_push_head *head, const void *sound,
                                       int64_t deadline_ns, struct percept_error *error)
{
    struct iovec parts[] = {{(void *)(uintptr_t)head, sizeof *head},
                            {(void *)(uintptr_t)sound, head->frames * push->frame_bytes}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    for (;;) {
        if (sendmsg(push->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return PERCEPT_OK;
        if (errno != EAGAIN && errno != EINTR)
            return PERCEPT_DISCONNECTED;
        enum percept_status status = wait_for_room(push, deadline_ns, error);
        if (status != PERCEPT_OK)
            return status;
    }
}

/* Until it is open: again, if need be. */
static enum percept_status wait_for_daemon(struct percept_push *push, int64_t deadline_ns,
                                           struct percept_error *error)
{
    while (push->fd < 0) {
        struct percept_client *client = push->client;
        if (push->over.status != PERCEPT_OK)
            return percept_fail(error, push->over.status, "%s", push->over.message);
        client_service(client);
        if (client->failure.status == PERCEPT_VERSION)
            return percept_fail(error, client->failure.status, "%s", client->failure.message);
        int64_t now = base_clock_ns(), until = deadline_ns;
        bool is_due =
            client->up && push->request == 0 && push->fd < 0 && push->over.status == PERCEPT_OK;
        if (is_due && now >= push->retry_ns)
            ask(push);
        else if (is_due && push->retry_ns < until)
            until = push->retry_ns;
        if (push->fd >= 0 || push->over.status != PERCEPT_OK)
            continue;
        if (now >= deadline_ns)
            return percept_fail(error, PERCEPT_TIMED_OUT, "%s",
                                push->busy.status != PERCEPT_OK ? push->busy.message
                                                                : "the daemon is away");
        client_sleep(client, until);
    }
    return PERCEPT_OK;
}

static int64_t deadline_of(int64_t timeout_ns)
{
    int64_t now = base_clock_ns();
    return timeout_ns < 0 || timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

enum percept_status percept_push(struct percept_push *push, const void *frames, size_t count,
                                 int64_t capture_ns, int64_t timeout_ns, size_t *pushed,
                                 struct percept_error *error)
{
    const char *sound = frames;
    size_t done = 0, most = IPC_PUSH_SOUND_MAX / push->frame_bytes;
    int64_t deadline_ns = deadline_of(timeout_ns);
    enum percept_status status = wait_for_daemon(push, deadline_ns, error);
    while (done < count && status == PERCEPT_OK) {
        size_t more = count - done < most ? count - done : most;
        const struct ipc_push_head head = {
            .position = push->position,
            .capture_ns =
                capture_ns ? capture_ns + (int64_t)(done * BASE_NS_PER_S / push->sound.rate) : 0,
            .frames = (uint32_t)more,
        };
        status = send_packet(push, &head, sound + done * push->frame_bytes, deadline_ns, error);
        if (status == PERCEPT_OK) {
            done += more;
            push->position += more;
        } else if (status == PERCEPT_DISCONNECTED) {
            cut(push);
            status = wait_for_daemon(push, deadline_ns, error);
        }
    }
    if (pushed)
        *pushed = done;
    return status;
}

void percept_push_skip(struct percept_push *push, uint64_t count)
{
    push->position += count;
}

int percept_push_fd(const struct percept_push *push)
{
    return push->fd;
}

void percept_push_close(struct percept_push *push)
{
    if (!push)
        return;
    const struct ipc_push_head end = {.position = push->position, .flags = IPC_PUSH_END};
    if (push->fd >= 0)
        (void)send_packet(push, &end, NULL, deadline_of(END_NS), NULL);
    destroy(push);
}
