/* XR_PERCEPT_depth_map: the topic "depth" as it is, for apps that compute with it. */
#include "openxr/feed_depth.h"
#include "openxr/layer.h"
#include "openxr/pose.h"
#include "openxr/space.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct object object;
    struct sight sight;
    bool fed; /* holds FEED_DEPTH */
};

static void destroy_reader(struct object *object)
{
    struct reader *reader = (struct reader *)object;
    if (reader->fed)
        feed_release(FEED_DEPTH);
    free(reader);
}

XRAPI_ATTR XrResult XRAPI_CALL layer_create_depth_reader(XrSession session,
                                                         const XrDepthReaderCreateInfoPERCEPT *info,
                                                         XrDepthReaderPERCEPT *handle)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    if (!info || info->type != XR_TYPE_DEPTH_READER_CREATE_INFO_PERCEPT || !handle)
        return XR_ERROR_VALIDATION_FAILURE;
    if (!space_times_convert(&instance))
        return XR_ERROR_FEATURE_UNSUPPORTED;
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return XR_ERROR_OUT_OF_MEMORY;
    reader->object = (struct object){.kind = OBJECT_DEPTH_READER,
                                     .session = session,
                                     .instance = instance,
                                     .destroy = destroy_reader};
    XrResult result = sight_open(&instance, session, &reader->sight);
    if (XR_SUCCEEDED(result)) {
        reader->fed = feed_hold(FEED_DEPTH); /* without it, it is never active */
        if (!objects_add(&reader->object)) {
            sight_close(&instance, &reader->sight);
            result = XR_ERROR_LIMIT_REACHED;
        }
    }
    if (XR_FAILED(result)) {
        destroy_reader(&reader->object);
        return result;
    }
    *handle = (XrDepthReaderPERCEPT)reader->object.handle;
    objects_put(&reader->object);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_depth_reader(XrDepthReaderPERCEPT handle)
{
    struct object *object = objects_remove((uint64_t)handle, OBJECT_DEPTH_READER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    sight_close(&object->instance, &((struct reader *)object)->sight);
    objects_put(object);
    return XR_SUCCESS;
}

/* ---- maps ---- */

static void copy_metres(const struct feed_depth *depth, size_t count, float *metres)
{
    const struct percept_depth_view *view = &depth->view;
    for (size_t i = 0; i < count; i++) {
        float z = view->metres ? view->metres[i] : (float)view->millimetres[i] * 1e-3f;
        metres[i] = z > 0 ? z : 0; /* nor what is no number */
    }
}

static void tell_pose(const struct reader *reader, const struct feed_depth *depth,
                      const struct located *base, XrDepthMapPERCEPT *map)
{
    struct moment moment = {.time = 0};
    bool known = sight_look_back(&reader->object.instance, &reader->sight, base, depth->capture_ns,
                                 &moment) &&
                 (base->flags & LOCATED_VALID) == LOCATED_VALID;
    map->captureTime = moment.time;
    map->locationFlags = known ? LOCATED_VALID | (base->flags & LOCATED_TRACKED) : 0;
    map->pose = known ? moment.camera : POSE_IDENTITY;
}

static XrResult tell(const struct reader *reader, const struct feed_depth *depth,
                     const struct located *base, XrDepthMapPERCEPT *map)
{
    uint32_t count = depth->width * depth->height;
    map->isActive = XR_TRUE;
    map->fov = depth->fov;
    map->width = depth->width;
    map->height = depth->height;
    map->nearZ = depth->near_m;
    map->farZ = depth->far_m;
    map->countOutput = count;
    tell_pose(reader, depth, base, map);
    if (map->capacityInput == 0)
        return XR_SUCCESS;
    if (map->capacityInput < count)
        return XR_ERROR_SIZE_INSUFFICIENT;
    if (map->metres)
        copy_metres(depth, count, map->metres);
    if (map->confidence)
        memcpy(map->confidence, depth->view.confidence, count);
    return XR_SUCCESS;
}

static XrResult get_map(const struct reader *reader, const XrDepthMapGetInfoPERCEPT *info,
                        XrDepthMapPERCEPT *map)
{
    struct located base;
    XrResult result =
        space_locate(&reader->object.instance, reader->sight.world, info->space, info->time, &base);
    if (XR_FAILED(result))
        return result;
    const struct feed_depth *depth = feed_depth_hold();
    if (depth)
        result = tell(reader, depth, &base, map);
    else
        map->isActive = XR_FALSE, map->countOutput = map->width = map->height = 0;
    feed_depth_release(depth);
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_depth_map(XrDepthReaderPERCEPT handle,
                                                   const XrDepthMapGetInfoPERCEPT *info,
                                                   XrDepthMapPERCEPT *map)
{
    struct object *object = objects_find((uint64_t)handle, OBJECT_DEPTH_READER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (info && info->type == XR_TYPE_DEPTH_MAP_GET_INFO_PERCEPT && map &&
        map->type == XR_TYPE_DEPTH_MAP_PERCEPT)
        result = get_map((const struct reader *)object, info, map);
    objects_put(object);
    return result;
}
