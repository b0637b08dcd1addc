/* Why: an app that only wants to know whether there is text need not see what it says. */
#include "pipelines/node.h"

#include <stdlib.h>

static const struct pipe_port inputs[] = {{.name = "text", .type = PIPE_TEXT}, {0}};
static const struct pipe_port outputs[] = {{.name = "presence", .type = PIPE_TEXT_PRESENCE}, {0}};

struct pipe_node {
    struct percept_text_presence last; /* zero before the first frame */
};

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    (void)setup;
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    *node = n;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *n)
{
    free(n);
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct percept_text *text = in[0];
    struct percept_text_presence *presence = out[0];
    (void)error;
    bool same = n->last.capture_ns != 0 && n->last.line_count == text->line_count;
    n->last = (struct percept_text_presence){
        .capture_ns = text->capture_ns,
        .since_ns = same ? n->last.since_ns : text->capture_ns,
        .line_count = text->line_count,
    };
    *presence = n->last;
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_text_presence = {
    .version = PIPE_NODE_VERSION,
    .name = "text_presence",
    .summary = "Says how many lines of text there are, and nothing else of them",
    .inputs = inputs,
    .outputs = outputs,
    .create = create,
    .process = process,
    .destroy = destroy,
};
