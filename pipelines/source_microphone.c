/*
 * Why: captions are of what is being said here and now.
 *
 * ALSA is what every Linux has. Its device "default" is PipeWire's where that runs (by PipeWire's
 * plugin for ALSA, which also resamples), so there is no second way to speak to PipeWire.
 */
#include "pipelines/sound_clock.h"
#include "pipelines/source.h"

#include <stdlib.h>

struct params {
    const char *device;
    bool retry;
};

static const struct pipe_param microphone_params[] = {
    {.name = "device",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct params, device),
     .fallback_text = "default",
     .help =
         "the ALSA device; one that does not give one channel at 16 kHz by itself wants plughw: "
         "in front instead of hw:"},
    {.name = "retry",
     .kind = PIPE_PARAM_BOOL,
     .offset = offsetof(struct params, retry),
     .help = "wait for a microphone that is absent at the start; one that is unplugged later is "
             "always waited for"},
    {0},
};

#ifdef PERCEPT_ALSA

#include <alsa/asoundlib.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define FIRST_PAUSE_NS   (250 * BASE_NS_PER_MS)
#define LONGEST_PAUSE_NS (5 * BASE_NS_PER_S)
#define BUFFER_US        300000 /* that may lie in the device while we are busy */
#define MOST_POLLS       16

struct pipe_source {
    const struct params *params;
    snd_pcm_t *pcm; /* NULL: away */
    int stop_fd;
    int64_t pause_ns, retry_at_ns;
    int16_t samples[PIPE_AUDIO_SAMPLES];
    size_t count; /* of a block that is not full yet */
    struct pipe_sound_clock clock;
    bool overrun; /* something is missing before the next block */
};

static void be_quiet(const char *file, int line, const char *function, int code, const char *format,
                     ...)
{
    (void)file, (void)line, (void)function, (void)code, (void)format;
}

static void let_go(struct pipe_source *s)
{
    if (s->pcm)
        snd_pcm_close(s->pcm);
    s->pcm = NULL;
    s->count = 0;
    s->clock.next_ns = 0;
}

static enum percept_status fail_alsa(const struct pipe_source *s, enum percept_status status,
                                     int code, struct percept_error *error)
{
    return percept_fail(error, status, "microphone '%s': %s", s->params->device,
                        snd_strerror(code));
}

static enum percept_status open_device(struct pipe_source *s, struct percept_error *error)
{
    snd_lib_error_set_handler(be_quiet);
    int code = snd_pcm_open(&s->pcm, s->params->device, SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK);
    if (code < 0)
        s->pcm = NULL;
    if (code >= 0)
        code = snd_pcm_set_params(s->pcm, SND_PCM_FORMAT_S16, SND_PCM_ACCESS_RW_INTERLEAVED, 1,
                                  PIPE_AUDIO_RATE, 1, BUFFER_US);
    if (code >= 0)
        code = snd_pcm_start(s->pcm);
    if (code >= 0)
        return PERCEPT_OK;
    let_go(s);
    return fail_alsa(s, code == -ENOENT || code == -ENODEV ? PERCEPT_NOT_FOUND : PERCEPT_IO, code,
                     error);
}

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    let_go(s);
    free(s);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = setup->params;
    s->stop_fd = setup->stop_fd;
    s->pause_ns = FIRST_PAUSE_NS;
    enum percept_status status = setup->rests ? PERCEPT_OK : open_device(s, error);
    if (status != PERCEPT_OK && !s->params->retry) {
        destroy(s);
        return status;
    }
    *source = s;
    return PERCEPT_OK;
}

/* It is gone; looked for again after twice as long each time. */
static enum percept_status away(struct pipe_source *s, const struct percept_error *cause,
                                struct percept_error *error)
{
    let_go(s);
    s->retry_at_ns = base_clock_ns() + s->pause_ns;
    s->pause_ns = s->pause_ns * 2 < LONGEST_PAUSE_NS ? s->pause_ns * 2 : LONGEST_PAUSE_NS;
    return percept_fail(error, PERCEPT_DISCONNECTED, "%s", cause->message);
}

static enum percept_status wait_for_sound(struct pipe_source *s, struct percept_error *error)
{
    struct pollfd watched[MOST_POLLS + 1] = {{.fd = s->stop_fd, .events = POLLIN}};
    int count = snd_pcm_poll_descriptors(s->pcm, watched + 1, MOST_POLLS);
    int ready = poll(watched, (nfds_t)(count > 0 ? count + 1 : 1), 3000);
    if (watched[0].revents)
        return PERCEPT_CANCELLED;
    return ready == 0 ? percept_fail(error, PERCEPT_DISCONNECTED,
                                     "microphone '%s': silent for three seconds", s->params->device)
                      : PERCEPT_OK;
}

/* Read until a block is full. */
static enum percept_status fill(struct pipe_source *s, struct percept_error *error)
{
    struct percept_error cause = {0};
    while (s->count < PIPE_AUDIO_SAMPLES) {
        snd_pcm_sframes_t got =
            snd_pcm_readi(s->pcm, s->samples + s->count, PIPE_AUDIO_SAMPLES - s->count);
        enum percept_status status = PERCEPT_OK;
        if (got > 0) {
            s->count += (size_t)got;
        } else if (got == 0 || got == -EAGAIN) {
            status = wait_for_sound(s, &cause);
        } else {
            /* The device's buffer was full, or the machine slept. What was begun is not gone on
             * with. */
            s->overrun = true;
            s->count = 0;
            int code = snd_pcm_recover(s->pcm, (int)got, 1);
            if (code >= 0)
                code = snd_pcm_start(s->pcm);
            if (code < 0 && code != -EBADFD)
                status = fail_alsa(s, PERCEPT_DISCONNECTED, code, &cause);
        }
        if (status == PERCEPT_CANCELLED)
            return status;
        if (status != PERCEPT_OK)
            return away(s, &cause, error);
    }
    return PERCEPT_OK;
}

/* When the first sample of the block that was read just now was taken. */
static int64_t stamp(struct pipe_source *s)
{
    snd_pcm_sframes_t behind = 0;
    if (snd_pcm_delay(s->pcm, &behind) < 0 || behind < 0)
        behind = 0;
    if (s->overrun)
        s->clock.next_ns = 0;
    int64_t taken_ns = base_clock_ns() - (behind + PIPE_AUDIO_SAMPLES) * PIPE_SAMPLE_NS;
    return pipe_sound_clock_stamp(&s->clock, taken_ns, PIPE_AUDIO_SAMPLES);
}

static enum percept_status next_audio(struct pipe_source *s, struct pipe_audio *block,
                                      int64_t *time_ns, struct percept_error *error)
{
    struct percept_error cause = {0};
    /* With a device, too: one that always has sound would never let us look elsewhere. */
    enum percept_status status = pipe_wait(s->stop_fd, s->pcm ? 0 : s->retry_at_ns);
    if (status != PERCEPT_OK)
        return status;
    if (!s->pcm) {
        if (open_device(s, &cause) != PERCEPT_OK)
            return away(s, &cause, error);
        block->begins = true;
    }
    status = fill(s, error);
    if (status != PERCEPT_OK)
        return status;
    int64_t due_ns = s->clock.next_ns, taken_ns = stamp(s);
    if (s->overrun) {
        block->begins = true;
        block->lost =
            due_ns && taken_ns > due_ns ? (uint64_t)((taken_ns - due_ns) / PIPE_SAMPLE_NS) : 0;
    }
    for (size_t i = 0; i < PIPE_AUDIO_SAMPLES; i++)
        block->samples[i] = (float)s->samples[i] / 32768;
    block->count = PIPE_AUDIO_SAMPLES;
    *time_ns = taken_ns;
    s->overrun = false;
    s->count = 0;
    s->pause_ns = FIRST_PAUSE_NS;
    return PERCEPT_OK;
}

static void rest(struct pipe_source *s)
{
    let_go(s);
    s->pause_ns = FIRST_PAUSE_NS;
    s->retry_at_ns = 0;
}

#else

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    (void)setup, (void)source;
    return percept_fail(error, PERCEPT_UNSUPPORTED, "built without ALSA: there is no microphone");
}

static enum percept_status next_audio(struct pipe_source *s, struct pipe_audio *block,
                                      int64_t *time_ns, struct percept_error *error)
{
    (void)s, (void)block, (void)time_ns, (void)error;
    return PERCEPT_END;
}

static void rest(struct pipe_source *s)
{
    (void)s;
}

static void destroy(struct pipe_source *s)
{
    (void)s;
}

#endif

const struct pipe_source_class pipe_source_microphone = {
    .name = "microphone",
    .summary = "A microphone",
    .recorded = false,
    .output = PIPE_AUDIO,
    .params = microphone_params,
    .params_size = sizeof(struct params),
    .create = create,
    .next_audio = next_audio,
    .rest = rest,
    .destroy = destroy,
};
