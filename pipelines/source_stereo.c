/* Why: a stereo camera's recording is two files an instant, or both eyes in one picture; here they
 * are frames with two eyes. */
#include "pipelines/file_pairs.h"
#include "pipelines/pan.h"
#include "pipelines/pose_track.h"
#include "pipelines/source.h"

#include <stdlib.h>
#include <string.h>

struct params {
    struct pipe_texts left, right, side_by_side;
    const char *poses;
    struct pipe_play_params play;
    double zoom;
    int64_t pan, width, height;
};

static const struct pipe_param params[] = {
    {.name = "left",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct params, left),
     .help = "the left eye's images or videos: files, folders (their files by name) or globs"},
    {.name = "right",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct params, right),
     .help = "the right eye's, as many, in the same order"},
    {.name = "side_by_side",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct params, side_by_side),
     .help = "instead: images or videos whose left half is the left eye's"},
    PIPE_PLAY_PARAMS(params, "an eye", 30, "as fast as the pipeline takes them"),
    {.name = "poses",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, poses),
     .help = "where the left eye was, lines of `t x y z qx qy qz qw` (TUM's format)"},
    {.name = "pan",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, pan),
     .max = 100000,
     .help = "so many frames of each picture, through a view that wanders over it; 0: the picture"},
    {.name = "width",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, width),
     .fallback = 640,
     .min = 16,
     .max = PIPE_FRAME_MAX_SIDE,
     .help = "of that view, pixels"},
    {.name = "height",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, height),
     .fallback = 480,
     .min = 16,
     .max = PIPE_FRAME_MAX_SIDE,
     .help = "of that view, pixels"},
    {.name = "zoom",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, zoom),
     .fallback = 1.25,
     .min = 1,
     .max = 8,
     .help = "how near that view comes: pixels of it for one of the picture"},
    {0},
};

enum { LEFT, RIGHT, EYES };

struct pipe_source {
    const struct params *params;
    struct pipe_file_pairs *pairs;
    bool side_by_side;
    struct pose_track *poses; /* NULL: none */
    uint64_t frames;          /* given so far */
    struct pipe_frame_pool *pool;
    struct pipe_frame *pictures[EYES]; /* read, and yet to be cut or panned over */
    uint32_t panned;                   /* frames of the pictures given; 0: none are there */
    int64_t skew_ns;
    struct pipe_pose pose; /* of the pictures */
};

/* ---- making one ---- */

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_file_pairs_destroy(s->pairs);
    pose_track_destroy(s->poses);
    for (unsigned e = 0; e < EYES; e++)
        pipe_frame_unref(s->pictures[e]);
    pipe_frame_pool_destroy(s->pool);
    free(s);
}

static enum percept_status take(void *context, unsigned eye, struct pipe_video *video,
                                int64_t *time_ns, struct percept_error *error)
{
    struct pipe_source *s = context;
    return pipe_video_next(video, s->pictures[eye], time_ns, error);
}

static enum percept_status open_files(struct pipe_source *s, struct percept_error *error)
{
    const struct params *p = s->params;
    size_t most = (size_t)p->play.max_pixels;
    struct pipe_file_pairs_options options = {
        .paths = {&p->left, &p->right},
        .names = {"the left eye", "the right"},
        .max_pixels = {most, most},
        .loop = p->play.loop,
        .take = take,
        .context = s,
    };
    s->side_by_side = p->side_by_side.count != 0;
    if (s->side_by_side ? p->left.count || p->right.count : !p->left.count || !p->right.count)
        return percept_fail(error, PERCEPT_INVALID,
                            "expected either left and right, or side_by_side");
    if (s->side_by_side) {
        options.paths[LEFT] = &p->side_by_side;
        options.paths[RIGHT] = NULL;
        options.max_pixels[LEFT] = 2 * most;
    }
    return pipe_file_pairs_create(&options, &s->pairs, error);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = setup->params;
    enum percept_status status = open_files(s, error);
    if (status == PERCEPT_OK && s->params->poses)
        status = pose_track_read(s->params->poses, &s->poses, error);
    if (status == PERCEPT_OK)
        status = pipe_frame_pool_create(EYES, &s->pool, error);
    if (status != PERCEPT_OK) {
        destroy(s);
        return status;
    }
    s->pictures[LEFT] = pipe_frame_get(s->pool);
    s->pictures[RIGHT] = pipe_frame_get(s->pool);
    *source = s;
    return PERCEPT_OK;
}

/* ---- pictures ---- */

/* Both eyes in s->pictures. */
static enum percept_status split(struct pipe_source *s, struct percept_error *error)
{
    struct pipe_frame *both = s->pictures[LEFT], *other = s->pictures[RIGHT];
    if (!s->side_by_side)
        return PERCEPT_OK;
    if (both->width % 2)
        return percept_fail_at(error, PERCEPT_MALFORMED, pipe_file_pairs_path(s->pairs, LEFT), 0, 0,
                               "two eyes side by side in %u columns", both->width);
    uint32_t width = both->width / 2;
    enum percept_status status = pipe_frame_take_columns(both, width, width, other, error);
    /* The left half is where it is, in rows that are longer than it is wide. */
    both->width = width;
    return status;
}

static enum percept_status read_pictures(struct pipe_source *s, struct percept_error *error)
{
    int64_t times[EYES] = {0};
    enum percept_status status = pipe_file_pairs_next(s->pairs, times, error);
    if (status != PERCEPT_OK)
        return status;
    s->skew_ns = s->side_by_side ? 0 : times[RIGHT] - times[LEFT];
    s->pose = pose_track_of_file(s->poses, pipe_file_pairs_path(s->pairs, LEFT), times[LEFT],
                                 pipe_file_pairs_index(s->pairs), s->params->play.rate);
    status = split(s, error);
    if (status != PERCEPT_OK && status != PERCEPT_NO_MEMORY) {
        pipe_file_pairs_reject(s->pairs);
        return PERCEPT_MALFORMED;
    }
    return status;
}

static enum percept_status give(struct pipe_source *s, struct pipe_frame *frame,
                                struct percept_error *error)
{
    const struct params *p = s->params;
    const struct pipe_pan pan = {(uint32_t)p->width, (uint32_t)p->height, p->zoom,
                                 (uint32_t)(p->pan ? p->pan : 1)};
    struct pipe_frame *right = pipe_frame_add_right(frame);
    struct pipe_frame *const out[EYES] = {frame, right};
    enum percept_status status = PERCEPT_OK;
    for (unsigned e = 0; e < EYES && status == PERCEPT_OK; e++)
        status = p->pan ? pipe_pan(&pan, s->panned, s->pictures[e], out[e], error)
                        : pipe_frame_take_columns(s->pictures[e], 0, s->pictures[e]->width, out[e],
                                                  error);
    frame->skew_ns = s->skew_ns;
    frame->pose = s->pose;
    s->panned = status == PERCEPT_OK && s->panned + 1 < pan.frames ? s->panned + 1 : 0;
    return status;
}

static enum percept_status next(struct pipe_source *s, struct pipe_frame *frame, int64_t *time_ns,
                                struct percept_error *error)
{
    enum percept_status status = s->panned ? PERCEPT_OK : read_pictures(s, error);
    if (status == PERCEPT_OK)
        status = give(s, frame, error);
    if (status != PERCEPT_OK)
        return status;
    double rate = s->params->play.rate;
    *time_ns = rate > 0 ? (int64_t)((double)s->frames * 1e9 / rate) : 0;
    s->frames++;
    return status;
}

static size_t max_pixels(const struct pipe_source *s)
{
    return (size_t)s->params->play.max_pixels;
}

const struct pipe_source_class pipe_source_stereo_files = {
    .name = "stereo_files",
    .summary = "Stereo images and videos: two files an instant, or both eyes side by side in one",
    .recorded = true,
    .output = PIPE_STEREO,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .next = next,
    .max_pixels = max_pixels,
    .destroy = destroy,
};
