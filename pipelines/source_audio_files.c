/* Why: recorded sound is what demos, tests and benchmarks listen to, as they look at recorded
 * pictures. */
#include "pipelines/audio_reader.h"
#include "pipelines/file_list.h"
#include "pipelines/source.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct params {
    struct pipe_texts paths;
    int64_t loop;
    bool real_time;
};

static const struct pipe_param audio_files_params[] = {
    {.name = "paths",
     .kind = PIPE_PARAM_PATHS,
     .offset = offsetof(struct params, paths),
     .required = true,
     .help = "files, folders (their files by name) or globs, in sequence; any format, rate and "
             "channels"},
    {.name = "loop",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, loop),
     .fallback = 1,
     .max = 1000000000,
     .help = "how many times all of it is played; 0: for ever"},
    {.name = "real_time",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, real_time),
     .fallback = 1,
     .help =
         "play it as it was spoken; false: as fast as the pipeline takes it, and then times are "
         "those of the recording, counted from the start"},
    {0},
};

struct pipe_source {
    const struct params *params;
    struct pipe_file_list files;
    size_t next_file, good_this_round;
    int64_t round;
    struct pipe_audio_reader *reader; /* of the file before next_file, while it has sound */
    bool begins;                      /* nothing of it was given yet */
    uint64_t samples;                 /* given so far */
};

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
    return s->params->loop != 0 && s->round >= s->params->loop ? PERCEPT_END : PERCEPT_OK;
}

/* The file before next_file is at fault; in it, or before its beginning. */
static enum percept_status give_up(struct pipe_source *s, const struct percept_error *cause,
                                   struct percept_error *error)
{
    struct pipe_file *file = &s->files.items[s->next_file - 1];
    bool news = !file->told;
    file->bad = !s->reader || s->begins;
    file->told = true;
    pipe_audio_close(s->reader);
    s->reader = NULL;
    return news ? percept_fail_at(error, PERCEPT_MALFORMED, file->path, 0, 0, "%s", cause->message)
                : PERCEPT_END;
}

static enum percept_status begin_file(struct pipe_source *s, struct percept_error *error)
{
    const char *path = s->files.items[s->next_file++].path;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
    s->begins = true;
    return fd < 0 ? percept_fail_errno(error, errno, "open")
                  : pipe_audio_open(fd, &s->reader, error);
}

/* One step: a block (OK), or nothing this time (END), or a fault. */
static enum percept_status step(struct pipe_source *s, struct pipe_audio *block,
                                struct percept_error *error)
{
    struct percept_error cause = {0};
    size_t count = 0;
    if (!s->reader && s->files.items[s->next_file].bad) {
        s->next_file++;
        return PERCEPT_END;
    }
    enum percept_status status = s->reader ? PERCEPT_OK : begin_file(s, &cause);
    if (status == PERCEPT_OK)
        status = pipe_audio_read(s->reader, block->samples, PIPE_AUDIO_SAMPLES, &count, &cause);
    if (status == PERCEPT_OK) {
        block->count = (uint32_t)count;
        block->begins = s->begins;
        s->begins = false;
        return PERCEPT_OK;
    }
    if (status == PERCEPT_NO_MEMORY)
        return percept_fail(error, status, "%s", cause.message);
    if (status != PERCEPT_END)
        return give_up(s, &cause, error);
    pipe_audio_close(s->reader);
    s->reader = NULL;
    return PERCEPT_END;
}

static enum percept_status next_audio(struct pipe_source *s, struct pipe_audio *block,
                                      int64_t *time_ns, struct percept_error *error)
{
    for (;;) {
        enum percept_status status;
        if (s->reader || s->next_file < s->files.count) {
            status = step(s, block, error);
            if (status == PERCEPT_OK) {
                s->samples += block->count;
                s->good_this_round++;
                *time_ns = s->params->real_time
                               ? (int64_t)(s->samples * (BASE_NS_PER_S / PIPE_AUDIO_RATE))
                               : 0;
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

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    pipe_audio_close(s->reader);
    pipe_file_list_free(&s->files);
    free(s);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = setup->params;
    enum percept_status status = pipe_file_list_fill(&s->files, &s->params->paths, error);
    if (status != PERCEPT_OK) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

const struct pipe_source_class pipe_source_audio_files = {
    .name = "audio_files",
    .summary = "Recorded sound, one file after the other",
    .recorded = true,
    .output = PIPE_AUDIO,
    .params = audio_files_params,
    .params_size = sizeof(struct params),
    .create = create,
    .next_audio = next_audio,
    .destroy = destroy,
};
