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
    static const char *const kinds[PIPE_TRACE_KINDS] = {"capture", "frame", "node", "model",
                                                        "publish"};
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
            ".%03d,\"dur\":%" PRId64 ".%03d}",
            kinds[event->kind], event->name, getpid(), event->thread + 1, event->begin_ns / 1000,
            (int)(event->begin_ns % 1000), (event->end_ns - event->begin_ns) / 1000,
            (int)((event->end_ns - event->begin_ns) % 1000));
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
    fputs("]}\n", w.file);
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
