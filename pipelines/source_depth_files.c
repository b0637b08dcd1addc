/* Why: what an RGB-D or time-of-flight camera recorded is pictures whose grey is a distance, often
 * with a photo beside each. */
#include "pipelines/file_pairs.h"
#include "pipelines/pose_track.h"
#include "pipelines/source.h"

#include <stdlib.h>

struct params {
    struct pipe_texts depth, colour;
    const char *poses;
    double unit;
    struct pipe_play_params play;
};

static const struct pipe_param params[] = {
    {.name = "depth",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct params, depth),
     .required = true,
     .help = "images or lossless videos of 16-bit grey, 0 where nothing was measured: files, "
             "folders (their files by name) or globs"},
    {.name = "colour",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct params, colour),
     .help = "photos of the same view, as many, in the same order; none: depths are drawn"},
    {.name = "unit",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, unit),
     .fallback = 0.001,
     .min = 1e-6,
     .max = 1,
     .help = "metres of a grey value of one"},
    {.name = "poses",
     .kind = PIPE_PARAM_PATH,
     .offset = offsetof(struct params, poses),
     .help = "where the camera was, lines of `t x y z qx qy qz qw` (TUM's format)"},
    PIPE_PLAY_PARAMS(params, "an image", 30, "as fast as the pipeline takes them"),
    {0},
};

enum { DEPTH, COLOUR };

struct pipe_source {
    const struct params *params;
    struct pipe_file_pairs *pairs;
    struct pose_track *poses; /* NULL: none */
    struct pipe_frame *frame; /* being filled */
    uint64_t frames;          /* given so far */
};

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_file_pairs_destroy(s->pairs);
    pose_track_destroy(s->poses);
    free(s);
}

static enum percept_status take(void *context, unsigned list, struct pipe_video *video,
                                int64_t *time_ns, struct percept_error *error)
{
    struct pipe_source *s = context;
    return list == DEPTH ? pipe_video_next_depth(video, s->frame, time_ns, error)
                         : pipe_video_next(video, s->frame, time_ns, error);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    const struct params *p = setup->params;
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = p;
    const struct pipe_file_pairs_options options = {
        .paths = {&p->depth, p->colour.count ? &p->colour : NULL},
        .names = {"depths", "photos"},
        .max_pixels = {(size_t)p->play.max_pixels, (size_t)p->play.max_pixels},
        .loop = p->play.loop,
        .take = take,
        .context = s,
    };
    enum percept_status status = pipe_file_pairs_create(&options, &s->pairs, error);
    if (status == PERCEPT_OK && p->poses)
        status = pose_track_read(p->poses, &s->poses, error);
    if (status != PERCEPT_OK) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

static enum percept_status next(struct pipe_source *s, struct pipe_frame *frame, int64_t *time_ns,
                                struct percept_error *error)
{
    const struct params *p = s->params;
    int64_t times[PIPE_PAIR_MOST] = {0};
    s->frame = frame;
    enum percept_status status = pipe_file_pairs_next(s->pairs, times, error);
    if (status != PERCEPT_OK)
        return status;
    frame->raw->unit_m = p->unit;
    frame->raw->has_photo = p->colour.count != 0;
    if (!frame->raw->has_photo)
        status = pipe_frame_draw_depth(frame, error);
    frame->skew_ns = frame->raw->has_photo ? times[COLOUR] - times[DEPTH] : 0;
    frame->pose = pose_track_of_file(s->poses, pipe_file_pairs_path(s->pairs, DEPTH), times[DEPTH],
                                     pipe_file_pairs_index(s->pairs), p->play.rate);
    *time_ns = p->play.rate > 0 ? (int64_t)((double)s->frames * 1e9 / p->play.rate) : 0;
    s->frames++;
    return status;
}

static size_t max_pixels(const struct pipe_source *s)
{
    return (size_t)s->params->play.max_pixels;
}

const struct pipe_source_class pipe_source_depth_files = {
    .name = "depth_files",
    .summary = "What a camera that measures depth recorded: 16-bit images, and photos beside them",
    .recorded = true,
    .output = PIPE_RGBD,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .next = next,
    .max_pixels = max_pixels,
    .destroy = destroy,
};
