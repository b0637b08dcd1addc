/* Why: see replay.h. A trace is a file that somebody has: nothing in it is taken for granted. */
#include "cli/simulate_replay.h"

#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_NS (1e6 * 1e9) /* 11 days: more is no time of a machine that records */

struct reading {
    struct cli_replay *replay;
    bool stolen;
    int64_t first_ns; /* that came; times in the file less this are the simulation's */
};

struct event {
    const char *kind;
    int64_t begin_ns, end_ns;
    json_t *numbers;
};

/* ---- values ---- */

static bool number(const json_t *value, int64_t *ns, double scale)
{
    double v = json_number_value(value) * scale;
    bool fits = json_is_number(value) && v >= 0 && v <= MOST_NS;
    *ns = fits ? llround(v) : 0;
    return fits;
}

static bool argument(const struct event *event, const char *name, int64_t *ns)
{
    return number(json_object_get(event->numbers, name), ns, 1);
}

static bool read_event(json_t *item, struct event *event)
{
    int64_t length_ns;
    event->kind = json_string_value(json_object_get(item, "cat"));
    event->numbers = json_object_get(item, "args");
    bool whole = event->kind && number(json_object_get(item, "ts"), &event->begin_ns, 1e3) &&
                 number(json_object_get(item, "dur"), &length_ns, 1e3);
    event->end_ns = whole ? event->begin_ns + length_ns : 0;
    return whole;
}

struct cli_replay_pipeline *cli_replay_find(const struct cli_replay *replay, const char *name)
{
    for (size_t i = 0; name && i < replay->count; i++)
        if (strcmp(replay->pipelines[i].name, name) == 0)
            return &replay->pipelines[i];
    return NULL;
}

/* ---- frames: they come in the order of their capture ---- */

static size_t find_frame(const struct cli_replay_pipeline *p, int64_t captured_ns)
{
    size_t low = 0, high = p->frame_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->frames[middle].captured_ns < captured_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->frame_count && p->frames[low].captured_ns == captured_ns ? low : SIZE_MAX;
}

static bool add_frame(struct cli_replay_pipeline *p, int64_t arrived_ns, int64_t captured_ns)
{
    size_t n = p->frame_count;
    if (n && captured_ns <= p->frames[n - 1].captured_ns)
        return true;          /* the source was begun anew: an event of a thread that is gone */
    if ((n & (n - 1)) == 0) { /* a power of two: there is no more room */
        size_t room = n ? 2 * n : 1;
        struct sched_sim_frame *frames = reallocarray(p->frames, room, sizeof *frames);
        if (!frames)
            return false;
        p->frames = frames;
        struct cli_replay_frame *times = reallocarray(p->times, room, sizeof *times);
        if (!times)
            return false;
        p->times = times;
    }
    p->frames[n] = (struct sched_sim_frame){.arrived_ns = arrived_ns, .captured_ns = captured_ns};
    p->times[n] = (struct cli_replay_frame){0};
    p->frame_count++;
    return true;
}

static bool add_piece(struct sched_sim_frame *frame, int64_t away_ns, int64_t cost_ns)
{
    struct sched_sim_piece *pieces = (struct sched_sim_piece *)frame->pieces;
    size_t n = frame->piece_count;
    if ((n & (n - 1)) == 0) {
        pieces = reallocarray(pieces, n ? 2 * n : 1, sizeof *pieces);
        if (!pieces)
            return false;
        frame->pieces = pieces;
    }
    pieces[n] = (struct sched_sim_piece){away_ns, cost_ns > 0 ? cost_ns : 1};
    frame->piece_count++;
    return true;
}

/* ---- what the threads that compute did ---- */

/* Of the pipeline whose thread's events are read, in their order. */
struct thread {
    struct cli_replay_pipeline *pipeline;
    size_t frame;      /* that it is at; SIZE_MAX: one that came before the trace, or none */
    int64_t end_ns;    /* of what it did last */
    int64_t away_ns;   /* before the next piece; -1: it follows the last one */
    int64_t waking_ns; /* from when it had the slot on, before the next piece */
};

static bool on_wait(const struct reading *r, struct thread *t, const struct event *event)
{
    int64_t granted_ns, captured_ns;
    if (!argument(event, "granted_ns", &granted_ns) || !argument(event, "capture_ns", &captured_ns))
        return false;
    size_t frame = find_frame(t->pipeline, captured_ns);
    t->waking_ns = granted_ns < event->end_ns ? event->end_ns - granted_ns : 0;
    if (frame != t->frame && frame != SIZE_MAX) {
        int64_t ready_ns = t->pipeline->frames[frame].arrived_ns;
        ready_ns = t->end_ns > ready_ns ? t->end_ns : ready_ns;
        t->away_ns = event->begin_ns > ready_ns ? event->begin_ns - ready_ns : 0;
        t->pipeline->times[frame].granted_ns[0] = granted_ns - r->first_ns;
    } else if (t->away_ns >= 0) {
        t->away_ns = event->begin_ns > t->end_ns ? event->begin_ns - t->end_ns : 0;
    }
    t->frame = frame;
    return true;
}

static bool on_segment(const struct reading *r, struct thread *t, const struct event *event)
{
    int64_t computed_ns, own_ns, length_ns = event->end_ns - event->begin_ns;
    if (!argument(event, "computed_ns", &computed_ns) || !argument(event, "own_ns", &own_ns))
        return false;
    int64_t lost_ns = (length_ns > own_ns ? length_ns - own_ns : 0) + t->waking_ns;
    bool leaves = strcmp(event->kind, "leave") == 0, added = true;
    if (t->frame != SIZE_MAX) {
        t->pipeline->computed_ns += computed_ns;
        t->pipeline->lost_ns += lost_ns;
        added = add_piece(&t->pipeline->frames[t->frame], t->away_ns,
                          computed_ns + (r->stolen ? lost_ns : 0));
    }
    t->waking_ns = 0;
    t->away_ns = leaves ? 0 : -1;
    return added;
}

static bool on_done(const struct reading *r, struct thread *t, const struct event *event)
{
    int64_t captured_ns;
    if (!argument(event, "capture_ns", &captured_ns))
        return false;
    if (t->frame != SIZE_MAX && t->pipeline->frames[t->frame].captured_ns == captured_ns)
        t->pipeline->times[t->frame].done_ns[0] = event->end_ns - r->first_ns;
    return true;
}

static bool read_thread_event(const struct reading *r, struct thread *t, const struct event *event)
{
    static const struct {
        const char *kind;
        bool (*read)(const struct reading *r, struct thread *t, const struct event *event);
    } kinds[] = {
        {"wait", on_wait}, {"segment", on_segment}, {"leave", on_segment}, {"done", on_done}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, event->kind) == 0) {
            bool read = kinds[i].read(r, t, event);
            t->end_ns = event->end_ns;
            return read;
        }
    return true;
}

/* ---- the file ---- */

static bool read_about(struct cli_replay *replay, const json_t *root)
{
    const json_t *about = json_object_get(root, "percept"), *lane = json_object_get(about, "lane");
    json_t *list = json_object_get(about, "pipelines"), *item;
    const char *name = json_string_value(json_object_get(lane, "name"));
    json_int_t slots = json_integer_value(json_object_get(lane, "slots")),
               width = json_integer_value(json_object_get(lane, "width"));
    size_t i, count = json_array_size(list);
    if (!name || slots < 1 || slots > 1024 || width < 0 || width > 1024 ||
        count > SCHED_MAX_TASKS ||
        !(replay->pipelines = calloc(count + 1, sizeof *replay->pipelines)))
        return false;
    snprintf(replay->lane_name, sizeof replay->lane_name, "%s", name);
    replay->lane = (struct sched_lane){replay->lane_name, (unsigned)slots, (unsigned)width};
    json_array_foreach(list, i, item)
    {
        struct cli_replay_pipeline *p = &replay->pipelines[replay->count++];
        const char *text = json_string_value(json_object_get(item, "name"));
        p->name = text ? strdup(text) : NULL;
        if (!p->name || !number(json_object_get(item, "worst_ns"), &p->worst_ns, 1))
            return false;
    }
    return true;
}

static bool read_arrivals(struct reading *r, json_t *events)
{
    struct event event;
    json_t *item;
    size_t i;
    int64_t captured_ns;
    r->first_ns = INT64_MAX;
    json_array_foreach(events, i, item)
    {
        if (!read_event(item, &event) || strcmp(event.kind, "arrive") != 0)
            continue;
        struct cli_replay_pipeline *p =
            cli_replay_find(r->replay, json_string_value(json_object_get(item, "name")));
        if (!argument(&event, "capture_ns", &captured_ns) ||
            (p && !add_frame(p, event.end_ns, captured_ns)))
            return false;
        r->first_ns = event.end_ns < r->first_ns ? event.end_ns : r->first_ns;
        r->first_ns = captured_ns < r->first_ns ? captured_ns : r->first_ns;
    }
    return true;
}

static bool read_threads(const struct reading *r, json_t *events)
{
    struct thread thread = {.frame = SIZE_MAX};
    struct event event;
    json_t *item;
    size_t i;
    json_array_foreach(events, i, item)
    {
        const char *kind = json_string_value(json_object_get(item, "name"));
        if (kind && strcmp(kind, "thread_name") == 0)
            thread = (struct thread){.frame = SIZE_MAX,
                                     .pipeline = cli_replay_find(
                                         r->replay, json_string_value(json_object_get(
                                                        json_object_get(item, "args"), "name")))};
        else if (thread.pipeline && read_event(item, &event) &&
                 !read_thread_event(r, &thread, &event))
            return false;
    }
    return true;
}

/* A frame without an end was not begun, or the trace ended in the middle of it. */
static void settle(struct reading *r)
{
    for (size_t i = 0; i < r->replay->count; i++)
        for (size_t f = 0; f < r->replay->pipelines[i].frame_count; f++) {
            struct cli_replay_pipeline *p = &r->replay->pipelines[i];
            if (!p->times[f].done_ns[0])
                p->frames[f].piece_count = 0;
            p->frames[f].arrived_ns -= r->first_ns;
            p->frames[f].captured_ns -= r->first_ns;
            int64_t end_ns =
                p->times[f].done_ns[0] ? p->times[f].done_ns[0] : p->frames[f].arrived_ns;
            if (end_ns > r->replay->length_ns)
                r->replay->length_ns = end_ns;
        }
}

enum percept_status cli_replay_load(const char *path, bool stolen, struct cli_replay **out,
                                    struct percept_error *error)
{
    json_error_t cause;
    json_t *root = json_load_file(path, 0, &cause);
    if (!root)
        return percept_fail_at(error, PERCEPT_MALFORMED, path,
                               cause.line > 0 ? (unsigned)cause.line : 0,
                               cause.column > 0 ? (unsigned)cause.column : 0, "%s", cause.text);
    struct reading r = {.replay = calloc(1, sizeof *r.replay), .stolen = stolen};
    json_t *events = json_object_get(root, "traceEvents");
    bool read = r.replay && read_about(r.replay, root) && read_arrivals(&r, events) &&
                read_threads(&r, events);
    bool empty = read && r.first_ns == INT64_MAX;
    if (read && !empty)
        settle(&r);
    json_decref(root);
    if (read && !empty) {
        *out = r.replay;
        return PERCEPT_OK;
    }
    cli_replay_free(r.replay);
    return percept_fail_at(error, PERCEPT_MALFORMED, path, 0, 0, "%s",
                           empty ? "no frame came while it was recorded"
                                 : "not a trace that `percept trace` has recorded");
}

void cli_replay_free(struct cli_replay *replay)
{
    for (size_t i = 0; replay && i < replay->count; i++) {
        struct cli_replay_pipeline *p = &replay->pipelines[i];
        for (size_t f = 0; f < p->frame_count; f++)
            free((void *)p->frames[f].pieces);
        free(p->frames);
        free(p->times);
        free(p->name);
    }
    if (replay)
        free(replay->pipelines);
    free(replay);
}

/* ---- what came of it ---- */

void cli_replay_event(struct cli_replay_pipeline *p, const struct sched_sim_event *event)
{
    size_t frame;
    switch (event->kind) {
    case SCHED_EVENT_SEGMENT:
        if (!p->begun)
            p->begun_ns = event->start_ns;
        p->begun = true;
        break;
    case SCHED_EVENT_DONE:
        frame = find_frame(p, event->start_ns);
        if (frame != SIZE_MAX) {
            p->times[frame].granted_ns[1] = p->begun_ns;
            p->times[frame].done_ns[1] = event->end_ns;
        }
        p->begun = false;
        break;
    case SCHED_EVENT_MISS:
    case SCHED_EVENT_STEP:
        break;
    }
}
