/*
 * Our own extensions as an app meets them: through a real loader, which has never heard of them,
 * and other layers, which have not either; over the mock runtime as a library. Which loader and
 * which layers is the environment's to say (loader.sh).
 */
#include "mini.h"
#include "near.h"

#include "openxr/openxr_declarations.h"
#include "openxr/percept_openxr.h"

#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (200 * BASE_NS_PER_S)

#define FUNCTIONS(X)                  \
    X(xrConvertTimespecTimeToTimeKHR) \
    X(xrCreateTextTrackerPERCEPT)     \
    X(xrDestroyTextTrackerPERCEPT)    \
    X(xrGetTextsPERCEPT)              \
    X(xrLocateTextsPERCEPT)           \
    X(xrCreateCaptionTrackerPERCEPT)  \
    X(xrDestroyCaptionTrackerPERCEPT) \
    X(xrGetCaptionsPERCEPT)

static XrInstance instance;
static XrSession session;
static XrSpace space;
#define X(name) static PFN_##name name;
FUNCTIONS(X)
#undef X

static void start(void)
{
    static const char *const extensions[] = {
        XR_MND_HEADLESS_EXTENSION_NAME, XR_PERCEPT_TEXT_EXTENSION_NAME,
        XR_PERCEPT_CAPTIONS_EXTENSION_NAME, XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME};
    XrInstanceCreateInfo create = {
        .type = XR_TYPE_INSTANCE_CREATE_INFO,
        .applicationInfo = {.applicationName = "test", .apiVersion = XR_MAKE_VERSION(1, 0, 20)},
        .enabledExtensionCount = 4,
        .enabledExtensionNames = extensions};
    XrSystemGetInfo get = {.type = XR_TYPE_SYSTEM_GET_INFO,
                           .formFactor = XR_FORM_FACTOR_HEAD_MOUNTED_DISPLAY};
    XrSessionCreateInfo info = {.type = XR_TYPE_SESSION_CREATE_INFO};
    XrReferenceSpaceCreateInfo local = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                        .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_LOCAL,
                                        .poseInReferenceSpace = {{0, 0, 0, 1}, {0, 0, 0}}};
    ck_assert_int_eq(xrCreateInstance(&create, &instance), XR_SUCCESS);
#define X(name)                                                                           \
    ck_assert_int_eq(xrGetInstanceProcAddr(instance, #name, (PFN_xrVoidFunction *)&name), \
                     XR_SUCCESS);
    FUNCTIONS(X)
#undef X
    ck_assert_int_eq(xrGetSystem(instance, &get, &info.systemId), XR_SUCCESS);
    ck_assert_int_eq(xrCreateSession(instance, &info, &session), XR_SUCCESS);
    ck_assert_int_eq(xrCreateReferenceSpace(session, &local, &space), XR_SUCCESS);
}

static void finish(void)
{
    ck_assert_int_eq(xrDestroySpace(space), XR_SUCCESS);
    ck_assert_int_eq(xrDestroySession(session), XR_SUCCESS);
    ck_assert_int_eq(xrDestroyInstance(instance), XR_SUCCESS);
}

/* Wait for an event of the type, while something is published. */
static void wait_for(XrStructureType type, void (*publish)(struct mini *), struct mini *mini)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    while (base_clock_ns() < deadline) {
        XrEventDataBuffer event = {.type = XR_TYPE_EVENT_DATA_BUFFER};
        ck_assert_int_ge(xrPollEvent(instance, &event), 0);
        if (event.type == type)
            return;
        publish(mini);
        usleep(2000);
    }
    ck_abort_msg("no event of type %d", (int)type);
}

static void publish_text(struct mini *mini)
{
    struct percept_text *text = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(text);
    memset(text, 0, sizeof *text);
    text->capture_ns = base_clock_ns();
    text->image_width = text->image_height = 100;
    text->line_count = 1;
    text->lines[0] = (struct percept_text_line){
        .id = 1, .text = "EXIT", .corners = {{40, 40}, {60, 40}, {60, 60}, {40, 60}}};
    ipc_topic_publish(mini_topic(mini), sizeof *text, text->capture_ns);
}

START_TEST(an_app_reads_what_is_written)
{
    const char *path = mini_path();
    struct mini_options options = {
        .topic = "text", .schema = PERCEPT_TEXT_SCHEMA, .max_bytes = sizeof(struct percept_text)};
    setenv("PERCEPT_SOCKET", path, 1);
    struct mini *mini = mini_start(path, &options);
    XrTextTrackerCreateInfoPERCEPT create = {.type = XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT,
                                             .scope = XR_TEXT_SCOPE_ALL_PERCEPT};
    XrTextPERCEPT texts[64];
    XrTextLocationPERCEPT places[64];
    char buffer[1000];
    XrTextsGetInfoPERCEPT get = {.type = XR_TYPE_TEXTS_GET_INFO_PERCEPT};
    XrTextsPERCEPT told = {.type = XR_TYPE_TEXTS_PERCEPT,
                           .textCapacityInput = 64,
                           .texts = texts,
                           .bufferCapacityInput = sizeof buffer,
                           .buffer = buffer};
    XrTextsLocateInfoPERCEPT locate = {.type = XR_TYPE_TEXTS_LOCATE_INFO_PERCEPT};
    XrTextLocationsPERCEPT found = {
        .type = XR_TYPE_TEXT_LOCATIONS_PERCEPT, .locationCapacityInput = 64, .locations = places};
    XrTextTrackerPERCEPT tracker;
    struct timespec now;
    start();
    ck_assert_int_eq(xrCreateTextTrackerPERCEPT(session, &create, &tracker), XR_SUCCESS);
    wait_for(XR_TYPE_EVENT_DATA_TEXTS_CHANGED_PERCEPT, publish_text, mini);
    ck_assert_int_eq(xrGetTextsPERCEPT(tracker, &get, &told), XR_SUCCESS);
    ck_assert_uint_eq(told.textCountOutput, 1);
    ck_assert_str_eq(buffer + texts[0].textOffset, "EXIT");
    locate.baseSpace = space;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ck_assert_int_eq(xrConvertTimespecTimeToTimeKHR(instance, &now, &locate.time), XR_SUCCESS);
    ck_assert_int_eq(xrLocateTextsPERCEPT(tracker, &locate, &found), XR_SUCCESS);
    ck_assert_uint_eq(places[0].textId, texts[0].textId);
    near_vector(places[0].pose.position, (XrVector3f){0, 0, -1});
    ck_assert_int_eq(xrDestroyTextTrackerPERCEPT(tracker), XR_SUCCESS);
    finish();
    mini_stop(mini);
}
END_TEST

static void publish_captions(struct mini *mini)
{
    struct percept_captions *captions = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(captions);
    memset(captions, 0, sizeof *captions);
    captions->capture_ns = base_clock_ns();
    captions->caption_count = 1;
    captions->captions[0] =
        (struct percept_caption){.id = 1, .begin_ns = 1, .final = 1, .text = "Hello"};
    ipc_topic_publish(mini_topic(mini), sizeof *captions, captions->capture_ns);
}

START_TEST(an_app_reads_what_is_said)
{
    const char *path = mini_path();
    struct mini_options options = {.topic = "captions",
                                   .schema = PERCEPT_CAPTIONS_SCHEMA,
                                   .max_bytes = sizeof(struct percept_captions)};
    setenv("PERCEPT_SOCKET", path, 1);
    struct mini *mini = mini_start(path, &options);
    XrCaptionTrackerCreateInfoPERCEPT create = {.type =
                                                    XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT};
    XrCaptionPERCEPT list[32];
    char buffer[1000];
    XrCaptionsGetInfoPERCEPT get = {.type = XR_TYPE_CAPTIONS_GET_INFO_PERCEPT};
    XrCaptionsPERCEPT told = {.type = XR_TYPE_CAPTIONS_PERCEPT,
                              .captionCapacityInput = 32,
                              .captions = list,
                              .bufferCapacityInput = sizeof buffer,
                              .buffer = buffer};
    XrCaptionTrackerPERCEPT tracker;
    start();
    ck_assert_int_eq(xrCreateCaptionTrackerPERCEPT(session, &create, &tracker), XR_SUCCESS);
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        wait_for(XR_TYPE_EVENT_DATA_CAPTIONS_CHANGED_PERCEPT, publish_captions, mini);
        ck_assert_int_eq(xrGetCaptionsPERCEPT(tracker, &get, &told), XR_SUCCESS);
    } while (told.captionCountOutput == 0 && base_clock_ns() < deadline);
    ck_assert_str_eq(buffer + list[0].textOffset, "Hello");
    ck_assert_int_eq(xrDestroyCaptionTrackerPERCEPT(tracker), XR_SUCCESS);
    finish();
    mini_stop(mini);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr loader, our extensions");
    TCase *use = tcase_create("use");
    tcase_set_timeout(use, 90);
    tcase_add_test(use, an_app_reads_what_is_written);
    tcase_add_test(use, an_app_reads_what_is_said);
    suite_add_tcase(suite, use);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
