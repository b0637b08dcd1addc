/*
 * How the device is: too hot, its battery low, short of memory, throttled. Linux says so in sysfs
 * and procfs; the scheduler then takes quality from what matters least before the device takes
 * speed from everything (docs/scheduling.md#pressure).
 */
#ifndef DAEMON_PRESSURE_H
#define DAEMON_PRESSURE_H

#include "pipelines/engine.h"

#include <uv.h>

#define PRESSURE_MOST 3

struct pressure {
    unsigned level; /* 0: well, to PRESSURE_MOST: critical */
    char cause[64]; /* the worst there is: "the battery is at 12 %"; "" at level 0 */
};

/* What the files under root ("/") say now. What is missing or makes no sense says nothing. */
struct pressure pressure_look(const char *root);

/* Looks every second and tells the engine: what is worse at once, what is better when it has been
 * for PRESSURE_CALM looks. */
#define PRESSURE_CALM 5

struct daemon_pressure {
    uv_timer_t timer;
    struct pipe_engine *engine;
    char root[256];
    struct pressure now;
    unsigned calm; /* looks that were better than now */
};

/* The engine outlives it; on the loop's thread. */
void daemon_pressure_start(struct daemon_pressure *pressure, uv_loop_t *loop, const char *root,
                           struct pipe_engine *engine);
/* Fine for one that was never started. */
void daemon_pressure_stop(struct daemon_pressure *pressure);

#endif
