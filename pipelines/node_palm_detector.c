/* Why: finds hands nobody follows yet. The dearest net of the pipeline, so it looks only when
 * asked.
 */
#include "pipelines/node.h"
#include "pipelines/palm.h"
#include "pipelines/warp.h"

#include <stdlib.h>

struct params {
    const char *model;
    double threshold, overlap;
};

static const struct pipe_param params[] = {
    {.name = "model",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, model),
     .required = true,
     .help = "a palm detection net"},
    {.name = "threshold",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, threshold),
     .fallback = 0.5,
     .min = 0.01,
     .max = 0.99,
     .help = "score from which a palm counts, 0..1"},
    {.name = "overlap",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, overlap),
     .fallback = 0.3,
     .min = 0,
     .max = 1,
     .help = "boxes that overlap more (intersection over union) are one palm"},
    {0},
};

enum { IN_FRAME, IN_TRACKED };
static const struct pipe_port inputs[] = {
    {.name = "frame", .type = PIPE_FRAME},
    {.name = "tracked", .type = PIPE_REGIONS, .optional = true},
    {0},
};
static const struct pipe_port outputs[] = {{.name = "detections", .type = PIPE_DETECTIONS}, {0}};

struct pipe_node {
    const struct params *params;
    struct pipe_model *model;
    struct pipe_image_input input;
    size_t anchor_count;
    size_t boxes_output, scores_output; /* nets give them in either order */
    float (*anchors)[2];
    struct pipe_detection *candidates;
};

static void destroy(struct pipe_node *n)
{
    if (!n)
        return;
    free(n->anchors);
    free(n->candidates);
    free(n);
}

static enum percept_status find_outputs(struct pipe_node *n, struct percept_error *error)
{
    const float *data;
    size_t boxes = n->anchor_count * PIPE_PALM_VALUES;
    n->boxes_output = pipe_model_output(n->model, 0, boxes, &data, NULL) != PERCEPT_OK;
    n->scores_output = !n->boxes_output;
    enum percept_status status = pipe_model_output(n->model, n->boxes_output, boxes, &data, error);
    return status == PERCEPT_OK
               ? pipe_model_output(n->model, n->scores_output, n->anchor_count, &data, error)
               : status;
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    enum percept_status status = setup->open_model(setup->host, n->params->model, &n->model, error);
    if (status == PERCEPT_OK)
        status = pipe_model_image_input(n->model, &n->input, error);
    if (status == PERCEPT_OK) {
        n->anchor_count = pipe_palm_anchor_count(n->input.size);
        n->anchors = calloc(n->anchor_count + 1, sizeof *n->anchors);
        n->candidates = calloc(n->anchor_count + 1, sizeof *n->candidates);
        if (n->anchor_count == 0)
            status = percept_fail(error, PERCEPT_INVALID,
                                  "model '%s': expected an input of a multiple of 16 pixels, it "
                                  "is %u",
                                  n->params->model, n->input.size);
        else if (!n->anchors || !n->candidates)
            status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        else
            status = find_outputs(n, error);
    }
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    pipe_palm_anchors(n->input.size, n->anchors);
    *node = n;
    return PERCEPT_OK;
}

/* From pixels of the letterbox to pixels of the image. */
static void to_image(struct pipe_detection *d, const struct pipe_square *square, uint32_t size)
{
    float scale = square->side / (float)size;
    float left = square->x - square->side / 2, top = square->y - square->side / 2;
    d->left = left + d->left * scale;
    d->top = top + d->top * scale;
    d->width *= scale;
    d->height *= scale;
    for (size_t k = 0; k < PIPE_PALM_KEYPOINTS; k++) {
        d->keypoints[k][0] = left + d->keypoints[k][0] * scale;
        d->keypoints[k][1] = top + d->keypoints[k][1] * scale;
    }
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_frame *frame = in[IN_FRAME];
    const struct pipe_regions *tracked = in[IN_TRACKED];
    struct pipe_detections *detections = out[0];
    const float *boxes, *scores;
    detections->count = 0;
    detections->ran = !tracked || tracked->wanted > 0;
    if (!detections->ran)
        return PERCEPT_OK;
    struct pipe_square square = pipe_letterbox(frame->width, frame->height);
    pipe_warp(frame, &square, &n->input);
    enum percept_status status = pipe_model_run(n->model, error);
    if (status == PERCEPT_OK)
        status = pipe_model_output(n->model, n->boxes_output, n->anchor_count * PIPE_PALM_VALUES,
                                   &boxes, error);
    if (status == PERCEPT_OK)
        status = pipe_model_output(n->model, n->scores_output, n->anchor_count, &scores, error);
    if (status != PERCEPT_OK)
        return status;
    size_t candidates =
        pipe_palm_decode(boxes, scores, (const float(*)[2])n->anchors, n->anchor_count,
                         (float)n->params->threshold, n->candidates);
    detections->count =
        (uint32_t)pipe_palm_suppress(n->candidates, candidates, (float)n->params->overlap,
                                     detections->items, PIPE_MAX_DETECTIONS);
    for (uint32_t i = 0; i < detections->count; i++)
        to_image(&detections->items[i], &square, n->input.size);
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_palm_detector = {
    .version = PIPE_NODE_VERSION,
    .name = "palm_detector",
    .summary = "Finds palms in a frame",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
