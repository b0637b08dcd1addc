/*
 * XR_PERCEPT_text: docs/XR_PERCEPT_text.md. Strings and places are told by two functions, since
 * places are wanted each frame and strings when they change. Nothing is copied but into the app's
 * arrays, from a view that is held meanwhile.
 */
#include "openxr/chain.h"
#include "openxr/feed_text.h"
#include "openxr/layer.h"
#include "openxr/pose.h"
#include "openxr/settings.h"
#include "openxr/space.h"
#include "openxr/text_depth.h"
#include "openxr/text_places.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

/* A map that was measured so much earlier or later than the text was seen still says where it is:
 * neither moves. */
#define DEPTH_APART_NS BASE_NS_PER_S

struct text_tracker {
    struct object object;
    enum feed_topic topic;
    bool metric; /* the app wants distances */
    bool fed[FEED_TOPICS];
    struct sight sight;
    atomic_uint_least64_t told; /* what the last event said: its change count, 0 for inactive */
};

/* ---- trackers ---- */

/* Its session may be gone, and its spaces with it. */
static void destroy_tracker(struct object *object)
{
    struct text_tracker *tracker = (struct text_tracker *)object;
    for (enum feed_topic topic = 0; topic < FEED_TOPICS; topic++)
        if (tracker->fed[topic])
            feed_release(topic);
    free(tracker);
}

static bool tell_change(struct object *object, XrEventDataBuffer *event)
{
    struct text_tracker *tracker = (struct text_tracker *)object;
    const struct text_view *view = feed_text_hold(tracker->topic);
    uint64_t now = view ? view->change_count : 0;
    feed_text_release(tracker->topic, view);
    if (atomic_exchange(&tracker->told, now) == now)
        return false;
    *(XrEventDataTextsChangedPERCEPT *)event =
        (XrEventDataTextsChangedPERCEPT){.type = XR_TYPE_EVENT_DATA_TEXTS_CHANGED_PERCEPT,
                                         .textTracker = (XrTextTrackerPERCEPT)object->handle,
                                         .isActive = now != 0,
                                         .changeCount = now};
    return true;
}

/* Of a selection, only who may see the other text learns where in the world it is: without that
 * topic its image's size is not known. */
static void hold_topics(struct text_tracker *tracker)
{
    tracker->fed[tracker->topic] = feed_hold(tracker->topic);
    if (tracker->metric)
        tracker->fed[FEED_DEPTH] = feed_hold(FEED_DEPTH);
    if (tracker->topic != FEED_TEXT)
        tracker->fed[FEED_TEXT] = feed_hold(FEED_TEXT);
}

static XrResult check_create(const XrTextTrackerCreateInfoPERCEPT *info)
{
    if (!info || info->type != XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT ||
        (info->createFlags & ~XR_TEXT_TRACKER_CREATE_METRIC_BIT_PERCEPT) ||
        (info->scope != XR_TEXT_SCOPE_ALL_PERCEPT && info->scope != XR_TEXT_SCOPE_SELECTED_PERCEPT))
        return XR_ERROR_VALIDATION_FAILURE;
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_create_text_tracker(XrSession session,
                                                         const XrTextTrackerCreateInfoPERCEPT *info,
                                                         XrTextTrackerPERCEPT *handle)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    if (!handle || check_create(info) != XR_SUCCESS)
        return XR_ERROR_VALIDATION_FAILURE;
    if (!space_times_convert(&instance))
        return XR_ERROR_FEATURE_UNSUPPORTED;
    struct text_tracker *tracker = calloc(1, sizeof *tracker);
    if (!tracker)
        return XR_ERROR_OUT_OF_MEMORY;
    tracker->object = (struct object){.kind = OBJECT_TEXT_TRACKER,
                                      .session = session,
                                      .instance = instance,
                                      .destroy = destroy_tracker,
                                      .tell = tell_change};
    tracker->topic = info->scope == XR_TEXT_SCOPE_ALL_PERCEPT ? FEED_TEXT : FEED_TEXT_SELECTED;
    tracker->metric = info->createFlags & XR_TEXT_TRACKER_CREATE_METRIC_BIT_PERCEPT;
    XrResult result = sight_open(&instance, session, &tracker->sight);
    if (XR_FAILED(result)) {
        free(tracker);
        return result;
    }
    hold_topics(tracker);
    if (!objects_add(&tracker->object)) {
        sight_close(&instance, &tracker->sight);
        destroy_tracker(&tracker->object);
        return XR_ERROR_LIMIT_REACHED;
    }
    *handle = (XrTextTrackerPERCEPT)tracker->object.handle;
    objects_put(&tracker->object);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_text_tracker(XrTextTrackerPERCEPT handle)
{
    struct object *object = objects_remove((uint64_t)handle, OBJECT_TEXT_TRACKER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    sight_close(&object->instance, &((struct text_tracker *)object)->sight);
    objects_put(object);
    return XR_SUCCESS;
}

/* ---- strings ---- */

static XrTime time_of(const struct instance *instance, int64_t ns)
{
    XrTime time;
    return space_from_ns(instance, ns, &time) ? time : 0;
}

static bool fits(uint32_t capacity, uint32_t count)
{
    return capacity == 0 || capacity >= count;
}

/* view NULL: inactive. */
static XrResult tell_texts(const struct text_tracker *tracker, const struct text_view *view,
                           XrTextsPERCEPT *texts)
{
    const struct instance *instance = &tracker->object.instance;
    XrTextSelectionPERCEPT *selection =
        chain_find(texts->next, XR_TYPE_TEXT_SELECTION_PERCEPT, true);
    texts->isActive = view != NULL;
    texts->changeCount = view ? view->change_count : 0;
    texts->captureTime = view ? time_of(instance, view->capture_ns) : 0;
    texts->textCountOutput = view ? view->count : 0;
    texts->actionCountOutput = view ? view->action_count : 0;
    texts->bufferCountOutput = view ? view->buffer_size : 0;
    if (selection) {
        selection->sinceTime = view && view->since_ns > 0 ? time_of(instance, view->since_ns) : 0;
        selection->imagePoint = view ? view->point : (XrVector2f){0, 0};
    }
    if (!fits(texts->textCapacityInput, texts->textCountOutput) ||
        !fits(texts->actionCapacityInput, texts->actionCountOutput) ||
        !fits(texts->bufferCapacityInput, texts->bufferCountOutput))
        return XR_ERROR_SIZE_INSUFFICIENT;
    for (uint32_t i = 0; texts->textCapacityInput > 0 && i < texts->textCountOutput; i++) {
        texts->texts[i] = view->lines[i].text;
        texts->texts[i].firstTime = time_of(instance, view->lines[i].first_ns);
    }
    if (texts->actionCapacityInput > 0 && view)
        memcpy(texts->actions, view->actions, view->action_count * sizeof view->actions[0]);
    if (texts->bufferCapacityInput > 0 && view)
        memcpy(texts->buffer, view->buffer, view->buffer_size);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_texts(XrTextTrackerPERCEPT handle,
                                               const XrTextsGetInfoPERCEPT *info,
                                               XrTextsPERCEPT *texts)
{
    struct object *object = objects_find((uint64_t)handle, OBJECT_TEXT_TRACKER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    const struct text_tracker *tracker = (const struct text_tracker *)object;
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (info && info->type == XR_TYPE_TEXTS_GET_INFO_PERCEPT && texts &&
        texts->type == XR_TYPE_TEXTS_PERCEPT && (texts->texts || !texts->textCapacityInput) &&
        (texts->actions || !texts->actionCapacityInput) &&
        (texts->buffer || !texts->bufferCapacityInput)) {
        const struct text_view *view = feed_text_hold(tracker->topic);
        result = tell_texts(tracker, view, texts);
        feed_text_release(tracker->topic, view);
    }
    objects_put(object);
    return result;
}

/* ---- places ---- */

/* A depth map, and where the camera was; the map NULL: none is wanted, or of use. */
struct depth {
    const struct feed_depth *map;
    XrPosef camera;
};

static void hold_depth(const struct text_tracker *tracker, const struct text_view *view,
                       const struct located *base, struct depth *depth)
{
    struct moment moment;
    depth->map = tracker->metric ? feed_depth_hold() : NULL;
    if (!depth->map)
        return;
    int64_t apart = depth->map->capture_ns - view->capture_ns;
    if (apart < -DEPTH_APART_NS || apart > DEPTH_APART_NS ||
        !sight_look_back(&tracker->object.instance, &tracker->sight, base, depth->map->capture_ns,
                         &moment)) {
        feed_depth_release(depth->map);
        depth->map = NULL;
    } else {
        depth->camera = moment.camera;
    }
}

static void place_all(const struct text_tracker *tracker, const struct text_view *view,
                      const struct located *base, const XrPosef *camera,
                      XrTextLocationPERCEPT *locations)
{
    float tangent = tanf(settings_get()->field_of_view / 2);
    struct depth depth;
    hold_depth(tracker, view, base, &depth);
    for (uint32_t i = 0; i < view->count; i++) {
        XrVector3f directions[4];
        float plane[3];
        text_directions(view, &view->lines[i], tangent, directions);
        bool metric =
            depth.map && text_depth_plane(directions, camera, depth.map, &depth.camera, plane);
        text_place(&view->lines[i], directions, metric ? plane : NULL, camera, &locations[i]);
    }
    feed_depth_release(depth.map);
}

/* base: the tracker's world in the app's space. */
static XrResult tell_places(const struct text_tracker *tracker, const struct text_view *view,
                            const struct located *base, XrTextLocationsPERCEPT *locations)
{
    const struct instance *instance = &tracker->object.instance;
    struct moment moment = {.camera = POSE_IDENTITY};
    bool placed = view && (base->flags & LOCATED_VALID) == LOCATED_VALID &&
                  sight_look_back(instance, &tracker->sight, base, view->capture_ns, &moment);
    bool tracked = placed && (base->flags & LOCATED_TRACKED) == LOCATED_TRACKED;
    locations->isActive = view != NULL;
    locations->changeCount = view ? view->change_count : 0;
    locations->captureTime = view ? time_of(instance, view->capture_ns) : 0;
    locations->cameraFlags =
        placed ? LOCATED_VALID | (tracked ? LOCATED_TRACKED : 0) : (XrSpaceLocationFlags)0;
    locations->cameraPose = placed ? moment.camera : POSE_IDENTITY;
    locations->imageSize =
        (XrExtent2Di){view ? (int32_t)view->width : 0, view ? (int32_t)view->height : 0};
    locations->locationCountOutput = view ? view->count : 0;
    if (!fits(locations->locationCapacityInput, locations->locationCountOutput))
        return XR_ERROR_SIZE_INSUFFICIENT;
    if (!view || locations->locationCapacityInput == 0)
        return XR_SUCCESS;
    if (!placed || view->width == 0) {
        for (uint32_t i = 0; i < view->count; i++)
            text_no_place(&view->lines[i], &locations->locations[i]);
        return XR_SUCCESS;
    }
    place_all(tracker, view, base, &moment.camera, locations->locations);
    for (uint32_t i = 0; tracked && i < view->count; i++)
        locations->locations[i].locationFlags |= XR_TEXT_LOCATION_TRACKED_BIT_PERCEPT;
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_locate_texts(XrTextTrackerPERCEPT handle,
                                                  const XrTextsLocateInfoPERCEPT *info,
                                                  XrTextLocationsPERCEPT *locations)
{
    struct object *object = objects_find((uint64_t)handle, OBJECT_TEXT_TRACKER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    const struct text_tracker *tracker = (const struct text_tracker *)object;
    struct located base;
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (info && info->type == XR_TYPE_TEXTS_LOCATE_INFO_PERCEPT && locations &&
        locations->type == XR_TYPE_TEXT_LOCATIONS_PERCEPT &&
        (locations->locations || !locations->locationCapacityInput))
        /* The runtime knows whether the base is a space and the time is one. */
        result = space_locate(&object->instance, tracker->sight.world, info->baseSpace, info->time,
                              &base);
    if (XR_SUCCEEDED(result)) {
        const struct text_view *view = feed_text_hold(tracker->topic);
        XrResult told = tell_places(tracker, view, &base, locations);
        feed_text_release(tracker->topic, view);
        result = XR_FAILED(told) ? told : result;
    }
    objects_put(object);
    return result;
}
