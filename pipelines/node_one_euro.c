/* Why: a net's landmarks tremble by a pixel or two even when the hand rests; people see it at once.
 */
#include "pipelines/node.h"
#include "pipelines/one_euro.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A hand in metres, as region_size is a hand in pixels: so both filters see the same speeds. */
#define HAND_METRES 0.4f

struct params {
    double min_cutoff, beta, derivative_cutoff;
};

static const struct pipe_param params[] = {
    {.name = "min_cutoff",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, min_cutoff),
     .fallback = 1.5,
     .min = 0.001,
     .max = 1000,
     .help = "cutoff at rest, Hz: lower is steadier"},
    {.name = "beta",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, beta),
     .fallback = 20,
     .min = 0,
     .max = 10000,
     .help = "cutoff gained with speed, Hz for each region side a second: higher lags less"},
    {.name = "derivative_cutoff",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, derivative_cutoff),
     .fallback = 1,
     .min = 0.001,
     .max = 1000,
     .help = "cutoff of the speed itself, Hz"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "hands", .type = PIPE_HANDS}, {0}};
static const struct pipe_port outputs[] = {{.name = "hands", .type = PIPE_HANDS}, {0}};

struct track {
    uint32_t id; /* 0: free */
    int64_t capture_ns;
    struct pipe_one_euro image[PERCEPT_HAND_LANDMARKS][3];
    struct pipe_one_euro world[PERCEPT_HAND_LANDMARKS][3];
};

struct pipe_node {
    struct pipe_one_euro_params params;
    struct track tracks[PERCEPT_HANDS_MAX];
};

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    const struct params *p = setup->params;
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = (struct pipe_one_euro_params){
        .min_cutoff = (float)p->min_cutoff,
        .beta = (float)p->beta,
        .derivative_cutoff = (float)p->derivative_cutoff,
    };
    *node = n;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *n)
{
    free(n);
}

static bool present(const struct percept_hands *hands, uint32_t id)
{
    for (uint32_t i = 0; i < hands->hand_count; i++)
        if (hands->hands[i].id == id)
            return true;
    return false;
}

/* The hand's own track, or a fresh one in the place of a hand that has gone. */
static struct track *find_track(struct pipe_node *n, const struct percept_hands *hands, uint32_t id)
{
    struct track *unused = NULL;
    for (size_t i = 0; i < PERCEPT_HANDS_MAX; i++) {
        if (n->tracks[i].id == id)
            return &n->tracks[i];
        if (!present(hands, n->tracks[i].id))
            unused = &n->tracks[i];
    }
    *unused = (struct track){.id = id};
    return unused;
}

static void smooth(const struct pipe_node *n, struct pipe_one_euro (*filters)[3],
                   float (*points)[3], float seconds, float scale)
{
    for (size_t i = 0; i < PERCEPT_HAND_LANDMARKS; i++)
        for (size_t axis = 0; axis < 3; axis++)
            points[i][axis] =
                pipe_one_euro_step(&filters[i][axis], &n->params, points[i][axis], seconds, scale);
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    struct percept_hands *hands = out[0];
    (void)error;
    *hands = *(const struct percept_hands *)in[0];
    for (uint32_t i = 0; i < hands->hand_count; i++) {
        struct percept_hand *hand = &hands->hands[i];
        struct track *track = find_track(n, hands, hand->id);
        float seconds = fmaxf((float)(hands->capture_ns - track->capture_ns) * 1e-9f, 1e-6f);
        smooth(n, track->image, hand->image, seconds, hand->region_size);
        smooth(n, track->world, hand->world, seconds, HAND_METRES);
        track->capture_ns = hands->capture_ns;
    }
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_one_euro = {
    .version = PIPE_NODE_VERSION,
    .name = "one_euro",
    .summary = "Smooths the landmarks of each hand over time",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
