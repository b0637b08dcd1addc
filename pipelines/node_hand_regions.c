/* Why: hands that are followed and palms that were found become one list without doubles, which is
 * what the landmark net works through. */
#include "pipelines/hand_geometry.h"
#include "pipelines/node.h"

#include <stdlib.h>

struct params {
    double overlap;
};

static const struct pipe_param params[] = {
    {.name = "overlap",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, overlap),
     .fallback = 0.5,
     .min = 0.01,
     .max = 1,
     .help = "a palm whose region overlaps another's more (intersection over union) is that hand"},
    {0},
};

enum { IN_DETECTIONS, IN_TRACKED };
static const struct pipe_port inputs[] = {
    {.name = "detections", .type = PIPE_DETECTIONS, .optional = true},
    {.name = "tracked", .type = PIPE_REGIONS, .optional = true},
    {0},
};
static const struct pipe_port outputs[] = {{.name = "regions", .type = PIPE_REGIONS}, {0}};

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

static bool known(const struct pipe_node *n, const struct pipe_regions *regions,
                  const struct pipe_square *square)
{
    for (uint32_t i = 0; i < regions->count; i++)
        if (pipe_square_overlap(&regions->items[i].square, square) > (float)n->params->overlap)
            return true;
    return false;
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_detections *detections = in[IN_DETECTIONS];
    const struct pipe_regions *tracked = in[IN_TRACKED];
    struct pipe_regions *regions = out[0];
    (void)error;
    *regions = tracked ? *tracked : (struct pipe_regions){.wanted = PERCEPT_HANDS_MAX};
    regions->detector_ran = detections && detections->ran;
    for (uint32_t i = 0; detections && i < detections->count && regions->wanted > 0; i++) {
        const struct pipe_detection *palm = &detections->items[i];
        struct pipe_square square = pipe_square_from_palm(palm);
        if (square.side < 1 || known(n, regions, &square))
            continue;
        regions->items[regions->count++] =
            (struct pipe_region){.square = square, .detection_score = palm->score};
        regions->wanted--;
    }
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_hand_regions = {
    .version = PIPE_NODE_VERSION,
    .name = "hand_regions",
    .summary = "Joins followed hands and new palms into the regions to look at",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
