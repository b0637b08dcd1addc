/*
 * What the layer adds to xrCreateInstance, and what locating joints takes, as an app sees both,
 * through the loader. Each instance is made in a new process, with the layer and without in turns,
 * so that loading the library counts. The runtime, and a daemon to publish hands, are the
 * environment's to say: see run.
 */
#include "openxr/openxr_declarations.h"

#include "base/clock.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 200, CALLS = 20000, PATIENCE_S = 20 };

enum measure { CREATE_BARE, CREATE_LAYER, LOCATE_SPACE, LOCATE_HAND, LOCATE_NONE, MEASURES };

static const char *const names[MEASURES] = {
    [CREATE_BARE] = "xrCreateInstance, runtime alone",
    [CREATE_LAYER] = "xrCreateInstance, with the layer",
    [LOCATE_SPACE] = "xrLocateSpace, the runtime's",
    [LOCATE_HAND] = "xrLocateHandJointsEXT, a hand with velocities",
    [LOCATE_NONE] = "xrLocateHandJointsEXT, no hand",
};

struct results {
    size_t counts[MEASURES];
    int64_t ns[MEASURES][CALLS];
};

static struct results *results; /* shared with the children */

static void add(enum measure what, int64_t ns)
{
    if (results->counts[what] < CALLS)
        results->ns[what][results->counts[what]++] = ns;
}

static bool create(bool layer, XrInstance *instance)
{
    static const char *const layers[] = {"XR_APILAYER_PERCEPT_perception"};
    static const char *const extensions[] = {XR_MND_HEADLESS_EXTENSION_NAME,
                                             XR_KHR_CONVERT_TIMESPEC_TIME_EXTENSION_NAME,
                                             XR_EXT_HAND_TRACKING_EXTENSION_NAME};
    XrInstanceCreateInfo info = {.type = XR_TYPE_INSTANCE_CREATE_INFO,
                                 .applicationInfo = {.applicationName = "bench_openxr",
                                                     .apiVersion = XR_MAKE_VERSION(1, 0, 0)},
                                 .enabledApiLayerCount = layer,
                                 .enabledApiLayerNames = layers,
                                 .enabledExtensionCount = layer ? 3 : 2,
                                 .enabledExtensionNames = extensions};
    int64_t before = base_clock_ns();
    bool good = xrCreateInstance(&info, instance) == XR_SUCCESS;
    add(layer ? CREATE_LAYER : CREATE_BARE, base_clock_ns() - before);
    return good;
}

/* In a process of its own, whose result is whether all went well. */
static bool apart(bool (*work)(int argument), int argument)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(work(argument) ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool create_once(int layer)
{
    XrInstance instance;
    return create(layer, &instance) && xrDestroyInstance(instance) == XR_SUCCESS;
}

#define FIND(name)                                                                         \
    PFN_##name name;                                                                       \
    if (xrGetInstanceProcAddr(instance, #name, (PFN_xrVoidFunction *)&name) != XR_SUCCESS) \
    return false

/* Until there are enough calls of either kind, or for a while. */
static bool locate(int unused)
{
    XrInstance instance;
    XrSession session;
    XrSpace view, local;
    XrHandTrackerEXT trackers[2];
    XrSessionCreateInfo with = {.type = XR_TYPE_SESSION_CREATE_INFO, .systemId = 1};
    XrReferenceSpaceCreateInfo space = {.type = XR_TYPE_REFERENCE_SPACE_CREATE_INFO,
                                        .referenceSpaceType = XR_REFERENCE_SPACE_TYPE_VIEW,
                                        .poseInReferenceSpace = {{0, 0, 0, 1}, {0, 0, 0}}};
    (void)unused;
    if (!create(true, &instance) || xrCreateSession(instance, &with, &session) != XR_SUCCESS ||
        xrCreateReferenceSpace(session, &space, &view) != XR_SUCCESS)
        return false;
    space.referenceSpaceType = XR_REFERENCE_SPACE_TYPE_LOCAL;
    if (xrCreateReferenceSpace(session, &space, &local) != XR_SUCCESS)
        return false;
    FIND(xrConvertTimespecTimeToTimeKHR);
    FIND(xrCreateHandTrackerEXT);
    FIND(xrLocateHandJointsEXT);
    for (int i = 0; i < 2; i++) {
        XrHandTrackerCreateInfoEXT create_info = {.type = XR_TYPE_HAND_TRACKER_CREATE_INFO_EXT,
                                                  .hand = i ? XR_HAND_RIGHT_EXT : XR_HAND_LEFT_EXT};
        if (xrCreateHandTrackerEXT(session, &create_info, &trackers[i]) != XR_SUCCESS)
            return false;
    }
    int64_t end = base_clock_ns() + PATIENCE_S * BASE_NS_PER_S;
    while (results->counts[LOCATE_HAND] < CALLS && base_clock_ns() < end) {
        struct timespec t;
        XrHandJointLocationEXT joints[XR_HAND_JOINT_COUNT_EXT];
        XrHandJointVelocityEXT rates[XR_HAND_JOINT_COUNT_EXT];
        XrHandJointVelocitiesEXT velocities = {.type = XR_TYPE_HAND_JOINT_VELOCITIES_EXT,
                                               .jointCount = XR_HAND_JOINT_COUNT_EXT,
                                               .jointVelocities = rates};
        XrHandJointLocationsEXT found = {.type = XR_TYPE_HAND_JOINT_LOCATIONS_EXT,
                                         .next = &velocities,
                                         .jointCount = XR_HAND_JOINT_COUNT_EXT,
                                         .jointLocations = joints};
        XrHandJointsLocateInfoEXT info = {.type = XR_TYPE_HAND_JOINTS_LOCATE_INFO_EXT,
                                          .baseSpace = local};
        XrSpaceLocation location = {.type = XR_TYPE_SPACE_LOCATION};
        clock_gettime(CLOCK_MONOTONIC, &t);
        if (xrConvertTimespecTimeToTimeKHR(instance, &t, &info.time) != XR_SUCCESS)
            return false;
        XrHandTrackerEXT tracker = trackers[results->counts[LOCATE_SPACE] % 2];
        int64_t start = base_clock_ns();
        XrResult hand = xrLocateHandJointsEXT(tracker, &info, &found);
        int64_t middle = base_clock_ns();
        XrResult head = xrLocateSpace(view, local, info.time, &location);
        int64_t after = base_clock_ns();
        if (hand != XR_SUCCESS || head != XR_SUCCESS)
            return false;
        bool moves = found.isActive && rates[0].velocityFlags;
        if (moves || !found.isActive)
            add(moves ? LOCATE_HAND : LOCATE_NONE, middle - start);
        add(LOCATE_SPACE, after - middle);
    }
    return xrDestroyInstance(instance) == XR_SUCCESS;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double percentile_us(enum measure what, double part)
{
    size_t count = results->counts[what];
    return count ? (double)results->ns[what][(size_t)(part * (double)(count - 1))] / 1000 : 0;
}

static void print_table(void)
{
    printf("%-46s %8s %9s %9s %9s\n", "", "calls", "least us", "p50 us", "p99 us");
    for (int m = 0; m < MEASURES; m++)
        printf("%-46s %8zu %9.2f %9.2f %9.2f\n", names[m], results->counts[m], percentile_us(m, 0),
               percentile_us(m, 0.5), percentile_us(m, 0.99));
    printf("\nthe layer adds to xrCreateInstance: least %.2f, p50 %.2f ms\n",
           (percentile_us(CREATE_LAYER, 0) - percentile_us(CREATE_BARE, 0)) / 1000,
           (percentile_us(CREATE_LAYER, 0.5) - percentile_us(CREATE_BARE, 0.5)) / 1000);
}

static bool print_json(void)
{
    struct utsname machine;
    uname(&machine);
    json_t *rows = json_array();
    for (int m = 0; m < MEASURES; m++)
        json_array_append_new(rows, json_pack("{s:s, s:I, s:f, s:f, s:f}", "what", names[m],
                                              "calls", (json_int_t)results->counts[m], "least_us",
                                              percentile_us(m, 0), "p50_us", percentile_us(m, 0.5),
                                              "p99_us", percentile_us(m, 0.99)));
    json_t *all = json_pack("{s:s, s:I, s:o}", "kernel", machine.release, "cpus",
                            (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "measures", rows);
    bool good = all && json_dumpf(all, stdout, JSON_INDENT(1)) == 0;
    printf("\n");
    json_decref(all);
    return good;
}

int main(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        fprintf(stderr, "usage: bench_openxr [--json]\n");
        return 2;
    }
    results =
        mmap(NULL, sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        return 1;
    bool good = true;
    for (int round = 0; round < ROUNDS && good; round++)
        good = apart(create_once, round % 2);
    if (!good || !apart(locate, 0)) {
        fprintf(stderr, "bench_openxr: an OpenXR call failed\n");
        return 1;
    }
    for (int m = 0; m < MEASURES; m++)
        qsort(results->ns[m], results->counts[m], sizeof(int64_t), compare);
    if (json)
        return print_json() ? 0 : 1;
    print_table();
    return 0;
}
