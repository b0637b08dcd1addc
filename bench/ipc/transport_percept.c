#include "transport.h"

#include "base/clock.h"
#include "ipc/percept.h"
#include "ipc/server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];
static uv_loop_t loop;
static uv_async_t stop;
static pthread_t thread;
static struct ipc_server *server;
static struct ipc_topic *topic;
static size_t payload;
static struct percept_subscription *subscription;

static void on_stop(uv_async_t *async)
{
    ipc_server_destroy(server);
    uv_close((uv_handle_t *)async, NULL);
}

static void *serve(void *argument)
{
    (void)argument;
    uv_run(&loop, UV_RUN_DEFAULT);
    return NULL;
}

static bool open_publisher(size_t bytes)
{
    struct percept_error error;
    struct ipc_topic_options topic_options = {
        .name = "bench", .schema = "bench/1", .max_bytes = bytes, .slots = 10};
    struct ipc_server_options server_options = {.socket_path = path};
    payload = bytes;
    snprintf(path, sizeof path, "/tmp/bench-ipc-%d.sock", getpid());
    uv_loop_init(&loop);
    uv_async_init(&loop, &stop, on_stop);
    if (ipc_topic_create(&topic_options, &topic, &error) != PERCEPT_OK ||
        ipc_server_create(&loop, &server_options, &server, &error) != PERCEPT_OK ||
        ipc_server_add_topic(server, topic, &error) != PERCEPT_OK) {
        fprintf(stderr, "percept: %s\n", error.message);
        return false;
    }
    return true;
}

static bool subscribe_and(uint32_t spin_us)
{
    struct percept_client *client;
    struct percept_error error;
    /* Every sample, as the others do: a late one shall count as late, not vanish. */
    struct percept_subscribe_options options = {.reading = PERCEPT_READ_QUEUE, .spin_us = spin_us};
    if (percept_connect(path, &client, &error) == PERCEPT_OK &&
        percept_subscribe(client, "bench", &options, &subscription, &error) == PERCEPT_OK)
        return true;
    fprintf(stderr, "percept: %s\n", error.message);
    return false;
}

static bool subscribe(size_t bytes)
{
    (void)bytes;
    return subscribe_and(0);
}

static bool subscribe_spinning(size_t bytes)
{
    (void)bytes;
    return subscribe_and(PERCEPT_SPIN_MAX_US);
}

static void *loan(void)
{
    if (!thread) /* after the fork */
        pthread_create(&thread, NULL, serve, NULL);
    return ipc_topic_loan(topic);
}

static void publish(void)
{
    ipc_topic_publish(topic, payload, base_clock_ns());
}

static const void *receive(void)
{
    struct percept_sample sample;
    return percept_next(subscription, -1, &sample, NULL) == PERCEPT_OK ? sample.data : NULL;
}

static void close_publisher(void)
{
    uv_async_send(&stop);
    pthread_join(thread, NULL);
    uv_loop_close(&loop);
    ipc_topic_destroy(topic);
    thread = 0;
}

const struct transport transport_percept = {"percept", open_publisher, subscribe,      loan,
                                            publish,   receive,        close_publisher};
const struct transport transport_percept_spin = {
    "percept spin", open_publisher, subscribe_spinning, loan, publish, receive, close_publisher};
