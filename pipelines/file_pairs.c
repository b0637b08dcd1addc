/* Why: both halves of a moment come from files that may end, be damaged or be too few, and a half
 * that is paired with another moment's is worse than none. */
#include "pipelines/file_pairs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct pipe_file_pairs {
    struct pipe_file_pairs_options options;
    unsigned count; /* of lists */
    struct pipe_file_list lists[PIPE_PAIR_MOST];
    struct pipe_video *videos[PIPE_PAIR_MOST]; /* of the files at hand, while they have frames */
    bool *bad;                                 /* was reported, is not tried again */
    size_t next;                               /* file */
    bool inside;                               /* the files before next have frames left */
    uint64_t good_this_round;                  /* frames */
    int64_t round;
};

void pipe_file_pairs_destroy(struct pipe_file_pairs *p)
{
    for (unsigned i = 0; p && i < p->count; i++) {
        pipe_video_close(p->videos[i]);
        pipe_file_list_free(&p->lists[i]);
    }
    if (p)
        free(p->bad);
    free(p);
}

enum percept_status pipe_file_pairs_create(const struct pipe_file_pairs_options *options,
                                           struct pipe_file_pairs **pairs,
                                           struct percept_error *error)
{
    struct pipe_file_pairs *p = calloc(1, sizeof *p);
    enum percept_status status = PERCEPT_OK;
    if (!p)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    p->options = *options;
    p->count = options->paths[1] ? 2 : 1;
    for (unsigned i = 0; i < p->count && status == PERCEPT_OK; i++)
        status = pipe_file_list_fill(&p->lists[i], options->paths[i], error);
    if (status == PERCEPT_OK && p->count == 2 && p->lists[0].count != p->lists[1].count)
        status =
            percept_fail(error, PERCEPT_INVALID, "%zu files of %s, %zu of %s", p->lists[0].count,
                         options->names[0], p->lists[1].count, options->names[1]);
    if (status == PERCEPT_OK) {
        p->bad = calloc(p->lists[0].count, sizeof *p->bad);
        status = p->bad ? status : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    if (status != PERCEPT_OK) {
        pipe_file_pairs_destroy(p);
        return status;
    }
    *pairs = p;
    return PERCEPT_OK;
}

const char *pipe_file_pairs_path(const struct pipe_file_pairs *p, unsigned list)
{
    return p->lists[list].items[p->next - 1].path;
}

uint64_t pipe_file_pairs_index(const struct pipe_file_pairs *p)
{
    return p->good_this_round - 1;
}

static void close_files(struct pipe_file_pairs *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        pipe_video_close(p->videos[i]);
        p->videos[i] = NULL;
    }
    p->inside = false;
}

void pipe_file_pairs_reject(struct pipe_file_pairs *p)
{
    close_files(p);
    p->bad[p->next - 1] = true;
    p->good_this_round--;
}

static enum percept_status open_files(struct pipe_file_pairs *p, struct percept_error *error)
{
    p->next++;
    for (unsigned i = 0; i < p->count; i++) {
        const char *path = pipe_file_pairs_path(p, i);
        struct percept_error cause = {0};
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
        enum percept_status status =
            fd < 0 ? percept_fail_errno(&cause, errno, "open")
                   : pipe_video_open(fd, p->options.max_pixels[i], &p->videos[i], &cause);
        if (status != PERCEPT_OK)
            return percept_fail_at(error, status, path, 0, 0, "%s", cause.message);
    }
    p->inside = true;
    return PERCEPT_OK;
}

/* The next frame of each file at hand. END: they have no more. */
static enum percept_status take(struct pipe_file_pairs *p, int64_t times_ns[PIPE_PAIR_MOST],
                                struct percept_error *error)
{
    enum percept_status statuses[PIPE_PAIR_MOST] = {0};
    for (unsigned i = 0; i < p->count; i++) {
        struct percept_error cause = {0};
        statuses[i] = p->options.take(p->options.context, i, p->videos[i], &times_ns[i], &cause);
        if (statuses[i] != PERCEPT_OK && statuses[i] != PERCEPT_END)
            return percept_fail_at(error, statuses[i], pipe_file_pairs_path(p, i), 0, 0, "%s",
                                   cause.message);
    }
    if (p->count == 2 && statuses[0] != statuses[1]) {
        unsigned shorter = statuses[0] == PERCEPT_END ? 0 : 1;
        return percept_fail_at(error, PERCEPT_MALFORMED, pipe_file_pairs_path(p, shorter), 0, 0,
                               "fewer frames than the file of %s", p->options.names[!shorter]);
    }
    return statuses[0];
}

static enum percept_status end_of_round(struct pipe_file_pairs *p, struct percept_error *error)
{
    uint64_t good = p->good_this_round;
    p->good_this_round = 0;
    p->next = 0;
    p->round++;
    if (good == 0)
        return percept_fail(error, PERCEPT_NOT_FOUND, "none of %zu files could be read",
                            p->lists[0].count);
    return p->options.loop != 0 && p->round >= p->options.loop ? PERCEPT_END : PERCEPT_OK;
}

enum percept_status pipe_file_pairs_next(struct pipe_file_pairs *p,
                                         int64_t times_ns[PIPE_PAIR_MOST],
                                         struct percept_error *error)
{
    for (;;) {
        enum percept_status status = PERCEPT_OK;
        if (!p->inside && p->next == p->lists[0].count) {
            status = end_of_round(p, error);
            if (status != PERCEPT_OK)
                return status;
        }
        if (!p->inside && p->bad[p->next]) {
            p->next++;
            continue;
        }
        if (!p->inside)
            status = open_files(p, error);
        if (status == PERCEPT_OK)
            status = take(p, times_ns, error);
        if (status == PERCEPT_OK) {
            p->good_this_round++;
            return status;
        }
        close_files(p);
        if (status == PERCEPT_NO_MEMORY)
            return status;
        if (status != PERCEPT_END) {
            p->bad[p->next - 1] = true;
            return PERCEPT_MALFORMED;
        }
    }
}
