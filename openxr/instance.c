/*
 * Instances: which of the app's extensions go further down, and where calls go. What the layer does
 * not serve passes by it untouched.
 */
#include "openxr/extensions.h"
#include "openxr/layer.h"
#include "openxr/objects.h"

#include <stdlib.h>
#include <string.h>

/* ---- creation ---- */

/* The app's extensions but `without`, and the one for times if we need it. */
static XrResult create_below(const XrInstanceCreateInfo *info,
                             const XrApiLayerCreateInfo *layer_info, unsigned without,
                             bool want_timespec, XrInstance *instance)
{
    XrApiLayerCreateInfo below = *layer_info;
    XrInstanceCreateInfo changed = *info;
    const char **names = calloc((size_t)info->enabledExtensionCount + 1, sizeof *names);
    if (!names)
        return XR_ERROR_OUT_OF_MEMORY;
    uint32_t count = 0;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        const char *name = info->enabledExtensionNames[i];
        want_timespec = want_timespec && !extensions_is_timespec(name);
        if (!(extensions_feature(name) & without))
            names[count++] = name;
    }
    if (want_timespec)
        names[count++] = XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME;
    changed.enabledExtensionCount = count;
    changed.enabledExtensionNames = names;
    below.nextInfo = layer_info->nextInfo->next;
    XrResult result = layer_info->nextInfo->nextCreateApiLayerInstance(&changed, &below, instance);
    free(names);
    return result;
}

static void find_functions(struct instance *instance)
{
#define X(name)                                                                                   \
    if (XR_FAILED(instance->get(instance->handle, #name, (PFN_xrVoidFunction *)&instance->name))) \
        instance->name = NULL;
    BELOW(X)
#undef X
}

XRAPI_ATTR XrResult XRAPI_CALL layer_create_instance(const XrInstanceCreateInfo *info,
                                                     const XrApiLayerCreateInfo *layer_info,
                                                     XrInstance *instance)
{
    if (!layer_info || layer_info->structType != XR_LOADER_INTERFACE_STRUCT_API_LAYER_CREATE_INFO ||
        layer_info->structVersion != XR_API_LAYER_CREATE_INFO_STRUCT_VERSION ||
        layer_info->structSize != sizeof *layer_info || !layer_info->nextInfo ||
        layer_info->nextInfo->structType != XR_LOADER_INTERFACE_STRUCT_API_LAYER_NEXT_INFO ||
        layer_info->nextInfo->structVersion != XR_API_LAYER_NEXT_INFO_STRUCT_VERSION ||
        layer_info->nextInfo->structSize != sizeof *layer_info->nextInfo ||
        strcmp(layer_info->nextInfo->layerName, LAYER_NAME) != 0 ||
        !layer_info->nextInfo->nextGetInstanceProcAddr ||
        !layer_info->nextInfo->nextCreateApiLayerInstance)
        return XR_ERROR_INITIALIZATION_FAILED;
    if (!info || info->type != XR_TYPE_INSTANCE_CREATE_INFO || !instance)
        return XR_ERROR_VALIDATION_FAILURE;
    unsigned asked;
    if (!extensions_asked(info, &asked))
        return XR_ERROR_VALIDATION_FAILURE;
    struct extensions_offer offer = {0};
    struct instance made = {.get = layer_info->nextInfo->nextGetInstanceProcAddr};
    if (asked)
        offer = extensions_of_runtime(layer_info->nextInfo);
    XrResult result = extensions_share_out(info, asked, &offer, &made);
    if (XR_FAILED(result))
        return result;
    result = create_below(info, layer_info, made.served | made.withheld,
                          (made.served | made.doubtful) && offer.timespec, &made.handle);
    if (XR_FAILED(result))
        return result;
    find_functions(&made);
    if (!objects_add_instance(&made)) {
        if (made.xrDestroyInstance)
            made.xrDestroyInstance(made.handle);
        return XR_ERROR_LIMIT_REACHED;
    }
    *instance = made.handle;
    return result;
}

/* ---- what is kept an eye on ---- */

static XRAPI_ATTR XrResult XRAPI_CALL destroy_instance(XrInstance handle)
{
    struct instance instance;
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    objects_remove_instance(handle); /* first: the value may be another's as soon as it is free */
    return instance.xrDestroyInstance(handle);
}

/* What the session's system lacks of what the runtime has for others, the layer serves. */
static void settle_doubts(struct instance *instance, XrSystemId system)
{
    XrSystemHandTrackingPropertiesEXT hands = {.type = XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &hands};
    if (!(instance->doubtful & FEATURE_HANDS) ||
        XR_FAILED(instance->xrGetSystemProperties(instance->handle, system, &properties)) ||
        hands.supportsHandTracking)
        return;
    instance->served |= instance->doubtful | (instance->withheld & FEATURES_OF_HANDS);
    instance->withheld &= ~(unsigned)FEATURES_OF_HANDS;
}

static XRAPI_ATTR XrResult XRAPI_CALL create_session(XrInstance handle,
                                                     const XrSessionCreateInfo *info,
                                                     XrSession *session)
{
    struct instance instance;
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = instance.xrCreateSession(handle, info, session);
    if (XR_FAILED(result))
        return result;
    struct graphics graphics; /* in a chain that the runtime took */
    graphics_find(info->next, &graphics);
    settle_doubts(&instance, info->systemId);
    if (!objects_add_session(*session, &instance, &graphics)) {
        instance.xrDestroySession(*session);
        return XR_ERROR_LIMIT_REACHED;
    }
    return result;
}

static XRAPI_ATTR XrResult XRAPI_CALL destroy_session(XrSession session)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    objects_remove_session(session);
    return instance.xrDestroySession(session);
}

static XRAPI_ATTR XrResult XRAPI_CALL begin_frame(XrSession session, const XrFrameBeginInfo *info)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = instance.xrBeginFrame(session, info);
    if (XR_SUCCEEDED(result))
        objects_note_frame(session, true);
    return result;
}

static XRAPI_ATTR XrResult XRAPI_CALL end_frame(XrSession session, const XrFrameEndInfo *info)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = instance.xrEndFrame(session, info);
    if (XR_SUCCEEDED(result))
        objects_note_frame(session, false);
    return result;
}

/* What happened to objects of ours, when the runtime has no more to tell. */
static bool tell(XrInstance instance, XrEventDataBuffer *event)
{
    struct object *object;
    bool told = false;
    for (size_t place = 0; !told && (object = objects_next_telling(instance, &place));) {
        told = object->tell(object, event);
        objects_put(object);
    }
    return told;
}

static XRAPI_ATTR XrResult XRAPI_CALL poll_event(XrInstance handle, XrEventDataBuffer *event)
{
    struct instance instance;
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = instance.xrPollEvent(handle, event);
    const XrEventDataSessionStateChanged *change = (const void *)event;
    if (result == XR_SUCCESS && change->type == XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED)
        objects_note_state(change->session, change->state);
    if (result == XR_EVENT_UNAVAILABLE && tell(handle, event))
        return XR_SUCCESS;
    return result;
}

/* ---- who answers what ---- */

/* Of the features that the layer serves or withholds, one of these makes a function ours; else it
 * is the runtime's. */
static const struct {
    const char *name;
    PFN_xrVoidFunction function;
    unsigned served, withheld;
} functions[] = {
#define F(name, function, served, withheld)                    \
    {                                                          \
        name, (PFN_xrVoidFunction)(function), served, withheld \
    }
    F("xrCreateSession", create_session, ~0u, ~0u),
    F("xrDestroySession", destroy_session, ~0u, ~0u),
    F("xrPollEvent", poll_event, ~0u, 0),
    F("xrGetSystemProperties", layer_get_system_properties, ~0u, 0),
    F("xrCreateHandTrackerEXT", layer_create_hand_tracker, FEATURES_OF_HANDS, FEATURES_OF_HANDS),
    F("xrDestroyHandTrackerEXT", layer_destroy_hand_tracker, FEATURES_OF_HANDS, FEATURES_OF_HANDS),
    F("xrLocateHandJointsEXT", layer_locate_hand_joints, FEATURES_OF_HANDS, FEATURES_OF_HANDS),
    F("xrBeginFrame", begin_frame, FEATURE_DEPTH, 0),
    F("xrEndFrame", end_frame, FEATURE_DEPTH, 0),
#define DEPTH(name, function) F("xr" name "META", function, FEATURE_DEPTH, 0)
    DEPTH("CreateEnvironmentDepthProvider", layer_create_depth_provider),
    DEPTH("DestroyEnvironmentDepthProvider", layer_destroy_depth_provider),
    DEPTH("StartEnvironmentDepthProvider", layer_start_depth_provider),
    DEPTH("StopEnvironmentDepthProvider", layer_stop_depth_provider),
    DEPTH("CreateEnvironmentDepthSwapchain", layer_create_depth_swapchain),
    DEPTH("DestroyEnvironmentDepthSwapchain", layer_destroy_depth_swapchain),
    DEPTH("EnumerateEnvironmentDepthSwapchainImages", layer_enumerate_depth_images),
    DEPTH("GetEnvironmentDepthSwapchainState", layer_get_depth_swapchain_state),
    DEPTH("AcquireEnvironmentDepthImage", layer_acquire_depth_image),
    DEPTH("SetEnvironmentDepthHandRemoval", layer_set_depth_hand_removal),
#undef DEPTH
    F("xrCreateDepthReaderPERCEPT", layer_create_depth_reader, FEATURE_DEPTH_MAP, 0),
    F("xrDestroyDepthReaderPERCEPT", layer_destroy_depth_reader, FEATURE_DEPTH_MAP, 0),
    F("xrGetDepthMapPERCEPT", layer_get_depth_map, FEATURE_DEPTH_MAP, 0),
    F("xrCreatePlaneDetectorEXT", layer_create_plane_detector, FEATURE_PLANES, 0),
    F("xrDestroyPlaneDetectorEXT", layer_destroy_plane_detector, FEATURE_PLANES, 0),
    F("xrBeginPlaneDetectionEXT", layer_begin_plane_detection, FEATURE_PLANES, 0),
    F("xrGetPlaneDetectionStateEXT", layer_get_plane_detection_state, FEATURE_PLANES, 0),
    F("xrGetPlaneDetectionsEXT", layer_get_plane_detections, FEATURE_PLANES, 0),
    F("xrGetPlanePolygonBufferEXT", layer_get_plane_polygon_buffer, FEATURE_PLANES, 0),
    F("xrCreateTextTrackerPERCEPT", layer_create_text_tracker, FEATURE_TEXT, 0),
    F("xrDestroyTextTrackerPERCEPT", layer_destroy_text_tracker, FEATURE_TEXT, 0),
    F("xrGetTextsPERCEPT", layer_get_texts, FEATURE_TEXT, 0),
    F("xrLocateTextsPERCEPT", layer_locate_texts, FEATURE_TEXT, 0),
    F("xrCreateCaptionTrackerPERCEPT", layer_create_caption_tracker, FEATURE_CAPTIONS, 0),
    F("xrDestroyCaptionTrackerPERCEPT", layer_destroy_caption_tracker, FEATURE_CAPTIONS, 0),
    F("xrGetCaptionsPERCEPT", layer_get_captions, FEATURE_CAPTIONS, 0),
    /* Whatever an app enables. */
    F("xrGetInstanceProcAddr", layer_get_instance_proc_addr, 0, 0),
    F("xrDestroyInstance", destroy_instance, 0, 0),
#undef F
};

XRAPI_ATTR XrResult XRAPI_CALL layer_get_instance_proc_addr(XrInstance handle, const char *name,
                                                            PFN_xrVoidFunction *function)
{
    struct instance instance;
    if (!name || !function)
        return XR_ERROR_VALIDATION_FAILURE;
    *function = NULL;
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        unsigned served = functions[i].served, withheld = functions[i].withheld;
        if (strcmp(functions[i].name, name) != 0 ||
            ((served | withheld) && !((instance.served | instance.doubtful) & served) &&
             !(instance.withheld & withheld)))
            continue;
        *function = functions[i].function;
        return XR_SUCCESS;
    }
    return instance.get(handle, name, function);
}
