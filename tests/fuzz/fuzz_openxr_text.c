/*
 * What a daemon publishes of text, captions and depth, and what apps ask of them: the input is
 * samples, one after the other, and between them calls with capacities and chains of its bytes.
 * What is told keeps its promises: strings end within the buffer and are UTF-8, indices are in
 * range, ids ascend, nothing is written beyond a capacity, and places are finite.
 *
 * Build with the preset "fuzz"; run: fuzz_openxr_text
 */
#include "mock_runtime.h"
#include "openxr_input.h"

#include "openxr/feed.h"
#include "openxr/feed_source.h"
#include "openxr/layer.h"
#include "openxr/percept_openxr.h"
#include "openxr/pose.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 3, ROOM = 70000, GUARD = 0x5a };

/* ---- bytes ---- */

/* A few bytes of an array, the rest of it zero. */
static void some(void *to, size_t size)
{
    size_t take = input_byte() % 48;
    memset(to, 0, size);
    input_bytes(to, take < size ? take : size);
}

/* ---- samples ---- */

static void feed(const struct feed_source *source, const void *data, size_t size)
{
    const struct percept_sample sample = {.data = data, .size = size - (input_byte() == 255)};
    source->take(&sample);
}

static int64_t capture(void)
{
    unsigned how = input_byte();
    return how == 255 ? INT64_MAX : how == 254 ? -1 : base_clock_ns();
}

static void fill_line(struct percept_text_line *line)
{
    input_bytes(line, offsetof(struct percept_text_line, language));
    line->id %= 8; /* so that some come back */
    line->first_ns %= 4;
    some(line->language, sizeof line->language);
    some(line->translation_language, sizeof line->translation_language);
    some(line->text, sizeof line->text);
    some(line->translation, sizeof line->translation);
}

static void fill_actions(struct percept_text_action *actions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        actions[i] = (struct percept_text_action){.kind = input_byte() % 9,
                                                  .line = input_byte() % 4,
                                                  .begin = input_byte() % 32,
                                                  .end = input_byte() % 32};
        some(actions[i].value, sizeof actions[i].value);
    }
}

static void publish_text(void)
{
    static struct percept_text text;
    memset(&text, 0, sizeof text);
    text.capture_ns = capture();
    text.image_width = input_byte() * 8;
    text.image_height = input_byte() * 8;
    text.line_count = input_byte() == 255 ? UINT32_MAX : input_byte() % (LINES + 1);
    text.action_count = input_byte() == 255 ? 65 : input_byte() % 5;
    for (size_t i = 0; i < LINES; i++)
        fill_line(&text.lines[i]);
    fill_actions(text.actions, 4);
    feed(&feed_text, &text, sizeof text);
}

static void publish_selected(void)
{
    struct percept_text_selected selected = {.capture_ns = capture(),
                                             .since_ns = input_byte() - 1,
                                             .selected = input_byte() % 2,
                                             .action_count = input_byte() % 10};
    input_bytes(selected.point, sizeof selected.point);
    fill_line(&selected.line);
    fill_actions(selected.actions, PERCEPT_SELECTED_ACTIONS_MAX);
    feed(&feed_text_selected, &selected, sizeof selected);
}

static void publish_captions(void)
{
    static struct percept_captions captions;
    memset(&captions, 0, sizeof captions);
    captions.capture_ns = capture();
    captions.speaking = input_byte() % 2;
    captions.caption_count = input_byte() == 255 ? UINT32_MAX : input_byte() % (LINES + 1);
    for (size_t i = 0; i < LINES; i++) {
        struct percept_caption *caption = &captions.captions[i];
        input_bytes(caption, offsetof(struct percept_caption, language));
        caption->id %= 8;
        caption->begin_ns %= 4;
        some(caption->language, sizeof caption->language);
        some(caption->translation_language, sizeof caption->translation_language);
        some(caption->text, sizeof caption->text);
        some(caption->translation, sizeof caption->translation);
    }
    feed(&feed_captions, &captions, sizeof captions);
}

/* A small map, of which lines may be anywhere. */
static void publish_depth(void)
{
    enum {
        WIDTH = 16,
        HEIGHT = 12,
        PIXELS = WIDTH * HEIGHT,
        FIRST = 384,
        SECOND = 384 + 2 * PIXELS
    };
    static _Alignas(64) unsigned char payload[SECOND + PIXELS];
    static_assert(sizeof(struct percept_depth) <= FIRST && SECOND % 64 == 0, "behind the head");
    struct percept_depth *depth = (void *)payload;
    memset(payload, 0, sizeof payload);
    input_bytes(&depth->fx, 4 * sizeof depth->fx);
    if (input_byte() < 200) {
        depth->fx = depth->fy = 10;
        depth->cx = WIDTH / 2;
        depth->cy = HEIGHT / 2;
    }
    *depth = (struct percept_depth){.capture_ns = capture(),
                                    .width = WIDTH,
                                    .height = HEIGHT,
                                    .fx = depth->fx,
                                    .fy = depth->fy,
                                    .cx = depth->cx,
                                    .cy = depth->cy,
                                    .near_m = 0.2f,
                                    .far_m = 10,
                                    .map_count = 2,
                                    .maps = {{.name = "depth",
                                              .dtype = PERCEPT_UINT16,
                                              .rank = 2,
                                              .sizes = {HEIGHT, WIDTH},
                                              .offset = FIRST,
                                              .bytes = 2 * PIXELS},
                                             {.name = "confidence",
                                              .dtype = PERCEPT_UINT8,
                                              .rank = 2,
                                              .sizes = {HEIGHT, WIDTH},
                                              .offset = SECOND,
                                              .bytes = PIXELS}}};
    memset(payload + FIRST, (int)input_byte(), 2 * PIXELS);
    memset(payload + SECOND, 255, PIXELS);
    input_bytes(payload + FIRST, input_byte() % 64);
    feed(&feed_depth, payload, sizeof payload);
}

/* ---- promises ---- */

#define promise(kept)                                                  \
    do {                                                               \
        if (!(kept)) {                                                 \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #kept); \
            abort();                                                   \
        }                                                              \
    } while (0)

static void check_string(const char *buffer, uint32_t size, uint32_t offset)
{
    promise(offset < size);
    size_t length = strnlen(buffer + offset, size - offset);
    promise(length < size - offset);
    promise(offset > 0 || length == 0);
    for (size_t at = 0; at < length;) {
        uint32_t code;
        size_t took = base_utf8_next(buffer + offset + at, length - at, &code);
        promise(code != BASE_UTF8_BAD || took == 3); /* U+FFFD itself is a character */
        at += took;
    }
}

static void check_untouched(const void *array, size_t from, size_t size)
{
    for (size_t i = from; i < size; i++)
        promise(((const unsigned char *)array)[i] == GUARD);
}

static uint32_t capacity(uint32_t most)
{
    unsigned how = input_byte();
    return how < 128 ? most : how % (most < 100 ? most : 100);
}

/* ---- calls ---- */

static XrInstance instance;
static XrSession session;
static XrSpace space;

#define FIND(name)                                                                                \
    PFN_##name name = NULL;                                                                       \
    if (layer_get_instance_proc_addr(instance, #name, (PFN_xrVoidFunction *)&name) != XR_SUCCESS) \
    abort()

static XrTextSelectionPERCEPT selections[2];

/* Chains may go round. */
static void *chain(void)
{
    unsigned how = input_byte();
    for (size_t i = 0; i < 2; i++)
        selections[i] = (XrTextSelectionPERCEPT){
            .type = (how >> i) & 1 ? XR_TYPE_TEXT_SELECTION_PERCEPT : (XrStructureType)1999999999,
            .next = (how >> (2 + i)) & 1 ? &selections[!i] : NULL};
    return how & 64 ? &selections[0] : NULL;
}

static char buffer[ROOM];

static void get_texts(XrTextTrackerPERCEPT tracker)
{
    static XrTextPERCEPT texts[64];
    static XrTextActionPERCEPT actions[64];
    FIND(xrGetTextsPERCEPT);
    XrTextsGetInfoPERCEPT info = {.type = XR_TYPE_TEXTS_GET_INFO_PERCEPT};
    XrTextsPERCEPT told = {.type = XR_TYPE_TEXTS_PERCEPT,
                           .next = chain(),
                           .textCapacityInput = capacity(64),
                           .texts = texts,
                           .actionCapacityInput = capacity(64),
                           .actions = actions,
                           .bufferCapacityInput = capacity(ROOM),
                           .buffer = buffer};
    memset(texts, GUARD, sizeof texts);
    memset(actions, GUARD, sizeof actions);
    memset(buffer, GUARD, sizeof buffer);
    XrResult result = xrGetTextsPERCEPT(tracker, &info, &told);
    promise(result == XR_SUCCESS || result == XR_ERROR_SIZE_INSUFFICIENT);
    bool failed = result != XR_SUCCESS;
    uint32_t count = failed || !told.textCapacityInput ? 0 : told.textCountOutput;
    uint32_t acts = failed || !told.actionCapacityInput ? 0 : told.actionCountOutput;
    uint32_t size = failed || !told.bufferCapacityInput ? 0 : told.bufferCountOutput;
    check_untouched(texts, count * sizeof texts[0], sizeof texts);
    check_untouched(actions, acts * sizeof actions[0], sizeof actions);
    check_untouched(buffer, size, sizeof buffer);
    for (uint32_t i = 0; i < count; i++) {
        promise(texts[i].textId != 0);
        promise(texts[i].confidence >= 0 && texts[i].confidence <= 1);
        promise(memchr(texts[i].language, '\0', sizeof texts[i].language) != NULL);
        promise(texts[i].firstAction + texts[i].actionCount <= told.actionCountOutput);
        if (size) {
            check_string(buffer, size, texts[i].textOffset);
            check_string(buffer, size, texts[i].translationOffset);
        }
    }
    for (uint32_t i = 0; i < acts; i++) {
        promise(actions[i].textIndex < told.textCountOutput && actions[i].begin <= actions[i].end);
        if (size)
            check_string(buffer, size, actions[i].valueOffset);
        if (size && count)
            promise(actions[i].end <= strlen(buffer + texts[actions[i].textIndex].textOffset));
    }
}

static void locate_texts(XrTextTrackerPERCEPT tracker)
{
    static XrTextLocationPERCEPT list[64];
    FIND(xrLocateTextsPERCEPT);
    XrTextsLocateInfoPERCEPT info = {.type = XR_TYPE_TEXTS_LOCATE_INFO_PERCEPT,
                                     .baseSpace = input_byte() < 240 ? space : XR_NULL_HANDLE,
                                     .time = input_byte() < 240 ? MOCK_TIME_OFFSET + base_clock_ns()
                                                                : -1};
    XrTextLocationsPERCEPT told = {.type = XR_TYPE_TEXT_LOCATIONS_PERCEPT,
                                   .next = chain(),
                                   .locationCapacityInput = capacity(64),
                                   .locations = list};
    memset(list, GUARD, sizeof list);
    XrResult result = xrLocateTextsPERCEPT(tracker, &info, &told);
    uint32_t count =
        result != XR_SUCCESS || !told.locationCapacityInput ? 0 : told.locationCountOutput;
    check_untouched(list, count * sizeof list[0], sizeof list);
    for (uint32_t i = 0; i < count; i++) {
        XrQuaternionf q = list[i].pose.orientation;
        promise(fabsf(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w - 1) < 1e-3f);
        promise(isfinite(vec_length(list[i].pose.position)));
        for (size_t k = 0; k < 4; k++)
            promise(isfinite(vec_length(list[i].corners[k])));
    }
}

static void get_captions(XrCaptionTrackerPERCEPT tracker)
{
    static XrCaptionPERCEPT list[32];
    FIND(xrGetCaptionsPERCEPT);
    unsigned since = input_byte();
    XrCaptionsGetInfoPERCEPT info = {.type = XR_TYPE_CAPTIONS_GET_INFO_PERCEPT,
                                     .sinceSequence = since < 64 ? 0 : since};
    XrCaptionsPERCEPT told = {.type = XR_TYPE_CAPTIONS_PERCEPT,
                              .next = chain(),
                              .captionCapacityInput = capacity(32),
                              .captions = list,
                              .bufferCapacityInput = capacity(ROOM),
                              .buffer = buffer};
    memset(list, GUARD, sizeof list);
    memset(buffer, GUARD, sizeof buffer);
    XrResult result = xrGetCaptionsPERCEPT(tracker, &info, &told);
    promise(result == XR_SUCCESS || result == XR_ERROR_SIZE_INSUFFICIENT);
    bool failed = result != XR_SUCCESS;
    uint32_t count = failed || !told.captionCapacityInput ? 0 : told.captionCountOutput;
    uint32_t size = failed || !told.bufferCapacityInput ? 0 : told.bufferCountOutput;
    check_untouched(list, count * sizeof list[0], sizeof list);
    check_untouched(buffer, size, sizeof buffer);
    for (uint32_t i = 0; i < count; i++) {
        promise(i == 0 || list[i].captionId > list[i - 1].captionId);
        promise(list[i].sequence > info.sinceSequence && list[i].sequence <= told.sequence);
        promise(list[i].confidence >= 0 && list[i].confidence <= 1);
        if (!size)
            continue;
        check_string(buffer, size, list[i].textOffset);
        check_string(buffer, size, list[i].translationOffset);
        promise(list[i].stableSize <= strlen(buffer + list[i].textOffset));
    }
}

static void poll(void)
{
    FIND(xrPollEvent);
    XrEventDataBuffer event = {.type = XR_TYPE_EVENT_DATA_BUFFER};
    promise(XR_SUCCEEDED(xrPollEvent(instance, &event)));
}

/* ---- an app ---- */

static XRAPI_ATTR XrResult XRAPI_CALL create_below(const XrInstanceCreateInfo *info,
                                                   const XrApiLayerCreateInfo *layer,
                                                   XrInstance *made)
{
    PFN_xrCreateInstance create;
    (void)layer;
    mock_get_instance_proc_addr(XR_NULL_HANDLE, "xrCreateInstance", (PFN_xrVoidFunction *)&create);
    return create(info, made);
}

static void start(void)
{
    static const char *const names[] = {XR_MND_HEADLESS_EXTENSION_NAME,
                                        XR_PERCEPT_TEXT_EXTENSION_NAME,
                                        XR_PERCEPT_CAPTIONS_EXTENSION_NAME};
    XrInstanceCreateInfo info = {.type = XR_TYPE_INSTANCE_CREATE_INFO,
                                 .enabledExtensionCount = 3,
                                 .enabledExtensionNames = names};
    XrApiLayerNextInfo next = {.structType = XR_LOADER_INTERFACE_STRUCT_API_LAYER_NEXT_INFO,
                               .structVersion = 1,
                               .structSize = sizeof next,
                               .layerName = LAYER_NAME,
                               .nextGetInstanceProcAddr = mock_get_instance_proc_addr,
                               .nextCreateApiLayerInstance = create_below};
    XrApiLayerCreateInfo layer = {.structType = XR_LOADER_INTERFACE_STRUCT_API_LAYER_CREATE_INFO,
                                  .structVersion = 1,
                                  .structSize = sizeof layer,
                                  .nextInfo = &next};
    XrSessionCreateInfo with = {.type = XR_TYPE_SESSION_CREATE_INFO, .systemId = 1};
    XrReferenceSpaceCreateInfo local = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                        .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_LOCAL,
                                        .poseInReferenceSpace = POSE_IDENTITY};
    promise(layer_create_instance(&info, &layer, &instance) == XR_SUCCESS);
    FIND(xrCreateSession);
    FIND(xrCreateReferenceSpace);
    promise(xrCreateSession(instance, &with, &session) == XR_SUCCESS);
    promise(xrCreateReferenceSpace(session, &local, &space) == XR_SUCCESS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    XrTextTrackerCreateInfoPERCEPT want = {.type = XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT};
    XrCaptionTrackerCreateInfoPERCEPT info = {.type = XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT};
    XrTextTrackerPERCEPT texts[2];
    XrCaptionTrackerPERCEPT captions;
    input_begin(data, size);
    start();
    FIND(xrCreateTextTrackerPERCEPT);
    FIND(xrCreateCaptionTrackerPERCEPT);
    FIND(xrDestroyInstance);
    for (uint32_t i = 0; i < 2; i++) {
        want.scope = (XrTextScopePERCEPT)(XR_TEXT_SCOPE_ALL_PERCEPT + i);
        want.createFlags = input_byte() % 2;
        want.next = chain();
        promise(xrCreateTextTrackerPERCEPT(session, &want, &texts[i]) == XR_SUCCESS);
    }
    promise(xrCreateCaptionTrackerPERCEPT(session, &info, &captions) == XR_SUCCESS);
    feed_captions.begin();
    while (input_left() > 0) {
        unsigned what = input_byte();
        switch (what % 8) {
        case 0:
            publish_text();
            break;
        case 1:
            publish_selected();
            break;
        case 2:
            publish_captions();
            break;
        case 3:
            get_texts(texts[what >> 7]);
            break;
        case 4:
            locate_texts(texts[what >> 7]);
            break;
        case 5:
            get_captions(captions);
            break;
        case 6:
            poll();
            break;
        default:
            publish_depth();
            if (what & 64)
                feed_text.end();
            if (what & 128) {
                feed_captions.end();
                feed_captions.begin();
            }
        }
    }
    promise(xrDestroyInstance(instance) == XR_SUCCESS);
    feed_text.end();
    feed_text_selected.end();
    feed_captions.end();
    feed_depth.end();
    promise(mock_objects() == 0);
    return 0;
}
