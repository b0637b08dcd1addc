/*
 * One running pipeline: a thread that captures, a thread that processes. Private to pipelines.
 *
 * capture.c fills the mailbox, or capture_audio.c the queue; pipeline.c empties them, health.c
 * knows how it goes.
 */
#ifndef PIPELINES_PIPELINE_H
#define PIPELINES_PIPELINE_H

#include "pipelines/audio_queue.h"
#include "pipelines/config.h"
#include "pipelines/mailbox.h"
#include "pipelines/models.h"
#include "pipelines/trace.h"
#include "pipelines/window.h"
#include "scheduler/gate.h"

#include <stdatomic.h>

/* ---- health ---- */

/* Both sides of a pipeline can be unwell, each by its own cause. */
enum pipe_side { PIPE_SIDE_SOURCE, PIPE_SIDE_NODES, PIPE_SIDES };

struct pipe_health {
    const struct pipe_host *host;
    const char *pipeline;
    pthread_mutex_t mutex; /* guards the rest */
    bool done, failed;
    char causes[PIPE_SIDES][256]; /* "" is well; when failed, causes[0] says why */
    unsigned good[PIPE_SIDES];    /* frames in a row without a fault, while it is unwell */
    int64_t told_ns[PIPE_SIDES];  /* when the last event about its cause went out */
};

void pipe_health_init(struct pipe_health *health, const struct pipe_host *host,
                      const char *pipeline);
void pipe_health_fini(struct pipe_health *health);
/* A fault: degraded. An event tells when that is new, and again when the cause has changed, but at
 * most once a second. */
void pipe_health_bad(struct pipe_health *health, enum pipe_side side, const char *cause);
/* A frame went well. After `enough` of them in a row the side has recovered. */
void pipe_health_good(struct pipe_health *health, enum pipe_side side, unsigned enough);
/* Over: done (cause NULL) or failed. */
void pipe_health_end(struct pipe_health *health, const char *cause);
bool pipe_health_is_over(struct pipe_health *health);
/* Fills state and cause. */
void pipe_health_read(struct pipe_health *health, struct pipe_stats *stats);

/* ---- the pipeline ---- */

struct pipe_running_node {
    const struct pipe_config_node *config;
    struct pipe_node *node;                     /* of the step at which the pipeline is */
    struct pipe_node *by_step[SCHED_MAX_STEPS]; /* the same one where models are the same */
    unsigned connected;                         /* bits of its inputs that are */
    void *params[SCHED_MAX_STEPS];              /* with a step's models; NULL: the configured */
    /* Two buffers an output, this frame's and the last one's, in turns. */
    void *outputs[2][PIPE_MAX_PORTS];
    size_t data_bytes[PIPE_MAX_PORTS]; /* of tensors, behind each output */
    bool valid[2];
};

struct pipe_running_topic {
    const struct pipe_config_topic *config;
    const struct pipe_publisher *publisher;
    struct pipe_topic *topic; /* the host's; NULL when closed */
    size_t max_bytes;
};

enum { PIPE_THREAD_SOURCE, PIPE_THREAD_NODES, PIPE_THREADS };

/* What a node's setup passes back to us, to know whose models to open. */
struct pipe_node_host {
    struct pipe_pipeline *pipeline;
};

/* ---- turn.c: when a pipeline computes, and how well ---- */

struct pipe_turn {
    struct sched_gate *gate;
    int task;
    struct prt_yield yield;
    bool inside;         /* it has, or waits for, a slot; pipeline thread, as all else here */
    int64_t captured_ns; /* of its frame */
    unsigned step;       /* of the ladder, at which its nodes are */
    bool warm;           /* a frame went through them: the first one costs more than others */
};

struct pipe_pipeline {
    struct pipe_config *root; /* a reference; config is its */
    const struct pipe_config_pipeline *config;
    const struct pipe_host *host;
    struct pipe_models *models; /* while it is created */
    struct pipe_source *source;
    struct pipe_frame_pool *frames;
    struct pipe_mailbox mailbox;
    struct pipe_audio_queue sound; /* in the mailbox's place when the source gives sound */
    struct pipe_audio heard;       /* the block that is processed; pipeline thread */
    struct pipe_health health;
    int stop_fd; /* eventfd, written when the source is to stop or to rest: then it gives up what it
                    waits for, and its thread looks which */
    atomic_bool stops;      /* from pipe_pipeline_cancel to the next start */
    _Atomic unsigned rests; /* why the source rests, PIPE_REST_*; 0: it does not */

    struct pipe_running_node *nodes;
    struct pipe_running_topic *topics;
    struct pipe_node_host node_host;
    struct pipe_model **open_models; /* of all nodes */
    size_t open_model_count;
    struct pipe_model_user model_user; /* its arena: the thread runs one after the other */
    struct pipe_turn schedule;
    unsigned turn; /* which of the two buffers is this frame's; pipeline thread */

    pthread_t capture_thread, process_thread;
    pthread_mutex_t joining; /* two may wait for its end */
    bool started;            /* the engine's thread starts it; then under `joining` */
    /* How the source ended; written by its thread before it closes the mailbox, read by the
     * pipeline's after. */
    enum percept_status end;
    struct percept_error end_error;

    /* Counters: each has one writer; relaxed, read by any thread. */
    atomic_uint_fast64_t processed, dropped_late, dropped_bad, node_errors;
    atomic_uint_fast64_t lost, late; /* samples of sound that were not heard; that came too late */
    atomic_int_fast64_t busy_since_ns; /* of the frame that it is at; 0: it waits for one */
    atomic_uint_fast64_t dropped_old;  /* the pipeline's share of dropped_late: past the deadline */
    struct pipe_window latency;
    pipe_trace_slot traces[PIPE_THREADS];
};

/* Its nodes and their models; no source and no topics yet. */
enum percept_status pipe_pipeline_create(struct pipe_config *root,
                                         const struct pipe_config_pipeline *config,
                                         const struct pipe_host *host, struct pipe_models *models,
                                         struct sched_gate *gate, struct pipe_pipeline **pipeline,
                                         struct percept_error *error);
/* Its source, which may take long, and its topics after that, before each start. The source by any
 * thread while the engine's leaves it alone: before it is the engine's, or between a stop and the
 * next start. */
enum percept_status pipe_pipeline_open_source(struct pipe_pipeline *pipeline,
                                              struct percept_error *error);
enum percept_status pipe_pipeline_open_topics(struct pipe_pipeline *pipeline,
                                              struct percept_error *error);
/* Lets go of them, when it is not running: the source's device is free, the topics are the host's
 * to close or to use again. */
void pipe_pipeline_release(struct pipe_pipeline *pipeline);
enum percept_status pipe_pipeline_start(struct pipe_pipeline *pipeline,
                                        struct percept_error *error);
/* As pipe_engine_push. The engine's thread. */
enum percept_status pipe_pipeline_push(struct pipe_pipeline *pipeline, int fd,
                                       const struct ipc_push_format *format,
                                       struct percept_error *error);
/* A reason for its source to rest is there, or is gone. The engine's thread; counts from the next
 * frame on. */
enum { PIPE_REST_UNWANTED = 1, PIPE_REST_PRIVATE = 2 };
void pipe_pipeline_rest(struct pipe_pipeline *pipeline, unsigned reason, bool there);
/* Ask to stop; does not wait. */
void pipe_pipeline_cancel(struct pipe_pipeline *pipeline);
/* Wait until it has, and its source's device is free. Any thread; until the next start the
 * engine's leaves the source of one that was asked alone. */
void pipe_pipeline_join(struct pipe_pipeline *pipeline);
void pipe_pipeline_destroy(struct pipe_pipeline *pipeline); /* not running; NULL is fine */
void pipe_pipeline_stats(struct pipe_pipeline *pipeline, struct pipe_stats *stats);

/* Its thread looks whether a better one waits wherever it uses the pool. On that thread. */
void pipe_turn_attach(struct pipe_pipeline *pipeline);
enum percept_status pipe_turn_init(struct pipe_pipeline *pipeline, struct sched_gate *gate,
                                   struct percept_error *error);
void pipe_turn_fini(struct pipe_pipeline *pipeline);
/* What threads of pipelines do in the gate is traced: sched_gate_options.event. */
void pipe_turn_trace(void *context, const struct sched_gate_event *event);
/* Whether it runs: until it does, the scheduler does not count on it. */
void pipe_turn_open(struct pipe_pipeline *pipeline, bool open);
/* Pipeline thread: wait until it is its turn to compute, at the quality that it shall have. */
void pipe_turn_begin(struct pipe_pipeline *pipeline, int64_t captured_ns);
void pipe_turn_end(struct pipe_pipeline *pipeline);
/* Outside of a turn: the frame was processed, well or not. */
void pipe_turn_done(struct pipe_pipeline *pipeline, int64_t captured_ns, bool well);
void pipe_turn_stats(struct pipe_pipeline *pipeline, struct pipe_stats *stats);

/* Thread of the source; argument is the pipeline. */
void *pipe_capture_main(void *pipeline);

#endif
