/* XR_PERCEPT_text as an app meets it: what it is told of a sample, and what it may not do. Where
 * texts are is in test_text_places.c. */
#include "text_app.h"

#include "openxr/layer.h"

#include "base/clock.h"

#include <stdlib.h>

static const char *translation_of(uint32_t i)
{
    ck_assert_uint_lt(texts.texts[i].translationOffset, texts.told.bufferCountOutput);
    return texts.buffer + texts.texts[i].translationOffset;
}

/* ---- strings ---- */

START_TEST(texts_are_told_with_language_translation_and_actions)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    struct percept_text_line *line = text_add(7, "Bakery, call 555-0199", 0, 0, 100, 20);
    strcpy(line->translation, "Padaria, ligue para 555-0199");
    strcpy(line->translation_language, "pt");
    text_add(9, "caf\xc3\xa9", 0, 30, 50, 20);
    text_act(0, PERCEPT_ACTION_PHONE, 13, 21, "5550199");
    text_act(1, 99, 0, 5, "from a newer daemon");
    text_show();
    text_get(tracker);
    ck_assert(texts.told.isActive);
    ck_assert_int_eq(texts.told.captureTime, app_time(sample.capture_ns));
    ck_assert_uint_eq(texts.told.textCountOutput, 2);
    ck_assert_str_eq(text_of(0), "Bakery, call 555-0199");
    ck_assert_str_eq(translation_of(0), "Padaria, ligue para 555-0199");
    ck_assert_str_eq(texts.texts[0].language, "en");
    ck_assert_str_eq(texts.texts[0].translationLanguage, "pt");
    ck_assert_int_eq(texts.texts[0].firstTime, app_time(1007));
    ck_assert(texts.texts[0].confidence == 0.9f);
    ck_assert_str_eq(text_of(1), "caf\xc3\xa9");
    ck_assert_str_eq(translation_of(1), "");
    ck_assert_str_eq(texts.texts[1].translationLanguage, "");
    ck_assert_uint_eq(texts.told.actionCountOutput, 2);
    ck_assert_uint_eq(texts.texts[0].actionCount, 1);
    ck_assert_uint_eq(texts.texts[1].firstAction, 1);
    ck_assert_int_eq(texts.actions[0].actionType, XR_TEXT_ACTION_TYPE_PHONE_PERCEPT);
    ck_assert_uint_eq(texts.actions[0].begin, 13);
    ck_assert_uint_eq(texts.actions[0].end, 21);
    ck_assert_str_eq(texts.buffer + texts.actions[0].valueOffset, "5550199");
    ck_assert_int_eq(texts.actions[1].actionType, XR_TEXT_ACTION_TYPE_OTHER_PERCEPT);
    ck_assert_uint_eq(texts.actions[1].textIndex, 1);
    text_finish();
}
END_TEST

START_TEST(ids_stay_with_lines_and_are_never_used_again)
{
    uint64_t one, two;
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "one", 0, 0, 10, 10);
    text_add(2, "two", 0, 20, 10, 10);
    text_show();
    text_get(tracker);
    one = texts.texts[0].textId;
    two = texts.texts[1].textId;
    ck_assert(one != 0 && two != 0 && one != two);
    sample.lines[0] = sample.lines[1]; /* one is gone */
    sample.line_count = 1;
    text_show();
    text_get(tracker);
    ck_assert_uint_eq(texts.texts[0].textId, two);
    sample.lines[0].first_ns += 5; /* another daemon has a line 2, too */
    text_show();
    text_get(tracker);
    ck_assert(texts.texts[0].textId != one && texts.texts[0].textId != two);
    text_finish();
}
END_TEST

START_TEST(changes_are_counted_but_not_of_places)
{
    uint64_t before;
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "one", 0, 0, 10, 10);
    text_show();
#define CHANGES(change, by)                                        \
    do {                                                           \
        text_get(tracker);                                         \
        before = texts.told.changeCount;                           \
        change;                                                    \
        text_show();                                               \
        text_get(tracker);                                         \
        ck_assert_uint_eq(texts.told.changeCount - before, by);    \
        text_locate(tracker, app.app.local);                       \
        ck_assert_uint_eq(places.told.changeCount, before + (by)); \
    } while (0)
    CHANGES((void)0, 0);
    CHANGES(sample.lines[0].corners[0][0] += 3, 0);
    CHANGES(sample.lines[0].score = 0.5f, 0);
    CHANGES(strcpy(sample.lines[0].text, "won"), 1);
    CHANGES(strcpy(sample.lines[0].translation, "um"), 1);
    CHANGES(strcpy(sample.lines[0].language, "de"), 1);
    CHANGES(text_act(0, PERCEPT_ACTION_URL, 0, 3, "https://won"), 1);
    CHANGES(sample.actions[0].kind = PERCEPT_ACTION_EMAIL, 1);
    CHANGES(sample.lines[0].id = 2, 1);
    CHANGES(text_add(3, "", 0, 0, 1, 1), 1);
    CHANGES(sample.line_count = 0, 1);
    text_finish();
}
END_TEST

START_TEST(arrays_are_asked_for_twice_or_one_by_one)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "one", 0, 0, 10, 10);
    text_add(2, "two", 0, 20, 10, 10);
    text_act(1, PERCEPT_ACTION_OTHER, 0, 3, "2");
    text_show();
    percept_app_texts_init(&texts);
    XrTextsPERCEPT *told = &texts.told;
    told->textCapacityInput = told->actionCapacityInput = told->bufferCapacityInput = 0;
    told->texts = NULL;
    told->actions = NULL;
    told->buffer = NULL;
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, told), XR_SUCCESS);
    ck_assert_uint_eq(told->textCountOutput, 2);
    ck_assert_uint_eq(told->actionCountOutput, 1);
    ck_assert_uint_eq(told->bufferCountOutput, 1 + 4 + 4 + 2);
    /* Exactly so many will do, and nothing is written behind them. */
    percept_app_texts_init(&texts);
    told->textCapacityInput = 2;
    told->actionCapacityInput = 1;
    told->bufferCapacityInput = 11;
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, told), XR_SUCCESS);
    ck_assert_str_eq(text_of(1), "two");
    ck_assert_int_eq((unsigned char)texts.buffer[11], 0xa5);
    ck_assert_uint_eq(texts.texts[2].textId, 0xa5a5a5a5a5a5a5a5);
    /* Fewer will not. */
#define TOO_FEW(member)                                                     \
    do {                                                                    \
        percept_app_texts_init(&texts);                                     \
        told->member = 1;                                                   \
        ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, told), \
                         XR_ERROR_SIZE_INSUFFICIENT);                       \
        ck_assert_uint_eq(told->textCountOutput, 2);                        \
        ck_assert_uint_eq(told->bufferCountOutput, 11);                     \
    } while (0)
    TOO_FEW(textCapacityInput);
    TOO_FEW(bufferCapacityInput);
    /* One array alone. */
    percept_app_texts_init(&texts);
    told->bufferCapacityInput = told->actionCapacityInput = 0;
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, told), XR_SUCCESS);
    ck_assert_uint_ne(texts.texts[1].textId, 0xa5a5a5a5a5a5a5a5);
    ck_assert_int_eq((unsigned char)texts.buffer[0], 0xa5);
    percept_app_places_init(&places, app.app.local, app_time(base_clock_ns()));
    places.told.locationCapacityInput = 1;
    ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, &places.info, &places.told),
                     XR_ERROR_SIZE_INSUFFICIENT);
    ck_assert_uint_eq(places.told.locationCountOutput, 2);
    places.told.locationCapacityInput = 0;
    ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, &places.info, &places.told), XR_SUCCESS);
    text_finish();
}
END_TEST

START_TEST(a_full_sample_fits_into_what_the_system_says)
{
    XrSystemTextPropertiesPERCEPT limits = {.type = XR_TYPE_SYSTEM_TEXT_PROPERTIES_PERCEPT};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &limits};
    char full[PERCEPT_LINE_BYTES];
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    ck_assert_int_eq(app.app.xrGetSystemProperties(app.app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(limits.supportsText);
    memset(full, 'x', sizeof full); /* and no NUL */
    for (uint32_t i = 0; i < PERCEPT_TEXT_LINES_MAX; i++) {
        struct percept_text_line *line = text_add(i + 1, "", 0, 0, 10, 10);
        memcpy(line->text, full, sizeof full);
        memcpy(line->translation, full, sizeof full);
        text_act(i, PERCEPT_ACTION_OTHER, 0, 255, "");
        memcpy(sample.actions[i].value, full, sizeof sample.actions[i].value);
    }
    text_show();
    text_get(tracker);
    ck_assert_uint_eq(texts.told.textCountOutput, limits.maxTextCount);
    ck_assert_uint_eq(texts.told.actionCountOutput, limits.maxActionCount);
    ck_assert_uint_eq(texts.told.bufferCountOutput, limits.maxBufferSize);
    for (uint32_t i = 0; i < texts.told.textCountOutput; i++)
        ck_assert_uint_eq(strlen(text_of(i)), PERCEPT_LINE_BYTES - 1);
    text_finish();
}
END_TEST

START_TEST(what_makes_no_sense_does_no_harm)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "good", 0, 0, 10, 10);
    text_show();
    uint64_t count = 0;
#define BAD(change)                                       \
    do {                                                  \
        const struct percept_text kept = sample;          \
        text_get(tracker);                                \
        count = texts.told.changeCount;                   \
        change;                                           \
        percept_app_feed(&feed_text, &sample, size);      \
        text_get(tracker);                                \
        ck_assert_uint_eq(texts.told.changeCount, count); \
        ck_assert_str_eq(text_of(0), "good");             \
        sample = kept;                                    \
        size = sizeof sample;                             \
    } while (0)
    size_t size = sizeof sample;
    BAD(size = 0);
    BAD(size--);
    BAD(sample.line_count = 65);
    BAD(sample.action_count = UINT32_MAX);
    BAD(sample.capture_ns = -1);
    BAD(sample.capture_ns = INT64_MAX);
    /* Of a sample that is one, what makes no sense is left out or mended. */
    text_add(2, "nowhere", NAN, 0, 10, 10);
    text_add(4, "beyond", 1e30f, 0, 10, 10);
    text_add(3, "\xff\xc3", 0, 0, 10, 10)->score = NAN;
    strcpy(sample.lines[3].language, "\x80\x01");
    text_act(3, PERCEPT_ACTION_URL, 3, 2, "ends before it begins");
    text_act(3, PERCEPT_ACTION_URL, 0, 200, "ends behind the text");
    text_act(77, PERCEPT_ACTION_URL, 0, 1, "of no line");
    text_act(1, PERCEPT_ACTION_URL, 0, 1, "of a line without a place");
    text_show();
    text_get(tracker);
    ck_assert_uint_eq(texts.told.textCountOutput, 2);
    ck_assert_uint_eq(texts.told.actionCountOutput, 0);
    ck_assert_str_eq(text_of(1), "\xef\xbf\xbd\xef\xbf\xbd");
    ck_assert_str_eq(texts.texts[1].language, "");
    ck_assert(texts.texts[1].confidence == 0);
    text_finish();
}
END_TEST

/* ---- events ---- */

START_TEST(an_app_is_told_when_something_changed)
{
    XrEventDataBuffer event;
    const XrEventDataTextsChangedPERCEPT *change = (const void *)&event;
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    ck_assert(!percept_app_event(&app, &event));
    text_add(1, "one", 0, 0, 10, 10);
    text_show();
    ck_assert(percept_app_event(&app, &event));
    ck_assert_int_eq(change->type, XR_TYPE_EVENT_DATA_TEXTS_CHANGED_PERCEPT);
    ck_assert_ptr_null(change->next);
    ck_assert(change->textTracker == tracker && change->isActive);
    text_get(tracker);
    ck_assert_uint_eq(change->changeCount, texts.told.changeCount);
    ck_assert(!percept_app_event(&app, &event)); /* once */
    text_show();
    ck_assert(!percept_app_event(&app, &event)); /* nothing has changed */
    strcpy(sample.lines[0].text, "two");
    text_show();
    strcpy(sample.lines[0].text, "three");
    text_show();
    ck_assert(percept_app_event(&app, &event)); /* of both, one */
    ck_assert(!percept_app_event(&app, &event));
    feed_text.end();
    ck_assert(percept_app_event(&app, &event));
    ck_assert(!change->isActive && change->changeCount == 0);
    ck_assert(!percept_app_event(&app, &event));
    /* A tracker is told what is there when it comes; one that is gone, nothing. */
    text_show();
    ck_assert_int_eq(app.xrDestroyTextTrackerPERCEPT(tracker), XR_SUCCESS);
    ck_assert(!percept_app_event(&app, &event));
    tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    ck_assert(percept_app_event(&app, &event));
    ck_assert(change->textTracker == tracker);
    text_finish();
}
END_TEST

/* ---- fails open ---- */

static void check_inactive(XrTextTrackerPERCEPT tracker)
{
    XrTextSelectionPERCEPT selection = {.type = XR_TYPE_TEXT_SELECTION_PERCEPT, .sinceTime = 1};
    percept_app_texts_init(&texts);
    texts.told.next = &selection;
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, &texts.told), XR_SUCCESS);
    ck_assert(!texts.told.isActive);
    ck_assert_uint_eq(texts.told.changeCount, 0);
    ck_assert_uint_eq(texts.told.textCountOutput + texts.told.actionCountOutput +
                          texts.told.bufferCountOutput,
                      0);
    ck_assert_int_eq(selection.sinceTime, 0);
    text_locate(tracker, app.app.stage);
    ck_assert(!places.told.isActive);
    ck_assert_uint_eq(places.told.locationCountOutput, 0);
    ck_assert_uint_eq(places.told.cameraFlags, 0);
}

START_TEST(without_a_daemon_or_when_it_falls_silent_trackers_are_inactive)
{
    text_begin();
    XrTextTrackerPERCEPT all = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    XrTextTrackerPERCEPT selected = percept_app_text(&app, XR_TEXT_SCOPE_SELECTED_PERCEPT);
    check_inactive(all);
    check_inactive(selected);
    text_add(1, "old", 0, 0, 10, 10);
    sample.capture_ns = base_clock_ns() - 6 * BASE_NS_PER_S;
    percept_app_feed(&feed_text, &sample, sizeof sample);
    check_inactive(all);
    text_show();
    text_get(all);
    ck_assert(texts.told.isActive);
    check_inactive(selected);
    feed_text.end();
    check_inactive(all);
    text_finish();
}
END_TEST

START_TEST(a_runtime_that_cannot_convert_times_gets_no_text)
{
    XrSystemCaptionPropertiesPERCEPT captions = {.type = XR_TYPE_SYSTEM_CAPTION_PROPERTIES_PERCEPT,
                                                 .supportsCaptions = XR_TRUE};
    XrSystemTextPropertiesPERCEPT text = {
        .type = XR_TYPE_SYSTEM_TEXT_PROPERTIES_PERCEPT, .next = &captions, .supportsText = XR_TRUE};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &text};
    XrTextTrackerCreateInfoPERCEPT info = {.type = XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT,
                                           .scope = XR_TEXT_SCOPE_ALL_PERCEPT};
    XrCaptionTrackerCreateInfoPERCEPT other = {.type = XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT};
    XrTextTrackerPERCEPT tracker;
    XrCaptionTrackerPERCEPT caption_tracker;
    mock_script.lacks_timespec = XR_TRUE;
    text_begin();
    ck_assert_int_eq(app.app.xrGetSystemProperties(app.app.instance, 1, &properties), XR_SUCCESS);
    ck_assert(!text.supportsText && !captions.supportsCaptions);
    ck_assert_int_eq(app.xrCreateTextTrackerPERCEPT(app.app.session, &info, &tracker),
                     XR_ERROR_FEATURE_UNSUPPORTED);
    ck_assert_int_eq(app.xrCreateCaptionTrackerPERCEPT(app.app.session, &other, &caption_tracker),
                     XR_ERROR_FEATURE_UNSUPPORTED);
    text_finish();
}
END_TEST

START_TEST(who_did_not_enable_it_does_not_have_it)
{
    const char *const few[] = {XR_MND_HEADLESS_EXTENSION_NAME, XR_PERCEPT_CAPTIONS_EXTENSION_NAME};
    PFN_xrVoidFunction function;
    app_start(&app.app, few, 2);
    ck_assert_int_eq(layer_get_instance_proc_addr(app.app.instance, "xrGetTextsPERCEPT", &function),
                     XR_ERROR_FUNCTION_UNSUPPORTED);
    app_function(app.app.instance, "xrGetCaptionsPERCEPT");
    text_finish();
}
END_TEST

/* ---- valid usage ---- */

START_TEST(creation_is_checked)
{
    const XrTextTrackerCreateInfoPERCEPT good = {.type = XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT,
                                                 .scope = XR_TEXT_SCOPE_ALL_PERCEPT};
    XrTextTrackerPERCEPT tracker;
    text_begin();
#define CREATE(change, want)                                                                     \
    do {                                                                                         \
        XrTextTrackerCreateInfoPERCEPT bad = good;                                               \
        change;                                                                                  \
        ck_assert_int_eq(app.xrCreateTextTrackerPERCEPT(app.app.session, &bad, &tracker), want); \
    } while (0)
    CREATE((void)bad, XR_SUCCESS);
    CREATE(bad.createFlags = XR_TEXT_TRACKER_CREATE_METRIC_BIT_PERCEPT, XR_SUCCESS);
    CREATE(bad.createFlags = 2, XR_ERROR_VALIDATION_FAILURE);
    CREATE(bad.type = XR_TYPE_TEXTS_PERCEPT, XR_ERROR_VALIDATION_FAILURE);
    CREATE(bad.scope = 0, XR_ERROR_VALIDATION_FAILURE);
    CREATE(bad.scope = 3, XR_ERROR_VALIDATION_FAILURE);
    XrBaseOutStructure unknown = {.type = (XrStructureType)1999999000, .next = &unknown};
    CREATE(bad.next = &unknown, XR_SUCCESS);
    ck_assert_int_eq(app.xrCreateTextTrackerPERCEPT(app.app.session, NULL, &tracker),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateTextTrackerPERCEPT(app.app.session, &good, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrCreateTextTrackerPERCEPT(XR_NULL_HANDLE, &good, &tracker),
                     XR_ERROR_HANDLE_INVALID);
    text_finish();
}
END_TEST

START_TEST(calls_are_checked)
{
    text_begin();
    XrTextTrackerPERCEPT tracker = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    text_add(1, "one", 0, 0, 10, 10);
    text_show();
#define GET(change, want)                                                                 \
    do {                                                                                  \
        percept_app_texts_init(&texts);                                                   \
        change;                                                                           \
        ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, &texts.told), want); \
    } while (0)
    GET((void)0, XR_SUCCESS);
    GET(texts.info.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    GET(texts.told.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    GET(texts.told.texts = NULL, XR_ERROR_VALIDATION_FAILURE);
    GET(texts.told.actions = NULL, XR_ERROR_VALIDATION_FAILURE);
    GET(texts.told.buffer = NULL, XR_ERROR_VALIDATION_FAILURE);
    XrBaseOutStructure unknown = {.type = (XrStructureType)1999999000, .next = &unknown};
    GET(texts.told.next = &unknown, XR_SUCCESS);
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, NULL, &texts.told),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrGetTextsPERCEPT(tracker, &texts.info, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
#define LOCATE(change, want)                                                                   \
    do {                                                                                       \
        percept_app_places_init(&places, app.app.local, app_time(base_clock_ns()));            \
        change;                                                                                \
        ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, &places.info, &places.told), want); \
    } while (0)
    LOCATE((void)0, XR_SUCCESS);
    LOCATE(places.info.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(places.told.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(places.told.locations = NULL, XR_ERROR_VALIDATION_FAILURE);
    LOCATE(places.info.time = 0, XR_ERROR_TIME_INVALID);
    LOCATE(places.info.baseSpace = XR_NULL_HANDLE, XR_ERROR_HANDLE_INVALID);
    LOCATE(places.told.next = &unknown, XR_SUCCESS);
    ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, NULL, &places.told),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(app.xrLocateTextsPERCEPT(tracker, &places.info, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    text_finish();
}
END_TEST

START_TEST(handles_that_are_gone_or_of_another_kind_are_invalid)
{
    struct percept_app other;
    text_begin();
    percept_app_start(&other);
    XrTextTrackerPERCEPT first = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    ck_assert_int_eq(app.xrDestroyTextTrackerPERCEPT(first), XR_SUCCESS);
    XrTextTrackerPERCEPT second = percept_app_text(&app, XR_TEXT_SCOPE_ALL_PERCEPT);
    XrTextTrackerPERCEPT others = percept_app_text(&other, XR_TEXT_SCOPE_ALL_PERCEPT);
    XrCaptionTrackerPERCEPT captions = percept_app_captions(&app);
    app_stop(&other.app);
    percept_app_texts_init(&texts);
    percept_app_places_init(&places, app.app.local, app_time(base_clock_ns()));
    const XrTextTrackerPERCEPT gone[] = {first, others, XR_NULL_HANDLE,
                                         (XrTextTrackerPERCEPT)captions,
                                         (XrTextTrackerPERCEPT)app.app.session};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        ck_assert_int_eq(app.xrGetTextsPERCEPT(gone[i], &texts.info, &texts.told),
                         XR_ERROR_HANDLE_INVALID);
        ck_assert_int_eq(app.xrLocateTextsPERCEPT(gone[i], &places.info, &places.told),
                         XR_ERROR_HANDLE_INVALID);
        ck_assert_int_eq(app.xrDestroyTextTrackerPERCEPT(gone[i]), XR_ERROR_HANDLE_INVALID);
    }
    text_get(second);
    ck_assert_int_eq(app.app.xrDestroySession(app.app.session), XR_SUCCESS);
    ck_assert_int_eq(app.xrGetTextsPERCEPT(second, &texts.info, &texts.told),
                     XR_ERROR_HANDLE_INVALID);
    text_finish();
}
END_TEST

START_TEST(too_many_are_refused)
{
    XrTextTrackerCreateInfoPERCEPT info = {.type = XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT,
                                           .scope = XR_TEXT_SCOPE_SELECTED_PERCEPT};
    XrTextTrackerPERCEPT tracker;
    XrResult result = XR_SUCCESS;
    unsigned count = 0;
    text_begin();
    while (result == XR_SUCCESS && count < 10000) {
        result = app.xrCreateTextTrackerPERCEPT(app.app.session, &info, &tracker);
        count += result == XR_SUCCESS;
    }
    ck_assert_int_eq(result, XR_ERROR_LIMIT_REACHED);
    ck_assert_uint_eq(mock_objects(), 1 + 1 + 3 + 2 * count); /* none is left of what failed */
    text_finish();
}
END_TEST

/* As docs/XR_PERCEPT_text.md says: FNV-1a of the name. */
static unsigned number_of(const char *name)
{
    uint32_t hash = 0x811c9dc5;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x01000193;
    return 500000 + hash % 500000;
}

START_TEST(numbers_are_made_of_names)
{
#define NUMBER(extension, name, first)                                         \
    do {                                                                       \
        ck_assert_str_eq(#extension, name);                                    \
        ck_assert_uint_eq(extension##_NUMBER, number_of(name));                \
        ck_assert_int_eq(first, 1000000000 + (extension##_NUMBER - 1) * 1000); \
    } while (0)
    NUMBER(XR_PERCEPT_text, XR_PERCEPT_TEXT_EXTENSION_NAME, XR_TYPE_SYSTEM_TEXT_PROPERTIES_PERCEPT);
    NUMBER(XR_PERCEPT_captions, XR_PERCEPT_CAPTIONS_EXTENSION_NAME,
           XR_TYPE_SYSTEM_CAPTION_PROPERTIES_PERCEPT);
    NUMBER(XR_PERCEPT_depth_map, XR_PERCEPT_DEPTH_MAP_EXTENSION_NAME,
           XR_TYPE_DEPTH_READER_CREATE_INFO_PERCEPT);
}
END_TEST

int main(void)
{
    setenv("PERCEPT_SOCKET", "/nonexistent/percept.sock", 1);
    Suite *suite = suite_create("openxr text");
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, numbers_are_made_of_names);
    tcase_add_test(tests, texts_are_told_with_language_translation_and_actions);
    tcase_add_test(tests, ids_stay_with_lines_and_are_never_used_again);
    tcase_add_test(tests, changes_are_counted_but_not_of_places);
    tcase_add_test(tests, arrays_are_asked_for_twice_or_one_by_one);
    tcase_add_test(tests, a_full_sample_fits_into_what_the_system_says);
    tcase_add_test(tests, what_makes_no_sense_does_no_harm);
    tcase_add_test(tests, an_app_is_told_when_something_changed);
    tcase_add_test(tests, without_a_daemon_or_when_it_falls_silent_trackers_are_inactive);
    tcase_add_test(tests, a_runtime_that_cannot_convert_times_gets_no_text);
    tcase_add_test(tests, who_did_not_enable_it_does_not_have_it);
    tcase_add_test(tests, creation_is_checked);
    tcase_add_test(tests, calls_are_checked);
    tcase_add_test(tests, handles_that_are_gone_or_of_another_kind_are_invalid);
    tcase_add_test(tests, too_many_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
