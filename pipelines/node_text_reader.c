/* Why: reads the lines that were found, each only as often as there is something new to read, and
 * follows them from frame to frame. */
#include "pipelines/text_image.h"
#include "pipelines/text_keys.h"
#include "pipelines/text_language.h"
#include "pipelines/text_order.h"
#include "pipelines/text_tracks.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define UPRIGHT_LEAST (1 / 1.5f) /* width by height below which a line runs down the picture */
#define ANGLE_SURE    0.9f       /* of the classifier, that a line stands on its head */

struct params {
    const char *model, *angle, *keys, *language;
    int64_t least;
    double threshold, carry;
};

static const struct pipe_param params[] = {
    {.name = "model",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, model),
     .required = true,
     .help = "a CTC text recognition net, as PP-OCR's"},
    {.name = "keys",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, keys),
     .required = true,
     .help = "the characters that it knows, one a line in the order of its classes"},
    {.name = "angle",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, angle),
     .help = "a net that tells lines on their head; without one all are taken to be upright"},
    {.name = "least",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, least),
     .fallback = 320,
     .min = 1,
     .max = 1600,
     .help = "columns of the net's picture for short lines: fewer are faster; PP-OCR's are 320"},
    {.name = "threshold",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, threshold),
     .fallback = 0.5,
     .max = 1,
     .help = "mean score of its characters from which a line is text, 0..1"},
    {.name = "carry",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, carry),
     .fallback = 0.5,
     .max = 60,
     .help = "how long a line that is not found any more is kept, seconds"},
    {.name = "language",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, language),
     .fallback_text = "",
     .help = "of lines of which the language cannot be told, ISO 639; default: none"},
    {0},
};

enum { IN_FRAME, IN_REGIONS };
static const struct pipe_port inputs[] = {
    {.name = "frame", .type = PIPE_FRAME},
    {.name = "regions", .type = PIPE_TEXT_REGIONS},
    {0},
};
static const struct pipe_port outputs[] = {{.name = "text", .type = PIPE_TEXT}, {0}};

/* Widths of the net's picture: a line gets the least that it fits in, and is squeezed into the
 * last. As many as prt keeps (runtime/prt.h), so that none is made while frames come. */
static const uint32_t widths[] = {96, 192, 320, 400, 480, 640, 960, 1600};
#define WIDTHS (sizeof widths / sizeof widths[0])

/* Of all pipelines: an id means one line in a daemon's life. */
static atomic_uint last_id;

struct pipe_node {
    const struct params *params;
    struct pipe_text_net net, angle; /* angle.model NULL: none */
    struct pipe_text_keys *keys;
    struct pipe_strip strip;
    bool behind;    /* the last regions were not taken in */
    float moved[2]; /* by how much those that were have moved since they were found */
    struct pipe_text_track tracks[PIPE_TEXT_TRACKS];
};

/* ---- making ---- */

static void destroy(struct pipe_node *n)
{
    if (!n)
        return;
    pipe_text_keys_destroy(n->keys);
    free(n->strip.pixels);
    free(n);
}

static bool is_usable(const struct pipe_node *n, uint32_t width)
{
    return width <= n->net.most_width && (width >= n->params->least || width == widths[WIDTHS - 1]);
}

static uint32_t width_for(const struct pipe_node *n, float used)
{
    uint32_t width = n->net.most_width;
    for (size_t i = 0; i < WIDTHS && !n->net.fixed; i++) {
        if (!is_usable(n, widths[i]))
            continue;
        width = widths[i];
        if ((float)width >= used)
            break;
    }
    return width;
}

/* Steps and classes of what the net gave. */
static enum percept_status read_output(const struct pipe_node *n, const float **data, size_t *steps,
                                       struct percept_error *error)
{
    uint32_t sizes[4] = {0};
    const float *values = NULL;
    enum percept_status status = pipe_text_net_output(&n->net, 3, sizes, &values, error);
    if (status != PERCEPT_OK)
        return status;
    if (sizes[0] != 1 || sizes[2] != pipe_text_keys_classes(n->keys))
        return percept_fail(error, PERCEPT_INVALID,
                            "model '%s' has %u classes; with %s, a blank and a space it would have "
                            "%zu",
                            n->net.name, sizes[2], n->params->keys,
                            pipe_text_keys_classes(n->keys));
    *data = values;
    *steps = sizes[1];
    return PERCEPT_OK;
}

/* All widths once, so that they are there. */
static enum percept_status make_widths(struct pipe_node *n, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    const float *data;
    size_t steps;
    for (size_t i = 0; i < WIDTHS && status == PERCEPT_OK && !n->net.fixed; i++)
        if (is_usable(n, widths[i]))
            status = pipe_text_net_resize(&n->net, widths[i], n->net.input.height, error);
    return status == PERCEPT_OK ? read_output(n, &data, &steps, error) : status;
}

static enum percept_status open_angle(struct pipe_node *n, const struct pipe_node_setup *setup,
                                      struct percept_error *error)
{
    uint32_t sizes[4] = {0};
    const float *data;
    enum percept_status status = pipe_text_net_open(setup, n->params->angle, &n->angle, error);
    if (status == PERCEPT_OK)
        status = pipe_text_net_output(&n->angle, 2, sizes, &data, error);
    if (status == PERCEPT_OK && (sizes[0] != 1 || sizes[1] != 2))
        status = percept_fail(error, PERCEPT_INVALID,
                              "model '%s': expected an output float32[1, 2]: upright, on its head",
                              n->params->angle);
    return status;
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    enum percept_status status = pipe_text_keys_load(n->params->keys, setup->keys, &n->keys, error);
    if (status == PERCEPT_OK && strlen(n->params->language) >= PERCEPT_LANGUAGE_BYTES)
        status = percept_fail(error, PERCEPT_INVALID, "language: expected a code of ISO 639");
    if (status == PERCEPT_OK)
        status = pipe_text_net_open(setup, n->params->model, &n->net, error);
    if (status == PERCEPT_OK)
        status = make_widths(n, error);
    if (status == PERCEPT_OK && n->params->angle)
        status = open_angle(n, setup, error);
    if (status == PERCEPT_OK && !(n->strip.pixels = malloc(PIPE_STRIP_BYTES)))
        status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (status != PERCEPT_OK) {
        destroy(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

/* ---- reading a line ---- */

/* How many of the columns a line takes. */
static uint32_t columns_for(const struct pipe_text_net *net, const float corners[4][2],
                            uint32_t most)
{
    float wanted = ceilf((float)net->input.height * pipe_text_proportion(corners));
    return wanted < (float)most ? (uint32_t)wanted : most;
}

/* As many columns of the net's picture as a line takes. */
static enum percept_status make_room(struct pipe_node *n, const float corners[4][2], uint32_t *used,
                                     struct percept_error *error)
{
    uint32_t columns = columns_for(&n->net, corners, widths[WIDTHS - 1]);
    enum percept_status status =
        pipe_text_net_resize(&n->net, width_for(n, (float)columns), n->net.input.height, error);
    if (status == PERCEPT_OK)
        *used = columns < n->net.input.width ? columns : n->net.input.width;
    return status;
}

/* Does the strip show a line on its head? */
static enum percept_status find_head(struct pipe_node *n, const float corners[4][2], bool *turned,
                                     struct percept_error *error)
{
    uint32_t sizes[4], used;
    const float *upright;
    *turned = false;
    if (!n->angle.model)
        return PERCEPT_OK;
    /* Another model may have run since. */
    enum percept_status status =
        pipe_text_net_resize(&n->angle, n->angle.input.width, n->angle.input.height, error);
    if (status != PERCEPT_OK)
        return status;
    used = columns_for(&n->angle, corners, n->angle.input.width);
    pipe_text_place(&n->strip, false, &n->angle.input, used);
    status = pipe_model_run(n->angle.model, error);
    if (status == PERCEPT_OK)
        status = pipe_text_net_output(&n->angle, 2, sizes, &upright, error);
    if (status == PERCEPT_OK)
        *turned = upright[1] > ANGLE_SURE && upright[1] > upright[0];
    return status;
}

static void take_reading(struct pipe_node *n, struct pipe_text_track *track,
                         const float *probabilities, size_t steps, int64_t capture_ns)
{
    char text[PERCEPT_LINE_BYTES];
    float score = pipe_text_read(n->keys, probabilities, steps, text, sizeof text);
    pipe_text_vote(track, text, text[0] ? score : 0);
    const char *language = pipe_text_language(pipe_text_winner(track)->text);
    strncpy(track->language, language[0] ? language : n->params->language,
            sizeof track->language - 1);
    track->read_ns = capture_ns;
}

static enum percept_status read_line(struct pipe_node *n, const struct pipe_frame *frame,
                                     const float corners[4][2], unsigned turns,
                                     struct pipe_text_track *track, struct percept_error *error)
{
    const float *probabilities;
    uint32_t used;
    size_t steps;
    bool turned;
    pipe_text_cut(frame, corners, &n->strip);
    enum percept_status status = find_head(n, corners, &turned, error);
    if (status == PERCEPT_OK)
        status = make_room(n, corners, &used, error);
    if (status != PERCEPT_OK)
        return status;
    pipe_text_place(&n->strip, turned, &n->net.input, used);
    status = pipe_model_run(n->net.model, error);
    if (status == PERCEPT_OK)
        status = read_output(n, &probabilities, &steps, error);
    if (status == PERCEPT_OK) {
        track->turns = turns + (turned ? 2 : 0);
        take_reading(n, track, probabilities, steps, frame->capture_ns);
    }
    return status;
}

static void place_track(struct pipe_text_track *track, const struct pipe_text_region *region)
{
    memcpy(track->corners, region->corners, sizeof track->corners);
    track->detection_score = region->score;
    track->seen = true;
}

static void begin_track(struct pipe_text_track *track, const struct pipe_text_region *region,
                        int64_t capture_ns)
{
    *track = (struct pipe_text_track){.first_ns = capture_ns};
    do
        track->id = atomic_fetch_add(&last_id, 1) + 1;
    while (!track->id);
    place_track(track, region);
}

/* Look at a region, and read it if the track does not know already what it says. */
static enum percept_status look(struct pipe_node *n, const struct pipe_frame *frame,
                                const struct pipe_text_region *region,
                                struct pipe_text_track *track, struct percept_error *error)
{
    pipe_quad corners;
    const float(*quad)[2] = (const float(*)[2])corners;
    struct pipe_text_glance glance;
    uint32_t used;
    unsigned turns = pipe_text_proportion(region->corners) <= UPRIGHT_LEAST;
    memcpy(corners, region->corners, sizeof corners);
    pipe_quad_turn(corners, turns);
    enum percept_status status = make_room(n, quad, &used, error);
    if (status != PERCEPT_OK)
        return status;
    pipe_text_crop(frame, quad, &n->net.input, used);
    pipe_text_glance(&n->net.input, used, pipe_quad_height(quad), &glance);
    switch (pipe_text_judge(track, &glance)) {
    case PIPE_TEXT_KNOWN:
        return PERCEPT_OK;
    case PIPE_TEXT_OTHER:
        begin_track(track, region, frame->capture_ns);
        break;
    case PIPE_TEXT_CHANGED:
        pipe_text_doubt(track);
        break;
    case PIPE_TEXT_CLEARER:
        break;
    }
    status = read_line(n, frame, quad, turns, track, error);
    if (status == PERCEPT_OK)
        pipe_text_remember(track, &glance);
    return status;
}

/* ---- following lines ---- */

/* A place for a line that is new: a free one, or that of a line not seen for longest. */
static struct pipe_text_track *find_place(struct pipe_node *n)
{
    struct pipe_text_track *track = NULL;
    for (int t = 0; t < PIPE_TEXT_TRACKS; t++) {
        struct pipe_text_track *other = &n->tracks[t];
        if (!other->id) {
            track = other;
            break;
        }
        if (!other->seen && (!track || other->seen_ns < track->seen_ns))
            track = other;
    }
    return track; /* there are more places than regions */
}

static enum percept_status follow(struct pipe_node *n, const struct pipe_frame *frame,
                                  const struct pipe_text_regions *regions,
                                  struct percept_error *error)
{
    int track_of[PIPE_TEXT_REGIONS_MAX];
    pipe_text_tracks_match(n->tracks, regions, track_of);
    for (int t = 0; t < PIPE_TEXT_TRACKS; t++)
        n->tracks[t].seen = false;
    /* First those that go on, or a new one could take their place. */
    for (uint32_t r = 0; r < regions->count; r++)
        if (track_of[r] >= 0)
            n->tracks[track_of[r]].seen = true;
    for (uint32_t r = 0; r < regions->count; r++) {
        const struct pipe_text_region *region = &regions->items[r];
        struct pipe_text_track *track;
        if (track_of[r] >= 0) {
            track = &n->tracks[track_of[r]];
            place_track(track, region);
        } else {
            track = find_place(n);
            begin_track(track, region, frame->capture_ns);
        }
        enum percept_status status = look(n, frame, region, track, error);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

/* Along with the picture. */
static void move(struct pipe_node *n, const float moved[2])
{
    float by[2] = {moved[0] - n->moved[0], moved[1] - n->moved[1]};
    memcpy(n->moved, moved, sizeof n->moved);
    for (struct pipe_text_track *track = n->tracks; track < n->tracks + PIPE_TEXT_TRACKS; track++)
        for (int corner = 0; corner < 4 && track->id && track->seen; corner++)
            for (int axis = 0; axis < 2; axis++)
                track->corners[corner][axis] += by[axis];
}

static void age(struct pipe_node *n, int64_t capture_ns)
{
    int64_t carry_ns = (int64_t)(n->params->carry * 1e9);
    for (int t = 0; t < PIPE_TEXT_TRACKS; t++) {
        struct pipe_text_track *track = &n->tracks[t];
        if (track->seen)
            track->seen_ns = capture_ns;
        else if (capture_ns - track->seen_ns > carry_ns)
            track->id = 0;
    }
}

/* ---- what is published ---- */

static bool is_text(const struct pipe_node *n, const struct pipe_text_track *track)
{
    const struct pipe_text_vote *winner = track->id ? pipe_text_winner(track) : NULL;
    return winner && winner->text[0] && winner->best >= (float)n->params->threshold;
}

static void fill(const struct pipe_text_track *track, struct percept_text_line *line)
{
    const struct pipe_text_vote *winner = pipe_text_winner(track);
    line->id = track->id;
    line->detection_score = track->detection_score;
    line->score = winner->best;
    line->seen = track->seen;
    memcpy(line->corners, track->corners, sizeof line->corners);
    pipe_quad_turn(line->corners, track->turns);
    line->first_ns = track->first_ns;
    line->read_ns = track->read_ns;
    memcpy(line->language, track->language, sizeof line->language);
    memcpy(line->text, winner->text, sizeof line->text);
}

static void publish(const struct pipe_node *n, struct percept_text *text)
{
    const struct pipe_text_track *shown[PERCEPT_TEXT_LINES_MAX];
    pipe_quad corners[PERCEPT_TEXT_LINES_MAX];
    uint32_t order[PERCEPT_TEXT_LINES_MAX];
    /* Those in view first, for there may be too many. */
    for (int pass = 0; pass < 2; pass++)
        for (int t = 0; t < PIPE_TEXT_TRACKS && text->line_count < PERCEPT_TEXT_LINES_MAX; t++)
            if (n->tracks[t].seen == (pass == 0) && is_text(n, &n->tracks[t]))
                shown[text->line_count++] = &n->tracks[t];
    for (uint32_t i = 0; i < text->line_count; i++) {
        memcpy(corners[i], shown[i]->corners, sizeof corners[i]);
        pipe_quad_turn(corners[i], shown[i]->turns);
    }
    pipe_text_order((const pipe_quad *)corners, text->line_count, order);
    for (uint32_t i = 0; i < text->line_count; i++)
        fill(shown[order[i]], &text->lines[i]);
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_frame *frame = in[IN_FRAME];
    const struct pipe_text_regions *regions = in[IN_REGIONS];
    struct percept_text *text = out[0];
    if (regions->ran || n->behind) {
        enum percept_status status = follow(n, frame, regions, error);
        n->behind = status != PERCEPT_OK;
        if (status != PERCEPT_OK)
            return status;
        memcpy(n->moved, regions->moved, sizeof n->moved);
    } else {
        move(n, regions->moved);
    }
    age(n, frame->capture_ns);
    *text = (struct percept_text){
        .capture_ns = frame->capture_ns,
        .frame = frame->number,
        .image_width = frame->width,
        .image_height = frame->height,
    };
    publish(n, text);
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_text_reader = {
    .version = PIPE_NODE_VERSION,
    .name = "text_reader",
    .summary = "Reads the lines of text that were found, and follows them",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
