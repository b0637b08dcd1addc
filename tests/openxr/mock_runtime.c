/* Why: no headset and no real runtime is at hand where tests run. */
#include "mock_runtime.h"

#include "mock_vulkan.h"

#include "openxr/pose.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 1024, EVENTS = 16 };

enum kind { INSTANCE = 1, SESSION, SPACE, TRACKER };

struct mock_script mock_script = {.head = {.pose = {{0, 0, 0, 1}, {0, 0, 0}},
                                           .flags = XR_SPACE_LOCATION_POSITION_VALID_BIT |
                                                    XR_SPACE_LOCATION_ORIENTATION_VALID_BIT |
                                                    XR_SPACE_LOCATION_POSITION_TRACKED_BIT |
                                                    XR_SPACE_LOCATION_ORIENTATION_TRACKED_BIT}};

enum extension { HEADLESS = 1, TIMESPEC = 2, HANDS = 4, VULKAN = 8, DEPTH = 16, PLANES = 32 };

static const struct {
    const char *name;
    uint32_t version;
    enum extension bit;
} extensions[] = {
    {XR_MND_HEADLESS_EXTENSION_NAME, 2, HEADLESS},
    {XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME, 1, TIMESPEC},
    {XR_EXT_HAND_TRACKING_EXTENSION_NAME, 4, HANDS},
    {XR_META_ENVIRONMENT_DEPTH_EXTENSION_NAME, 1, DEPTH},
    {XR_EXT_PLANE_DETECTION_EXTENSION_NAME, 1, PLANES},
#ifdef XR_USE_GRAPHICS_API_VULKAN
    {XR_KHR_VULKAN_ENABLE2_EXTENSION_NAME, 2, VULKAN},
#endif
};

struct object {
    uint64_t handle;
    enum kind kind;
    struct object *parent;
    unsigned enabled; /* of an instance: enum extension */
    XrReferenceSpaceType type;
    XrPosef pose; /* of a space, in that one */
    XrSessionState events[EVENTS];
    unsigned event_count;
    bool running, in_frame;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object objects[OBJECTS];
static uint64_t made;
static atomic_uint offences;

unsigned mock_offences(void)
{
    return atomic_load(&offences);
}

static XrResult offence(XrResult result, const char *what)
{
    atomic_fetch_add(&offences, 1);
    if (getenv("MOCK_RUNTIME_LOG"))
        fprintf(stderr, "mock runtime: %s\n", what);
    return result;
}

static unsigned offered(void)
{
    const char *hands = getenv("MOCK_RUNTIME_HANDS");
    unsigned all = HEADLESS | TIMESPEC | VULKAN;
    if (mock_script.has_hands || (hands && strcmp(hands, "1") == 0))
        all |= HANDS;
    if (mock_script.has_depth_and_planes)
        all |= DEPTH | PLANES;
    if (mock_script.lacks_timespec)
        all &= ~(unsigned)TIMESPEC;
    if (mock_script.lacks_headless)
        all &= ~(unsigned)HEADLESS;
    return all;
}

/* ---- objects ---- */

unsigned mock_objects(void)
{
    unsigned count = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < OBJECTS; i++)
        count += objects[i].handle != 0;
    pthread_mutex_unlock(&lock);
    return count;
}

/* NULL: there are too many. */
static struct object *make(enum kind kind, struct object *parent)
{
    struct object *found = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < OBJECTS && !found; i++)
        if (objects[i].handle == 0)
            found = &objects[i];
    if (found)
        *found = (struct object){.handle = 0x1000 + 0x10 * ++made, .kind = kind, .parent = parent};
    pthread_mutex_unlock(&lock);
    return found;
}

static struct object *get(uint64_t handle, enum kind kind)
{
    struct object *found = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < OBJECTS && !found; i++)
        if (handle && objects[i].handle == handle && objects[i].kind == kind)
            found = &objects[i];
    pthread_mutex_unlock(&lock);
    return found;
}

static void drop(struct object *object)
{
    for (size_t i = 0; i < OBJECTS; i++)
        if (objects[i].handle && objects[i].parent == object)
            drop(&objects[i]);
    object->handle = 0;
}

static XrResult destroy(uint64_t handle, enum kind kind)
{
    struct object *object = get(handle, kind);
    if (!object)
        return offence(XR_ERROR_HANDLE_INVALID, "destroys what is not there");
    pthread_mutex_lock(&lock);
    drop(object);
    pthread_mutex_unlock(&lock);
    return XR_SUCCESS;
}

/* Is it of the type, with nothing chained but, perhaps, one of another? */
static XrResult check(const void *given, XrStructureType type, XrStructureType chained)
{
    const XrBaseInStructure *s = given;
    if (!s || s->type != type)
        return offence(XR_ERROR_VALIDATION_FAILURE, "a struct of another type, or none");
    for (s = s->next; s; s = s->next)
        if (chained == XR_TYPE_UNKNOWN || s->type != chained)
            return offence(XR_ERROR_VALIDATION_FAILURE, "an unknown struct is chained");
    return XR_SUCCESS;
}

#define CHECK(given, type, chained)                     \
    do {                                                \
        XrResult checked = check(given, type, chained); \
        if (checked != XR_SUCCESS)                      \
            return checked;                             \
    } while (0)

#define GET(name, handle, kind)                          \
    struct object *name = get((uint64_t)(handle), kind); \
    if (!(name))                                         \
    return offence(XR_ERROR_HANDLE_INVALID, "a handle that is none")

/* ---- instance ---- */

static XRAPI_ATTR XrResult XRAPI_CALL enumerate_extensions(const char *layer, uint32_t capacity,
                                                           uint32_t *count,
                                                           XrExtensionProperties *list)
{
    uint32_t found = 0;
    if (layer || !count)
        return offence(XR_ERROR_VALIDATION_FAILURE, "asked for a layer's extensions");
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        if (!(extensions[i].bit & offered()))
            continue;
        if (found < capacity) {
            CHECK(&list[found], XR_TYPE_EXTENSION_PROPERTIES, XR_TYPE_UNKNOWN);
            snprintf(list[found].extensionName, XR_MAX_EXTENSION_NAME_SIZE, "%s",
                     extensions[i].name);
            list[found].extensionVersion = extensions[i].version;
        }
        found++;
    }
    *count = found;
    return capacity && capacity < found ? XR_ERROR_SIZE_INSUFFICIENT : XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL create_instance(const XrInstanceCreateInfo *info,
                                                      XrInstance *instance)
{
    unsigned enabled = 0;
    CHECK(info, XR_TYPE_INSTANCE_CREATE_INFO, XR_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT);
    for (uint32_t n = 0; n < info->enabledExtensionCount; n++) {
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
            if (strcmp(extensions[i].name, info->enabledExtensionNames[n]) == 0)
                bit = extensions[i].bit & offered();
        if (!bit)
            return offence(XR_ERROR_EXTENSION_NOT_PRESENT, info->enabledExtensionNames[n]);
        enabled |= bit;
    }
    struct object *made_one = make(INSTANCE, NULL);
    if (!made_one)
        return XR_ERROR_LIMIT_REACHED;
    made_one->enabled = enabled;
    *instance = (XrInstance)made_one->handle;
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL destroy_instance(XrInstance instance)
{
    return destroy((uint64_t)instance, INSTANCE);
}

static XRAPI_ATTR XrResult XRAPI_CALL get_instance_properties(XrInstance handle,
                                                              XrInstanceProperties *properties)
{
    GET(instance, handle, INSTANCE);
    CHECK(properties, XR_TYPE_INSTANCE_PROPERTIES, XR_TYPE_UNKNOWN);
    properties->runtimeVersion = XR_MAKE_VERSION(1, 0, 0);
    strcpy(properties->runtimeName, "Percept's mock runtime");
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL result_to_string(XrInstance handle, XrResult result,
                                                       char text[XR_MAX_RESULT_STRING_SIZE])
{
    GET(instance, handle, INSTANCE);
    snprintf(text, XR_MAX_RESULT_STRING_SIZE, "XR_RESULT_%d", (int)result);
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL get_system(XrInstance handle, const XrSystemGetInfo *info,
                                                 XrSystemId *system)
{
    GET(instance, handle, INSTANCE);
    CHECK(info, XR_TYPE_SYSTEM_GET_INFO, XR_TYPE_UNKNOWN);
    if (info->formFactor != XR_FORM_FACTOR_HEAD_MOUNTED_DISPLAY)
        return XR_ERROR_FORM_FACTOR_UNSUPPORTED;
    *system = 1;
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL get_system_properties(XrInstance handle, XrSystemId system,
                                                            XrSystemProperties *properties)
{
    GET(instance, handle, INSTANCE);
    bool hands = instance->enabled & HANDS;
    CHECK(properties, XR_TYPE_SYSTEM_PROPERTIES,
          hands ? XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT : XR_TYPE_UNKNOWN);
    if (system != 1)
        return offence(XR_ERROR_SYSTEM_INVALID, "an unknown system");
    properties->systemId = system;
    strcpy(properties->systemName, "no headset");
    properties->trackingProperties.orientationTracking = XR_TRUE;
    properties->trackingProperties.positionTracking = XR_TRUE;
    if (properties->next)
        ((XrSystemHandTrackingPropertiesEXT *)properties->next)->supportsHandTracking =
            !mock_script.hands_unsupported;
    return XR_SUCCESS;
}

/* Under the lock. */
static XrResult next_event(struct object *instance, XrEventDataBuffer *event)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        struct object *session = &objects[i];
        if (session->handle == 0 || session->parent != instance || session->event_count == 0)
            continue;
        *(XrEventDataSessionStateChanged *)event =
            (XrEventDataSessionStateChanged){.type = XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED,
                                             .session = (XrSession)session->handle,
                                             .state = session->events[0],
                                             .time = 1};
        session->event_count--;
        memmove(session->events, session->events + 1,
                session->event_count * sizeof session->events[0]);
        return XR_SUCCESS;
    }
    return XR_EVENT_UNAVAILABLE;
}

static XRAPI_ATTR XrResult XRAPI_CALL poll_event(XrInstance handle, XrEventDataBuffer *event)
{
    GET(instance, handle, INSTANCE);
    CHECK(event, XR_TYPE_EVENT_DATA_BUFFER, XR_TYPE_UNKNOWN);
    pthread_mutex_lock(&lock);
    XrResult result = next_event(instance, event);
    pthread_mutex_unlock(&lock);
    return result;
}

/* ---- session ---- */

static void announce(struct object *session, XrSessionState state)
{
    if (session->event_count < EVENTS)
        session->events[session->event_count++] = state;
}

static XRAPI_ATTR XrResult XRAPI_CALL create_session(XrInstance handle,
                                                     const XrSessionCreateInfo *info,
                                                     XrSession *session)
{
    GET(instance, handle, INSTANCE);
    bool vulkan = instance->enabled & VULKAN;
    CHECK(info, XR_TYPE_SESSION_CREATE_INFO,
          vulkan ? XR_TYPE_GRAPHICS_BINDING_VULKAN2_KHR : XR_TYPE_UNKNOWN);
    if (!info->next && !(instance->enabled & HEADLESS))
        return XR_ERROR_GRAPHICS_DEVICE_INVALID;
#ifdef XR_USE_GRAPHICS_API_VULKAN
    if (info->next) {
        XrResult bound = mock_vulkan_check_binding(info->next);
        if (bound != XR_SUCCESS)
            return bound;
    }
#endif
    if (info->systemId != 1)
        return XR_ERROR_SYSTEM_INVALID;
    struct object *made_one = make(SESSION, instance);
    if (!made_one)
        return XR_ERROR_LIMIT_REACHED;
    announce(made_one, XR_SESSION_STATE_IDLE);
    announce(made_one, XR_SESSION_STATE_READY);
    *session = (XrSession)made_one->handle;
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL destroy_session(XrSession session)
{
    return destroy((uint64_t)session, SESSION);
}

static XRAPI_ATTR XrResult XRAPI_CALL begin_session(XrSession handle,
                                                    const XrSessionBeginInfo *info)
{
    GET(session, handle, SESSION);
    CHECK(info, XR_TYPE_SESSION_BEGIN_INFO, XR_TYPE_UNKNOWN);
    if (session->running)
        return XR_ERROR_SESSION_RUNNING;
    session->running = true;
    announce(session, XR_SESSION_STATE_SYNCHRONIZED);
    announce(session, XR_SESSION_STATE_VISIBLE);
    announce(session, XR_SESSION_STATE_FOCUSED);
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL request_exit(XrSession handle)
{
    GET(session, handle, SESSION);
    if (!session->running)
        return XR_ERROR_SESSION_NOT_RUNNING;
    announce(session, XR_SESSION_STATE_VISIBLE);
    announce(session, XR_SESSION_STATE_SYNCHRONIZED);
    announce(session, XR_SESSION_STATE_STOPPING);
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL end_session(XrSession handle)
{
    GET(session, handle, SESSION);
    if (!session->running)
        return XR_ERROR_SESSION_NOT_RUNNING;
    session->running = false;
    announce(session, XR_SESSION_STATE_IDLE);
    return XR_SUCCESS;
}

/* ---- frames ---- */

static XRAPI_ATTR XrResult XRAPI_CALL wait_frame(XrSession handle, const XrFrameWaitInfo *info,
                                                 XrFrameState *state)
{
    struct timespec t;
    GET(session, handle, SESSION);
    if (info) /* it may be NULL */
        CHECK(info, XR_TYPE_FRAME_WAIT_INFO, XR_TYPE_UNKNOWN);
    CHECK(state, XR_TYPE_FRAME_STATE, XR_TYPE_UNKNOWN);
    if (!session->running)
        return XR_ERROR_SESSION_NOT_RUNNING;
    clock_gettime(CLOCK_MONOTONIC, &t);
    state->predictedDisplayPeriod = 11111111;
    state->predictedDisplayTime = t.tv_sec * 1000000000LL + t.tv_nsec + MOCK_TIME_OFFSET;
    state->shouldRender = XR_TRUE;
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL begin_frame(XrSession handle, const XrFrameBeginInfo *info)
{
    GET(session, handle, SESSION);
    if (info)
        CHECK(info, XR_TYPE_FRAME_BEGIN_INFO, XR_TYPE_UNKNOWN);
    if (!session->running)
        return XR_ERROR_SESSION_NOT_RUNNING;
    XrResult result = session->in_frame ? XR_FRAME_DISCARDED : XR_SUCCESS;
    session->in_frame = true;
    return result;
}

static XRAPI_ATTR XrResult XRAPI_CALL end_frame(XrSession handle, const XrFrameEndInfo *info)
{
    GET(session, handle, SESSION);
    CHECK(info, XR_TYPE_FRAME_END_INFO, XR_TYPE_UNKNOWN);
    if (info->layerCount != 0)
        return offence(XR_ERROR_LAYER_INVALID, "nothing can be shown here");
    if (!session->in_frame)
        return XR_ERROR_CALL_ORDER_INVALID;
    session->in_frame = false;
    return XR_SUCCESS;
}

/* ---- graphics ---- */

#ifdef XR_USE_GRAPHICS_API_VULKAN

XrResult mock_vulkan_check(XrInstance handle, const void *given, XrStructureType type)
{
    GET(instance, handle, INSTANCE);
    return check(given, type, XR_TYPE_UNKNOWN);
}

XrResult mock_vulkan_offence(XrResult result, const char *what)
{
    return offence(result, what);
}

#endif

/* ---- spaces ---- */

static XRAPI_ATTR XrResult XRAPI_CALL create_space(XrSession handle,
                                                   const XrReferenceSpaceCreateInfo *info,
                                                   XrSpace *space)
{
    GET(session, handle, SESSION);
    CHECK(info, XR_TYPE_REFERENCE_SPACE_CREATE_INFO, XR_TYPE_UNKNOWN);
    if (info->referenceSpaceType < XR_REFERENCE_SPACE_TYPE_VIEW ||
        info->referenceSpaceType > XR_REFERENCE_SPACE_TYPE_STAGE)
        return offence(XR_ERROR_REFERENCE_SPACE_UNSUPPORTED, "an unknown reference space");
    struct object *made_one = make(SPACE, session);
    if (!made_one)
        return XR_ERROR_LIMIT_REACHED;
    made_one->type = info->referenceSpaceType;
    made_one->pose = info->poseInReferenceSpace;
    *space = (XrSpace)made_one->handle;
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL destroy_space(XrSpace space)
{
    return destroy((uint64_t)space, SPACE);
}

struct motion {
    XrPosef pose;
    XrVector3f linear, angular;
};

static struct motion in_local(const struct object *space, XrTime time)
{
    const float turn = 0.70710678f;
    struct motion m = {.pose = POSE_IDENTITY};
    if (space->type == XR_REFERENCE_SPACE_TYPE_STAGE)
        m.pose = (XrPosef){{0, turn, 0, turn}, {0, -MOCK_FLOOR, 0}};
    if (space->type == XR_REFERENCE_SPACE_TYPE_VIEW) {
        const struct mock_head *head = &mock_script.head;
        float seconds = (float)(time - head->time) / 1e9f;
        m.linear = head->linear;
        m.angular = head->angular;
        m.pose.position = vec_add(head->pose.position, vec_scale(head->linear, seconds));
        m.pose.orientation =
            quat_multiply(quat_exp(vec_scale(head->angular, seconds)), head->pose.orientation);
    }
    XrVector3f arm = quat_rotate(m.pose.orientation, space->pose.position);
    m.linear = vec_add(m.linear, vec_cross(m.angular, arm));
    m.pose = pose_multiply(&m.pose, &space->pose);
    return m;
}

static XRAPI_ATTR XrResult XRAPI_CALL locate_space(XrSpace handle, XrSpace base_handle, XrTime time,
                                                   XrSpaceLocation *location)
{
    struct object *space = get((uint64_t)handle, SPACE), *base = get((uint64_t)base_handle, SPACE);
    if (!space || !base)
        return XR_ERROR_HANDLE_INVALID; /* the layer leaves it to us to find out */
    CHECK(location, XR_TYPE_SPACE_LOCATION, XR_TYPE_SPACE_VELOCITY);
    if (time <= 0)
        return XR_ERROR_TIME_INVALID;
    struct motion s = in_local(space, time), b = in_local(base, time);
    XrQuaternionf back = quat_inverse(b.pose.orientation);
    XrVector3f apart = vec_sub(s.pose.position, b.pose.position);
    location->pose.orientation = quat_multiply(back, s.pose.orientation);
    location->pose.position = quat_rotate(back, apart);
    location->locationFlags = mock_script.head.flags;
    XrSpaceVelocity *velocity = location->next;
    if (velocity) {
        XrVector3f linear = vec_sub(vec_sub(s.linear, b.linear), vec_cross(b.angular, apart));
        velocity->velocityFlags =
            XR_SPACE_VELOCITY_LINEAR_VALID_BIT | XR_SPACE_VELOCITY_ANGULAR_VALID_BIT;
        velocity->linearVelocity = quat_rotate(back, linear);
        velocity->angularVelocity = quat_rotate(back, vec_sub(s.angular, b.angular));
    }
    return XR_SUCCESS;
}

/* ---- times ---- */

static XRAPI_ATTR XrResult XRAPI_CALL to_time(XrInstance handle, const struct timespec *t,
                                              XrTime *time)
{
    GET(instance, handle, INSTANCE);
    *time = t->tv_sec * 1000000000LL + t->tv_nsec + MOCK_TIME_OFFSET;
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL from_time(XrInstance handle, XrTime time, struct timespec *t)
{
    GET(instance, handle, INSTANCE);
    if (time <= MOCK_TIME_OFFSET)
        return XR_ERROR_TIME_INVALID;
    t->tv_sec = (time - MOCK_TIME_OFFSET) / 1000000000LL;
    t->tv_nsec = (time - MOCK_TIME_OFFSET) % 1000000000LL;
    return XR_SUCCESS;
}

/* ---- hands of its own ---- */

static XRAPI_ATTR XrResult XRAPI_CALL create_tracker(XrSession handle,
                                                     const XrHandTrackerCreateInfoEXT *info,
                                                     XrHandTrackerEXT *tracker)
{
    GET(session, handle, SESSION);
    CHECK(info, XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT, XR_TYPE_UNKNOWN);
    if (mock_script.hands_unsupported)
        return offence(XR_ERROR_FEATURE_UNSUPPORTED, "a hand tracker without a device for it");
    *tracker = (XrHandTrackerEXT)make(TRACKER, session)->handle;
    return XR_SUCCESS;
}

static XRAPI_ATTR XrResult XRAPI_CALL destroy_tracker(XrHandTrackerEXT tracker)
{
    return destroy((uint64_t)tracker, TRACKER);
}

static XRAPI_ATTR XrResult XRAPI_CALL locate_joints(XrHandTrackerEXT handle,
                                                    const XrHandJointsLocateInfoEXT *info,
                                                    XrHandJointLocationsEXT *locations)
{
    GET(tracker, handle, TRACKER);
    CHECK(info, XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT, XR_TYPE_UNKNOWN);
    CHECK(locations, XR_TYPE_HAND_JOINT_LOCATIONS_EXT, XR_TYPE_HAND_JOINT_VELOCITIES_EXT);
    locations->isActive = XR_TRUE;
    for (uint32_t i = 0; i < locations->jointCount; i++)
        locations->jointLocations[i] = (XrHandJointLocationEXT){
            .locationFlags = mock_script.head.flags, .pose = {{0, 0, 0, 1}, {0, 0, -10}}, 0.01f};
    return XR_SUCCESS;
}

/* ---- names ---- */

static const struct {
    const char *name;
    unsigned needs; /* enum extension */
    PFN_xrVoidFunction function;
} functions[] = {
    {"xrGetInstanceProcAddr", 0, (PFN_xrVoidFunction)mock_get_instance_proc_addr},
    {"xrEnumerateInstanceExtensionProperties", 0, (PFN_xrVoidFunction)enumerate_extensions},
    {"xrCreateInstance", 0, (PFN_xrVoidFunction)create_instance},
    {"xrDestroyInstance", 0, (PFN_xrVoidFunction)destroy_instance},
    {"xrGetInstanceProperties", 0, (PFN_xrVoidFunction)get_instance_properties},
    {"xrResultToString", 0, (PFN_xrVoidFunction)result_to_string},
    {"xrGetSystem", 0, (PFN_xrVoidFunction)get_system},
    {"xrGetSystemProperties", 0, (PFN_xrVoidFunction)get_system_properties},
    {"xrPollEvent", 0, (PFN_xrVoidFunction)poll_event},
    {"xrCreateSession", 0, (PFN_xrVoidFunction)create_session},
    {"xrDestroySession", 0, (PFN_xrVoidFunction)destroy_session},
    {"xrBeginSession", 0, (PFN_xrVoidFunction)begin_session},
    {"xrRequestExitSession", 0, (PFN_xrVoidFunction)request_exit},
    {"xrEndSession", 0, (PFN_xrVoidFunction)end_session},
    {"xrWaitFrame", 0, (PFN_xrVoidFunction)wait_frame},
    {"xrBeginFrame", 0, (PFN_xrVoidFunction)begin_frame},
    {"xrEndFrame", 0, (PFN_xrVoidFunction)end_frame},
#ifdef XR_USE_GRAPHICS_API_VULKAN
    {"xrGetVulkanGraphicsRequirements2KHR", VULKAN, (PFN_xrVoidFunction)mock_vulkan_requirements},
    {"xrCreateVulkanInstanceKHR", VULKAN, (PFN_xrVoidFunction)mock_vulkan_create_instance},
    {"xrGetVulkanGraphicsDevice2KHR", VULKAN, (PFN_xrVoidFunction)mock_vulkan_device},
    {"xrCreateVulkanDeviceKHR", VULKAN, (PFN_xrVoidFunction)mock_vulkan_create_device},
#endif
    {"xrCreateReferenceSpace", 0, (PFN_xrVoidFunction)create_space},
    {"xrDestroySpace", 0, (PFN_xrVoidFunction)destroy_space},
    {"xrLocateSpace", 0, (PFN_xrVoidFunction)locate_space},
    {"xrConvertTimespecTimeToTimeKHR", TIMESPEC, (PFN_xrVoidFunction)to_time},
    {"xrConvertTimeToTimespecTimeKHR", TIMESPEC, (PFN_xrVoidFunction)from_time},
    {"xrCreateHandTrackerEXT", HANDS, (PFN_xrVoidFunction)create_tracker},
    {"xrDestroyHandTrackerEXT", HANDS, (PFN_xrVoidFunction)destroy_tracker},
    {"xrLocateHandJointsEXT", HANDS, (PFN_xrVoidFunction)locate_joints},
};

XRAPI_ATTR XrResult XRAPI_CALL mock_get_instance_proc_addr(XrInstance handle, const char *name,
                                                           PFN_xrVoidFunction *function)
{
    const struct object *instance = get((uint64_t)handle, INSTANCE);
    *function = NULL;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(functions[i].name, name) == 0 &&
            (functions[i].needs & (instance ? instance->enabled : 0)) == functions[i].needs) {
            *function = functions[i].function;
            return XR_SUCCESS;
        }
    return XR_ERROR_FUNCTION_UNSUPPORTED;
}

XRAPI_ATTR XrResult XRAPI_CALL xrNegotiateLoaderRuntimeInterface(
    const XrNegotiateLoaderInfo *loader, XrNegotiateRuntimeRequest *request)
{
    if (!loader || loader->structType != XR_LOADER_INTERFACE_STRUCT_LOADER_INFO || !request ||
        request->structType != XR_LOADER_INTERFACE_STRUCT_RUNTIME_REQUEST ||
        loader->minInterfaceVersion > 1 || loader->maxInterfaceVersion < 1)
        return XR_ERROR_INITIALIZATION_FAILED;
    request->runtimeInterfaceVersion = 1;
    request->runtimeApiVersion = XR_MAKE_VERSION(1, 0, 20);
    request->getInstanceProcAddr = mock_get_instance_proc_addr;
    return XR_SUCCESS;
}
