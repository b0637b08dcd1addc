/* Why: recognisers make words of anything, silence too, and cost most of a core: they shall hear
 * speech alone, and know where it begins and ends. */
#include "pipelines/node.h"

#include <stdlib.h>
#include <string.h>

/* Silero's net hears 32 ms at a time, with the 4 ms before them. */
#define NEW     512
#define CONTEXT 64
/* Quiet enough to end a stretch that is nearly as long as it may be. */
#define SHORT_PAUSE (PIPE_AUDIO_RATE / 10)

struct params {
    const char *model;
    double threshold, hysteresis;
    int64_t speech_ms, silence_ms, padding_ms;
    double longest_s;
};

static const struct pipe_param params[] = {
    {.name = "model",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, model),
     .required = true,
     .help = "a voice activity net"},
    {.name = "threshold",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, threshold),
     .fallback = 0.5,
     .min = 0.05,
     .max = 0.95,
     .help = "probability from which it is speech, 0..1"},
    {.name = "hysteresis",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, hysteresis),
     .fallback = 0.15,
     .max = 0.9,
     .help = "and so much below it is silence; what is between goes on as it was"},
    {.name = "speech_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, speech_ms),
     .fallback = 160,
     .min = 32,
     .max = 500,
     .help = "so much speech opens a stretch, milliseconds: less is a click or a cough"},
    {.name = "silence_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, silence_ms),
     .fallback = 400,
     .min = 100,
     .max = 5000,
     .help = "so much silence ends it, milliseconds"},
    {.name = "padding_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, padding_ms),
     .fallback = 300,
     .max = 400,
     .help = "so much before and after belongs to it, milliseconds"},
    {.name = "longest_s",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, longest_s),
     .fallback = 20,
     .min = 2,
     .max = 29,
     .help =
         "a longer stretch is cut, in a short pause of its last quarter if there is one, seconds"},
    {0},
};

static const struct pipe_port inputs[] = {{.name = "audio", .type = PIPE_AUDIO}, {0}};
static const struct pipe_port outputs[] = {{.name = "speech", .type = PIPE_SPEECH}, {0}};

struct pipe_node {
    const struct params *params;
    struct pipe_model *model;
    float window[CONTEXT + NEW];
    size_t filled;   /* of the new ones */
    bool goes_on;    /* the net has heard what is before the window */
    uint64_t at;     /* running number of the sample that comes next */
    bool open, loud; /* a stretch is; the last window was speech */
    /* Running numbers. A candidate is what may become a stretch. */
    uint64_t candidate, heard, last_loud_end, begin, end;
    bool has_candidate;
    float probability;
};

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **node,
                                  struct percept_error *error)
{
    struct pipe_node *n = calloc(1, sizeof *n);
    const float *probability;
    if (!n)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    n->params = setup->params;
    enum percept_status status =
        n->params->hysteresis < n->params->threshold
            ? setup->open_model(setup->host, n->params->model, &n->model, error)
            : percept_fail(error, PERCEPT_INVALID,
                           "hysteresis %g is not below the threshold %g: no stretch would end",
                           n->params->hysteresis, n->params->threshold);
    const struct prt_model *prt = status == PERCEPT_OK ? pipe_model_prt(n->model) : NULL;
    const struct prt_tensor *sound = prt ? prt_model_input_spec(prt, 0) : NULL,
                            *before = prt ? prt_model_input_spec(prt, 1) : NULL;
    if (status == PERCEPT_OK &&
        (!sound || !before || sound->dtype != PRT_F32 || before->dtype != PRT_F32 ||
         prt_tensor_elements(sound) != CONTEXT + NEW || prt_tensor_elements(before) != 1))
        status = percept_fail(error, PERCEPT_INVALID,
                              "model '%s': no voice activity net: expected inputs float32[1, %d] "
                              "and float32[1]",
                              n->params->model, CONTEXT + NEW);
    if (status == PERCEPT_OK)
        status = pipe_model_output(n->model, 0, 1, &probability, error);
    if (status != PERCEPT_OK) {
        free(n);
        return status;
    }
    *node = n;
    return PERCEPT_OK;
}

static void destroy(struct pipe_node *n)
{
    free(n);
}

static uint64_t samples_of(int64_t ms)
{
    return (uint64_t)ms * (PIPE_AUDIO_RATE / 1000);
}

static void open_stretch(struct pipe_node *n, struct pipe_speech *out)
{
    uint64_t before = samples_of(n->params->padding_ms),
             first = n->candidate > before ? n->candidate - before : 0,
             oldest = n->at > PIPE_SPEECH_BEFORE ? n->at - PIPE_SPEECH_BEFORE : 0;
    first = first > oldest ? first : oldest;
    n->begin = first > n->end ? first : n->end; /* what ended has its own sound */
    n->open = true;
    n->has_candidate = false;
    out->begun = true;
}

static void end_stretch(struct pipe_node *n, struct pipe_speech *out, uint64_t end)
{
    n->open = false;
    n->has_candidate = false;
    n->end = end < n->at ? end : n->at;
    out->ended = true;
}

/* What the net's word of the window that ends at n->at means. */
static void decide(struct pipe_node *n, struct pipe_speech *out)
{
    const struct params *p = n->params;
    n->loud = (double)n->probability >= (n->loud ? p->threshold - p->hysteresis : p->threshold);
    if (n->loud) {
        n->last_loud_end = n->at;
        if (!n->open && !n->has_candidate) {
            n->has_candidate = true;
            n->candidate = n->at - NEW;
            n->heard = 0;
        }
        n->heard += NEW;
    }
    uint64_t quiet = n->at - n->last_loud_end;
    if (!n->open) {
        if (n->has_candidate && n->heard >= samples_of(p->speech_ms))
            open_stretch(n, out);
        else if (quiet >= SHORT_PAUSE)
            n->has_candidate = false;
        return;
    }
    uint64_t length = n->at - n->begin, longest = (uint64_t)(p->longest_s * PIPE_AUDIO_RATE);
    if (quiet >= samples_of(p->silence_ms)) {
        end_stretch(n, out, n->last_loud_end + samples_of(p->padding_ms));
    } else if (length >= longest || (length >= longest / 4 * 3 && quiet >= SHORT_PAUSE)) {
        end_stretch(n, out, n->at);
        out->cut = true;
        /* Who goes on speaking has begun where that ended. */
        n->has_candidate = n->loud;
        n->candidate = n->at;
        n->heard = 0;
    }
}

static enum percept_status hear(struct pipe_node *n, struct pipe_speech *out,
                                struct percept_error *error)
{
    const float *probability;
    struct prt_model *prt = pipe_model_prt(n->model);
    memcpy(prt_model_input_data(prt, 0), n->window, sizeof n->window);
    *(float *)prt_model_input_data(prt, 1) = n->goes_on ? 1 : 0;
    enum percept_status status = pipe_model_run(n->model, error);
    if (status == PERCEPT_OK)
        status = pipe_model_output(n->model, 0, 1, &probability, error);
    if (status != PERCEPT_OK)
        return status;
    n->probability = *probability;
    n->goes_on = true;
    memcpy(n->window, n->window + NEW, CONTEXT * sizeof *n->window);
    n->filled = 0;
    decide(n, out);
    return PERCEPT_OK;
}

/* Nothing of before is heard any more; an open stretch ends where the sound did. */
static void begin_anew(struct pipe_node *n, const struct pipe_audio *audio, struct pipe_speech *out)
{
    if (n->open) {
        end_stretch(n, out, n->at);
        out->forgotten = audio->forget;
    }
    memset(n->window, 0, sizeof n->window);
    n->filled = 0;
    n->goes_on = n->loud = n->has_candidate = false;
    n->probability = 0;
    n->at = n->last_loud_end = n->end = audio->first;
}

static enum percept_status process(struct pipe_node *n, const void *const *in, void *const *out,
                                   struct percept_error *error)
{
    const struct pipe_audio *audio = in[0];
    struct pipe_speech *speech = out[0];
    enum percept_status status = PERCEPT_OK;
    *speech = (struct pipe_speech){.capture_ns = audio->capture_ns};
    if (audio->begins || !n->at)
        begin_anew(n, audio, speech);
    for (uint32_t used = 0; used < audio->count && status == PERCEPT_OK;) {
        uint32_t more = audio->count - used;
        if (more > NEW - n->filled)
            more = (uint32_t)(NEW - n->filled);
        memcpy(n->window + CONTEXT + n->filled, audio->samples + used, more * sizeof *n->window);
        n->filled += more;
        n->at += more;
        used += more;
        if (n->filled == NEW)
            status = hear(n, speech, error);
    }
    if (audio->last && n->open)
        end_stretch(n, speech, n->at);
    speech->probability = n->probability;
    speech->speaking = n->open;
    speech->begin = n->begin;
    speech->end = n->end;
    return status;
}

const struct pipe_node_class pipe_node_voice_activity = {
    .version = PIPE_NODE_VERSION,
    .name = "voice_activity",
    .summary = "Says when somebody begins and ends to speak",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
};
