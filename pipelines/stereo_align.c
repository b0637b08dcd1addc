/* Why: a rig that was right when it was calibrated is a pixel off after a year in a drawer. */
#include "pipelines/stereo_align.h"

#include "ipc/topics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SAMPLES 12
#define LEAST_OFF     0.33F /* px: less does not matter, and is not sure */
#define LEAST_CHANGE  0.1F  /* px: by which what is applied must be wrong to be changed */
#define FOLLOW        0.5F  /* the share of a change that is taken at once */
#define ROUNDS        3     /* of measuring what correction leaves, when one begins */
#define CHECK_EVERY   4     /* frames */
#define LEAST_SPREAD  0.1   /* px: samples are no surer than that */

/* ---- what samples have in common ---- */

/* Solve the symmetric a x = b by elimination; false: there is no one solution. */
static bool solve(double a[3][4], double x[3])
{
    for (int i = 0; i < 3; i++) {
        int pivot = i;
        for (int k = i + 1; k < 3; k++)
            pivot = fabs(a[k][i]) > fabs(a[pivot][i]) ? k : pivot;
        if (fabs(a[pivot][i]) < 1e-9)
            return false;
        for (int k = 0; k < 4; k++) {
            double kept = a[i][k];
            a[i][k] = a[pivot][k];
            a[pivot][k] = kept;
        }
        for (int r = 0; r < 3; r++)
            for (int k = 3; r != i && k >= i; k--)
                a[r][k] -= a[i][k] * (a[r][i] / a[i][i]);
    }
    for (int i = 0; i < 3; i++)
        x[i] = a[i][3] / a[i][i];
    return true;
}

static double off(const struct stereo_row_sample *s, const double x[3])
{
    return (double)s->rows - (x[0] + x[1] * (double)s->u + x[2] * (double)s->v);
}

/* One step of Tukey's: whoever is farther off than `reach` has no say. */
static bool fit_within(const struct stereo_row_sample *samples, size_t count, double reach,
                       double x[3])
{
    double a[3][4] = {0}, total = 0;
    for (size_t i = 0; i < count; i++) {
        const double at[4] = {1, (double)samples[i].u, (double)samples[i].v,
                              (double)samples[i].rows};
        double far = off(&samples[i], x) / reach;
        double weight = fabs(far) < 1 ? (1 - far * far) * (1 - far * far) : 0;
        total += weight;
        for (int r = 0; r < 3; r++)
            for (int k = 0; k < 4; k++)
                a[r][k] += weight * at[r] * at[k];
    }
    if (total < LEAST_SAMPLES / 2.0)
        return false;
    /* Where samples are all in one place, a slope is anyone's guess: none is as good as any. */
    a[1][1] += total * 0.01;
    a[2][2] += total * 0.01;
    return solve(a, x);
}

bool stereo_rows_fit(const struct stereo_row_sample *samples, size_t count,
                     struct rectified_rows *rows)
{
    static const double reaches[] = {6, 3, 2, 1.5, 1, 1, 0.75, 0.75};
    double best[3] = {0}, votes = 0;
    if (count < LEAST_SAMPLES)
        return false;
    /* Begin with the sample that most others agree with. */
    for (size_t i = 0; i < count; i++) {
        double near = 0;
        for (size_t k = 0; k < count; k++) {
            double far = (double)samples[k].rows - (double)samples[i].rows;
            near += fmax(1 - far * far, 0);
        }
        if (near > votes) {
            votes = near;
            best[0] = (double)samples[i].rows;
        }
    }
    for (size_t i = 0; i < sizeof reaches / sizeof reaches[0]; i++)
        if (!fit_within(samples, count, reaches[i], best))
            return false;
    *rows = (struct rectified_rows){(float)best[0], (float)best[1], (float)best[2]};
    return true;
}

float stereo_rows_most(const struct rectified_rows *rows)
{
    return fabsf(rows->middle) + fabsf(rows->across) + fabsf(rows->down);
}

/* ---- over time ---- */

struct stereo_aligner {
    struct stereo_check *check;
    float limit;
    struct rectified_rows applied;
    struct stereo_check_result last;
    unsigned until_check; /* frames */
};

enum percept_status stereo_aligner_create(uint32_t width, uint32_t height, uint32_t disparities,
                                          float limit, struct base_pool *pool,
                                          struct stereo_aligner **aligner,
                                          struct percept_error *error)
{
    struct stereo_aligner *a = calloc(1, sizeof *a);
    if (!a)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    a->limit = limit;
    enum percept_status status =
        stereo_check_create(width, height, disparities, pool, &a->check, error);
    if (status != PERCEPT_OK) {
        free(a);
        return status;
    }
    *aligner = a;
    return PERCEPT_OK;
}

void stereo_aligner_destroy(struct stereo_aligner *a)
{
    if (a)
        stereo_check_destroy(a->check);
    free(a);
}

static void apply(struct stereo_aligner *a, struct rectifier *rectifier,
                  const struct rectified_rows *rows)
{
    a->applied = *rows;
    rectifier_move_rows(rectifier, rows);
}

static struct rectified_rows plus(const struct rectified_rows *a, const struct rectified_rows *b,
                                  float share)
{
    return (struct rectified_rows){a->middle + share * b->middle, a->across + share * b->across,
                                   a->down + share * b->down};
}

/* What a check has found, on images that are corrected by what is applied. True: that has changed
 * for the first time, and what is left wants a look. */
static bool follow(struct stereo_aligner *a, struct rectifier *rectifier,
                   struct stereo_check_result *found)
{
    const struct rectified_rows none = {0};
    bool corrected = stereo_rows_most(&a->applied) > 0;
    if (!found->fitted)
        return false;
    struct rectified_rows whole = plus(&a->applied, &found->rows, 1);
    float most = stereo_rows_most(&whole);
    if (most > a->limit || most < (corrected ? LEAST_OFF / 2 : LEAST_OFF)) {
        if (corrected)
            apply(a, rectifier, &none);
        return false;
    }
    if (stereo_rows_most(&found->rows) < LEAST_CHANGE)
        return false;
    whole = plus(&a->applied, &found->rows, corrected ? FOLLOW : 1);
    apply(a, rectifier, &whole);
    return true;
}

enum percept_status stereo_aligner_run(struct stereo_aligner *a, struct rectifier *rectifier,
                                       const struct pipe_frame *frame, struct rectified *rectified,
                                       struct stereo_check_result *result,
                                       struct percept_error *error)
{
    bool corrected = stereo_rows_most(&a->applied) > 0;
    enum percept_status status = rectifier_run(rectifier, frame, rectified, error);
    bool again = status == PERCEPT_OK && a->until_check == 0;
    a->until_check = again ? CHECK_EVERY : a->until_check;
    for (unsigned round = 0; again && status == PERCEPT_OK; round++) {
        stereo_check_run(a->check, rectifier_gray(rectifier, 0), rectifier_gray(rectifier, 1),
                         &a->last);
        again = follow(a, rectifier, &a->last);
        if (again)
            status = rectifier_run(rectifier, frame, rectified, error);
        again = again && !corrected && round + 1 < ROUNDS;
    }
    if (status != PERCEPT_OK)
        return status;
    a->until_check--;
    *result = a->last;
    if (stereo_rows_most(&a->applied) > 0) {
        result->flags =
            (result->flags & ~(uint32_t)PERCEPT_DEPTH_MISALIGNED) | PERCEPT_DEPTH_REALIGNED;
        result->vertical_px = fabsf(a->applied.middle);
    }
    return PERCEPT_OK;
}
