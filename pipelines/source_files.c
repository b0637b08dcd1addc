/*
 * Why: recorded input is what demos, tests and benchmarks run on. Photos, animations and videos are
 * the same here: files that give one frame or many, in sequence, any number of times.
 */
#include "pipelines/file_list.h"
#include "pipelines/jpeg.h"
#include "pipelines/source.h"
#include "pipelines/video_reader.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_JPEG_BYTES (64 << 20)

struct params {
    struct pipe_texts paths;
    struct pipe_play_params play;
};

#define PATHS                                                                                  \
    {                                                                                          \
        .name = "paths", .kind = PIPE_PARAM_PATHS, .offset = offsetof(struct params, paths),   \
        .required = true, .help = "files, folders (their files by name) or globs, in sequence" \
    }

static const struct pipe_param images_params[] = {
    PATHS, PIPE_PLAY_PARAMS(params, "an image", 30, "as fast as the pipeline takes them"), {0}};
static const struct pipe_param video_params[] = {
    PATHS, PIPE_PLAY_PARAMS(params, "an image", 0, "as the file says"), {0}};

struct pipe_source {
    const struct params *params;
    bool own_pace; /* rate 0 means the file's own pace, else no pace at all */
    struct pipe_file_list files;
    size_t next_file, good_this_round;
    int64_t round;
    struct pipe_video *video; /* of the file before next_file, while it has frames */
    struct pipe_jpeg *jpeg;
    uint8_t *bytes; /* of a JPEG file */
    size_t bytes_capacity;
    uint64_t frames;  /* given so far */
    int64_t begin_ns; /* own pace: when the current file began */
    int64_t now_ns;   /* own pace: when the last frame ends */
};

/* ---- one file ---- */

static enum percept_status read_whole(struct pipe_source *s, int fd, size_t *size,
                                      struct percept_error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return percept_fail_errno(error, errno, "stat");
    if (st.st_size > MAX_JPEG_BYTES)
        return percept_fail(error, PERCEPT_MALFORMED, "more than %d bytes", MAX_JPEG_BYTES);
    if ((size_t)st.st_size > s->bytes_capacity) {
        uint8_t *bytes = realloc(s->bytes, (size_t)st.st_size);
        if (!bytes)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        s->bytes = bytes;
        s->bytes_capacity = (size_t)st.st_size;
    }
    size_t used = 0;
    while (used < (size_t)st.st_size) {
        ssize_t got = pread(fd, s->bytes + used, (size_t)st.st_size - used, (off_t)used);
        if (got < 0 && errno != EINTR)
            return percept_fail_errno(error, errno, "read");
        if (got == 0)
            break;
        used += got > 0 ? (size_t)got : 0;
    }
    *size = used;
    return PERCEPT_OK;
}

static enum percept_status read_jpeg(struct pipe_source *s, int fd, struct pipe_frame *frame,
                                     struct percept_error *error)
{
    size_t size = 0;
    enum percept_status status = read_whole(s, fd, &size, error);
    close(fd);
    if (status == PERCEPT_OK)
        status = pipe_jpeg_decode(s->jpeg, s->bytes, size, (size_t)s->params->play.max_pixels,
                                  frame, error);
    return status;
}

static enum percept_status next_of_video(struct pipe_source *s, struct pipe_frame *frame,
                                         struct percept_error *error)
{
    int64_t at_ns = 0;
    enum percept_status status = pipe_video_next(s->video, frame, &at_ns, error);
    if (status == PERCEPT_OK) {
        s->now_ns = s->begin_ns + at_ns;
        return PERCEPT_OK;
    }
    s->now_ns += pipe_video_frame_ns(s->video);
    pipe_video_close(s->video);
    s->video = NULL;
    return status;
}

/* Open the next file and take its first frame. */
static enum percept_status begin_file(struct pipe_source *s, struct pipe_frame *frame,
                                      struct percept_error *error)
{
    const char *path = s->files.items[s->next_file++].path;
    uint8_t magic[2] = {0};
    s->begin_ns = s->now_ns;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
    if (fd < 0)
        return percept_fail_errno(error, errno, "open");
    if (pread(fd, magic, sizeof magic, 0) == sizeof magic && magic[0] == 0xff && magic[1] == 0xd8) {
        s->now_ns += BASE_NS_PER_S / 25;
        return read_jpeg(s, fd, frame, error);
    }
    enum percept_status status =
        pipe_video_open(fd, (size_t)s->params->play.max_pixels, &s->video, error);
    if (status == PERCEPT_OK)
        status = next_of_video(s, frame, error);
    return status == PERCEPT_END ? percept_fail(error, PERCEPT_MALFORMED, "no picture in it")
                                 : status;
}

/* ---- all of them ---- */

static void due(struct pipe_source *s, int64_t *time_ns)
{
    if (s->params->play.rate > 0)
        *time_ns = (int64_t)((double)s->frames * 1e9 / s->params->play.rate);
    else
        *time_ns = s->own_pace ? s->now_ns : 0;
    s->frames++;
    s->good_this_round++;
}

/* Another round, unless this was the last or gave nothing (or it would go round for ever). */
static enum percept_status end_of_round(struct pipe_source *s, struct percept_error *error)
{
    size_t good = s->good_this_round;
    s->good_this_round = 0;
    s->next_file = 0;
    s->round++;
    if (good == 0)
        return percept_fail(error, PERCEPT_NOT_FOUND, "none of %zu files could be read",
                            s->files.count);
    return s->params->play.loop != 0 && s->round >= s->params->play.loop ? PERCEPT_END : PERCEPT_OK;
}

/* The file before next_file is at fault; `begun`: it gave a frame before. */
static enum percept_status give_up(struct pipe_source *s, bool begun,
                                   const struct percept_error *cause, struct percept_error *error)
{
    struct pipe_file *file = &s->files.items[s->next_file - 1];
    bool news = !file->told;
    pipe_video_close(s->video);
    s->video = NULL;
    file->told = true;
    file->bad = !begun;
    return news ? percept_fail_at(error, PERCEPT_MALFORMED, file->path, 0, 0, "%s", cause->message)
                : PERCEPT_END;
}

/* One step: a frame (OK), or nothing this time (END), or a fault. */
static enum percept_status step(struct pipe_source *s, struct pipe_frame *frame,
                                struct percept_error *error)
{
    struct percept_error cause = {0};
    bool begun = s->video != NULL;
    if (!begun && s->files.items[s->next_file].bad) {
        s->next_file++;
        return PERCEPT_END;
    }
    enum percept_status status =
        begun ? next_of_video(s, frame, &cause) : begin_file(s, frame, &cause);
    if (status == PERCEPT_OK || status == PERCEPT_END)
        return status;
    if (status == PERCEPT_NO_MEMORY)
        return percept_fail(error, status, "%s", cause.message);
    return give_up(s, begun, &cause, error);
}

static enum percept_status next(struct pipe_source *s, struct pipe_frame *frame, int64_t *time_ns,
                                struct percept_error *error)
{
    for (;;) {
        enum percept_status status;
        if (s->video || s->next_file < s->files.count) {
            status = step(s, frame, error);
            if (status == PERCEPT_OK)
                due(s, time_ns);
            if (status != PERCEPT_END)
                return status;
        } else {
            status = end_of_round(s, error);
            if (status != PERCEPT_OK)
                return status;
        }
    }
}

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_video_close(s->video);
    pipe_jpeg_destroy(s->jpeg);
    pipe_file_list_free(&s->files);
    free(s->bytes);
    free(s);
}

static enum percept_status create(const struct pipe_source_setup *setup, bool own_pace,
                                  struct pipe_source **source, struct percept_error *error)
{
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = setup->params;
    s->own_pace = own_pace;
    enum percept_status status = pipe_jpeg_create(&s->jpeg, error);
    if (status == PERCEPT_OK)
        status = pipe_file_list_fill(&s->files, &s->params->paths, error);
    if (status != PERCEPT_OK) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

static enum percept_status create_images(const struct pipe_source_setup *setup,
                                         struct pipe_source **source, struct percept_error *error)
{
    return create(setup, false, source, error);
}

static enum percept_status create_video(const struct pipe_source_setup *setup,
                                        struct pipe_source **source, struct percept_error *error)
{
    return create(setup, true, source, error);
}

static size_t max_pixels(const struct pipe_source *s)
{
    return (size_t)s->params->play.max_pixels;
}

const struct pipe_source_class pipe_source_images = {
    .name = "images",
    .summary = "Images and animations, one frame after the other at a rate",
    .recorded = true,
    .params = images_params,
    .params_size = sizeof(struct params),
    .create = create_images,
    .next = next,
    .max_pixels = max_pixels,
    .destroy = destroy,
};

const struct pipe_source_class pipe_source_video = {
    .name = "video",
    .summary = "Videos and animations at their own pace",
    .recorded = true,
    .params = video_params,
    .params_size = sizeof(struct params),
    .create = create_video,
    .next = next,
    .max_pixels = max_pixels,
    .destroy = destroy,
};
