/* Why: a fault that comes with every frame must be one line in the log, not sixty a second, and
 * whoever asks must be told the cause. */
#include "pipelines/pipeline.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

void pipe_health_init(struct pipe_health *health, const struct pipe_host *host,
                      const char *pipeline)
{
    *health = (struct pipe_health){.host = host, .pipeline = pipeline};
    pthread_mutex_init(&health->mutex, NULL);
}

void pipe_health_fini(struct pipe_health *health)
{
    pthread_mutex_destroy(&health->mutex);
}

void pipe_health_bad(struct pipe_health *health, enum pipe_side side, const char *cause)
{
    char text[300];
    pthread_mutex_lock(&health->mutex);
    int64_t now = base_clock_ns();
    bool changed = strncmp(health->causes[side], cause, sizeof health->causes[side] - 1) != 0;
    /* A cause may hold a number that is another one each time. */
    bool news =
        !health->causes[side][0] || (changed && now - health->told_ns[side] >= BASE_NS_PER_S);
    if (news)
        health->told_ns[side] = now;
    health->good[side] = 0;
    snprintf(health->causes[side], sizeof health->causes[side], "%s", cause);
    pthread_mutex_unlock(&health->mutex);
    if (!news)
        return;
    snprintf(text, sizeof text, "degraded: %s", cause);
    health->host->event(health->host->context, health->pipeline, text);
}

void pipe_health_good(struct pipe_health *health, enum pipe_side side, unsigned enough)
{
    pthread_mutex_lock(&health->mutex);
    bool was_bad = health->causes[side][0] != '\0';
    bool news = was_bad && ++health->good[side] >= enough;
    if (news)
        health->causes[side][0] = '\0';
    pthread_mutex_unlock(&health->mutex);
    if (news)
        health->host->event(health->host->context, health->pipeline, "recovered");
}

void pipe_health_end(struct pipe_health *health, const char *cause)
{
    pthread_mutex_lock(&health->mutex);
    health->done = cause == NULL;
    health->failed = cause != NULL;
    if (cause)
        snprintf(health->causes[0], sizeof health->causes[0], "%s", cause);
    pthread_mutex_unlock(&health->mutex);
}

bool pipe_health_is_over(struct pipe_health *health)
{
    pthread_mutex_lock(&health->mutex);
    bool over = health->done || health->failed;
    pthread_mutex_unlock(&health->mutex);
    return over;
}

void pipe_health_read(struct pipe_health *health, struct pipe_stats *stats)
{
    pthread_mutex_lock(&health->mutex);
    bool source = health->causes[PIPE_SIDE_SOURCE][0], nodes = health->causes[PIPE_SIDE_NODES][0];
    stats->state = health->failed      ? "failed"
                   : health->done      ? "done"
                   : (source || nodes) ? "degraded"
                                       : "running";
    /* A source that is away explains more than a node that lacks input. */
    if (!health->done)
        memcpy(stats->cause, health->causes[source ? PIPE_SIDE_SOURCE : PIPE_SIDE_NODES],
               sizeof stats->cause);
    else
        stats->cause[0] = '\0';
    pthread_mutex_unlock(&health->mutex);
}
