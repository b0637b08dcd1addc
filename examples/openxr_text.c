/*
 * Print the texts that Percept sees and the captions of what it hears, as an OpenXR app gets them
 * by XR_PERCEPT_text and XR_PERCEPT_captions. Needs no headset and no graphics.
 *     cc $(pkg-config --cflags percept) openxr_text.c -lopenxr_loader -o openxr_text
 *     ENABLE_XR_APILAYER_PERCEPT_1=1 ./openxr_text [SECONDS]
 */
#define XR_USE_TIMESPEC
#include <time.h>

#include <openxr/openxr.h>
#include <openxr/openxr_platform.h>
#include <percept_openxr.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXTS = 64, CAPTIONS = 32, BYTES = 65536 };

static XrInstance instance;

static void check(XrResult result, const char *what)
{
    if (XR_SUCCEEDED(result))
        return;
    fprintf(stderr, "openxr_text: %s: result %d\n", what, (int)result);
    exit(1);
}

#define CALL(function, ...) check(function(__VA_ARGS__), #function)
#define LOAD(name)   \
    PFN_##name name; \
    check(xrGetInstanceProcAddr(instance, #name, (PFN_xrVoidFunction *)&name), #name)

/* There is room for all that may come, so strings need not be asked for twice. */
static void print_texts(XrTextTrackerPERCEPT tracker, XrSpace space)
{
    static XrTextPERCEPT texts[TEXTS];
    static XrTextLocationPERCEPT places[TEXTS];
    static char buffer[BYTES];
    LOAD(xrGetTextsPERCEPT);
    LOAD(xrLocateTextsPERCEPT);
    LOAD(xrConvertTimespecTimeToTimeKHR);
    struct timespec now;
    XrTextsGetInfoPERCEPT get = {.type = XR_TYPE_TEXTS_GET_INFO_PERCEPT};
    XrTextsLocateInfoPERCEPT locate = {XR_TYPE_TEXTS_LOCATE_INFO_PERCEPT, NULL, space, 0};
    XrTextsPERCEPT strings = {XR_TYPE_TEXTS_PERCEPT, .textCapacityInput = TEXTS, .texts = texts,
                              .bufferCapacityInput = BYTES, .buffer = buffer};
    XrTextLocationsPERCEPT found = {XR_TYPE_TEXT_LOCATIONS_PERCEPT, .locationCapacityInput = TEXTS,
                                    .locations = places};
    clock_gettime(CLOCK_MONOTONIC, &now);
    CALL(xrConvertTimespecTimeToTimeKHR, instance, &now, &locate.time);
    CALL(xrGetTextsPERCEPT, tracker, &get, &strings);
    CALL(xrLocateTextsPERCEPT, tracker, &locate, &found);
    for (uint32_t i = 0; i < strings.textCountOutput; i++) {
        const char *translation = buffer + texts[i].translationOffset;
        printf("text %llu: %s%s%s", (unsigned long long)texts[i].textId,
               buffer + texts[i].textOffset, *translation ? " = " : "", translation);
        for (uint32_t k = 0; k < found.locationCountOutput; k++)
            if (places[k].textId == texts[i].textId)
                printf(", at %.2f %.2f %.2f%s", (double)places[k].pose.position.x,
                       (double)places[k].pose.position.y, (double)places[k].pose.position.z,
                       places[k].locationFlags & XR_TEXT_LOCATION_METRIC_BIT_PERCEPT
                           ? " m"
                           : " of some length");
        putchar('\n');
    }
}

static uint64_t print_captions(XrCaptionTrackerPERCEPT tracker, uint64_t since)
{
    static XrCaptionPERCEPT list[CAPTIONS];
    static char buffer[BYTES];
    LOAD(xrGetCaptionsPERCEPT);
    XrCaptionsGetInfoPERCEPT get = {XR_TYPE_CAPTIONS_GET_INFO_PERCEPT, .sinceSequence = since};
    XrCaptionsPERCEPT captions = {XR_TYPE_CAPTIONS_PERCEPT, .captionCapacityInput = CAPTIONS,
                                  .captions = list, .bufferCapacityInput = BYTES, .buffer = buffer};
    CALL(xrGetCaptionsPERCEPT, tracker, &get, &captions);
    for (uint32_t i = 0; i < captions.captionCountOutput; i++)
        printf("caption %llu%s: %s = %s\n", (unsigned long long)list[i].captionId,
               list[i].captionFlags & XR_CAPTION_FINAL_BIT_PERCEPT ? "" : " (partial)",
               buffer + list[i].textOffset, buffer + list[i].translationOffset);
    return captions.sequence;
}

int main(int argc, char **argv)
{
    const char *extensions[] = {XR_MND_HEADLESS_EXTENSION_NAME, XR_PERCEPT_TEXT_EXTENSION_NAME,
                                XR_PERCEPT_CAPTIONS_EXTENSION_NAME,
                                XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME};
    XrInstanceCreateInfo create = {
        XR_TYPE_INSTANCE_CREATE_INFO,
        .applicationInfo = {"openxr_text", 1, "", 0, XR_MAKE_VERSION(1, 0, 0)},
        .enabledExtensionCount = 4, .enabledExtensionNames = extensions};
    XrSystemGetInfo system = {XR_TYPE_SYSTEM_GET_INFO, NULL, XR_FORM_FACTOR_HEAD_MOUNTED_DISPLAY};
    XrSessionCreateInfo with = {.type = XR_TYPE_SESSION_CREATE_INFO};
    XrReferenceSpaceCreateInfo local = {XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                        NULL,
                                        XR_REFERENCE_SPACE_TYPE_LOCAL,
                                        {{0, 0, 0, 1}, {0, 0, 0}}};
    XrTextTrackerCreateInfoPERCEPT want_text = {XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT,
                                                .scope = XR_TEXT_SCOPE_ALL_PERCEPT};
    XrCaptionTrackerCreateInfoPERCEPT want = {XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT, NULL};
    XrSession session;
    XrSpace space;
    XrTextTrackerPERCEPT text;
    XrCaptionTrackerPERCEPT captions;
    CALL(xrCreateInstance, &create, &instance);
    CALL(xrGetSystem, instance, &system, &with.systemId);
    CALL(xrCreateSession, instance, &with, &session);
    CALL(xrCreateReferenceSpace, session, &local, &space);
    LOAD(xrCreateTextTrackerPERCEPT);
    LOAD(xrCreateCaptionTrackerPERCEPT);
    CALL(xrCreateTextTrackerPERCEPT, session, &want_text, &text);
    CALL(xrCreateCaptionTrackerPERCEPT, session, &want, &captions);

    uint64_t since = 0;
    time_t end = time(NULL) + (argc > 1 ? strtol(argv[1], NULL, 10) : 3600);
    while (time(NULL) < end) {
        XrEventDataBuffer event = {.type = XR_TYPE_EVENT_DATA_BUFFER};
        XrResult result = xrPollEvent(instance, &event);
        check(result, "xrPollEvent");
        if (result == XR_EVENT_UNAVAILABLE)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        else if (event.type == XR_TYPE_EVENT_DATA_TEXTS_CHANGED_PERCEPT)
            print_texts(text, space);
        else if (event.type == XR_TYPE_EVENT_DATA_CAPTIONS_CHANGED_PERCEPT)
            since = print_captions(captions, since);
        fflush(stdout);
    }
    CALL(xrDestroyInstance, instance); /* and with it all that is its */
    return 0;
}
