/* A host for engines under test: it keeps what is published and what happens. */
#ifndef TESTS_PIPELINES_HOST_H
#define TESTS_PIPELINES_HOST_H

#include "pipelines/engine.h"
#include "pipelines/stream.h"

#include <pthread.h>

#define HOST_SAMPLES 1024
#define HOST_EVENTS  256
#define HOST_TOPICS  4

struct host_sample {
    int64_t capture_ns, publish_ns;
    size_t size;
    uint64_t frame;             /* number in the payload, hands and frames alike */
    uint32_t width, height;     /* of the image */
    uint8_t pixel[3];           /* frames: the first one */
    struct percept_hands hands; /* hands */
};

struct pipe_topic {
    struct host *host;
    char name[64], schema[64];
    size_t max_bytes;
    void *slot;
    struct host_sample samples[HOST_SAMPLES];
    size_t sample_count;
    bool closed;
};

struct host {
    struct pipe_host pipe; /* hand this to the engine */
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    struct pipe_topic topics[HOST_TOPICS];
    size_t topic_count;
    char events[HOST_EVENTS][400]; /* "pipeline: text" */
    size_t event_count;
    size_t finished_count;
    enum percept_status finished_status;
    struct percept_error finished_error;
    bool refuse_topics; /* open_topic fails */
    bool refuse_loans;  /* loan gives NULL */
    struct pipe_config *config;
    struct pipe_engine *engine;
};

void host_init(struct host *host);
void host_fini(struct host *host); /* destroys engine and config, too */

/* Parse and create; the status is that of the step that failed. */
enum percept_status host_try(struct host *host, const char *yaml, struct percept_error *error);
/* The same, and start; fails the test with the message. */
void host_start(struct host *host, const char *yaml);
/* Wait until `count` pipelines have finished; fails the test after `seconds`. */
void host_wait_finished(struct host *host, size_t count, int seconds);
/* Wait until a topic has `count` samples. */
void host_wait_samples(struct host *host, const char *topic, size_t count, int seconds);
/* Wait until `count` events contain the text. */
void host_wait_events(struct host *host, const char *text, size_t count, int seconds);
/* Events that contain the text. */
size_t host_count_events(struct host *host, const char *text);

struct pipe_topic *host_topic(struct host *host, const char *name);
struct pipe_stats host_stats(struct host *host, size_t index);

#endif
