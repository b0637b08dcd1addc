/*
 * How a node is written, be it built in or a plugin (pipelines/node_plugin.h). A node turns the
 * streams of one frame into other streams: it declares its ports and parameters in a class, and the
 * engine does the rest (type-checks the configuration against the class, allocates the streams,
 * calls process once a frame in an order in which inputs come first).
 *
 * Of all that a plugin sees, in this file and in those that it includes, PIPE_NODE_VERSION is the
 * version: whoever changes a struct, a number or a meaning raises it.
 */
#ifndef PIPELINES_NODE_H
#define PIPELINES_NODE_H

#include "base/status.h"
#include "base/thread_pool.h"
#include "pipelines/model.h"
#include "pipelines/param.h"
#include "pipelines/stream.h"

#define PIPE_NODE_VERSION 7
#define PIPE_MAX_PORTS    8

struct pipe_node; /* a node's own state; each class defines it */
struct pipe_node_host;
struct signing_keys;

struct pipe_port {
    const char *name;
    enum pipe_stream_type type;
    bool optional; /* inputs only: may be left unconnected */
};

/* What create gets. Valid during the call; params and name as long as the node. */
struct pipe_node_setup {
    const char *name;
    const void *params;     /* the struct that class->params describes, filled and checked */
    uint32_t connected;     /* bit i: input i is */
    struct base_pool *pool; /* to share work over; NULL: there is none. As long as the node */
    struct pipe_node_host *host;
    /* An instance of a configured model, for this node alone; the engine destroys it after the
     * node. name comes from a parameter of kind PIPE_PARAM_MODEL. */
    enum percept_status (*open_model)(struct pipe_node_host *host, const char *name,
                                      struct pipe_model **model, struct percept_error *error);
    /* The same, of another method of its program than "forward". */
    enum percept_status (*open_method)(struct pipe_node_host *host, const char *name,
                                       const char *method, struct pipe_model **model,
                                       struct percept_error *error);
    /* By one of which each file must be signed that a node built in reads (signing_read_file);
     * NULL: none need. What a plugin reads by itself is left to it. */
    const struct signing_keys *keys;
};

struct pipe_node_class {
    uint32_t version;                /* PIPE_NODE_VERSION */
    const char *name;                /* as `node:` gives it */
    const char *summary;             /* one line */
    const struct pipe_port *inputs;  /* both end with a row whose name is NULL */
    const struct pipe_port *outputs; /* not PIPE_FRAME: only sources make frames */
    const struct pipe_param *params; /* must not use the keys node, name and inputs; NULL: none */
    size_t params_size;

    /* On the thread that creates the engine. Allocate and check everything here. */
    enum percept_status (*create)(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error);
    /*
     * One frame, on the pipeline's thread. inputs and outputs are in the order of the ports. An
     * input is NULL when it is unconnected, when it is a `previous` one and there is no previous
     * frame, or when it is optional and its producer gave nothing for this frame. Fill every
     * output; what is in it before is undefined. Must not allocate. END: there is nothing to say
     * this time; the outputs do not exist for this frame, and what needs them is skipped. On
     * failure that is so, too, the error is counted and shown, and the next frame is tried again.
     * On success a message in *error is a doubt: the outputs count, but the pipeline is degraded,
     * and that is why.
     *
     * In a pipeline whose source gives sound, a frame is a block of it.
     */
    enum percept_status (*process)(struct pipe_node *node, const void *const *inputs,
                                   void *const *outputs, struct percept_error *error);
    void (*destroy)(struct pipe_node *node); /* NULL is fine */
    /* Only for a class with outputs of tensors or depth: the most bytes that the data of those of
     * one output take, each rounded up to PIPE_TENSOR_ALIGNMENT. Asked once, after create. */
    size_t (*output_bytes)(const struct pipe_node *node, unsigned output);
};

/* The classes built in; NULL-terminated. */
extern const struct pipe_node_class *const pipe_node_classes[];

/*
 * Add a class, which must stay valid for the rest of the process. Not thread-safe: before any
 * configuration is loaded. VERSION, INVALID (a port or parameter table that breaks the rules
 * above), EXISTS (the name is taken), LIMIT.
 */
enum percept_status pipe_node_register(const struct pipe_node_class *class,
                                       struct percept_error *error);
/* What it refuses of the class itself. A plugin's may not have parameters of kinds LIST and MAP,
 * whose readers are not its to call. */
enum percept_status pipe_node_check(const struct pipe_node_class *class, bool plugin,
                                    struct percept_error *error);
/* By index, built in first; NULL past the last. */
const struct pipe_node_class *pipe_node_class_at(size_t index);
const struct pipe_node_class *pipe_node_class_find(const char *name);

#endif
