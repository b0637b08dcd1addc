/*
 * Why: what is written in the world, in the language of who looks at it. One node is one pair of
 * languages; several in a row each take what is theirs.
 *
 * A line costs time only when its text is new, and of new ones a frame takes a few: the others wait
 * for the next frame, and text comes on time without its translation.
 */
#include "pipelines/translation.h"

#include <stdlib.h>
#include <string.h>

struct params {
    struct pipe_translation_params pair;
    int64_t lines;
    bool unknown;
};

static const struct pipe_param params[] = {
    PIPE_TRANSLATION_PARAMS(params),
    {.name = "lines",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, lines),
     .fallback = 2,
     .min = 1,
     .max = PERCEPT_TEXT_LINES_MAX,
     .help = "new lines that are translated in one frame; more wait for the next"},
    {.name = "unknown",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, unknown),
     .help = "take lines whose language is not known to be in `from`"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "text", .type = PIPE_TEXT}, {0}};
static const struct pipe_port outputs[] = {{.name = "text", .type = PIPE_TEXT}, {0}};

struct pipe_node {
    const struct params *params;
    struct pipe_translation translation;
};

static void destroy(struct pipe_node *n)
{
    if (n)
        pipe_translation_destroy(&n->translation);
    free(n);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    enum percept_status status =
        pipe_translation_create(&n->translation, setup, &n->params->pair, error);
    if (status == PERCEPT_OK)
        *node = n;
    else
        destroy(n);
    return status;
}

static bool is_ours(const struct pipe_node *n, const struct percept_text_line *line)
{
    bool known = line->language[0] != '\0';
    return line->translation_language[0] == '\0' && line->text[0] != '\0' &&
           (known ? pipe_translation_is_from(&n->params->pair, line->language)
                  : n->params->unknown);
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    struct percept_text *text = out[0];
    memcpy(text, in[0], sizeof *text);
    int64_t left = n->params->lines;
    for (uint32_t i = 0; i < text->line_count && i < PERCEPT_TEXT_LINES_MAX; i++) {
        struct percept_text_line *line = &text->lines[i];
        if (!is_ours(n, line))
            continue;
        enum percept_status status =
            pipe_translation_fill(&n->translation, line->text, &left, line->translation,
                                  sizeof line->translation, line->translation_language, error);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_translate_text = {
    .version = PIPE_NODE_VERSION,
    .name = "translate_text",
    .summary = "Translates lines of text from one language to another",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
