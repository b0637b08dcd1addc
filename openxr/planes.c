/*
 * XR_EXT_plane_detection from the topic "planes". A detection is a wish for the next planes that
 * are seen: it is done when there are some, and what it found then stays as it is in the world.
 */
#include "openxr/feed_planes.h"
#include "openxr/layer.h"
#include "openxr/plane_filter.h"
#include "openxr/pose.h"
#include "openxr/space.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

#define PATIENCE_NS (5 * BASE_NS_PER_S) /* nobody publishes planes: then it is an error */

enum { CORNERS = 4, ORIENTATIONS = 4, SEMANTICS = 5 };

struct detector {
    struct object object;
    bool contours;
    struct sight sight;
    XrSpace stage;        /* its origin is on the floor; XR_NULL_HANDLE: the runtime has none */
    pthread_mutex_t lock; /* of what is below */
    XrPlaneDetectionStateEXT state;
    int64_t begun_ns;
    struct plane_filter filter;
    size_t count; /* what was found, once that is done */
    struct plane found[PERCEPT_PLANES_MAX];
};

static struct detector *find_detector(XrPlaneDetectorEXT handle)
{
    return (struct detector *)objects_find((uint64_t)handle, OBJECT_PLANE_DETECTOR);
}

/* ---- detectors ---- */

static void destroy_detector(struct object *object)
{
    struct detector *detector = (struct detector *)object;
    pthread_mutex_destroy(&detector->lock);
    free(detector);
}

static XrResult open_spaces(struct detector *detector)
{
    const struct object *object = &detector->object;
    const XrReferenceSpaceCreateInfo stage = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                              .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_STAGE,
                                              .poseInReferenceSpace = POSE_IDENTITY};
    XrResult result = sight_open(&object->instance, object->session, &detector->sight);
    if (XR_SUCCEEDED(result) && XR_FAILED(object->instance.xrCreateReferenceSpace(
                                    object->session, &stage, &detector->stage)))
        detector->stage = XR_NULL_HANDLE; /* not every runtime knows where the floor is */
    return result;
}

static void close_spaces(struct detector *detector)
{
    const struct instance *instance = &detector->object.instance;
    if (detector->stage != XR_NULL_HANDLE)
        instance->xrDestroySpace(detector->stage);
    sight_close(instance, &detector->sight);
}

XRAPI_ATTR XrResult XRAPI_CALL layer_create_plane_detector(XrSession session,
                                                           const XrPlaneDetectorCreateInfoEXT *info,
                                                           XrPlaneDetectorEXT *handle)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    if (!info || info->type != XR_TYPE_PLANE_DETECTOR_CREATE_INFO_EXT ||
        (info->flags & ~XR_PLANE_DETECTOR_ENABLE_CONTOUR_BIT_EXT) != 0 || !handle)
        return XR_ERROR_VALIDATION_FAILURE;
    if (!space_times_convert(&instance))
        return XR_ERROR_FEATURE_UNSUPPORTED;
    struct detector *detector = calloc(1, sizeof *detector);
    if (!detector)
        return XR_ERROR_OUT_OF_MEMORY;
    detector->object = (struct object){.kind = OBJECT_PLANE_DETECTOR,
                                       .session = session,
                                       .instance = instance,
                                       .destroy = destroy_detector};
    detector->contours = info->flags & XR_PLANE_DETECTOR_ENABLE_CONTOUR_BIT_EXT;
    pthread_mutex_init(&detector->lock, NULL);
    XrResult result = open_spaces(detector);
    if (XR_SUCCEEDED(result) && !objects_add(&detector->object)) {
        close_spaces(detector);
        result = XR_ERROR_LIMIT_REACHED;
    }
    if (XR_FAILED(result)) {
        destroy_detector(&detector->object);
        return result;
    }
    *handle = (XrPlaneDetectorEXT)detector->object.handle;
    objects_put(&detector->object);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_plane_detector(XrPlaneDetectorEXT handle)
{
    struct object *object = objects_remove((uint64_t)handle, OBJECT_PLANE_DETECTOR);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    close_spaces((struct detector *)object);
    objects_put(object);
    return XR_SUCCESS;
}

/* ---- what is asked for ---- */

static bool is_pose(const XrPosef *pose)
{
    XrQuaternionf q = pose->orientation;
    float length = q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w;
    return fabsf(length - 1) < 0.02f && isfinite(vec_length(pose->position));
}

/* As bits; false when one is out of range. values NULL: any. */
static bool read_values(const void *values, uint32_t count, uint32_t range, unsigned *bits)
{
    const uint32_t *list = values; /* an enumeration has 32 bits */
    *bits = 0;
    for (uint32_t i = 0; list && i < count; i++) {
        if (list[i] >= range)
            return false;
        *bits |= 1u << list[i];
    }
    return true;
}

static XrResult read_filter(const XrPlaneDetectorBeginInfoEXT *info, struct plane_filter *filter)
{
    XrExtent3DfEXT extent = info->boundingBoxExtent;
    if (info->maxPlanes == 0 || !(info->minArea >= 0) || !(extent.width >= 0) ||
        !(extent.height >= 0) || !(extent.depth >= 0) ||
        !read_values(info->orientations, info->orientationCount, ORIENTATIONS,
                     &filter->orientations) ||
        !read_values(info->semanticTypes, info->semanticTypeCount, SEMANTICS, &filter->semantics))
        return XR_ERROR_VALIDATION_FAILURE;
    if (!is_pose(&info->boundingBoxPose))
        return XR_ERROR_POSE_INVALID;
    filter->most = info->maxPlanes;
    filter->least_area = info->minArea;
    filter->box_extent = extent;
    return XR_SUCCESS;
}

/* The box stays where it is in the world. */
static XrResult begin(struct detector *detector, const XrPlaneDetectorBeginInfoEXT *info)
{
    struct plane_filter filter;
    struct located base;
    XrResult result = read_filter(info, &filter);
    if (XR_SUCCEEDED(result))
        result = space_locate(&detector->object.instance, info->baseSpace, detector->sight.world,
                              info->time, &base);
    if (XR_FAILED(result))
        return result;
    if ((base.flags & LOCATED_VALID) != LOCATED_VALID)
        return XR_ERROR_SPACE_NOT_LOCATABLE_EXT;
    filter.box = pose_multiply(&base.pose, &info->boundingBoxPose);
    bool read = feed_want(FEED_PLANES);
    pthread_mutex_lock(&detector->lock);
    detector->filter = filter;
    detector->begun_ns = base_clock_ns();
    detector->count = 0;
    detector->state =
        read ? XR_PLANE_DETECTION_STATE_PENDING_EXT : XR_PLANE_DETECTION_STATE_ERROR_EXT;
    pthread_mutex_unlock(&detector->lock);
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_begin_plane_detection(XrPlaneDetectorEXT handle,
                                                           const XrPlaneDetectorBeginInfoEXT *info)
{
    struct detector *detector = find_detector(handle);
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (!detector)
        return XR_ERROR_HANDLE_INVALID;
    if (info && info->type == XR_TYPE_PLANE_DETECTOR_BEGIN_INFO_EXT)
        result = begin(detector, info);
    objects_put(&detector->object);
    return result;
}

/* ---- what is found ---- */

/* False: it is not known where things are, now. */
static bool look_around(const struct detector *detector, int64_t capture_ns,
                        struct plane_surroundings *around)
{
    const struct instance *instance = &detector->object.instance;
    const struct located world = {.pose = POSE_IDENTITY, .flags = LOCATED_VALID};
    struct moment moment;
    struct located stage;
    if (!sight_look_back(instance, &detector->sight, &world, capture_ns, &moment))
        return false;
    around->camera = moment.camera;
    around->floor_is_known =
        detector->stage != XR_NULL_HANDLE &&
        XR_SUCCEEDED(
            space_locate(instance, detector->stage, detector->sight.world, moment.time, &stage)) &&
        (stage.flags & XR_SPACE_LOCATION_POSITION_VALID_BIT);
    around->floor = around->floor_is_known ? stage.pose.position.y : 0;
    return true;
}

/* Of a detection that is pending. Under its lock, which other threads want for the same only. */
static void advance(struct detector *detector)
{
    struct percept_planes planes;
    struct plane_surroundings around;
    if (!feed_want(FEED_PLANES)) {
        detector->state = XR_PLANE_DETECTION_STATE_ERROR_EXT;
    } else if (feed_planes_read(&planes) && look_around(detector, planes.capture_ns, &around)) {
        detector->count = plane_filter_apply(&planes, &detector->filter, &around, detector->found);
        detector->state = XR_PLANE_DETECTION_STATE_DONE_EXT;
    } else if (base_clock_ns() - detector->begun_ns > PATIENCE_NS) {
        detector->state = XR_PLANE_DETECTION_STATE_ERROR_EXT;
    }
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_plane_detection_state(XrPlaneDetectorEXT handle,
                                                               XrPlaneDetectionStateEXT *state)
{
    struct detector *detector = find_detector(handle);
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (!detector)
        return XR_ERROR_HANDLE_INVALID;
    if (state) {
        pthread_mutex_lock(&detector->lock);
        if (detector->state == XR_PLANE_DETECTION_STATE_PENDING_EXT)
            advance(detector);
        *state = detector->state;
        pthread_mutex_unlock(&detector->lock);
        result = XR_SUCCESS;
    }
    objects_put(&detector->object);
    return result;
}

static bool has_room(const XrPlaneDetectorLocationsEXT *locations)
{
    if (locations->planeLocationCapacityInput > 0 && !locations->planeLocations)
        return false;
    for (uint32_t i = 0; i < locations->planeLocationCapacityInput; i++)
        if (locations->planeLocations[i].type != XR_TYPE_PLANE_DETECTOR_LOCATION_EXT)
            return false;
    return true;
}

/* world: in the app's space. */
static void tell(const struct detector *detector, const struct located *world,
                 XrPlaneDetectorLocationsEXT *locations)
{
    for (size_t i = 0; i < detector->count; i++) {
        const struct plane *plane = &detector->found[i];
        XrPlaneDetectorLocationEXT *out = &locations->planeLocations[i];
        out->planeId = plane->id;
        out->locationFlags = LOCATED_VALID | (world->flags & LOCATED_TRACKED);
        out->pose = pose_multiply(&world->pose, &plane->pose);
        out->extents = plane->extents;
        out->orientation = plane->orientation;
        out->semanticType = plane->semantic;
        out->polygonBufferCount = detector->contours ? 1 : 0;
    }
}

static XrResult get_detections(struct detector *detector, const XrPlaneDetectorGetInfoEXT *info,
                               XrPlaneDetectorLocationsEXT *locations)
{
    struct located world;
    XrResult result = space_locate(&detector->object.instance, detector->sight.world,
                                   info->baseSpace, info->time, &world);
    if (XR_FAILED(result))
        return result;
    if ((world.flags & LOCATED_VALID) != LOCATED_VALID)
        return XR_ERROR_SPACE_NOT_LOCATABLE_EXT;
    pthread_mutex_lock(&detector->lock);
    if (detector->state != XR_PLANE_DETECTION_STATE_DONE_EXT) {
        result = XR_ERROR_CALL_ORDER_INVALID;
    } else {
        locations->planeLocationCountOutput = (uint32_t)detector->count;
        if (locations->planeLocationCapacityInput >= detector->count)
            tell(detector, &world, locations);
        else if (locations->planeLocationCapacityInput > 0)
            result = XR_ERROR_SIZE_INSUFFICIENT;
    }
    pthread_mutex_unlock(&detector->lock);
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_plane_detections(XrPlaneDetectorEXT handle,
                                                          const XrPlaneDetectorGetInfoEXT *info,
                                                          XrPlaneDetectorLocationsEXT *locations)
{
    struct detector *detector = find_detector(handle);
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (!detector)
        return XR_ERROR_HANDLE_INVALID;
    if (info && info->type == XR_TYPE_PLANE_DETECTOR_GET_INFO_EXT && locations &&
        locations->type == XR_TYPE_PLANE_DETECTOR_LOCATIONS_EXT && has_room(locations))
        result = get_detections(detector, info, locations);
    objects_put(&detector->object);
    return result;
}

/* ---- polygons ---- */

/* What is seen of a plane is known by its extents alone: a rectangle, without holes. */
static XrResult get_polygon(const struct detector *detector, uint64_t id, uint32_t index,
                            XrPlaneDetectorPolygonBufferEXT *buffer)
{
    static const float corners[CORNERS][2] = {{-.5f, -.5f}, {.5f, -.5f}, {.5f, .5f}, {-.5f, .5f}};
    const struct plane *plane = NULL;
    for (size_t i = 0; i < detector->count; i++)
        if (detector->found[i].id == id)
            plane = &detector->found[i];
    if (!plane || !detector->contours || index > 0)
        return XR_ERROR_VALIDATION_FAILURE;
    buffer->vertexCountOutput = CORNERS;
    if (buffer->vertexCapacityInput == 0)
        return XR_SUCCESS;
    if (buffer->vertexCapacityInput < CORNERS)
        return XR_ERROR_SIZE_INSUFFICIENT;
    for (size_t i = 0; i < CORNERS; i++)
        buffer->vertices[i] = (XrVector2f){corners[i][0] * plane->extents.width,
                                           corners[i][1] * plane->extents.height};
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_plane_polygon_buffer(
    XrPlaneDetectorEXT handle, uint64_t id, uint32_t index, XrPlaneDetectorPolygonBufferEXT *buffer)
{
    struct detector *detector = find_detector(handle);
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (!detector)
        return XR_ERROR_HANDLE_INVALID;
    if (buffer && buffer->type == XR_TYPE_PLANE_DETECTOR_POLYGON_BUFFER_EXT &&
        (buffer->vertexCapacityInput == 0 || buffer->vertices)) {
        pthread_mutex_lock(&detector->lock);
        result = get_polygon(detector, id, index, buffer);
        pthread_mutex_unlock(&detector->lock);
    }
    objects_put(&detector->object);
    return result;
}
