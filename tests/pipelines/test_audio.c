/* Sound as a source: what files give, how it queues up, and what is said of what is missing. */
#include "ear.h"
#include "host.h"
#include "pictures.h"
#include "pipelines/audio_queue.h"
#include "pipelines/config.h"
#include "sounds.h"
#include "suite.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the queue ---- */

static struct pipe_audio_queue queue;

static void put(uint64_t first, uint64_t lost, bool dropped)
{
    const struct pipe_audio block = {
        .first = first, .count = PIPE_AUDIO_SAMPLES, .lost = lost, .capture_ns = (int64_t)first};
    ck_assert_int_eq(pipe_audio_queue_put(&queue, &block), dropped);
}

START_TEST(blocks_come_out_as_they_went_in)
{
    struct pipe_audio block;
    ck_assert_int_eq(pipe_audio_queue_init(&queue, NULL), PERCEPT_OK);
    for (uint64_t i = 0; i < 3; i++)
        put(i, 0, false);
    pipe_audio_queue_close(&queue);
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert_int_eq(pipe_audio_queue_take(&queue, &block), PERCEPT_OK);
        ck_assert_uint_eq(block.first, i);
        ck_assert(!block.begins && !block.lost);
    }
    ck_assert_int_eq(pipe_audio_queue_take(&queue, &block), PERCEPT_END);
    pipe_audio_queue_fini(&queue);
}
END_TEST

START_TEST(blocks_take_memory_while_they_wait)
{
    struct pipe_audio block;
    ck_assert_int_eq(pipe_audio_queue_init(&queue, NULL), PERCEPT_OK);
    for (uint64_t i = 0; i < 3; i++) {
        put(i, 0, false);
        ck_assert_int_eq(pipe_audio_queue_take(&queue, &block), PERCEPT_OK);
        ck_assert_uint_eq(block.first, i);
    }
    for (size_t i = 1; i < PIPE_AUDIO_QUEUE; i++)
        ck_assert_uint_eq(queue.blocks[i].count, 0); /* has never been written to */
    for (uint64_t i = 0; i < PIPE_AUDIO_QUEUE; i++)
        put(i, 0, false);
    ck_assert_uint_ne(queue.blocks[PIPE_AUDIO_QUEUE / 2].count, 0);
    for (uint64_t i = 0; i < PIPE_AUDIO_QUEUE; i++) {
        ck_assert_int_eq(pipe_audio_queue_take(&queue, &block), PERCEPT_OK);
        ck_assert_uint_eq(block.first, i);
    }
    ck_assert_uint_eq(queue.blocks[PIPE_AUDIO_QUEUE / 2].count, 0); /* was given back */
    pipe_audio_queue_fini(&queue);
}
END_TEST

START_TEST(the_oldest_go_and_the_next_says_what_is_missing)
{
    struct pipe_audio block;
    ck_assert_int_eq(pipe_audio_queue_init(&queue, NULL), PERCEPT_OK);
    for (uint64_t i = 0; i < PIPE_AUDIO_QUEUE; i++)
        put(i, i == 0 ? 7 : 0, false);
    put(PIPE_AUDIO_QUEUE, 0, true);
    put(PIPE_AUDIO_QUEUE + 1, 0, true);
    ck_assert_uint_eq(pipe_audio_queue_count(&queue), PIPE_AUDIO_QUEUE);
    ck_assert_int_eq(pipe_audio_queue_take(&queue, &block), PERCEPT_OK);
    ck_assert_uint_eq(block.first, 2);
    ck_assert_uint_eq(block.lost, 7 + 2 * PIPE_AUDIO_SAMPLES);
    ck_assert(block.begins);
    ck_assert_uint_eq(pipe_audio_queue_clear(&queue), PIPE_AUDIO_QUEUE - 1);
    pipe_audio_queue_cancel(&queue);
    ck_assert_int_eq(pipe_audio_queue_take(&queue, &block), PERCEPT_CANCELLED);
    ck_assert_int_eq(pipe_audio_queue_wait_room(&queue), PERCEPT_CANCELLED);
    pipe_audio_queue_fini(&queue);
}
END_TEST

/* ---- files ---- */

static struct pipe_config *config;
static struct pipe_source *source;
static const struct pipe_source_class *class;

static void open_source(const char *braces)
{
    char text[1024], message[1024];
    struct percept_error error = {0};
    snprintf(text, sizeof text, "version: 1\npipelines:\n  a:\n    source: {%s}\n", braces);
    enum percept_status status =
        pipe_config_parse("test.yaml", text, strlen(text), &config, &error);
    if (status == PERCEPT_OK) {
        class = config->pipelines[0].source;
        const struct pipe_source_setup setup = {.params = config->pipelines[0].source_params,
                                                .stop_fd = -1};
        status = class->create(&setup, &source, &error);
    }
    ck_assert_msg(!status, "%s", percept_error_format(&error, message, sizeof message));
}

static void close_source(void)
{
    class->destroy(source);
    pipe_config_destroy(config);
    source = NULL;
}

static float heard[PIPE_AUDIO_RATE * 4];
static size_t heard_count, blocks, beginnings;
static int64_t due_ns;

/* All that the source gives until it ends or has a fault. */
static enum percept_status hear(struct percept_error *error)
{
    enum percept_status status;
    heard_count = blocks = beginnings = 0;
    for (;; blocks++) {
        struct pipe_audio block = {0};
        status = class->next_audio(source, &block, &due_ns, error);
        if (status)
            return status;
        ck_assert_uint_le(heard_count + block.count, sizeof heard / sizeof heard[0]);
        memcpy(heard + heard_count, block.samples, block.count * sizeof heard[0]);
        heard_count += block.count;
        beginnings += block.begins;
    }
}

START_TEST(any_rate_and_any_channels_become_one_at_16_khz)
{
    static const struct sound sounds[] = {
        {.rate = 16000, .channels = 1, .bits = 16}, {.rate = 8000, .channels = 1, .bits = 16},
        {.rate = 44100, .channels = 2, .bits = 16}, {.rate = 96000, .channels = 1, .bits = 32},
        {.rate = 48000, .channels = 6, .bits = 16}, {.rate = 11025, .channels = 2, .bits = 32},
    };
    for (size_t i = 0; i < sizeof sounds / sizeof sounds[0]; i++) {
        struct sound sound = sounds[i];
        struct percept_error error = {0};
        sound.seconds = 1.5;
        sound.hertz = 440;
        sound_write("a.wav", &sound);
        open_source("type: audio_files, paths: a.wav");
        ck_assert_int_eq(hear(&error), PERCEPT_END);
        ck_assert_int_lt(labs((long)heard_count - 24000), 3);
        ck_assert_uint_eq(blocks, (heard_count + PIPE_AUDIO_SAMPLES - 1) / PIPE_AUDIO_SAMPLES);
        ck_assert_uint_eq(beginnings, 1);
        ck_assert_int_eq(due_ns / BASE_NS_PER_MS, (int64_t)heard_count * 1000 / PIPE_AUDIO_RATE);
        double loud = ear_amplitude(heard, 440, 4000, 20000),
               other = ear_amplitude(heard, 1000, 4000, 20000);
        ck_assert_msg(fabs(loud - 1) < 0.02, "%u Hz, %u channels: amplitude %f", sound.rate,
                      sound.channels, loud);
        ck_assert_double_lt(other, 0.001);
        close_source();
    }
}
END_TEST

START_TEST(what_16_khz_mono_holds_is_given_bit_by_bit)
{
    struct percept_error error = {0};
    sound_write("a.wav", &(struct sound){16000, 1, 16, 0.1, 333, 0});
    open_source("type: audio_files, paths: a.wav");
    ck_assert_int_eq(hear(&error), PERCEPT_END);
    ck_assert_uint_eq(heard_count, 1600);
    for (size_t i = 0; i < heard_count; i++) {
        double wanted = (double)lround(sin(2 * M_PI * 333 * (double)i / 16000) * 32767) / 32768;
        ck_assert(heard[i] == (float)wanted);
    }
    close_source();
}
END_TEST

START_TEST(a_playlist_loops_and_each_file_begins)
{
    struct percept_error error = {0};
    sound_write("a1.wav", &(struct sound){16000, 1, 16, 0.25, 440, 0});
    sound_write("a2.wav", &(struct sound){8000, 1, 16, 0.25, 440, 0});
    open_source("type: audio_files, paths: 'a*.wav', loop: 3, real_time: false");
    ck_assert_int_eq(hear(&error), PERCEPT_END);
    ck_assert_uint_eq(beginnings, 6);
    ck_assert_int_lt(labs((long)heard_count - 6 * 4000), 12);
    ck_assert_int_eq(due_ns, 0);
    close_source();
}
END_TEST

/* Each is one clear line, and what can be heard is. */
START_TEST(bad_files_are_told_once_and_the_next_is_played)
{
    static const unsigned char no_channels[] =
        "RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\1\0\0\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0"
        "data\x08\0\0\0\1\0\1\0\1\0\1\0";
    static const unsigned char slow[] =
        "RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\1\0\0\0\2\0\0\0\2\0\x10\0"
        "data\x08\0\0\0\1\0\1\0\1\0\1\0";
    static const struct {
        const char *what, *says;
        const void *bytes;
        size_t size, samples; /* that are given before it is told */
    } bad[] = {
        {"empty", "a.wav: not a known format of sound", "", 0, 0},
        {"text", "a.wav: not a known format of sound", "hello, this is no sound at all", 30, 0},
        {"half a header", "a.wav: ", "RIFF\x24\0\0\0WAVEfmt \x10\0\0", 19, 0},
        {"no channels", "a.wav: ", no_channels, sizeof no_channels - 1, 0},
        {"slow", "a.wav: 1 samples a second; expected 1000 to", slow, sizeof slow - 1, 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct percept_error error = {0};
        char message[1024];
        sound_write_bytes("a.wav", bad[i].bytes, bad[i].size);
        sound_write("b.wav", &(struct sound){16000, 1, 16, 0.1, 440, 0});
        open_source("type: audio_files, paths: [a.wav, b.wav], loop: 2");
        ck_assert_msg(hear(&error) == PERCEPT_MALFORMED, "%s", bad[i].what);
        percept_error_format(&error, message, sizeof message);
        ck_assert_msg(strstr(message, bad[i].says) && !strchr(message, '\n'), "%s: %s", bad[i].what,
                      message);
        ck_assert_uint_eq(heard_count, 0);
        ck_assert_int_eq(hear(&error), PERCEPT_END);
        ck_assert_uint_eq(heard_count, 3200);
        close_source();
    }
}
END_TEST

START_TEST(a_file_that_was_cut_off_is_heard_as_far_as_it_goes_and_told)
{
    struct percept_error error = {0};
    sound_write("a.wav", &(struct sound){16000, 1, 16, 0.5, 440, 2});
    open_source("type: audio_files, paths: a.wav, loop: 2");
    ck_assert_int_eq(hear(&error), PERCEPT_MALFORMED);
    ck_assert_uint_eq(heard_count, 8000);
    ck_assert_ptr_nonnull(strstr(error.message, "cut off: 16044 bytes of the 64044"));
    ck_assert_int_eq(hear(&error), PERCEPT_END); /* once more, without a word */
    ck_assert_uint_eq(heard_count, 8000);
    close_source();
}
END_TEST

START_TEST(floats_beyond_all_bounds_are_sound_within_them)
{
    struct percept_error error = {0};
    sound_write("a.wav", &(struct sound){16000, 1, 32, 0.1, 440, 0});
    FILE *file = fopen("a.wav", "r+b");
    const float odd[4] = {NAN, INFINITY, -1e30f, 3};
    fseek(file, 44, SEEK_SET);
    ck_assert_uint_eq(fwrite(odd, sizeof odd, 1, file), 1);
    fclose(file);
    open_source("type: audio_files, paths: a.wav");
    ck_assert_int_eq(hear(&error), PERCEPT_END);
    ck_assert(heard[0] == 0 && heard[1] == 0 && heard[2] == -1 && heard[3] == 1);
    close_source();
}
END_TEST

/* ---- in the engine ---- */

static struct host host;

#define PIPELINE(source_)                                 \
    "version: 1\npipelines:\n  a:\n    source: {" source_ \
    "}\n    nodes: [{node: ear, inputs: {audio: source}}]\n"

START_TEST(a_pipeline_hears_all_of_it_and_its_end)
{
    sound_write("a.wav", &(struct sound){16000, 1, 16, 3, 440, 0});
    host_start(&host, PIPELINE("type: audio_files, paths: a.wav, real_time: false, loop: 20"));
    host_wait_finished(&host, 1, 200);
    ck_assert_int_eq(host.finished_status, PERCEPT_END);
    ck_assert_uint_eq(ear.samples, 60 * PIPE_AUDIO_RATE); /* more than the queue holds */
    ck_assert_uint_eq(ear.begins, 20);
    ck_assert_uint_eq(ear.ends, 1);
    ck_assert_uint_eq(ear.lost, 0);
    ck_assert(!ear.gap_in_time);
    ck_assert_uint_eq(host_stats(&host, 0).node_errors, 0);
    ck_assert_uint_eq(host_stats(&host, 0).dropped_late, 0);
}
END_TEST

START_TEST(a_recording_has_its_own_time)
{
    sound_write("a.wav", &(struct sound){16000, 1, 16, 0.5, 440, 0});
    int64_t begin = base_clock_ns();
    host_start(&host, PIPELINE("type: audio_files, paths: a.wav"));
    host_wait_finished(&host, 1, 200);
    ck_assert_int_ge(base_clock_ns() - begin, 500 * BASE_NS_PER_MS);
    ck_assert_uint_eq(ear.samples, PIPE_AUDIO_RATE / 2);
    ck_assert(!ear.gap_in_time);
}
END_TEST

START_TEST(after_the_privacy_switch_what_was_heard_is_to_be_forgotten)
{
    sound_write("a.wav", &(struct sound){16000, 1, 16, 3, 440, 0});
    host_start(&host, PIPELINE("type: audio_files, paths: a.wav, loop: 0"));
    size_t before = 0;
    /* Until the switch meets a block that waits for its time, which is then told as lost. */
    for (size_t times = 0; ear.lost == 0; times++) {
        while (atomic_load(&ear.blocks) < before + 3)
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        ck_assert_uint_eq(ear.forgotten, times);
        pipe_engine_set_private(host.engine, true);
        before = atomic_load(&ear.blocks);
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        ck_assert_uint_le(atomic_load(&ear.blocks), before + 1); /* one may have been on its way */
        before = atomic_load(&ear.blocks);
        pipe_engine_set_private(host.engine, false);
        while (atomic_load(&ear.blocks) < before + 3)
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        ck_assert_uint_eq(ear.forgotten, times + 1);
    }
}
END_TEST

START_TEST(sound_is_not_thinned_out_by_a_ladder)
{
    struct percept_error error = {0};
    sound_write("a.wav", &(struct sound){16000, 1, 16, 0.1, 440, 0});
    ck_assert_int_eq(
        host_try(&host,
                 "version: 1\npipelines:\n  a:\n    source: {type: audio_files, paths: "
                 "a.wav}\n    ladder: [{rate: 0.5}]\n",
                 &error),
        PERCEPT_MALFORMED);
    ck_assert_ptr_nonnull(strstr(error.message, "sound can't be taken at a lower rate"));
}
END_TEST

/* ALSA's own device of nothing: silence, as fast as it is read. */
START_TEST(a_microphone_is_heard_until_it_is_switched_off)
{
    struct percept_error error = {0};
    enum percept_status status =
        host_try(&host, PIPELINE("type: microphone, device: 'null'"), &error);
    if (status == PERCEPT_UNSUPPORTED)
        return; /* built without */
    ck_assert_msg(status == PERCEPT_OK, "%s", error.message);
    ck_assert_int_eq(pipe_engine_start(host.engine, &error), PERCEPT_OK);
    while (atomic_load(&ear.blocks) < 20)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    pipe_engine_set_private(host.engine, true);
    size_t before = atomic_load(&ear.blocks);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    ck_assert_uint_le(atomic_load(&ear.blocks), before + 1); /* one may have been on its way */
    before = atomic_load(&ear.blocks);
    pipe_engine_set_private(host.engine, false);
    while (atomic_load(&ear.blocks) < before + 20)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    ck_assert_uint_eq(ear.forgotten, 1);
    pipe_engine_stop(host.engine);
}
END_TEST

START_TEST(a_microphone_that_is_not_there_is_named)
{
    struct percept_error error = {0};
    char text[1024];
    enum percept_status status =
        host_try(&host, PIPELINE("type: microphone, device: nowhere"), &error);
    percept_error_format(&error, text, sizeof text);
    ck_assert_msg(status && strstr(text, "microphone") && !strchr(text, '\n'), "%s", text);
    if (status == PERCEPT_UNSUPPORTED)
        return; /* built without */
    host_fini(&host);
    host_init(&host);
    ck_assert_int_eq(
        host_try(&host, PIPELINE("type: microphone, device: nowhere, retry: true"), &error),
        PERCEPT_OK);
    ck_assert_int_eq(pipe_engine_start(host.engine, &error), PERCEPT_OK);
    host_wait_events(&host, "degraded: microphone 'nowhere'", 1, 200);
    pipe_engine_stop(host.engine);
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
    Suite *suite = suite_create("audio");
    TCase *of_queue = tcase_create("queue"), *of_files = tcase_create("files"),
          *of_engine = tcase_create("engine");
    ear_register();
    tcase_add_test(of_queue, blocks_come_out_as_they_went_in);
    tcase_add_test(of_queue, blocks_take_memory_while_they_wait);
    tcase_add_test(of_queue, the_oldest_go_and_the_next_says_what_is_missing);
    tcase_add_checked_fixture(of_files, pictures_make_folder, pictures_remove_folder);
    tcase_add_test(of_files, any_rate_and_any_channels_become_one_at_16_khz);
    tcase_add_test(of_files, what_16_khz_mono_holds_is_given_bit_by_bit);
    tcase_add_test(of_files, a_playlist_loops_and_each_file_begins);
    tcase_add_test(of_files, bad_files_are_told_once_and_the_next_is_played);
    tcase_add_test(of_files, a_file_that_was_cut_off_is_heard_as_far_as_it_goes_and_told);
    tcase_add_test(of_files, floats_beyond_all_bounds_are_sound_within_them);
    tcase_add_checked_fixture(of_engine, setup, teardown);
    tcase_set_timeout(of_engine, 100);
    tcase_add_test(of_engine, a_pipeline_hears_all_of_it_and_its_end);
    tcase_add_test(of_engine, a_recording_has_its_own_time);
    tcase_add_test(of_engine, after_the_privacy_switch_what_was_heard_is_to_be_forgotten);
    tcase_add_test(of_engine, a_microphone_is_heard_until_it_is_switched_off);
    tcase_add_test(of_engine, a_microphone_that_is_not_there_is_named);
    tcase_add_test(of_engine, sound_is_not_thinned_out_by_a_ladder);
    suite_add_tcase(suite, of_queue);
    suite_add_tcase(suite, of_files);
    suite_add_tcase(suite, of_engine);
    return run_suite(suite);
}
