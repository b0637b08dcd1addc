/* Why: looks at each region closely: is it a hand, whose side, and where are its joints? */
#include "pipelines/hand_geometry.h"
#include "pipelines/node.h"
#include "pipelines/warp.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct params {
    const char *model;
    double threshold;
    bool mirrored;
};

static const struct pipe_param params[] = {
    {.name = "model",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, model),
     .required = true,
     .help = "a hand landmark net"},
    {.name = "threshold",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, threshold),
     .fallback = 0.5,
     .min = 0.01,
     .max = 0.99,
     .help = "presence from which a region holds a hand, 0..1"},
    {.name = "mirrored",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, mirrored),
     .help = "the images are mirrored, as a selfie view shows them: left and right change places"},
    {0},
};

enum { IN_FRAME, IN_REGIONS };
static const struct pipe_port inputs[] = {
    {.name = "frame", .type = PIPE_FRAME},
    {.name = "regions", .type = PIPE_REGIONS},
    {0},
};
static const struct pipe_port outputs[] = {{.name = "hands", .type = PIPE_HANDS}, {0}};

/* The outputs of the net, in its order. */
enum { OUT_IMAGE, OUT_PRESENCE, OUT_RIGHT, OUT_WORLD, NET_OUTPUTS };
static const size_t output_sizes[NET_OUTPUTS] = {
    [OUT_IMAGE] = 3 * PERCEPT_HAND_LANDMARKS,
    [OUT_PRESENCE] = 1,
    [OUT_RIGHT] = 1,
    [OUT_WORLD] = 3 * PERCEPT_HAND_LANDMARKS,
};

/* Of all pipelines: an id means one hand in a daemon's life. */
static atomic_uint last_id;

struct pipe_node {
    const struct params *params;
    struct pipe_model *model;
    struct pipe_image_input input;
};

static void destroy(struct pipe_node *n)
{
    free(n);
}

static enum percept_status read_outputs(struct pipe_node *n, const float *values[NET_OUTPUTS],
                                        struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < NET_OUTPUTS && status == PERCEPT_OK; i++)
        status = pipe_model_output(n->model, i, output_sizes[i], &values[i], error);
    return status;
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    const float *values[NET_OUTPUTS];
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    enum percept_status status = setup->open_model(setup->host, n->params->model, &n->model, error);
    if (status == PERCEPT_OK)
        status = pipe_model_image_input(n->model, &n->input, error);
    if (status == PERCEPT_OK)
        status = read_outputs(n, values, error);
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

static void fill(const struct pipe_node *n, const struct pipe_region *region,
                 const float *const values[NET_OUTPUTS], struct percept_hand *hand)
{
    const struct pipe_square *square = &region->square;
    float right = values[OUT_RIGHT][0];
    if (n->params->mirrored)
        right = 1 - right;
    *hand = (struct percept_hand){
        .id = region->id ? region->id : atomic_fetch_add(&last_id, 1) + 1,
        .handedness = right >= 0.5f ? PERCEPT_HAND_RIGHT : PERCEPT_HAND_LEFT,
        .handedness_score = fmaxf(right, 1 - right),
        .presence = values[OUT_PRESENCE][0],
        .detection_score = region->detection_score,
        .region_center = {square->x, square->y},
        .region_size = square->side,
        .region_rotation = square->rotation,
    };
    pipe_landmarks_to_image(values[OUT_IMAGE], n->input.size, square, hand->image);
    pipe_landmarks_to_world(values[OUT_WORLD], square->rotation, hand->world);
}

static bool all_finite(const float *const values[NET_OUTPUTS])
{
    float sum = 0;
    for (size_t i = 0; i < NET_OUTPUTS; i++)
        for (size_t j = 0; j < output_sizes[i]; j++)
            sum += fabsf(values[i][j]);
    return isfinite(sum);
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_frame *frame = in[IN_FRAME];
    const struct pipe_regions *regions = in[IN_REGIONS];
    struct percept_hands *hands = out[0];
    *hands = (struct percept_hands){
        .capture_ns = frame->capture_ns,
        .frame = frame->number,
        .image_width = frame->width,
        .image_height = frame->height,
        .detector_ran = regions->detector_ran,
    };
    for (uint32_t i = 0; i < regions->count; i++) {
        const float *values[NET_OUTPUTS];
        pipe_warp(frame, &regions->items[i].square, &n->input);
        enum percept_status status = pipe_model_run(n->model, error);
        if (status == PERCEPT_OK)
            status = read_outputs(n, values, error);
        if (status != PERCEPT_OK)
            return status;
        if (!all_finite(values))
            return percept_fail(error, PERCEPT_INTERNAL, "the net gave a number that is none");
        if (values[OUT_PRESENCE][0] >= (float)n->params->threshold)
            fill(n, &regions->items[i], values, &hands->hands[hands->hand_count++]);
    }
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_hand_landmarks = {
    .version = PIPE_NODE_VERSION,
    .name = "hand_landmarks",
    .summary = "Finds the 21 landmarks of the hand in each region",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
