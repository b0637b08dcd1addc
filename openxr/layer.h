/* Inside the layer: instance.c makes instances and answers what they are asked for; what it hands
 * out of hand_tracking.c is here. */
#ifndef OPENXR_LAYER_H
#define OPENXR_LAYER_H

#include "openxr/openxr_declarations.h"

#define LAYER_NAME "XR_APILAYER_PERCEPT_perception"

XRAPI_ATTR XrResult XRAPI_CALL layer_get_instance_proc_addr(XrInstance instance, const char *name,
                                                            PFN_xrVoidFunction *function);
XRAPI_ATTR XrResult XRAPI_CALL layer_create_instance(const XrInstanceCreateInfo *info,
                                                     const XrApiLayerCreateInfo *layer_info,
                                                     XrInstance *instance);

XRAPI_ATTR XrResult XRAPI_CALL layer_get_system_properties(XrInstance instance, XrSystemId system,
                                                           XrSystemProperties *properties);
XRAPI_ATTR XrResult XRAPI_CALL layer_create_hand_tracker(XrSession session,
                                                         const XrHandTrackerCreateInfoEXT *info,
                                                         XrHandTrackerEXT *handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_hand_tracker(XrHandTrackerEXT handle);
XRAPI_ATTR XrResult XRAPI_CALL layer_locate_hand_joints(XrHandTrackerEXT handle,
                                                        const XrHandJointsLocateInfoEXT *info,
                                                        XrHandJointLocationsEXT *locations);

#endif
