/*
 * Why: what is said, in the language of who listens. One node is one pair of languages; two of
 * them, each with its side, are a conversation across a table.
 */
#include "pipelines/translation.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { ANY_SIDE = -1 };

struct params {
    struct pipe_translation_params pair;
    int64_t captions, side;
    bool partials, unknown;
};

static const struct pipe_param params[] = {
    PIPE_TRANSLATION_PARAMS(params),
    {.name = "captions",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, captions),
     .fallback = 1,
     .min = 1,
     .max = PERCEPT_CAPTIONS_MAX,
     .help = "new captions that are translated at once, the newest first; more wait"},
    {.name = "partials",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, partials),
     .help = "translate of captions that are not final what will not change any more"},
    {.name = "unknown",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, unknown),
     .help = "take captions whose language is not known to be in `from`; with a side, those of "
             "that side"},
    {.name = "side",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, side),
     .fallback = ANY_SIDE,
     .min = ANY_SIDE,
     .max = 1,
     .help = "in a conversation, the side that speaks `from`, 0 or 1: captions in that language "
             "are given this side; -1: sides stay as they are"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "captions", .type = PIPE_CAPTIONS}, {0}};
static const struct pipe_port outputs[] = {{.name = "captions", .type = PIPE_CAPTIONS}, {0}};

struct pipe_node {
    const struct params *params;
    struct pipe_translation translation;
    char text[PERCEPT_CAPTION_BYTES]; /* what of a caption is stable */
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

static bool is_ours(const struct pipe_node *n, const struct percept_caption *caption)
{
    const struct params *p = n->params;
    if (caption->translation_language[0] != '\0')
        return false;
    if (caption->language[0] != '\0')
        return pipe_translation_is_from(&p->pair, caption->language);
    return p->unknown && (p->side == ANY_SIDE || caption->side == (uint32_t)p->side);
}

/* The part of a caption that is worth translating, whole words only; "": none yet. */
static const char *stable_text(struct pipe_node *n, const struct percept_caption *caption)
{
    size_t size = strnlen(caption->text, sizeof caption->text - 1);
    if (!caption->final) {
        size_t stable = n->params->partials ? caption->stable_bytes : 0;
        size = stable < size ? stable : size;
        while (size > 0 && caption->text[size] != '\0' && caption->text[size] != ' ')
            size--;
    }
    base_utf8_copy(caption->text, size, n->text, sizeof n->text);
    return n->text;
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    struct percept_captions *captions = out[0];
    memcpy(captions, in[0], sizeof *captions);
    int64_t left = n->params->captions;
    uint32_t count = captions->caption_count < PERCEPT_CAPTIONS_MAX ? captions->caption_count
                                                                    : PERCEPT_CAPTIONS_MAX;
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = count; i > 0 && status == PERCEPT_OK; i--) {
        struct percept_caption *caption = &captions->captions[i - 1];
        if (!is_ours(n, caption))
            continue;
        if (n->params->side != ANY_SIDE)
            caption->side = (uint32_t)n->params->side;
        status = pipe_translation_fill(&n->translation, stable_text(n, caption), &left,
                                       caption->translation, sizeof caption->translation,
                                       caption->translation_language, error);
    }
    return status;
}

const struct pipe_node_class pipe_node_translate_captions = {
    .version = PIPE_NODE_VERSION,
    .name = "translate_captions",
    .summary = "Translates captions from one language to another",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
