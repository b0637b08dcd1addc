/*
 * OpenXR's headers, and what the layer needs that older ones lack (Debian 12 has 1.0.20).
 * Everything here is as the registry (xr.xml) has it, and gives way to headers that declare it
 * themselves.
 */
#ifndef OPENXR_OPENXR_DECLARATIONS_H
#define OPENXR_OPENXR_DECLARATIONS_H

#define XR_USE_TIMESPEC
#include <time.h>

/* Without Vulkan's headers there is no graphics that the layer gives images to. */
#if defined(__has_include)
#if __has_include(<vulkan/vulkan_core.h>)
#ifndef XR_USE_GRAPHICS_API_VULKAN
#define XR_USE_GRAPHICS_API_VULKAN
#endif
#ifndef VULKAN_CORE_H_
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan_core.h>
#endif
#endif

#include <openxr/openxr.h>
#include <openxr/openxr_platform.h>

#include "openxr/percept_openxr.h"

#ifdef __has_include
#if __has_include(<openxr/openxr_loader_negotiation.h>)
#include <openxr/openxr_loader_negotiation.h>
#endif
#endif

/* ---- between loader, layers and runtime ---- */

#ifndef XR_LOADER_INFO_STRUCT_VERSION

#define XR_LOADER_INFO_STRUCT_VERSION           1
#define XR_API_LAYER_INFO_STRUCT_VERSION        1
#define XR_RUNTIME_INFO_STRUCT_VERSION          1
#define XR_API_LAYER_NEXT_INFO_STRUCT_VERSION   1
#define XR_API_LAYER_CREATE_INFO_STRUCT_VERSION 1
#define XR_CURRENT_LOADER_API_LAYER_VERSION     1
#define XR_CURRENT_LOADER_RUNTIME_VERSION       1
#define XR_API_LAYER_MAX_SETTINGS_PATH_SIZE     512

typedef enum XrLoaderInterfaceStructs {
    XR_LOADER_INTERFACE_STRUCT_UNINTIALIZED = 0,
    XR_LOADER_INTERFACE_STRUCT_LOADER_INFO = 1,
    XR_LOADER_INTERFACE_STRUCT_API_LAYER_REQUEST = 2,
    XR_LOADER_INTERFACE_STRUCT_RUNTIME_REQUEST = 3,
    XR_LOADER_INTERFACE_STRUCT_API_LAYER_CREATE_INFO = 4,
    XR_LOADER_INTERFACE_STRUCT_API_LAYER_NEXT_INFO = 5,
    XR_LOADER_INTERFACE_STRUCTS_MAX_ENUM = 0x7FFFFFFF
} XrLoaderInterfaceStructs;

typedef struct XrApiLayerCreateInfo XrApiLayerCreateInfo;
typedef XrResult(XRAPI_PTR *PFN_xrCreateApiLayerInstance)(const XrInstanceCreateInfo *info,
                                                          const XrApiLayerCreateInfo *apiLayerInfo,
                                                          XrInstance *instance);

typedef struct XrApiLayerNextInfo {
    XrLoaderInterfaceStructs structType;
    uint32_t structVersion;
    size_t structSize;
    char layerName[XR_MAX_API_LAYER_NAME_SIZE];
    PFN_xrGetInstanceProcAddr nextGetInstanceProcAddr;
    PFN_xrCreateApiLayerInstance nextCreateApiLayerInstance;
    struct XrApiLayerNextInfo *next;
} XrApiLayerNextInfo;

struct XrApiLayerCreateInfo {
    XrLoaderInterfaceStructs structType;
    uint32_t structVersion;
    size_t structSize;
    void *loaderInstance;
    char settings_file_location[XR_API_LAYER_MAX_SETTINGS_PATH_SIZE];
    XrApiLayerNextInfo *nextInfo;
};

typedef struct XrNegotiateLoaderInfo {
    XrLoaderInterfaceStructs structType;
    uint32_t structVersion;
    size_t structSize;
    uint32_t minInterfaceVersion;
    uint32_t maxInterfaceVersion;
    XrVersion minApiVersion;
    XrVersion maxApiVersion;
} XrNegotiateLoaderInfo;

typedef struct XrNegotiateApiLayerRequest {
    XrLoaderInterfaceStructs structType;
    uint32_t structVersion;
    size_t structSize;
    uint32_t layerInterfaceVersion;
    XrVersion layerApiVersion;
    PFN_xrGetInstanceProcAddr getInstanceProcAddr;
    PFN_xrCreateApiLayerInstance createApiLayerInstance;
} XrNegotiateApiLayerRequest;

typedef struct XrNegotiateRuntimeRequest {
    XrLoaderInterfaceStructs structType;
    uint32_t structVersion;
    size_t structSize;
    uint32_t runtimeInterfaceVersion;
    XrVersion runtimeApiVersion;
    PFN_xrGetInstanceProcAddr getInstanceProcAddr;
} XrNegotiateRuntimeRequest;

#endif

/* ---- OpenXR 1.1 ---- */

#ifndef XR_VERSION_1_1
#define XR_ERROR_EXTENSION_DEPENDENCY_NOT_ENABLED ((XrResult)-1000710001)
#endif

/* ---- XR_EXT_hand_tracking_data_source ---- */

#ifndef XR_EXT_hand_tracking_data_source
#define XR_EXT_hand_tracking_data_source                1
#define XR_EXT_hand_tracking_data_source_SPEC_VERSION   1
#define XR_EXT_HAND_TRACKING_DATA_SOURCE_EXTENSION_NAME "XR_EXT_hand_tracking_data_source"
#define XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT      ((XrStructureType)1000428000)
#define XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT     ((XrStructureType)1000428001)

typedef enum XrHandTrackingDataSourceEXT {
    XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT = 1,
    XR_HAND_TRACKING_DATA_SOURCE_CONTROLLER_EXT = 2,
    XR_HAND_TRACKING_DATA_SOURCE_MAX_ENUM_EXT = 0x7FFFFFFF
} XrHandTrackingDataSourceEXT;

typedef struct XrHandTrackingDataSourceInfoEXT {
    XrStructureType type;
    const void *next;
    uint32_t requestedDataSourceCount;
    XrHandTrackingDataSourceEXT *requestedDataSources;
} XrHandTrackingDataSourceInfoEXT;

typedef struct XrHandTrackingDataSourceStateEXT {
    XrStructureType type;
    void *next;
    XrBool32 isActive;
    XrHandTrackingDataSourceEXT dataSource;
} XrHandTrackingDataSourceStateEXT;
#endif

/* ---- XR_META_hand_tracking_unextrapolated_poses ---- */

#ifndef XR_META_hand_tracking_unextrapolated_poses
#define XR_META_hand_tracking_unextrapolated_poses              1
#define XR_META_hand_tracking_unextrapolated_poses_SPEC_VERSION 1
#define XR_META_HAND_TRACKING_UNEXTRAPOLATED_POSES_EXTENSION_NAME \
    "XR_META_hand_tracking_unextrapolated_poses"
#define XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META ((XrStructureType)1000693000)
#define XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_META         ((XrStructureType)1000693001)

typedef struct XrHandTrackingUnextrapolatedPosesRequestMETA {
    XrStructureType type;
    const void *next;
} XrHandTrackingUnextrapolatedPosesRequestMETA;

typedef struct XrHandTrackingUnextrapolatedPosesMETA {
    XrStructureType type;
    void *next;
    XrTime captureTime;
} XrHandTrackingUnextrapolatedPosesMETA;
#endif

/* ---- XR_META_environment_depth ---- */

#ifndef XR_META_environment_depth
#define XR_META_environment_depth                            1
#define XR_META_environment_depth_SPEC_VERSION               2
#define XR_META_ENVIRONMENT_DEPTH_EXTENSION_NAME             "XR_META_environment_depth"
#define XR_TYPE_ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META  ((XrStructureType)1000291000)
#define XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_CREATE_INFO_META ((XrStructureType)1000291001)
#define XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_STATE_META       ((XrStructureType)1000291002)
#define XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_ACQUIRE_INFO_META    ((XrStructureType)1000291003)
#define XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META            ((XrStructureType)1000291004)
#define XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_META                 ((XrStructureType)1000291005)
#define XR_TYPE_ENVIRONMENT_DEPTH_HAND_REMOVAL_SET_INFO_META ((XrStructureType)1000291006)
#define XR_TYPE_SYSTEM_ENVIRONMENT_DEPTH_PROPERTIES_META     ((XrStructureType)1000291007)
#define XR_ENVIRONMENT_DEPTH_NOT_AVAILABLE_META              ((XrResult)1000291000)

XR_DEFINE_HANDLE(XrEnvironmentDepthProviderMETA)
XR_DEFINE_HANDLE(XrEnvironmentDepthSwapchainMETA)
typedef XrFlags64 XrEnvironmentDepthProviderCreateFlagsMETA;
typedef XrFlags64 XrEnvironmentDepthSwapchainCreateFlagsMETA;

typedef struct XrEnvironmentDepthProviderCreateInfoMETA {
    XrStructureType type;
    const void *next;
    XrEnvironmentDepthProviderCreateFlagsMETA createFlags;
} XrEnvironmentDepthProviderCreateInfoMETA;

typedef struct XrEnvironmentDepthSwapchainCreateInfoMETA {
    XrStructureType type;
    const void *next;
    XrEnvironmentDepthSwapchainCreateFlagsMETA createFlags;
} XrEnvironmentDepthSwapchainCreateInfoMETA;

typedef struct XrEnvironmentDepthSwapchainStateMETA {
    XrStructureType type;
    void *next;
    uint32_t width;
    uint32_t height;
} XrEnvironmentDepthSwapchainStateMETA;

typedef struct XrEnvironmentDepthImageAcquireInfoMETA {
    XrStructureType type;
    const void *next;
    XrSpace space;
    XrTime displayTime;
} XrEnvironmentDepthImageAcquireInfoMETA;

typedef struct XrEnvironmentDepthImageViewMETA {
    XrStructureType type;
    const void *next;
    XrFovf fov;
    XrPosef pose;
} XrEnvironmentDepthImageViewMETA;

typedef struct XrEnvironmentDepthImageMETA {
    XrStructureType type;
    const void *next;
    uint32_t swapchainIndex;
    float nearZ;
    float farZ;
    XrEnvironmentDepthImageViewMETA views[2];
} XrEnvironmentDepthImageMETA;

typedef struct XrEnvironmentDepthHandRemovalSetInfoMETA {
    XrStructureType type;
    const void *next;
    XrBool32 enabled;
} XrEnvironmentDepthHandRemovalSetInfoMETA;

typedef struct XrSystemEnvironmentDepthPropertiesMETA {
    XrStructureType type;
    void *next;
    XrBool32 supportsEnvironmentDepth;
    XrBool32 supportsHandRemoval;
} XrSystemEnvironmentDepthPropertiesMETA;

typedef XrResult(XRAPI_PTR *PFN_xrCreateEnvironmentDepthProviderMETA)(
    XrSession session, const XrEnvironmentDepthProviderCreateInfoMETA *createInfo,
    XrEnvironmentDepthProviderMETA *environmentDepthProvider);
typedef XrResult(XRAPI_PTR *PFN_xrDestroyEnvironmentDepthProviderMETA)(
    XrEnvironmentDepthProviderMETA environmentDepthProvider);
typedef XrResult(XRAPI_PTR *PFN_xrStartEnvironmentDepthProviderMETA)(
    XrEnvironmentDepthProviderMETA environmentDepthProvider);
typedef XrResult(XRAPI_PTR *PFN_xrStopEnvironmentDepthProviderMETA)(
    XrEnvironmentDepthProviderMETA environmentDepthProvider);
typedef XrResult(XRAPI_PTR *PFN_xrCreateEnvironmentDepthSwapchainMETA)(
    XrEnvironmentDepthProviderMETA environmentDepthProvider,
    const XrEnvironmentDepthSwapchainCreateInfoMETA *createInfo,
    XrEnvironmentDepthSwapchainMETA *swapchain);
typedef XrResult(XRAPI_PTR *PFN_xrDestroyEnvironmentDepthSwapchainMETA)(
    XrEnvironmentDepthSwapchainMETA swapchain);
typedef XrResult(XRAPI_PTR *PFN_xrEnumerateEnvironmentDepthSwapchainImagesMETA)(
    XrEnvironmentDepthSwapchainMETA swapchain, uint32_t imageCapacityInput,
    uint32_t *imageCountOutput, XrSwapchainImageBaseHeader *images);
typedef XrResult(XRAPI_PTR *PFN_xrGetEnvironmentDepthSwapchainStateMETA)(
    XrEnvironmentDepthSwapchainMETA swapchain, XrEnvironmentDepthSwapchainStateMETA *state);
typedef XrResult(XRAPI_PTR *PFN_xrAcquireEnvironmentDepthImageMETA)(
    XrEnvironmentDepthProviderMETA environmentDepthProvider,
    const XrEnvironmentDepthImageAcquireInfoMETA *acquireInfo,
    XrEnvironmentDepthImageMETA *environmentDepthImage);
typedef XrResult(XRAPI_PTR *PFN_xrSetEnvironmentDepthHandRemovalMETA)(
    XrEnvironmentDepthProviderMETA environmentDepthProvider,
    const XrEnvironmentDepthHandRemovalSetInfoMETA *setInfo);
#define PERCEPT_DECLARES_ENVIRONMENT_DEPTH
#endif

/* Came with version 2. */
#if defined(PERCEPT_DECLARES_ENVIRONMENT_DEPTH) || XR_META_environment_depth_SPEC_VERSION < 2
#define XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_TIMESTAMP_META ((XrStructureType)1000291008)

typedef struct XrEnvironmentDepthImageTimestampMETA {
    XrStructureType type;
    const void *next;
    XrTime captureTime;
} XrEnvironmentDepthImageTimestampMETA;
#endif

/* ---- XR_EXT_plane_detection ---- */

#ifndef XR_EXT_plane_detection
#define XR_EXT_plane_detection                         1
#define XR_EXT_plane_detection_SPEC_VERSION            2
#define XR_EXT_PLANE_DETECTION_EXTENSION_NAME          "XR_EXT_plane_detection"
#define XR_TYPE_PLANE_DETECTOR_CREATE_INFO_EXT         ((XrStructureType)1000429001)
#define XR_TYPE_PLANE_DETECTOR_BEGIN_INFO_EXT          ((XrStructureType)1000429002)
#define XR_TYPE_PLANE_DETECTOR_GET_INFO_EXT            ((XrStructureType)1000429003)
#define XR_TYPE_PLANE_DETECTOR_LOCATIONS_EXT           ((XrStructureType)1000429004)
#define XR_TYPE_PLANE_DETECTOR_LOCATION_EXT            ((XrStructureType)1000429005)
#define XR_TYPE_PLANE_DETECTOR_POLYGON_BUFFER_EXT      ((XrStructureType)1000429006)
#define XR_TYPE_SYSTEM_PLANE_DETECTION_PROPERTIES_EXT  ((XrStructureType)1000429007)
#define XR_ERROR_SPACE_NOT_LOCATABLE_EXT               ((XrResult)-1000429000)
#define XR_ERROR_PLANE_DETECTION_PERMISSION_DENIED_EXT ((XrResult)-1000429001)

XR_DEFINE_HANDLE(XrPlaneDetectorEXT)

typedef enum XrPlaneDetectorOrientationEXT {
    XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_UPWARD_EXT = 0,
    XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_DOWNWARD_EXT = 1,
    XR_PLANE_DETECTOR_ORIENTATION_VERTICAL_EXT = 2,
    XR_PLANE_DETECTOR_ORIENTATION_ARBITRARY_EXT = 3,
    XR_PLANE_DETECTOR_ORIENTATION_MAX_ENUM_EXT = 0x7FFFFFFF
} XrPlaneDetectorOrientationEXT;

typedef enum XrPlaneDetectorSemanticTypeEXT {
    XR_PLANE_DETECTOR_SEMANTIC_TYPE_UNDEFINED_EXT = 0,
    XR_PLANE_DETECTOR_SEMANTIC_TYPE_CEILING_EXT = 1,
    XR_PLANE_DETECTOR_SEMANTIC_TYPE_FLOOR_EXT = 2,
    XR_PLANE_DETECTOR_SEMANTIC_TYPE_WALL_EXT = 3,
    XR_PLANE_DETECTOR_SEMANTIC_TYPE_PLATFORM_EXT = 4,
    XR_PLANE_DETECTOR_SEMANTIC_TYPE_MAX_ENUM_EXT = 0x7FFFFFFF
} XrPlaneDetectorSemanticTypeEXT;

typedef enum XrPlaneDetectionStateEXT {
    XR_PLANE_DETECTION_STATE_NONE_EXT = 0,
    XR_PLANE_DETECTION_STATE_PENDING_EXT = 1,
    XR_PLANE_DETECTION_STATE_DONE_EXT = 2,
    XR_PLANE_DETECTION_STATE_ERROR_EXT = 3,
    XR_PLANE_DETECTION_STATE_FATAL_EXT = 4,
    XR_PLANE_DETECTION_STATE_MAX_ENUM_EXT = 0x7FFFFFFF
} XrPlaneDetectionStateEXT;

typedef XrFlags64 XrPlaneDetectionCapabilityFlagsEXT;
static const XrPlaneDetectionCapabilityFlagsEXT
    XR_PLANE_DETECTION_CAPABILITY_PLANE_DETECTION_BIT_EXT = 0x01,
    XR_PLANE_DETECTION_CAPABILITY_PLANE_HOLES_BIT_EXT = 0x02,
    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_CEILING_BIT_EXT = 0x04,
    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_FLOOR_BIT_EXT = 0x08,
    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_WALL_BIT_EXT = 0x10,
    XR_PLANE_DETECTION_CAPABILITY_SEMANTIC_PLATFORM_BIT_EXT = 0x20,
    XR_PLANE_DETECTION_CAPABILITY_ORIENTATION_BIT_EXT = 0x40;

typedef XrFlags64 XrPlaneDetectorFlagsEXT;
static const XrPlaneDetectorFlagsEXT XR_PLANE_DETECTOR_ENABLE_CONTOUR_BIT_EXT = 0x01;

typedef struct XrExtent3DfEXT {
    float width;
    float height;
    float depth;
} XrExtent3DfEXT;

typedef struct XrSystemPlaneDetectionPropertiesEXT {
    XrStructureType type;
    void *next;
    XrPlaneDetectionCapabilityFlagsEXT supportedFeatures;
} XrSystemPlaneDetectionPropertiesEXT;

typedef struct XrPlaneDetectorCreateInfoEXT {
    XrStructureType type;
    const void *next;
    XrPlaneDetectorFlagsEXT flags;
} XrPlaneDetectorCreateInfoEXT;

typedef struct XrPlaneDetectorBeginInfoEXT {
    XrStructureType type;
    const void *next;
    XrSpace baseSpace;
    XrTime time;
    uint32_t orientationCount;
    const XrPlaneDetectorOrientationEXT *orientations;
    uint32_t semanticTypeCount;
    const XrPlaneDetectorSemanticTypeEXT *semanticTypes;
    uint32_t maxPlanes;
    float minArea;
    XrPosef boundingBoxPose;
    XrExtent3DfEXT boundingBoxExtent;
} XrPlaneDetectorBeginInfoEXT;

typedef struct XrPlaneDetectorGetInfoEXT {
    XrStructureType type;
    const void *next;
    XrSpace baseSpace;
    XrTime time;
} XrPlaneDetectorGetInfoEXT;

typedef struct XrPlaneDetectorLocationEXT {
    XrStructureType type;
    void *next;
    uint64_t planeId;
    XrSpaceLocationFlags locationFlags;
    XrPosef pose;
    XrExtent2Df extents;
    XrPlaneDetectorOrientationEXT orientation;
    XrPlaneDetectorSemanticTypeEXT semanticType;
    uint32_t polygonBufferCount;
} XrPlaneDetectorLocationEXT;

typedef struct XrPlaneDetectorLocationsEXT {
    XrStructureType type;
    void *next;
    uint32_t planeLocationCapacityInput;
    uint32_t planeLocationCountOutput;
    XrPlaneDetectorLocationEXT *planeLocations;
} XrPlaneDetectorLocationsEXT;

typedef struct XrPlaneDetectorPolygonBufferEXT {
    XrStructureType type;
    void *next;
    uint32_t vertexCapacityInput;
    uint32_t vertexCountOutput;
    XrVector2f *vertices;
} XrPlaneDetectorPolygonBufferEXT;

typedef XrResult(XRAPI_PTR *PFN_xrCreatePlaneDetectorEXT)(
    XrSession session, const XrPlaneDetectorCreateInfoEXT *createInfo,
    XrPlaneDetectorEXT *planeDetector);
typedef XrResult(XRAPI_PTR *PFN_xrDestroyPlaneDetectorEXT)(XrPlaneDetectorEXT planeDetector);
typedef XrResult(XRAPI_PTR *PFN_xrBeginPlaneDetectionEXT)(
    XrPlaneDetectorEXT planeDetector, const XrPlaneDetectorBeginInfoEXT *beginInfo);
typedef XrResult(XRAPI_PTR *PFN_xrGetPlaneDetectionStateEXT)(XrPlaneDetectorEXT planeDetector,
                                                             XrPlaneDetectionStateEXT *state);
typedef XrResult(XRAPI_PTR *PFN_xrGetPlaneDetectionsEXT)(XrPlaneDetectorEXT planeDetector,
                                                         const XrPlaneDetectorGetInfoEXT *info,
                                                         XrPlaneDetectorLocationsEXT *locations);
typedef XrResult(XRAPI_PTR *PFN_xrGetPlanePolygonBufferEXT)(
    XrPlaneDetectorEXT planeDetector, uint64_t planeId, uint32_t polygonBufferIndex,
    XrPlaneDetectorPolygonBufferEXT *polygonBuffer);
#endif

#endif
