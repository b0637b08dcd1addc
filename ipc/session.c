#include "ipc/session.h"

#include "base/clock.h"
#include "ipc/control.pb-c.h"
#include "ipc/memfd.h"
#include "ipc/session_push.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTE_NS (60 * BASE_NS_PER_S)

typedef Percept__Control__Request request_message;
typedef Percept__Control__Reply reply_message;

/* An answer in the making: the reply, room for what it may point to, and its descriptors. */
struct answer {
    reply_message reply;
    union {
        Percept__Control__Welcome welcome;
        Percept__Control__Subscribed subscribed;
        Percept__Control__Done done;
        Percept__Control__Result result;
        Percept__Control__Pushing pushing;
    } body;
    struct ipc_packet *packet;
    bool later; /* it has been begun; this is not it */
    struct percept_error error;
};

/* Completes the answer, or fails with answer->error filled. */
typedef enum percept_status (*handler_fn)(struct ipc_session *session,
                                          const request_message *request, struct answer *answer);

/* What the guard may refuse. */
#define ALLOWED(session, function, ...)                                                \
    (!(session)->catalogue->guard                                                      \
         ? PERCEPT_OK                                                                  \
         : (session)->catalogue->guard->function((session)->catalogue->guard->context, \
                                                 (session)->peer, __VA_ARGS__))

static void note(const struct ipc_session *session, enum ipc_event event, const char *topic,
                 const char *text)
{
    const struct ipc_guard *guard = session->catalogue->guard;
    if (guard)
        guard->event(guard->context, event, session->peer, topic, text);
}

void ipc_session_init(struct ipc_session *session, const struct ipc_catalogue *catalogue,
                      const struct ipc_peer *peer, struct ipc_account *account)
{
    *session = (struct ipc_session){.catalogue = catalogue, .peer = peer, .account = account};
}

static void leave_seat(struct ipc_session *session, struct ipc_subscription *subscription)
{
    if (subscription->seat) {
        if (ipc_seat_is_muted(subscription->seat))
            session->account->muted_ns = base_clock_ns() + MUTE_NS;
        ipc_topic_detach(subscription->topic, subscription->ring, subscription->seat);
        session->account->subscriptions--;
        session->account->slots[subscription->topic->number]--;
    }
    subscription->ring = NULL;
    subscription->seat = NULL;
}

static void end_subscription(struct ipc_session *session, struct ipc_subscription *subscription)
{
    struct ipc_topic *topic = subscription->topic;
    bool revoked = subscription->revoked;
    /* Else the topic has moved from it already. */
    topic->departed |= subscription->ring && !ipc_topic_ring_left(subscription->ring);
    leave_seat(session, subscription);
    *subscription = (struct ipc_subscription){0};
    if (!revoked) /* that was told of when it was */
        note(session, IPC_EVENT_UNSUBSCRIBE, topic->name, "");
}

void ipc_session_finish(struct ipc_session *session)
{
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
        if (session->subscriptions[i].id != 0)
            end_subscription(session, &session->subscriptions[i]);
    ipc_session_push_finish(session);
    ipc_session_drained(session);
    for (size_t i = 0; i < session->catalogue->topic_count; i++)
        ipc_topic_reap(session->catalogue->topics[i]);
}

void ipc_session_drained(struct ipc_session *session)
{
    session->account->queued_bytes -= session->queued_bytes;
    session->queued_bytes = 0;
}

static void pack(const reply_message *reply, struct ipc_packet *packet)
{
    /* Always fits: only errors carry text, and theirs is limited to sizeof percept_error. */
    static_assert(sizeof(struct percept_error) + 64 < IPC_PACKET_MAX, "an error fits a packet");
    packet->size = percept__control__reply__pack(reply, packet->bytes);
}

static void pack_error(uint32_t id, enum percept_status status, char *text,
                       struct ipc_packet *packet)
{
    Percept__Control__Error message = PERCEPT__CONTROL__ERROR__INIT;
    reply_message reply = PERCEPT__CONTROL__REPLY__INIT;
    message.status = status;
    message.message = text;
    reply.id = id;
    reply.body_case = PERCEPT__CONTROL__REPLY__BODY_ERROR;
    reply.error = &message;
    ipc_packet_reset(packet);
    pack(&reply, packet);
}

void ipc_session_refuse(enum percept_status status, const char *message, struct ipc_packet *reply)
{
    struct percept_error error;
    percept_fail(&error, status, "%s", message);
    pack_error(0, status, error.message, reply);
}

static struct ipc_subscription *find_subscription(struct ipc_session *session, uint32_t id)
{
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
        if (session->subscriptions[i].id == id)
            return &session->subscriptions[i];
    return NULL;
}

static struct ipc_topic *find_topic(const struct ipc_catalogue *catalogue, const char *name)
{
    for (size_t i = 0; i < catalogue->topic_count; i++)
        if (strcmp(catalogue->topics[i]->name, name) == 0)
            return catalogue->topics[i];
    return NULL;
}

/* Is there room for one more subscription of the user? */
static enum percept_status check_quotas(const struct ipc_session *session,
                                        const struct ipc_topic *topic, struct percept_error *error)
{
    const struct ipc_quotas *quotas = &session->catalogue->quotas;
    const struct ipc_account *account = session->account;
    if (quotas->subscriptions && account->subscriptions >= quotas->subscriptions)
        return percept_fail(error, PERCEPT_LIMIT,
                            "user %u has %u subscriptions, as many as one may have (quota "
                            "subscriptions)",
                            account->uid, account->subscriptions);
    unsigned half = (topic->max_subscribers + 1) / 2, own = account->slots[topic->number];
    unsigned quota = quotas->slots < half ? quotas->slots : half;
    unsigned taken = atomic_load_explicit(&topic->subscribers, memory_order_relaxed);
    /* A topic that is full for everybody says so itself. */
    if (taken < topic->max_subscribers &&
        !ipc_quota_room(own, quota, taken, topic->max_subscribers))
        return percept_fail(error, PERCEPT_LIMIT,
                            "user %u may hold %u slots of topic '%s', as many as one may at "
                            "present (quota slots)",
                            account->uid, own, topic->name);
    return PERCEPT_OK;
}

static enum percept_status done(struct answer *answer)
{
    percept__control__done__init(&answer->body.done);
    answer->reply.body_case = PERCEPT__CONTROL__REPLY__BODY_DONE;
    answer->reply.done = &answer->body.done;
    return PERCEPT_OK;
}

static enum percept_status hello(struct ipc_session *session, const request_message *request,
                                 struct answer *answer)
{
    uint32_t min = request->hello->version_min, max = request->hello->version_max;
    if (min > max || min > IPC_PROTOCOL_MAX || max < IPC_PROTOCOL_MIN)
        return percept_fail(&answer->error, PERCEPT_VERSION,
                            "the client speaks protocol %u to %u, the daemon %u to %u", min, max,
                            IPC_PROTOCOL_MIN, IPC_PROTOCOL_MAX);
    session->version = max < IPC_PROTOCOL_MAX ? max : IPC_PROTOCOL_MAX;
    percept__control__welcome__init(&answer->body.welcome);
    answer->body.welcome.version = session->version;
    answer->body.welcome.release = PERCEPT_RELEASE;
    answer->reply.body_case = PERCEPT__CONTROL__REPLY__BODY_WELCOME;
    answer->reply.welcome = &answer->body.welcome;
    return PERCEPT_OK;
}

static enum percept_status add_wake(const struct ipc_session *session, struct ipc_seat *seat,
                                    struct ipc_packet *packet, struct percept_error *error)
{
    const struct ipc_account *account = session->account;
    if (account->muted_ns > base_clock_ns())
        return percept_fail(error, PERCEPT_LIMIT,
                            "to wake user %u by a socket took too long: not for a minute now",
                            account->uid);
    enum percept_status status = ipc_topic_add_wake(seat, &packet->fds[packet->fd_count], error);
    packet->fd_count += status == PERCEPT_OK;
    return status;
}

static enum percept_status open_subscription(const struct ipc_session *session,
                                             struct ipc_subscription *subscription,
                                             struct ipc_topic *topic, bool with_wake,
                                             struct ipc_packet *packet, struct percept_error *error)
{
    struct ipc_topic_ring *ring;
    struct ipc_seat *seat;
    int page_fd;
    enum percept_status status = ipc_topic_attach(topic, &ring, &seat, &page_fd, error);
    if (status != PERCEPT_OK)
        return status;
    packet->fds[1] = page_fd;
    packet->fds[0] = fcntl(ring->fd, F_DUPFD_CLOEXEC, 0); /* -1 is skipped when the packet goes */
    packet->fd_count = 2;
    if (packet->fds[0] < 0)
        status = percept_fail_errno(error, errno, "descriptor for topic '%s'", topic->name);
    else if (with_wake)
        status = add_wake(session, seat, packet, error);
    if (status != PERCEPT_OK) {
        ipc_topic_detach(topic, ring, seat);
        return status;
    }
    subscription->topic = topic;
    subscription->ring = ring;
    subscription->seat = seat;
    return PERCEPT_OK;
}

static enum percept_status open_wish(struct ipc_session *session,
                                     const Percept__Control__Subscribe *wish, struct answer *answer)
{
    struct ipc_topic *topic = find_topic(session->catalogue, wish->topic);
    struct ipc_subscription *subscription = find_subscription(session, 0);
    if (!topic)
        return percept_fail(&answer->error, PERCEPT_NOT_FOUND, "no topic '%.63s'", wish->topic);
    enum percept_status status = ALLOWED(session, may_read, topic, &answer->error);
    if (status != PERCEPT_OK)
        return status;
    if (wish->schema[0] != '\0' && strcmp(wish->schema, topic->schema) != 0)
        return percept_fail(&answer->error, PERCEPT_VERSION,
                            "topic '%s' has the schema '%s', not '%.63s'", topic->name,
                            topic->schema, wish->schema);
    if (!subscription)
        return percept_fail(&answer->error, PERCEPT_LIMIT, "a client may have %d subscriptions",
                            IPC_SUBSCRIPTIONS_MAX);
    status = check_quotas(session, topic, &answer->error);
    if (status != PERCEPT_OK)
        return status;
    status =
        open_subscription(session, subscription, topic, wish->wake, answer->packet, &answer->error);
    if (status != PERCEPT_OK)
        return status;
    session->account->subscriptions++;
    session->account->slots[topic->number]++;
    if (++session->last_id == 0) /* 0 marks a free place */
        session->last_id = 1;
    subscription->id = session->last_id;
    percept__control__subscribed__init(&answer->body.subscribed);
    answer->body.subscribed.subscription = subscription->id;
    answer->reply.body_case = PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED;
    answer->reply.subscribed = &answer->body.subscribed;
    return PERCEPT_OK;
}

static enum percept_status subscribe(struct ipc_session *session, const request_message *request,
                                     struct answer *answer)
{
    enum percept_status status = open_wish(session, request->subscribe, answer);
    bool refused = status == PERCEPT_PERMISSION || status == PERCEPT_LIMIT;
    if (status == PERCEPT_OK || refused)
        note(session, refused ? IPC_EVENT_REFUSE : IPC_EVENT_SUBSCRIBE, request->subscribe->topic,
             refused ? answer->error.message : "");
    return status;
}

/* The subscription that a request names; NULL and *error for one that the client doesn't have. */
static struct ipc_subscription *own(struct ipc_session *session, uint32_t id,
                                    struct percept_error *error)
{
    struct ipc_subscription *found = id != 0 ? find_subscription(session, id) : NULL;
    if (!found)
        percept_fail(error, PERCEPT_NOT_FOUND, "no subscription %u", id);
    return found;
}

static enum percept_status unsubscribe(struct ipc_session *session, const request_message *request,
                                       struct answer *answer)
{
    struct ipc_subscription *subscription =
        own(session, request->unsubscribe->subscription, &answer->error);
    if (!subscription)
        return answer->error.status;
    end_subscription(session, subscription);
    return done(answer);
}

static enum percept_status wake(struct ipc_session *session, const request_message *request,
                                struct answer *answer)
{
    struct ipc_subscription *subscription =
        own(session, request->wake->subscription, &answer->error);
    if (!subscription)
        return answer->error.status;
    if (!subscription->seat)
        return percept_fail(&answer->error, PERCEPT_NOT_FOUND, "subscription %u has been ended",
                            subscription->id);
    enum percept_status status =
        add_wake(session, subscription->seat, answer->packet, &answer->error);
    return status == PERCEPT_OK ? done(answer) : status;
}

/* Memory that is on its way to a client who may never take it. */
static enum percept_status check_queue(const struct ipc_session *session, size_t size,
                                       struct percept_error *error)
{
    size_t most = session->catalogue->quotas.queued_bytes, queued = session->account->queued_bytes;
    if (!most || (queued <= most && size <= most - queued))
        return PERCEPT_OK;
    return percept_fail(error, PERCEPT_LIMIT,
                        "user %u has not received %zu bytes of results, and may have no %zu more "
                        "(quota queued_bytes)",
                        session->account->uid, queued, size);
}

static enum percept_status give_result(struct ipc_session *session, const char *json,
                                       struct answer *answer)
{
    size_t size = strlen(json);
    enum percept_status status = check_queue(session, size, &answer->error);
    if (status == PERCEPT_OK)
        status = ipc_memfd_content("result", json, size, &answer->packet->fds[0], &answer->error);
    if (status != PERCEPT_OK)
        return status;
    session->queued_bytes += size;
    session->account->queued_bytes += size;
    answer->packet->fd_count = 1;
    percept__control__result__init(&answer->body.result);
    answer->reply.body_case = PERCEPT__CONTROL__REPLY__BODY_RESULT;
    answer->reply.result = &answer->body.result;
    return PERCEPT_OK;
}

static enum percept_status query(struct ipc_session *session, const request_message *request,
                                 struct answer *answer)
{
    const struct ipc_catalogue *catalogue = session->catalogue;
    enum percept_status status = ALLOWED(session, may_ask, request->query->what, &answer->error);
    if (status != PERCEPT_OK)
        return status;
    char *json = catalogue->query ? catalogue->query(catalogue->context, session->ticket,
                                                     request->query->what, &answer->later)
                                  : NULL;
    if (answer->later)
        return PERCEPT_OK;
    if (!json)
        return percept_fail(&answer->error, PERCEPT_NOT_FOUND, "the daemon knows no '%.63s'",
                            request->query->what);
    status = give_result(session, json, answer);
    free(json);
    return status;
}

/* ---- answered later ---- */

static enum percept_status history(struct ipc_session *session, const request_message *request,
                                   struct answer *answer)
{
    const struct ipc_catalogue *catalogue = session->catalogue;
    const Percept__Control__History *message = request->history;
    const struct percept_history wish = {.topic = message->topic,
                                         .search = message->search,
                                         .from_ns = message->from_ns,
                                         .to_ns = message->to_ns,
                                         .after = message->after,
                                         .before = message->before,
                                         .limit = message->limit,
                                         .newest = message->newest};
    if (!catalogue->history)
        return percept_fail(&answer->error, PERCEPT_UNSUPPORTED, "the daemon has no transcript");
    answer->later = true;
    return catalogue->history(catalogue->context, session->ticket, session->peer, &wish,
                              &answer->error);
}

static enum percept_status forget(struct ipc_session *session, const request_message *request,
                                  struct answer *answer)
{
    const struct ipc_catalogue *catalogue = session->catalogue;
    const Percept__Control__Forget *message = request->forget;
    if (!catalogue->forget)
        return percept_fail(&answer->error, PERCEPT_UNSUPPORTED, "the daemon has no transcript");
    if ((message->seconds > 0) == message->all)
        return percept_fail(&answer->error, PERCEPT_INVALID,
                            "either all is to be forgotten or some seconds are");
    answer->later = true;
    return catalogue->forget(catalogue->context, session->ticket, session->peer,
                             message->all ? PERCEPT_FORGET_ALL : message->seconds, &answer->error);
}

static enum percept_status push(struct ipc_session *session, const request_message *request,
                                struct answer *answer)
{
    const Percept__Control__Push *wish = request->push;
    size_t queue = session->catalogue->quotas.push_bytes;
    const struct ipc_push_format format = {.rate = wish->rate,
                                           .channels = wish->channels,
                                           .dtype = wish->dtype,
                                           .queue = queue ? (uint32_t)queue : IPC_PUSH_QUEUE};
    enum percept_status status =
        ipc_session_push_open(session, wish->to, &format, answer->packet, &answer->error);
    percept__control__pushing__init(&answer->body.pushing);
    answer->reply.body_case = PERCEPT__CONTROL__REPLY__BODY_PUSHING;
    answer->reply.pushing = &answer->body.pushing;
    return status;
}

/* Without a guard there is nothing to grant or revoke. */
static enum percept_status no_guard(struct answer *answer)
{
    return percept_fail(&answer->error, PERCEPT_UNSUPPORTED, "the daemon has no permissions");
}

static enum percept_status grant_access(struct ipc_session *session, const request_message *request,
                                        struct answer *answer)
{
    const Percept__Control__Grant *wish = request->grant;
    const struct percept_grant terms = {.what = wish->what,
                                        .uid = wish->uid,
                                        .executable = wish->executable,
                                        .seconds = wish->seconds};
    if (!session->catalogue->guard)
        return no_guard(answer);
    enum percept_status status = ALLOWED(session, grant, &terms, &answer->error);
    return status == PERCEPT_OK ? done(answer) : status;
}

static enum percept_status revoke_access(struct ipc_session *session,
                                         const request_message *request, struct answer *answer)
{
    const Percept__Control__Revoke *wish = request->revoke;
    const struct percept_grant terms = {
        .what = wish->what, .uid = wish->uid, .executable = wish->executable};
    if (!session->catalogue->guard)
        return no_guard(answer);
    enum percept_status status = ALLOWED(session, revoke, &terms, &answer->error);
    return status == PERCEPT_OK ? done(answer) : status;
}

/* By the kind of request; since: the first version of the protocol that has it. */
static const struct handler {
    handler_fn run;
    uint32_t since;
} handlers[] = {
    [PERCEPT__CONTROL__REQUEST__BODY_HELLO] = {hello, 0},
    [PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE] = {subscribe, 1},
    [PERCEPT__CONTROL__REQUEST__BODY_UNSUBSCRIBE] = {unsubscribe, 1},
    [PERCEPT__CONTROL__REQUEST__BODY_WAKE] = {wake, 1},
    [PERCEPT__CONTROL__REQUEST__BODY_QUERY] = {query, 1},
    [PERCEPT__CONTROL__REQUEST__BODY_GRANT] = {grant_access, 2},
    [PERCEPT__CONTROL__REQUEST__BODY_REVOKE] = {revoke_access, 2},
    [PERCEPT__CONTROL__REQUEST__BODY_HISTORY] = {history, 3},
    [PERCEPT__CONTROL__REQUEST__BODY_FORGET] = {forget, 3},
    [PERCEPT__CONTROL__REQUEST__BODY_PUSH] = {push, 4},
};

/* NULL when it is out of turn, or nothing that the version in use has. */
static handler_fn handler_of(const struct ipc_session *session, const request_message *request)
{
    size_t kind = (size_t)request->body_case;
    if (kind >= sizeof handlers / sizeof handlers[0] || !handlers[kind].run || request->id == 0)
        return NULL;
    const struct handler *handler = &handlers[kind];
    bool in_turn = (handler->run == hello) == (session->version == 0);
    return in_turn && handler->since <= session->version ? handler->run : NULL;
}

static void finish_answer(struct ipc_session *session, struct answer *answer,
                          enum percept_status status)
{
    session->account->refusals += status == PERCEPT_PERMISSION || status == PERCEPT_LIMIT;
    if (status == PERCEPT_OK)
        pack(&answer->reply, answer->packet);
    else
        pack_error(answer->reply.id, status, answer->error.message, answer->packet);
}

/* False when the request is out of turn or fails in a way that ends the connection. */
static bool respond(struct ipc_session *session, const request_message *request,
                    struct ipc_packet *packet)
{
    handler_fn handler = handler_of(session, request);
    if (!handler) {
        ipc_session_refuse(PERCEPT_MALFORMED, "a request out of turn, or none that we know",
                           packet);
        return false;
    }
    struct answer answer = {.reply = PERCEPT__CONTROL__REPLY__INIT, .packet = packet};
    answer.reply.id = request->id;
    enum percept_status status = handler(session, request, &answer);
    if (status == PERCEPT_OK && answer.later)
        session->awaited = request->id;
    else
        finish_answer(session, &answer, status);
    return status == PERCEPT_OK || handler != hello;
}

void ipc_session_answer(struct ipc_session *session, const char *json,
                        const struct percept_error *error, struct ipc_packet *packet)
{
    struct answer answer = {.reply = PERCEPT__CONTROL__REPLY__INIT, .packet = packet};
    ipc_packet_reset(packet);
    answer.reply.id = session->awaited;
    session->awaited = 0;
    if (!json)
        answer.error = *error;
    finish_answer(session, &answer, json ? give_result(session, json, &answer) : error->status);
}

bool ipc_session_recheck(struct ipc_session *session)
{
    bool any = false;
    ipc_session_push_recheck(session);
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++) {
        struct ipc_subscription *subscription = &session->subscriptions[i];
        struct percept_error error;
        if (subscription->id == 0 || subscription->revoked ||
            ALLOWED(session, may_read, subscription->topic, &error) == PERCEPT_OK)
            continue;
        snprintf(subscription->why, sizeof subscription->why, "%.199s", error.message);
        subscription->revoked = any = true;
        subscription->topic->must_move = true;
        note(session, IPC_EVENT_REVOKE, subscription->topic->name, error.message);
    }
    return any;
}

bool ipc_session_notice(struct ipc_session *session, struct ipc_packet *packet)
{
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX && session->version >= 2; i++) {
        struct ipc_subscription *subscription = &session->subscriptions[i];
        if (subscription->why[0] == '\0')
            continue;
        Percept__Control__Ended ended = PERCEPT__CONTROL__ENDED__INIT;
        reply_message reply = PERCEPT__CONTROL__REPLY__INIT;
        ended.subscription = subscription->id;
        ended.status = PERCEPT_PERMISSION;
        ended.message = subscription->why;
        reply.body_case = PERCEPT__CONTROL__REPLY__BODY_ENDED;
        reply.ended = &ended;
        ipc_packet_reset(packet);
        pack(&reply, packet);
        subscription->why[0] = '\0';
        if (!subscription->seat)
            *subscription = (struct ipc_subscription){0};
        return true;
    }
    return false;
}

void ipc_session_part(struct ipc_session *session)
{
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++) {
        struct ipc_subscription *subscription = &session->subscriptions[i];
        if (!subscription->seat ||
            !(subscription->revoked || ipc_topic_ring_left(subscription->ring)))
            continue;
        leave_seat(session, subscription);
        /* What has been told, or can't be, is over. */
        if (subscription->revoked && (subscription->why[0] == '\0' || session->version < 2))
            *subscription = (struct ipc_subscription){0};
    }
}

bool ipc_session_handle(struct ipc_session *session, const uint8_t *bytes, size_t size,
                        struct ipc_packet *reply)
{
    ipc_packet_reset(reply);
    ipc_session_push_reap(session);
    request_message *request = percept__control__request__unpack(NULL, size, bytes);
    if (!request) {
        ipc_session_refuse(PERCEPT_MALFORMED, "not a request", reply);
        return false;
    }
    bool goes_on = respond(session, request, reply);
    percept__control__request__free_unpacked(request, NULL);
    return goes_on;
}
