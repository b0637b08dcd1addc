/* Why: reading is the dear part; a sign that stays in view should be read once. */
#include "pipelines/text_tracks.h"

#include "base/thread_pool.h"

#include <math.h>
#include <string.h>

#define LEAST_OVERLAP 0.3f
#define CLEARER       1.25f /* times as large or as sharp */
#define SURE          0.9f  /* a score from which one reading is enough */
#define MOST_UNSURE   3     /* readings of a line that stays unsure */
#define SAME_LOOK     0.8f
#define ANY_LIKENESS  0.3f

/* ---- which is which ---- */

/* How well they fit: overlap, or for what only lies near, what is below any overlap that counts. */
static float fit(const struct pipe_text_track *track, const struct pipe_text_region *region)
{
    const float(*old)[2] = (const float(*)[2])track->corners;
    const float(*new)[2] = (const float(*)[2])region->corners;
    float width = pipe_quad_width(new), height = pipe_quad_height(new);
    float side = fminf(width, height), a[2], b[2];
    pipe_quad_centre(old, a);
    pipe_quad_centre(new, b);
    float away = hypotf(a[0] - b[0], a[1] - b[1]);
    if (!(away < width + height)) /* most pairs */
        return 0;
    float overlap = pipe_quad_overlap(old, new);
    if (overlap >= LEAST_OVERLAP)
        return overlap;
    float wider = pipe_quad_width(old) / width, higher = pipe_quad_height(old) / height;
    bool alike = wider > 0.8f && wider < 1.25f && higher > 0.7f && higher < 1.4f;
    return alike && away < side ? LEAST_OVERLAP * (1 - away / side) : 0;
}

void pipe_text_tracks_match(const struct pipe_text_track *tracks,
                            const struct pipe_text_regions *regions, int *track_of)
{
    float fits[PIPE_TEXT_REGIONS_MAX][PIPE_TEXT_TRACKS];
    for (uint32_t r = 0; r < regions->count; r++) {
        base_pool_pause();
        track_of[r] = -1;
        for (int t = 0; t < PIPE_TEXT_TRACKS; t++)
            fits[r][t] = tracks[t].id ? fit(&tracks[t], &regions->items[r]) : 0;
    }
    for (;;) { /* once a pair, and once more */
        base_pool_pause();
        int track = -1;
        uint32_t region = 0;
        float best = 0;
        for (uint32_t r = 0; r < regions->count; r++)
            for (int t = 0; t < PIPE_TEXT_TRACKS; t++)
                if (fits[r][t] > best) {
                    best = fits[r][t];
                    region = r;
                    track = t;
                }
        if (track < 0)
            return;
        track_of[region] = track;
        memset(fits[region], 0, sizeof fits[region]);
        for (uint32_t r = 0; r < regions->count; r++)
            fits[r][track] = 0;
    }
}

/* ---- looks ---- */

/* Means of green over a grid of cells, of mean 0 and length 1. */
static void find_look(const struct pipe_picture *picture, uint32_t used, float *values)
{
    unsigned counts[PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS] = {0};
    float mean = 0, square = 0;
    memset(values, 0, sizeof(float) * PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS);
    for (uint32_t row = 0; row < picture->height; row++) {
        const float *at = picture->data + row * picture->step_y + picture->step_channel; /* green */
        uint32_t first = row * PIPE_LOOK_ROWS / picture->height * PIPE_LOOK_COLUMNS;
        for (uint32_t column = 0; column < used; column++, at += picture->step_x) {
            uint32_t cell = first + column * PIPE_LOOK_COLUMNS / used;
            values[cell] += *at;
            counts[cell]++;
        }
    }
    for (int i = 0; i < PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS; i++) {
        values[i] = counts[i] ? values[i] / (float)counts[i] : 0;
        mean += values[i] / (PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS);
    }
    for (int i = 0; i < PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS; i++) {
        values[i] -= mean;
        square += values[i] * values[i];
    }
    float factor = square > 0 ? 1 / sqrtf(square) : 0;
    for (int i = 0; i < PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS; i++)
        values[i] *= factor;
}

void pipe_text_glance(const struct pipe_picture *picture, uint32_t used, float height,
                      struct pipe_text_glance *glance)
{
    glance->height = height;
    glance->sharpness = pipe_text_sharpness(picture, used);
    find_look(picture, used, glance->look);
}

float pipe_text_alike(const struct pipe_text_glance *a, const struct pipe_text_glance *b)
{
    float sum = 0;
    for (int i = 0; i < PIPE_LOOK_ROWS * PIPE_LOOK_COLUMNS; i++)
        sum += a->look[i] * b->look[i];
    return sum;
}

/* ---- readings ---- */

enum pipe_text_verdict pipe_text_judge(const struct pipe_text_track *track,
                                       const struct pipe_text_glance *glance)
{
    const struct pipe_text_vote *winner = pipe_text_winner(track);
    if (!winner)
        return PIPE_TEXT_CLEARER;
    float alike = pipe_text_alike(&track->glance, glance);
    if (alike < SAME_LOOK)
        return alike < ANY_LIKENESS ? PIPE_TEXT_OTHER : PIPE_TEXT_CHANGED;
    bool unsure = winner->best < SURE && track->readings < MOST_UNSURE;
    return unsure || glance->height > CLEARER * track->glance.height ||
                   glance->sharpness > CLEARER * track->glance.sharpness
               ? PIPE_TEXT_CLEARER
               : PIPE_TEXT_KNOWN;
}

void pipe_text_remember(struct pipe_text_track *track, const struct pipe_text_glance *glance)
{
    float height = track->glance.height, sharpness = track->glance.sharpness;
    track->glance = *glance;
    track->glance.height = fmaxf(height, glance->height);
    track->glance.sharpness = fmaxf(sharpness, glance->sharpness);
}

const struct pipe_text_vote *pipe_text_winner(const struct pipe_text_track *track)
{
    const struct pipe_text_vote *winner = NULL;
    for (int i = 0; i < PIPE_TEXT_VOTES; i++)
        if (track->votes[i].count && (!winner || track->votes[i].sum > winner->sum))
            winner = &track->votes[i];
    return winner;
}

void pipe_text_vote(struct pipe_text_track *track, const char *text, float score)
{
    struct pipe_text_vote *votes = track->votes;
    int at = 0;
    /* The same text, a free place, or that of the weakest. */
    for (; at < PIPE_TEXT_VOTES && votes[at].count && strcmp(votes[at].text, text) != 0; at++)
        ;
    if (at == PIPE_TEXT_VOTES) {
        at = 0;
        for (int i = 1; i < PIPE_TEXT_VOTES; i++)
            if (votes[i].sum < votes[at].sum)
                at = i;
        votes[at] = (struct pipe_text_vote){.count = 0};
    }
    struct pipe_text_vote vote = votes[at];
    strncpy(vote.text, text, sizeof vote.text - 1);
    vote.text[sizeof vote.text - 1] = '\0';
    vote.sum += score;
    vote.best = fmaxf(vote.best, score);
    vote.count++;
    /* To the front: the first of equals wins. */
    memmove(votes + 1, votes, (size_t)at * sizeof *votes);
    votes[0] = vote;
    track->readings++;
}

void pipe_text_doubt(struct pipe_text_track *track)
{
    for (int i = 0; i < PIPE_TEXT_VOTES; i++)
        track->votes[i].sum /= 2;
    track->readings = 0;
}
