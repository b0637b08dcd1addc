/*
 * The pipeline engine: configuration in, running pipelines out. It knows nothing of sockets or
 * clients: what it publishes goes through the host's functions.
 */
#ifndef PIPELINES_ENGINE_H
#define PIPELINES_ENGINE_H

#include "base/log.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "ipc/push.h"
#include "pipelines/param.h"
#include "runtime/backend.h"
#include "scheduler/policy.h"
#include "signing/signing.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- configuration (docs/configuration.md) ---- */

struct pipe_config;

#define PIPE_MAX_CPU 1023

#define PIPE_MAX_BACKENDS 64 /* that a file has something to say of */

/* What the daemon itself takes from the file. */
struct pipe_daemon_settings {
    const char *socket;  /* NULL: the default */
    const char *cache;   /* folder for packed weights: prt.h; NULL: none */
    const char *policy;  /* file that says who may read what; NULL: none */
    const char *state;   /* folder for what outlives a run; NULL: the default */
    const char *metrics; /* "unix:/path", "127.0.0.1:PORT" or "[::1]:PORT", checked; NULL: none */
    bool exit_when_done; /* stop when every source has ended */
    bool confine;        /* forbid itself what it does not need */
    bool check_models;   /* have another process load each first */
    bool watch_device;   /* go down the ladders when the device is not well */
    const char *device_root; /* the folder with its sys and proc */
    unsigned check_seconds;
    struct pipe_numbers cpus; /* to keep to, 0 to PIPE_MAX_CPU; none: to all that there are */
    unsigned threads;         /* of the runtime's pool; 0: one per CPU */
    enum base_log_level log_level;
    size_t plugin_folder_count;
    const char *const *plugin_folders; /* none: the default */
};

/* What is said that is kept (docs/transcript.md). */
struct pipe_transcript_settings {
    size_t topic_count; /* 0: nothing is */
    const char *const *topics;
    double days;
    int64_t max_lines, max_mib;
};

/* What the file says of a backend. */
struct pipe_config_option {
    const char *key, *value;
    const char *file;
    unsigned line, column; /* of the key */
};
struct pipe_config_backend {
    const char *name; /* as it was written: nobody has looked for such a backend yet */
    const char *file;
    unsigned line, column;
    bool isolate; /* in a process of its own */
    size_t option_count;
    const struct pipe_config_option *options; /* the backend's own, for its `set` */
};

/*
 * Parse and type-check a file: every key, type, node, port, model file reference. On failure the
 * error names file, line and column and, for a misspelt word, what was probably meant. Relative
 * paths in it are relative to the file. ${NAME} and ${NAME:-default} take environment variables.
 * Files that it includes and those of its drop-in folder belong to it. The first time, plugins with
 * kinds of nodes are loaded, which forks: have one thread then.
 */
enum percept_status pipe_config_load(const char *path, struct pipe_config **config,
                                     struct percept_error *error);
/* The same for one that must be signed; keys may be NULL: then it need not. */
enum percept_status pipe_config_load_signed(const char *path, const struct signing_keys *keys,
                                            struct pipe_config **config,
                                            struct percept_error *error);
/* Another reference, to be given back by pipe_config_destroy. References belong to one thread
 * at a time. */
struct pipe_config *pipe_config_ref(struct pipe_config *config);
void pipe_config_destroy(struct pipe_config *config); /* NULL is fine */
const struct pipe_daemon_settings *pipe_config_daemon(const struct pipe_config *config);
const struct pipe_transcript_settings *pipe_config_transcript(const struct pipe_config *config);
/* Is the topic one of those that are kept? */
bool pipe_config_keeps(const struct pipe_config *config, const char *topic);
/* Those under `backends`, in the order of the file; returns how many. They live as long as the
 * configuration. */
size_t pipe_config_backends(const struct pipe_config *config,
                            const struct pipe_config_backend **backends);
/* Names of those that are to be in processes of their own; returns how many. */
size_t pipe_config_isolated(const struct pipe_config *config, const char *names[PIPE_MAX_BACKENDS]);

/* A file of a folder of node plugins, or such a folder that could not be used. */
struct pipe_node_plugin_entry {
    char *path;
    char names[256];            /* of its kinds of nodes, ", " between them */
    struct percept_error error; /* status not OK: refused; it has no file */
};
/* What loading the first configuration found, even if that has failed; returns how many. */
size_t pipe_node_plugins(const struct pipe_node_plugin_entry **entries);

/* Names of all topics, in the order of the file; NULL past the last. */
const char *pipe_config_topic_at(const struct pipe_config *config, size_t index);
/* IPC_PUSH_PREFIX and the name of each pipeline to which clients may push sound, the same way. */
const char *pipe_config_push_at(const struct pipe_config *config, size_t index);
/* The pipeline that publishes a topic; NULL: none. */
const char *pipe_config_topic_pipeline(const struct pipe_config *config, const char *topic);

/* What the scheduler is told of each pipeline, costs on the CPU's lane, which is 0; returns how
 * many there are. */
size_t pipe_config_tasks(const struct pipe_config *config, struct sched_task *tasks,
                         size_t capacity);

/* After how long a pipeline looks whether a better one waits. */
int64_t pipe_config_segment_ns(const struct pipe_config *config);
/* What of a processor those that would starve get: 0 to 0.5. */
double pipe_config_share(const struct pipe_config *config);

/* ---- engine ---- */

struct pipe_engine;
struct pipe_topic; /* the host's */

struct pipe_host {
    void *context;
    const struct prt_backend *const
        *backends; /* NULL-terminated: all that there are, the default first */
    struct base_pool *pool;
    bool private;                    /* as pipe_engine_set_private, from the beginning on */
    const struct signing_keys *keys; /* by which models must be signed; NULL: they need not */
    /* May what is in this sealed descriptor be loaded? Asked before it is; NULL: it may. The hash
     * is of its contents, path for messages. */
    enum percept_status (*try_model)(void *context, const char *path, int descriptor,
                                     const uint8_t hash[SIGNING_HASH_BYTES],
                                     struct percept_error *error);

    /* While the engine is created, once a topic: returns the host's handle. */
    enum percept_status (*open_topic)(void *context, const char *name, const char *schema,
                                      size_t max_bytes, struct pipe_topic **topic,
                                      struct percept_error *error);
    /* On the topic's pipeline thread. loan may return NULL: the sample is skipped. */
    void *(*loan)(void *context, struct pipe_topic *topic);
    void (*publish)(void *context, struct pipe_topic *topic, size_t size, int64_t capture_ns);
    void (*close_topic)(void *context, struct pipe_topic *topic);

    /* A pipeline's source ended (status END) or the pipeline could not go on (error says why). On
     * its own thread, after its topics were closed; not for one that pipe_engine_stop ends. */
    void (*finished)(void *context, const char *pipeline, enum percept_status status,
                     const struct percept_error *error);
    /* Something worth a line in the log: degraded and recovered; a model's backend failed (pipeline
     * is NULL). Any thread. */
    void (*event)(void *context, const char *pipeline, const char *text);
};

/* Hands the backends of the host their options, loads models, opens sources and topics; nothing
 * runs yet. The engine has a reference to the config; what the host's pointers point to must
 * outlive it. */
enum percept_status pipe_engine_create(struct pipe_config *config, const struct pipe_host *host,
                                       struct pipe_engine **engine, struct percept_error *error);
enum percept_status pipe_engine_start(struct pipe_engine *engine, struct percept_error *error);
/* What a reload did: pipelines by what became of them. */
struct pipe_changes {
    size_t kept, changed, added, removed;
};

/*
 * Going over to another configuration, while it runs, takes three steps. Pipelines that mean the
 * same in both, down to the files of their models, go on without noticing, whatever state they are
 * in.
 *
 * First, models and nodes of the others are made while the old ones still run, which can take
 * seconds: by any thread, one at a time, while the engine's may do all but switch and destroy.
 * INVALID, at its place in the file, for a change of what only a start can change:
 * pipe_config_fixed_keys. CANCELLED soon after another thread has set *give_up.
 */
struct pipe_engine_next;
enum percept_status pipe_engine_prepare(const struct pipe_engine *engine,
                                        struct pipe_config *config, const atomic_bool *give_up,
                                        struct pipe_engine_next **next,
                                        struct percept_error *error);
/*
 * Then the old ones are asked to stop, by the engine's thread, and waited for, by any, since one
 * may be at its frame or at a driver for long. Their devices are let go of by the end of that, and
 * the sources of the new ones are opened. After the first of the two there is no way but to switch,
 * or to stop the engine.
 */
void pipe_engine_retire(struct pipe_engine *engine, const struct pipe_engine_next *next);
void pipe_engine_await(const struct pipe_engine *engine, struct pipe_engine_next *next);
/*
 * Last, the new ones begin: the host's open_topic is asked for topics that it may know, and nobody
 * closes those that are not asked for. The error may be that of a source. `next` was prepared since
 * the last switch. The engine's thread.
 */
enum percept_status pipe_engine_switch(struct pipe_engine *engine, struct pipe_engine_next *next,
                                       struct pipe_changes *changes, struct percept_error *error);
/* If that fails, what was stopped runs again once its sources were opened, by any thread, and it
 * was started, by the engine's. An event tells what cannot. */
void pipe_engine_reopen(const struct pipe_engine *engine, const struct pipe_engine_next *next);
void pipe_engine_restore(struct pipe_engine *engine, const struct pipe_engine_next *next);
/* What a switch has replaced, or what there was none to. By any thread, as above. NULL is fine. */
void pipe_engine_discard(const struct pipe_engine *engine, struct pipe_engine_next *next);
/* Asks all to stop: the engine's thread, which then is free to leave the waiting to another one. */
void pipe_engine_cancel(struct pipe_engine *engine);
/* Asks all to stop and waits. Safe to call twice and before start; not from the host's functions.
 */
void pipe_engine_stop(struct pipe_engine *engine);
void pipe_engine_destroy(struct pipe_engine *engine); /* NULL is fine */

/* ---- what is going on: any thread; counters only grow ---- */

struct pipe_stats {
    const char *name;
    const char *source;    /* its type: "camera" */
    const char *state;     /* "running", "degraded", "resting", "done", "failed" */
    char cause[256];       /* why it is degraded, rests or failed; else "" */
    char processor[64];    /* what runs its models: "cpu", "vulkan+cpu"; "" without models */
    uint64_t frames;       /* processed */
    uint64_t dropped_late; /* replaced by a newer one before the pipeline got to them */
    uint64_t dropped_bad;  /* unreadable, or with a bad timestamp */
    uint64_t node_errors;
    uint64_t lost;     /* samples of sound (16000 a second) that are missing in what was heard, */
    uint64_t late;     /* and that came too late to be heard */
    bool rests;        /* its source does */
    bool on_demand;    /* its source is to rest while nobody subscribes, */
    int64_t linger_ns; /* and so long after */
    int64_t busy_ns;   /* how long it has been at the frame that it is at; 0: it waits for one */
    int64_t latency_p50_ns, latency_p99_ns; /* capture to publish, recent frames */

    /* docs/scheduling.md */
    unsigned step, steps; /* of its ladder, below full quality: where it is, how many there are */
    bool admitted;        /* its worst case fits beside the others' */
    char quality[240];    /* why it is not admitted or not at full quality; else "" */
    uint64_t skipped;     /* frames, by its ladder */
    uint64_t missed;      /* frames that were not done by their deadline, dropped ones with them */
    unsigned queue;       /* frames that wait: 0 or 1; of sound, blocks of 32 ms */
    uint64_t segments, revoked;
    int64_t longest_segment_ns, worst_ns; /* recent; worst: computing time of a frame */
    double load;                          /* of its processor, on average; 1: all of it */
};
struct pipe_lane_stats {
    const char *name;
    unsigned slots, width, running, waiting; /* pipelines; width: slots that one can make use of */
    int64_t busy_ns;                         /* computed there so far, in all slots */
};
struct pipe_model_stats {
    const char *name, *file; /* name in the configuration */
    char backend[64];        /* "cpu", "vulkan+cpu" */
    uint64_t runs;
    int64_t median_ns, p99_ns, load_ns; /* recent runs */
};

/* The device is hot, or short of power or memory: 0 well to 3 critical, and what it is, for people.
 * Pipelines are then some steps down their ladders (scheduler/policy.h). Any thread. */
void pipe_engine_set_pressure(struct pipe_engine *engine, unsigned level, const char *cause);

/* No source gives a frame, and none is published, from the next one on, until that is over; those
 * of a reload neither. Devices are let go. The engine's thread. */
void pipe_engine_set_private(struct pipe_engine *engine, bool on);
/* Whether anybody wants what a pipeline that is on demand publishes; index: as in
 * pipe_engine_stats. Nobody does before the first call. The engine's thread. */
void pipe_engine_set_wanted(struct pipe_engine *engine, size_t index, bool wanted);

/* A client pushes sound to a pipeline: fd is our end of its socket (ipc/push.h), taken over on OK.
 * NOT_FOUND: no such pipeline, or its source is another; BUSY: somebody else pushes, or it rests.
 * The engine's thread. */
enum percept_status pipe_engine_push(struct pipe_engine *engine, const char *pipeline, int fd,
                                     const struct ipc_push_format *format,
                                     struct percept_error *error);

size_t pipe_engine_stats(const struct pipe_engine *engine, struct pipe_stats *stats,
                         size_t capacity);
size_t pipe_engine_lane_stats(const struct pipe_engine *engine, struct pipe_lane_stats *stats,
                              size_t capacity);
size_t pipe_engine_model_stats(const struct pipe_engine *engine, struct pipe_model_stats *stats,
                               size_t capacity);

/* ---- what happened when ---- */

enum pipe_trace_kind {
    PIPE_TRACE_CAPTURE, /* the source gave a frame: waiting for it, decoding it */
    PIPE_TRACE_FRAME,   /* all of a frame's nodes */
    PIPE_TRACE_NODE,
    PIPE_TRACE_MODEL,   /* a run, within its node */
    PIPE_TRACE_PUBLISH, /* a payload is copied into a topic */
    /* What the scheduler sees of it, from which it can be simulated: instants */
    PIPE_TRACE_ARRIVE, /* a frame is there, and the ladder decides about it */
    PIPE_TRACE_DONE,   /* it was processed */
    /* and the way between them: */
    PIPE_TRACE_WAIT,    /* for a slot, which it had from granted_ns on */
    PIPE_TRACE_SEGMENT, /* computing, until somebody more important might have had the slot */
    PIPE_TRACE_LEAVE,   /* the same, and then it gave the slot back by itself */
    PIPE_TRACE_KINDS
};

struct pipe_trace_event {
    const char *pipeline;
    unsigned thread; /* of the engine, from 0: the pipelines' sources and nodes */
    bool source;     /* the thread of the source */
    enum pipe_trace_kind kind;
    const char *name;         /* of the node, the model, the topic, the pipeline */
    int64_t begin_ns, end_ns; /* CLOCK_MONOTONIC */
    int64_t numbers[2]; /* ARRIVE, DONE: the frame's capture; WAIT: granted_ns, capture; SEGMENT,
                           LEAVE: computed, and of this by its own thread, in ns */
};
typedef void (*pipe_trace_fn)(void *context, const struct pipe_trace_event *event);

/* Record for so long from now on, or longer if somebody else wants it. A thread keeps the newest
 * 16384 events, and the memory for them from the first time on. The engine's thread. */
enum percept_status pipe_engine_trace(struct pipe_engine *engine, int64_t for_ns,
                                      struct percept_error *error);
/* Tell all recorded events that began at `since_ns` or later, thread by thread, in the order in
 * which they ended. The engine's thread. */
void pipe_engine_trace_read(struct pipe_engine *engine, int64_t since_ns, pipe_trace_fn tell,
                            void *context);

#endif
