/* XR_PERCEPT_captions: docs/XR_PERCEPT_captions.md. */
#include "openxr/feed_captions.h"
#include "openxr/layer.h"
#include "openxr/space.h"

#include <stdlib.h>
#include <string.h>

struct caption_tracker {
    struct object object;
    bool fed; /* holds FEED_CAPTIONS */
    /* What the last event said: its sequence number and 1, 0 for inactive. */
    atomic_uint_least64_t told;
};

/* ---- trackers ---- */

static void destroy_tracker(struct object *object)
{
    struct caption_tracker *tracker = (struct caption_tracker *)object;
    if (tracker->fed)
        feed_release(FEED_CAPTIONS);
    free(tracker);
}

static bool tell_change(struct object *object, XrEventDataBuffer *event)
{
    struct caption_tracker *tracker = (struct caption_tracker *)object;
    const struct captions_view *view = feed_captions_hold();
    uint64_t now = view ? view->sequence + 1 : 0;
    feed_captions_release(view);
    if (atomic_exchange(&tracker->told, now) == now)
        return false;
    *(XrEventDataCaptionsChangedPERCEPT *)event = (XrEventDataCaptionsChangedPERCEPT){
        .type = XR_TYPE_EVENT_DATA_CAPTIONS_CHANGED_PERCEPT,
        .captionTracker = (XrCaptionTrackerPERCEPT)object->handle,
        .isActive = now != 0,
        .sequence = now ? now - 1 : 0,
    };
    return true;
}

XRAPI_ATTR XrResult XRAPI_CALL
layer_create_caption_tracker(XrSession session, const XrCaptionTrackerCreateInfoPERCEPT *info,
                             XrCaptionTrackerPERCEPT *handle)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    if (!handle || !info || info->type != XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT)
        return XR_ERROR_VALIDATION_FAILURE;
    if (!space_times_convert(&instance))
        return XR_ERROR_FEATURE_UNSUPPORTED;
    struct caption_tracker *tracker = calloc(1, sizeof *tracker);
    if (!tracker)
        return XR_ERROR_OUT_OF_MEMORY;
    tracker->object = (struct object){.kind = OBJECT_CAPTION_TRACKER,
                                      .session = session,
                                      .instance = instance,
                                      .destroy = destroy_tracker,
                                      .tell = tell_change};
    tracker->fed = feed_hold(FEED_CAPTIONS); /* without it, the tracker is never active */
    if (!objects_add(&tracker->object)) {
        destroy_tracker(&tracker->object);
        return XR_ERROR_LIMIT_REACHED;
    }
    *handle = (XrCaptionTrackerPERCEPT)tracker->object.handle;
    objects_put(&tracker->object);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_caption_tracker(XrCaptionTrackerPERCEPT handle)
{
    struct object *object = objects_remove((uint64_t)handle, OBJECT_CAPTION_TRACKER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    objects_put(object);
    return XR_SUCCESS;
}

/* ---- captions ---- */

/* What it takes in a buffer; an empty string is the one at the front. */
static uint32_t size_of(const char *text)
{
    return *text ? (uint32_t)strlen(text) + 1 : 0;
}

static void count(const struct captions_view *view, uint64_t since, XrCaptionsPERCEPT *captions)
{
    captions->captionCountOutput = captions->bufferCountOutput = 0;
    for (uint32_t i = 0; view && i < view->count; i++) {
        const struct caption *caption = &view->captions[i];
        if (caption->told.sequence <= since)
            continue;
        if (captions->captionCountOutput++ == 0)
            captions->bufferCountOutput = 1;
        captions->bufferCountOutput += size_of(caption->text) + size_of(caption->translation);
    }
}

static XrTime time_of(const struct instance *instance, int64_t ns)
{
    XrTime time;
    return ns > 0 && space_from_ns(instance, ns, &time) ? time : 0;
}

/* Its offset in the buffer, which it is put into if there is one; *used bytes of that are taken. */
static uint32_t put(char *buffer, uint32_t *used, const char *text)
{
    uint32_t size = size_of(text), offset = size ? *used : 0;
    if (buffer)
        memcpy(buffer + offset, text, size);
    *used += size;
    return offset;
}

static void copy(const struct instance *instance, const struct captions_view *view, uint64_t since,
                 XrCaptionsPERCEPT *captions)
{
    char *buffer = captions->bufferCapacityInput > 0 ? captions->buffer : NULL;
    uint32_t used = 1, number = 0;
    if (buffer && captions->captionCountOutput > 0)
        buffer[0] = '\0';
    for (uint32_t i = 0; view && i < view->count; i++) {
        const struct caption *caption = &view->captions[i];
        if (caption->told.sequence <= since)
            continue;
        XrCaptionPERCEPT told = caption->told;
        told.beginTime = time_of(instance, caption->begin_ns);
        told.endTime = time_of(instance, caption->end_ns);
        told.textOffset = put(buffer, &used, caption->text);
        told.translationOffset = put(buffer, &used, caption->translation);
        if (captions->captionCapacityInput > 0)
            captions->captions[number++] = told;
    }
}

/* view NULL: inactive. */
static XrResult tell_captions(const struct instance *instance, const struct captions_view *view,
                              uint64_t since, XrCaptionsPERCEPT *captions)
{
    captions->isActive = view != NULL;
    captions->isSpeaking = view && view->speaking;
    captions->heardTime = view ? time_of(instance, view->capture_ns) : 0;
    captions->sequence = view ? view->sequence : since;
    count(view, since, captions);
    if ((captions->captionCapacityInput > 0 &&
         captions->captionCapacityInput < captions->captionCountOutput) ||
        (captions->bufferCapacityInput > 0 &&
         captions->bufferCapacityInput < captions->bufferCountOutput))
        return XR_ERROR_SIZE_INSUFFICIENT;
    copy(instance, view, since, captions);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_captions(XrCaptionTrackerPERCEPT handle,
                                                  const XrCaptionsGetInfoPERCEPT *info,
                                                  XrCaptionsPERCEPT *captions)
{
    struct object *object = objects_find((uint64_t)handle, OBJECT_CAPTION_TRACKER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (info && info->type == XR_TYPE_CAPTIONS_GET_INFO_PERCEPT && captions &&
        captions->type == XR_TYPE_CAPTIONS_PERCEPT &&
        (captions->captions || !captions->captionCapacityInput) &&
        (captions->buffer || !captions->bufferCapacityInput)) {
        const struct captions_view *view = feed_captions_hold();
        result = tell_captions(&object->instance, view, info->sinceSequence, captions);
        feed_captions_release(view);
    }
    objects_put(object);
    return result;
}
