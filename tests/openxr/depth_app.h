/* What tests of depth share: an app that enabled it, a daemon with a topic of depth, and maps of
 * the scene in it. */
#ifndef TESTS_OPENXR_DEPTH_APP_H
#define TESTS_OPENXR_DEPTH_APP_H

#include "app.h"
#include "depth_scene.h"
#include "mini.h"

#include "base/clock.h"

#define PATIENCE (200 * BASE_NS_PER_S)

enum {
    PIXELS = SCENE_WIDTH * SCENE_HEIGHT,
    PIXELS_MAX = PIXELS * SCENE_SCALE_MAX * SCENE_SCALE_MAX
};

#define DEPTH_FUNCTIONS(X)                            \
    X(xrCreateEnvironmentDepthProviderMETA)           \
    X(xrDestroyEnvironmentDepthProviderMETA)          \
    X(xrStartEnvironmentDepthProviderMETA)            \
    X(xrStopEnvironmentDepthProviderMETA)             \
    X(xrCreateEnvironmentDepthSwapchainMETA)          \
    X(xrDestroyEnvironmentDepthSwapchainMETA)         \
    X(xrEnumerateEnvironmentDepthSwapchainImagesMETA) \
    X(xrGetEnvironmentDepthSwapchainStateMETA)        \
    X(xrAcquireEnvironmentDepthImageMETA)             \
    X(xrSetEnvironmentDepthHandRemovalMETA)           \
    X(xrCreateDepthReaderPERCEPT)                     \
    X(xrDestroyDepthReaderPERCEPT)                    \
    X(xrGetDepthMapPERCEPT)

struct depth_functions {
#define X(name) PFN_##name name;
    DEPTH_FUNCTIONS(X)
#undef X
};

extern struct depth_functions xr;
extern struct app app;
extern struct mini *mini;

/* The last is of an app that draws. */
#define DEPTH_EXTENSIONS 5
extern const char *const depth_extensions[DEPTH_EXTENSIONS];

void depth_start_daemon(void);
void depth_find_functions(void); /* of the app's instance */
/* Both, and the app, which does not draw. */
void depth_start(void);
/* Nothing that is not allowed went down the chain, and nothing is left there. */
void depth_stop(void);

XrTime depth_now(void);

/* A map of the scene; spoil may be NULL. Returns when it was captured, CLOCK_MONOTONIC. */
int64_t depth_publish(uint32_t scale, bool as_metres, void (*spoil)(struct percept_depth *));

XrDepthReaderPERCEPT depth_reader(void);
XrEnvironmentDepthProviderMETA depth_provider(void);

/* What was read last. */
extern float metres[PIXELS_MAX];
extern uint8_t confidence[PIXELS_MAX];
XrResult depth_read(XrDepthReaderPERCEPT from, XrSpace space, uint32_t capacity,
                    XrDepthMapPERCEPT *map);
/* Publish until the reader has that very map. */
void depth_show(XrDepthReaderPERCEPT to, XrSpace space, uint32_t scale, bool as_metres,
                XrDepthMapPERCEPT *map);

#endif
