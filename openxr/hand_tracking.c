/*
 * XR_EXT_hand_tracking and what adds to it: XR_EXT_hand_tracking_data_source,
 * XR_FB_hand_tracking_aim and XR_META_hand_tracking_unextrapolated_poses. Arguments are checked as
 * the specification's valid usage has it; structs in a chain that are of none of these, or not
 * enabled, are passed over.
 */
#include "openxr/aim.h"
#include "openxr/chain.h"
#include "openxr/layer.h"
#include "openxr/locate.h"
#include "openxr/pose.h"

#include <stdlib.h>

/* ---- trackers ---- */

static XrResult read_sources(const XrHandTrackingDataSourceInfoEXT *info,
                             struct hand_tracker *tracker)
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

static XrResult read_create_info(const XrHandTrackerCreateInfoEXT *info,
                                 struct hand_tracker *tracker)
{
    if (!info || info->type != XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT ||
        (info->hand != XR_HAND_LEFT_EXT && info->hand != XR_HAND_RIGHT_EXT) ||
        info->handJointSet != XR_HAND_JOINT_SET_DEFAULT_EXT)
        return XR_ERROR_VALIDATION_FAILURE;
    tracker->hand = info->hand;
    tracker->takes_cameras = true;
    const XrHandTrackingDataSourceInfoEXT *sources =
        chain_find(info->next, XR_TYPE_HAND_TRACKING_DATA_SOURCE_INFO_EXT,
                   tracker->object.instance.served & FEATURE_SOURCE);
    return sources ? read_sources(sources, tracker) : XR_SUCCESS;
}

/* Its session may be gone, and its spaces with it. */
static void destroy_tracker(struct object *object)
{
    struct hand_tracker *tracker = (struct hand_tracker *)object;
    if (tracker->fed)
        feed_release(FEED_HANDS);
    free(tracker);
}

static XrResult create_ours(struct hand_tracker *tracker, const XrHandTrackerCreateInfoEXT *info)
{
    const struct object *object = &tracker->object;
    tracker->ours = true;
    XrResult result = read_create_info(info, tracker);
    if (XR_SUCCEEDED(result))
        result = space_times_convert(&object->instance)
                     ? sight_open(&object->instance, object->session, &tracker->sight)
                     : XR_ERROR_FEATURE_UNSUPPORTED;
    if (XR_SUCCEEDED(result))
        tracker->fed = feed_hold(FEED_HANDS); /* without it, the tracker is never active */
    return result;
}

static XrResult create_below(struct hand_tracker *tracker, const XrHandTrackerCreateInfoEXT *info)
{
    struct object *object = &tracker->object;
    XrHandTrackerEXT handle;
    XrResult result = object->instance.xrCreateHandTrackerEXT(object->session, info, &handle);
    if (XR_SUCCEEDED(result))
        object->handle = (uint64_t)handle;
    return result;
}

/* What a tracker has below. */
static XrResult let_go(struct hand_tracker *tracker)
{
    const struct object *object = &tracker->object;
    if (!tracker->ours)
        return object->instance.xrDestroyHandTrackerEXT((XrHandTrackerEXT)object->handle);
    sight_close(&object->instance, &tracker->sight);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_create_hand_tracker(XrSession session,
                                                         const XrHandTrackerCreateInfoEXT *info,
                                                         XrHandTrackerEXT *handle)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    if (!handle)
        return XR_ERROR_VALIDATION_FAILURE;
    struct hand_tracker *tracker = calloc(1, sizeof *tracker);
    if (!tracker)
        return XR_ERROR_OUT_OF_MEMORY;
    tracker->object = (struct object){.kind = OBJECT_HAND_TRACKER,
                                      .session = session,
                                      .instance = instance,
                                      .destroy = destroy_tracker};
    XrResult result =
        instance.served & FEATURE_HANDS ? create_ours(tracker, info) : create_below(tracker, info);
    if (XR_FAILED(result)) {
        destroy_tracker(&tracker->object);
        return result;
    }
    if (!objects_add(&tracker->object)) {
        let_go(tracker);
        destroy_tracker(&tracker->object);
        return XR_ERROR_LIMIT_REACHED;
    }
    *handle = (XrHandTrackerEXT)tracker->object.handle;
    objects_put(&tracker->object);
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_hand_tracker(XrHandTrackerEXT handle)
{
    struct object *object = objects_remove((uint64_t)handle, OBJECT_HAND_TRACKER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = let_go((struct hand_tracker *)object);
    objects_put(object);
    return result;
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
    chained->velocities =
        chain_find(next, XR_TYPE_HAND_JOINT_VELOCITIES_EXT, features & FEATURE_HANDS);
    chained->source =
        chain_find(next, XR_TYPE_HAND_TRACKING_DATA_SOURCE_STATE_EXT, features & FEATURE_SOURCE);
    chained->aim = chain_find(next, XR_TYPE_HAND_TRACKING_AIM_STATE_FB, features & FEATURE_AIM);
    chained->as_captured =
        chain_find(info->next, XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_REQUEST_META,
                   features & FEATURE_UNEXTRAPOLATED);
    chained->unextrapolated =
        chain_find(next, XR_TYPE_HAND_TRACKING_UNEXTRAPOLATED_POSES_META, chained->as_captured);
}

/* Where the runtime finds hands, but the app has chained what only we know of: say that nothing is
 * known, rather than leave what was in the memory. */
static XrResult locate_below(const struct hand_tracker *tracker,
                             const XrHandJointsLocateInfoEXT *info,
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
    const struct instance *instance = &tracker->object.instance;
    struct chained chained;
    struct chain_gap taken[OURS];
    find_chained(info, locations, instance->withheld, &chained);
    for (size_t i = 0; i < OURS; i++)
        taken[i] = chain_take_out(locations, ours[i].type, instance->withheld & ours[i].feature);
    XrResult result =
        instance->xrLocateHandJointsEXT((XrHandTrackerEXT)tracker->object.handle, info, locations);
    for (size_t i = OURS; i-- > 0;)
        chain_put_back(&taken[i]);
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

static XrResult check_locate(const struct hand_tracker *tracker,
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

static XrResult locate_ours(const struct hand_tracker *tracker,
                            const XrHandJointsLocateInfoEXT *info,
                            XrHandJointLocationsEXT *locations)
{
    const struct instance *instance = &tracker->object.instance;
    struct chained chained;
    struct located base;
    struct hand_motion motion;
    find_chained(info, locations, instance->served, &chained);
    XrResult result = check_locate(tracker, locations, &chained);
    if (XR_FAILED(result))
        return result;
    /* The runtime knows whether the base is a space and the time is one. */
    result = space_locate(instance, tracker->sight.world, info->baseSpace, info->time, &base);
    if (XR_FAILED(result))
        return result;
    bool live;
    locate_hand(tracker, &base, info->time, !chained.as_captured, &motion, &live);
    if (motion.tracked && (base.flags & LOCATED_VALID) == LOCATED_VALID &&
        objects_has_focus(tracker->object.session))
        write_active(&motion, &base, tracker->hand, locations, &chained);
    else
        write_inactive(locations, &chained);
    if (chained.source) {
        chained.source->isActive = live;
        chained.source->dataSource = XR_HAND_TRACKING_DATA_SOURCE_UNOBSTRUCTED_EXT;
    }
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_locate_hand_joints(XrHandTrackerEXT handle,
                                                        const XrHandJointsLocateInfoEXT *info,
                                                        XrHandJointLocationsEXT *locations)
{
    struct object *object = objects_find((uint64_t)handle, OBJECT_HAND_TRACKER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    const struct hand_tracker *tracker = (const struct hand_tracker *)object;
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (info && info->type == XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT && locations &&
        locations->type == XR_TYPE_HAND_JOINT_LOCATIONS_EXT)
        result = tracker->ours ? locate_ours(tracker, info, locations)
                               : locate_below(tracker, info, locations);
    objects_put(object);
    return result;
}
