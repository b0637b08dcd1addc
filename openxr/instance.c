/*
 * Instances: which of the app's extensions the layer serves, which go further down, and where calls
 * go. What the layer does not serve passes by it untouched.
 */
#include "openxr/layer.h"
#include "openxr/objects.h"
#include "openxr/settings.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned feature;
} extensions[] = {
    {XR_EXT_HAND_TRACKING_EXTENSION_NAME, FEATURE_HANDS},
    {XR_EXT_HAND_TRACKING_DATA_SOURCE_EXTENSION_NAME, FEATURE_SOURCE},
    {XR_FB_HAND_TRACKING_AIM_EXTENSION_NAME, FEATURE_AIM},
    {XR_META_HAND_TRACKING_UNEXTRAPOLATED_POSES_EXTENSION_NAME, FEATURE_UNEXTRAPOLATED},
};

static unsigned feature_of(const char *extension)
{
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (strcmp(extensions[i].name, extension) == 0)
            return extensions[i].feature;
    return 0;
}

static bool is_timespec(const char *extension)
{
    return strcmp(extension, XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME) == 0;
}

/* ---- creation ---- */

struct offer {
    unsigned features;
    bool timespec;
};

/*
 * What the runtime has. Layers need not answer without an instance, so it is asked past them: the
 * lowest one's next is the loader's way to the runtime.
 */
static struct offer ask_runtime(const XrApiLayerNextInfo *link)
{
    struct offer offer = {0};
    PFN_xrEnumerateInstanceExtensionProperties enumerate = NULL;
    XrExtensionProperties *list = NULL;
    uint32_t count = 0;
    while (link->next)
        link = link->next;
    if (link->nextGetInstanceProcAddr(XR_NULL_HANDLE, "xrEnumerateInstanceExtensionProperties",
                                      (PFN_xrVoidFunction *)&enumerate) != XR_SUCCESS ||
        !enumerate || XR_FAILED(enumerate(NULL, 0, &count, NULL)) || count == 0 ||
        !(list = calloc(count, sizeof *list)))
        return offer;
    for (uint32_t i = 0; i < count; i++)
        list[i].type = XR_TYPE_EXTENSION_PROPERTIES;
    if (XR_SUCCEEDED(enumerate(NULL, count, &count, list)))
        for (uint32_t i = 0; i < count; i++) {
            offer.features |= feature_of(list[i].extensionName);
            offer.timespec |= is_timespec(list[i].extensionName);
        }
    free(list);
    return offer;
}

/* What the app asks for of ours; false when its list is none. */
static bool read_names(const XrInstanceCreateInfo *info, unsigned *asked)
{
    *asked = 0;
    if (info->enabledExtensionCount > 0 && !info->enabledExtensionNames)
        return false;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (!info->enabledExtensionNames[i])
            return false;
        *asked |= feature_of(info->enabledExtensionNames[i]);
    }
    return true;
}

/* Who answers for what is asked. What only adds to hand tracking, without that, is left to a
 * runtime that has it, and else an error, whose code came with 1.1. */
static XrResult share_out(const XrInstanceCreateInfo *info, unsigned asked,
                          const struct offer *offer, struct instance *instance)
{
    if (!(asked & FEATURE_HANDS)) {
        if (!(asked & ~offer->features))
            return XR_SUCCESS;
        return XR_VERSION_MINOR(info->applicationInfo.apiVersion) >= 1
                   ? XR_ERROR_EXTENSION_DEPENDENCY_NOT_ENABLED
                   : XR_ERROR_VALIDATION_FAILURE;
    }
    if (!(offer->features & FEATURE_HANDS) || settings_get()->override)
        instance->served = asked;
    else
        instance->withheld = asked & ~offer->features;
    return XR_SUCCESS;
}

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
        want_timespec = want_timespec && !is_timespec(name);
        if (!(feature_of(name) & without))
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
    if (!read_names(info, &asked))
        return XR_ERROR_VALIDATION_FAILURE;
    struct offer offer = {0};
    struct instance made = {.get = layer_info->nextInfo->nextGetInstanceProcAddr};
    if (asked)
        offer = ask_runtime(layer_info->nextInfo);
    XrResult result = share_out(info, asked, &offer, &made);
    if (XR_FAILED(result))
        return result;
    result = create_below(info, layer_info, made.served | made.withheld,
                          made.served && offer.timespec, &made.handle);
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

static XRAPI_ATTR XrResult XRAPI_CALL create_session(XrInstance handle,
                                                     const XrSessionCreateInfo *info,
                                                     XrSession *session)
{
    struct instance instance;
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = instance.xrCreateSession(handle, info, session);
    if (XR_SUCCEEDED(result) && !objects_add_session(*session, &instance)) {
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

static XRAPI_ATTR XrResult XRAPI_CALL poll_event(XrInstance handle, XrEventDataBuffer *event)
{
    struct instance instance;
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = instance.xrPollEvent(handle, event);
    const XrEventDataSessionStateChanged *change = (const void *)event;
    if (result == XR_SUCCESS && change->type == XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED)
        objects_note_state(change->session, change->state);
    return result;
}

/* ---- who answers what ---- */

enum when { ALWAYS, CONCERNED, SERVED }; /* concerned: something is served or withheld */

static const struct {
    const char *name;
    enum when when;
    PFN_xrVoidFunction function;
} functions[] = {
    {"xrGetInstanceProcAddr", ALWAYS, (PFN_xrVoidFunction)layer_get_instance_proc_addr},
    {"xrDestroyInstance", ALWAYS, (PFN_xrVoidFunction)destroy_instance},
    {"xrPollEvent", SERVED, (PFN_xrVoidFunction)poll_event},
    {"xrCreateSession", CONCERNED, (PFN_xrVoidFunction)create_session},
    {"xrDestroySession", CONCERNED, (PFN_xrVoidFunction)destroy_session},
    {"xrGetSystemProperties", SERVED, (PFN_xrVoidFunction)layer_get_system_properties},
    {"xrCreateHandTrackerEXT", CONCERNED, (PFN_xrVoidFunction)layer_create_hand_tracker},
    {"xrDestroyHandTrackerEXT", CONCERNED, (PFN_xrVoidFunction)layer_destroy_hand_tracker},
    {"xrLocateHandJointsEXT", CONCERNED, (PFN_xrVoidFunction)layer_locate_hand_joints},
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
        enum when when = functions[i].when;
        if (strcmp(functions[i].name, name) != 0 ||
            (when == CONCERNED && !(instance.served | instance.withheld)) ||
            (when == SERVED && !instance.served))
            continue;
        *function = functions[i].function;
        return XR_SUCCESS;
    }
    return instance.get(handle, name, function);
}
