/* Captions go from whoever publishes them to the store, once each; what is forgotten does not. */
#include "place.h"

#include "base/clock.h"
#include "transcript/recorder.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct transcript_recorder *recorder;
static struct transcript_tap *tap;
static struct percept_error error;
static _Atomic int events;
static char event_text[600];

static void on_event(void *context, enum base_log_level level, const char *text)
{
    (void)context;
    (void)level;
    snprintf(event_text, sizeof event_text, "%s", text);
    atomic_fetch_add(&events, 1);
}

static void begin(const char *topic)
{
    const struct transcript_recorder_options options = {.path = file, .event = on_event};
    ck_assert_int_eq(transcript_recorder_create(&options, &recorder, &error), PERCEPT_OK);
    ck_assert_int_eq(transcript_recorder_keep(recorder, &topic, topic ? 1 : 0, NULL, &error),
                     PERCEPT_OK);
    ck_assert_int_eq(transcript_recorder_tap(recorder, "captions", &tap, &error), PERCEPT_OK);
}

static void start(void)
{
    place_make();
    begin("captions");
}

static void stop(void)
{
    transcript_recorder_destroy(recorder);
    recorder = NULL;
    place_remove();
}

static struct percept_caption caption(uint64_t id, bool final, const char *text)
{
    int64_t now = base_clock_ns();
    struct percept_caption one = {.id = id,
                                  .begin_ns = now - 2000 - (int64_t)id,
                                  .end_ns = now,
                                  .final = final,
                                  .version = 1,
                                  .language = "en"};
    snprintf(one.text, sizeof one.text, "%s", text);
    return one;
}

/* ---- asking ---- */

struct question {
    struct transcript_job job;
    sem_t done;
    struct transcript_wish wish;
    struct place_page page;
    enum percept_status status;
    bool forget;
    int64_t since_ns;
    uint64_t erased;
    char why[256];
};

static void answer(struct transcript_job *job, struct transcript_store *store,
                   const struct percept_error *why)
{
    struct question *question = (struct question *)job;
    struct percept_error failure;
    if (!store) {
        question->status = why->status;
        snprintf(question->why, sizeof question->why, "%.255s", why->message);
    } else if (question->forget) {
        question->status = transcript_store_forget(store, question->since_ns, question->since_ns,
                                                   &question->erased, &failure);
    } else {
        question->status = place_page(store, question->wish, &question->page, &failure);
    }
    sem_post(&question->done);
}

static struct question *ask(struct question *question)
{
    question->job.run = answer;
    sem_init(&question->done, 0, 0);
    ck_assert_int_eq(transcript_recorder_submit(recorder, &question->job, &error), PERCEPT_OK);
    sem_wait(&question->done);
    sem_destroy(&question->done);
    return question;
}

static const char *kept(void)
{
    static struct question question;
    question = (struct question){0};
    ask(&question);
    ck_assert_msg(question.status == PERCEPT_OK, "%s", question.why);
    return question.page.texts;
}

static struct transcript_recorder_stats stats(void)
{
    struct transcript_recorder_stats now;
    transcript_recorder_stats(recorder, &now);
    return now;
}

/* ---- what is kept ---- */

START_TEST(a_caption_is_kept_once_when_it_is_final)
{
    struct percept_captions sample = {.caption_count = 1, .captions = {caption(1, false, "hel")}};
    transcript_tap_look(tap, &sample);
    ck_assert_str_eq(kept(), "");
    sample.captions[0].final = 1;
    sample.captions[0].version = 2;
    strcpy(sample.captions[0].text, "hello");
    for (int i = 0; i < 5; i++)
        transcript_tap_look(tap, &sample);
    ck_assert_str_eq(kept(), "hello");
    ck_assert_uint_eq(stats().written, 1);
    /* Its translation comes later. */
    strcpy(sample.captions[0].translation_language, "pt");
    strcpy(sample.captions[0].translation, "ol\xc3\xa1");
    for (int i = 0; i < 3; i++)
        transcript_tap_look(tap, &sample);
    kept();
    ck_assert_uint_eq(stats().written, 2);
    ck_assert_uint_eq(stats().lines, 1);
    /* And another version. */
    sample.captions[0].version = 3;
    strcpy(sample.captions[0].text, "hello there");
    transcript_tap_look(tap, &sample);
    ck_assert_str_eq(kept(), "hello there");
    ck_assert_uint_eq(stats().lines, 1);
    /* Another life of the pipeline counts from one again. */
    sample.captions[0] = caption(1, true, "again");
    transcript_tap_look(tap, &sample);
    ck_assert_str_eq(kept(), "hello there|again");
    ck_assert_uint_eq(stats().lost, 0);
    ck_assert_int_eq(sample.caption_count, 1);
}
END_TEST

START_TEST(a_sliding_window_is_kept_without_a_gap_or_a_double)
{
    struct percept_captions sample = {0};
    char expected[4096] = "", text[32];
    for (uint64_t id = 1; id <= 200; id++) {
        memmove(&sample.captions[0], &sample.captions[1], 7 * sizeof sample.captions[0]);
        snprintf(text, sizeof text, "t%llu", (unsigned long long)id);
        sample.captions[7] = caption(id, true, text);
        sample.caption_count = (uint32_t)(id < 8 ? id : 8);
        struct percept_captions shown = {.caption_count = sample.caption_count};
        memcpy(shown.captions, &sample.captions[8 - sample.caption_count],
               sample.caption_count * sizeof shown.captions[0]);
        transcript_tap_look(tap, &shown);
        if (id % 3 == 0)
            kept();
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s",
                 id > 1 ? "|" : "", text);
    }
    ck_assert_str_eq(kept(), expected);
    ck_assert_uint_eq(stats().written + stats().lost, 200);
}
END_TEST

START_TEST(texts_and_times_may_be_anything)
{
    struct percept_captions sample = {.caption_count = 4};
    for (int i = 0; i < 4; i++)
        sample.captions[i] = caption((uint64_t)i + 1, true, "x");
    memset(sample.captions[0].text, 0xff, sizeof sample.captions[0].text); /* no NUL either */
    sample.captions[1].begin_ns = INT64_MAX;
    sample.captions[1].end_ns = INT64_MIN;
    sample.captions[2].id = UINT64_MAX;
    sample.captions[2].score = (float)(0.0 / 0.0 * -1);
    sample.captions[2].version = 0;
    sample.captions[3].text[0] = '\0'; /* says nothing */
    sample.caption_count = UINT32_MAX;
    for (int i = 4; i < PERCEPT_CAPTIONS_MAX; i++)
        sample.captions[i] = (struct percept_caption){0};
    transcript_tap_look(tap, &sample);
    ck_assert_uint_le(sample.caption_count, PERCEPT_CAPTIONS_MAX);
    const char *texts = kept();
    ck_assert_int_eq(strncmp(texts, "\xef\xbf\xbd\xef\xbf\xbd", 6), 0);
    ck_assert_str_eq(texts + strlen(texts) - 4, "|x|x");
    ck_assert_uint_eq(stats().lines, 3);
}
END_TEST

START_TEST(nothing_is_kept_that_nobody_wanted_kept)
{
    transcript_recorder_destroy(recorder);
    place_remove();
    place_make();
    begin(NULL);
    struct percept_captions sample = {.caption_count = 1, .captions = {caption(1, true, "quiet")}};
    transcript_tap_look(tap, &sample);
    ck_assert_str_eq(stats().state, "off");
    struct question question = {0};
    ck_assert_int_eq(ask(&question)->status, PERCEPT_NOT_FOUND);
    ck_assert(!place_has("quiet"));
    ck_assert_int_ne(access(file, F_OK), 0);
    /* And what was said before is not kept when it is. */
    const char *topic = "captions";
    ck_assert_int_eq(transcript_recorder_keep(recorder, &topic, 1, NULL, &error), PERCEPT_OK);
    transcript_tap_look(tap, &sample);
    sample.captions[0] = caption(2, true, "loud");
    sample.captions[0].begin_ns = base_clock_ns();
    transcript_tap_look(tap, &sample);
    ck_assert_str_eq(kept(), "loud");
    ck_assert_int_eq(transcript_recorder_keep(recorder, NULL, 0, NULL, &error), PERCEPT_OK);
    sample.captions[0] = caption(3, true, "quiet again");
    transcript_tap_look(tap, &sample);
    question = (struct question){0};
    ck_assert_int_eq(ask(&question)->status, PERCEPT_NOT_FOUND);
    ck_assert(place_has("loud") && !place_has("again"));
    /* What there is can be forgotten all the same. */
    question = (struct question){.forget = true, .since_ns = INT64_MIN, .job = {.even_off = true}};
    ck_assert_int_eq(ask(&question)->status, PERCEPT_OK);
    ck_assert_uint_eq(question.erased, 1);
    ck_assert(!place_has("loud"));
}
END_TEST

/* ---- forgetting ---- */

START_TEST(what_is_forgotten_is_seen_no_more)
{
    int64_t now = base_clock_ns();
    struct percept_captions sample = {.caption_count = 3};
    sample.captions[0] = caption(1, true, "long ago");
    sample.captions[0].begin_ns = now - 600 * SECOND;
    sample.captions[0].end_ns = now - 599 * SECOND;
    sample.captions[1] = caption(2, true, "just now");
    sample.captions[2] = caption(3, false, "still spea");
    struct percept_captions shown = sample;
    transcript_tap_look(tap, &shown);
    ck_assert_uint_eq(shown.caption_count, 3);
    ck_assert_str_eq(kept(), "long ago|just now");
    /* A caption that is in the queue when it is to be forgotten, or comes after. */
    transcript_recorder_hide(recorder, now - 300 * SECOND, base_clock_ns());
    shown = sample;
    shown.captions[2].final = 1;
    transcript_tap_look(tap, &shown);
    ck_assert_uint_eq(shown.caption_count, 1);
    ck_assert_str_eq(shown.captions[0].text, "long ago");
    for (size_t i = 0; i < sizeof shown.captions[1]; i++)
        ck_assert_int_eq(((const char *)&shown.captions[1])[i], 0);
    ck_assert_str_eq(kept(), "long ago|just now"); /* the file is a job's business */
    sample.captions[2] = caption(4, true, "a new day");
    sample.captions[2].begin_ns = base_clock_ns();
    shown = sample;
    transcript_tap_look(tap, &shown);
    ck_assert_uint_eq(shown.caption_count, 2);
    ck_assert_str_eq(kept(), "long ago|just now|a new day");
}
END_TEST

static _Atomic bool over;
static _Atomic uint64_t spoken;

/* Whoever publishes, as fast as it can. */
static void *speak(void *context)
{
    struct percept_captions sample = {0};
    (void)context;
    for (uint64_t id = 1; !atomic_load(&over); id++) {
        memmove(&sample.captions[0], &sample.captions[1], 7 * sizeof sample.captions[0]);
        sample.captions[7] = caption(id, true, "qforgetme");
        sample.caption_count = 8;
        struct percept_captions shown = sample;
        transcript_tap_look(tap, &shown);
        atomic_store(&spoken, id);
    }
    return NULL;
}

/* The clock is read after the last caption of before: none of those may stay, or come back. */
START_TEST(nothing_of_before_comes_in_after_it_was_forgotten)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, speak, NULL), 0);
    for (int round = 0; round < 20; round++) {
        uint64_t before = atomic_load(&spoken);
        while (atomic_load(&spoken) < before + 50)
            ;
        int64_t now = base_clock_ns();
        struct question forget = {.forget = true, .since_ns = INT64_MIN};
        transcript_recorder_hide(recorder, INT64_MIN, now);
        ask(&forget);
        ck_assert_int_eq(forget.status, PERCEPT_OK);
        static struct question all;
        all = (struct question){.wish = {.limit = 1}};
        ask(&all);
        ck_assert_int_eq(all.status, PERCEPT_OK);
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    struct question forget = {.forget = true, .since_ns = INT64_MIN};
    transcript_recorder_hide(recorder, INT64_MIN, base_clock_ns());
    ask(&forget);
    ck_assert_str_eq(kept(), "");
    ck_assert(!place_has("qforgetme"));
    ck_assert_uint_gt(stats().written, 0);
}
END_TEST

/* ---- when it goes wrong ---- */

static _Atomic bool held;
static sem_t let_go;

static void hold(struct transcript_job *job, struct transcript_store *store,
                 const struct percept_error *why)
{
    (void)job;
    (void)store;
    (void)why;
    atomic_store(&held, true);
    sem_wait(&let_go);
}

/* The disk hangs: whoever publishes does not, and what finds no room is tried again or counted. */
START_TEST(a_store_that_hangs_costs_captions_that_are_counted)
{
    struct transcript_job job = {.run = hold};
    struct percept_captions sample = {0};
    sem_init(&let_go, 0, 0);
    ck_assert_int_eq(transcript_recorder_submit(recorder, &job, &error), PERCEPT_OK);
    while (!atomic_load(&held))
        ;
    for (uint64_t id = 1; id <= 200; id++) {
        memmove(&sample.captions[0], &sample.captions[1], 7 * sizeof sample.captions[0]);
        sample.captions[7] = caption(id, true, "waits");
        sample.caption_count = 8;
        struct percept_captions shown = sample;
        transcript_tap_look(tap, &shown);
    }
    sem_post(&let_go);
    kept();
    for (int i = 0; i < 2; i++) { /* the last eight come in late, but come in */
        struct percept_captions shown = sample;
        transcript_tap_look(tap, &shown);
    }
    kept();
    ck_assert_uint_eq(stats().written, 64 + 8);
    ck_assert_uint_eq(stats().lost, 200 - 64 - 8);
    sem_destroy(&let_go);
}
END_TEST

START_TEST(a_file_that_can_not_be_used_is_one_line)
{
    transcript_recorder_destroy(recorder);
    FILE *stream = fopen(file, "w");
    fputs(
        "this is no transcript, whatever its name says, but it is long enough to be read as if it "
        "were a database of SQLite's, which it is not.",
        stream);
    fclose(stream);
    atomic_store(&events, 0);
    begin("captions");
    ck_assert_str_eq(stats().state, "failing");
    ck_assert_ptr_nonnull(strstr(stats().message, file));
    for (uint64_t id = 1; id <= 10; id++) {
        struct percept_captions sample = {.caption_count = 1, .captions = {caption(id, true, "t")}};
        transcript_tap_look(tap, &sample);
    }
    struct question question = {0};
    ck_assert_int_eq(ask(&question)->status, PERCEPT_MALFORMED);
    ck_assert_uint_eq(stats().lost, 10);
    ck_assert_int_eq(atomic_load(&events), 1);
    ck_assert_ptr_nonnull(strstr(event_text, file));
    /* Once it is out of the way, a reload is enough. */
    remove(file);
    const char *topic = "captions";
    ck_assert_int_eq(transcript_recorder_keep(recorder, &topic, 1, NULL, &error), PERCEPT_OK);
    struct percept_captions sample = {.caption_count = 1, .captions = {caption(11, true, "well")}};
    transcript_tap_look(tap, &sample);
    ck_assert_str_eq(kept(), "well");
    ck_assert_str_eq(stats().state, "keeping");
    ck_assert_int_eq(atomic_load(&events), 2);
}
END_TEST

START_TEST(the_limits_are_kept_while_it_runs)
{
    const char *topic = "captions";
    const struct transcript_limits limits = {.lines = 5};
    ck_assert_int_eq(transcript_recorder_keep(recorder, &topic, 1, &limits, &error), PERCEPT_OK);
    for (uint64_t id = 1; id <= 20; id++) {
        struct percept_captions sample = {.caption_count = 1, .captions = {caption(id, true, "t")}};
        transcript_tap_look(tap, &sample);
        kept();
    }
    kept();
    ck_assert_uint_le(stats().lines, 5);
    ck_assert_uint_eq(stats().lines + stats().erased, 20);
    char names[TRANSCRIPT_TOPICS_MAX][TRANSCRIPT_NAME_BYTES];
    ck_assert_uint_eq(transcript_recorder_topics(recorder, names), 1);
    ck_assert_str_eq(names[0], "captions");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transcript_recorder");
    TCase *tests = tcase_create("recorder");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_caption_is_kept_once_when_it_is_final);
    tcase_add_test(tests, a_sliding_window_is_kept_without_a_gap_or_a_double);
    tcase_add_test(tests, texts_and_times_may_be_anything);
    tcase_add_test(tests, nothing_is_kept_that_nobody_wanted_kept);
    tcase_add_test(tests, what_is_forgotten_is_seen_no_more);
    tcase_add_test(tests, nothing_of_before_comes_in_after_it_was_forgotten);
    tcase_add_test(tests, a_store_that_hangs_costs_captions_that_are_counted);
    tcase_add_test(tests, a_file_that_can_not_be_used_is_one_line);
    tcase_add_test(tests, the_limits_are_kept_while_it_runs);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
