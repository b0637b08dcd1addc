/* A node plugin that is wrong in the one way that is asked for: node_plugins.sh. */
#include <pipelines/node_plugin.h>

#include <stdlib.h>

#ifndef NAME
#define NAME "whole"
#endif

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    (void)setup;
    (void)node;
    return percept_fail(error, PERCEPT_UNSUPPORTED, "it does nothing");
}

static enum percept_status process(struct pipe_node *node, const void *const *inputs,
                                   void *const *outputs, struct percept_error *error)
{
    (void)node;
    (void)inputs;
    (void)outputs;
    (void)error;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *node)
{
    (void)node;
}

#if defined BAD_ABORTS || defined BAD_CRASHES || defined BAD_EXITS || defined BAD_SYMBOL
void nobody_has_this(void);

__attribute__((constructor)) static void begin(void)
{
#if defined BAD_ABORTS
    abort();
#elif defined BAD_CRASHES
    *(volatile int *)8 = 0;
#elif defined BAD_EXITS
    exit(0);
#else
    nobody_has_this();
#endif
}
#endif

static const struct pipe_param params[] = {
    {.name =
#ifdef BAD_RESERVED
         "inputs",
#else
         "value",
#endif
     .kind =
#ifdef BAD_KIND
         PIPE_PARAM_MAP,
#else
         PIPE_PARAM_NUMBER,
#endif
#ifdef BAD_OFFSET
     .offset = 4,
#endif
#ifndef BAD_HELP
     .help = "of nothing"
#endif
    },
    {0},
};

static const struct pipe_port inputs[] = {
    {.name = "frame",
#ifdef BAD_PORT
     .type = PIPE_STREAM_TYPES
#else
     .type = PIPE_FRAME
#endif
    },
    {0},
};
static const struct pipe_port outputs[] = {
    {.name = "result",
#ifdef BAD_OUTPUTS
     .type = PIPE_TENSORS
#else
     .type = PIPE_HANDS
#endif
    },
    {0},
};

static const struct pipe_node_class class = {
#ifdef BAD_CLASS_VERSION
    .version = PIPE_NODE_VERSION - 1,
#else
    .version = PIPE_NODE_VERSION,
#endif
    .name = NAME,
    .summary = "a test",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(double),
    .create = create,
#ifndef BAD_FUNCTION
    .process = process,
#endif
    .destroy = destroy,
};

#ifdef BAD_FUNCTION
const void *const unused[] = {(const void *)process};
#endif

#ifdef BAD_ENTRY
const struct pipe_node_calls *percept_node_calls;
const struct pipe_node_class *const *percept_entry(void)
{
    static const struct pipe_node_class *const classes[] = {&class, NULL};
    return classes;
}
#elif defined BAD_EMPTY
const struct pipe_node_calls *percept_node_calls;
const struct pipe_node_plugin percept_nodes = {PIPE_NODE_VERSION,
                                               sizeof(struct pipe_node_class),
                                               {PIPE_NODE_LAYOUT_TABLE(PIPE_NODE_NUMBER)},
                                               &(const struct pipe_node_class *const){NULL},
                                               &percept_node_calls};
const void *const unused_class = &class;
#elif defined BAD_VERSION || defined BAD_BYTES || defined BAD_LAYOUT
static const struct pipe_node_class *const classes[] = {&class, NULL};
const struct pipe_node_calls *percept_node_calls;
const struct pipe_node_plugin percept_nodes = {
#ifdef BAD_VERSION
    PIPE_NODE_VERSION + 1,
#else
    PIPE_NODE_VERSION,
#endif
#ifdef BAD_BYTES
    sizeof(struct pipe_node_class) + 8,
#else
    sizeof(struct pipe_node_class),
#endif
    {
#ifndef BAD_LAYOUT
        PIPE_NODE_LAYOUT_TABLE(PIPE_NODE_NUMBER)
#endif
    },
    classes,
    &percept_node_calls};
#else
PIPE_NODE_PLUGIN(&class);
#endif
