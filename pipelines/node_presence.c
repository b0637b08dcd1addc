/* Why: an app that only wants to know whether somebody raises a hand, or whether there is text,
 * need not see the hand or what the text says. */
#include "pipelines/node.h"

#include <stdlib.h>

struct pipe_node {
    int64_t capture_ns, since_ns; /* zero before the first frame */
    uint32_t count;
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

static void note(struct pipe_node *n, int64_t capture_ns, uint32_t count)
{
    if (n->capture_ns == 0 || n->count != count)
        n->since_ns = capture_ns;
    n->capture_ns = capture_ns;
    n->count = count;
}

static enum percept_status process_hands(struct pipe_node *n, const void *const *in,
                                         void *const *out, struct percept_error *error)
{
    const struct percept_hands *hands = in[0];
    (void)error;
    note(n, hands->capture_ns, hands->hand_count);
    *(struct percept_hands_presence *)out[0] = (struct percept_hands_presence){
        .capture_ns = n->capture_ns, .since_ns = n->since_ns, .hand_count = n->count};
    return PERCEPT_OK;
}

static enum percept_status process_text(struct pipe_node *n, const void *const *in,
                                        void *const *out, struct percept_error *error)
{
    const struct percept_text *text = in[0];
    (void)error;
    note(n, text->capture_ns, text->line_count);
    *(struct percept_text_presence *)out[0] = (struct percept_text_presence){
        .capture_ns = n->capture_ns, .since_ns = n->since_ns, .line_count = n->count};
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_hand_presence = {
    .version = PIPE_NODE_VERSION,
    .name = "hand_presence",
    .summary = "Says how many hands there are, and nothing else of them",
    .inputs = (const struct pipe_port[]){{.name = "hands", .type = PIPE_HANDS}, {0}},
    .outputs = (const struct pipe_port[]){{.name = "presence", .type = PIPE_HANDS_PRESENCE}, {0}},
    .create = create,
    .process = process_hands,
    .destroy = destroy,
};

const struct pipe_node_class pipe_node_text_presence = {
    .version = PIPE_NODE_VERSION,
    .name = "text_presence",
    .summary = "Says how many lines of text there are, and nothing else of them",
    .inputs = (const struct pipe_port[]){{.name = "text", .type = PIPE_TEXT}, {0}},
    .outputs = (const struct pipe_port[]){{.name = "presence", .type = PIPE_TEXT_PRESENCE}, {0}},
    .create = create,
    .process = process_text,
    .destroy = destroy,
};
