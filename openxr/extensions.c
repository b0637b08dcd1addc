#include "openxr/extensions.h"

#include "openxr/percept_openxr.h"
#include "openxr/settings.h"

#include <stdlib.h>
#include <string.h>

/* In the manifest, too (XrApiLayer_percept.json.in). What an extension needs comes before it. */
static const struct {
    const char *name;
    unsigned feature;
    unsigned needs; /* it only adds to these */
} extensions[] = {
    {XR_EXT_HAND_TRACKING_EXTENSION_NAME, FEATURE_HANDS, 0},
    {XR_EXT_HAND_TRACKING_DATA_SOURCE_EXTENSION_NAME, FEATURE_SOURCE, FEATURE_HANDS},
    {XR_FB_HAND_TRACKING_AIM_EXTENSION_NAME, FEATURE_AIM, FEATURE_HANDS},
    {XR_META_HAND_TRACKING_UNEXTRAPOLATED_POSES_EXTENSION_NAME, FEATURE_UNEXTRAPOLATED,
     FEATURE_HANDS},
    {XR_META_ENVIRONMENT_DEPTH_EXTENSION_NAME, FEATURE_DEPTH, 0},
    {XR_PERCEPT_DEPTH_MAP_EXTENSION_NAME, FEATURE_DEPTH_MAP, 0},
    {XR_EXT_PLANE_DETECTION_EXTENSION_NAME, FEATURE_PLANES, 0},
    {XR_PERCEPT_TEXT_EXTENSION_NAME, FEATURE_TEXT, 0},
    {XR_PERCEPT_CAPTIONS_EXTENSION_NAME, FEATURE_CAPTIONS, 0},
};

enum { EXTENSIONS = sizeof extensions / sizeof extensions[0] };

unsigned extensions_feature(const char *name)
{
    for (size_t i = 0; i < EXTENSIONS; i++)
        if (strcmp(extensions[i].name, name) == 0)
            return extensions[i].feature;
    return 0;
}

bool extensions_is_timespec(const char *name)
{
    return strcmp(name, XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME) == 0;
}

bool extensions_asked(const XrInstanceCreateInfo *info, unsigned *asked)
{
    *asked = 0;
    if (info->enabledExtensionCount > 0 && !info->enabledExtensionNames)
        return false;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (!info->enabledExtensionNames[i])
            return false;
        *asked |= extensions_feature(info->enabledExtensionNames[i]);
    }
    return true;
}

/*
 * Layers need not answer without an instance, so the runtime is asked past them: the lowest one's
 * next is the loader's way to it.
 */
struct extensions_offer extensions_of_runtime(const XrApiLayerNextInfo *link)
{
    struct extensions_offer offer = {0};
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
            offer.features |= extensions_feature(list[i].extensionName);
            offer.timespec |= extensions_is_timespec(list[i].extensionName);
        }
    free(list);
    return offer;
}

XrResult extensions_share_out(const XrInstanceCreateInfo *info, unsigned asked,
                              const struct extensions_offer *offer, struct instance *instance)
{
    for (size_t i = 0; i < EXTENSIONS; i++) {
        unsigned feature = extensions[i].feature, needs = extensions[i].needs;
        bool theirs = offer->features & feature;
        if (!(asked & feature))
            continue;
        if (needs == 0 && (!theirs || settings_get()->override))
            instance->served |= feature;
        else if (needs && (instance->served & needs) == needs)
            instance->served |= feature;
        else if (needs && !theirs && (asked & needs) == needs)
            instance->withheld |= feature;
        else if (!theirs) /* the code came with 1.1 */
            return XR_VERSION_MINOR(info->applicationInfo.apiVersion) >= 1
                       ? XR_ERROR_EXTENSION_DEPENDENCY_NOT_ENABLED
                       : XR_ERROR_VALIDATION_FAILURE;
        else
            instance->doubtful |= feature & FEATURES_OF_HANDS;
    }
    return XR_SUCCESS;
}
