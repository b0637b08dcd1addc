/*
 * The control protocol's state machine: the input is a conversation, one byte of length before each
 * packet, held with one session at a time. Topics, seats and descriptors are real. Whatever is
 * said, each packet gets one well-formed reply, and all descriptors and seats are given back.
 *
 * "Grant" lets the client read the topic "frames", "Revoke" takes that away again, as an
 * administrator would meanwhile.
 *
 * Build with the preset "fuzz"; run: fuzz_control -dict=tests/fuzz/control.dict
 */
#include "ipc/session.h"

#include "ipc/control.pb-c.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ipc_catalogue catalogue;
static struct ipc_account account = {.uid = 1000};
static struct ipc_peer peer = {.uid = 1000, .pidfd = -1};

static bool granted, recheck;

static enum percept_status may_read(void *context, const struct ipc_peer *who,
                                    const struct ipc_topic *topic, struct percept_error *error)
{
    (void)context;
    if (who != &peer)
        abort();
    return granted || topic == catalogue.topics[0]
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_PERMISSION, "not granted");
}

static enum percept_status may_ask(void *context, const struct ipc_peer *who, const char *what,
                                   struct percept_error *error)
{
    (void)context;
    (void)who;
    return strncmp(what, "audit", 5) != 0 ? PERCEPT_OK
                                          : percept_fail(error, PERCEPT_PERMISSION, "not you");
}

static enum percept_status change(bool to, const struct percept_grant *terms,
                                  struct percept_error *error)
{
    if (strlen(terms->what) > IPC_PACKET_MAX || strlen(terms->executable) > IPC_PACKET_MAX)
        abort();
    if (strcmp(terms->what, "frames") != 0)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no topic");
    granted = to;
    recheck = true;
    return PERCEPT_OK;
}

static enum percept_status grant(void *context, const struct ipc_peer *who,
                                 const struct percept_grant *terms, struct percept_error *error)
{
    (void)context;
    (void)who;
    return change(true, terms, error);
}

static enum percept_status revoke_it(void *context, const struct ipc_peer *who,
                                     const struct percept_grant *terms, struct percept_error *error)
{
    (void)context;
    (void)who;
    return change(false, terms, error);
}

static void event(void *context, enum ipc_event kind, const struct ipc_peer *who, const char *topic,
                  const char *text)
{
    (void)context;
    if (who != &peer || kind > IPC_EVENT_PUSHED || strlen(topic) > IPC_PACKET_MAX || !text)
        abort();
}

static enum percept_status may_push(void *context, const struct ipc_peer *who, const char *to,
                                    struct percept_error *error)
{
    (void)context;
    if (who != &peer)
        abort();
    return to[0] != 'x' ? PERCEPT_OK : percept_fail(error, PERCEPT_PERMISSION, "not granted");
}

/* Heard, or not: the other end of the socket is what matters here. */
static enum percept_status push(void *context, const char *to, int fd,
                                const struct ipc_push_format *format, struct percept_error *error)
{
    (void)context;
    if (strlen(to) >= 64 || ipc_push_check(format, error) != PERCEPT_OK)
        abort();
    if (to[0] == 'y')
        return percept_fail(error, PERCEPT_BUSY, "somebody else");
    close(fd);
    return PERCEPT_OK;
}

static const struct ipc_guard guard = {.may_read = may_read,
                                       .may_push = may_push,
                                       .may_ask = may_ask,
                                       .grant = grant,
                                       .revoke = revoke_it,
                                       .event = event};

/* Answered right after, or not at all when the client is gone by then. */
static enum percept_status history(void *context, uint64_t ticket, const struct ipc_peer *who,
                                   const struct percept_history *wish, struct percept_error *error)
{
    (void)context;
    (void)ticket;
    if (who != &peer || strlen(wish->topic) > IPC_PACKET_MAX ||
        strlen(wish->search) > IPC_PACKET_MAX)
        abort();
    return strcmp(wish->topic, "frames") != 0
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_PERMISSION, "not granted");
}

static enum percept_status forget(void *context, uint64_t ticket, const struct ipc_peer *who,
                                  uint64_t seconds, struct percept_error *error)
{
    (void)context;
    (void)ticket;
    if (who != &peer || seconds == 0)
        abort();
    ipc_topic_hide_past(catalogue.topics[0]);
    catalogue.topics[0]->must_move = recheck = true;
    return seconds < 1000000 ? PERCEPT_OK : percept_fail(error, PERCEPT_PERMISSION, "not you");
}

static char *answer(void *context, uint64_t ticket, const char *what, bool *later)
{
    (void)context;
    (void)ticket;
    *later = strcmp(what, "later") == 0;
    return strcmp(what, "status") == 0 ? strdup("{}") : NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const names[] = {"hands", "frames"};
    (void)argc;
    (void)argv;
    catalogue.query = answer;
    catalogue.history = history;
    catalogue.forget = forget;
    catalogue.push = push;
    catalogue.guard = &guard;
    catalogue.quotas =
        (struct ipc_quotas){.subscriptions = 6, .slots = 4, .queued_bytes = 20, .pushes = 3};
    for (size_t i = 0; i < 2; i++) {
        struct ipc_topic_options options = {.name = names[i], .schema = "s/1", .max_bytes = 64};
        if (ipc_topic_create(&options, &catalogue.topics[i], NULL) != PERCEPT_OK)
            abort();
        catalogue.topic_count++;
    }
    return 0;
}

static void check_reply(struct ipc_packet *packet)
{
    Percept__Control__Reply *reply =
        percept__control__reply__unpack(NULL, packet->size, packet->bytes);
    if (!reply || reply->body_case == PERCEPT__CONTROL__REPLY__BODY__NOT_SET)
        abort();
    unsigned descriptors = packet->fd_count;
    switch (reply->body_case) {
    case PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED:
        if (reply->subscribed->subscription == 0 || descriptors < 2 || descriptors > 3)
            abort();
        break;
    case PERCEPT__CONTROL__REPLY__BODY_RESULT:
    case PERCEPT__CONTROL__REPLY__BODY_PUSHING:
        if (descriptors != 1)
            abort();
        break;
    case PERCEPT__CONTROL__REPLY__BODY_DONE:
        if (descriptors > 1)
            abort();
        break;
    case PERCEPT__CONTROL__REPLY__BODY_ENDED:
        if (descriptors != 0 || reply->id != 0 || reply->ended->subscription == 0)
            abort();
        break;
    default:
        if (descriptors != 0)
            abort();
        break;
    }
    percept__control__reply__free_unpacked(reply, NULL);
}

/* As the server does it. */
static void look_again(struct ipc_session *session)
{
    struct ipc_packet notice = {.fd_count = 0};
    recheck = false;
    ipc_session_recheck(session);
    while (ipc_session_notice(session, &notice)) {
        check_reply(&notice);
        ipc_packet_reset(&notice);
    }
    ipc_session_part(session);
    for (size_t i = 0; i < catalogue.topic_count; i++) {
        struct ipc_topic *topic = catalogue.topics[i];
        if (topic->must_move && ipc_topic_move(topic, NULL) != PERCEPT_OK)
            abort();
        topic->must_move = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ipc_session session;
    struct ipc_packet reply = {.fd_count = 0};
    ipc_session_init(&session, &catalogue, &peer, &account);
    while (size > 0) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;
        bool goes_on = ipc_session_handle(&session, data + 1, length, &reply);
        if (session.awaited) {
            const struct percept_error none = {.status = PERCEPT_NOT_FOUND, .message = "nothing"};
            if (reply.size != 0 || !goes_on)
                abort();
            if (size == 1 + length) /* nobody waits for it */
                break;
            ipc_session_answer(&session, length % 2 ? "{}" : NULL, &none, &reply);
        }
        check_reply(&reply);
        ipc_packet_reset(&reply);
        data += 1 + length;
        size -= 1 + length;
        if (recheck)
            look_again(&session);
        for (size_t i = 0; i < catalogue.topic_count; i++)
            if (ipc_topic_loan(catalogue.topics[i]))
                ipc_topic_publish(catalogue.topics[i], 64, 0);
        if (!goes_on) {
            ipc_session_finish(&session);
            ipc_session_init(&session, &catalogue, &peer, &account);
        }
    }
    ipc_session_finish(&session);
    granted = false;
    if (account.subscriptions || account.queued_bytes || account.pushes || account.slots[0] ||
        account.slots[1])
        abort();
    for (size_t i = 0; i < catalogue.topic_count; i++) {
        struct ipc_topic_stats stats;
        ipc_topic_stats(catalogue.topics[i], &stats);
        if (stats.subscribers != 0 || stats.dropped != 0)
            abort();
    }
    return 0;
}
