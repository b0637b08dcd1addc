/* XR_EXT_plane_detection over a daemon's planes: where they are, what they are taken for, which an
 * app asks for, and what it must not do. */
#include "app.h"
#include "mini.h"
#include "near.h"

#include "openxr/layer.h"

#include "base/clock.h"
#include "ipc/topic.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (200 * BASE_NS_PER_S)

#define PLANE_FUNCTIONS(X)         \
    X(xrCreatePlaneDetectorEXT)    \
    X(xrDestroyPlaneDetectorEXT)   \
    X(xrBeginPlaneDetectionEXT)    \
    X(xrGetPlaneDetectionStateEXT) \
    X(xrGetPlaneDetectionsEXT)     \
    X(xrGetPlanePolygonBufferEXT)

static struct {
#define X(name) PFN_##name name;
    PLANE_FUNCTIONS(X)
#undef X
} xr;

static const char *const names[] = {XR_EXT_PLANE_DETECTION_EXTENSION_NAME,
                                    XR_MND_HEADLESS_EXTENSION_NAME};
static struct app app;
static struct mini *mini;

static void start(void)
{
    struct mini_options options = {.topic = "planes",
                                   .schema = PERCEPT_PLANES_SCHEMA,
                                   .max_bytes = sizeof(struct percept_planes)};
    const char *path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    mini = mini_start(path, &options);
    app_start(&app, names, 2);
#define X(name) xr.name = (PFN_##name)app_function(app.instance, #name);
    PLANE_FUNCTIONS(X)
#undef X
}

static void stop(void)
{
    app_stop(&app);
    ck_assert_uint_eq(mock_objects(), 0);
    ck_assert_uint_eq(mock_offences(), 0);
    mini_stop(mini);
}

static XrTime now(void)
{
    return app_time(base_clock_ns());
}

/* ---- a room, seen from its middle 1.2 m above the floor, as MOCK_FLOOR has it 1.5 below LOCAL
 * ---- */

enum { FLOOR = 1, TABLE, CEILING_ID, WALL_ID, ROOF, BOARD, ROOM };

/* In the head's frame, OpenXR's axes: y up, ahead is -z. */
struct surface {
    XrVector3f center, normal, along;
    float width, height;
};

static const struct surface room[ROOM] = {
    [FLOOR] = {{0, -MOCK_FLOOR, -3}, {0, 1, 0}, {0, 0, -1}, 4, 3},
    [TABLE] = {{0.5f, -0.75f, -1.5f}, {0, 1, 0}, {1, 0, 0}, 1.2f, 0.6f},
    [CEILING_ID] = {{0, 1, -2}, {0, -1, 0}, {1, 0, 0}, 3, 2},
    [WALL_ID] = {{0, 0, -4}, {0, 0, 1}, {1, 0, 0}, 4, 2.5f},
    [ROOF] = {{1, 0.5f, -3}, {0, 0.70711f, 0.70711f}, {1, 0, 0}, 2, 1},
    [BOARD] = {{-1, 0, -2}, {1, 0, 0}, {0, 1, 0}, 0.8f, 0.5f},
};

static void to_camera(XrVector3f v, float out[3])
{
    out[0] = v.x;
    out[1] = -v.y;
    out[2] = -v.z;
}

static void draw_room(struct percept_planes *planes)
{
    *planes = (struct percept_planes){.capture_ns = base_clock_ns(), .plane_count = ROOM - 1};
    for (uint32_t i = 1; i < ROOM; i++) {
        const struct surface *s = &room[i];
        struct percept_plane *plane = &planes->planes[i - 1];
        plane->id = i;
        to_camera(s->normal, plane->normal);
        to_camera(s->center, plane->center);
        to_camera(s->along, plane->axes[0]);
        to_camera(vec_cross(s->normal, s->along), plane->axes[1]);
        plane->extent_m[0] = s->width;
        plane->extent_m[1] = s->height;
        plane->distance_m = -vec_dot(s->normal, s->center);
    }
}

static void (*spoil)(struct percept_planes *planes);

static void publish(void)
{
    struct percept_planes *planes = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(planes);
    draw_room(planes);
    if (spoil)
        spoil(planes);
    ipc_topic_publish(mini_topic(mini), sizeof *planes, base_clock_ns());
}

/* ---- detection ---- */

static XrPlaneDetectorEXT detector(XrPlaneDetectorFlagsEXT flags)
{
    XrPlaneDetectorEXT made;
    XrPlaneDetectorCreateInfoEXT info = {.type = XR_TYPE_PLANE_DETECTOR_CREATE_INFO_EXT,
                                         .flags = flags};
    ck_assert_int_eq(xr.xrCreatePlaneDetectorEXT(app.session, &info, &made), XR_SUCCESS);
    return made;
}

/* Everything within a hundred metres. */
static XrPlaneDetectorBeginInfoEXT everything(void)
{
    return (XrPlaneDetectorBeginInfoEXT){.type = XR_TYPE_PLANE_DETECTOR_BEGIN_INFO_EXT,
                                         .baseSpace = app.local,
                                         .time = now(),
                                         .maxPlanes = 100,
                                         .boundingBoxPose = POSE_IDENTITY,
                                         .boundingBoxExtent = {200, 200, 200}};
}

static XrPlaneDetectionStateEXT state_of(XrPlaneDetectorEXT of)
{
    XrPlaneDetectionStateEXT state = XR_PLANE_DETECTION_STATE_FATAL_EXT;
    ck_assert_int_eq(xr.xrGetPlaneDetectionStateEXT(of, &state), XR_SUCCESS);
    return state;
}

struct found {
    uint32_t count;
    XrPlaneDetectorLocationEXT all[PERCEPT_PLANES_MAX];
};

static XrResult get(XrPlaneDetectorEXT of, XrSpace space, uint32_t capacity, struct found *found)
{
    XrPlaneDetectorGetInfoEXT info = {
        .type = XR_TYPE_PLANE_DETECTOR_GET_INFO_EXT, .baseSpace = space, .time = now()};
    XrPlaneDetectorLocationsEXT locations = {.type = XR_TYPE_PLANE_DETECTOR_LOCATIONS_EXT,
                                             .planeLocationCapacityInput = capacity,
                                             .planeLocationCountOutput = 99,
                                             .planeLocations = found->all};
    memset(found, 0xa5, sizeof *found);
    for (size_t i = 0; i < PERCEPT_PLANES_MAX; i++)
        found->all[i].type = XR_TYPE_PLANE_DETECTOR_LOCATION_EXT;
    XrResult result = xr.xrGetPlaneDetectionsEXT(of, &info, &locations);
    found->count = locations.planeLocationCountOutput;
    return result;
}

/* Have the room detected: until the detection is done. */
static void detect(XrPlaneDetectorEXT by, const XrPlaneDetectorBeginInfoEXT *info, XrSpace space,
                   struct found *found)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, info), XR_SUCCESS);
    XrPlaneDetectionStateEXT state = state_of(by);
    while (state != XR_PLANE_DETECTION_STATE_DONE_EXT && base_clock_ns() < deadline) {
        publish();
        usleep(1000);
        state = state_of(by);
        if (state == XR_PLANE_DETECTION_STATE_ERROR_EXT) /* the machine is slow: begin anew */
            ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, info), XR_SUCCESS);
    }
    ck_assert_int_eq(state, XR_PLANE_DETECTION_STATE_DONE_EXT);
    ck_assert_int_eq(get(by, space, PERCEPT_PLANES_MAX, found), XR_SUCCESS);
}

static const XrPlaneDetectorLocationEXT *with_id(const struct found *found, uint64_t id)
{
    for (uint32_t i = 0; i < found->count; i++)
        if (found->all[i].planeId == id)
            return &found->all[i];
    return NULL;
}

/* Exactly these, in any order; ids end with 0. */
#define only(found, ...)                                                         \
    do {                                                                         \
        static const uint64_t ids_[] = {__VA_ARGS__, 0};                         \
        uint32_t count_ = 0;                                                     \
        for (; ids_[count_]; count_++)                                           \
            ck_assert_msg(with_id(found, ids_[count_]) != NULL, "no plane %llu", \
                          (unsigned long long)ids_[count_]);                     \
        ck_assert_uint_eq((found)->count, count_);                               \
    } while (0)

START_TEST(planes_are_where_they_are_seen)
{
    struct found found;
    const XrPosef head = {quat_exp((XrVector3f){0, 1.5707963f, 0}), {1, 0, 2}};
    start();
    mock_script.head.pose = head;
    XrPlaneDetectorBeginInfoEXT info = everything();
    detect(detector(0), &info, app.local, &found);
    only(&found, FLOOR, TABLE, CEILING_ID, WALL_ID, ROOF, BOARD);
    for (uint64_t id = 1; id < ROOM; id++) {
        const XrPlaneDetectorLocationEXT *plane = with_id(&found, id);
        near_vector(plane->pose.position, pose_point(&head, room[id].center));
        near_axes(plane->pose.orientation, quat_rotate(head.orientation, room[id].along),
                  quat_rotate(head.orientation, vec_cross(room[id].normal, room[id].along)),
                  quat_rotate(head.orientation, room[id].normal));
        ck_assert(plane->extents.width == room[id].width);
        ck_assert(plane->extents.height == room[id].height);
        ck_assert_uint_eq(plane->locationFlags, mock_script.head.flags);
        ck_assert_uint_eq(plane->polygonBufferCount, 0);
    }
    stop();
}
END_TEST

START_TEST(what_was_found_stays_where_it_is)
{
    struct found found, again;
    start();
    XrPlaneDetectorEXT by = detector(0);
    XrPlaneDetectorBeginInfoEXT info = everything();
    detect(by, &info, app.local, &found);
    mock_script.head.pose.position = (XrVector3f){0, 1, 1}; /* the head moves, planes do not */
    publish();
    usleep(10000);
    ck_assert_int_eq(get(by, app.local, PERCEPT_PLANES_MAX, &again), XR_SUCCESS);
    ck_assert_uint_eq(again.count, found.count);
    for (uint32_t i = 0; i < found.count; i++)
        near_vector(again.all[i].pose.position, found.all[i].pose.position);
    ck_assert_int_eq(get(by, app.view, PERCEPT_PLANES_MAX, &again), XR_SUCCESS);
    for (uint32_t i = 0; i < found.count; i++)
        near_vector(again.all[i].pose.position,
                    vec_sub(found.all[i].pose.position, mock_script.head.pose.position));
    stop();
}
END_TEST

START_TEST(planes_are_taken_for_what_they_are)
{
    static const struct {
        uint64_t id;
        XrPlaneDetectorOrientationEXT orientation;
        XrPlaneDetectorSemanticTypeEXT semantic;
    } want[] = {
        {FLOOR, XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_UPWARD_EXT,
         XR_PLANE_DETECTOR_SEMANTIC_TYPE_FLOOR_EXT},
        {TABLE, XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_UPWARD_EXT,
         XR_PLANE_DETECTOR_SEMANTIC_TYPE_PLATFORM_EXT},
        {CEILING_ID, XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_DOWNWARD_EXT,
         XR_PLANE_DETECTOR_SEMANTIC_TYPE_CEILING_EXT},
        {WALL_ID, XR_PLANE_DETECTOR_ORIENTATION_VERTICAL_EXT,
         XR_PLANE_DETECTOR_SEMANTIC_TYPE_WALL_EXT},
        {ROOF, XR_PLANE_DETECTOR_ORIENTATION_ARBITRARY_EXT,
         XR_PLANE_DETECTOR_SEMANTIC_TYPE_UNDEFINED_EXT},
        {BOARD, XR_PLANE_DETECTOR_ORIENTATION_VERTICAL_EXT,
         XR_PLANE_DETECTOR_SEMANTIC_TYPE_UNDEFINED_EXT},
    };
    struct found found;
    start();
    XrPlaneDetectorBeginInfoEXT info = everything();
    detect(detector(0), &info, app.stage, &found);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const XrPlaneDetectorLocationEXT *plane = with_id(&found, want[i].id);
        ck_assert_ptr_nonnull(plane);
        ck_assert_msg(plane->orientation == want[i].orientation &&
                          plane->semanticType == want[i].semantic,
                      "plane %llu is %d, %d", (unsigned long long)want[i].id, plane->orientation,
                      plane->semanticType);
    }
    stop();
}
END_TEST

START_TEST(an_app_says_which_planes_it_wants)
{
    struct found found;
    XrPlaneDetectorOrientationEXT orientations[] = {
        XR_PLANE_DETECTOR_ORIENTATION_HORIZONTAL_UPWARD_EXT,
        XR_PLANE_DETECTOR_ORIENTATION_ARBITRARY_EXT};
    XrPlaneDetectorSemanticTypeEXT semantics[] = {XR_PLANE_DETECTOR_SEMANTIC_TYPE_FLOOR_EXT,
                                                  XR_PLANE_DETECTOR_SEMANTIC_TYPE_UNDEFINED_EXT};
    start();
    XrPlaneDetectorEXT by = detector(0);
    XrPlaneDetectorBeginInfoEXT info = everything();
    info.orientations = orientations;
    info.orientationCount = 2;
    detect(by, &info, app.local, &found);
    only(&found, FLOOR, TABLE, ROOF);
    info.semanticTypes = semantics;
    info.semanticTypeCount = 2;
    detect(by, &info, app.local, &found);
    only(&found, FLOOR, ROOF);
    info = everything();
    info.orientationCount = 7; /* of nothing */
    detect(by, &info, app.local, &found);
    ck_assert_uint_eq(found.count, ROOM - 1);
    info = everything();
    info.minArea = 5;
    detect(by, &info, app.local, &found);
    only(&found, FLOOR, CEILING_ID, WALL_ID);
    info.maxPlanes = 1;
    detect(by, &info, app.local, &found);
    only(&found, FLOOR);
    stop();
}
END_TEST

START_TEST(an_app_says_where_it_wants_planes)
{
    struct found found;
    start();
    XrPlaneDetectorEXT by = detector(0);
    /* A cube about the table's corner, in the space of the head. */
    XrPlaneDetectorBeginInfoEXT info = everything();
    info.baseSpace = app.view;
    info.boundingBoxPose.position = (XrVector3f){1, -0.7f, -1.2f};
    info.boundingBoxExtent = (XrExtent3DfEXT){0.4f, 0.4f, 0.4f};
    detect(by, &info, app.local, &found);
    only(&found, TABLE);
    /* Above it is nothing. */
    info.boundingBoxPose.position.y = -0.5f;
    detect(by, &info, app.local, &found);
    ck_assert_uint_eq(found.count, 0);
    /* A beam through the room's wall; turned, it goes past. */
    info.boundingBoxPose.position = (XrVector3f){-0.2f, 0.2f, 0};
    info.boundingBoxExtent = (XrExtent3DfEXT){0.1f, 0.1f, 10};
    detect(by, &info, app.local, &found);
    only(&found, WALL_ID);
    info.boundingBoxPose.orientation = quat_exp((XrVector3f){0, 1.2f, 0});
    detect(by, &info, app.local, &found);
    ck_assert_uint_eq(found.count, 0);
    /* A point is a box, too. */
    info.boundingBoxPose = (XrPosef){{0, 0, 0, 1}, room[WALL_ID].center};
    info.boundingBoxExtent = (XrExtent3DfEXT){0, 0, 0};
    detect(by, &info, app.local, &found);
    only(&found, WALL_ID);
    stop();
}
END_TEST

START_TEST(a_plane_has_an_outline)
{
    struct found found;
    XrVector2f corners[4];
    XrPlaneDetectorPolygonBufferEXT buffer = {.type = XR_TYPE_PLANE_DETECTOR_POLYGON_BUFFER_EXT,
                                              .vertices = corners};
    start();
    XrPlaneDetectorEXT by = detector(XR_PLANE_DETECTOR_ENABLE_CONTOUR_BIT_EXT);
    XrPlaneDetectorEXT plain = detector(0);
    XrPlaneDetectorBeginInfoEXT info = everything();
    detect(plain, &info, app.local, &found);
#define POLYGON(of, id, index, want) \
    ck_assert_int_eq(xr.xrGetPlanePolygonBufferEXT(of, id, index, &buffer), want)
    POLYGON(by, TABLE, 0, XR_ERROR_VALIDATION_FAILURE); /* nothing is detected yet */
    detect(by, &info, app.local, &found);
    ck_assert_uint_eq(found.all[0].polygonBufferCount, 1);
    POLYGON(by, TABLE, 0, XR_SUCCESS);
    ck_assert_uint_eq(buffer.vertexCountOutput, 4);
    buffer.vertexCapacityInput = 3;
    POLYGON(by, TABLE, 0, XR_ERROR_SIZE_INSUFFICIENT);
    buffer.vertexCapacityInput = 4;
    POLYGON(by, TABLE, 0, XR_SUCCESS);
    float area = 0; /* positive: counter-clockwise */
    for (size_t i = 0; i < 4; i++)
        area += (corners[i].x * corners[(i + 1) % 4].y - corners[(i + 1) % 4].x * corners[i].y) / 2;
    ck_assert(fabsf(area - room[TABLE].width * room[TABLE].height) < 1e-4f);
    POLYGON(by, 55, 0, XR_ERROR_VALIDATION_FAILURE);
    POLYGON(by, TABLE, 1, XR_ERROR_VALIDATION_FAILURE);
    POLYGON(plain, TABLE, 0, XR_ERROR_VALIDATION_FAILURE);
    buffer.vertices = NULL;
    POLYGON(by, TABLE, 0, XR_ERROR_VALIDATION_FAILURE);
    buffer.vertices = corners;
    buffer.type = XR_TYPE_UNKNOWN;
    POLYGON(by, TABLE, 0, XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xr.xrGetPlanePolygonBufferEXT(by, TABLE, 0, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xr.xrGetPlanePolygonBufferEXT(XR_NULL_HANDLE, TABLE, 0, &buffer),
                     XR_ERROR_HANDLE_INVALID);
    stop();
}
END_TEST

/* ---- valid usage ---- */

START_TEST(detections_come_in_order)
{
    struct found found;
    start();
    XrPlaneDetectorEXT by = detector(0);
    XrPlaneDetectorBeginInfoEXT info = everything();
    ck_assert_int_eq(state_of(by), XR_PLANE_DETECTION_STATE_NONE_EXT);
    ck_assert_int_eq(get(by, app.local, 8, &found), XR_ERROR_CALL_ORDER_INVALID);
    ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, &info), XR_SUCCESS);
    ck_assert_int_eq(state_of(by), XR_PLANE_DETECTION_STATE_PENDING_EXT);
    ck_assert_int_eq(get(by, app.local, 8, &found), XR_ERROR_CALL_ORDER_INVALID);
    detect(by, &info, app.local, &found);
    ck_assert_int_eq(get(by, app.local, 0, &found), XR_SUCCESS);
    ck_assert_uint_eq(found.count, ROOM - 1);
    ck_assert_int_eq(get(by, app.local, ROOM - 2, &found), XR_ERROR_SIZE_INSUFFICIENT);
    ck_assert_uint_eq(found.count, ROOM - 1);
    ck_assert_int_eq(get(by, XR_NULL_HANDLE, 8, &found), XR_ERROR_HANDLE_INVALID);
    mock_script.head.flags = 0;
    ck_assert_int_eq(get(by, app.local, 8, &found), XR_ERROR_SPACE_NOT_LOCATABLE_EXT);
    ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, &info), XR_ERROR_SPACE_NOT_LOCATABLE_EXT);
    mock_script.head.flags = 15;
    /* What is begun anew is not done. */
    ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, &info), XR_SUCCESS);
    ck_assert_int_eq(get(by, app.local, 8, &found), XR_ERROR_CALL_ORDER_INVALID);
    stop();
}
END_TEST

START_TEST(beginning_is_checked)
{
    static const XrPlaneDetectorOrientationEXT orientation = 4;
    static const XrPlaneDetectorSemanticTypeEXT semantic = 5;
    start();
    XrPlaneDetectorEXT by = detector(0);
#define BEGIN(change, want)                                             \
    do {                                                                \
        XrPlaneDetectorBeginInfoEXT info = everything();                \
        change;                                                         \
        ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, &info), want); \
    } while (0)
    BEGIN((void)0, XR_SUCCESS);
    BEGIN(info.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    BEGIN(info.maxPlanes = 0, XR_ERROR_VALIDATION_FAILURE);
    BEGIN(info.minArea = -1, XR_ERROR_VALIDATION_FAILURE);
    BEGIN(info.minArea = NAN, XR_ERROR_VALIDATION_FAILURE);
    BEGIN(info.boundingBoxExtent.width = -1, XR_ERROR_VALIDATION_FAILURE);
    BEGIN(info.boundingBoxExtent.height = NAN, XR_ERROR_VALIDATION_FAILURE);
    BEGIN((info.orientations = &orientation, info.orientationCount = 1),
          XR_ERROR_VALIDATION_FAILURE);
    BEGIN((info.semanticTypes = &semantic, info.semanticTypeCount = 1),
          XR_ERROR_VALIDATION_FAILURE);
    BEGIN(info.boundingBoxPose.orientation.w = 2, XR_ERROR_POSE_INVALID);
    BEGIN(info.boundingBoxPose.orientation.x = NAN, XR_ERROR_POSE_INVALID);
    BEGIN(info.boundingBoxPose.position.z = INFINITY, XR_ERROR_POSE_INVALID);
    BEGIN(info.time = 0, XR_ERROR_TIME_INVALID);
    BEGIN(info.baseSpace = XR_NULL_HANDLE, XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, NULL), XR_ERROR_VALIDATION_FAILURE);
    stop();
}
END_TEST

START_TEST(detectors_are_checked)
{
    struct found found;
    XrPlaneDetectorEXT by;
    XrPlaneDetectorCreateInfoEXT create = {.type = XR_TYPE_PLANE_DETECTOR_CREATE_INFO_EXT};
    XrPlaneDetectionStateEXT state;
    start();
#define CREATE(session, info, out, want) \
    ck_assert_int_eq(xr.xrCreatePlaneDetectorEXT(session, info, out), want)
    CREATE(XR_NULL_HANDLE, &create, &by, XR_ERROR_HANDLE_INVALID);
    CREATE(app.session, NULL, &by, XR_ERROR_VALIDATION_FAILURE);
    CREATE(app.session, &create, NULL, XR_ERROR_VALIDATION_FAILURE);
    create.flags = 2;
    CREATE(app.session, &create, &by, XR_ERROR_VALIDATION_FAILURE);
    create.flags = 0;
    create.type = XR_TYPE_UNKNOWN;
    CREATE(app.session, &create, &by, XR_ERROR_VALIDATION_FAILURE);
    by = detector(0);
    ck_assert_int_eq(xr.xrGetPlaneDetectionStateEXT(by, NULL), XR_ERROR_VALIDATION_FAILURE);
    XrPlaneDetectorBeginInfoEXT info = everything();
    detect(by, &info, app.local, &found);
    XrPlaneDetectorGetInfoEXT get_info = {
        .type = XR_TYPE_PLANE_DETECTOR_GET_INFO_EXT, .baseSpace = app.local, .time = now()};
    XrPlaneDetectorLocationsEXT locations = {.type = XR_TYPE_PLANE_DETECTOR_LOCATIONS_EXT,
                                             .planeLocationCapacityInput = 8,
                                             .planeLocations = found.all};
#define GET_PLANES(info, locations, want) \
    ck_assert_int_eq(xr.xrGetPlaneDetectionsEXT(by, info, locations), want)
    GET_PLANES(&get_info, &locations, XR_SUCCESS);
    GET_PLANES(NULL, &locations, XR_ERROR_VALIDATION_FAILURE);
    GET_PLANES(&get_info, NULL, XR_ERROR_VALIDATION_FAILURE);
    found.all[7].type = XR_TYPE_UNKNOWN;
    GET_PLANES(&get_info, &locations, XR_ERROR_VALIDATION_FAILURE);
    found.all[7].type = XR_TYPE_PLANE_DETECTOR_LOCATION_EXT;
    locations.planeLocations = NULL;
    GET_PLANES(&get_info, &locations, XR_ERROR_VALIDATION_FAILURE);
    locations.planeLocations = found.all;
    locations.type = XR_TYPE_UNKNOWN;
    GET_PLANES(&get_info, &locations, XR_ERROR_VALIDATION_FAILURE);
    locations.type = XR_TYPE_PLANE_DETECTOR_LOCATIONS_EXT;
    get_info.time = -1;
    GET_PLANES(&get_info, &locations, XR_ERROR_TIME_INVALID);
    ck_assert_int_eq(xr.xrDestroyPlaneDetectorEXT(by), XR_SUCCESS);
    ck_assert_int_eq(xr.xrDestroyPlaneDetectorEXT(by), XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(xr.xrGetPlaneDetectionStateEXT(by, &state), XR_ERROR_HANDLE_INVALID);
    ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, &info), XR_ERROR_HANDLE_INVALID);
    by = detector(0);
    ck_assert_int_eq(app.xrDestroySession(app.session), XR_SUCCESS);
    ck_assert_int_eq(xr.xrGetPlaneDetectionStateEXT(by, &state), XR_ERROR_HANDLE_INVALID);
    stop();
}
END_TEST

START_TEST(the_system_says_what_it_can_tell)
{
    XrSystemPlaneDetectionPropertiesEXT planes = {
        .type = XR_TYPE_SYSTEM_PLANE_DETECTION_PROPERTIES_EXT};
    XrSystemProperties properties = {.type = XR_TYPE_SYSTEM_PROPERTIES, .next = &planes};
    XrPlaneDetectorCreateInfoEXT create = {.type = XR_TYPE_PLANE_DETECTOR_CREATE_INFO_EXT};
    XrPlaneDetectorEXT by;
    start();
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, &properties), XR_SUCCESS);
    ck_assert_uint_eq(planes.supportedFeatures, 0x7d); /* all but holes */
    stop();
    mock_script.lacks_timespec = XR_TRUE;
    start();
    ck_assert_int_eq(app.xrGetSystemProperties(app.instance, 1, &properties), XR_SUCCESS);
    ck_assert_uint_eq(planes.supportedFeatures, 0);
    CREATE(app.session, &create, &by, XR_ERROR_FEATURE_UNSUPPORTED);
    stop();
}
END_TEST

/* ---- daemons ---- */

START_TEST(planes_are_looked_for_while_somebody_waits_for_them)
{
    struct found found;
    start();
    XrPlaneDetectorEXT by = detector(0);
    XrPlaneDetectorBeginInfoEXT info = everything();
    usleep(20000);
    ck_assert_uint_eq(atomic_load(&mini_topic(mini)->subscribers), 0);
    detect(by, &info, app.local, &found);
    int64_t deadline = base_clock_ns() + PATIENCE;
    while (atomic_load(&mini_topic(mini)->subscribers) > 0 && base_clock_ns() < deadline)
        usleep(10000);
    ck_assert_uint_eq(atomic_load(&mini_topic(mini)->subscribers), 0);
    ck_assert_int_eq(get(by, app.local, 8, &found), XR_SUCCESS);
    stop();
}
END_TEST

START_TEST(a_detection_that_finds_nobody_fails)
{
    start();
    XrPlaneDetectorEXT by = detector(0);
    XrPlaneDetectorBeginInfoEXT info = everything();
    ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, &info), XR_SUCCESS);
    int64_t deadline = base_clock_ns() + PATIENCE;
    while (state_of(by) == XR_PLANE_DETECTION_STATE_PENDING_EXT && base_clock_ns() < deadline)
        usleep(50000);
    ck_assert_int_eq(state_of(by), XR_PLANE_DETECTION_STATE_ERROR_EXT);
    stop();
}
END_TEST

static void make_nonsense(struct percept_planes *planes)
{
    planes->planes[0].normal[1] = NAN;
    planes->planes[1].extent_m[0] = INFINITY;
    planes->planes[2].center[0] = 1e30f;
    memset(planes->planes[3].axes, 0, sizeof planes->planes[3].axes);
    planes->planes[4].id = 0;
    planes->planes[6] = planes->planes[5]; /* the board, twice */
    planes->plane_count = 7;
}

static void make_many(struct percept_planes *planes)
{
    planes->plane_count = 4000000000u;
}

START_TEST(what_is_no_plane_is_none)
{
    struct found found;
    start();
    XrPlaneDetectorEXT by = detector(0);
    XrPlaneDetectorBeginInfoEXT info = everything();
    spoil = make_nonsense;
    detect(by, &info, app.local, &found);
    only(&found, BOARD);
    spoil = make_many;
    for (int i = 0; i < 20; i++) {
        publish();
        usleep(1000);
    }
    spoil = NULL;
    do
        detect(by, &info, app.local, &found); /* nonsense is forgotten after half a second */
    while (found.count == 1);
    ck_assert_uint_eq(found.count, ROOM - 1);
    stop();
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 100 };

static void *use_detectors(void *shared)
{
    XrPlaneDetectorEXT *of_all = shared;
    for (int i = 0; i < ROUNDS; i++) {
        struct found found;
        XrPlaneDetectorEXT by = detector(XR_PLANE_DETECTOR_ENABLE_CONTOUR_BIT_EXT);
        XrPlaneDetectorBeginInfoEXT info = everything();
        ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(by, &info), XR_SUCCESS);
        ck_assert_int_eq(xr.xrBeginPlaneDetectionEXT(*of_all, &info), XR_SUCCESS);
        state_of(by);
        state_of(*of_all);
        XrResult result = get(*of_all, app.local, 8, &found);
        ck_assert(result == XR_SUCCESS || result == XR_ERROR_CALL_ORDER_INVALID);
        ck_assert_int_eq(xr.xrDestroyPlaneDetectorEXT(by), XR_SUCCESS);
    }
    return NULL;
}

START_TEST(many_threads_may_use_it_at_once)
{
    pthread_t threads[THREADS];
    start();
    XrPlaneDetectorEXT of_all = detector(0);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_detectors, &of_all), 0);
    for (int i = 0; i < ROUNDS; i++) {
        publish();
        usleep(200);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr planes");
    TCase *tests = tcase_create("planes");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, planes_are_where_they_are_seen);
    tcase_add_test(tests, what_was_found_stays_where_it_is);
    tcase_add_test(tests, planes_are_taken_for_what_they_are);
    tcase_add_test(tests, an_app_says_which_planes_it_wants);
    tcase_add_test(tests, an_app_says_where_it_wants_planes);
    tcase_add_test(tests, a_plane_has_an_outline);
    tcase_add_test(tests, detections_come_in_order);
    tcase_add_test(tests, beginning_is_checked);
    tcase_add_test(tests, detectors_are_checked);
    tcase_add_test(tests, the_system_says_what_it_can_tell);
    tcase_add_test(tests, planes_are_looked_for_while_somebody_waits_for_them);
    tcase_add_test(tests, a_detection_that_finds_nobody_fails);
    tcase_add_test(tests, what_is_no_plane_is_none);
    tcase_add_test(tests, many_threads_may_use_it_at_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
