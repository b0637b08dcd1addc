/* What openxr_declarations.h says of each struct that older headers lack: its name, type, size, and
 * where its members are. layouts.py compares it with what others have of the same registry. */
#include "openxr/openxr_declarations.h"

#include <stddef.h>
#include <stdio.h>

static void print(const char *name, int type, size_t size, const size_t offsets[], size_t count)
{
    printf("%s %d %zu", name, type, size);
    for (size_t i = 0; i < count; i++)
        printf(" %zu", offsets[i]);
    printf("\n");
}

#define STRUCT(name, type, ...)                                 \
    do {                                                        \
        const size_t offsets[] = {__VA_ARGS__};                 \
        print(#name, XR_TYPE_##type, sizeof(Xr##name), offsets, \
              sizeof offsets / sizeof offsets[0]);              \
    } while (0)

int main(void)
{
    STRUCT(HandTrackingDataSourceInfoEXT, HAND_TRACKING_DATA_SOURCE_INFO_EXT,
           offsetof(XrHandTrackingDataSourceInfoEXT, type),
           offsetof(XrHandTrackingDataSourceInfoEXT, next),
           offsetof(XrHandTrackingDataSourceInfoEXT, requestedDataSourceCount),
           offsetof(XrHandTrackingDataSourceInfoEXT, requestedDataSources));
    STRUCT(HandTrackingDataSourceStateEXT, HAND_TRACKING_DATA_SOURCE_STATE_EXT,
           offsetof(XrHandTrackingDataSourceStateEXT, type),
           offsetof(XrHandTrackingDataSourceStateEXT, next),
           offsetof(XrHandTrackingDataSourceStateEXT, isActive),
           offsetof(XrHandTrackingDataSourceStateEXT, dataSource));
    STRUCT(HandTrackingUnextrapolatedPosesRequestMETA,
           HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META,
           offsetof(XrHandTrackingUnextrapolatedPosesRequestMETA, type),
           offsetof(XrHandTrackingUnextrapolatedPosesRequestMETA, next));
    STRUCT(HandTrackingUnextrapolatedPosesMETA, HAND_TRACKING_UNEXTRAPOLATED_POSES_META,
           offsetof(XrHandTrackingUnextrapolatedPosesMETA, type),
           offsetof(XrHandTrackingUnextrapolatedPosesMETA, next),
           offsetof(XrHandTrackingUnextrapolatedPosesMETA, captureTime));
    STRUCT(EnvironmentDepthProviderCreateInfoMETA, ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META,
           offsetof(XrEnvironmentDepthProviderCreateInfoMETA, type),
           offsetof(XrEnvironmentDepthProviderCreateInfoMETA, next),
           offsetof(XrEnvironmentDepthProviderCreateInfoMETA, createFlags));
    STRUCT(EnvironmentDepthSwapchainCreateInfoMETA, ENVIRONMENT_DEPTH_SWAPCHAIN_CREATE_INFO_META,
           offsetof(XrEnvironmentDepthSwapchainCreateInfoMETA, type),
           offsetof(XrEnvironmentDepthSwapchainCreateInfoMETA, next),
           offsetof(XrEnvironmentDepthSwapchainCreateInfoMETA, createFlags));
    STRUCT(EnvironmentDepthSwapchainStateMETA, ENVIRONMENT_DEPTH_SWAPCHAIN_STATE_META,
           offsetof(XrEnvironmentDepthSwapchainStateMETA, type),
           offsetof(XrEnvironmentDepthSwapchainStateMETA, next),
           offsetof(XrEnvironmentDepthSwapchainStateMETA, width),
           offsetof(XrEnvironmentDepthSwapchainStateMETA, height));
    STRUCT(EnvironmentDepthImageAcquireInfoMETA, ENVIRONMENT_DEPTH_IMAGE_ACQUIRE_INFO_META,
           offsetof(XrEnvironmentDepthImageAcquireInfoMETA, type),
           offsetof(XrEnvironmentDepthImageAcquireInfoMETA, next),
           offsetof(XrEnvironmentDepthImageAcquireInfoMETA, space),
           offsetof(XrEnvironmentDepthImageAcquireInfoMETA, displayTime));
    STRUCT(EnvironmentDepthImageViewMETA, ENVIRONMENT_DEPTH_IMAGE_VIEW_META,
           offsetof(XrEnvironmentDepthImageViewMETA, type),
           offsetof(XrEnvironmentDepthImageViewMETA, next),
           offsetof(XrEnvironmentDepthImageViewMETA, fov),
           offsetof(XrEnvironmentDepthImageViewMETA, pose));
    STRUCT(EnvironmentDepthImageMETA, ENVIRONMENT_DEPTH_IMAGE_META,
           offsetof(XrEnvironmentDepthImageMETA, type), offsetof(XrEnvironmentDepthImageMETA, next),
           offsetof(XrEnvironmentDepthImageMETA, swapchainIndex),
           offsetof(XrEnvironmentDepthImageMETA, nearZ),
           offsetof(XrEnvironmentDepthImageMETA, farZ),
           offsetof(XrEnvironmentDepthImageMETA, views));
    STRUCT(EnvironmentDepthImageTimestampMETA, ENVIRONMENT_DEPTH_IMAGE_TIMESTAMP_META,
           offsetof(XrEnvironmentDepthImageTimestampMETA, type),
           offsetof(XrEnvironmentDepthImageTimestampMETA, next),
           offsetof(XrEnvironmentDepthImageTimestampMETA, captureTime));
    STRUCT(EnvironmentDepthHandRemovalSetInfoMETA, ENVIRONMENT_DEPTH_HAND_REMOVAL_SET_INFO_META,
           offsetof(XrEnvironmentDepthHandRemovalSetInfoMETA, type),
           offsetof(XrEnvironmentDepthHandRemovalSetInfoMETA, next),
           offsetof(XrEnvironmentDepthHandRemovalSetInfoMETA, enabled));
    STRUCT(SystemEnvironmentDepthPropertiesMETA, SYSTEM_ENVIRONMENT_DEPTH_PROPERTIES_META,
           offsetof(XrSystemEnvironmentDepthPropertiesMETA, type),
           offsetof(XrSystemEnvironmentDepthPropertiesMETA, next),
           offsetof(XrSystemEnvironmentDepthPropertiesMETA, supportsEnvironmentDepth),
           offsetof(XrSystemEnvironmentDepthPropertiesMETA, supportsHandRemoval));
    STRUCT(SystemPlaneDetectionPropertiesEXT, SYSTEM_PLANE_DETECTION_PROPERTIES_EXT,
           offsetof(XrSystemPlaneDetectionPropertiesEXT, type),
           offsetof(XrSystemPlaneDetectionPropertiesEXT, next),
           offsetof(XrSystemPlaneDetectionPropertiesEXT, supportedFeatures));
    STRUCT(PlaneDetectorCreateInfoEXT, PLANE_DETECTOR_CREATE_INFO_EXT,
           offsetof(XrPlaneDetectorCreateInfoEXT, type),
           offsetof(XrPlaneDetectorCreateInfoEXT, next),
           offsetof(XrPlaneDetectorCreateInfoEXT, flags));
    STRUCT(PlaneDetectorBeginInfoEXT, PLANE_DETECTOR_BEGIN_INFO_EXT,
           offsetof(XrPlaneDetectorBeginInfoEXT, type), offsetof(XrPlaneDetectorBeginInfoEXT, next),
           offsetof(XrPlaneDetectorBeginInfoEXT, baseSpace),
           offsetof(XrPlaneDetectorBeginInfoEXT, time),
           offsetof(XrPlaneDetectorBeginInfoEXT, orientationCount),
           offsetof(XrPlaneDetectorBeginInfoEXT, orientations),
           offsetof(XrPlaneDetectorBeginInfoEXT, semanticTypeCount),
           offsetof(XrPlaneDetectorBeginInfoEXT, semanticTypes),
           offsetof(XrPlaneDetectorBeginInfoEXT, maxPlanes),
           offsetof(XrPlaneDetectorBeginInfoEXT, minArea),
           offsetof(XrPlaneDetectorBeginInfoEXT, boundingBoxPose),
           offsetof(XrPlaneDetectorBeginInfoEXT, boundingBoxExtent));
    STRUCT(PlaneDetectorGetInfoEXT, PLANE_DETECTOR_GET_INFO_EXT,
           offsetof(XrPlaneDetectorGetInfoEXT, type), offsetof(XrPlaneDetectorGetInfoEXT, next),
           offsetof(XrPlaneDetectorGetInfoEXT, baseSpace),
           offsetof(XrPlaneDetectorGetInfoEXT, time));
    STRUCT(PlaneDetectorLocationsEXT, PLANE_DETECTOR_LOCATIONS_EXT,
           offsetof(XrPlaneDetectorLocationsEXT, type), offsetof(XrPlaneDetectorLocationsEXT, next),
           offsetof(XrPlaneDetectorLocationsEXT, planeLocationCapacityInput),
           offsetof(XrPlaneDetectorLocationsEXT, planeLocationCountOutput),
           offsetof(XrPlaneDetectorLocationsEXT, planeLocations));
    STRUCT(PlaneDetectorLocationEXT, PLANE_DETECTOR_LOCATION_EXT,
           offsetof(XrPlaneDetectorLocationEXT, type), offsetof(XrPlaneDetectorLocationEXT, next),
           offsetof(XrPlaneDetectorLocationEXT, planeId),
           offsetof(XrPlaneDetectorLocationEXT, locationFlags),
           offsetof(XrPlaneDetectorLocationEXT, pose),
           offsetof(XrPlaneDetectorLocationEXT, extents),
           offsetof(XrPlaneDetectorLocationEXT, orientation),
           offsetof(XrPlaneDetectorLocationEXT, semanticType),
           offsetof(XrPlaneDetectorLocationEXT, polygonBufferCount));
    STRUCT(PlaneDetectorPolygonBufferEXT, PLANE_DETECTOR_POLYGON_BUFFER_EXT,
           offsetof(XrPlaneDetectorPolygonBufferEXT, type),
           offsetof(XrPlaneDetectorPolygonBufferEXT, next),
           offsetof(XrPlaneDetectorPolygonBufferEXT, vertexCapacityInput),
           offsetof(XrPlaneDetectorPolygonBufferEXT, vertexCountOutput),
           offsetof(XrPlaneDetectorPolygonBufferEXT, vertices));
    return 0;
}
