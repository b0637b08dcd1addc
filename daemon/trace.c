#include "daemon/trace.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_SECONDS 600

struct writer {
    FILE *file;
    bool any;
    int thread; /* whose name has been told; -1: none */
};

static void separate(struct writer *w)
{
    fputs(w->any ? ",\n" : "\n", w->file);
    w->any = true;
}

/* Names are the configuration's, of letters that JSON takes as they are. */
static void write_event(void *context, const struct pipe_trace_event *event)
{
    static const struct {
        const char *name, *numbers[2];
    } kinds[PIPE_TRACE_KINDS] = {
        [PIPE_TRACE_CAPTURE] = {"capture", {NULL}},
        [PIPE_TRACE_FRAME] = {"frame", {NULL}},
        [PIPE_TRACE_NODE] = {"node", {NULL}},
        [PIPE_TRACE_MODEL] = {"model", {NULL}},
        [PIPE_TRACE_PUBLISH] = {"publish", {NULL}},
        [PIPE_TRACE_ARRIVE] = {"arrive", {"capture_ns"}},
        [PIPE_TRACE_DONE] = {"done", {"capture_ns"}},
        [PIPE_TRACE_WAIT] = {"wait", {"granted_ns", "capture_ns"}},
        [PIPE_TRACE_SEGMENT] = {"segment", {"computed_ns", "own_ns"}},
        [PIPE_TRACE_LEAVE] = {"leave", {"computed_ns", "own_ns"}},
    };
    struct writer *w = context;
    if (w->thread != (int)event->thread) {
        separate(w);
        fprintf(w->file,
                "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%u,\"args\":{\"name\":"
                "\"%s%s\"}}",
                getpid(), event->thread + 1, event->source ? "source of " : "", event->pipeline);
        w->thread = (int)event->thread;
    }
    separate(w);
    fprintf(w->file,
            "{\"ph\":\"X\",\"cat\":\"%s\",\"name\":\"%s\",\"pid\":%d,\"tid\":%u,\"ts\":%" PRId64
            ".%03d,\"dur\":%" PRId64 ".%03d",
            kinds[event->kind].name, event->name, getpid(), event->thread + 1,
            event->begin_ns / 1000, (int)(event->begin_ns % 1000),
            (event->end_ns - event->begin_ns) / 1000,
            (int)((event->end_ns - event->begin_ns) % 1000));
    for (size_t i = 0; i < 2 && kinds[event->kind].numbers[i]; i++)
        fprintf(w->file, "%s\"%s\":%" PRId64, i ? "," : ",\"args\":{",
                kinds[event->kind].numbers[i], event->numbers[i]);
    fputs(kinds[event->kind].numbers[0] ? "}}" : "}", w->file);
}

/* What else a simulation of it needs to know. */
static void write_about(struct writer *w, const struct pipe_engine *engine)
{
    struct pipe_lane_stats lane;
    static struct pipe_stats stats[SCHED_MAX_TASKS]; /* loop thread */
    size_t count = pipe_engine_stats(engine, stats, SCHED_MAX_TASKS);
    pipe_engine_lane_stats(engine, &lane, 1);
    fprintf(w->file,
            "],\"percept\":{\"lane\":{\"name\":\"%s\",\"slots\":%u,\"width\":%u},"
            "\"pipelines\":[",
            lane.name, lane.slots, lane.width);
    for (size_t i = 0; i < count && i < SCHED_MAX_TASKS; i++)
        fprintf(w->file, "%s{\"name\":\"%s\",\"step\":%u,\"worst_ns\":%" PRId64 "}", i ? "," : "",
                stats[i].name, stats[i].step, stats[i].worst_ns);
    fputs("]}}\n", w->file);
}

static char *read_trace(struct pipe_engine *engine, int64_t since_ns)
{
    char *text = NULL;
    size_t size;
    struct writer w = {.file = open_memstream(&text, &size), .thread = -1};
    if (!w.file)
        return NULL;
    fprintf(w.file,
            "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[{\"ph\":\"M\",\"name\":\"process_name\","
            "\"pid\":%d,\"args\":{\"name\":\"perceptd\"}}",
            getpid());
    w.any = true;
    pipe_engine_trace_read(engine, since_ns, write_event, &w);
    write_about(&w, engine);
    bool whole = !ferror(w.file);
    if (fclose(w.file) == 0 && whole)
        return text;
    free(text);
    return NULL;
}

static char *begin(struct pipe_engine *engine, double seconds)
{
    char *text = malloc(64);
    int64_t now = base_clock_ns();
    bool fits = seconds > 0 && seconds <= MOST_SECONDS;
    if (!text || !fits || pipe_engine_trace(engine, (int64_t)(seconds * 1e9), NULL) != PERCEPT_OK) {
        free(text);
        return NULL;
    }
    snprintf(text, 64, "{\"since_ns\":%" PRId64 "}", now);
    return text;
}

/* What follows the words; NULL when the query is another. */
static const char *after(const char *what, const char *words)
{
    size_t length = strlen(words);
    return strncmp(what, words, length) == 0 && what[length] ? what + length : NULL;
}

char *daemon_trace_query(struct pipe_engine *engine, const char *what)
{
    const char *seconds = after(what, "trace begin "), *since = after(what, "trace since ");
    char *end = NULL;
    double interval = seconds ? strtod(seconds, &end) : 0;
    if (seconds)
        return *end ? NULL : begin(engine, interval);
    int64_t since_ns = since ? strtoll(since, &end, 10) : 0;
    return since && !*end ? read_trace(engine, since_ns) : NULL;
}
