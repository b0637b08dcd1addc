/* Samples: waiting for them, holding them, and the descriptor for poll loops. */
#include "ipc/client.h"

#include "base/clock.h"
#include "base/spin.h"
#include "ipc/futex.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* ---- the descriptor ---- */

void subscription_watch(struct percept_subscription *subscription, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (subscription->epoll_fd >= 0 && fd >= 0)
        epoll_ctl(subscription->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

void subscription_kick(struct percept_subscription *subscription)
{
    uint64_t one = 1;
    if (subscription->kick_fd >= 0 && write(subscription->kick_fd, &one, sizeof one) < 0)
        return; /* full: it is readable already */
}

void subscription_wake_added(struct percept_subscription *subscription, int fd)
{
    struct mapping *mapping =
        subscription->fresh.header ? &subscription->fresh : &subscription->current;
    if (fd < 0 || mapping->wake_fd >= 0 || !mapping->header) {
        if (fd >= 0)
            close(fd);
        return;
    }
    mapping->wake_fd = fd;
    if (mapping == &subscription->current)
        subscription_watch(subscription, fd);
}

/* With nothing to say: make the descriptor quiet until there is. False when news came meanwhile. */
static bool quieten(struct percept_subscription *subscription)
{
    char bytes[16];
    uint64_t count;
    if (subscription->epoll_fd < 0)
        return true;
    if (read(subscription->kick_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        return true;
    if (!subscription->seated || subscription->request != 0)
        return true; /* the connection will tell */
    /* Empty the socket first: a byte that comes after arming is for the next time. */
    while (recv(subscription->current.wake_fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    if (!ipc_reader_arm(&subscription->reader, IPC_WAIT_DESCRIPTOR))
        return true;
    subscription_kick(subscription);
    return false;
}

/* False when the daemon is there but has no wake-up socket for us. */
static bool ask_for_wake(struct percept_subscription *subscription)
{
    Percept__Control__Request request = PERCEPT__CONTROL__REQUEST__INIT;
    Percept__Control__Wake wake = PERCEPT__CONTROL__WAKE__INIT;
    const struct mapping *mapping =
        subscription->fresh.header ? &subscription->fresh : &subscription->current;
    if (mapping->wake_fd >= 0) {
        /* It came too late for an earlier attempt. One of fresh is watched when it is adopted. */
        if (mapping == &subscription->current)
            subscription_watch(subscription, mapping->wake_fd);
        return true;
    }
    if (mapping->id == 0)
        return true; /* away: it comes with the next Subscribe */
    wake.subscription = mapping->id;
    request.body_case = PERCEPT__CONTROL__REQUEST__BODY_WAKE;
    request.wake = &wake;
    subscription->wake_request = client_send(subscription->client, &request);
    enum percept_status status =
        client_await(subscription->client, &subscription->wake_request, NULL);
    return status == PERCEPT_DISCONNECTED || mapping->wake_fd >= 0;
}

static void close_descriptor(struct percept_subscription *subscription)
{
    if (subscription->epoll_fd >= 0)
        close(subscription->epoll_fd);
    if (subscription->kick_fd >= 0)
        close(subscription->kick_fd);
    subscription->epoll_fd = subscription->kick_fd = -1;
}

int percept_subscription_fd(struct percept_subscription *subscription)
{
    struct percept_client *client = subscription->client;
    if (subscription->epoll_fd >= 0)
        return subscription->epoll_fd;
    if (client->timer_fd < 0)
        client->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    subscription->kick_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    subscription->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (client->timer_fd >= 0 && subscription->kick_fd >= 0 && subscription->epoll_fd >= 0) {
        subscription_watch(subscription, subscription->kick_fd);
        subscription_watch(subscription, client->timer_fd);
        subscription_watch(subscription, client->fd);
        if (ask_for_wake(subscription))
            return subscription->epoll_fd;
    }
    close_descriptor(subscription);
    return -1;
}

/* ---- mappings ---- */

void subscription_mapped(struct percept_subscription *subscription, struct mapping *mapping)
{
    mapping_close(&subscription->fresh);
    subscription->fresh = *mapping;
    subscription_kick(subscription);
}

void subscription_failed(struct percept_subscription *subscription,
                         const struct percept_error *failure)
{
    subscription->failure = *failure;
    subscription_kick(subscription);
}

void subscription_ended(struct percept_subscription *subscription, uint32_t id,
                        const struct percept_error *why)
{
    if (subscription->fresh.id == id)
        mapping_close(&subscription->fresh);
    if (subscription->current.id == id) {
        subscription->current.id = 0;
        subscription->seated = false;
    }
    subscription_failed(subscription, why);
}

static void adopt(struct percept_subscription *subscription)
{
    struct ipc_reader *reader = &subscription->reader;
    if (!subscription->fresh.header)
        return;
    if (subscription->current.id != 0)
        client_send_unsubscribe(subscription->client, subscription->current.id);
    /* Another life of the topic counts from 1 again; a ring that has only moved goes on. */
    if (subscription->current.header &&
        subscription->current.header->generation != subscription->fresh.header->generation)
        reader->last = 0;
    mapping_close(&subscription->current);
    subscription->current = subscription->fresh;
    subscription->fresh = (struct mapping){.wake_fd = -1};
    reader->header = subscription->current.header;
    reader->shape = subscription->current.shape;
    reader->page = subscription->current.page;
    subscription->seated = true;
    subscription_watch(subscription, subscription->current.wake_fd);
    /* The descriptor was asked for while this one was under way. */
    if (subscription->epoll_fd >= 0 && subscription->current.wake_fd < 0)
        ask_for_wake(subscription);
}

void subscription_free(struct percept_subscription *subscription)
{
    mapping_close(&subscription->current);
    mapping_close(&subscription->fresh);
    close_descriptor(subscription);
    free(subscription);
}

/* ---- public ---- */

static uint32_t depth_of(const struct percept_subscribe_options *options)
{
    if (!options || options->reading != PERCEPT_READ_QUEUE)
        return 1;
    return options->depth ? options->depth : IPC_SLOTS_MAX;
}

enum percept_status percept_subscribe(struct percept_client *client, const char *topic,
                                      const struct percept_subscribe_options *options,
                                      struct percept_subscription **result,
                                      struct percept_error *error)
{
    const char *schema = options && options->schema ? options->schema : "";
    if (strlen(topic) >= IPC_NAME_BYTES || strlen(schema) >= IPC_NAME_BYTES)
        return percept_fail(error, PERCEPT_INVALID,
                            "topics and schemas have names of up to %d bytes", IPC_NAME_BYTES - 1);
    if (options && options->spin_us > PERCEPT_SPIN_MAX_US)
        return percept_fail(error, PERCEPT_INVALID, "a subscription may spin for %d us, not for %u",
                            PERCEPT_SPIN_MAX_US, options->spin_us);
    struct percept_subscription *subscription = calloc(1, sizeof *subscription);
    if (!subscription)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    subscription->client = client;
    subscription->current.wake_fd = subscription->fresh.wake_fd = -1;
    subscription->epoll_fd = subscription->kick_fd = -1;
    subscription->reader.depth = depth_of(options);
    subscription->spin_ns = options ? (int64_t)options->spin_us * 1000 : 0;
    strcpy(subscription->topic, topic);
    strcpy(subscription->schema, schema);

    client_service(client);
    client_send_subscribe(subscription);
    subscription->next = client->subscriptions;
    client->subscriptions = subscription;
    enum percept_status status =
        subscription->request == 0
            ? percept_fail(error, PERCEPT_DISCONNECTED, "the daemon on '%s' is away", client->path)
            : client_await(client, &subscription->request, error);
    if (status == PERCEPT_OK && subscription->failure.status != PERCEPT_OK)
        status =
            percept_fail(error, subscription->failure.status, "%s", subscription->failure.message);
    if (status != PERCEPT_OK) {
        percept_unsubscribe(subscription);
        return status;
    }
    *result = subscription;
    return PERCEPT_OK;
}

void percept_unsubscribe(struct percept_subscription *subscription)
{
    if (!subscription)
        return;
    struct percept_client *client = subscription->client;
    struct percept_subscription **link = &client->subscriptions;
    while (*link != subscription)
        link = &(*link)->next;
    *link = subscription->next;
    if (subscription->current.id != 0)
        client_send_unsubscribe(client, subscription->current.id);
    if (subscription->fresh.header)
        client_send_unsubscribe(client, subscription->fresh.id);
    subscription_free(subscription);
}

void percept_release(struct percept_subscription *subscription)
{
    if (subscription->current.header)
        ipc_reader_release(&subscription->reader);
}

/* What the ring has for us. Without a seat the writer does not spare the slot that we read, so then
 * only a ring that does not change any more is read. */
static enum ipc_take take(struct percept_subscription *subscription, struct ipc_sample *sample)
{
    const struct ipc_ring_header *header = subscription->current.header;
    if (!header)
        return IPC_TAKE_NOTHING;
    if (!subscription->seated &&
        atomic_load_explicit(&header->state, memory_order_acquire) == IPC_RING_OPEN)
        return IPC_TAKE_NOTHING;
    return ipc_reader_take(&subscription->reader, sample);
}

/* The topic goes on in another ring. The seat in this one goes first: a client at its limit has
 * room for the other one then. */
static void move(struct percept_subscription *subscription)
{
    if (subscription->current.id != 0)
        client_send_unsubscribe(subscription->client, subscription->current.id);
    subscription->current.id = 0;
    client_send_subscribe(subscription);
}

/* Look for so long as the subscription wants; true when there is something. */
static bool spin(const struct percept_subscription *subscription, int64_t left_ns)
{
    int64_t spin_ns = left_ns < subscription->spin_ns ? left_ns : subscription->spin_ns;
    if (spin_ns == 0)
        return false;
    int64_t end = base_clock_ns() + spin_ns;
    do {
        for (int look = 0; look < 16; look++) {
            if (ipc_reader_has_news(&subscription->reader))
                return true;
            base_spin_pause();
        }
    } while (base_clock_ns() < end);
    return false;
}

/*
 * After a sleep nothing of what take looks at is in a cache any more, and each of it says where the
 * next is. Where all of it will be is known before, so that it comes at once.
 */
static void sleep_until_woken(struct ipc_reader *reader, int64_t most_ns)
{
    const struct ipc_ring_header *header = reader->header;
    const struct ipc_ring_slot *slot = ipc_reader_guess(reader);
    ipc_futex_wait(&reader->page->wait, IPC_WAIT_FUTEX, most_ns);
    __builtin_prefetch(slot);
    __builtin_prefetch(slot->payload);
    __builtin_prefetch(&header->latest);
    ipc_reader_disarm(reader);
}

static void wait_for_news(struct percept_subscription *subscription, int64_t deadline_ns)
{
    struct ipc_reader *reader = &subscription->reader;
    int64_t left = deadline_ns - base_clock_ns();
    if (left <= 0)
        return;
    if (!subscription->seated || subscription->request != 0) {
        client_sleep(subscription->client, deadline_ns);
    } else if (!spin(subscription, left) && !ipc_reader_arm(reader, IPC_WAIT_FUTEX)) {
        sleep_until_woken(reader, left < CLIENT_WATCH_NS ? left : CLIENT_WATCH_NS);
    }
}

/* Why the daemon will not serve us, if it has said so. */
static enum percept_status refusal(const struct percept_subscription *subscription,
                                   struct percept_error *error)
{
    const struct percept_error *failure = &subscription->failure;
    if (failure->status == PERCEPT_OK && subscription->client->failure.status == PERCEPT_VERSION)
        failure = &subscription->client->failure;
    return failure->status == PERCEPT_OK
               ? PERCEPT_OK
               : percept_fail(error, failure->status, "%s", failure->message);
}

enum percept_status percept_next(struct percept_subscription *subscription, int64_t timeout_ns,
                                 struct percept_sample *sample, struct percept_error *error)
{
    int64_t deadline = timeout_ns > 0 ? base_clock_ns() + timeout_ns : 0;
    if (timeout_ns < 0 || deadline < 0)
        deadline = INT64_MAX;
    percept_release(subscription);
    for (;;) {
        struct ipc_sample found;
        if (subscription->failure.status == PERCEPT_PERMISSION) {
            client_service(subscription->client); /* one that is back may think otherwise */
            if (subscription->failure.status == PERCEPT_PERMISSION)
                return refusal(subscription, error);
        }
        adopt(subscription);
        enum ipc_take taken = take(subscription, &found);
        if (taken == IPC_TAKE_OK) {
            *sample = (struct percept_sample){.data = found.data,
                                              .size = found.size,
                                              .sequence = found.sequence,
                                              .capture_ns = found.capture_ns,
                                              .publish_ns = found.publish_ns,
                                              .lost = found.lost};
            return PERCEPT_OK;
        }
        if (taken == IPC_TAKE_ENDED)
            return percept_fail(error, PERCEPT_END, "topic '%s' has ended", subscription->topic);
        if (taken == IPC_TAKE_BROKEN)
            return percept_fail(error, PERCEPT_MALFORMED, "the ring of topic '%s' is broken",
                                subscription->topic);
        if (taken == IPC_TAKE_MOVED && subscription->request == 0)
            move(subscription);
        client_service(subscription->client);
        if (subscription->fresh.header)
            continue;
        enum percept_status status = refusal(subscription, error);
        if (status != PERCEPT_OK)
            return status;
        if (deadline != INT64_MAX && base_clock_ns() >= deadline) {
            if (quieten(subscription))
                return percept_fail(error, PERCEPT_TIMED_OUT, "nothing new on topic '%s'",
                                    subscription->topic);
            continue;
        }
        wait_for_news(subscription, deadline);
    }
}
