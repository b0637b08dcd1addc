/*
 * XR_META_environment_depth from the topic "depth". That is one camera's, so both views are given
 * the same map with the same pose: that of the camera, by which an app finds out what it hides.
 */
#include "openxr/chain.h"
#include "openxr/depth_images.h"
#include "openxr/layer.h"
#include "openxr/pose.h"
#include "openxr/space.h"

#include <pthread.h>
#include <stdlib.h>

/* A swapchain keeps its size; this is it until there is a map to take it from. */
enum { WIDTH = 320, HEIGHT = 240 };

struct provider {
    struct object object;
    struct sight sight;
    pthread_mutex_t lock; /* of what is below */
    bool started;
    bool fed;           /* holds FEED_DEPTH */
    uint64_t swapchain; /* the last one; it may be gone */
};

struct swapchain {
    struct object object;
    uint32_t width, height;
    pthread_mutex_t lock; /* of the images */
    struct depth_images *images;
};

static struct provider *find_provider(XrEnvironmentDepthProviderMETA handle)
{
    return (struct provider *)objects_find((uint64_t)handle, OBJECT_DEPTH_PROVIDER);
}

static struct swapchain *find_swapchain(uint64_t handle)
{
    return (struct swapchain *)objects_find(handle, OBJECT_DEPTH_SWAPCHAIN);
}

/* ---- providers ---- */

static void destroy_provider(struct object *object)
{
    struct provider *provider = (struct provider *)object;
    if (provider->fed)
        feed_release(FEED_DEPTH);
    pthread_mutex_destroy(&provider->lock);
    free(provider);
}

XRAPI_ATTR XrResult XRAPI_CALL
layer_create_depth_provider(XrSession session, const XrEnvironmentDepthProviderCreateInfoMETA *info,
                            XrEnvironmentDepthProviderMETA *handle)
{
    struct instance instance;
    if (!objects_find_session(session, &instance))
        return XR_ERROR_HANDLE_INVALID;
    if (!info || info->type != XR_TYPE_ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META ||
        info->createFlags != 0 || !handle)
        return XR_ERROR_VALIDATION_FAILURE;
    if (!space_times_convert(&instance))
        return XR_ERROR_FEATURE_UNSUPPORTED;
    struct provider *provider = calloc(1, sizeof *provider);
    if (!provider)
        return XR_ERROR_OUT_OF_MEMORY;
    provider->object = (struct object){.kind = OBJECT_DEPTH_PROVIDER,
                                       .session = session,
                                       .instance = instance,
                                       .destroy = destroy_provider};
    pthread_mutex_init(&provider->lock, NULL);
    XrResult result = sight_open(&instance, session, &provider->sight);
    if (XR_SUCCEEDED(result) && !objects_add(&provider->object)) {
        sight_close(&instance, &provider->sight);
        result = XR_ERROR_LIMIT_REACHED;
    }
    if (XR_FAILED(result)) {
        destroy_provider(&provider->object);
        return result;
    }
    *handle = (XrEnvironmentDepthProviderMETA)provider->object.handle;
    objects_put(&provider->object);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_depth_provider(XrEnvironmentDepthProviderMETA handle)
{
    struct object *object = objects_remove((uint64_t)handle, OBJECT_DEPTH_PROVIDER);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    sight_close(&object->instance, &((struct provider *)object)->sight);
    objects_put(object);
    return XR_SUCCESS;
}

static XrResult set_started(XrEnvironmentDepthProviderMETA handle, bool started)
{
    struct provider *provider = find_provider(handle);
    if (!provider)
        return XR_ERROR_HANDLE_INVALID;
    pthread_mutex_lock(&provider->lock);
    bool was = provider->started;
    provider->started = started;
    if (started && !was)
        provider->fed = feed_hold(FEED_DEPTH); /* without it, no depth is ever available */
    if (!started && provider->fed) {
        feed_release(FEED_DEPTH);
        provider->fed = false;
    }
    pthread_mutex_unlock(&provider->lock);
    objects_put(&provider->object);
    return was == started ? XR_ERROR_UNEXPECTED_STATE_PASSTHROUGH_FB : XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_start_depth_provider(XrEnvironmentDepthProviderMETA handle)
{
    return set_started(handle, true);
}

XRAPI_ATTR XrResult XRAPI_CALL layer_stop_depth_provider(XrEnvironmentDepthProviderMETA handle)
{
    return set_started(handle, false);
}

XRAPI_ATTR XrResult XRAPI_CALL layer_set_depth_hand_removal(
    XrEnvironmentDepthProviderMETA handle, const XrEnvironmentDepthHandRemovalSetInfoMETA *info)
{
    struct provider *provider = find_provider(handle);
    if (!provider)
        return XR_ERROR_HANDLE_INVALID;
    objects_put(&provider->object);
    if (!info || info->type != XR_TYPE_ENVIRONMENT_DEPTH_HAND_REMOVAL_SET_INFO_META)
        return XR_ERROR_VALIDATION_FAILURE;
    return XR_ERROR_FEATURE_UNSUPPORTED; /* as supportsHandRemoval says */
}

/* ---- swapchains ---- */

static void destroy_swapchain(struct object *object)
{
    struct swapchain *swapchain = (struct swapchain *)object;
    depth_images_destroy(swapchain->images);
    pthread_mutex_destroy(&swapchain->lock);
    free(swapchain);
}

static XrResult make_swapchain(const struct provider *provider, struct swapchain **made)
{
    struct graphics graphics;
    const struct feed_depth *depth = feed_depth_hold();
    uint32_t width = depth ? depth->width : WIDTH, height = depth ? depth->height : HEIGHT;
    feed_depth_release(depth);
    struct swapchain *swapchain = calloc(1, sizeof *swapchain);
    if (!swapchain)
        return XR_ERROR_OUT_OF_MEMORY;
    swapchain->object = (struct object){.kind = OBJECT_DEPTH_SWAPCHAIN,
                                        .session = provider->object.session,
                                        .parent = provider->object.handle,
                                        .instance = provider->object.instance,
                                        .destroy = destroy_swapchain};
    swapchain->width = width;
    swapchain->height = height;
    pthread_mutex_init(&swapchain->lock, NULL);
    objects_find_graphics(provider->object.session, &graphics);
    XrResult result = depth_images_create(&graphics, width, height, &swapchain->images);
    if (XR_SUCCEEDED(result) && !objects_add(&swapchain->object))
        result = XR_ERROR_LIMIT_REACHED;
    if (XR_FAILED(result)) {
        destroy_swapchain(&swapchain->object);
        return result;
    }
    *made = swapchain;
    return XR_SUCCESS;
}

/* With the provider's lock: there is one swapchain at most. */
static XrResult add_swapchain(struct provider *provider, XrEnvironmentDepthSwapchainMETA *handle)
{
    struct swapchain *swapchain = find_swapchain(provider->swapchain);
    if (swapchain) {
        objects_put(&swapchain->object);
        return XR_ERROR_LIMIT_REACHED;
    }
    XrResult result = make_swapchain(provider, &swapchain);
    if (XR_FAILED(result))
        return result;
    provider->swapchain = swapchain->object.handle;
    *handle = (XrEnvironmentDepthSwapchainMETA)swapchain->object.handle;
    objects_put(&swapchain->object);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_create_depth_swapchain(
    XrEnvironmentDepthProviderMETA provider_handle,
    const XrEnvironmentDepthSwapchainCreateInfoMETA *info, XrEnvironmentDepthSwapchainMETA *handle)
{
    struct provider *provider = find_provider(provider_handle);
    if (!provider)
        return XR_ERROR_HANDLE_INVALID;
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (info && info->type == XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_CREATE_INFO_META &&
        info->createFlags == 0 && handle) {
        pthread_mutex_lock(&provider->lock);
        result = add_swapchain(provider, handle);
        pthread_mutex_unlock(&provider->lock);
    }
    objects_put(&provider->object);
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_destroy_depth_swapchain(XrEnvironmentDepthSwapchainMETA handle)
{
    struct object *object = objects_remove((uint64_t)handle, OBJECT_DEPTH_SWAPCHAIN);
    if (!object)
        return XR_ERROR_HANDLE_INVALID;
    objects_put(object);
    return XR_SUCCESS;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_enumerate_depth_images(XrEnvironmentDepthSwapchainMETA handle,
                                                            uint32_t capacity, uint32_t *count,
                                                            XrSwapchainImageBaseHeader *images)
{
    struct swapchain *swapchain = find_swapchain((uint64_t)handle);
    XrResult result = XR_SUCCESS;
    if (!swapchain)
        return XR_ERROR_HANDLE_INVALID;
    if (!count || (capacity > 0 && !images)) {
        result = XR_ERROR_VALIDATION_FAILURE;
    } else {
        if (capacity > 0 && capacity < DEPTH_IMAGES)
            result = XR_ERROR_SIZE_INSUFFICIENT;
        else if (capacity > 0)
            result = depth_images_list(swapchain->images, DEPTH_IMAGES, images);
        if (result != XR_ERROR_VALIDATION_FAILURE)
            *count = DEPTH_IMAGES;
    }
    objects_put(&swapchain->object);
    return result;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_get_depth_swapchain_state(
    XrEnvironmentDepthSwapchainMETA handle, XrEnvironmentDepthSwapchainStateMETA *state)
{
    struct swapchain *swapchain = find_swapchain((uint64_t)handle);
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (!swapchain)
        return XR_ERROR_HANDLE_INVALID;
    if (state && state->type == XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_STATE_META) {
        state->width = swapchain->width;
        state->height = swapchain->height;
        result = XR_SUCCESS;
    }
    objects_put(&swapchain->object);
    return result;
}

/* ---- images ---- */

/* What an app is told of a map. */
static void describe(const struct feed_depth *depth, const struct moment *moment, uint32_t index,
                     XrEnvironmentDepthImageMETA *image)
{
    XrEnvironmentDepthImageTimestampMETA *stamp =
        chain_find(image->next, XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_TIMESTAMP_META, true);
    image->swapchainIndex = index;
    image->nearZ = depth->near_m;
    image->farZ = depth->far_m;
    for (size_t i = 0; i < 2; i++) {
        image->views[i].fov = depth->fov;
        image->views[i].pose = moment->camera;
    }
    if (stamp)
        stamp->captureTime = moment->time;
}

static XrResult put_into(struct swapchain *swapchain, const struct feed_depth *depth,
                         uint32_t *index)
{
    pthread_mutex_lock(&swapchain->lock);
    XrResult result = depth_images_put(swapchain->images, depth, index);
    pthread_mutex_unlock(&swapchain->lock);
    return result;
}

static XrResult acquire(const struct provider *provider, struct swapchain *swapchain,
                        const XrEnvironmentDepthImageAcquireInfoMETA *info,
                        XrEnvironmentDepthImageMETA *image)
{
    const struct instance *instance = &provider->object.instance;
    struct located base;
    struct moment moment;
    uint32_t index;
    /* The runtime knows whether it is a space and the time is one. */
    XrResult result =
        space_locate(instance, provider->sight.world, info->space, info->displayTime, &base);
    if (XR_SUCCEEDED(result))
        result = objects_use_frame(provider->object.session);
    if (XR_FAILED(result))
        return result;
    const struct feed_depth *depth = feed_depth_hold();
    if (!depth || (base.flags & LOCATED_VALID) != LOCATED_VALID ||
        !sight_look_back(instance, &provider->sight, &base, depth->capture_ns, &moment)) {
        feed_depth_release(depth);
        return XR_ENVIRONMENT_DEPTH_NOT_AVAILABLE_META;
    }
    result = put_into(swapchain, depth, &index);
    if (XR_SUCCEEDED(result))
        describe(depth, &moment, index, image);
    feed_depth_release(depth);
    return result;
}

static bool is_acquisition(const XrEnvironmentDepthImageAcquireInfoMETA *info,
                           const XrEnvironmentDepthImageMETA *image)
{
    return info && info->type == XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_ACQUIRE_INFO_META && image &&
           image->type == XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_META &&
           image->views[0].type == XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META &&
           image->views[1].type == XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META;
}

XRAPI_ATTR XrResult XRAPI_CALL layer_acquire_depth_image(
    XrEnvironmentDepthProviderMETA handle, const XrEnvironmentDepthImageAcquireInfoMETA *info,
    XrEnvironmentDepthImageMETA *image)
{
    struct provider *provider = find_provider(handle);
    XrResult result = XR_ERROR_VALIDATION_FAILURE;
    if (!provider)
        return XR_ERROR_HANDLE_INVALID;
    if (is_acquisition(info, image)) {
        pthread_mutex_lock(&provider->lock);
        bool started = provider->started;
        struct swapchain *swapchain = find_swapchain(provider->swapchain);
        pthread_mutex_unlock(&provider->lock);
        result = started && swapchain ? acquire(provider, swapchain, info, image)
                                      : XR_ERROR_CALL_ORDER_INVALID;
        objects_put(swapchain ? &swapchain->object : NULL);
    }
    objects_put(&provider->object);
    return result;
}
