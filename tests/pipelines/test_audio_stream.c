/* Sound that clients push: what a pipeline hears of it, what it is told of what is missing, and
 * that a client which dies, lies or floods harms nobody but itself. */
#include "ear.h"
#include "host.h"
#include "pictures.h"
#include "suite.h"

#include "base/clock.h"
#include "ipc/push.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a client ---- */

static struct host host;
static struct ipc_push_format format;
static uint64_t position;

/* Only where a pause is meant there is one, however long this thread stands still. */
static void start(const char *params)
{
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "version: 1\npipelines:\n"
             "  phone:\n    source: {type: audio_stream%s}\n"
             "    nodes: [{node: ear, inputs: {audio: source}}]\n"
             "  other:\n    source: {type: images, paths: [0.ppm], loop: 0}\n",
             *params ? params : ", pause_ms: 60000");
    pictures_write_series(1);
    host_start(&host, yaml);
}

static enum percept_status try_push(const char *pipeline, int *theirs, struct percept_error *error)
{
    int ours;
    ck_assert_int_eq(ipc_push_pair(&format, &ours, theirs, error), PERCEPT_OK);
    enum percept_status status = pipe_engine_push(host.engine, pipeline, ours, &format, error);
    if (status != PERCEPT_OK) {
        close(ours);
        close(*theirs);
    }
    return status;
}

/* One who came before may still be on the way out. */
static int push(uint32_t rate, uint32_t channels, uint32_t dtype)
{
    struct percept_error error;
    int theirs;
    enum percept_status status;
    format = (struct ipc_push_format){rate, channels, dtype, IPC_PUSH_QUEUE};
    position = 0;
    while ((status = try_push("phone", &theirs, &error)) == PERCEPT_BUSY)
        usleep(2000);
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    return theirs;
}

static bool send_bytes(int fd, const void *bytes, size_t size)
{
    while (send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN)
            return false;
        usleep(2000);
    }
    return true;
}

static bool send_head(int fd, struct ipc_push_head head, const void *sound)
{
    static uint8_t bytes[sizeof head + IPC_PUSH_SOUND_MAX];
    size_t size = head.frames * ipc_push_frame_bytes(&format);
    memcpy(bytes, &head, sizeof head);
    if (size)
        memcpy(bytes + sizeof head, sound, size);
    return send_bytes(fd, bytes, sizeof head + size);
}

/* A tone of 440 Hz, as loud as can be, in all channels. */
static void send_tone(int fd, uint32_t frames)
{
    union {
        int16_t s16[IPC_PUSH_SOUND_MAX / 2];
        float f32[IPC_PUSH_SOUND_MAX / 4];
    } sound;
    uint32_t most = (uint32_t)(IPC_PUSH_SOUND_MAX / ipc_push_frame_bytes(&format));
    while (frames) {
        uint32_t count = frames < most ? frames : most;
        for (uint32_t i = 0; i < count * format.channels; i++) {
            uint64_t at = position + i / format.channels;
            double value = sin(2 * M_PI * 440 * (double)at / format.rate);
            if (format.dtype == PERCEPT_INT16)
                sound.s16[i] = (int16_t)lround(value * 32767);
            else
                sound.f32[i] = (float)value;
        }
        ck_assert(
            send_head(fd, (struct ipc_push_head){.position = position, .frames = count}, &sound));
        position += count;
        frames -= count;
    }
}

static void finish(int fd)
{
    ck_assert(send_head(fd, (struct ipc_push_head){.flags = IPC_PUSH_END}, NULL));
    close(fd);
}

static void await(atomic_size_t *counter, size_t count)
{
    while (atomic_load(counter) < count)
        usleep(1000);
}

/* What the daemon says before it hangs up. */
static struct ipc_push_word last_word(int fd)
{
    struct ipc_push_word word = {0};
    ssize_t size;
    while ((size = recv(fd, &word, sizeof word, MSG_DONTWAIT)) < 0) {
        ck_assert(errno == EAGAIN || errno == ECONNRESET);
        usleep(1000);
    }
    ck_assert_int_eq(size, sizeof word);
    close(fd);
    return word;
}

static void await_state(const char *state, const char *cause)
{
    struct pipe_stats stats;
    do {
        usleep(1000);
        stats = host_stats(&host, 0);
    } while (strcmp(stats.state, state) != 0 || !strstr(stats.cause, cause));
}

/* ---- what is heard ---- */

static const struct ipc_push_format formats[] = {
    {.rate = 16000, .channels = 1, .dtype = PERCEPT_INT16},
    {.rate = 8000, .channels = 1, .dtype = PERCEPT_FLOAT32},
    {.rate = 44100, .channels = 2, .dtype = PERCEPT_INT16},
    {.rate = 192000, .channels = 8, .dtype = PERCEPT_FLOAT32},
};

START_TEST(any_rate_and_any_channels_become_one_at_16_khz)
{
    const struct ipc_push_format *f = &formats[_i];
    start("");
    int fd = push(f->rate, f->channels, f->dtype);
    send_tone(fd, f->rate);
    finish(fd);
    await(&ear.pauses, 1);
    ck_assert_int_lt(labs((long)atomic_load(&ear.samples) - PIPE_AUDIO_RATE), 3);
    ck_assert_uint_eq(ear.begins, 1);
    ck_assert_uint_eq(ear.lost, 0);
    double loud = ear_amplitude(ear.heard, 440, 2000, 14000),
           other = ear_amplitude(ear.heard, 1000, 2000, 14000);
    ck_assert_msg(fabs(loud - 1) < 0.02, "%u Hz: amplitude %f", f->rate, loud);
    ck_assert_double_lt(other, 0.001);
    struct pipe_stats stats = host_stats(&host, 0);
    ck_assert_str_eq(stats.state, "running");
    ck_assert_uint_eq(stats.node_errors + stats.lost + stats.late + stats.dropped_bad, 0);
}
END_TEST

START_TEST(what_was_left_out_is_told_and_goes_into_no_sound)
{
    start("");
    int fd = push(48000, 1, PERCEPT_INT16);
    send_tone(fd, 24000);
    position += 12000;
    send_tone(fd, 24000);
    finish(fd);
    await(&ear.pauses, 1);
    ck_assert_uint_eq(ear.begins, 2);
    ck_assert_uint_eq(ear.lost, 4000);
    ck_assert_int_lt(labs((long)atomic_load(&ear.samples) - PIPE_AUDIO_RATE), 6);
    ck_assert_uint_eq(host_stats(&host, 0).lost, 4000);
}
END_TEST

START_TEST(what_comes_too_late_is_counted_and_the_rest_goes_on)
{
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    send_tone(fd, 8000);
    position = 4000;
    send_tone(fd, 1600);
    position = 8000;
    send_tone(fd, 8000);
    finish(fd);
    await(&ear.pauses, 1);
    ck_assert_uint_eq(ear.samples, 16000);
    ck_assert_uint_eq(ear.begins, 1);
    ck_assert_uint_eq(host_stats(&host, 0).late, 1600);
    ck_assert_uint_eq(host_stats(&host, 0).lost, 0);
    ck_assert_double_lt(fabs(ear_amplitude(ear.heard, 440, 0, 16000) - 1), 0.001);
}
END_TEST

START_TEST(a_pause_ends_what_is_being_said_and_the_client_may_go_on)
{
    start(", pause_ms: 100");
    int fd = push(16000, 1, PERCEPT_INT16);
    send_tone(fd, 1000);
    await(&ear.pauses, 1);
    ck_assert_uint_eq(ear.samples, 1000);
    send_tone(fd, 1000);
    await(&ear.pauses, 2);
    ck_assert_uint_eq(ear.samples, 2000);
    ck_assert_uint_eq(ear.begins, 2);
    ck_assert_uint_eq(ear.lost, 0);
    ck_assert_str_eq(host_stats(&host, 0).state, "running");
    finish(fd);
}
END_TEST

START_TEST(times_are_the_clients_where_it_has_any)
{
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    static const int16_t sound[1024];
    int64_t taken_ns = base_clock_ns() - 2 * BASE_NS_PER_S;
    ck_assert(send_head(fd, (struct ipc_push_head){.frames = 1024, .capture_ns = taken_ns}, sound));
    await(&ear.samples, 1024);
    ck_assert_int_lt(llabs(atomic_load(&ear.first_ns) - taken_ns), BASE_NS_PER_MS);
    finish(fd);
}
END_TEST

START_TEST(times_that_cannot_be_are_left_out)
{
    static const int64_t times[] = {1, INT64_MIN, INT64_MAX, -1, BASE_NS_PER_S};
    static const int16_t sound[1024];
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        ck_assert(send_head(
            fd,
            (struct ipc_push_head){.position = i * 1024, .frames = 1024, .capture_ns = times[i]},
            sound));
    position = sizeof times / sizeof times[0] * 1024;
    send_tone(fd, 2048);
    finish(fd);
    await(&ear.samples, 2048);
    ck_assert_uint_ge(host_stats(&host, 0).dropped_bad, 10);
    ck_assert_uint_eq(ear.lost, sizeof times / sizeof times[0] * 1024);
}
END_TEST

START_TEST(floats_beyond_all_bounds_are_sound_within_them)
{
    static float odd[1024] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f};
    start("");
    int fd = push(16000, 1, PERCEPT_FLOAT32);
    ck_assert(send_head(fd, (struct ipc_push_head){.frames = 1024}, odd));
    finish(fd);
    await(&ear.pauses, 1);
    ck_assert_uint_eq(ear.samples, 1024);
}
END_TEST

/* ---- clients that die, lie and flood ---- */

START_TEST(one_that_dies_is_heard_to_its_end_and_the_next_is_heard_as_well)
{
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    send_tone(fd, 1000);
    close(fd);
    await(&ear.pauses, 1);
    ck_assert_uint_eq(ear.samples, 1000);
    await_state("degraded", "pushed sound: it broke off");
    fd = push(8000, 2, PERCEPT_INT16);
    send_tone(fd, 800);
    finish(fd);
    await(&ear.pauses, 2);
    await_state("running", "");
}
END_TEST

static const struct {
    struct ipc_push_head head;
    size_t sound; /* bytes behind it */
    const char *says;
} lies[] = {
    {{.frames = 10}, 18, "a packet of 50 bytes that is none"},
    {{.frames = 10}, 22, "that is none"},
    {{.frames = 0}, 3, "that is none"},
    {{.frames = UINT32_MAX}, 2, "that is none"},
    {{.frames = 0x80000000}, 0, "that is none"},
    {{.frames = 10, .flags = 1}, 20, "that is none"},
    {{.frames = 10, .flags = 2}, 20, "that is none"},
    {{.frames = 10, .reserved = 1}, 20, "that is none"},
    {{.frames = 8193}, 16386, "that is none"},
    {{.frames = 10, .position = UINT64_MAX}, 20, "are said to be missing"},
    {{.frames = 10, .position = 16000 * 3601}, 20, "57615000 frames are said to be missing"},
};

START_TEST(lies_end_the_stream_with_a_word)
{
    static uint8_t bytes[sizeof(struct ipc_push_head) + 2 * IPC_PUSH_SOUND_MAX];
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    send_tone(fd, 1000);
    memcpy(bytes, &lies[_i].head, sizeof lies[_i].head);
    ck_assert(send_bytes(fd, bytes, sizeof lies[_i].head + lies[_i].sound));
    struct ipc_push_word word = last_word(fd);
    ck_assert_int_eq(word.status, PERCEPT_MALFORMED);
    ck_assert_msg(strstr(word.message, lies[_i].says), "%s", word.message);
    await(&ear.pauses, 1);
    ck_assert_uint_eq(ear.samples, 1000); /* what was good is heard */
    await_state("degraded", lies[_i].says);
}
END_TEST

START_TEST(packets_without_a_head_are_none)
{
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    ck_assert(send_bytes(fd, "hello", 5));
    ck_assert_int_eq(last_word(fd).status, PERCEPT_MALFORMED);
    fd = push(16000, 1, PERCEPT_INT16);
    ck_assert_int_eq(send(fd, "", 0, MSG_NOSIGNAL), 0); /* as good as hanging up */
    await_state("degraded", "broke off");
    close(fd);
}
END_TEST

START_TEST(a_flood_waits_where_it_is)
{
    static const int16_t sound[8000];
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    struct ipc_push_head head = {.frames = 8000};
    static uint8_t bytes[sizeof head + sizeof sound];
    /* Ten minutes of sound do not go through in the time that it takes to send them. */
    for (; head.position < 600 * 16000; head.position += head.frames) {
        memcpy(bytes, &head, sizeof head);
        if (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
    }
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_lt(head.position, 600 * 16000);
    close(fd);
}
END_TEST

START_TEST(who_makes_room_for_more_than_the_quota_is_ended)
{
    static const int16_t sound[8000];
    const int much = 4 << 20;
    struct percept_error error;
    int fd;
    start("");
    format = (struct ipc_push_format){16000, 1, PERCEPT_INT16, IPC_PUSH_QUEUE_MIN};
    ck_assert_int_eq(try_push("phone", &fd, &error), PERCEPT_OK);
    /* Root may have any. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof much) != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &much, sizeof much);
    struct ipc_push_head head = {.frames = 8000};
    while (send_head(fd, head, sound))
        head.position += head.frames;
    struct ipc_push_word word = last_word(fd);
    ck_assert_int_eq(word.status, PERCEPT_LIMIT);
    ck_assert_msg(strstr(word.message, "quota push_bytes"), "%s", word.message);
}
END_TEST

/* ---- who may, and when ---- */

START_TEST(one_at_a_time_and_where_there_is_a_source_for_it)
{
    struct percept_error error;
    int other;
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    ck_assert_int_eq(try_push("phone", &other, &error), PERCEPT_BUSY);
    ck_assert_ptr_nonnull(strstr(error.message, "somebody pushes sound to pipeline 'phone'"));
    ck_assert_int_eq(try_push("other", &other, &error), PERCEPT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "its source is images"));
    ck_assert_int_eq(try_push("fone", &other, &error), PERCEPT_NOT_FOUND);
    ck_assert_str_eq(error.message, "no pipeline 'fone'");
    finish(fd);
}
END_TEST

START_TEST(the_privacy_switch_ends_it_and_nothing_more_is_heard)
{
    struct percept_error error;
    int other;
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    send_tone(fd, 1024);
    await(&ear.samples, 1024);
    pipe_engine_set_private(host.engine, true);
    struct ipc_push_word word = last_word(fd);
    ck_assert_int_eq(word.status, PERCEPT_BUSY);
    ck_assert_str_eq(word.message, "the privacy switch is on");
    ck_assert_int_eq(try_push("phone", &other, &error), PERCEPT_BUSY);
    ck_assert_ptr_nonnull(strstr(error.message, "rests: the privacy switch is on"));
    size_t heard = atomic_load(&ear.samples);
    pipe_engine_set_private(host.engine, false);
    fd = push(16000, 1, PERCEPT_INT16);
    send_tone(fd, 512);
    finish(fd);
    await(&ear.samples, heard + 512);
    ck_assert_uint_eq(ear.samples, heard + 512);
    ck_assert_str_eq(host_stats(&host, 0).state, "running");
}
END_TEST

START_TEST(a_daemon_that_stops_says_so)
{
    start("");
    int fd = push(16000, 1, PERCEPT_INT16);
    send_tone(fd, 512);
    await(&ear.samples, 512);
    host_fini(&host);
    ck_assert_int_lt(last_word(fd).status, 0);
    host_init(&host);
}
END_TEST

static void setup(void)
{
    pictures_make_folder();
    host_init(&host);
    memset(&ear, 0, sizeof ear);
}

static void teardown(void)
{
    host_fini(&host);
    pictures_remove_folder();
}

int main(void)
{
    Suite *suite = suite_create("audio_stream");
    TCase *tests = tcase_create("audio_stream");
    ear_register();
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 100);
    tcase_add_loop_test(tests, any_rate_and_any_channels_become_one_at_16_khz, 0,
                        sizeof formats / sizeof formats[0]);
    tcase_add_test(tests, what_was_left_out_is_told_and_goes_into_no_sound);
    tcase_add_test(tests, what_comes_too_late_is_counted_and_the_rest_goes_on);
    tcase_add_test(tests, a_pause_ends_what_is_being_said_and_the_client_may_go_on);
    tcase_add_test(tests, times_are_the_clients_where_it_has_any);
    tcase_add_test(tests, times_that_cannot_be_are_left_out);
    tcase_add_test(tests, floats_beyond_all_bounds_are_sound_within_them);
    tcase_add_test(tests, one_that_dies_is_heard_to_its_end_and_the_next_is_heard_as_well);
    tcase_add_loop_test(tests, lies_end_the_stream_with_a_word, 0, sizeof lies / sizeof lies[0]);
    tcase_add_test(tests, packets_without_a_head_are_none);
    tcase_add_test(tests, a_flood_waits_where_it_is);
    tcase_add_test(tests, who_makes_room_for_more_than_the_quota_is_ended);
    tcase_add_test(tests, one_at_a_time_and_where_there_is_a_source_for_it);
    tcase_add_test(tests, the_privacy_switch_ends_it_and_nothing_more_is_heard);
    tcase_add_test(tests, a_daemon_that_stops_says_so);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
