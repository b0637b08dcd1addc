/* Why: depth without a pose is good for a glance; with one, maps of a walk add up to a room. */
#include "pipelines/pose_track.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_POSES 1000000
#define MOST_GAP   1.0 /* seconds over which a motion may be guessed */
#define NUMBERS    8   /* of a line */

struct row {
    double seconds, position[3], orientation[4];
};

struct pose_track {
    struct row *rows;
    size_t count;
};

void pose_track_destroy(struct pose_track *t)
{
    if (t)
        free(t->rows);
    free(t);
}

/* ---- reading ---- */

/* The numbers of a line, as many as there are up to NUMBERS + 1; -1: something else is in it. */
static int read_numbers(const char *line, double out[NUMBERS + 1])
{
    int count = 0;
    for (;;) {
        char *end;
        line += strspn(line, " \t\r\n,");
        if (*line == '\0' || *line == '#' || count > NUMBERS)
            return count;
        out[count] = strtod(line, &end);
        if (end == line || !isfinite(out[count]) || !strchr(" \t\r\n,#", *end))
            return -1;
        count++;
        line = end;
    }
}

static enum percept_status take_row(struct pose_track *t, const double numbers[NUMBERS],
                                    const char *path, unsigned line, struct percept_error *error)
{
    struct row row = {.seconds = numbers[0]};
    memcpy(row.position, numbers + 1, sizeof row.position);
    memcpy(row.orientation, numbers + 4, sizeof row.orientation);
    double *q = row.orientation,
           length = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(length > 0.9 && length < 1.1))
        return percept_fail_at(error, PERCEPT_MALFORMED, path, line, 0,
                               "a quaternion of length %g; expected 1", length);
    for (unsigned i = 0; i < 4; i++)
        q[i] /= length;
    if (t->count && row.seconds <= t->rows[t->count - 1].seconds)
        return percept_fail_at(error, PERCEPT_MALFORMED, path, line, 0,
                               "time %.6f is not after the line before's", row.seconds);
    if (t->count == MOST_POSES)
        return percept_fail_at(error, PERCEPT_LIMIT, path, line, 0, "more than %d poses",
                               MOST_POSES);
    if ((t->count & (t->count - 1)) == 0) { /* full at each power of two */
        struct row *rows = realloc(t->rows, (t->count ? 2 * t->count : 1) * sizeof *rows);
        if (!rows)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory for poses");
        t->rows = rows;
    }
    t->rows[t->count++] = row;
    return PERCEPT_OK;
}

static enum percept_status read_lines(FILE *file, const char *path, struct pose_track *t,
                                      struct percept_error *error)
{
    char line[1024];
    enum percept_status status = PERCEPT_OK;
    for (unsigned number = 1; status == PERCEPT_OK && fgets(line, sizeof line, file); number++) {
        double numbers[NUMBERS + 1];
        int count = strlen(line) + 1 < sizeof line ? read_numbers(line, numbers) : -1;
        if (count == 0)
            continue;
        status = count == NUMBERS
                     ? take_row(t, numbers, path, number, error)
                     : percept_fail_at(error, PERCEPT_MALFORMED, path, number, 0,
                                       "expected the 8 numbers of t x y z qx qy qz qw");
    }
    if (status == PERCEPT_OK && ferror(file))
        status = percept_fail_errno(error, errno, "'%s'", path);
    if (status == PERCEPT_OK && t->count == 0)
        status = percept_fail_at(error, PERCEPT_MALFORMED, path, 0, 0, "no pose in it");
    return status;
}

enum percept_status pose_track_read(const char *path, struct pose_track **track,
                                    struct percept_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!file) {
        enum percept_status status = percept_fail_errno(error, errno, "'%s'", path);
        if (fd >= 0)
            close(fd);
        return status;
    }
    struct pose_track *t = calloc(1, sizeof *t);
    enum percept_status status = t ? read_lines(file, path, t, error)
                                   : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    fclose(file);
    if (status != PERCEPT_OK) {
        pose_track_destroy(t);
        return status;
    }
    *track = t;
    return PERCEPT_OK;
}

/* ---- asking ---- */

/* From a to b along the shorter arc, at an even speed. */
static void turn_between(const double a[4], const double b[4], double share, float out[4])
{
    double dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
    double sign = dot < 0 ? -1 : 1, angle = acos(fmin(fabs(dot), 1)), sine = sin(angle);
    double of_a = sine > 1e-6 ? sin((1 - share) * angle) / sine : 1 - share;
    double of_b = sine > 1e-6 ? sin(share * angle) / sine : share;
    for (unsigned i = 0; i < 4; i++)
        out[i] = (float)(of_a * a[i] + sign * of_b * b[i]);
}

struct pipe_pose pose_track_at(const struct pose_track *t, double seconds)
{
    struct pipe_pose pose = {0};
    if (!t || !(seconds >= t->rows[0].seconds && seconds <= t->rows[t->count - 1].seconds))
        return pose;
    size_t low = 0, high = t->count - 1; /* rows[low] <= seconds <= rows[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (t->rows[middle].seconds <= seconds)
            low = middle;
        else
            high = middle;
    }
    const struct row *a = &t->rows[low], *b = &t->rows[high];
    double gap = b->seconds - a->seconds, share = gap > 0 ? (seconds - a->seconds) / gap : 0;
    if (gap > MOST_GAP && share > 0 && share < 1)
        return pose;
    pose.known = true;
    for (unsigned i = 0; i < 3; i++)
        pose.position_m[i] = (float)(a->position[i] + share * (b->position[i] - a->position[i]));
    turn_between(a->orientation, b->orientation, share, pose.orientation);
    return pose;
}

/* Seconds that a file's name says, its extension apart: "1305031102.175304.png". With a point, for
 * "0007.png" is but a number. */
static bool name_says(const char *path, double *seconds)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name), digits = strspn(name, "0123456789.");
    char *end;
    if (digits < length || !memchr(name, '.', length))
        return false;
    *seconds = strtod(name, &end);
    return end == name + length;
}

struct pipe_pose pose_track_of_file(const struct pose_track *t, const char *path,
                                    int64_t in_file_ns, uint64_t index, double rate)
{
    double seconds;
    if (t && name_says(path, &seconds))
        return pose_track_at(t, seconds + (double)in_file_ns * 1e-9);
    return rate > 0 ? pose_track_at(t, (double)index / rate) : (struct pipe_pose){0};
}
