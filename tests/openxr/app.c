/* Why: a loader has one instance at a time, and tests want the layer in reach of sanitizers. */
#include "app.h"

#include "openxr/layer.h"
#include "openxr/pose.h"

#include <check.h>
#include <string.h>

XRAPI_ATTR XrResult XRAPI_CALL xrNegotiateLoaderApiLayerInterface(
    const XrNegotiateLoaderInfo *loader, const char *name, XrNegotiateApiLayerRequest *request);

static XRAPI_ATTR XrResult XRAPI_CALL create_at_the_end(const XrInstanceCreateInfo *info,
                                                        const XrApiLayerCreateInfo *layer_info,
                                                        XrInstance *instance)
{
    PFN_xrCreateInstance create;
    ck_assert_ptr_null(layer_info->nextInfo);
    ck_assert_int_eq(mock_get_instance_proc_addr(XR_NULL_HANDLE, "xrCreateInstance",
                                                 (PFN_xrVoidFunction *)&create),
                     XR_SUCCESS);
    return create(info, instance);
}

XrResult app_try_info(const XrInstanceCreateInfo *info, XrInstance *instance)
{
    XrNegotiateLoaderInfo loader = {.structType = XR_LOADER_INTERFACE_STRUCT_LOADER_INFO,
                                    .structVersion = XR_LOADER_INFO_STRUCT_VERSION,
                                    .structSize = sizeof loader,
                                    .minInterfaceVersion = 1,
                                    .maxInterfaceVersion = 1,
                                    .minApiVersion = XR_MAKE_VERSION(1, 0, 0),
                                    .maxApiVersion = XR_MAKE_VERSION(1, 0x3ff, 0xfff)};
    XrNegotiateApiLayerRequest layer = {.structType = XR_LOADER_INTERFACE_STRUCT_API_LAYER_REQUEST,
                                        .structVersion = XR_API_LAYER_INFO_STRUCT_VERSION,
                                        .structSize = sizeof layer};
    XrApiLayerNextInfo next = {.structType = XR_LOADER_INTERFACE_STRUCT_API_LAYER_NEXT_INFO,
                               .structVersion = XR_API_LAYER_NEXT_INFO_STRUCT_VERSION,
                               .structSize = sizeof next,
                               .layerName = LAYER_NAME,
                               .nextGetInstanceProcAddr = mock_get_instance_proc_addr,
                               .nextCreateApiLayerInstance = create_at_the_end};
    XrApiLayerCreateInfo create = {.structType = XR_LOADER_INTERFACE_STRUCT_API_LAYER_CREATE_INFO,
                                   .structVersion = XR_API_LAYER_CREATE_INFO_STRUCT_VERSION,
                                   .structSize = sizeof create,
                                   .nextInfo = &next};
    ck_assert_int_eq(xrNegotiateLoaderApiLayerInterface(&loader, LAYER_NAME, &layer), XR_SUCCESS);
    ck_assert_uint_eq(layer.layerInterfaceVersion, 1);
    return layer.createApiLayerInstance(info, &create, instance);
}

XrResult app_try(const char *const *extensions, uint32_t count, XrInstance *instance)
{
    XrInstanceCreateInfo info = {
        .type = XR_TYPE_INSTANCE_CREATE_INFO,
        .applicationInfo = {.applicationName = "test", .apiVersion = XR_MAKE_VERSION(1, 0, 20)},
        .enabledExtensionCount = count,
        .enabledExtensionNames = extensions};
    return app_try_info(&info, instance);
}

PFN_xrVoidFunction app_function(XrInstance instance, const char *name)
{
    PFN_xrVoidFunction function;
    ck_assert_msg(layer_get_instance_proc_addr(instance, name, &function) == XR_SUCCESS, "no %s",
                  name);
    ck_assert_ptr_nonnull(function);
    return function;
}

static XrSpace space(const struct app *app, XrReferenceSpaceType type)
{
    XrSpace made;
    XrReferenceSpaceCreateInfo info = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                       .referenceSpaceType = type,
                                       .poseInReferenceSpace = POSE_IDENTITY};
    ck_assert_int_eq(app->xrCreateReferenceSpace(app->session, &info, &made), XR_SUCCESS);
    return made;
}

void app_start_instance(struct app *app, const char *const *extensions, uint32_t count)
{
    *app = (struct app){.instance = XR_NULL_HANDLE};
    ck_assert_int_eq(app_try(extensions, count, &app->instance), XR_SUCCESS);
#define X(name) app->name = (PFN_##name)app_function(app->instance, #name);
    APP_FUNCTIONS(X)
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(extensions[i], XR_EXT_HAND_TRACKING_EXTENSION_NAME) == 0) {
            APP_HAND_FUNCTIONS(X)
        }
#undef X
}

void app_start_session(struct app *app, const void *chain)
{
    XrSessionCreateInfo info = {.type = XR_TYPE_SESSION_CREATE_INFO, .next = chain, .systemId = 1};
    ck_assert_int_eq(app->xrCreateSession(app->instance, &info, &app->session), XR_SUCCESS);
    app->local = space(app, XR_REFERENCE_SPACE_TYPE_LOCAL);
    app->view = space(app, XR_REFERENCE_SPACE_TYPE_VIEW);
    app->stage = space(app, XR_REFERENCE_SPACE_TYPE_STAGE);
}

void app_start(struct app *app, const char *const *extensions, uint32_t count)
{
    app_start_instance(app, extensions, count);
    app_start_session(app, NULL);
}

void app_stop(struct app *app)
{
    ck_assert_int_eq(app->xrDestroyInstance(app->instance), XR_SUCCESS);
}

XrHandTrackerEXT app_tracker(const struct app *app, XrHandEXT hand)
{
    XrHandTrackerEXT tracker;
    XrHandTrackerCreateInfoEXT info = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                       .hand = hand,
                                       .handJointSet = XR_HAND_JOINT_SET_DEFAULT_EXT};
    ck_assert_int_eq(app->xrCreateHandTrackerEXT(app->session, &info, &tracker), XR_SUCCESS);
    return tracker;
}

void app_joints_init(struct app_joints *joints, XrSpace where, XrTime time)
{
    memset(joints, 0xa5, sizeof *joints); /* what is left of it shows */
    joints->info = (XrHandJointsLocateInfoEXT){
        .type = XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT, .baseSpace = where, .time = time};
    joints->velocities = (XrHandJointVelocitiesEXT){.type = XR_TYPE_HAND_JOINT_VELOCITIES_EXT,
                                                    .jointCount = XR_HAND_JOINT_COUNT_EXT,
                                                    .jointVelocities = joints->rates};
    joints->locations = (XrHandJointLocationsEXT){.type = XR_TYPE_HAND_JOINT_LOCATIONS_EXT,
                                                  .next = &joints->velocities,
                                                  .jointCount = XR_HAND_JOINT_COUNT_EXT,
                                                  .jointLocations = joints->joints};
}

XrTime app_time(int64_t ns)
{
    return ns + MOCK_TIME_OFFSET;
}
