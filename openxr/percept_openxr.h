/*
 * XR_PERCEPT_text, XR_PERCEPT_captions and XR_PERCEPT_depth_map: text in the world, what is being
 * said, and depth as it is measured, for OpenXR apps. docs/XR_PERCEPT_*.md specify
 * them; this is what the registry's headers would have, in their form. Include it after or instead
 * of openxr.h.
 *
 * The extensions are not in Khronos' registry, so their numbers are not from it either: number
 * 500000 + FNV-1a(name) mod 500000, of the name's bytes in 32 bits, where the registry, which
 * counts from 1 and has not reached 1000, will not come. Take values from here alone: they change
 * should the extensions be registered.
 */
#ifndef PERCEPT_OPENXR_H
#define PERCEPT_OPENXR_H 1

#include <openxr/openxr.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- XR_PERCEPT_text ---- */

#define XR_PERCEPT_text                1
#define XR_PERCEPT_text_NUMBER         600791
#define XR_PERCEPT_text_SPEC_VERSION   1
#define XR_PERCEPT_TEXT_EXTENSION_NAME "XR_PERCEPT_text"

#define XR_MAX_LANGUAGE_SIZE_PERCEPT 8

#define XR_OBJECT_TYPE_TEXT_TRACKER_PERCEPT      ((XrObjectType)1600790000)
#define XR_TYPE_SYSTEM_TEXT_PROPERTIES_PERCEPT   ((XrStructureType)1600790000)
#define XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT ((XrStructureType)1600790001)
#define XR_TYPE_TEXTS_GET_INFO_PERCEPT           ((XrStructureType)1600790002)
#define XR_TYPE_TEXTS_PERCEPT                    ((XrStructureType)1600790003)
#define XR_TYPE_TEXT_SELECTION_PERCEPT           ((XrStructureType)1600790004)
#define XR_TYPE_TEXTS_LOCATE_INFO_PERCEPT        ((XrStructureType)1600790005)
#define XR_TYPE_TEXT_LOCATIONS_PERCEPT           ((XrStructureType)1600790006)
#define XR_TYPE_EVENT_DATA_TEXTS_CHANGED_PERCEPT ((XrStructureType)1600790007)

XR_DEFINE_HANDLE(XrTextTrackerPERCEPT)

typedef enum XrTextScopePERCEPT {
    XR_TEXT_SCOPE_ALL_PERCEPT = 1,
    XR_TEXT_SCOPE_SELECTED_PERCEPT = 2,
    XR_TEXT_SCOPE_MAX_ENUM_PERCEPT = 0x7FFFFFFF
} XrTextScopePERCEPT;

typedef enum XrTextActionTypePERCEPT {
    XR_TEXT_ACTION_TYPE_OTHER_PERCEPT = 0,
    XR_TEXT_ACTION_TYPE_URL_PERCEPT = 1,
    XR_TEXT_ACTION_TYPE_PHONE_PERCEPT = 2,
    XR_TEXT_ACTION_TYPE_EMAIL_PERCEPT = 3,
    XR_TEXT_ACTION_TYPE_ADDRESS_PERCEPT = 4,
    XR_TEXT_ACTION_TYPE_DATE_PERCEPT = 5,
    XR_TEXT_ACTION_TYPE_PRICE_PERCEPT = 6,
    XR_TEXT_ACTION_TYPE_MAX_ENUM_PERCEPT = 0x7FFFFFFF
} XrTextActionTypePERCEPT;

typedef XrFlags64 XrTextTrackerCreateFlagsPERCEPT;
static const XrTextTrackerCreateFlagsPERCEPT XR_TEXT_TRACKER_CREATE_METRIC_BIT_PERCEPT = 0x00000001;

typedef XrFlags64 XrTextLocationFlagsPERCEPT;
static const XrTextLocationFlagsPERCEPT XR_TEXT_LOCATION_VALID_BIT_PERCEPT = 0x00000001;
static const XrTextLocationFlagsPERCEPT XR_TEXT_LOCATION_TRACKED_BIT_PERCEPT = 0x00000002;
static const XrTextLocationFlagsPERCEPT XR_TEXT_LOCATION_METRIC_BIT_PERCEPT = 0x00000004;
static const XrTextLocationFlagsPERCEPT XR_TEXT_LOCATION_SEEN_BIT_PERCEPT = 0x00000008;

/* Extends XrSystemProperties. */
typedef struct XrSystemTextPropertiesPERCEPT {
    XrStructureType type;
    void *XR_MAY_ALIAS next;
    XrBool32 supportsText;
    uint32_t maxTextCount;
    uint32_t maxActionCount;
    uint32_t maxBufferSize;
} XrSystemTextPropertiesPERCEPT;

typedef struct XrTextTrackerCreateInfoPERCEPT {
    XrStructureType type;
    const void *XR_MAY_ALIAS next;
    XrTextTrackerCreateFlagsPERCEPT createFlags;
    XrTextScopePERCEPT scope;
} XrTextTrackerCreateInfoPERCEPT;

typedef struct XrTextsGetInfoPERCEPT {
    XrStructureType type;
    const void *XR_MAY_ALIAS next;
} XrTextsGetInfoPERCEPT;

typedef struct XrTextPERCEPT {
    uint64_t textId;
    XrTime firstTime;
    float confidence;
    uint32_t textOffset;
    uint32_t translationOffset;
    uint32_t firstAction;
    uint32_t actionCount;
    char language[XR_MAX_LANGUAGE_SIZE_PERCEPT];
    char translationLanguage[XR_MAX_LANGUAGE_SIZE_PERCEPT];
} XrTextPERCEPT;

typedef struct XrTextActionPERCEPT {
    XrTextActionTypePERCEPT actionType;
    uint32_t textIndex;
    uint32_t begin;
    uint32_t end;
    uint32_t valueOffset;
} XrTextActionPERCEPT;

typedef struct XrTextsPERCEPT {
    XrStructureType type;
    void *XR_MAY_ALIAS next;
    XrBool32 isActive;
    uint64_t changeCount;
    XrTime captureTime;
    uint32_t textCapacityInput;
    uint32_t textCountOutput;
    XrTextPERCEPT *texts;
    uint32_t actionCapacityInput;
    uint32_t actionCountOutput;
    XrTextActionPERCEPT *actions;
    uint32_t bufferCapacityInput;
    uint32_t bufferCountOutput;
    char *buffer;
} XrTextsPERCEPT;

/* Extends XrTextsPERCEPT. */
typedef struct XrTextSelectionPERCEPT {
    XrStructureType type;
    void *XR_MAY_ALIAS next;
    XrTime sinceTime;
    XrVector2f imagePoint;
} XrTextSelectionPERCEPT;

typedef struct XrTextsLocateInfoPERCEPT {
    XrStructureType type;
    const void *XR_MAY_ALIAS next;
    XrSpace baseSpace;
    XrTime time;
} XrTextsLocateInfoPERCEPT;

typedef struct XrTextLocationPERCEPT {
    uint64_t textId;
    XrTextLocationFlagsPERCEPT locationFlags;
    XrPosef pose;
    XrExtent2Df extents;
    XrVector3f corners[4];
    XrVector2f imageCorners[4];
} XrTextLocationPERCEPT;

typedef struct XrTextLocationsPERCEPT {
    XrStructureType type;
    void *XR_MAY_ALIAS next;
    XrBool32 isActive;
    uint64_t changeCount;
    XrTime captureTime;
    XrSpaceLocationFlags cameraFlags;
    XrPosef cameraPose;
    XrExtent2Di imageSize;
    uint32_t locationCapacityInput;
    uint32_t locationCountOutput;
    XrTextLocationPERCEPT *locations;
} XrTextLocationsPERCEPT;

typedef struct XrEventDataTextsChangedPERCEPT {
    XrStructureType type;
    const void *XR_MAY_ALIAS next;
    XrTextTrackerPERCEPT textTracker;
    XrBool32 isActive;
    uint64_t changeCount;
} XrEventDataTextsChangedPERCEPT;

typedef XrResult(XRAPI_PTR *PFN_xrCreateTextTrackerPERCEPT)(
    XrSession session, const XrTextTrackerCreateInfoPERCEPT *createInfo,
    XrTextTrackerPERCEPT *textTracker);
typedef XrResult(XRAPI_PTR *PFN_xrDestroyTextTrackerPERCEPT)(XrTextTrackerPERCEPT textTracker);
typedef XrResult(XRAPI_PTR *PFN_xrGetTextsPERCEPT)(XrTextTrackerPERCEPT textTracker,
                                                   const XrTextsGetInfoPERCEPT *getInfo,
                                                   XrTextsPERCEPT *texts);
typedef XrResult(XRAPI_PTR *PFN_xrLocateTextsPERCEPT)(XrTextTrackerPERCEPT textTracker,
                                                      const XrTextsLocateInfoPERCEPT *locateInfo,
                                                      XrTextLocationsPERCEPT *locations);

#ifndef XR_NO_PROTOTYPES
#ifdef XR_EXTENSION_PROTOTYPES
XRAPI_ATTR XrResult XRAPI_CALL
xrCreateTextTrackerPERCEPT(XrSession session, const XrTextTrackerCreateInfoPERCEPT *createInfo,
                           XrTextTrackerPERCEPT *textTracker);
XRAPI_ATTR XrResult XRAPI_CALL xrDestroyTextTrackerPERCEPT(XrTextTrackerPERCEPT textTracker);
XRAPI_ATTR XrResult XRAPI_CALL xrGetTextsPERCEPT(XrTextTrackerPERCEPT textTracker,
                                                 const XrTextsGetInfoPERCEPT *getInfo,
                                                 XrTextsPERCEPT *texts);
XRAPI_ATTR XrResult XRAPI_CALL xrLocateTextsPERCEPT(XrTextTrackerPERCEPT textTracker,
                                                    const XrTextsLocateInfoPERCEPT *locateInfo,
                                                    XrTextLocationsPERCEPT *locations);
#endif
#endif

/* ---- XR_PERCEPT_captions ---- */

#define XR_PERCEPT_captions                1
#define XR_PERCEPT_captions_NUMBER         915683
#define XR_PERCEPT_captions_SPEC_VERSION   1
#define XR_PERCEPT_CAPTIONS_EXTENSION_NAME "XR_PERCEPT_captions"

#define XR_OBJECT_TYPE_CAPTION_TRACKER_PERCEPT      ((XrObjectType)1915682000)
#define XR_TYPE_SYSTEM_CAPTION_PROPERTIES_PERCEPT   ((XrStructureType)1915682000)
#define XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT ((XrStructureType)1915682001)
#define XR_TYPE_CAPTIONS_GET_INFO_PERCEPT           ((XrStructureType)1915682002)
#define XR_TYPE_CAPTIONS_PERCEPT                    ((XrStructureType)1915682003)
#define XR_TYPE_EVENT_DATA_CAPTIONS_CHANGED_PERCEPT ((XrStructureType)1915682004)

XR_DEFINE_HANDLE(XrCaptionTrackerPERCEPT)

typedef XrFlags64 XrCaptionFlagsPERCEPT;
static const XrCaptionFlagsPERCEPT XR_CAPTION_FINAL_BIT_PERCEPT = 0x00000001;
static const XrCaptionFlagsPERCEPT XR_CAPTION_WITHDRAWN_BIT_PERCEPT = 0x00000002;

/* Extends XrSystemProperties. */
typedef struct XrSystemCaptionPropertiesPERCEPT {
    XrStructureType type;
    void *XR_MAY_ALIAS next;
    XrBool32 supportsCaptions;
    uint32_t maxCaptionCount;
    uint32_t maxBufferSize;
} XrSystemCaptionPropertiesPERCEPT;

typedef struct XrCaptionTrackerCreateInfoPERCEPT {
    XrStructureType type;
    const void *XR_MAY_ALIAS next;
} XrCaptionTrackerCreateInfoPERCEPT;

typedef struct XrCaptionsGetInfoPERCEPT {
    XrStructureType type;
    const void *XR_MAY_ALIAS next;
    uint64_t sinceSequence;
} XrCaptionsGetInfoPERCEPT;

typedef struct XrCaptionPERCEPT {
    uint64_t captionId;
    uint64_t sequence;
    XrCaptionFlagsPERCEPT captionFlags;
    XrTime beginTime;
    XrTime endTime;
    uint32_t speaker;
    float confidence;
    uint32_t textOffset;
    uint32_t stableSize;
    uint32_t translationOffset;
    char language[XR_MAX_LANGUAGE_SIZE_PERCEPT];
    char translationLanguage[XR_MAX_LANGUAGE_SIZE_PERCEPT];
} XrCaptionPERCEPT;

typedef struct XrCaptionsPERCEPT {
    XrStructureType type;
    void *XR_MAY_ALIAS next;
    XrBool32 isActive;
    XrBool32 isSpeaking;
    XrTime heardTime;
    uint64_t sequence;
    uint32_t captionCapacityInput;
    uint32_t captionCountOutput;
    XrCaptionPERCEPT *captions;
    uint32_t bufferCapacityInput;
    uint32_t bufferCountOutput;
    char *buffer;
} XrCaptionsPERCEPT;

typedef struct XrEventDataCaptionsChangedPERCEPT {
    XrStructureType type;
    const void *XR_MAY_ALIAS next;
    XrCaptionTrackerPERCEPT captionTracker;
    XrBool32 isActive;
    uint64_t sequence;
} XrEventDataCaptionsChangedPERCEPT;

typedef XrResult(XRAPI_PTR *PFN_xrCreateCaptionTrackerPERCEPT)(
    XrSession session, const XrCaptionTrackerCreateInfoPERCEPT *createInfo,
    XrCaptionTrackerPERCEPT *captionTracker);
typedef XrResult(XRAPI_PTR *PFN_xrDestroyCaptionTrackerPERCEPT)(
    XrCaptionTrackerPERCEPT captionTracker);
typedef XrResult(XRAPI_PTR *PFN_xrGetCaptionsPERCEPT)(XrCaptionTrackerPERCEPT captionTracker,
                                                      const XrCaptionsGetInfoPERCEPT *getInfo,
                                                      XrCaptionsPERCEPT *captions);

#ifndef XR_NO_PROTOTYPES
#ifdef XR_EXTENSION_PROTOTYPES
XRAPI_ATTR XrResult XRAPI_CALL xrCreateCaptionTrackerPERCEPT(
    XrSession session, const XrCaptionTrackerCreateInfoPERCEPT *createInfo,
    XrCaptionTrackerPERCEPT *captionTracker);
XRAPI_ATTR XrResult XRAPI_CALL
xrDestroyCaptionTrackerPERCEPT(XrCaptionTrackerPERCEPT captionTracker);
XRAPI_ATTR XrResult XRAPI_CALL xrGetCaptionsPERCEPT(XrCaptionTrackerPERCEPT captionTracker,
                                                    const XrCaptionsGetInfoPERCEPT *getInfo,
                                                    XrCaptionsPERCEPT *captions);
#endif
#endif

/* ---- XR_PERCEPT_depth_map: depth as it is measured, for apps with or without graphics ---- */

#define XR_PERCEPT_depth_map                1
#define XR_PERCEPT_depth_map_NUMBER         628776
#define XR_PERCEPT_depth_map_SPEC_VERSION   1
#define XR_PERCEPT_DEPTH_MAP_EXTENSION_NAME "XR_PERCEPT_depth_map"

#define XR_TYPE_DEPTH_READER_CREATE_INFO_PERCEPT ((XrStructureType)1628775000)
#define XR_TYPE_DEPTH_MAP_GET_INFO_PERCEPT       ((XrStructureType)1628775001)
#define XR_TYPE_DEPTH_MAP_PERCEPT                ((XrStructureType)1628775002)

/* Depth is measured while a session has a reader. */
XR_DEFINE_HANDLE(XrDepthReaderPERCEPT)

typedef struct XrDepthReaderCreateInfoPERCEPT {
    XrStructureType type;
    const void *next;
} XrDepthReaderCreateInfoPERCEPT;

typedef struct XrDepthMapGetInfoPERCEPT {
    XrStructureType type;
    const void *next;
    XrSpace space; /* in which pose is told, */
    XrTime time;   /* as that space is at this time */
} XrDepthMapGetInfoPERCEPT;

/*
 * The newest map. The app sets capacity and the two arrays; capacity 0 asks for the count, which is
 * width times height. Rows go from top to bottom. A map may be larger than the one before:
 * XR_ERROR_SIZE_INSUFFICIENT then, and all but the arrays is set.
 *
 * A pixel (x, y) is seen from the pose in the direction (u, v, -1), u = tan(angleLeft) + (x + .5) /
 * width * (tan(angleRight) - tan(angleLeft)), v = tan(angleUp) + (y + .5) / height *
 * (tan(angleDown) - tan(angleUp)), and what it shows is at that times its metres.
 */
typedef struct XrDepthMapPERCEPT {
    XrStructureType type;
    void *next;
    XrBool32 isActive; /* false: nothing is known now, counts are 0, the rest means nothing */
    XrTime captureTime;
    XrSpaceLocationFlags locationFlags; /* of pose; 0: it is not known where the camera was */
    XrPosef pose;                       /* of the camera that the map is of: it looks along -z */
    XrFovf fov;
    uint32_t width;
    uint32_t height;
    float nearZ; /* metres: what can be measured */
    float farZ;
    uint32_t capacityInput;
    uint32_t countOutput;
    float *metres;       /* along -z, not along the ray; 0: not known. NULL: not wanted */
    uint8_t *confidence; /* 0 not known, 1 filled in from neighbours, up to 255 sure. NULL likewise
                          */
} XrDepthMapPERCEPT;

typedef XrResult(XRAPI_PTR *PFN_xrCreateDepthReaderPERCEPT)(
    XrSession session, const XrDepthReaderCreateInfoPERCEPT *createInfo,
    XrDepthReaderPERCEPT *reader);
typedef XrResult(XRAPI_PTR *PFN_xrDestroyDepthReaderPERCEPT)(XrDepthReaderPERCEPT reader);
typedef XrResult(XRAPI_PTR *PFN_xrGetDepthMapPERCEPT)(XrDepthReaderPERCEPT reader,
                                                      const XrDepthMapGetInfoPERCEPT *info,
                                                      XrDepthMapPERCEPT *map);

#ifdef __cplusplus
}
#endif

#endif
