/*
 * Why: some sound is known to an app alone: a phone's call, a wearable's radio link, what another
 * program plays. The app pushes it (ipc/push.h), and this hears it.
 *
 * Nothing of what comes is believed. The socket is read as fast as sound is spoken and no faster,
 * so that a flood waits where it is; what does not fit its format, or the quota, ends the stream,
 * and the client is told why.
 */
#include "ipc/hang_up.h"
#include "ipc/push.h"
#include "ipc/wire.h"
#include "pipelines/resampler.h"
#include "pipelines/sound_clock.h"
#include "pipelines/source.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <libavutil/channel_layout.h>
#include <libavutil/samplefmt.h>
#pragma GCC diagnostic pop

/* So much is taken at once from a client that was held up; then a quarter more than is spoken, so
 * that no clock of a client's is too fast for us. */
#define BURST_NS   (2 * BASE_NS_PER_S)
#define MOST_GAP_S 3600 /* that a client may say was left out */

struct params {
    int64_t pause_ms;
};

static const struct pipe_param audio_stream_params[] = {
    {.name = "pause_ms",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct params, pause_ms),
     .fallback = 1000,
     .min = 100,
     .max = 60000,
     .help =
         "after so long without sound from the client, what is being said is over, milliseconds"},
    {0},
};

/* A client, from when the engine offers it until its sound has been heard. */
struct stream {
    int fd; /* -1: none */
    struct ipc_push_format format;
    bool detached; /* by the engine: its end is no fault */
};

struct pipe_source {
    const struct params *params;
    int stop_fd;
    pthread_mutex_t mutex; /* guards `client`; the descriptor is closed under it */
    struct stream client;

    /* The thread of next alone. */
    bool open; /* the client is heard; below is about it */
    int fd;
    struct ipc_push_format format;
    size_t frame_bytes;
    struct pipe_resampler resampler;
    struct pipe_sound_clock clock;
    uint64_t position; /* of the frame that is due */
    uint64_t lost;     /* samples missing before the next block */
    int64_t end_ns;    /* when the last frame that was heard was over */
    int64_t heard_ns;  /* when it came */
    int64_t paid_ns;   /* until then nothing more is taken */
    bool begins;       /* the next block does */
    bool heard;        /* something, since it came or since the last pause */
    bool held;         /* `packet` waits until what was before it has been given */
    bool paused;       /* nothing comes: the same goes for a pause */
    bool over;         /* nothing more will come; `cause` says why */
    struct percept_error cause;
    atomic_uint_fast64_t *late;
    union {
        struct ipc_push_head head;
        uint8_t bytes[sizeof(struct ipc_push_head) + IPC_PUSH_SOUND_MAX];
    } packet;
};

/* ---- coming and going ---- */

static enum percept_status attach(struct pipe_source *s, int fd,
                                  const struct ipc_push_format *format)
{
    pthread_mutex_lock(&s->mutex);
    bool taken = s->client.fd >= 0;
    if (!taken)
        s->client = (struct stream){.fd = fd, .format = *format};
    pthread_mutex_unlock(&s->mutex);
    return taken ? PERCEPT_BUSY : PERCEPT_OK;
}

static void detach(struct pipe_source *s, enum percept_status status, const char *why)
{
    pthread_mutex_lock(&s->mutex);
    if (s->client.fd >= 0) {
        ipc_push_hang_up(s->client.fd, status, why);
        ipc_push_empty(s->client.fd);
        s->client.detached = true;
    }
    pthread_mutex_unlock(&s->mutex);
}

/* Returns whether its end is a fault. */
static bool close_client(struct pipe_source *s)
{
    pthread_mutex_lock(&s->mutex);
    bool fault = !s->client.detached;
    if (s->client.fd >= 0)
        ipc_hang_up(s->client.fd);
    s->client = (struct stream){.fd = -1};
    pthread_mutex_unlock(&s->mutex);
    s->open = false;
    return fault;
}

static enum percept_status set_resampler(struct pipe_source *s, struct percept_error *error)
{
    AVChannelLayout layout;
    av_channel_layout_default(&layout, (int)s->format.channels);
    enum percept_status status =
        pipe_resampler_set(&s->resampler, &layout,
                           s->format.dtype == PERCEPT_INT16 ? AV_SAMPLE_FMT_S16 : AV_SAMPLE_FMT_FLT,
                           (int)s->format.rate, error);
    av_channel_layout_uninit(&layout);
    return status;
}

/* OK, too, when nobody is there. */
static enum percept_status open_client(struct pipe_source *s, struct percept_error *error)
{
    pthread_mutex_lock(&s->mutex);
    struct stream client = s->client;
    pthread_mutex_unlock(&s->mutex);
    if (client.fd < 0)
        return PERCEPT_OK;
    s->open = true;
    s->fd = client.fd;
    s->format = client.format;
    s->frame_bytes = ipc_push_frame_bytes(&client.format);
    s->clock.next_ns = 0;
    s->position = s->lost = 0;
    s->paid_ns = 0;
    s->heard_ns = s->end_ns = base_clock_ns();
    s->begins = true;
    s->heard = s->held = s->paused = s->over = false;
    s->cause = (struct percept_error){0};
    pipe_resampler_fini(&s->resampler);
    return set_resampler(s, error);
}

/* ---- what comes ---- */

static int64_t frames_ns(const struct pipe_source *s, uint64_t frames)
{
    return (int64_t)(frames * BASE_NS_PER_S / s->format.rate);
}

static uint64_t samples(const struct pipe_source *s, uint64_t frames)
{
    return frames * PIPE_AUDIO_RATE / s->format.rate;
}

/* What it has pushed until now is still given. */
static enum percept_status end(struct pipe_source *s, struct percept_error *error)
{
    s->over = true;
    return set_resampler(s, error);
}

static void begin_anew(struct pipe_source *s)
{
    s->begins = true;
    s->clock.next_ns = 0;
}

/* What is in `packet` is heard, once what was before a gap has been given. */
static enum percept_status hear(struct pipe_source *s, struct percept_error *error)
{
    const struct ipc_push_head *head = &s->packet.head;
    const uint8_t *sound = s->packet.bytes + sizeof *head;
    const int64_t hour_ns = 3600 * BASE_NS_PER_S;
    int64_t now = base_clock_ns(), taken_ns = head->capture_ns, length_ns;
    if (head->position > s->position) {
        s->lost += samples(s, head->position - s->position);
        begin_anew(s);
    }
    s->position = head->position + head->frames;
    s->held = false;
    s->heard = true;
    length_ns = frames_ns(s, head->frames);
    /* What is absurd stays so, and is left out by the engine; but it must be a time. */
    taken_ns = taken_ns > now + hour_ns ? now + hour_ns : taken_ns;
    taken_ns = taken_ns < now - hour_ns ? now - hour_ns : taken_ns;
    s->heard_ns = now;
    s->end_ns = head->capture_ns ? taken_ns + length_ns : now;
    s->paid_ns = (s->paid_ns > now - BURST_NS ? s->paid_ns : now - BURST_NS) + length_ns / 5 * 4;
    return pipe_resampler_put(&s->resampler, &sound, (int)head->frames, error);
}

/* What is wrong with the packet, if anything is: then `cause` says so. */
static bool check(struct pipe_source *s, size_t size)
{
    const struct ipc_push_head *head = &s->packet.head;
    size_t sound = size < sizeof *head ? 0 : size - sizeof *head;
    int waiting = 0;
    if (size < sizeof *head || sound > IPC_PUSH_SOUND_MAX || head->reserved ||
        head->flags & ~IPC_PUSH_END || (head->flags & IPC_PUSH_END && sound) ||
        head->frames != sound / s->frame_bytes || sound % s->frame_bytes)
        percept_fail(&s->cause, PERCEPT_MALFORMED, "a packet of %zu bytes that is none", size);
    else if (head->position > s->position &&
             (head->position - s->position) / s->format.rate >= MOST_GAP_S)
        percept_fail(&s->cause, PERCEPT_MALFORMED,
                     "%llu frames are said to be missing, more than an hour",
                     (unsigned long long)(head->position - s->position));
    else if (ioctl(s->fd, SIOCINQ, &waiting) == 0 &&
             (size_t)waiting > s->format.queue + sizeof s->packet)
        percept_fail(&s->cause, PERCEPT_LIMIT,
                     "%zu bytes of sound wait, more than the %u that one may have (quota "
                     "push_bytes)",
                     (size_t)waiting, s->format.queue);
    return s->cause.status == PERCEPT_OK;
}

static enum percept_status take_packet(struct pipe_source *s, struct percept_error *error)
{
    const struct ipc_push_head *head = &s->packet.head;
    if (ipc_wire_has_descriptors(s->fd)) {
        percept_fail(&s->cause, PERCEPT_MALFORMED, "a packet with descriptors");
        ipc_push_hang_up(s->fd, s->cause.status, s->cause.message);
        return end(s, error);
    }
    ssize_t size = recv(s->fd, &s->packet, sizeof s->packet, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return PERCEPT_OK;
    if (size <= 0) {
        percept_fail(&s->cause, PERCEPT_DISCONNECTED, "it broke off");
        return end(s, error);
    }
    if (!check(s, (size_t)size)) {
        ipc_push_hang_up(s->fd, s->cause.status, s->cause.message);
        return end(s, error);
    }
    if (head->flags & IPC_PUSH_END)
        return end(s, error);
    if (head->position < s->position) {
        atomic_fetch_add_explicit(s->late, samples(s, head->frames), memory_order_relaxed);
        return PERCEPT_OK;
    }
    s->held = head->frames > 0;
    /* The end of what is before a gap is let out, and gets not into what comes after. */
    return s->held && head->position > s->position ? set_resampler(s, error) : PERCEPT_OK;
}

/* Until there is a packet, or there has been none for long. CANCELLED. */
static enum percept_status wait_for_packet(struct pipe_source *s, bool *silent)
{
    struct pollfd watched[] = {{.fd = s->stop_fd, .events = POLLIN},
                               {.fd = s->fd, .events = POLLIN}};
    /* A client that always has sound must not keep us from looking. */
    enum percept_status status = pipe_wait(s->stop_fd, s->paid_ns);
    if (status != PERCEPT_OK)
        return status;
    int64_t left_ms = s->params->pause_ms - (base_clock_ns() - s->heard_ns) / BASE_NS_PER_MS;
    int ready = poll(watched, 2, !s->heard ? -1 : left_ms > 0 ? (int)left_ms : 0);
    *silent = ready == 0;
    return watched[0].revents ? PERCEPT_CANCELLED : PERCEPT_OK;
}

/* ---- blocks ---- */

static void give(struct pipe_source *s, struct pipe_audio *block, int64_t *time_ns)
{
    int64_t first_ns = s->end_ns - (int64_t)s->resampler.count * PIPE_SAMPLE_NS;
    block->count = (uint32_t)pipe_resampler_take(&s->resampler, block->samples, PIPE_AUDIO_SAMPLES);
    block->begins = s->begins;
    block->lost = s->lost;
    s->begins = false;
    s->lost = 0;
    *time_ns = pipe_sound_clock_stamp(&s->clock, first_ns, block->count);
}

/* An empty block, so that what is being said does not wait for what may never come. */
static void give_pause(struct pipe_source *s, struct pipe_audio *block, int64_t *time_ns)
{
    block->begins = true;
    *time_ns = s->end_ns;
    s->heard = s->paused = false;
    begin_anew(s);
}

static enum percept_status finish(struct pipe_source *s, struct percept_error *error)
{
    struct percept_error cause = s->cause;
    bool fault = close_client(s);
    return cause.status == PERCEPT_OK || !fault
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_DISCONNECTED, "pushed sound: %s", cause.message);
}

/* One step: *given: there is a block. */
static enum percept_status step(struct pipe_source *s, struct pipe_audio *block, int64_t *time_ns,
                                bool *given, struct percept_error *error)
{
    /* Before a gap, and at the end, a block may be short. */
    bool all = s->held || s->paused || s->over;
    *given = true;
    if (s->resampler.count >= PIPE_AUDIO_SAMPLES || (all && s->resampler.count)) {
        give(s, block, time_ns);
        return PERCEPT_OK;
    }
    *given = false;
    if (s->held)
        return hear(s, error);
    if (s->heard && (s->paused || s->over)) {
        *given = true;
        give_pause(s, block, time_ns);
        return PERCEPT_OK;
    }
    if (s->over)
        return finish(s, error);
    bool silent;
    enum percept_status status = wait_for_packet(s, &silent);
    if (status != PERCEPT_OK || !silent)
        return status == PERCEPT_OK ? take_packet(s, error) : status;
    s->paused = true;
    return set_resampler(s, error);
}

static enum percept_status next_audio(struct pipe_source *s, struct pipe_audio *block,
                                      int64_t *time_ns, struct percept_error *error)
{
    bool given = false;
    enum percept_status status = PERCEPT_OK;
    while (status == PERCEPT_OK && !given) {
        if (s->open)
            status = step(s, block, time_ns, &given, error);
        else
            status = open_client(s, error);
        /* The engine wakes us when there is somebody. */
        if (status == PERCEPT_OK && !s->open)
            status = pipe_wait(s->stop_fd, -1);
    }
    return status;
}

/* ---- its life ---- */

static void rest(struct pipe_source *s)
{
    close_client(s);
    pipe_resampler_fini(&s->resampler);
}

static enum percept_status create(const struct pipe_source_setup *setup,
                                  struct pipe_source **source, struct percept_error *error)
{
    struct pipe_source *s = calloc(1, sizeof *s);
    if (!s)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    s->params = setup->params;
    s->stop_fd = setup->stop_fd;
    s->late = setup->late;
    s->client.fd = -1;
    pthread_mutex_init(&s->mutex, NULL);
    *source = s;
    return PERCEPT_OK;
}

static void destroy(struct pipe_source *s)
{
    if (!s)
        return;
    if (s->client.fd >= 0)
        ipc_push_hang_up(s->client.fd, PERCEPT_DISCONNECTED, "the pipeline stops");
    rest(s);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

const struct pipe_source_class pipe_source_audio_stream = {
    .name = "audio_stream",
    .summary = "Sound that a client pushes",
    .recorded = false,
    .output = PIPE_AUDIO,
    .params = audio_stream_params,
    .params_size = sizeof(struct params),
    .create = create,
    .next_audio = next_audio,
    .attach = attach,
    .detach = detach,
    .rest = rest,
    .destroy = destroy,
};
