/* Our own extensions over a daemon that publishes, restarts, refuses, and is read from many threads
 * at once. */
#include "mini.h"
#include "percept_app.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE (200 * BASE_NS_PER_S)

static struct percept_app app;
static struct mini *mini;
static const char *path;

static void start_daemon(const char *topic, const struct ipc_guard *guard)
{
    bool text = strcmp(topic, "text") == 0;
    struct mini_options options = {.topic = topic,
                                   .schema = text ? PERCEPT_TEXT_SCHEMA : PERCEPT_CAPTIONS_SCHEMA,
                                   .max_bytes = text ? sizeof(struct percept_text)
                                                     : sizeof(struct percept_captions),
                                   .guard = guard};
    path = path ? path : mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    mini = mini_start(path, &options);
}

static void finish(void)
{
    app_stop(&app.app);
    ck_assert_uint_eq(mock_offences(), 0);
    mini_stop(mini);
}

/* As many lines as there is room for, each with the number as its text and its place. */
static void publish_text(uint32_t number)
{
    struct percept_text *text = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(text);
    memset(text, 0, sizeof *text);
    text->capture_ns = base_clock_ns();
    text->image_width = text->image_height = 1000;
    text->line_count = PERCEPT_TEXT_LINES_MAX;
    for (uint32_t i = 0; i < text->line_count; i++) {
        struct percept_text_line *line = &text->lines[i];
        line->id = i + 1;
        snprintf(line->text, sizeof line->text, "%u", number);
        for (size_t k = 0; k < 4; k++)
            line->corners[k][0] = line->corners[k][1] = (float)number;
    }
    ipc_topic_publish(mini_topic(mini), sizeof *text, text->capture_ns);
}

static void publish_captions(uint32_t number)
{
    struct percept_captions *captions = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(captions);
    memset(captions, 0, sizeof *captions);
    captions->capture_ns = base_clock_ns();
    captions->caption_count = 1;
    captions->captions[0].id = number;
    captions->captions[0].final = 1;
    snprintf(captions->captions[0].text, sizeof captions->captions[0].text, "%u", number);
    ipc_topic_publish(mini_topic(mini), sizeof *captions, captions->capture_ns);
}

static bool text_is_active(XrTextTrackerPERCEPT tracker, struct percept_app_texts *texts)
{
    percept_app_texts_init(texts);
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts->info, &texts->told), XR_SUCCESS);
    return texts->told.isActive;
}

/* Publishes until the tracker is active, or the other way round. */
static void wait_for_text(XrTextTrackerPERCEPT tracker, bool active)
{
    static struct percept_app_texts texts;
    int64_t deadline = base_clock_ns() + PATIENCE;
    while (text_is_active(tracker, &texts) != active && base_clock_ns() < deadline) {
        if (mini)
            publish_text(1);
        usleep(1000);
    }
    ck_assert(text_is_active(tracker, &texts) == active);
}

static uint64_t wait_for_captions(XrCaptionTrackerPERCEPT tracker, uint64_t since, bool active,
                                  uint32_t count)
{
    static struct percept_app_captions captions;
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        usleep(1000);
        percept_app_captions_init(&captions, since);
        ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, &captions.told),
                         XR_SUCCESS);
    } while ((captions.told.isActive != active || captions.told.captionCountOutput != count) &&
             base_clock_ns() < deadline);
    ck_assert(captions.told.isActive == active);
    ck_assert_uint_eq(captions.told.captionCountOutput, count);
    return captions.told.sequence;
}

START_TEST(a_daemon_may_come_late_and_restart)
{
    path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    percept_app_start(&app);
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    wait_for_text(tracker, false);
    start_daemon("text", NULL);
    wait_for_text(tracker, true);
    mini_stop(mini);
    mini = NULL;
    wait_for_text(tracker, false);
    start_daemon("text", NULL);
    wait_for_text(tracker, true);
    finish();
}
END_TEST

START_TEST(captions_are_active_before_anybody_speaks)
{
    start_daemon("captions", NULL);
    percept_app_start(&app);
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    wait_for_captions(tracker, 0, true, 0);
    publish_captions(1);
    uint64_t since = wait_for_captions(tracker, 0, true, 1);
    mini_stop(mini);
    ck_assert_uint_eq(wait_for_captions(tracker, since, false, 0), since);
    start_daemon("captions", NULL);
    wait_for_captions(tracker, since, true, 0);
    publish_captions(2);
    wait_for_captions(tracker, since, true, 1);
    finish();
}
END_TEST

static atomic_bool permitted;

static enum percept_status may_read(void *context, const struct ipc_peer *peer,
                                    const struct ipc_topic *topic, struct percept_error *error)
{
    (void)context;
    (void)peer;
    (void)topic;
    return permitted ? PERCEPT_OK : percept_fail(error, PERCEPT_PERMISSION, "not now");
}

static void take_note(void *context, enum ipc_event kind, const struct ipc_peer *peer,
                      const char *topic, const char *text)
{
    (void)context;
    (void)kind;
    (void)peer;
    (void)topic;
    (void)text;
}

START_TEST(a_permission_may_come_and_go)
{
    const struct ipc_guard guard = {.may_read = may_read, .event = take_note};
    start_daemon("captions", &guard);
    percept_app_start(&app);
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    usleep(50000);
    wait_for_captions(tracker, 0, false, 0);
    permitted = true;
    wait_for_captions(tracker, 0, true, 0);
    permitted = false;
    mini_recheck(mini);
    publish_captions(1);
    wait_for_captions(tracker, 0, false, 0);
    finish();
}
END_TEST

START_TEST(a_topic_is_read_while_there_is_a_tracker)
{
    start_daemon("text", NULL);
    percept_app_start(&app);
    size_t descriptors = mini_open_descriptors(), mapped = mini_mappings();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    wait_for_text(tracker, true);
    ck_assert_int_eq(app.xrDestroyTextTrackerPERCEPT(tracker), XR_SUCCESS);
    int64_t deadline = base_clock_ns() + PATIENCE;
    while ((mini_open_descriptors() != descriptors || mini_mappings() > mapped) &&
           base_clock_ns() < deadline)
        usleep(1000);
    ck_assert_uint_eq(mini_open_descriptors(), descriptors);
    ck_assert_uint_le(mini_mappings(), mapped);
    tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    wait_for_text(tracker, true);
    finish();
}
END_TEST

/* ---- threads ---- */

enum { READERS = 3, SAMPLES = 2000, ENOUGH = 100 };

static atomic_bool done;
static atomic_uint read_whole;

/* All strings, and all places, are of one sample each, however often others come meanwhile. */
static void *read_texts(void *argument)
{
    const XrTextTrackerPERCEPT *tracker = argument;
    struct percept_app_texts *texts = malloc(sizeof *texts);
    struct percept_app_places *places = malloc(sizeof *places);
    while (!done) {
        XrEventDataBuffer event;
        percept_app_event(&app, &event);
        percept_app_places_init(places, app.app.local, app_time(base_clock_ns()));
        ck_assert_int_eq(app.xrLocateTextsPERCEPT(*tracker, &places->info, &places->told),
                         XR_SUCCESS);
        for (uint32_t i = 0; i < places->told.locationCountOutput; i++)
            ck_assert(places->list[i].imageCorners[3].y == places->list[0].imageCorners[0].x);
        if (!text_is_active(*tracker, texts))
            continue;
        ck_assert_uint_eq(texts->told.textCountOutput, PERCEPT_TEXT_LINES_MAX);
        for (uint32_t i = 0; i < texts->told.textCountOutput; i++)
            ck_assert_str_eq(texts->buffer + texts->texts[i].textOffset,
                             texts->buffer + texts->texts[0].textOffset);
        read_whole++;
    }
    free(places);
    free(texts);
    return NULL;
}

/* Trackers come and go meanwhile. */
static void *come_and_go(void *unused)
{
    static struct percept_app_texts texts;
    while (!done) {
        XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_SELECTED_PERCEPT);
        text_is_active(tracker, &texts);
        ck_assert_int_eq(app.xrDestroyTextTrackerPERCEPT(tracker), XR_SUCCESS);
    }
    return unused;
}

START_TEST(what_is_told_is_never_of_two_samples)
{
    pthread_t readers[READERS], other;
    start_daemon("text", NULL);
    percept_app_start(&app);
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    for (size_t i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_texts, &tracker), 0);
    ck_assert_int_eq(pthread_create(&other, NULL, come_and_go, NULL), 0);
    int64_t deadline = base_clock_ns() + PATIENCE;
    for (uint32_t i = 0; (i < SAMPLES || read_whole < ENOUGH) && base_clock_ns() < deadline; i++)
        publish_text(i % 1000);
    done = true;
    for (size_t i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    pthread_join(other, NULL);
    ck_assert_uint_ge(read_whole, ENOUGH);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr live");
    TCase *tests = tcase_create("live");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, a_daemon_may_come_late_and_restart);
    tcase_add_test(tests, captions_are_active_before_anybody_speaks);
    tcase_add_test(tests, a_permission_may_come_and_go);
    tcase_add_test(tests, a_topic_is_read_while_there_is_a_tracker);
    tcase_add_test(tests, what_is_told_is_never_of_two_samples);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
