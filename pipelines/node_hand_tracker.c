/*
 * Why: a hand moves little from one frame to the next, so its landmarks say where to look for it
 * now, and the detector may rest. This node decides both: where the hands of the last frame are
 * looked for, and whether others are.
 */
#include "pipelines/hand_geometry.h"
#include "pipelines/node.h"

#include "base/clock.h"

#include <stdlib.h>

struct params {
    int64_t max_hands;
    double search_ms, forget_ms, overlap;
};

static const struct pipe_param params[] = {
    {.name = "max_hands",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, max_hands),
     .fallback = PERCEPT_HANDS_MAX,
     .min = 1,
     .max = PERCEPT_HANDS_MAX,
     .help = "hands to follow at once"},
    {.name = "search_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, search_ms),
     .fallback = 100,
     .min = 0,
     .max = 60000,
     .help = "while some hand is followed and none was just lost, look for another only so often, "
             "milliseconds; 0: in every frame"},
    {.name = "forget_ms",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, forget_ms),
     .fallback = 500,
     .min = 1,
     .max = 60000,
     .help = "after a gap between frames longer than this nothing is followed, milliseconds"},
    {.name = "overlap",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, overlap),
     .fallback = 0.5,
     .min = 0.01,
     .max = 1,
     .help = "regions that overlap more (intersection over union) show one hand"},
    {0},
};

enum { IN_FRAME, IN_HANDS };
static const struct pipe_port inputs[] = {
    {.name = "frame", .type = PIPE_FRAME},
    {.name = "hands", .type = PIPE_HANDS}, /* of the previous frame */
    {0},
};
static const struct pipe_port outputs[] = {{.name = "regions", .type = PIPE_REGIONS}, {0}};

struct pipe_node {
    const struct params *params;
    int64_t searched_ns; /* capture time of the frame of the last search; 0: never */
    uint32_t followed;   /* hands that the last frame's regions were for */
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

/* Do the last frame's hands say anything about this frame? */
static bool same_scene(const struct pipe_node *n, const struct pipe_frame *frame,
                       const struct percept_hands *hands)
{
    return hands && hands->image_width == frame->width && hands->image_height == frame->height &&
           (double)(frame->capture_ns - hands->capture_ns) < n->params->forget_ms * 1e6;
}

/* Two that came to look at one hand: the one that is older stays. */
static bool duplicate(const struct pipe_node *n, const struct percept_hands *hands, uint32_t index,
                      const struct pipe_square *square)
{
    for (uint32_t i = 0; i < hands->hand_count; i++) {
        if (i == index || hands->hands[i].id > hands->hands[index].id)
            continue;
        struct pipe_square other = pipe_square_from_landmarks(hands->hands[i].image);
        if (pipe_square_overlap(&other, square) > (float)n->params->overlap)
            return true;
    }
    return false;
}

static void follow(const struct pipe_node *n, const struct percept_hands *hands,
                   struct pipe_regions *regions)
{
    for (uint32_t i = 0; i < hands->hand_count && regions->count < n->params->max_hands; i++) {
        struct pipe_square square = pipe_square_from_landmarks(hands->hands[i].image);
        if (square.side < 1 || duplicate(n, hands, i, &square))
            continue;
        regions->items[regions->count++] = (struct pipe_region){
            .square = square,
            .id = hands->hands[i].id,
            .detection_score = hands->hands[i].detection_score,
        };
    }
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_frame *frame = in[IN_FRAME];
    const struct percept_hands *hands = in[IN_HANDS];
    struct pipe_regions *regions = out[0];
    (void)error;
    *regions = (struct pipe_regions){0};
    if (same_scene(n, frame, hands))
        follow(n, hands, regions);
    uint32_t open = (uint32_t)n->params->max_hands - regions->count;
    bool lost = regions->count < n->followed;
    bool due = (double)(frame->capture_ns - n->searched_ns) >= n->params->search_ms * 1e6;
    if (open > 0 && (regions->count == 0 || lost || due)) {
        regions->wanted = open;
        n->searched_ns = frame->capture_ns;
    }
    n->followed = regions->count;
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_hand_tracker = {
    .version = PIPE_NODE_VERSION,
    .name = "hand_tracker",
    .summary = "Says where to look for the hands of the last frame, and whether for more",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
