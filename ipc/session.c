#include "ipc/session.h"

#include "ipc/control.pb-c.h"
#include "ipc/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

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
    } body;
    struct ipc_packet *packet;
    struct percept_error error;
};

/* Completes the answer, or fails with answer->error filled. */
typedef enum percept_status (*handler_fn)(struct ipc_session *session,
                                          const request_message *request, struct answer *answer);

void ipc_session_init(struct ipc_session *session, const struct ipc_catalogue *catalogue)
{
    *session = (struct ipc_session){.catalogue = catalogue};
}

static void end_subscription(struct ipc_subscription *subscription)
{
    if (subscription->id != 0)
        ipc_topic_detach(subscription->topic, subscription->seat);
    *subscription = (struct ipc_subscription){0};
}

void ipc_session_finish(struct ipc_session *session)
{
    for (size_t i = 0; i < IPC_SUBSCRIPTIONS_MAX; i++)
        end_subscription(&session->subscriptions[i]);
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

static enum percept_status add_wake(struct ipc_seat *seat, struct ipc_packet *packet,
                                    struct percept_error *error)
{
    enum percept_status status = ipc_topic_add_wake(seat, &packet->fds[packet->fd_count], error);
    packet->fd_count += status == PERCEPT_OK;
    return status;
}

static enum percept_status open_subscription(struct ipc_subscription *subscription,
                                             struct ipc_topic *topic, bool with_wake,
                                             struct ipc_packet *packet, struct percept_error *error)
{
    int ring_fd = fcntl(topic->fd, F_DUPFD_CLOEXEC, 0);
    if (ring_fd < 0)
        return percept_fail_errno(error, errno, "descriptor for topic '%s'", topic->name);
    packet->fds[packet->fd_count++] = ring_fd;

    struct ipc_seat *seat;
    int page_fd;
    enum percept_status status = ipc_topic_attach(topic, &seat, &page_fd, error);
    if (status != PERCEPT_OK)
        return status;
    packet->fds[packet->fd_count++] = page_fd;
    if (with_wake)
        status = add_wake(seat, packet, error);
    if (status != PERCEPT_OK) {
        ipc_topic_detach(topic, seat);
        return status;
    }
    subscription->topic = topic;
    subscription->seat = seat;
    return PERCEPT_OK;
}

static enum percept_status subscribe(struct ipc_session *session, const request_message *request,
                                     struct answer *answer)
{
    const Percept__Control__Subscribe *wish = request->subscribe;
    struct ipc_topic *topic = find_topic(session->catalogue, wish->topic);
    struct ipc_subscription *subscription = find_subscription(session, 0);
    if (!topic)
        return percept_fail(&answer->error, PERCEPT_NOT_FOUND, "no topic '%.63s'", wish->topic);
    if (wish->schema[0] != '\0' && strcmp(wish->schema, topic->schema) != 0)
        return percept_fail(&answer->error, PERCEPT_VERSION,
                            "topic '%s' has the schema '%s', not '%.63s'", topic->name,
                            topic->schema, wish->schema);
    if (!subscription)
        return percept_fail(&answer->error, PERCEPT_LIMIT, "a client may have %d subscriptions",
                            IPC_SUBSCRIPTIONS_MAX);
    enum percept_status status =
        open_subscription(subscription, topic, wish->wake, answer->packet, &answer->error);
    if (status != PERCEPT_OK)
        return status;
    if (++session->last_id == 0) /* 0 marks a free place */
        session->last_id = 1;
    subscription->id = session->last_id;
    percept__control__subscribed__init(&answer->body.subscribed);
    answer->body.subscribed.subscription = subscription->id;
    answer->reply.body_case = PERCEPT__CONTROL__REPLY__BODY_SUBSCRIBED;
    answer->reply.subscribed = &answer->body.subscribed;
    return PERCEPT_OK;
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
    end_subscription(subscription);
    return done(answer);
}

static enum percept_status wake(struct ipc_session *session, const request_message *request,
                                struct answer *answer)
{
    struct ipc_subscription *subscription =
        own(session, request->wake->subscription, &answer->error);
    if (!subscription)
        return answer->error.status;
    enum percept_status status = add_wake(subscription->seat, answer->packet, &answer->error);
    return status == PERCEPT_OK ? done(answer) : status;
}

static enum percept_status query(struct ipc_session *session, const request_message *request,
                                 struct answer *answer)
{
    const struct ipc_catalogue *catalogue = session->catalogue;
    char *json =
        catalogue->query ? catalogue->query(catalogue->context, request->query->what) : NULL;
    if (!json)
        return percept_fail(&answer->error, PERCEPT_NOT_FOUND, "the daemon knows no '%.63s'",
                            request->query->what);
    enum percept_status status =
        ipc_memfd_content("result", json, strlen(json), &answer->packet->fds[0], &answer->error);
    free(json);
    if (status != PERCEPT_OK)
        return status;
    answer->packet->fd_count = 1;
    percept__control__result__init(&answer->body.result);
    answer->reply.body_case = PERCEPT__CONTROL__REPLY__BODY_RESULT;
    answer->reply.result = &answer->body.result;
    return PERCEPT_OK;
}

static handler_fn handler_of(const request_message *request)
{
    switch (request->body_case) {
    case PERCEPT__CONTROL__REQUEST__BODY_HELLO:
        return hello;
    case PERCEPT__CONTROL__REQUEST__BODY_SUBSCRIBE:
        return subscribe;
    case PERCEPT__CONTROL__REQUEST__BODY_UNSUBSCRIBE:
        return unsubscribe;
    case PERCEPT__CONTROL__REQUEST__BODY_WAKE:
        return wake;
    case PERCEPT__CONTROL__REQUEST__BODY_QUERY:
        return query;
    default:
        return NULL;
    }
}

/* False when the request is out of turn or fails in a way that ends the connection. */
static bool respond(struct ipc_session *session, const request_message *request,
                    struct ipc_packet *packet)
{
    handler_fn handler = handler_of(request);
    if (!handler || request->id == 0 || (handler == hello) != (session->version == 0)) {
        ipc_session_refuse(PERCEPT_MALFORMED, "a request out of turn, or none that we know",
                           packet);
        return false;
    }
    struct answer answer = {.reply = PERCEPT__CONTROL__REPLY__INIT, .packet = packet};
    answer.reply.id = request->id;
    enum percept_status status = handler(session, request, &answer);
    if (status == PERCEPT_OK)
        pack(&answer.reply, packet);
    else
        pack_error(request->id, status, answer.error.message, packet);
    return status == PERCEPT_OK || handler != hello;
}

bool ipc_session_handle(struct ipc_session *session, const uint8_t *bytes, size_t size,
                        struct ipc_packet *reply)
{
    ipc_packet_reset(reply);
    request_message *request = percept__control__request__unpack(NULL, size, bytes);
    if (!request) {
        ipc_session_refuse(PERCEPT_MALFORMED, "not a request", reply);
        return false;
    }
    bool goes_on = respond(session, request, reply);
    percept__control__request__free_unpacked(request, NULL);
    return goes_on;
}
