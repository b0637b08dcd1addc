/* Inside the layer: instance.c makes instances and answers what they are asked for; the functions
 * that it hands out of other files are here. */
#ifndef OPENXR_LAYER_H
#define OPENXR_LAYER_H

#include "openxr/openxr_declarations.h"
#include "openxr/percept_openxr.h"

#define LAYER_NAME "XR_APILAYER_PERCEPT_perception"

XRAPI_ATTR XrResult XRAPI_CALL layer_get_instance_proc_addr(XrInstance instance, const char *name,
                                                            PFN_xrVoidFunction *function);
XRAPI_ATTR XrResult XRAPI_CALL layer_create_instance(const XrInstanceCreateInfo *info,
                                                     const XrApiLayerCreateInfo *layer_info,
                                                     XrInstance *instance);

/* system.c */
XRAPI_ATTR XrResult XRAPI_CALL layer_get_system_properties(XrInstance instance, XrSystemId system,
                                                           XrSystemProperties *properties);

/* hand_tracking.c */
XRAPI_ATTR XrResult XRAPI_CALL layer_create_hand_tracker(XrSession session,
                                                         const XrHandTrackerCreateInfoEXT *info,
                                                         XrHandTrackerEXT *handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_hand_tracker(XrHandTrackerEXT handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_locate_hand_joints(XrHandTrackerEXT handle,
                                                        const XrHandJointsLocateInfoEXT *info,
                                                        XrHandJointLocationsEXT *locations);

/* depth.c */
XRAPI_ATTR XrResult XRAPI_CALL
layer_create_depth_provider(XrSession session, const XrEnvironmentDepthProviderCreateInfoMETA *info,
                            XrEnvironmentDepthProviderMETA *provider);
XRAPI_ATTR XrResult XRAPI_CALL
layer_destroy_depth_provider(XrEnvironmentDepthProviderMETA provider);
XRAPI_ATTR XrResult XRAPI_CALL layer_start_depth_provider(XrEnvironmentDepthProviderMETA provider);
XRAPI_ATTR XrResult XRAPI_CALL layer_stop_depth_provider(XrEnvironmentDepthProviderMETA provider);
XRAPI_ATTR XrResult XRAPI_CALL layer_set_depth_hand_removal(
    XrEnvironmentDepthProviderMETA provider, const XrEnvironmentDepthHandRemovalSetInfoMETA *info);
XRAPI_ATTR XrResult XRAPI_CALL layer_acquire_depth_image(
    XrEnvironmentDepthProviderMETA provider, const XrEnvironmentDepthImageAcquireInfoMETA *info,
    XrEnvironmentDepthImageMETA *image);
XRAPI_ATTR XrResult XRAPI_CALL layer_create_depth_swapchain(
    XrEnvironmentDepthProviderMETA provider, const XrEnvironmentDepthSwapchainCreateInfoMETA *info,
    XrEnvironmentDepthSwapchainMETA *swapchain);
XRAPI_ATTR XrResult XRAPI_CALL
layer_destroy_depth_swapchain(XrEnvironmentDepthSwapchainMETA swapchain);
XRAPI_ATTR XrResult XRAPI_CALL
layer_enumerate_depth_images(XrEnvironmentDepthSwapchainMETA swapchain, uint32_t capacity,
                             uint32_t *count, XrSwapchainImageBaseHeader *images);
XRAPI_ATTR XrResult XRAPI_CALL layer_get_depth_swapchain_state(
    XrEnvironmentDepthSwapchainMETA swapchain, XrEnvironmentDepthSwapchainStateMETA *state);

/* depth_map.c */
XRAPI_ATTR XrResult XRAPI_CALL layer_create_depth_reader(XrSession session,
                                                         const XrDepthReaderCreateInfoPERCEPT *info,
                                                         XrDepthReaderPERCEPT *reader);
XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_depth_reader(XrDepthReaderPERCEPT reader);
XRAPI_ATTR XrResult XRAPI_CALL layer_get_depth_map(XrDepthReaderPERCEPT reader,
                                                   const XrDepthMapGetInfoPERCEPT *info,
                                                   XrDepthMapPERCEPT *map);

/* planes.c */
XRAPI_ATTR XrResult XRAPI_CALL layer_create_plane_detector(XrSession session,
                                                           const XrPlaneDetectorCreateInfoEXT *info,
                                                           XrPlaneDetectorEXT *detector);
XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_plane_detector(XrPlaneDetectorEXT detector);
XRAPI_ATTR XrResult XRAPI_CALL layer_begin_plane_detection(XrPlaneDetectorEXT detector,
                                                           const XrPlaneDetectorBeginInfoEXT *info);
XRAPI_ATTR XrResult XRAPI_CALL layer_get_plane_detection_state(XrPlaneDetectorEXT detector,
                                                               XrPlaneDetectionStateEXT *state);
XRAPI_ATTR XrResult XRAPI_CALL layer_get_plane_detections(XrPlaneDetectorEXT detector,
                                                          const XrPlaneDetectorGetInfoEXT *info,
                                                          XrPlaneDetectorLocationsEXT *locations);
XRAPI_ATTR XrResult XRAPI_CALL
layer_get_plane_polygon_buffer(XrPlaneDetectorEXT detector, uint64_t plane, uint32_t index,
                               XrPlaneDetectorPolygonBufferEXT *buffer);

/* text_tracking.c */
XRAPI_ATTR XrResult XRAPI_CALL layer_create_text_tracker(XrSession session,
                                                         const XrTextTrackerCreateInfoPERCEPT *info,
                                                         XrTextTrackerPERCEPT *handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_text_tracker(XrTextTrackerPERCEPT handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_get_texts(XrTextTrackerPERCEPT handle,
                                               const XrTextsGetInfoPERCEPT *info,
                                               XrTextsPERCEPT *texts);
XRAPI_ATTR XrResult XRAPI_CALL layer_locate_texts(XrTextTrackerPERCEPT handle,
                                                  const XrTextsLocateInfoPERCEPT *info,
                                                  XrTextLocationsPERCEPT *locations);

/* caption_tracking.c */
XRAPI_ATTR XrResult XRAPI_CALL
layer_create_caption_tracker(XrSession session, const XrCaptionTrackerCreateInfoPERCEPT *info,
                             XrCaptionTrackerPERCEPT *handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_caption_tracker(XrCaptionTrackerPERCEPT handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_get_captions(XrCaptionTrackerPERCEPT handle,
                                                  const XrCaptionsGetInfoPERCEPT *info,
                                                  XrCaptionsPERCEPT *captions);

#endif
