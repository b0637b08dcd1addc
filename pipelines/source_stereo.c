/* Why: a stereo camera's recording is two files an instant, or both eyes in one picture; here they
 * are frames with two eyes. */
#include "pipelines/file_list.h"
#include "pipelines/pan.h"
#include "pipelines/source.h"
#include "pipelines/video_reader.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct params {
    struct pipe_texts left, right, side_by_side;
    double rate, zoom;
    int64_t loop, max_pixels, pan, width, height;
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
    {.name = "rate",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, rate),
     .fallback = 30,
     .max = 1000,
     .help = "frames per second; 0: as fast as the pipeline takes them"},
    {.name = "loop",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, loop),
     .fallback = 1,
     .max = 1000000000,
     .help = "how many times all of it is played; 0: for ever"},
    {.name = "max_pixels",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, max_pixels),
     .fallback = 1920 * 1080,
     .min = 1,
     .max = 268435456,
     .help = "width * height of the largest eye that is taken"},
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

struct reader {
    struct pipe_file_list files;
    struct pipe_video *video; /* of the file at hand, while it has frames */
};

struct pipe_source {
    const struct params *params;
    struct reader readers[EYES]; /* side by side: the first for both */
    unsigned reader_count;
    bool *bad;   /* of each file, or pair: was reported, is not tried again */
    size_t next; /* file */
    bool inside; /* the file before next has frames left */
    size_t good_this_round;
    int64_t round;
    uint64_t frames; /* given so far */
    struct pipe_frame_pool *pool;
    struct pipe_frame *pictures[EYES]; /* read, and yet to be cut or panned over */
    uint32_t panned;                   /* frames of the pictures given; 0: none are there */
    int64_t skew_ns;
};

/* ---- making one ---- */

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    for (unsigned e = 0; e < EYES; e++) {
        pipe_video_close(s->readers[e].video);
        pipe_file_list_free(&s->readers[e].files);
        pipe_frame_unref(s->pictures[e]);
    }
    pipe_frame_pool_destroy(s->pool);
    free(s->bad);
    free(s);
}

static enum percept_status list_files(struct pipe_source *s, struct percept_error *error)
{
    const struct params *p = s->params;
    bool both = p->side_by_side.count != 0;
    if (both ? p->left.count || p->right.count : !p->left.count || !p->right.count)
        return percept_fail(error, PERCEPT_INVALID,
                            "expected either left and right, or side_by_side");
    s->reader_count = both ? 1 : EYES;
    enum percept_status status =
        pipe_file_list_fill(&s->readers[LEFT].files, both ? &p->side_by_side : &p->left, error);
    if (status == PERCEPT_OK && !both)
        status = pipe_file_list_fill(&s->readers[RIGHT].files, &p->right, error);
    size_t left = s->readers[LEFT].files.count, right = s->readers[RIGHT].files.count;
    if (status == PERCEPT_OK && !both && left != right)
        return percept_fail(error, PERCEPT_INVALID, "%zu files of the left eye, %zu of the right",
                            left, right);
    return status;
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = setup->params;
    enum percept_status status = list_files(s, error);
    if (status == PERCEPT_OK)
        status = pipe_frame_pool_create(EYES, &s->pool, error);
    if (status == PERCEPT_OK) {
        s->bad = calloc(s->readers[LEFT].files.count, sizeof *s->bad);
        s->pictures[LEFT] = pipe_frame_get(s->pool);
        s->pictures[RIGHT] = pipe_frame_get(s->pool);
        if (!s->bad)
            status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    if (status != PERCEPT_OK) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

/* ---- pictures ---- */

static void close_files(struct pipe_source *s)
{
    for (unsigned e = 0; e < s->reader_count; e++) {
        pipe_video_close(s->readers[e].video);
        s->readers[e].video = NULL;
    }
    s->inside = false;
}

static enum percept_status open_files(struct pipe_source *s, struct percept_error *error)
{
    size_t most = (size_t)s->params->max_pixels * (s->reader_count == 1 ? 2 : 1);
    for (unsigned e = 0; e < s->reader_count; e++) {
        const char *path = s->readers[e].files.items[s->next].path;
        struct percept_error cause = {0};
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
        enum percept_status status = fd < 0
                                         ? percept_fail_errno(&cause, errno, "open")
                                         : pipe_video_open(fd, most, &s->readers[e].video, &cause);
        if (status != PERCEPT_OK)
            return percept_fail_at(error, status, path, 0, 0, "%s", cause.message);
    }
    s->inside = true;
    return PERCEPT_OK;
}

/* The next picture of each file at hand, in step. END: they have no more. */
static enum percept_status read_pictures(struct pipe_source *s, struct percept_error *error)
{
    enum percept_status statuses[EYES] = {PERCEPT_OK, PERCEPT_OK};
    int64_t times[EYES] = {0};
    for (unsigned e = 0; e < s->reader_count; e++) {
        struct percept_error cause = {0};
        statuses[e] = pipe_video_next(s->readers[e].video, s->pictures[e], &times[e], &cause);
        if (statuses[e] != PERCEPT_OK && statuses[e] != PERCEPT_END)
            return percept_fail_at(error, statuses[e], s->readers[e].files.items[s->next - 1].path,
                                   0, 0, "%s", cause.message);
    }
    if (s->reader_count == EYES && statuses[LEFT] != statuses[RIGHT])
        return percept_fail_at(
            error, PERCEPT_MALFORMED,
            s->readers[statuses[LEFT] ? LEFT : RIGHT].files.items[s->next - 1].path, 0, 0,
            "fewer frames than the other eye's file");
    s->skew_ns = s->reader_count == EYES ? times[RIGHT] - times[LEFT] : 0;
    return statuses[LEFT];
}

/* Half of a picture that has both. */
static enum percept_status take_half(const struct pipe_frame *both, unsigned eye,
                                     struct pipe_frame *out, struct percept_error *error)
{
    uint32_t width = both->width / 2;
    enum percept_status status = pipe_frame_resize(out, width, both->height, error);
    for (uint32_t y = 0; y < both->height && status == PERCEPT_OK; y++)
        memcpy(out->pixels + (size_t)y * out->stride,
               both->pixels + (size_t)y * both->stride + (size_t)eye * width * 3,
               (size_t)width * 3);
    return status;
}

static enum percept_status copy(const struct pipe_frame *from, struct pipe_frame *out,
                                struct percept_error *error)
{
    enum percept_status status = pipe_frame_resize(out, from->width, from->height, error);
    for (uint32_t y = 0; y < from->height && status == PERCEPT_OK; y++)
        memcpy(out->pixels + (size_t)y * out->stride, from->pixels + (size_t)y * from->stride,
               (size_t)from->width * 3);
    return status;
}

/* Both eyes in s->pictures. */
static enum percept_status split(struct pipe_source *s, struct percept_error *error)
{
    struct pipe_frame *both = s->pictures[LEFT], *other = s->pictures[RIGHT];
    if (s->reader_count == EYES)
        return PERCEPT_OK;
    if (both->width % 2)
        return percept_fail_at(error, PERCEPT_MALFORMED,
                               s->readers[LEFT].files.items[s->next - 1].path, 0, 0,
                               "two eyes side by side in %u columns", both->width);
    enum percept_status status = take_half(both, RIGHT, other, error);
    /* The left half is where it is, in rows that are longer than it is wide. */
    both->width /= 2;
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
                        : copy(s->pictures[e], out[e], error);
    frame->skew_ns = s->skew_ns;
    s->panned = status == PERCEPT_OK && s->panned + 1 < pan.frames ? s->panned + 1 : 0;
    return status;
}

/* ---- all of them ---- */

static enum percept_status end_of_round(struct pipe_source *s, struct percept_error *error)
{
    size_t good = s->good_this_round;
    s->good_this_round = 0;
    s->next = 0;
    s->round++;
    if (good == 0)
        return percept_fail(error, PERCEPT_NOT_FOUND, "none of %zu files could be read",
                            s->readers[LEFT].files.count);
    return s->params->loop != 0 && s->round >= s->params->loop ? PERCEPT_END : PERCEPT_OK;
}

/* One step: a frame (OK), or nothing this time (END), or a fault. */
static enum percept_status step(struct pipe_source *s, struct pipe_frame *frame,
                                struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    if (s->panned)
        return give(s, frame, error);
    if (!s->inside && s->bad[s->next]) {
        s->next++;
        return PERCEPT_END;
    }
    if (!s->inside) {
        status = open_files(s, error);
        s->next++;
    }
    if (status == PERCEPT_OK)
        status = read_pictures(s, error);
    if (status == PERCEPT_OK)
        status = split(s, error);
    if (status == PERCEPT_OK)
        status = give(s, frame, error);
    if (status == PERCEPT_OK)
        return status;
    close_files(s);
    if (status == PERCEPT_END || status == PERCEPT_NO_MEMORY)
        return status;
    s->bad[s->next - 1] = true;
    return PERCEPT_MALFORMED;
}

static enum percept_status next(struct pipe_source *s, struct pipe_frame *frame, int64_t *time_ns,
                                struct percept_error *error)
{
    for (;;) {
        enum percept_status status;
        if (s->panned || s->inside || s->next < s->readers[LEFT].files.count) {
            status = step(s, frame, error);
            if (status == PERCEPT_OK) {
                double rate = s->params->rate;
                *time_ns = rate > 0 ? (int64_t)((double)s->frames * 1e9 / rate) : 0;
                s->frames++;
                s->good_this_round++;
            }
            if (status != PERCEPT_END)
                return status;
        } else {
            status = end_of_round(s, error);
            if (status != PERCEPT_OK)
                return status;
        }
    }
}

static size_t max_pixels(const struct pipe_source *s)
{
    return (size_t)s->params->max_pixels;
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
