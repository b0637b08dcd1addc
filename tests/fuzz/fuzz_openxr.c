/*
 * What an app hands to the OpenXR layer, and what a daemon publishes to it: the input is a sample
 * of hands, then calls whose structs and chains are of its bytes, in any order, in circles too.
 * Beneath is the mock runtime, which must get nothing that it does not know; in the feed's place
 * stands the sample. A hand that is told is one: finite, rotations of length 1.
 *
 * Build with the preset "fuzz"; run: fuzz_openxr
 */
#include "mock_runtime.h"

#include "openxr/feed.h"
#include "openxr/layer.h"
#include "openxr/pose.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { POOL = 8 };

static const uint8_t *input;
static size_t left;

static struct percept_hands frame;
static struct skeleton seen[2]; /* by handedness; id 0: not */
static int64_t captured;

/* ---- in the feed's place ---- */

bool feed_hold(void)
{
    return true;
}

void feed_release(void)
{
}

void feed_read(XrHandEXT hand, int64_t time_ns, struct feed_view *view)
{
    const struct skeleton *skeleton = &seen[hand == XR_HAND_RIGHT_EXT];
    (void)time_ns;
    *view = (struct feed_view){.live = true, .count = skeleton->id ? 2 : 0};
    for (size_t i = 0; i < 2; i++) {
        view->samples[i].hand = *skeleton;
        view->samples[i].capture_ns = captured - (int64_t)i * 33 * BASE_NS_PER_MS;
    }
}

/* ---- bytes ---- */

static unsigned byte(void)
{
    if (left == 0)
        return 0;
    left--;
    return *input++;
}

static void bytes(void *to, size_t size)
{
    size_t have = size < left ? size : left;
    memset(to, 0, size);
    memcpy(to, input, have);
    input += have;
    left -= have;
}

/* ---- structs ---- */

union any {
    XrBaseOutStructure base;
    XrHandJointVelocitiesEXT velocities;
    XrHandTrackingDataSourceInfoEXT sources;
    XrHandTrackingDataSourceStateEXT state;
    XrHandTrackingAimStateFB aim;
    XrHandTrackingUnextrapolatedPosesMETA unextrapolated;
};

static union any pool[POOL];
static XrHandJointVelocityEXT rates[XR_HAND_JOINT_COUNT_EXT];
static XrHandJointLocationEXT joints[XR_HAND_JOINT_COUNT_EXT];
static XrHandTrackingDataSourceEXT sources[4];

static uint32_t joint_count(void)
{
    static const uint32_t counts[] = {26, 0, 25, 27, UINT32_MAX};
    unsigned n = byte();
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
        (XrStructureType)1999999999,
    };
    memset(pool, 0xa5, sizeof pool);
    for (size_t i = 0; i < POOL; i++) {
        unsigned link = byte();
        pool[i].base.type = types[byte() % (sizeof types / sizeof types[0])];
        pool[i].base.next = link < 64    ? NULL
                            : link < 192 ? (i + 1 < POOL ? &pool[i + 1].base : NULL)
                                         : &pool[link % POOL].base;
        if (pool[i].base.type == XR_TYPE_HAND_JOINT_VELOCITIES_EXT) {
            pool[i].velocities.jointCount = joint_count();
            pool[i].velocities.jointVelocities = byte() < 250 ? rates : NULL;
        }
        if (pool[i].base.type == XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT) {
            pool[i].sources.requestedDataSourceCount = byte() % 5;
            pool[i].sources.requestedDataSources = byte() < 250 ? sources : NULL;
        }
    }
    bytes(sources, sizeof sources / 2);
    return byte() < 32 ? NULL : &pool[0];
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
    const char *enabled[7] = {XR_MND_HEADLESS_EXTENSION_NAME};
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
    unsigned which = byte();
    for (unsigned i = 1; i < 6; i++)
        if (which & (1u << i))
            enabled[info.enabledExtensionCount++] = names[i];
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
                                         .hand = 1 + byte() % 2};
    XrHandTrackerEXT tracker;
    create.next = mock_script.has_hands ? NULL : chain(); /* the mock takes none */
    if (xrCreateHandTrackerEXT(session, &create, &tracker) != XR_SUCCESS)
        return;
    while (left > 0) {
        XrHandJointsLocateInfoEXT info = {.type = XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT,
                                          .baseSpace = byte() < 240 ? space : XR_NULL_HANDLE};
        XrHandJointLocationsEXT locations = {.type = XR_TYPE_HAND_JOINT_LOCATIONS_EXT,
                                             .jointLocations = joints};
        XrHandTrackingUnextrapolatedPosesRequestMETA request = {
            .type = XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META};
        unsigned what = byte();
        int32_t apart;
        bytes(&apart, sizeof apart);
        info.time = what & 1 ? apart : MOCK_TIME_OFFSET + captured + apart;
        info.next = what & 2 && !mock_script.has_hands ? &request : NULL;
        locations.jointCount = mock_script.has_hands ? 26 : joint_count();
        locations.next = mock_script.has_hands ? NULL : chain();
        if (xrLocateHandJointsEXT(tracker, &info, &locations) == XR_SUCCESS)
            check_joints(&locations);
    }
    if (byte() % 2 == 0 && xrDestroyHandTrackerEXT(tracker) != XR_SUCCESS)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct skeleton_memory memory[2] = {{0}};
    XrInstance instance;
    XrSession session;
    XrSpace space;
    input = data;
    left = size;
    captured = 1000 * BASE_NS_PER_S;
    bytes(&frame, sizeof frame);
    for (size_t i = 0; i < 2; i++) {
        seen[i] = (struct skeleton){.id = 0};
        skeleton_from_hand(&frame, &frame.hands[i], 1, &memory[i], &seen[i]);
    }
    if (create_instance(&instance) == XR_SUCCESS) {
        PFN_xrVoidFunction hands;
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
        if (layer_get_instance_proc_addr(instance, "xrCreateHandTrackerEXT", &hands) == XR_SUCCESS)
            use_hands(instance, session, space);
        if (xrDestroyInstance(instance) != XR_SUCCESS)
            abort();
    }
    if (mock_offences() != 0 || mock_objects() != 0)
        abort();
    return 0;
}
