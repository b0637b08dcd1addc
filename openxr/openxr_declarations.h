/*
 * OpenXR's headers, and what the layer needs that older ones lack (Debian 12 has 1.0.20).
 * Everything here is as the registry (xr.xml) has it, and gives way to headers that declare it
 * themselves.
 */
#ifndef OPENXR_OPENXR_DECLARATIONS_H
#define OPENXR_OPENXR_DECLARATIONS_H

#define XR_USE_TIMESPEC
#include <time.h>

#include <openxr/openxr.h>
#include <openxr/openxr_platform.h>

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

#endif
