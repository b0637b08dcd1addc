/* Why: what apps put things on, found once for all of them. */
#include "pipelines/node.h"
#include "pipelines/planes.h"

#include <stdlib.h>

#define MOST_POINTS 65536

struct params {
    int64_t most, step, tries;
    double tolerance, least_share;
};

static const struct pipe_param params[] = {
    {.name = "most",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, most),
     .fallback = 4,
     .min = 1,
     .max = PERCEPT_PLANES_MAX,
     .help = "planes that are looked for"},
    {.name = "step",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, step),
     .fallback = 4,
     .min = 1,
     .max = 64,
     .help = "pixels from one that is looked at to the next"},
    {.name = "tries",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, tries),
     .fallback = 100,
     .min = 1,
     .max = 10000,
     .help = "how often three points are drawn for each plane"},
    {.name = "tolerance",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, tolerance),
     .fallback = 0.75,
     .min = 0.01,
     .max = 20,
     .help =
         "pixels of disparity that a point may be off; of a depth camera, per cent of distance"},
    {.name = "least_share",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, least_share),
     .fallback = 0.08,
     .min = 0.01,
     .max = 1,
     .help = "of what is measured, that a plane must have"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "depth", .type = PIPE_DEPTH}, {0}};
static const struct pipe_port outputs[] = {{.name = "planes", .type = PIPE_PLANES}, {0}};

struct pipe_node {
    struct plane_finder *finder;
};

static void destroy(struct pipe_node *n)
{
    if (n)
        plane_finder_destroy(n->finder);
    free(n);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    const struct params *p = setup->params;
    const struct plane_options options = {
        .most = (uint32_t)p->most,
        .step = (uint32_t)p->step,
        .tries = (uint32_t)p->tries,
        .tolerance = (float)p->tolerance,
        .least_share = (float)p->least_share,
    };
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = plane_finder_create(&options, MOST_POINTS, &n->finder, error);
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    (void)error;
    plane_finder_run(n->finder, in[0], out[0]);
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_planes = {
    .version = PIPE_NODE_VERSION,
    .name = "planes",
    .summary = "Finds the large flat surfaces in a depth map",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
