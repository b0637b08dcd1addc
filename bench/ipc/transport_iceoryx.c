/* Eclipse iceoryx 2.0 through its C binding, blocking in a wait set, or looking again and again.
 * Needs iox-roudi, which the run script starts. */
#include "transport.h"

#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>
#include <stdio.h>
#include <unistd.h>

static iox_pub_storage_t publisher_storage;
static iox_pub_t publisher;
static iox_sub_storage_t subscriber_storage;
static iox_sub_t subscriber;
static iox_ws_storage_t wait_set_storage;
static iox_ws_t wait_set;
static size_t payload;
static void *loaned;
static const void *held;
static char instance[32];

static void start_runtime(const char *role)
{
    char name[64];
    snprintf(name, sizeof name, "bench-%s-%d", role, getpid());
    iox_runtime_init(name);
}

/* The runtime does not survive a fork: the publisher starts its own after it, at the first loan. */
static bool open_publisher(size_t bytes)
{
    payload = bytes;
    snprintf(instance, sizeof instance, "%d", getpid());
    return true;
}

static bool subscribe(size_t bytes)
{
    iox_sub_options_t options;
    (void)bytes;
    start_runtime("subscriber");
    iox_sub_options_init(&options);
    options.queueCapacity = 10;
    subscriber = iox_sub_init(&subscriber_storage, "bench", instance, "latency", &options);
    wait_set = iox_ws_init(&wait_set_storage);
    iox_ws_attach_subscriber_state(wait_set, subscriber, SubscriberState_HAS_DATA, 1, NULL);
    while (iox_sub_get_subscription_state(subscriber) != SubscribeState_SUBSCRIBED)
        usleep(1000);
    return true;
}

static void *loan(void)
{
    if (!publisher) {
        iox_pub_options_t options;
        start_runtime("publisher");
        iox_pub_options_init(&options);
        publisher = iox_pub_init(&publisher_storage, "bench", instance, "latency", &options);
    }
    if (iox_pub_loan_chunk(publisher, &loaned, (uint32_t)payload) != AllocationResult_SUCCESS)
        loaned = NULL;
    return loaned;
}

static void publish(void)
{
    iox_pub_publish_chunk(publisher, loaned);
}

static void release(void)
{
    if (held)
        iox_sub_release_chunk(subscriber, held);
    held = NULL;
}

static const void *poll_for_it(void)
{
    release();
    while (iox_sub_take_chunk(subscriber, &held) != ChunkReceiveResult_SUCCESS)
        ;
    return held;
}

static const void *receive(void)
{
    iox_notification_info_t notification;
    uint64_t missed;
    release();
    while (iox_sub_take_chunk(subscriber, &held) != ChunkReceiveResult_SUCCESS)
        iox_ws_wait(wait_set, &notification, 1, &missed);
    return held;
}

static void close_publisher(void)
{
    iox_pub_deinit(publisher);
}

const struct transport transport_iceoryx = {"iceoryx", open_publisher, subscribe,      loan,
                                            publish,   receive,        close_publisher};
const struct transport transport_iceoryx_poll = {
    "iceoryx poll", open_publisher, subscribe, loan, publish, poll_for_it, close_publisher};
