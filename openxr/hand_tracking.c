/*
 * XR_EXT_hand_tracking and what adds to it: XR_EXT_hand_tracking_data_source,
 * XR_FB_hand_tracking_aim and XR_META_hand_tracking_unextrapolated_poses. Arguments are checked as
 * the specification's valid usage has it; structs in a chain that are of none of these, or not
 * enabled, are passed over.
 */
#include "openxr/aim.h"
#include "openxr/layer.h"
#include "openxr/locate.h"
#include "openxr/pose.h"

enum { CHAIN_MAX = 256 }; /* a longer chain goes round */

/* NULL when there is none, or when the feature that it belongs to is not among those. */
static void *find(const void *chain, XrStructureType type, bool enabled)
{
    const XrBaseInStructure *s = enabled ? chain : NULL;
    for (int i = 0; s && i < CHAIN_MAX; i++, s = s->next)
        if (s->type == type)
            return (void *)s;
    return NULL;
}

/*
 * Structs of extensions that were kept from the runtime are kept from it, too: they leave their
 * chain while the call is under way. The chain is the call's to change, as it is one of outputs.
 */
struct taken_out {
    XrBaseOutStructure *before, *taken; /* taken NULL: none was there */
};

static struct taken_out take_out(void *head, XrStructureType type, bool enabled)
{
    XrBaseOutStructure *s = enabled ? head : NULL;
    for (int i = 0; s && s->next && i < CHAIN_MAX; i++, s = s->next)
        if (s->next->type == type) {
            struct taken_out out = {s, s->next};
            s->next = out.taken->next;
            return out;
        }
    return (struct taken_out){NULL, NULL};
}

static void put_back(const struct taken_out *out)
{
    if (out->taken)
        out->before->next = out->taken;
}

/* Without them nothing tells what a camera's time is in the runtime's. */
static bool can_track(const struct instance *instance)
{
    return instance->xrConvertTimeToTimespecTimeKHR && instance->xrConvertTimespecTimeToTimeKHR;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_system_properties(XrInstance handle, XrSystemId system,
                                                           XrSystemProperties *properties)
{
    struct instance instance;
    if (!objects_find_instance(handle, &instance))
        return XR_ERROR_HANDLE_INVALID;
    struct taken_out hands =
        take_out(properties, XR_TYPE_SYSTEM_HAND_TRACKING_PROPERTIES_EXT, true);
    XrResult result = instance.xrGetSystemProperties(handle, system, properties);
    put_back(&hands);
    if (XR_SUCCEEDED(result) && hands.taken)
        ((XrSystemHandTrackingPropertiesEXT *)hands.taken)->supportsHandTracking =
            can_track(&instance);
    return result;
}

/* ---- trackers ---- */

static XrResult read_sources(const XrHandTrackingDataSourceInfoEXT *info, struct tracker *tracker)
{
    unsigned asked = 0;
    if (info->requestedDataSourceCount == 0 || !info->requestedDataSources)
        return XR_ERROR_VALIDATION_FAILURE;
    for (uint32_t i = 0; i < info->requestedDataSourceCount; i++) {
        XrHandTrackingDataSourceEXT source = info->requestedDataSources[i];
        if (source != XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT &&
            source != XR_HAND_TRACKING_DATA_SOURCE_CONTROLLER_EXT)
            return XR_ERROR_VALIDATION_FAILURE;
        if (asked & (1u << source))
            return XR_ERROR_VALIDATION_FAILURE; /* twice */
        asked |= 1u << source;
    }
    tracker->told_sources = true;
    tracker->takes_cameras = asked & (1u << XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT);
    return XR_SUCCESS;
}

static XrResult read_create_info(const XrHandTrackerCreateInfoEXT *info, struct tracker *tracker)
{
    if (!info || info->type != XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT ||
        (info->hand != XR_HAND_LEFT_EXT && info->hand != XR_HAND_RIGHT_EXT) ||
        info->handJointSet != XR_HAND_JOINT_SET_DEFAULT_EXT)
        return XR_ERROR_VALIDATION_FAILURE;
    tracker->hand = info->hand;
    tracker->takes_cameras = true;
    const XrHandTrackingDataSourceInfoEXT *sources =
        find(info->next, XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT,
             tracker->instance.served & FEATURE_SOURCE);
    return sources ? read_sources(sources, tracker) : XR_SUCCESS;
}

static void let_go(const struct tracker *tracker)
{
    if (tracker->world != XR_NULL_HANDLE)
        tracker->instance.xrDestroySpace(tracker->world);
    if (tracker->view != XR_NULL_HANDLE)
        tracker->instance.xrDestroySpace(tracker->view);
}

static XrResult make_spaces(struct tracker *tracker)
{
    XrReferenceSpaceCreateInfo info = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                       .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_VIEW,
                                       .poseInReferenceSpace = POSE_IDENTITY};
    const struct instance *below = &tracker->instance;
    XrResult result = below->xrCreateReferenceSpace(tracker->session, &info, &tracker->view);
    info.referenceSpaceType = XR_REFERENCE_SPACE_TYPE_LOCAL;
    if (XR_SUCCEEDED(result))
        result = below->xrCreateReferenceSpace(tracker->session, &info, &tracker->world);
    return result;
}

static XrResult create_ours(struct tracker *tracker, const XrHandTrackerCreateInfoEXT *info)
{
    tracker->ours = true;
    XrResult result = read_create_info(info, tracker);
    if (XR_SUCCEEDED(result))
        result =
            can_track(&tracker->instance) ? make_spaces(tracker) : XR_ERROR_FEATURE_UNSUPPORTED;
    if (XR_FAILED(result)) {
        let_go(tracker);
        return result;
    }
    tracker->fed = feed_hold(); /* without it, the tracker is never active */
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_create_hand_tracker(XrSession session,
                                                         const XrHandTrackerCreateInfoEXT *info,
                                                         XrHandTrackerEXT *handle)
{
    struct tracker tracker = {.session = session};
    if (!objects_find_session(session, &tracker.instance))
        return XR_ERROR_HANDLE_INVALID;
    const struct instance *below = &tracker.instance;
    if (!handle)
        return XR_ERROR_VALIDATION_FAILURE;
    XrResult result = below->served ? create_ours(&tracker, info)
                                    : below->xrCreateHandTrackerEXT(session, info, &tracker.handle);
    if (XR_FAILED(result))
        return result;
    if (!objects_add_tracker(&tracker)) {
        if (!tracker.ours)
            below->xrDestroyHandTrackerEXT(tracker.handle);
        if (tracker.fed)
            feed_release();
        let_go(&tracker);
        return XR_ERROR_LIMIT_REACHED;
    }
    *handle = tracker.handle;
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_hand_tracker(XrHandTrackerEXT handle)
{
    struct tracker tracker;
    if (!objects_remove_tracker(handle, &tracker))
        return XR_ERROR_HANDLE_INVALID;
    if (!tracker.ours)
        return tracker.instance.xrDestroyHandTrackerEXT(handle);
    let_go(&tracker);
    return XR_SUCCESS;
}

/* ---- joints ---- */

/* What an app may have chained; NULL: it has not. */
struct chained {
    XrHandJointVelocitiesEXT *velocities;
    XrHandTrackingDataSourceStateEXT *source;
    XrHandTrackingAimStateFB *aim;
    XrHandTrackingUnextrapolatedPosesMETA *unextrapolated;
    bool as_captured;
};

static void find_chained(const XrHandJointsLocateInfoEXT *info,
                         const XrHandJointLocationsEXT *locations, unsigned features,
                         struct chained *chained)
{
    void *next = locations->next;
    chained->velocities = find(next, XR_TYPE_HAND_JOINT_VELOCITIES_EXT, features & FEATURE_HANDS);
    chained->source =
        find(next, XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT, features & FEATURE_SOURCE);
    chained->aim = find(next, XR_TYPE_HAND_TRACKING_AIM_STATE_FB, features & FEATURE_AIM);
    chained->as_captured = find(info->next, XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META,
                                features & FEATURE_UNEXTRAPOLATED);
    chained->unextrapolated =
        find(next, XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_META, chained->as_captured);
}

/* Where the runtime finds hands, but the app has chained what only we know of: say that nothing is
 * known, rather than leave what was in the memory. */
static XrResult locate_below(const struct tracker *tracker, const XrHandJointsLocateInfoEXT *info,
                             XrHandJointLocationsEXT *locations)
{
    static const struct {
        XrStructureType type;
        unsigned feature;
    } ours[] = {
        {XR_TYPE_HAND_TRACKING_AIM_STATE_FB, FEATURE_AIM},
        {XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT, FEATURE_SOURCE},
        {XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_META, FEATURE_UNEXTRAPOLATED},
    };
    enum { OURS = sizeof ours / sizeof ours[0] };
    struct chained chained;
    struct taken_out taken[OURS];
    find_chained(info, locations, tracker->instance.withheld, &chained);
    for (size_t i = 0; i < OURS; i++)
        taken[i] = take_out(locations, ours[i].type, tracker->instance.withheld & ours[i].feature);
    XrResult result = tracker->instance.xrLocateHandJointsEXT(tracker->handle, info, locations);
    for (size_t i = OURS; i-- > 0;)
        put_back(&taken[i]);
    if (XR_FAILED(result))
        return result;
    if (chained.aim)
        aim_fill(NULL, XR_HAND_LEFT_EXT, chained.aim);
    if (chained.source) {
        chained.source->isActive = locations->isActive;
        chained.source->dataSource = XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT;
    }
    if (chained.unextrapolated)
        chained.unextrapolated->captureTime = 0;
    return result;
}

static void write_inactive(XrHandJointLocationsEXT *locations, const struct chained *chained)
{
    locations->isActive = XR_FALSE;
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        locations->jointLocations[i] = (XrHandJointLocationEXT){.pose = POSE_IDENTITY};
        if (chained->velocities)
            chained->velocities->jointVelocities[i] = (XrHandJointVelocityEXT){0};
    }
    if (chained->aim)
        aim_fill(NULL, XR_HAND_LEFT_EXT, chained->aim);
    if (chained->unextrapolated)
        chained->unextrapolated->captureTime = 0;
}

static void write_active(const struct hand_motion *motion, const struct located *base,
                         XrHandEXT hand, XrHandJointLocationsEXT *locations,
                         const struct chained *chained)
{
    XrSpaceVelocityFlags moves =
        motion->moves ? XR_SPACE_VELOCITY_LINEAR_VALID_BIT | XR_SPACE_VELOCITY_ANGULAR_VALID_BIT
                      : 0;
    locations->isActive = XR_TRUE;
    for (size_t i = 0; i < XR_HAND_JOINT_COUNT_EXT; i++) {
        const typeof(motion->joints[0]) *joint = &motion->joints[i];
        XrHandJointLocationEXT *out = &locations->jointLocations[i];
        out->locationFlags = LOCATED_VALID | (base->flags & LOCATED_TRACKED);
        out->pose = joint->pose;
        out->radius = joint->radius;
        if (!chained->velocities)
            continue;
        /* The space may move about the world, which counts the more the farther off the joint is.
         */
        XrVector3f arm = vec_sub(joint->pose.position, base->pose.position);
        XrVector3f swept = vec_add(base->linear, vec_cross(base->angular, arm));
        chained->velocities->jointVelocities[i] = (XrHandJointVelocityEXT){
            .velocityFlags = moves,
            .linearVelocity = vec_add(joint->linear, swept),
            .angularVelocity = vec_add(joint->angular, base->angular),
        };
    }
    if (chained->aim)
        aim_fill(motion, hand, chained->aim);
    if (chained->unextrapolated)
        chained->unextrapolated->captureTime = motion->captured;
}

static XrResult check_locate(const struct tracker *tracker,
                             const XrHandJointLocationsEXT *locations,
                             const struct chained *chained)
{
    const XrHandJointVelocitiesEXT *velocities = chained->velocities;
    if (locations->jointCount != XR_HAND_JOINT_COUNT_EXT || !locations->jointLocations)
        return XR_ERROR_VALIDATION_FAILURE;
    if (velocities &&
        (velocities->jointCount != XR_HAND_JOINT_COUNT_EXT || !velocities->jointVelocities))
        return XR_ERROR_VALIDATION_FAILURE;
    if (chained->source && !tracker->told_sources)
        return XR_ERROR_VALIDATION_FAILURE;
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_locate_hand_joints(XrHandTrackerEXT handle,
                                                        const XrHandJointsLocateInfoEXT *info,
                                                        XrHandJointLocationsEXT *locations)
{
    struct tracker tracker;
    struct chained chained;
    struct located base;
    struct hand_motion motion;
    if (!objects_find_tracker(handle, &tracker))
        return XR_ERROR_HANDLE_INVALID;
    if (!info || info->type != XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT || !locations ||
        locations->type != XR_TYPE_HAND_JOINT_LOCATIONS_EXT)
        return XR_ERROR_VALIDATION_FAILURE;
    if (!tracker.ours)
        return locate_below(&tracker, info, locations);
    find_chained(info, locations, tracker.instance.served, &chained);
    XrResult result = check_locate(&tracker, locations, &chained);
    if (XR_FAILED(result))
        return result;
    /* The runtime knows whether the base is a space and the time is one. */
    result = locate_space(&tracker, tracker.world, info->baseSpace, info->time, &base);
    if (XR_FAILED(result))
        return result;
    bool live;
    locate_hand(&tracker, &base, info->time, !chained.as_captured, &motion, &live);
    if (motion.tracked && (base.flags & LOCATED_VALID) == LOCATED_VALID &&
        objects_tracker_has_focus(&tracker))
        write_active(&motion, &base, tracker.hand, locations, &chained);
    else
        write_inactive(locations, &chained);
    if (chained.source) {
        chained.source->isActive = live;
        chained.source->dataSource = XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT;
    }
    return result;
}
