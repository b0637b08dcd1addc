/* Why: what is written is often something to do: to call, to visit, to buy, to remember. */
#include "pipelines/node.h"
#include "pipelines/scan.h"

#include <stdlib.h>
#include <string.h>

struct params {
    bool month_first;
};

static const struct pipe_param params[] = {
    {.name = "month_first",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, month_first),
     .help = "in English text 3/4/2026 is in March; else it is in April"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "text", .type = PIPE_TEXT}, {0}};
static const struct pipe_port outputs[] = {{.name = "text", .type = PIPE_TEXT}, {0}};

struct pipe_node {
    const struct params *params;
};

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
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
    (void)error;
    struct percept_text *text = out[0];
    memcpy(text, in[0], sizeof *text);
    uint32_t count = 0;
    for (uint32_t i = 0; i < text->line_count && i < PERCEPT_TEXT_LINES_MAX; i++) {
        const struct percept_text_line *line = &text->lines[i];
        count +=
            (uint32_t)pipe_scan_actions(line->text, line->language, n->params->month_first, i,
                                        &text->actions[count], PERCEPT_TEXT_ACTIONS_MAX - count);
    }
    memset(&text->actions[count], 0, (PERCEPT_TEXT_ACTIONS_MAX - count) * sizeof text->actions[0]);
    text->action_count = count;
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_text_actions = {
    .version = PIPE_NODE_VERSION,
    .name = "text_actions",
    .summary = "Finds what to act on in text: URLs, numbers to call, dates, prices",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
