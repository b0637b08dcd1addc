/* What clients that push sound do to the daemon: never stop, flood, lie, and die of it; and what
 * becomes of them when they lose the permission meanwhile. */
#include "ipc_attacks.h"

#include "base/clock.h"
#include "ipc/push.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CROWD = 8, BUSY_MS = 5 };

/* What sounds fastest: what waits of it has soon been heard. */
static const struct percept_sound sound = {
    .rate = IPC_PUSH_RATE_MAX, .channels = IPC_PUSH_CHANNELS_MAX, .dtype = PERCEPT_FLOAT32};

static const char *const pipelines[] = {"phone", "radio"};

/* ---- the permission ---- */

static enum percept_status permit(const struct soak *soak, bool there)
{
    struct percept_client *client;
    struct percept_error error = {0};
    const struct percept_grant grant = {.what = "push", .uid = (int64_t)geteuid()};
    enum percept_status status = percept_connect(soak->socket, &client, &error);
    if (status != PERCEPT_OK)
        return status;
    status = (there ? percept_grant : percept_revoke)(client, &grant, &error);
    if (!there && status == PERCEPT_NOT_FOUND) /* an earlier try did it, though it was not told */
        status = PERCEPT_OK;
    percept_disconnect(client);
    return status;
}

/* The attackers are the same user, and may have used up its quota. */
void soak_permit_pushing(struct soak *soak, bool there)
{
    int64_t deadline_ns = base_clock_ns() + 60 * BASE_NS_PER_S;
    enum percept_status status;
    while ((status = permit(soak, there)) != PERCEPT_OK && base_clock_ns() < deadline_ns)
        poll(NULL, 0, BUSY_MS);
    if (status != PERCEPT_OK)
        soak_fail(soak, "who may push cannot be %s", there ? "granted it" : "stopped");
}

/* ---- what they do ---- */

/* A connection and the socket for sound; tries again until it is let in. */
static int open_push(const char *path, const char *to, int *control)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Push push = PERCEPT__CONTROL__PUSH__INIT;
    push.to = (char *)to;
    push.rate = sound.rate;
    push.channels = sound.channels;
    push.dtype = sound.dtype;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_PUSH;
    request.push = &push;
    for (;;) {
        struct ipc_packet packet = {.fd_count = 0};
        *control = peer_connect(path);
        Percept__Control__Reply *reply =
            *control >= 0 && peer_hello(*control) ? peer_ask(*control, &request, &packet) : NULL;
        int fd = reply ? ipc_packet_take_fd(&packet, 0) : -1;
        if (reply)
            percept__control__reply__free_unpacked(reply, NULL);
        ipc_packet_reset(&packet);
        if (fd >= 0)
            return fd;
        if (*control >= 0)
            close(*control);
        poll(NULL, 0, BUSY_MS);
    }
}

/* As it should be, but without an end. */
static void never_stop(const char *path, const char *to, unsigned *seed)
{
    static float frames[4800 * 8];
    struct percept_client *client;
    struct percept_push *push;
    struct percept_error error;
    (void)seed;
    if (percept_connect(path, &client, &error) != PERCEPT_OK)
        return;
    if (percept_push_open(client, to, &sound, &push, &error) == PERCEPT_OK)
        while (percept_push(push, frames, 4800, 0, -1, NULL, &error) == PERCEPT_OK)
            ;
    percept_disconnect(client); /* before it is closed */
}

/* More than may wait, in a socket that it makes larger, as fast as it can. */
static void flood(const char *path, const char *to, unsigned *seed)
{
    static union {
        struct ipc_push_head head;
        uint8_t bytes[sizeof(struct ipc_push_head) + IPC_PUSH_SOUND_MAX];
    } packet;
    const int most = 16 << 20;
    int control, fd = open_push(path, to, &control);
    (void)seed;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
    packet.head.frames = IPC_PUSH_SOUND_MAX / 32;
    while (send(fd, &packet, sizeof packet, MSG_NOSIGNAL) >= 0)
        packet.head.position += packet.head.frames;
    close(fd);
    close(control);
}

/* Heads and sizes that do not fit, times and positions that cannot be, and nothing at all. */
static void tell_lies(const char *path, const char *to, unsigned *seed)
{
    static uint8_t packet[3 * IPC_PUSH_SOUND_MAX];
    int control, fd = open_push(path, to, &control);
    for (bool goes_on = true; goes_on;) {
        struct ipc_push_head head = {.frames = 16};
        size_t size = sizeof head + 16 * 32;
        switch (rand_r(seed) % 9) {
        case 0: /* true */
            break;
        case 1:
            head.position = (uint64_t)rand_r(seed) << (rand_r(seed) % 34);
            break;
        case 2:
            head.capture_ns = (int64_t)((uint64_t)rand_r(seed) << (rand_r(seed) % 34));
            break;
        case 3:
            head.frames = (uint32_t)rand_r(seed);
            break;
        case 4:
            head.flags = (uint32_t)rand_r(seed) % 4;
            break;
        case 5:
            head.reserved = 1;
            break;
        case 6:
            size = (size_t)rand_r(seed) % sizeof packet;
            break;
        case 7: /* which a reader could take for the end */
            size = 0;
            break;
        default: /* noise */
            for (size_t i = 0; i < sizeof head; i++)
                ((uint8_t *)&head)[i] = (uint8_t)rand_r(seed);
            break;
        }
        memcpy(packet, &head, sizeof head);
        goes_on = send(fd, packet, size, MSG_NOSIGNAL) >= 0 || size > IPC_PUSH_SOUND_MAX;
        goes_on = goes_on && rand_r(seed) % 64 != 0;
    }
    close(fd);
    close(control);
}

/* Says nothing, and does not listen either. */
static void say_nothing(const char *path, const char *to, unsigned *seed)
{
    int control, fd = open_push(path, to, &control);
    shutdown(fd, rand_r(seed) % 2 ? SHUT_RD : SHUT_WR);
    poll(NULL, 0, rand_r(seed) % 100);
    close(rand_r(seed) % 2 ? fd : control);
}

static void (*const ways[])(const char *path, const char *to,
                            unsigned *seed) = {never_stop, flood, tell_lies, say_nothing};

/* One way after the other, for ever. */
static _Noreturn void misbehave(const char *path, unsigned number)
{
    unsigned seed = number + 1;
    for (unsigned way = number;; way++) {
        ways[way % 4](path, pipelines[number % 2], &seed);
        poll(NULL, 0, BUSY_MS);
    }
}

/* ---- attacks ---- */

/* Both pipelines still hear who behaves. */
static void must_be_heard(struct soak *soak)
{
    static float frames[4800 * 8];
    for (size_t i = 0; i < 2; i++) {
        struct percept_client *client;
        struct percept_push *push = NULL;
        struct percept_error error = {0};
        enum percept_status status = percept_connect(soak->socket, &client, &error);
        if (status != PERCEPT_OK) {
            soak_fail(soak, "nobody is let in: %s", error.message);
            return;
        }
        /* What was pushed before is still being heard. */
        int64_t deadline_ns = base_clock_ns() + 30 * BASE_NS_PER_S;
        while ((status = percept_push_open(client, pipelines[i], &sound, &push, &error)) ==
                   PERCEPT_BUSY &&
               base_clock_ns() < deadline_ns)
            poll(NULL, 0, BUSY_MS);
        for (int block = 0; block < 40 && status == PERCEPT_OK; block++) /* a second */
            status = percept_push(push, frames, 4800, 0, 30 * BASE_NS_PER_S, NULL, &error);
        if (status != PERCEPT_OK)
            soak_fail(soak, "%s hears nothing any more: %s", pipelines[i], error.message);
        percept_push_close(push);
        percept_disconnect(client);
    }
}

void kill_pushers(struct soak *soak, long count)
{
    unsigned seed = 11;
    soak_permit_pushing(soak, true);
    for (long killed = 0; killed < count; killed += CROWD) {
        pid_t pids[CROWD];
        for (unsigned i = 0; i < CROWD; i++) {
            pids[i] = attacker();
            if (pids[i] == 0)
                misbehave(soak->socket, (unsigned)killed + i);
        }
        usleep((useconds_t)(rand_r(&seed) % 20000));
        if (rand_r(&seed) % 4 == 0) {
            soak_permit_pushing(soak, false);
            soak_permit_pushing(soak, true);
        }
        usleep((useconds_t)(rand_r(&seed) % 20000));
        for (int i = 0; i < CROWD; i++)
            attacker_kill(pids[i]);
    }
    must_be_heard(soak);
    soak_permit_pushing(soak, false);
}

/* With quotas as they are, while the bystander reads `count` samples; the permission goes and
 * comes. */
void push_nonsense(struct soak *soak, long count)
{
    soak_set_policy(soak, false);
    soak_permit_pushing(soak, true);
    pid_t pids[4];
    for (unsigned i = 0; i < 4; i++) {
        pids[i] = attacker();
        if (pids[i] == 0)
            misbehave(soak->socket, i);
    }
    for (long done = 0; done < count; done += 100) {
        if (!soak_samples(soak, (unsigned long long)(count - done < 100 ? count - done : 100)))
            break;
        soak_permit_pushing(soak, false);
        soak_permit_pushing(soak, true);
    }
    for (unsigned i = 0; i < 4; i++) {
        if (waitpid(pids[i], NULL, WNOHANG) != 0)
            soak_fail(soak, "one that pushes has ended by itself");
        else
            attacker_kill(pids[i]);
    }
    soak_set_policy(soak, true);
    must_be_heard(soak);
    soak_permit_pushing(soak, false);
}
