/* Why: a device that is hot slows everything down; to give up a little of what matters least first
 * keeps the rest on time. */
#include "daemon/pressure.h"

#include "base/io.h"
#include "base/log.h"
#include "daemon/handle.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS        1000
#define MOST           256 /* zones, batteries or processors that are looked at */
#define PATH_MAX_BYTES 512

/* From which value on it is which level; descending for what is worse the less there is. */
static const double battery_at[PRESSURE_MOST] = {20, 10, 5}; /* % left */
static const double memory_at[PRESSURE_MOST] = {10, 30, 60}; /* % of time that some waited */
static const double throttled_at[PRESSURE_MOST] = {0.75, 0.5, 0.25}; /* of the highest frequency */

/* ---- files ---- */

/* The first bytes of a file, without its last newline; false when there is none. */
static bool read_text(const char *folder, const char *name, char *text, size_t size)
{
    char path[PATH_MAX_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t got = fd < 0 ? -1 : base_read_most(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return false;
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

static bool read_number(const char *folder, const char *name, double *number)
{
    char text[64], *end;
    if (!read_text(folder, name, text, sizeof text))
        return false;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number - *number == 0;
}

/* Each folder of that prefix in one of root's. */
static void each(const char *root, const char *below, const char *prefix, struct pressure *worst,
                 void (*look)(const char *folder, const char *name, struct pressure *worst))
{
    char folder[PATH_MAX_BYTES], one[PATH_MAX_BYTES];
    if (snprintf(folder, sizeof folder, "%s/%s", root, below) >= (int)sizeof folder)
        return;
    DIR *directory = opendir(folder);
    const struct dirent *entry;
    for (int count = 0; directory && count < MOST && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        count++;
        if (snprintf(one, sizeof one, "%s/%s", folder, entry->d_name) < (int)sizeof one)
            look(one, entry->d_name, worst);
    }
    if (directory)
        closedir(directory);
}

/* ---- levels ---- */

static unsigned level_of(double value, const double at[PRESSURE_MOST])
{
    unsigned level = 0;
    bool falling = at[0] > at[1];
    while (level < PRESSURE_MOST && (falling ? value <= at[level] : value >= at[level]))
        level++;
    return level;
}

static bool is_worse(struct pressure *worst, unsigned level)
{
    if (level <= worst->level)
        return false;
    worst->level = level;
    return true;
}

/* ---- what there is to look at ---- */

/* A zone's trip points say what is hot for it; the one of a level's type that lies lowest counts.
 */
static void look_at_zone(const char *folder, const char *name, struct pressure *worst)
{
    static const char *const types[PRESSURE_MOST] = {"passive", "hot", "critical"};
    char file[64], type[64], zone[32];
    double now, at;
    unsigned level = 0;
    if (!read_number(folder, "temp", &now))
        return;
    for (int trip = 0; trip < 16; trip++) {
        snprintf(file, sizeof file, "trip_point_%d_type", trip);
        if (!read_text(folder, file, type, sizeof type))
            break;
        snprintf(file, sizeof file, "trip_point_%d_temp", trip);
        if (!read_number(folder, file, &at) || at <= 0 || now < at)
            continue;
        for (unsigned l = 0; l < PRESSURE_MOST; l++)
            if (strcmp(type, types[l]) == 0 && l + 1 > level)
                level = l + 1;
    }
    if (!is_worse(worst, level))
        return;
    if (!read_text(folder, "type", zone, sizeof zone))
        snprintf(zone, sizeof zone, "%.31s", name);
    snprintf(worst->cause, sizeof worst->cause, "%.31s is at %.0f degrees", zone, now / 1000);
}

/* One that is being charged is no reason to save. */
static void look_at_supply(const char *folder, const char *name, struct pressure *worst)
{
    char type[32], status[32];
    double percent;
    (void)name;
    if (read_text(folder, "type", type, sizeof type) && strcmp(type, "Battery") == 0 &&
        read_text(folder, "status", status, sizeof status) && strcmp(status, "Discharging") == 0 &&
        read_number(folder, "capacity", &percent) && percent >= 0 &&
        is_worse(worst, level_of(percent, battery_at)))
        snprintf(worst->cause, sizeof worst->cause, "the battery is at %.0f %%", percent);
}

static void look_at_cpu(const char *folder, const char *name, struct pressure *worst)
{
    double allowed, most;
    if (read_number(folder, "cpufreq/scaling_max_freq", &allowed) &&
        read_number(folder, "cpufreq/cpuinfo_max_freq", &most) && allowed > 0 && most > 0 &&
        is_worse(worst, level_of(allowed / most, throttled_at)))
        snprintf(worst->cause, sizeof worst->cause, "%.15s may run at %.0f %% of its speed", name,
                 100 * allowed / most);
}

/* "some avg10=0.12 avg60=...": of the last 10 s, the percentage in which somebody waited. */
static void look_at_memory(const char *root, struct pressure *worst)
{
    static const char begin[] = "some avg10=";
    char text[128], *end;
    if (!read_text(root, "proc/pressure/memory", text, sizeof text) ||
        strncmp(text, begin, sizeof begin - 1) != 0)
        return;
    double percent = strtod(text + sizeof begin - 1, &end);
    if (*end == ' ' && is_worse(worst, level_of(percent, memory_at)))
        snprintf(worst->cause, sizeof worst->cause, "memory is short %.0f %% of the time", percent);
}

struct pressure pressure_look(const char *root)
{
    struct pressure worst = {0};
    each(root, "sys/class/thermal", "thermal_zone", &worst, look_at_zone);
    each(root, "sys/class/power_supply", "", &worst, look_at_supply);
    each(root, "sys/devices/system/cpu", "cpu", &worst, look_at_cpu);
    look_at_memory(root, &worst);
    return worst;
}

/* ---- in the daemon ---- */

static void on_look(uv_timer_t *timer)
{
    struct daemon_pressure *p = timer->data;
    struct pressure seen = pressure_look(p->root);
    p->calm = seen.level < p->now.level ? p->calm + 1 : 0;
    if (seen.level <= p->now.level && p->calm < PRESSURE_CALM)
        return;
    p->calm = 0;
    p->now = seen;
    pipe_engine_set_pressure(p->engine, seen.level, seen.cause);
    if (seen.level)
        base_log(BASE_LOG_WARNING, "the device is under pressure (%u of %d): %s", seen.level,
                 PRESSURE_MOST, seen.cause);
    else
        base_log(BASE_LOG_INFO, "the device is well again");
}

void daemon_pressure_start(struct daemon_pressure *p, uv_loop_t *loop, const char *root,
                           struct pipe_engine *engine)
{
    if (uv_timer_init(loop, &p->timer))
        return;
    p->engine = engine;
    snprintf(p->root, sizeof p->root, "%s", root);
    p->timer.data = p;
    uv_timer_start(&p->timer, on_look, 0, LOOK_MS);
}

void daemon_pressure_stop(struct daemon_pressure *p)
{
    daemon_close_handle(&p->timer);
}
