/*
 * A checked configuration, as the engine reads it. Private to pipelines; others see
 * pipelines/engine.h.
 */
#ifndef PIPELINES_CONFIG_H
#define PIPELINES_CONFIG_H

#include "base/arena.h"
#include "pipelines/engine.h"
#include "pipelines/node.h"
#include "pipelines/source.h"
#include "pipelines/tree.h"
#include "scheduler/policy.h"

#include <sys/stat.h>

#define PIPE_MAX_MODELS    64
#define PIPE_MAX_PIPELINES 64
#define PIPE_MAX_NODES     64 /* of a pipeline */
#define PIPE_MAX_TOPICS    16 /* of a pipeline */

/* Of floats between the nodes of a model. */
enum pipe_precision { PIPE_FP32, PIPE_FP16 };

struct pipe_config_model {
    const char *name;
    const char *file;
    struct pipe_texts backends;    /* names, most preferred first; none: the CPU */
    int precision;                 /* enum pipe_precision */
    const struct pipe_tree *place; /* of its key, for messages */
    const struct pipe_tree *tree;  /* all that is said of it */
    struct stat identity;          /* of the file, when the configuration was read */
};

/* Where a stream comes from: an output of a node of the pipeline, or its source. */
#define PIPE_FROM_NOWHERE (-2)
#define PIPE_FROM_SOURCE  (-1)

struct pipe_config_stream {
    int node;      /* index in nodes, or one of the above */
    int output;    /* index of the node's port */
    bool previous; /* its value of the frame before */
};

struct pipe_config_node {
    const char *name;
    const struct pipe_node_class *class;
    void *params;
    struct pipe_config_stream inputs[PIPE_MAX_PORTS];
    const struct pipe_tree *place;
};

struct pipe_config_topic {
    const char *name;
    struct pipe_config_stream stream;
    enum pipe_stream_type type;
    const struct pipe_tree *place;
};

enum pipe_when_late { PIPE_WHEN_LATE_DROP, PIPE_WHEN_LATE_WAIT };
enum pipe_priority { PIPE_PRIORITY_LOW, PIPE_PRIORITY_NORMAL, PIPE_PRIORITY_HIGH };

/* A step of a quality ladder below full quality. Each stands for itself: what the step above it
 * does not say does not count. */
struct pipe_config_swap {
    const char *model, *by; /* names under `models` */
};
struct pipe_config_step {
    double rate; /* share of the frames that are processed; 0: none */
    size_t swap_count;
    struct pipe_config_swap *swaps;
};

struct pipe_config_pipeline {
    const char *name;
    const struct pipe_tree *place, *tree; /* of its key; all that is said of it */
    const struct pipe_source_class *source;
    void *source_params;
    const struct pipe_tree *source_place;
    const char *push; /* what permissions call pushing to it; NULL: its source takes nothing */
    int when_late;    /* enum pipe_when_late */
    int priority;     /* enum pipe_priority */
    double deadline_ms;
    double cost_ms;   /* of a frame at worst, as declared; 0: as measured */
    bool on_demand;   /* its source rests while nobody subscribes, */
    double linger_ms; /* and so long after the last one */
    size_t step_count;
    struct pipe_config_step *steps; /* from better to worse, without full quality */
    size_t node_count, topic_count;
    struct pipe_config_node *nodes; /* in an order in which inputs come first */
    struct pipe_config_topic *topics;
};

/* Top-level keys that a running engine cannot follow. */
#define PIPE_FIXED_KEYS 5
extern const char *const pipe_config_fixed_keys[PIPE_FIXED_KEYS];

struct pipe_scheduler_settings {
    int64_t cores;    /* for perception; 0: those that the process may use */
    int64_t realtime; /* the highest SCHED_FIFO priority of our threads; 0: none */
    double segment_ms, grace_ms, share;
};

struct pipe_config {
    struct base_arena arena;
    unsigned references; /* of the thread that loads configurations, and of it alone */
    char *file;
    const struct pipe_tree *fixed[PIPE_FIXED_KEYS]; /* values of those keys; NULL: not given */
    struct pipe_daemon_settings daemon;
    struct pipe_scheduler_settings scheduler;
    struct pipe_transcript_settings transcript;
    size_t backend_count, model_count, pipeline_count;
    struct pipe_config_backend *backends;
    struct pipe_config_model *models;
    struct pipe_config_pipeline *pipelines;
};

/* As pipe_config_load, from memory. name is for messages; relative paths start from its folder. */
enum percept_status pipe_config_parse(const char *name, const void *bytes, size_t size,
                                      struct pipe_config **config, struct percept_error *error);

/* Do a model, a pipeline mean the same in both? A model's file must be the one that it was. */
bool pipe_config_same_model(const struct pipe_config_model *a, const struct pipe_config_model *b);
bool pipe_config_same_pipeline(const struct pipe_config *a, const struct pipe_config_pipeline *mine,
                               const struct pipe_config *b,
                               const struct pipe_config_pipeline *other);

struct pipe_schema_reader;

/* Check the keys of a map that are names of the user's: not more than `most` `what`s. */
enum percept_status pipe_config_check_names(const struct pipe_schema_reader *reader,
                                            const struct pipe_tree *map, const char *what,
                                            size_t most);

/* ---- config_daemon.c ---- */

/* map may be NULL. */
enum percept_status pipe_config_read_daemon(const struct pipe_schema_reader *reader,
                                            const struct pipe_tree *map,
                                            const struct pipe_texts *plugins,
                                            struct pipe_config *config);

/* ---- config_models.c ---- */

/* map may be NULL. */
enum percept_status pipe_config_read_models(const struct pipe_schema_reader *reader,
                                            const struct pipe_tree *map,
                                            struct pipe_config *config);
/* NULL when there is none. */
const struct pipe_config_model *pipe_config_find_model(const struct pipe_config *config,
                                                       const char *name);

/* ---- config_pipelines.c ---- */

/* After the models, which nodes name. */
enum percept_status pipe_config_read_pipelines(const struct pipe_schema_reader *reader,
                                               const struct pipe_tree *map,
                                               struct pipe_config *config);

/* ---- config_backends.c ---- */

/* map may be NULL. */
enum percept_status pipe_config_read_backends(const struct pipe_schema_reader *reader,
                                              const struct pipe_tree *map,
                                              struct pipe_config *config);

/* Hand each configured backend its options, before anything else is asked of it. all is
 * NULL-terminated. */
enum percept_status pipe_config_set_backends(const struct pipe_config *config,
                                             const struct prt_backend *const *all,
                                             struct percept_error *error);

/* The backend of that name; NULL with an error at the place in the file, and what was probably
 * meant. */
const struct prt_backend *pipe_config_find_backend(const struct prt_backend *const *all,
                                                   const struct pipe_text *name,
                                                   struct percept_error *error);

/* ---- config_transcript.c ---- */

/* After the pipelines; map may be NULL. */
enum percept_status pipe_config_read_transcript(const struct pipe_schema_reader *reader,
                                                const struct pipe_tree *map,
                                                struct pipe_config *config);

/* ---- config_scheduler.c ---- */

/* map may be NULL. */
enum percept_status pipe_config_read_scheduler(const struct pipe_schema_reader *reader,
                                               const struct pipe_tree *map,
                                               struct pipe_config *config);
/* The ladder of a pipeline whose nodes have been read; list may be NULL. */
enum percept_status pipe_config_read_ladder(const struct pipe_schema_reader *reader,
                                            const struct pipe_config *config,
                                            struct pipe_config_pipeline *pipeline,
                                            const struct pipe_tree *list);
/* The model that a step puts in the place of another; that other when it does not. step counts
 * from 0, full quality. */
const char *pipe_config_swapped(const struct pipe_config_pipeline *pipeline, size_t step,
                                const char *model);
/* The SCHED_FIFO priority of a pipeline's thread, 0: none. The highest goes to those of high
 * priority and to the pool's workers, who compute for them. */
int pipe_config_realtime(const struct pipe_config *config,
                         const struct pipe_config_pipeline *pipeline);

/* What the scheduler is told of a pipeline. */
struct sched_task pipe_config_task(const struct pipe_config_pipeline *pipeline);

/* ---- config_graph.c ---- */

/* Read, wire, type-check and sort the nodes of a pipeline, then its topics. list and map may be
 * NULL. */
enum percept_status pipe_config_read_nodes(const struct pipe_schema_reader *reader,
                                           const struct pipe_config *config,
                                           struct pipe_config_pipeline *pipeline,
                                           const struct pipe_tree *list);
enum percept_status pipe_config_read_topics(const struct pipe_schema_reader *reader,
                                            struct pipe_config_pipeline *pipeline,
                                            const struct pipe_tree *map);

#endif
