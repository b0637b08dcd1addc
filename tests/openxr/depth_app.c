#include "depth_app.h"

#include "ipc/topic.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

struct depth_functions xr;
struct app app;
struct mini *mini;
float metres[PIXELS_MAX];
uint8_t confidence[PIXELS_MAX];

const char *const depth_extensions[DEPTH_EXTENSIONS] = {
    XR_META_ENVIRONMENT_DEPTH_EXTENSION_NAME, XR_PERCEPT_DEPTH_MAP_EXTENSION_NAME,
    XR_EXT_HAND_TRACKING_EXTENSION_NAME, XR_MND_HEADLESS_EXTENSION_NAME,
    XR_KHR_VULKAN_ENABLE2_EXTENSION_NAME};

void depth_find_functions(void)
{
#define X(name) xr.name = (PFN_##name)app_function(app.instance, #name);
    DEPTH_FUNCTIONS(X)
#undef X
}

void depth_start_daemon(void)
{
    struct mini_options options = {
        .topic = "depth", .schema = PERCEPT_DEPTH_SCHEMA, .max_bytes = SCENE_BYTES};
    const char *path = mini_path();
    setenv("PERCEPT_SOCKET", path, 1);
    mini = mini_start(path, &options);
}

void depth_start(void)
{
    depth_start_daemon();
    app_start(&app, depth_extensions, DEPTH_EXTENSIONS - 1);
    depth_find_functions();
}

void depth_stop(void)
{
    app_stop(&app);
    ck_assert_uint_eq(mock_objects(), 0);
    ck_assert_uint_eq(mock_offences(), 0);
    mini_stop(mini);
}

XrTime depth_now(void)
{
    return app_time(base_clock_ns());
}

int64_t depth_publish(uint32_t scale, bool as_metres, void (*spoil)(struct percept_depth *))
{
    struct percept_depth *depth = ipc_topic_loan(mini_topic(mini));
    ck_assert_ptr_nonnull(depth);
    int64_t captured = base_clock_ns();
    size_t size = scene_draw(depth, captured, scale, as_metres);
    if (spoil)
        spoil(depth);
    ipc_topic_publish(mini_topic(mini), size, captured);
    return captured;
}

XrDepthReaderPERCEPT depth_reader(void)
{
    XrDepthReaderPERCEPT made;
    XrDepthReaderCreateInfoPERCEPT info = {.type = XR_TYPE_DEPTH_READER_CREATE_INFO_PERCEPT};
    ck_assert_int_eq(xr.xrCreateDepthReaderPERCEPT(app.session, &info, &made), XR_SUCCESS);
    return made;
}

XrResult depth_read(XrDepthReaderPERCEPT from, XrSpace space, uint32_t capacity,
                    XrDepthMapPERCEPT *map)
{
    XrDepthMapGetInfoPERCEPT info = {
        .type = XR_TYPE_DEPTH_MAP_GET_INFO_PERCEPT, .space = space, .time = depth_now()};
    *map = (XrDepthMapPERCEPT){.type = XR_TYPE_DEPTH_MAP_PERCEPT,
                               .capacityInput = capacity,
                               .metres = metres,
                               .confidence = confidence};
    return xr.xrGetDepthMapPERCEPT(from, &info, map);
}

void depth_show(XrDepthReaderPERCEPT to, XrSpace space, uint32_t scale, bool as_metres,
                XrDepthMapPERCEPT *map)
{
    int64_t deadline = base_clock_ns() + PATIENCE;
    do {
        int64_t captured = depth_publish(scale, as_metres, NULL);
        for (int i = 0; i < 100; i++) {
            ck_assert_int_eq(depth_read(to, space, PIXELS_MAX, map), XR_SUCCESS);
            if (map->isActive && map->captureTime == app_time(captured))
                return;
            usleep(500);
        }
    } while (base_clock_ns() < deadline);
    ck_abort_msg("the map is not seen");
}

XrEnvironmentDepthProviderMETA depth_provider(void)
{
    XrEnvironmentDepthProviderMETA made;
    XrEnvironmentDepthProviderCreateInfoMETA info = {
        .type = XR_TYPE_ENVIRONMENT_DEPTH_PROVIDER_CREATE_INFO_META};
    ck_assert_int_eq(xr.xrCreateEnvironmentDepthProviderMETA(app.session, &info, &made),
                     XR_SUCCESS);
    return made;
}
