/* XR_META_environment_depth's images, on whatever Vulkan there is: what is in them, for which eye,
 * and in which order they may be asked for. */
#include "depth_app.h"
#include "near.h"
#include "vulkan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct vulkan vulkan;

/* False: there is no device, and the test is over. */
static bool start(void)
{
    app_start_instance(&app, depth_extensions, DEPTH_EXTENSIONS);
    if (!vulkan_start(&vulkan, app.instance)) {
        app_stop(&app);
        fprintf(stderr, "no Vulkan device: not tested\n");
        return false;
    }
    depth_start_daemon();
    XrGraphicsBindingVulkan2KHR binding = vulkan_binding(&vulkan);
    XrSessionBeginInfo begin = {.type = XR_TYPE_SESSION_BEGIN_INFO,
                                .primaryViewConfigurationType =
                                    XR_VIEW_CONFIGURATION_TYPE_PRIMARY_STEREO};
    app_start_session(&app, &binding);
    ck_assert_int_eq(app.xrBeginSession(app.session, &begin), XR_SUCCESS);
    depth_find_functions();
    return true;
}

static void stop(void)
{
    depth_stop();
    vulkan_stop(&vulkan);
}

static XrEnvironmentDepthSwapchainMETA swapchain(XrEnvironmentDepthProviderMETA of)
{
    XrEnvironmentDepthSwapchainMETA made;
    XrEnvironmentDepthSwapchainCreateInfoMETA info = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_CREATE_INFO_META};
    ck_assert_int_eq(xr.xrCreateEnvironmentDepthSwapchainMETA(of, &info, &made), XR_SUCCESS);
    return made;
}

struct image {
    XrEnvironmentDepthImageAcquireInfoMETA info;
    XrEnvironmentDepthImageMETA image;
    XrEnvironmentDepthImageTimestampMETA stamp;
};

static void image_init(struct image *image)
{
    *image =
        (struct image){.info = {.type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_ACQUIRE_INFO_META,
                                .space = app.local,
                                .displayTime = depth_now()},
                       .image = {.type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_META,
                                 .next = &image->stamp,
                                 .swapchainIndex = 77,
                                 .views = {{.type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META},
                                           {.type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_VIEW_META}}},
                       .stamp = {.type = XR_TYPE_ENVIRONMENT_DEPTH_IMAGE_TIMESTAMP_META}};
}

static void begin_frame(void)
{
    ck_assert_int_eq(app.xrBeginFrame(app.session, NULL), XR_SUCCESS);
}

static void end_frame(void)
{
    XrFrameEndInfo info = {.type = XR_TYPE_FRAME_END_INFO,
                           .displayTime = depth_now(),
                           .environmentBlendMode = XR_ENVIRONMENT_BLEND_MODE_OPAQUE};
    ck_assert_int_eq(app.xrEndFrame(app.session, &info), XR_SUCCESS);
}

/* A frame is left begun, with an image of a map that was shown. */
static void acquire(XrEnvironmentDepthProviderMETA from, uint32_t scale, struct image *image)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    for (;;) {
        int64_t captured = depth_publish(scale, false, NULL);
        for (int i = 0; i < 100; i++) {
            begin_frame();
            image_init(image);
            XrResult result =
                xr.xrAcquireEnvironmentDepthImageMETA(from, &image->info, &image->image);
            if (result == XR_SUCCESS && image->stamp.captureTime == app_time(captured))
                return;
            if (result != XR_SUCCESS) {
                ck_assert_int_eq(result, XR_ENVIRONMENT_DEPTH_NOT_AVAILABLE_META);
                ck_assert_uint_eq(image->image.swapchainIndex, 77);
            }
            end_frame();
            usleep(500);
        }
        ck_assert_msg(base_clock_ns() < deadline, "no image comes");
    }
}

/* What a pixel of a depth buffer says, in metres; 0: nothing is there. */
static float unproject(uint16_t pixel, float near, float far)
{
    float d = (float)pixel / 65535;
    return pixel == 65535 ? 0 : near * far / (far - d * (far - near));
}

static void check_image(const struct image *image, XrEnvironmentDepthSwapchainMETA of,
                        uint32_t width, uint32_t height)
{
    static uint16_t pixels[PIXELS_MAX];
    XrSwapchainImageVulkan2KHR images[8] = {{0}};
    uint32_t count;
    for (size_t i = 0; i < 8; i++)
        images[i].type = XR_TYPE_SWAPCHAIN_IMAGE_VULKAN2_KHR;
    ck_assert_int_eq(xr.xrEnumerateEnvironmentDepthSwapchainImagesMETA(
                         of, 8, &count, (XrSwapchainImageBaseHeader *)images),
                     XR_SUCCESS);
    ck_assert_uint_lt(image->image.swapchainIndex, count);
    for (uint32_t layer = 0; layer < 2; layer++) {
        vulkan_read(&vulkan, images[image->image.swapchainIndex].image, layer, width, height,
                    pixels);
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++) {
                float want = scene_metres(x * SCENE_WIDTH / width, y * SCENE_HEIGHT / height);
                float got = unproject(pixels[y * width + x], image->image.nearZ, image->image.farZ);
                if (want > 0)
                    want = fmaxf(SCENE_NEAR, fminf(SCENE_FAR, want));
                /* half a millimetre of what is measured, and a step of the buffer */
                float step = 0.0006f + want * want / SCENE_NEAR / 65535;
                ck_assert_msg(fabsf(got - want) <= step, "layer %u, %u %u: %f, not %f", layer, x, y,
                              (double)got, (double)want);
            }
    }
}

START_TEST(an_image_has_the_map_for_both_eyes)
{
    struct image image;
    XrEnvironmentDepthSwapchainStateMETA state = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_STATE_META};
    if (!start())
        return;
    mock_script.head.pose = (XrPosef){quat_exp((XrVector3f){0, 1, 0}), {1, 2, 3}};
    XrDepthReaderPERCEPT from = depth_reader();
    XrDepthMapPERCEPT map;
    depth_show(from, app.local, 1, false, &map); /* so it is known how large maps are */
    XrEnvironmentDepthProviderMETA depth = depth_provider();
    XrEnvironmentDepthSwapchainMETA images = swapchain(depth);
    ck_assert_int_eq(xr.xrStartEnvironmentDepthProviderMETA(depth), XR_SUCCESS);
    ck_assert_int_eq(xr.xrGetEnvironmentDepthSwapchainStateMETA(images, &state), XR_SUCCESS);
    ck_assert_uint_eq(state.width, SCENE_WIDTH);
    ck_assert_uint_eq(state.height, SCENE_HEIGHT);
    for (int i = 0; i < 8; i++) { /* more than there are images */
        acquire(depth, 1, &image);
        check_image(&image, images, state.width, state.height);
        for (size_t eye = 0; eye < 2; eye++) {
            near_vector(image.image.views[eye].pose.position, ((XrVector3f){1, 2, 3}));
            near_vector(quat_log(image.image.views[eye].pose.orientation), ((XrVector3f){0, 1, 0}));
            ck_assert(memcmp(&image.image.views[eye].fov, &map.fov, sizeof map.fov) == 0);
        }
        end_frame();
    }
    /* The same map is the same image. */
    acquire(depth, 1, &image);
    end_frame();
    begin_frame();
    struct image again;
    image_init(&again);
    XrResult result = xr.xrAcquireEnvironmentDepthImageMETA(depth, &again.info, &again.image);
    ck_assert(result == XR_ENVIRONMENT_DEPTH_NOT_AVAILABLE_META /* it is slow here */ ||
              again.image.swapchainIndex == image.image.swapchainIndex);
    end_frame();
    /* A map of another size is stretched. */
    acquire(depth, 3, &image);
    check_image(&image, images, state.width, state.height);
    end_frame();
    stop();
}
END_TEST

START_TEST(images_come_in_order)
{
    struct image image;
    if (!start())
        return;
    XrEnvironmentDepthProviderMETA depth = depth_provider();
#define ACQUIRE(change, want)                                                                     \
    do {                                                                                          \
        image_init(&image);                                                                       \
        change;                                                                                   \
        ck_assert_int_eq(xr.xrAcquireEnvironmentDepthImageMETA(depth, &image.info, &image.image), \
                         want);                                                                   \
    } while (0)
    begin_frame();
    ACQUIRE((void)0, XR_ERROR_CALL_ORDER_INVALID); /* it is stopped */
    ck_assert_int_eq(xr.xrStartEnvironmentDepthProviderMETA(depth), XR_SUCCESS);
    ACQUIRE((void)0, XR_ERROR_CALL_ORDER_INVALID); /* into what? */
    swapchain(depth);
    ACQUIRE(image.info.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    ACQUIRE(image.image.type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    ACQUIRE(image.image.views[1].type = XR_TYPE_UNKNOWN, XR_ERROR_VALIDATION_FAILURE);
    ACQUIRE(image.info.space = XR_NULL_HANDLE, XR_ERROR_HANDLE_INVALID);
    ACQUIRE(image.info.displayTime = 0, XR_ERROR_TIME_INVALID);
    ACQUIRE((void)0, XR_ENVIRONMENT_DEPTH_NOT_AVAILABLE_META);
    ACQUIRE((void)0, XR_ERROR_LIMIT_REACHED);
    end_frame();
    ACQUIRE((void)0, XR_ERROR_CALL_ORDER_INVALID);
    acquire(depth, 1, &image);
    ACQUIRE((void)0, XR_ERROR_LIMIT_REACHED);
    end_frame();
    ACQUIRE((void)0, XR_ERROR_CALL_ORDER_INVALID);
    stop();
}
END_TEST

START_TEST(swapchains_are_checked)
{
    XrSwapchainImageVulkan2KHR list[3] = {{.type = XR_TYPE_SWAPCHAIN_IMAGE_VULKAN2_KHR},
                                          {.type = XR_TYPE_SWAPCHAIN_IMAGE_VULKAN2_KHR},
                                          {.type = XR_TYPE_SWAPCHAIN_IMAGE_VULKAN2_KHR}};
    XrSwapchainImageBaseHeader *headers = (XrSwapchainImageBaseHeader *)list;
    XrEnvironmentDepthSwapchainMETA second;
    XrEnvironmentDepthSwapchainCreateInfoMETA info = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_CREATE_INFO_META};
    XrEnvironmentDepthSwapchainStateMETA state = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_SWAPCHAIN_STATE_META};
    uint32_t count = 9;
    if (!start())
        return;
    XrEnvironmentDepthProviderMETA depth = depth_provider();
    XrEnvironmentDepthSwapchainMETA images = swapchain(depth);
    ck_assert_int_eq(xr.xrCreateEnvironmentDepthSwapchainMETA(depth, &info, &second),
                     XR_ERROR_LIMIT_REACHED);
#define LIST(chain, capacity, count, images, want) \
    ck_assert_int_eq(                              \
        xr.xrEnumerateEnvironmentDepthSwapchainImagesMETA(chain, capacity, count, images), want)
    LIST(images, 0, &count, NULL, XR_SUCCESS);
    ck_assert_uint_eq(count, 3);
    LIST(images, 2, &count, headers, XR_ERROR_SIZE_INSUFFICIENT);
    ck_assert_ptr_null(list[0].image);
    LIST(images, 3, &count, NULL, XR_ERROR_VALIDATION_FAILURE);
    LIST(images, 3, NULL, headers, XR_ERROR_VALIDATION_FAILURE);
    list[2].type = XR_TYPE_UNKNOWN;
    LIST(images, 3, &count, headers, XR_ERROR_VALIDATION_FAILURE);
    list[2].type = XR_TYPE_SWAPCHAIN_IMAGE_VULKAN2_KHR;
    LIST(images, 3, &count, headers, XR_SUCCESS);
    ck_assert(list[0].image && list[0].image != list[1].image && list[1].image != list[2].image);
    ck_assert_int_eq(xr.xrGetEnvironmentDepthSwapchainStateMETA(images, NULL),
                     XR_ERROR_VALIDATION_FAILURE);
    ck_assert_int_eq(xr.xrDestroyEnvironmentDepthSwapchainMETA(images), XR_SUCCESS);
    ck_assert_int_eq(xr.xrDestroyEnvironmentDepthSwapchainMETA(images), XR_ERROR_HANDLE_INVALID);
    images = swapchain(depth);
    /* A provider takes its swapchain with it. */
    ck_assert_int_eq(xr.xrDestroyEnvironmentDepthProviderMETA(depth), XR_SUCCESS);
    ck_assert_int_eq(xr.xrGetEnvironmentDepthSwapchainStateMETA(images, &state),
                     XR_ERROR_HANDLE_INVALID);
    LIST(images, 0, &count, NULL, XR_ERROR_HANDLE_INVALID);
    /* And a session both. */
    images = swapchain(depth_provider());
    ck_assert_int_eq(app.xrDestroySession(app.session), XR_SUCCESS);
    ck_assert_int_eq(xr.xrGetEnvironmentDepthSwapchainStateMETA(images, &state),
                     XR_ERROR_HANDLE_INVALID);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openxr depth images");
    TCase *tests = tcase_create("images");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, an_image_has_the_map_for_both_eyes);
    tcase_add_test(tests, images_come_in_order);
    tcase_add_test(tests, swapchains_are_checked);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
