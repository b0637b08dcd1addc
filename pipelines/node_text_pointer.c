/*
 * Why: of all the text in view, the line that somebody points at is the one to do something with.
 *
 * The tip of the index finger selects a line when it has been at or just below it for a while
 * (people point under a line so as to be able to read it), and keeps it until it has been
 * elsewhere for a while. What is selected goes on being so through frames in which the text or the
 * hand was not found.
 */
#include "pipelines/node.h"
#include "pipelines/pointing.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { TIP = 8 };
enum { GESTURE_POINTING, GESTURE_TIP };
#define LONGEST_GAP_NS (1000 * BASE_NS_PER_MS) /* between frames that belong together */
#define KEEP           1.5f                    /* how much wider a line is once it is pointed at */

struct params {
    int64_t dwell_ms, release_ms;
    double below, margin;
    int gesture;
};

static const char *const gestures[] = {"pointing", "tip", NULL};

static const struct pipe_param params[] = {
    {.name = "dwell_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, dwell_ms),
     .fallback = 400,
     .min = 0,
     .max = 10000,
     .help = "how long the finger has to be at a line to select it, milliseconds"},
    {.name = "release_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, release_ms),
     .fallback = 300,
     .min = 0,
     .max = 10000,
     .help = "how long it has to be elsewhere to let go of it, milliseconds"},
    {.name = "below",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, below),
     .fallback = 1.5,
     .min = 0,
     .max = 10,
     .help = "how far below a line the tip may be, in heights of the line"},
    {.name = "margin",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, margin),
     .fallback = 0.5,
     .min = 0,
     .max = 10,
     .help = "and how far above or beside it"},
    {.name = "gesture",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, gesture),
     .choices = gestures,
     .help = "pointing: only a stretched index finger while others are bent; tip: any hand's"},
    {0},
};

enum { IN_TEXT, IN_HANDS };
static const struct pipe_port inputs[] = {
    {.name = "text", .type = PIPE_TEXT},
    {.name = "hands", .type = PIPE_HANDS},
    {0},
};
static const struct pipe_port outputs[] = {{.name = "selected", .type = PIPE_TEXT_SELECTED}, {0}};

struct pipe_node {
    const struct params *params;
    struct percept_text_selected last; /* selected or not */
    uint32_t candidate;                /* id of the line that is pointed at; 0: none */
    uint32_t pointing;                 /* id of the hand; 0: none points */
    int64_t candidate_ns;              /* since when */
    int64_t away_ns;                   /* since when the selected one is not pointed at; 0: it is */
    int64_t now_ns;                    /* of the last frame */
};

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    *node = n;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *n)
{
    free(n);
}

/* ---- one frame ---- */

/* The hand that points: the one that did, if it still does. */
static const struct percept_hand *find_hand(struct pipe_node *n, const struct percept_hands *hands)
{
    const struct percept_hand *found = NULL;
    for (uint32_t i = 0; i < hands->hand_count && i < PERCEPT_HANDS_MAX; i++) {
        const struct percept_hand *hand = &hands->hands[i];
        bool was = hand->id == n->pointing;
        bool points = n->params->gesture == GESTURE_TIP || pipe_hand_points(hand, was);
        if (points && (was || !found))
            found = hand;
    }
    n->pointing = found ? found->id : 0;
    return found;
}

/* The nearest line; the one that was pointed at, or is selected, reaches further. */
static uint32_t find_line(const struct pipe_node *n, const struct percept_text *text,
                          const float point[2])
{
    uint32_t found = 0;
    float nearest = 0;
    for (uint32_t i = 0; i < text->line_count && i < PERCEPT_TEXT_LINES_MAX; i++) {
        const struct percept_text_line *line = &text->lines[i];
        bool ours = line->id == n->candidate || (n->last.selected && line->id == n->last.line.id);
        float reach = ours ? KEEP : 1;
        float far = pipe_line_distance(line, point, (float)n->params->below * reach,
                                       (float)n->params->margin * reach);
        if (far < 0)
            continue;
        far /= reach;
        if (!found || far < nearest) {
            found = line->id;
            nearest = far;
        }
    }
    return found;
}

static const struct percept_text_line *line_of(const struct percept_text *text, uint32_t id,
                                               uint32_t *index)
{
    for (uint32_t i = 0; i < text->line_count && i < PERCEPT_TEXT_LINES_MAX; i++)
        if (text->lines[i].id == id) {
            *index = i;
            return &text->lines[i];
        }
    return NULL;
}

/* The selected line as it is now; as it was when it is not in this frame. */
static void refresh(struct percept_text_selected *selected, const struct percept_text *text)
{
    uint32_t index;
    const struct percept_text_line *line = line_of(text, selected->line.id, &index);
    if (!line)
        return;
    selected->line = *line;
    memset(selected->actions, 0, sizeof selected->actions);
    selected->action_count = 0;
    for (uint32_t i = 0; i < text->action_count && i < PERCEPT_TEXT_ACTIONS_MAX; i++) {
        if (text->actions[i].line != index ||
            selected->action_count == PERCEPT_SELECTED_ACTIONS_MAX)
            continue;
        struct percept_text_action *action = &selected->actions[selected->action_count++];
        *action = text->actions[i];
        action->line = 0;
    }
}

static void let_go(struct pipe_node *n, int64_t now)
{
    n->last = (struct percept_text_selected){.since_ns = now};
    n->away_ns = 0;
}

static void decide(struct pipe_node *n, uint32_t line, int64_t now)
{
    const struct params *p = n->params;
    if (line != n->candidate || n->candidate_ns == 0) {
        n->candidate = line;
        n->candidate_ns = now;
    }
    bool same = n->last.selected && line == n->last.line.id;
    if (same || !n->last.selected)
        n->away_ns = 0;
    else if (n->away_ns == 0)
        n->away_ns = now;
    if (line && !same && now - n->candidate_ns >= p->dwell_ms * BASE_NS_PER_MS) {
        let_go(n, now);
        n->last.selected = 1;
        n->last.line.id = line;
    } else if (n->away_ns && now - n->away_ns >= p->release_ms * BASE_NS_PER_MS) {
        let_go(n, now);
    }
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct percept_text *text = in[IN_TEXT];
    const struct percept_hands *hands = in[IN_HANDS];
    int64_t now = hands->capture_ns;
    (void)error;
    /* The first frame, and one after a pause: nothing has been pointed at meanwhile. */
    if (n->now_ns == 0 || now < n->now_ns || now - n->now_ns > LONGEST_GAP_NS) {
        let_go(n, now);
        n->candidate = n->pointing = 0;
        n->candidate_ns = 0;
    }
    n->now_ns = now;
    const struct percept_hand *hand = find_hand(n, hands);
    decide(n, hand ? find_line(n, text, hand->image[TIP]) : 0, now);
    n->last.capture_ns = now;
    if (n->last.selected) {
        refresh(&n->last, text);
        if (hand) {
            n->last.hand = hand->id;
            memcpy(n->last.point, hand->image[TIP], sizeof n->last.point);
        }
    }
    memcpy(out[0], &n->last, sizeof n->last);
    return PERCEPT_OK;
}

const struct pipe_node_class pipe_node_text_pointer = {
    .version = PIPE_NODE_VERSION,
    .name = "text_pointer",
    .summary = "Selects the line of text that a finger points at",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
