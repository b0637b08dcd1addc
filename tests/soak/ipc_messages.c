/* Messages that a client would send, and what becomes of them when bits flip, ends are missing, and
 * fields come twice. */
#include "ipc_attacks.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 4, MOST_REFUSED = 20000 };

struct message {
    uint8_t bytes[IPC_PACKET_MAX + 64];
    size_t size;
};

/* One of each request, as a client would send it. */
static size_t make_templates(struct message templates[16])
{
    Percept__Control__Hello hello = PERCEPT__CONTROL__HELLO__INIT;
    Percept__Control__Subscribe subscribe = PERCEPT__CONTROL__SUBSCRIBE__INIT;
    Percept__Control__Unsubscribe unsubscribe = PERCEPT__CONTROL__UNSUBSCRIBE__INIT;
    Percept__Control__Wake wake = PERCEPT__CONTROL__WAKE__INIT;
    Percept__Control__Query query = PERCEPT__CONTROL__QUERY__INIT;
    Percept__Control__Grant grant = PERCEPT__CONTROL__GRANT__INIT;
    Percept__Control__Revoke revoke = PERCEPT__CONTROL__REVOKE__INIT;
    Percept__Control__History history = PERCEPT__CONTROL__HISTORY__INIT;
    Percept__Control__Forget forget = PERCEPT__CONTROL__FORGET__INIT;
    Percept__Control__Push push = PERCEPT__CONTROL__PUSH__INIT;
    hello.version_max = IPC_PROTOCOL_MAX;
    subscribe.topic = SOAK_TOPIC;
    subscribe.wake = true;
    unsubscribe.subscription = wake.subscription = 1;
    query.what = "clients";
    grant.what = revoke.what = "hands";
    grant.uid = revoke.uid = 4242;
    grant.seconds = 60;
    history.topic = "captions";
    history.search = "said";
    history.after = 1;
    history.limit = 10;
    forget.seconds = 1;
    push.to = "phone";
    push.rate = 48000;
    push.channels = 2;
    push.dtype = PERCEPT_INT16;
    const struct {
        Percept__Control__Request__BodyCase kind;
        void *body;
    } rows[] = {
        {PERCEPT__CONTROL__REQUEST__BODY_HELLO, &hello},
        {PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE, &subscribe},
        {PERCEPT__CONTROL__REQUEST__BODY_UNSUBSCRIBE, &unsubscribe},
        {PERCEPT__CONTROL__REQUEST__BODY_WAKE, &wake},
        {PERCEPT__CONTROL__REQUEST__BODY_QUERY, &query},
        {PERCEPT__CONTROL__REQUEST__BODY_GRANT, &grant},
        {PERCEPT__CONTROL__REQUEST__BODY_REVOKE, &revoke},
        {PERCEPT__CONTROL__REQUEST__BODY_HISTORY, &history},
        {PERCEPT__CONTROL__REQUEST__BODY_FORGET, &forget},
        {PERCEPT__CONTROL__REQUEST__BODY_PUSH, &push},
    };
    size_t count = sizeof rows / sizeof rows[0];
    for (size_t i = 0; i < count; i++) {
        Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
        request.id = 1;
        request.body_case = rows[i].kind;
        request.hello = rows[i].body; /* a union: all are pointers to a message */
        templates[i].size = percept__control__request__pack(&request, templates[i].bytes);
    }
    return count;
}

static void fill(struct message *message, size_t from, unsigned *seed)
{
    for (size_t i = from; i < message->size; i++)
        message->bytes[i] = (uint8_t)rand_r(seed);
}

static void mutate(struct message *message, unsigned *seed)
{
    size_t at = (size_t)rand_r(seed) % message->size;
    switch (rand_r(seed) % 8) {
    case 0: /* as it is */
        break;
    case 1:
    case 2:
        message->bytes[at] ^= (uint8_t)(1 << rand_r(seed) % 8);
        break;
    case 3:
        message->bytes[at] = (uint8_t)rand_r(seed);
        break;
    case 4: /* cut */
        message->size = at + 1;
        break;
    case 5: /* more after it, up to and above what a packet may have */
        at = message->size;
        message->size += (size_t)rand_r(seed) % (rand_r(seed) % 32 ? 32 : IPC_PACKET_MAX);
        fill(message, at, seed);
        break;
    case 6: /* twice: fields again */
        memcpy(message->bytes + message->size, message->bytes, message->size);
        message->size *= 2;
        break;
    default: /* raw */
        message->size = 1 + (size_t)rand_r(seed) % 48;
        fill(message, 0, seed);
        break;
    }
}

/* What has come for it; false when the daemon has hung up. */
static bool drain(int fd)
{
    struct ipc_packet packet = {.size = 0};
    enum percept_status status;
    while ((status = ipc_wire_receive(fd, &packet)) == PERCEPT_OK)
        ipc_packet_reset(&packet);
    return status == PERCEPT_BUSY;
}

/* -1 when it is not let in, as a user over a quota. A daemon that lets nobody in any more is found
 * out all the same. */
static int come_in(const char *socket, unsigned *seed)
{
    static unsigned refused;
    int fd = peer_connect(socket);
    MUST(fd >= 0);
    if (rand_r(seed) % 8 == 0 || peer_hello(fd)) {
        refused = 0;
        return fd;
    }
    MUST(refused++ < MOST_REFUSED);
    close(fd);
    usleep(1000);
    return -1;
}

static _Noreturn void babble(const char *socket, long count)
{
    static struct message templates[16];
    size_t kinds = make_templates(templates);
    unsigned seed = 20240607;
    int fds[CONNECTIONS];
    memset(fds, -1, sizeof fds);
    for (long sent = 0; sent < count;) {
        struct message message = templates[(size_t)rand_r(&seed) % kinds];
        int *fd = &fds[rand_r(&seed) % CONNECTIONS];
        if (*fd < 0) {
            *fd = come_in(socket, &seed);
            continue;
        }
        mutate(&message, &seed);
        bool is_sent = send(*fd, message.bytes, message.size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
        sent += is_sent;
        /* Read now and then, so that the daemon also meets one who does not. */
        if ((!is_sent || rand_r(&seed) % 8 == 0) && !drain(*fd)) {
            close(*fd);
            *fd = -1;
        }
    }
    _exit(0);
}

void mutate_messages(struct soak *soak, long count)
{
    soak_permit_pushing(soak, true);
    pid_t pid = attacker();
    if (pid == 0)
        babble(soak->socket, count);
    attacker_join(soak, pid);
    soak_permit_pushing(soak, false);
}

/* With the quotas that there are by default, while the bystander reads `count` samples. */
void babble_within_quotas(struct soak *soak, long count)
{
    soak_set_policy(soak, false);
    pid_t pid = attacker();
    if (pid == 0)
        babble(soak->socket, LONG_MAX);
    (void)soak_samples(soak, (unsigned long long)count);
    if (waitpid(pid, NULL, WNOHANG) != 0)
        soak_fail(soak, "who babbles has ended by itself");
    else
        attacker_kill(pid);
    soak_set_policy(soak, true);
}
