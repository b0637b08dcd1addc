/*
 * What an app hands to the OpenXR layer, and what a daemon publishes to it: the input is a sample
 * of hands, then calls whose structs and chains are of its bytes, in any order, in circles too.
 * Beneath is the mock runtime, which must get nothing that it does not know; in the feed's place
 * stands the sample. A hand that is told is one: finite, rotations of length 1. With a bit of the
 * input set it is the same for depth and planes, whose samples are of the input as well.
 *
 * Build with the preset "fuzz"; run: fuzz_openxr
 */
#include "mock_runtime.h"
#include "openxr_input.h"

#include "openxr/feed_hands.h"
#include "openxr/feed_source.h"
#include "openxr/layer.h"
#include "openxr/pose.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { POOL = 8, HANDLES = 4, SAMPLE_BYTES = 4096, SIDE = 16 };

static struct percept_hands frame;
static struct skeleton seen[2]; /* by handedness; id 0: not */
static int64_t captured;

/* ---- in the feed's place ---- */

void feed_hands_read(XrHandEXT hand, int64_t time_ns, struct feed_hands_view *view)
{
    const struct skeleton *skeleton = &seen[hand == XR_HAND_RIGHT_EXT];
    (void)time_ns;
    *view = (struct feed_hands_view){.live = true, .count = skeleton->id ? 2 : 0};
    for (size_t i = 0; i < 2; i++) {
        view->samples[i].hand = *skeleton;
        view->samples[i].capture_ns = captured - (int64_t)i * 33 * BASE_NS_PER_MS;
    }
}

/* ---- structs ---- */

union any {
    XrBaseOutStructure base;
    XrHandJointVelocitiesEXT velocities;
    XrHandTrackingDataSourceInfoEXT sources;
    XrHandTrackingDataSourceStateEXT state;
    XrHandTrackingAimStateFB aim;
    XrHandTrackingUnextrapolatedPosesMETA unextrapolated;
    XrEnvironmentDepthImageTimestampMETA stamp;
};

static union any pool[POOL];
static XrHandJointVelocityEXT rates[XR_HAND_JOINT_COUNT_EXT];
static XrHandJointLocationEXT joints[XR_HAND_JOINT_COUNT_EXT];
static XrHandTrackingDataSourceEXT sources[4];

static uint32_t joint_count(void)
{
    static const uint32_t counts[] = {26, 0, 25, 27, UINT32_MAX};
    unsigned n = input_byte();
    return n < 128 ? 26 : counts[n % 5];
}

/* A chain; its links may go round. */
static void *chain(void)
{
    static const XrStructureType types[] = {
        XR_TYPE_HAND_JOINT_VELOCITIES_EXT,
        XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT,
        XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT,
        XR_TYPE_HAND_TRACKING_AIM_STATE_FB,
        XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_META,
        XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META,
        XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT,
        XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_TIMESTAMP_META,
        (XrStructureType)1999999999,
    };
    memset(pool, 0xa5, sizeof pool);
    for (size_t i = 0; i < POOL; i++) {
        unsigned link = input_byte();
        pool[i].base.type = types[input_byte() % (sizeof types / sizeof types[0])];
        pool[i].base.next = link < 64    ? NULL
                            : link < 192 ? (i + 1 < POOL ? &pool[i + 1].base : NULL)
                                         : &pool[link % POOL].base;
        if (pool[i].base.type == XR_TYPE_HAND_JOINT_VELOCITIES_EXT) {
            pool[i].velocities.jointCount = joint_count();
            pool[i].velocities.jointVelocities = input_byte() < 250 ? rates : NULL;
        }
        if (pool[i].base.type == XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT) {
            pool[i].sources.requestedDataSourceCount = input_byte() % 5;
            pool[i].sources.requestedDataSources = input_byte() < 250 ? sources : NULL;
        }
    }
    input_bytes(sources, sizeof sources / 2);
    return input_byte() < 32 ? NULL : &pool[0];
}

/* ---- calls ---- */

static XRAPI_ATTR XrResult XRAPI_CALL create_below(const XrInstanceCreateInfo *info,
                                                   const XrApiLayerCreateInfo *layer,
                                                   XrInstance *instance)
{
    PFN_xrCreateInstance create;
    (void)layer;
    mock_get_instance_proc_addr(XR_NULL_HANDLE, "xrCreateInstance", (PFN_xrVoidFunction *)&create);
    return create(info, instance);
}

static XrResult create_instance(XrInstance *instance)
{
    static const char *const names[] = {XR_MND_HEADLESS_EXTENSION_NAME,
                                        XR_EXT_HAND_TRACKING_EXTENSION_NAME,
                                        XR_EXT_HAND_TRACKING_DATA_SOURCE_EXTENSION_NAME,
                                        XR_FB_HAND_TRACKING_AIM_EXTENSION_NAME,
                                        XR_META_HAND_TRACKING_UNEXTRAPOLATED_POSES_EXTENSION_NAME,
                                        XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME};
    const char *enabled[10] = {XR_MND_HEADLESS_EXTENSION_NAME};
    XrInstanceCreateInfo info = {.type = XR_TYPE_INSTANCE_CREATE_INFO,
                                 .enabledExtensionCount = 1,
                                 .enabledExtensionNames = enabled};
    XrApiLayerNextInfo next = {.structType = XR_LOADER_INTERFACE_STRUCT_API_LAYER_NEXT_INFO,
                               .structVersion = 1,
                               .structSize = sizeof next,
                               .layerName = LAYER_NAME,
                               .nextGetInstanceProcAddr = mock_get_instance_proc_addr,
                               .nextCreateApiLayerInstance = create_below};
    XrApiLayerCreateInfo layer = {.structType = XR_LOADER_INTERFACE_STRUCT_API_LAYER_CREATE_INFO,
                                  .structVersion = 1,
                                  .structSize = sizeof layer,
                                  .nextInfo = &next};
    unsigned which = input_byte();
    for (unsigned i = 1; i < 6; i++)
        if (which & (1u << i))
            enabled[info.enabledExtensionCount++] = names[i];
    if (which & 0x40) { /* the room */
        enabled[info.enabledExtensionCount++] = XR_META_ENVIRONMENT_DEPTH_EXTENSION_NAME;
        enabled[info.enabledExtensionCount++] = XR_PERCEPT_DEPTH_MAP_EXTENSION_NAME;
        enabled[info.enabledExtensionCount++] = XR_EXT_PLANE_DETECTION_EXTENSION_NAME;
    }
    mock_script.has_hands = which & 1;
    return layer_create_instance(&info, &layer, instance);
}

#define FIND(instance, name)                                                                      \
    PFN_##name name = NULL;                                                                       \
    if (layer_get_instance_proc_addr(instance, #name, (PFN_xrVoidFunction *)&name) != XR_SUCCESS) \
    abort()

static void check_joints(const XrHandJointLocationsEXT *locations)
{
    for (size_t i = 0; locations->isActive && i < XR_HAND_JOINT_COUNT_EXT; i++) {
        XrQuaternionf q = joints[i].pose.orientation;
        float length = q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w;
        if (!isfinite(vec_length(joints[i].pose.position)) || fabsf(length - 1) > 1e-3f ||
            !(joints[i].radius > 0))
            abort();
    }
}

static void use_hands(XrInstance instance, XrSession session, XrSpace space)
{
    FIND(instance, xrCreateHandTrackerEXT);
    FIND(instance, xrDestroyHandTrackerEXT);
    FIND(instance, xrLocateHandJointsEXT);
    XrHandTrackerCreateInfoEXT create = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                         .hand = 1 + input_byte() % 2};
    XrHandTrackerEXT tracker;
    create.next = mock_script.has_hands ? NULL : chain(); /* the mock takes none */
    if (xrCreateHandTrackerEXT(session, &create, &tracker) != XR_SUCCESS)
        return;
    while (input_left() > 0) {
        XrHandJointsLocateInfoEXT info = {.type = XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT,
                                          .baseSpace = input_byte() < 240 ? space : XR_NULL_HANDLE};
        XrHandJointLocationsEXT locations = {.type = XR_TYPE_HAND_JOINT_LOCATIONS_EXT,
                                             .jointLocations = joints};
        XrHandTrackingUnextrapolatedPosesRequestMETA request = {
            .type = XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META};
        unsigned what = input_byte();
        int32_t apart;
        input_bytes(&apart, sizeof apart);
        info.time = what & 1 ? apart : MOCK_TIME_OFFSET + captured + apart;
        info.next = what & 2 && !mock_script.has_hands ? &request : NULL;
        locations.jointCount = mock_script.has_hands ? 26 : joint_count();
        locations.next = mock_script.has_hands ? NULL : chain();
        if (xrLocateHandJointsEXT(tracker, &info, &locations) == XR_SUCCESS)
            check_joints(&locations);
    }
    if (input_byte() % 2 == 0 && xrDestroyHandTrackerEXT(tracker) != XR_SUCCESS)
        abort();
}

/* ---- depth and planes ---- */

static void publish_depth(void)
{
    static _Alignas(64) union {
        struct percept_depth depth;
        uint8_t bytes[SAMPLE_BYTES];
    } sample;
    input_bytes(&sample.depth, sizeof sample.depth);
    input_bytes(sample.bytes + 512, 64);
    sample.depth.capture_ns = base_clock_ns();
    if (input_byte() % 4) { /* a map as it should be, but for what the input says of it */
        uint32_t width = 1 + input_byte() % SIDE, height = 1 + input_byte() % SIDE;
        uint32_t type = input_byte() % 2 ? PERCEPT_UINT16 : PERCEPT_FLOAT32;
        size_t element = type == PERCEPT_UINT16 ? 2 : 4;
        sample.depth.width = width;
        sample.depth.height = height;
        sample.depth.map_count = 2;
        for (size_t i = 0; i < 2; i++) {
            struct percept_tensor *map = &sample.depth.maps[i];
            map->dtype = i ? PERCEPT_UINT8 : type;
            map->rank = 2;
            map->sizes[0] = height;
            map->sizes[1] = width;
            map->offset = i ? 2048 : 512;
            map->bytes = (size_t)width * height * (i ? 1 : element);
        }
    }
    feed_depth.take(&(struct percept_sample){.data = &sample, .size = SAMPLE_BYTES - input_byte()});
}

static void publish_planes(void)
{
    struct percept_planes planes;
    input_bytes(&planes, sizeof planes);
    planes.capture_ns = base_clock_ns();
    planes.plane_count %= PERCEPT_PLANES_MAX + 2;
    feed_planes.take(&(struct percept_sample){.data = &planes, .size = sizeof planes});
}

static void check_pose(const XrPosef *pose)
{
    XrQuaternionf q = pose->orientation;
    float length = q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w;
    if (!isfinite(vec_length(pose->position)) || fabsf(length - 1) > 1e-3f)
        abort();
}

static XrTime any_time(void)
{
    int32_t apart;
    input_bytes(&apart, sizeof apart);
    return input_byte() % 4 ? base_clock_ns() + MOCK_TIME_OFFSET : apart;
}

struct room {
    XrSession session;
    XrSpace space;
    XrEnvironmentDepthProviderMETA providers[HANDLES];
    XrDepthReaderPERCEPT readers[HANDLES];
    XrPlaneDetectorEXT detectors[HANDLES];
};

static void read_map(const struct room *room, unsigned which, PFN_xrGetDepthMapPERCEPT get)
{
    enum { MOST = SIDE * SIDE };
    float metres[MOST];
    uint8_t confidence[MOST];
    XrDepthMapGetInfoPERCEPT info = {XR_TYPE_DEPTH_MAP_GET_INFO_PERCEPT, chain(), room->space,
                                     any_time()};
    XrDepthMapPERCEPT map = {.type = XR_TYPE_DEPTH_MAP_PERCEPT,
                             .next = chain(),
                             .capacityInput = input_byte() % 2 ? MOST : input_byte(),
                             .metres = input_byte() % 8 ? metres : NULL,
                             .confidence = input_byte() % 8 ? confidence : NULL};
    if (get(room->readers[which], &info, &map) != XR_SUCCESS || !map.isActive)
        return;
    if (map.locationFlags)
        check_pose(&map.pose);
    for (uint32_t i = 0; map.metres && map.capacityInput && i < map.countOutput; i++)
        if (!(metres[i] >= 0))
            abort();
}

static void begin_detection(const struct room *room, unsigned which,
                            PFN_xrBeginPlaneDetectionEXT begin)
{
    uint32_t values[4] = {input_byte() % 5, input_byte() % 5, input_byte() % 6, input_byte()};
    XrPlaneDetectorBeginInfoEXT info = {.type = XR_TYPE_PLANE_DETECTOR_BEGIN_INFO_EXT,
                                        .next = chain(),
                                        .baseSpace =
                                            input_byte() % 16 ? room->space : XR_NULL_HANDLE,
                                        .time = any_time(),
                                        .orientationCount = input_byte() % 5,
                                        .semanticTypeCount = input_byte() % 5,
                                        .maxPlanes = input_byte() % 10};
    input_bytes(&info.minArea, sizeof info.minArea);
    input_bytes(&info.boundingBoxPose, sizeof info.boundingBoxPose);
    input_bytes(&info.boundingBoxExtent, sizeof info.boundingBoxExtent);
    if (input_byte() % 2)
        info.orientations = (const void *)values;
    if (input_byte() % 2)
        info.semanticTypes = (const void *)values;
    if (input_byte() % 4) {
        info.boundingBoxPose = POSE_IDENTITY;
        info.boundingBoxExtent = (XrExtent3DfEXT){100, 100, 100};
        info.minArea = 0;
    }
    begin(room->detectors[which], &info);
}

static void get_detections(const struct room *room, unsigned which, PFN_xrGetPlaneDetectionsEXT get)
{
    XrPlaneDetectorLocationEXT planes[PERCEPT_PLANES_MAX];
    XrPlaneDetectorGetInfoEXT info = {XR_TYPE_PLANE_DETECTOR_GET_INFO_EXT, chain(), room->space,
                                      any_time()};
    XrPlaneDetectorLocationsEXT locations = {XR_TYPE_PLANE_DETECTOR_LOCATIONS_EXT, chain(),
                                             input_byte() % (PERCEPT_PLANES_MAX + 1), 0, planes};
    for (size_t i = 0; i < PERCEPT_PLANES_MAX; i++)
        planes[i].type = XR_TYPE_PLANE_DETECTOR_LOCATION_EXT;
    if (get(room->detectors[which], &info, &locations) == XR_SUCCESS)
        for (uint32_t i = 0;
             locations.planeLocationCapacityInput && i < locations.planeLocationCountOutput; i++) {
            check_pose(&planes[i].pose);
            if (!(planes[i].extents.width > 0 && planes[i].extents.height > 0))
                abort();
        }
}

static void acquire_image(const struct room *room, unsigned which,
                          PFN_xrAcquireEnvironmentDepthImageMETA acquire)
{
    XrEnvironmentDepthImageAcquireInfoMETA info = {
        XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_ACQUIRE_INFO_META, chain(), room->space, any_time()};
    XrEnvironmentDepthImageMETA image = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_META,
        .views = {{.type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META},
                  {.type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META}}};
    if (acquire(room->providers[which], &info, &image) == XR_SUCCESS)
        abort(); /* a session that does not draw has no swapchain */
}

static void use_room(XrInstance instance, XrSession session, XrSpace space)
{
    struct room room = {.session = session, .space = space};
    XrPlaneDetectionStateEXT state;
    XrVector2f corners[4];
    FIND(instance, xrCreateEnvironmentDepthProviderMETA);
    FIND(instance, xrDestroyEnvironmentDepthProviderMETA);
    FIND(instance, xrStartEnvironmentDepthProviderMETA);
    FIND(instance, xrStopEnvironmentDepthProviderMETA);
    FIND(instance, xrAcquireEnvironmentDepthImageMETA);
    FIND(instance, xrCreateDepthReaderPERCEPT);
    FIND(instance, xrDestroyDepthReaderPERCEPT);
    FIND(instance, xrGetDepthMapPERCEPT);
    FIND(instance, xrCreatePlaneDetectorEXT);
    FIND(instance, xrDestroyPlaneDetectorEXT);
    FIND(instance, xrBeginPlaneDetectionEXT);
    FIND(instance, xrGetPlaneDetectionStateEXT);
    FIND(instance, xrGetPlaneDetectionsEXT);
    FIND(instance, xrGetPlanePolygonBufferEXT);
    for (unsigned i = 0; i < HANDLES; i++) {
        XrEnvironmentDepthProviderCreateInfoMETA provider = {
            XR_TYPE_ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META, chain(), 0};
        XrDepthReaderCreateInfoPERCEPT reader = {XR_TYPE_DEPTH_READER_CREATE_INFO_PERCEPT, chain()};
        XrPlaneDetectorCreateInfoEXT detector = {XR_TYPE_PLANE_DETECTOR_CREATE_INFO_EXT, chain(),
                                                 input_byte() % 2};
        xrCreateEnvironmentDepthProviderMETA(session, &provider, &room.providers[i]);
        xrCreateDepthReaderPERCEPT(session, &reader, &room.readers[i]);
        xrCreatePlaneDetectorEXT(session, &detector, &room.detectors[i]);
    }
    while (input_left() > 0) {
        unsigned call = input_byte(), which = input_byte() % HANDLES;
        XrPlaneDetectorPolygonBufferEXT buffer = {XR_TYPE_PLANE_DETECTOR_POLYGON_BUFFER_EXT, NULL,
                                                  input_byte() % 5, 0, corners};
        switch (call % 13) {
        case 0:
            publish_depth();
            break;
        case 1:
            publish_planes();
            break;
        case 2:
            read_map(&room, which, xrGetDepthMapPERCEPT);
            break;
        case 3:
            begin_detection(&room, which, xrBeginPlaneDetectionEXT);
            break;
        case 4:
            xrGetPlaneDetectionStateEXT(room.detectors[which], &state);
            break;
        case 5:
            get_detections(&room, which, xrGetPlaneDetectionsEXT);
            break;
        case 6:
            xrGetPlanePolygonBufferEXT(room.detectors[which], input_byte(), input_byte() % 3,
                                       &buffer);
            break;
        case 7:
            xrStartEnvironmentDepthProviderMETA(room.providers[which]);
            break;
        case 8:
            xrStopEnvironmentDepthProviderMETA(room.providers[which]);
            break;
        case 9:
            acquire_image(&room, which, xrAcquireEnvironmentDepthImageMETA);
            break;
        case 10:
            xrDestroyEnvironmentDepthProviderMETA(room.providers[which]);
            break;
        case 11:
            xrDestroyDepthReaderPERCEPT(room.readers[which]);
            break;
        default:
            xrDestroyPlaneDetectorEXT(room.detectors[which]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct skeleton_memory memory[2] = {{0}};
    XrInstance instance;
    XrSession session;
    XrSpace space;
    input_begin(data, size);
    captured = 1000 * BASE_NS_PER_S;
    input_bytes(&frame, sizeof frame);
    for (size_t i = 0; i < 2; i++) {
        seen[i] = (struct skeleton){.id = 0};
        skeleton_from_hand(&frame, &frame.hands[i], 1, &memory[i], &seen[i]);
    }
    if (create_instance(&instance) == XR_SUCCESS) {
        PFN_xrVoidFunction hands, depth;
        XrSessionCreateInfo info = {.type = XR_TYPE_SESSION_CREATE_INFO, .systemId = 1};
        XrReferenceSpaceCreateInfo local = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                            .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_LOCAL,
                                            .poseInReferenceSpace = POSE_IDENTITY};
        FIND(instance, xrCreateSession);
        FIND(instance, xrCreateReferenceSpace);
        FIND(instance, xrDestroyInstance);
        if (xrCreateSession(instance, &info, &session) != XR_SUCCESS ||
            xrCreateReferenceSpace(session, &local, &space) != XR_SUCCESS)
            abort();
        bool room =
            layer_get_instance_proc_addr(instance, "xrGetDepthMapPERCEPT", &depth) == XR_SUCCESS;
        if (!room &&
            layer_get_instance_proc_addr(instance, "xrCreateHandTrackerEXT", &hands) == XR_SUCCESS)
            use_hands(instance, session, space);
        if (room)
            use_room(instance, session, space);
        if (xrDestroyInstance(instance) != XR_SUCCESS)
            abort();
    }
    if (mock_offences() != 0 || mock_objects() != 0)
        abort();
    return 0;
}
