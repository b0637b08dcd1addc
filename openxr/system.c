/* What xrGetSystemProperties says of the features that the layer serves: the structs for them are
 * ours to fill in, and kept from the runtime. */
#include "openxr/captions_view.h"
#include "openxr/chain.h"
#include "openxr/layer.h"
#include "openxr/space.h"
#include "openxr/text_view.h"

static void tell_hands(const struct instance *instance, void *properties)
{
    XrSystemHandTrackingPropertiesEXT *hands = properties;
    hands->supportsHandTracking = space_times_convert(instance);
}

static void tell_depth(const struct instance *instance, void *properties)
{
    XrSystemEnvironmentDepthPropertiesMETA *depth = properties;
    depth->supportsEnvironmentDepth = space_times_convert(instance);
    depth->supportsHandRemoval = XR_FALSE;
}

static void tell_planes(const struct instance *instance, void *properties)
{
    XrSystemPlaneDetectionPropertiesEXT *planes = properties;
    planes->supportedFeatures = 0;
    if (space_times_convert(instance))
        planes->supportedFeatures = XR_PLANE_DETECTION_CAPABILITY_PLANE_DETECTION_BIT_EXT |
                                    XR_PLANE_DETECTION_CAPABILITY_ORIENTATION_BIT_EXT |
                                    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_CEILING_BIT_EXT |
                                    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_FLOOR_BIT_EXT |
                                    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_WALL_BIT_EXT |
                                    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_PLATFORM_BIT_EXT;
}

static void tell_text(const struct instance *instance, void *properties)
{
    XrSystemTextPropertiesPERCEPT *text = properties;
    text->supportsText = space_times_convert(instance);
    text->maxTextCount = TEXT_LINES;
    text->maxActionCount = TEXT_ACTIONS;
    text->maxBufferSize = TEXT_BUFFER;
}

static void tell_captions(const struct instance *instance, void *properties)
{
    XrSystemCaptionPropertiesPERCEPT *captions = properties;
    captions->supportsCaptions = space_times_convert(instance);
    captions->maxCaptionCount = CAPTIONS_KEPT;
    captions->maxBufferSize = CAPTIONS_BUFFER;
}

static const struct {
    XrStructureType type;
    unsigned feature;
    void (*tell)(const struct instance *instance, void *properties);
} told[] = {
    {XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT, FEATURE_HANDS, tell_hands},
    {XR_TYPE_SYSTEM_ENVIRONMENT_DEPTH_PROPERTIES_META, FEATURE_DEPTH, tell_depth},
    {XR_TYPE_SYSTEM_PLANE_DETECTION_PROPERTIES_EXT, FEATURE_PLANES, tell_planes},
    {XR_TYPE_SYSTEM_TEXT_PROPERTIES_PERCEPT, FEATURE_TEXT, tell_text},
    {XR_TYPE_SYSTEM_CAPTION_PROPERTIES_PERCEPT, FEATURE_CAPTIONS, tell_captions},
};

enum { TOLD = sizeof told / sizeof told[0] };

XRAPI_ATTR XrResult XRAPI_CALL layer_get_system_properties(XrInstance handle, XrSystemId system,
                                                           XrSystemProperties *properties)
{
    struct instance instance;
    struct chain_gap gaps[TOLD];
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    for (size_t i = 0; i < TOLD; i++)
        gaps[i] = chain_take_out(properties, told[i].type, instance.served & told[i].feature);
    XrResult result = instance.xrGetSystemProperties(handle, system, properties);
    for (size_t i = TOLD; i-- > 0;)
        chain_put_back(&gaps[i]);
    for (size_t i = 0; i < TOLD && XR_SUCCEEDED(result); i++)
        if (gaps[i].taken)
            told[i].tell(&instance, gaps[i].taken);
    XrSystemHandTrackingPropertiesEXT *hands =
        XR_SUCCEEDED(result)
            ? chain_find(properties->next, XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT,
                         instance.doubtful & FEATURE_HANDS)
            : NULL;
    if (hands && !hands->supportsHandTracking)
        tell_hands(&instance, hands); /* what the runtime lacks after all */
    return result;
}
