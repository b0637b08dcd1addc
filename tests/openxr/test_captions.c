/* XR_PERCEPT_captions as an app meets it: each change is told once, and what it may not do. */
#include "percept_app.h"

#include "openxr/layer.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct percept_app app;
static struct percept_captions sample;
static struct percept_app_captions captions;

static void begin(void)
{
    percept_app_start(&app);
    memset(&sample, 0, sizeof sample);
    feed_captions.begin();
}

static void finish(void)
{
    app_stop(&app.app);
    ck_assert_uint_eq(mock_offences(), 0);
    ck_assert_uint_eq(mock_objects(), 0);
}

/* The topic's list, with one more at its end; as the daemon does, the oldest goes for it. */
static struct percept_caption *say(uint64_t id, const char *text, bool final)
{
    if (sample.caption_count == PERCEPT_CAPTIONS_MAX)
        memmove(sample.captions, sample.captions + 1,
                --sample.caption_count * sizeof sample.captions[0]);
    struct percept_caption *caption = &sample.captions[sample.caption_count++];
    *caption = (struct percept_caption){.id = id,
                                        .begin_ns = 1000 * (int64_t)id,
                                        .end_ns = 1000 * (int64_t)id + 500,
                                        .final = final,
                                        .score = -0.5f,
                                        .language = "en"};
    strncpy(caption->text, text, sizeof caption->text - 1);
    return caption;
}

static void show(void)
{
    sample.capture_ns = base_clock_ns();
    percept_app_feed(&feed_captions, &sample, sizeof sample);
}

/* What is new since; returns the sequence number to go on from. */
static uint64_t get(XrCaptionTrackerPERCEPT tracker, uint64_t since)
{
    percept_app_captions_init(&captions, since);
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, &captions.told), XR_SUCCESS);
    return captions.told.sequence;
}

static const char *text_of(uint32_t i)
{
    ck_assert_uint_lt(captions.list[i].textOffset, captions.told.bufferCountOutput);
    return captions.buffer + captions.list[i].textOffset;
}

static const char *translation_of(uint32_t i)
{
    ck_assert_uint_lt(captions.list[i].translationOffset, captions.told.bufferCountOutput);
    return captions.buffer + captions.list[i].translationOffset;
}

/* ---- what is said ---- */

START_TEST(captions_are_told_with_times_speaker_and_translation)
{
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    struct percept_caption *caption = say(1, "Good morning", false);
    caption->side = 1;
    caption->stable_bytes = 4;
    strcpy(caption->translation, "Bom dia");
    strcpy(caption->translation_language, "pt");
    sample.speaking = 1;
    show();
    get(tracker, 0);
    ck_assert(captions.told.isActive && captions.told.isSpeaking);
    ck_assert_int_eq(captions.told.heardTime, app_time(sample.capture_ns));
    ck_assert_uint_eq(captions.told.captionCountOutput, 1);
    ck_assert_str_eq(text_of(0), "Good morning");
    ck_assert_str_eq(translation_of(0), "Bom dia");
    const XrCaptionPERCEPT *told = &captions.list[0];
    ck_assert_str_eq(told->language, "en");
    ck_assert_str_eq(told->translationLanguage, "pt");
    ck_assert_int_eq(told->beginTime, app_time(1000));
    ck_assert_int_eq(told->endTime, app_time(1500));
    ck_assert_uint_eq(told->speaker, 1);
    ck_assert_uint_eq(told->stableSize, 4);
    ck_assert_uint_eq(told->captionFlags, 0);
    ck_assert(fabsf(told->confidence - expf(-0.5f)) < 1e-6f);
    finish();
}
END_TEST

START_TEST(each_change_is_told_once)
{
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    say(1, "Good", false);
    show();
    uint64_t since = get(tracker, 0);
    uint64_t id = captions.list[0].captionId;
    ck_assert_uint_eq(get(tracker, since), since);
    ck_assert_uint_eq(captions.told.captionCountOutput, 0);
    ck_assert_uint_eq(captions.told.bufferCountOutput, 0);
    show(); /* the same again */
    ck_assert_uint_eq(get(tracker, since), since);
#define CHANGE(change)                                                        \
    do {                                                                      \
        change;                                                               \
        show();                                                               \
        ck_assert_uint_gt(get(tracker, since), since);                        \
        ck_assert_uint_eq(captions.told.captionCountOutput, 1);               \
        ck_assert_uint_eq(captions.list[0].captionId, id);                    \
        ck_assert_uint_eq(captions.list[0].sequence, captions.told.sequence); \
        since = captions.told.sequence;                                       \
    } while (0)
    CHANGE(strcpy(sample.captions[0].text, "Good morning"));
    CHANGE(sample.captions[0].stable_bytes = 4);
    CHANGE(sample.captions[0].end_ns += 100);
    CHANGE(sample.captions[0].final = 1);
    ck_assert_uint_eq(captions.list[0].captionFlags, XR_CAPTION_FINAL_BIT_PERCEPT);
    CHANGE(strcpy(sample.captions[0].translation, "Bom dia"));
    /* Of two, only the one that is new. */
    say(2, "How are you?", false);
    show();
    get(tracker, since);
    ck_assert_uint_eq(captions.told.captionCountOutput, 1);
    ck_assert_str_eq(text_of(0), "How are you?");
    ck_assert_str_eq(translation_of(0), "");
    get(tracker, 0);
    ck_assert_uint_eq(captions.told.captionCountOutput, 2);
    finish();
}
END_TEST

START_TEST(what_an_app_missed_is_kept_for_a_while)
{
    char text[32];
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    for (uint64_t id = 1; id <= 40; id++) { /* five times what the topic has */
        snprintf(text, sizeof text, "sentence %u", (unsigned)id);
        say(id, text, true);
        show();
    }
    get(tracker, 0);
    ck_assert_uint_eq(captions.told.captionCountOutput, 32);
    for (uint32_t i = 0; i < 32; i++) {
        snprintf(text, sizeof text, "sentence %u", 40 - 31 + i);
        ck_assert_str_eq(text_of(i), text);
        ck_assert(i == 0 || captions.list[i].captionId > captions.list[i - 1].captionId);
        ck_assert(i == 0 || captions.list[i].sequence > captions.list[i - 1].sequence);
    }
    get(tracker, captions.list[29].sequence);
    ck_assert_uint_eq(captions.told.captionCountOutput, 2);
    finish();
}
END_TEST

START_TEST(a_caption_that_is_dropped_is_withdrawn)
{
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    say(1, "Good morning", true);
    say(2, "[cough]", false);
    show();
    uint64_t since = get(tracker, 0);
    uint64_t id = captions.list[1].captionId;
    sample.caption_count = 1;
    show();
    get(tracker, since);
    ck_assert_uint_eq(captions.told.captionCountOutput, 1);
    ck_assert_uint_eq(captions.list[0].captionId, id);
    ck_assert_uint_eq(captions.list[0].captionFlags,
                      XR_CAPTION_FINAL_BIT_PERCEPT | XR_CAPTION_WITHDRAWN_BIT_PERCEPT);
    ck_assert_str_eq(text_of(0), "");
    ck_assert_str_eq(translation_of(0), "");
    /* Once, and in its place among what follows. */
    say(3, "Good evening", true);
    show();
    get(tracker, since);
    ck_assert_uint_eq(captions.told.captionCountOutput, 2);
    ck_assert_uint_eq(captions.list[0].captionId, id);
    ck_assert_str_eq(text_of(1), "Good evening");
    finish();
}
END_TEST

START_TEST(another_daemon_goes_on_counting)
{
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    say(1, "Good morning", true);
    show();
    uint64_t since = get(tracker, 0);
    uint64_t id = captions.list[0].captionId;
    feed_captions.end();
    ck_assert_uint_eq(get(tracker, since), since);
    ck_assert(!captions.told.isActive);
    feed_captions.begin();
    ck_assert_uint_eq(get(tracker, since), since); /* the same daemon: nothing is told twice */
    ck_assert(captions.told.isActive && !captions.told.isSpeaking);
    show();
    ck_assert_uint_eq(get(tracker, since), since);
    memset(&sample, 0, sizeof sample);
    say(1, "Good evening", true)->begin_ns = 77;
    show();
    get(tracker, since);
    ck_assert_uint_eq(captions.told.captionCountOutput, 1);
    ck_assert_str_eq(text_of(0), "Good evening");
    ck_assert_uint_gt(captions.list[0].captionId, id);
    finish();
}
END_TEST

START_TEST(arrays_are_asked_for_twice_or_one_by_one)
{
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    say(1, "one", true);
    say(2, "two", true);
    show();
    percept_app_captions_init(&captions, 0);
    XrCaptionsPERCEPT *told = &captions.told;
    told->captionCapacityInput = told->bufferCapacityInput = 0;
    told->captions = NULL;
    told->buffer = NULL;
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, told), XR_SUCCESS);
    ck_assert_uint_eq(told->captionCountOutput, 2);
    ck_assert_uint_eq(told->bufferCountOutput, 1 + 4 + 4);
    percept_app_captions_init(&captions, 0);
    told->captionCapacityInput = 2;
    told->bufferCapacityInput = 9;
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, told), XR_SUCCESS);
    ck_assert_str_eq(text_of(1), "two");
    ck_assert_str_eq(translation_of(1), "");
    ck_assert_int_eq((unsigned char)captions.buffer[9], 0xa5);
    ck_assert_uint_eq(captions.list[2].captionId, 0xa5a5a5a5a5a5a5a5);
    told->captionCapacityInput = 1;
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, told),
                     XR_ERROR_SIZE_INSUFFICIENT);
    told->captionCapacityInput = 0;
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, told), XR_SUCCESS);
    told->bufferCapacityInput = 8;
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, told),
                     XR_ERROR_SIZE_INSUFFICIENT);
    ck_assert_uint_eq(told->bufferCountOutput, 9);
    finish();
}
END_TEST

START_TEST(all_that_is_kept_fits_into_what_the_system_says)
{
    XrSystemCaptionPropertiesPERCEPT limits = {.type = XR_TYPE_SYSTEM_CAPTION_PROPERTIES_PERCEPT};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &limits};
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    ck_assert_int_eq(app.app.xrGetSystemProperties(app.app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(limits.supportsCaptions);
    for (uint64_t id = 1; id <= 40; id++) {
        struct percept_caption *caption = say(id, "", true);
        memset(caption->text, 'x', sizeof caption->text); /* and no NUL */
        memset(caption->translation, 'y', sizeof caption->translation);
        show();
    }
    get(tracker, 0);
    ck_assert_uint_eq(captions.told.captionCountOutput, limits.maxCaptionCount);
    ck_assert_uint_eq(captions.told.bufferCountOutput, limits.maxBufferSize);
    for (uint32_t i = 0; i < captions.told.captionCountOutput; i++)
        ck_assert_uint_eq(strlen(translation_of(i)), PERCEPT_CAPTION_BYTES - 1);
    finish();
}
END_TEST

START_TEST(what_makes_no_sense_does_no_harm)
{
    begin();
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    say(1, "good", true);
    show();
    uint64_t since = get(tracker, 0);
    size_t size = sizeof sample;
#define BAD(change)                                      \
    do {                                                 \
        const struct percept_captions kept = sample;     \
        say(2, "bad", true);                             \
        change;                                          \
        percept_app_feed(&feed_captions, &sample, size); \
        ck_assert_uint_eq(get(tracker, since), since);   \
        sample = kept;                                   \
        size = sizeof sample;                            \
    } while (0)
    BAD(size = 0);
    BAD(size--);
    BAD(sample.caption_count = 9);
    BAD(sample.capture_ns = -1);
    BAD(sample.capture_ns = INT64_MAX);
    /* Of a sample that is one, what makes no sense is mended. */
    struct percept_caption *caption = say(2, "\xff", false);
    caption->stable_bytes = UINT32_MAX;
    caption->score = NAN;
    caption->begin_ns = INT64_MIN;
    caption->end_ns = -1;
    memset(caption->language, 'x', sizeof caption->language);
    show();
    get(tracker, since);
    ck_assert_str_eq(text_of(0), "\xef\xbf\xbd");
    ck_assert_uint_eq(captions.list[0].stableSize, 3);
    ck_assert(captions.list[0].confidence == 0);
    ck_assert_int_eq(captions.list[0].beginTime, 0);
    ck_assert_int_eq(captions.list[0].endTime, 0);
    ck_assert_uint_lt(strlen(captions.list[0].language), XR_MAX_LANGUAGE_SIZE_PERCEPT);
    finish();
}
END_TEST

/* ---- events and activity ---- */

START_TEST(an_app_is_told_when_something_was_said)
{
    XrEventDataBuffer event;
    const XrEventDataCaptionsChangedPERCEPT *change = (const void *)&event;
    percept_app_start(&app);
    XrCaptionTrackerPERCEPT tracker = percept_app_captions(&app);
    ck_assert_uint_eq(get(tracker, 5), 5); /* inactive: nothing is missed */
    ck_assert(!captions.told.isActive && !captions.told.isSpeaking);
    ck_assert_uint_eq(captions.told.captionCountOutput + captions.told.bufferCountOutput, 0);
    ck_assert(!percept_app_event(&app, &event));
    feed_captions.begin(); /* somebody listens, nobody speaks */
    ck_assert(percept_app_event(&app, &event));
    ck_assert_int_eq(change->type, XR_TYPE_EVENT_DATA_CAPTIONS_CHANGED_PERCEPT);
    ck_assert(change->captionTracker == tracker && change->isActive && !change->next);
    ck_assert_uint_eq(change->sequence, 0);
    ck_assert(!percept_app_event(&app, &event));
    say(1, "Good", false);
    show();
    ck_assert(percept_app_event(&app, &event));
    ck_assert_uint_eq(change->sequence, get(tracker, 0));
    show();
    ck_assert(!percept_app_event(&app, &event));
    feed_captions.end();
    ck_assert(percept_app_event(&app, &event));
    ck_assert(!change->isActive);
    finish();
}
END_TEST

/* ---- valid usage ---- */

START_TEST(calls_are_checked)
{
    const XrCaptionTrackerCreateInfoPERCEPT good = {
        .type = XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT};
    XrBaseOutStructure unknown = {.type = (XrStructureType)1999999000, .next = &unknown};
    XrCaptionTrackerCreateInfoPERCEPT bad = good;
    XrCaptionTrackerPERCEPT tracker;
    begin();
    bad.next = &unknown;
    ck_assert_int_eq(app.xrCreateCaptionTrackerPERCEPT(app.app.session, &bad, &tracker),
                     XR_SUCCESS);
    bad = good;
    bad.type = XR_TYPE_CAPTIONS_PERCEPT;
    ck_assert_int_eq(app.xrCreateCaptionTrackerPERCEPT(app.app.session, &bad, &tracker),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateCaptionTrackerPERCEPT(app.app.session, NULL, &tracker),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateCaptionTrackerPERCEPT(app.app.session, &good, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateCaptionTrackerPERCEPT(XR_NULL_HANDLE, &good, &tracker),
                     XR_ERROR_HANDLE_INVALID);
    say(1, "one", true);
    show();
#define GET(change, want)                                                                          \
    do {                                                                                           \
        percept_app_captions_init(&captions, 0);                                                   \
        change;                                                                                    \
        ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, &captions.told), want); \
    } while (0)
    GET((void)0, XR_SUCCESS);
    GET(captions.info.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    GET(captions.told.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    GET(captions.told.captions = NULL, XR_ERROR_VALIDATION_FAILURE);
    GET(captions.told.buffer = NULL, XR_ERROR_VALIDATION_FAILURE);
    GET(captions.told.next = &unknown, XR_SUCCESS);
    GET(captions.info.sinceSequence = UINT64_MAX, XR_SUCCESS);
    ck_assert_uint_eq(captions.told.captionCountOutput, 0);
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, NULL, &captions.told),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(tracker, &captions.info, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    finish();
}
END_TEST

START_TEST(handles_that_are_gone_or_of_another_kind_are_invalid)
{
    begin();
    XrCaptionTrackerPERCEPT first = percept_app_captions(&app);
    ck_assert_int_eq(app.xrDestroyCaptionTrackerPERCEPT(first), XR_SUCCESS);
    XrCaptionTrackerPERCEPT second = percept_app_captions(&app);
    XrTextTrackerPERCEPT text = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    percept_app_captions_init(&captions, 0);
    const XrCaptionTrackerPERCEPT gone[] = {first, XR_NULL_HANDLE, (XrCaptionTrackerPERCEPT)text};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        ck_assert_int_eq(app.xrGetCaptionsPERCEPT(gone[i], &captions.info, &captions.told),
                         XR_ERROR_HANDLE_INVALID);
        ck_assert_int_eq(app.xrDestroyCaptionTrackerPERCEPT(gone[i]), XR_ERROR_HANDLE_INVALID);
    }
    get(second, 0);
    ck_assert_int_eq(app.app.xrDestroySession(app.app.session), XR_SUCCESS);
    ck_assert_int_eq(app.xrGetCaptionsPERCEPT(second, &captions.info, &captions.told),
                     XR_ERROR_HANDLE_INVALID);
    finish();
}
END_TEST

int main(void)
{
    setenv("PERCEPT_SOCKET", "/nonexistent/percept.sock", 1);
    Suite *suite = suite_create("openxr captions");
    TCase *tests = tcase_create("captions");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, captions_are_told_with_times_speaker_and_translation);
    tcase_add_test(tests, each_change_is_told_once);
    tcase_add_test(tests, what_an_app_missed_is_kept_for_a_while);
    tcase_add_test(tests, a_caption_that_is_dropped_is_withdrawn);
    tcase_add_test(tests, another_daemon_goes_on_counting);
    tcase_add_test(tests, arrays_are_asked_for_twice_or_one_by_one);
    tcase_add_test(tests, all_that_is_kept_fits_into_what_the_system_says);
    tcase_add_test(tests, what_makes_no_sense_does_no_harm);
    tcase_add_test(tests, an_app_is_told_when_something_was_said);
    tcase_add_test(tests, calls_are_checked);
    tcase_add_test(tests, handles_that_are_gone_or_of_another_kind_are_invalid);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
