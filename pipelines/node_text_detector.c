/* Why: finds where in a frame there is text. The dear one of the nets for text, so it rests while
 * the picture stays as it is. */
#include "pipelines/text_boxes.h"
#include "pipelines/text_change.h"
#include "pipelines/text_image.h"
#include "pipelines/text_motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE         32 /* the net halves its picture five times */
#define LEAST_SIDE     64 /* what the net takes at least */
#define LEAST_HEIGHT   30 /* a frame of fewer rows gets black ones above and below */
#define MOST_ELONGATED 8  /* so does one that is this much wider than high */
#define LEAST_BOX      3  /* sides of a box in the frame, pixels, below which nobody can read it */

struct params {
    const char *model;
    int64_t side, most;
    int limit;
    double threshold, box_threshold, unclip, change, interval;
};

enum { AT_LEAST, AT_MOST };
static const char *const limits[] = {"min", "max", NULL};

static const struct pipe_param params[] = {
    {.name = "model",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, model),
     .required = true,
     .help = "a DB text detection net, as PP-OCR's"},
    {.name = "side",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, side),
     .fallback = 736,
     .min = LEAST_SIDE,
     .max = 8192,
     .help = "side that the picture is scaled to before text is looked for, pixels: `limit`"},
    {.name = "limit",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, limit),
     .choices = limits,
     .help = "min: the shorter side is `side` at least; max: the longer one is `side` at most"},
    {.name = "most",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, most),
     .fallback = 2000,
     .min = LEAST_SIDE,
     .max = 8192,
     .help = "longest side of what text is looked for in, pixels; the net may take less"},
    {.name = "threshold",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, threshold),
     .fallback = 0.3,
     .min = 0.01,
     .max = 0.99,
     .help = "score from which a pixel is of text, 0..1"},
    {.name = "box_threshold",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, box_threshold),
     .fallback = 0.5,
     .min = 0.01,
     .max = 0.99,
     .help = "mean score from which a box is of text, 0..1"},
    {.name = "unclip",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, unclip),
     .fallback = 1.6,
     .min = 0.1,
     .max = 8,
     .help = "how far the net's boxes grow: by area * unclip / circumference"},
    {.name = "change",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, change),
     .fallback = 12,
     .min = -1,
     .max = 255,
     .help =
         "by how much a spot of the picture must change for a new look, 0..255; -1: always look"},
    {.name = "interval",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, interval),
     .fallback = 0.25,
     .min = 0,
     .max = 10,
     .help = "while the picture moves as a whole, rest for so long between two looks, seconds, and "
             "move what was found along with it; 0: look at each change"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "frame", .type = PIPE_FRAME}, {0}};
static const struct pipe_port outputs[] = {{.name = "regions", .type = PIPE_TEXT_REGIONS}, {0}};

struct pipe_node {
    const struct params *params;
    struct base_pool *pool;
    struct pipe_text_net net;
    struct pipe_boxes *boxes;
    struct pipe_text_change *change;
    struct pipe_column *columns;
    struct pipe_text_box found[PIPE_TEXT_REGIONS_MAX];
    struct pipe_text_regions last; /* given again while the picture stays, or moves */

    /* Of the last look. */
    bool is_fresh;          /* no frame came after it yet */
    int64_t rested_ns;      /* the time of the first one that did: a look itself may take long */
    uint32_t width, height; /* 0: there was none */
    struct pipe_profiles looked, now;
    float moved[2]; /* since then */
};

static void destroy(struct pipe_node *n)
{
    if (!n)
        return;
    pipe_boxes_destroy(n->boxes);
    pipe_text_change_destroy(n->change);
    free(n->columns);
    free(n);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    n->pool = setup->pool;
    enum percept_status status = pipe_text_net_open(setup, n->params->model, &n->net, error);
    if (status == PERCEPT_OK && n->net.most_width < LEAST_SIDE)
        status = percept_fail(error, PERCEPT_INVALID, "model '%s': its picture is too small",
                              n->params->model);
    if (status == PERCEPT_OK) {
        uint32_t width = n->net.most_width, height = n->net.most_height;
        n->columns = calloc(width, sizeof *n->columns);
        status = n->columns ? pipe_boxes_create(width > height ? width : height, &n->boxes, error)
                            : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    if (status == PERCEPT_OK)
        status = pipe_text_change_create(&n->change, error);
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

/* ---- sizes ---- */

/* Black rows above and below, each: text that touches the border, or fills it, is not found. */
static uint32_t bars_of(const struct pipe_frame *frame)
{
    if (frame->height > LEAST_HEIGHT && frame->width <= MOST_ELONGATED * frame->height)
        return 0;
    uint32_t height = frame->width / MOST_ELONGATED;
    height = 2 * (height > LEAST_HEIGHT ? height : LEAST_HEIGHT);
    return height > frame->height ? (height - frame->height) / 2 : 0;
}

static uint32_t fitting(double side, uint32_t most)
{
    double steps = rint(side / STRIDE);
    uint32_t whole = steps * STRIDE > most ? most / STRIDE * STRIDE : (uint32_t)steps * STRIDE;
    return whole > LEAST_SIDE ? whole : LEAST_SIDE;
}

/* The picture's size for a frame's: multiples of 32, proportions kept as nearly as they allow. */
static void choose_size(const struct pipe_node *n, uint32_t width, uint32_t height, uint32_t *out_w,
                        uint32_t *out_h)
{
    const struct params *p = n->params;
    if (n->net.fixed) {
        *out_w = n->net.most_width;
        *out_h = n->net.most_height;
        return;
    }
    double shorter = width < height ? width : height, longer = width < height ? height : width;
    double scale = fmin(1, (double)p->most / longer);
    if (p->limit == AT_LEAST)
        scale = fmax(scale, (double)p->side / shorter);
    else
        scale = fmin(scale, (double)p->side / longer);
    scale = fmin(scale, (double)p->most / longer);
    *out_w = fitting(trunc(width * scale), n->net.most_width);
    *out_h = fitting(trunc(height * scale), n->net.most_height);
}

/* ---- frames ---- */

/* From pixels of the map to whole ones of the frame; false when there is too little left of it. */
static bool to_frame(const struct pipe_text_box *box, const struct pipe_picture *map,
                     const struct pipe_frame *frame, uint32_t bars, struct pipe_text_region *region)
{
    float width = (float)frame->width, height = (float)frame->height;
    float scale_x = width / (float)map->width,
          scale_y = (height + 2 * (float)bars) / (float)map->height;
    for (int i = 0; i < 4; i++) {
        float x = roundf(box->corners[i][0] * scale_x),
              y = roundf(box->corners[i][1] * scale_y) - (float)bars;
        region->corners[i][0] = fminf(fmaxf(x, 0), width);
        region->corners[i][1] = fminf(fmaxf(y, 0), height);
    }
    region->score = box->score;
    const float(*corners)[2] = (const float(*)[2])region->corners;
    return pipe_quad_width(corners) > LEAST_BOX && pipe_quad_height(corners) > LEAST_BOX;
}

static enum percept_status detect(struct pipe_node *n, const struct pipe_frame *frame,
                                  struct pipe_text_regions *regions, struct percept_error *error)
{
    const struct pipe_box_options options = {
        (float)n->params->threshold, (float)n->params->box_threshold, (float)n->params->unclip};
    uint32_t width, height, sizes[4] = {0}, bars = bars_of(frame);
    const float *map = NULL;
    choose_size(n, frame->width, frame->height + 2 * bars, &width, &height);
    enum percept_status status = pipe_text_net_resize(&n->net, width, height, error);
    if (status != PERCEPT_OK)
        return status;
    pipe_text_resize(frame, bars, &n->net.input, n->columns, n->pool);
    status = pipe_model_run(n->net.model, error);
    if (status == PERCEPT_OK)
        status = pipe_text_net_output(&n->net, 4, sizes, &map, error);
    if (status != PERCEPT_OK)
        return status;
    if (sizes[0] != 1 || sizes[1] != 1 || sizes[2] != height || sizes[3] != width)
        return percept_fail(error, PERCEPT_INVALID,
                            "model '%s': expected an output [1, 1, %u, %u], as large as its input",
                            n->params->model, height, width);
    size_t found =
        pipe_boxes_find(n->boxes, map, width, height, &options, n->found, PIPE_TEXT_REGIONS_MAX);
    regions->count = 0;
    for (size_t i = 0; i < found; i++)
        if (to_frame(&n->found[i], &n->net.input, frame, bars, &regions->items[regions->count]))
            regions->count++;
    return PERCEPT_OK;
}

/* ---- when to look ---- */

/* Where the last look will do for this frame: how far the picture has moved since then. */
static bool has_moved(struct pipe_node *n, const struct pipe_frame *frame, bool changed)
{
    if (n->is_fresh)
        n->rested_ns = frame->capture_ns;
    n->is_fresh = false;
    int64_t interval_ns = (int64_t)(n->params->interval * 1e9),
            age = frame->capture_ns - n->rested_ns;
    float shift[2];
    if (n->width != frame->width || n->height != frame->height || age < 0 || age >= interval_ns)
        return false;
    if (!changed) /* it rests, but not where it was */
        return true;
    pipe_profiles_measure(frame, &n->now);
    /* What changes in a picture that stays is news. */
    if (!pipe_profiles_shift(&n->looked, &n->now, shift) || (shift[0] == 0 && shift[1] == 0))
        return false;
    memcpy(n->moved, shift, sizeof n->moved);
    return true;
}

static enum percept_status take_look(struct pipe_node *n, const struct pipe_frame *frame,
                                     struct percept_error *error)
{
    enum percept_status status = detect(n, frame, &n->last, error);
    n->width = n->height = 0;
    if (status != PERCEPT_OK)
        return status;
    n->moved[0] = n->moved[1] = 0;
    if (n->params->interval > 0 && n->params->change >= 0) {
        pipe_profiles_measure(frame, &n->looked);
        n->is_fresh = true;
        n->width = frame->width;
        n->height = frame->height;
    }
    return PERCEPT_OK;
}

static void give(const struct pipe_node *n, struct pipe_text_regions *regions)
{
    *regions = n->last;
    memcpy(regions->moved, n->moved, sizeof regions->moved);
    for (uint32_t r = 0; r < regions->count; r++)
        for (int corner = 0; corner < 4; corner++)
            for (int axis = 0; axis < 2; axis++)
                regions->items[r].corners[corner][axis] += n->moved[axis];
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_frame *frame = in[0];
    struct pipe_text_regions *regions = out[0];
    bool changed =
        n->params->change < 0 || pipe_text_change_found(n->change, frame, (float)n->params->change);
    bool is_away = n->moved[0] != 0 || n->moved[1] != 0;
    bool look = (changed || is_away) && !has_moved(n, frame, changed);
    if (look) {
        enum percept_status status = take_look(n, frame, error);
        if (status != PERCEPT_OK) {
            pipe_text_change_forget(n->change);
            return status;
        }
    }
    give(n, regions);
    regions->ran = look;
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_text_detector = {
    .version = PIPE_NODE_VERSION,
    .name = "text_detector",
    .summary = "Finds where in a frame there is text",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
