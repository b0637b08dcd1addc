/* Why: apps know nothing of the layer, so what it is to know comes from the environment. */
#include "openxr/settings.h"

#include "openxr/pose.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RADIANS (3.14159265358979f / 180)

static struct settings settings = {
    .field_of_view = 65 * RADIANS,
    .camera = {{0, 0, 0, 1}, {0, 0, 0}},
    .prediction_ns = 100 * BASE_NS_PER_MS,
};

/* Exactly so many finite numbers with white space between them. */
static bool numbers(const char *text, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        values[i] = strtof(text, &end);
        if (end == text || !isfinite(values[i]))
            return false;
        text = end;
    }
    return text[strspn(text, " \t")] == '\0';
}

static bool set_override(const char *text)
{
    settings.override = strcmp(text, "1") == 0;
    return settings.override || strcmp(text, "0") == 0;
}

static bool set_field_of_view(const char *text)
{
    float degrees;
    if (!numbers(text, &degrees, 1) || degrees < 10 || degrees > 170)
        return false;
    settings.field_of_view = degrees * RADIANS;
    return true;
}

static bool set_camera_space(const char *text)
{
    settings.camera_is_fixed = strcmp(text, "local") == 0;
    return settings.camera_is_fixed || strcmp(text, "view") == 0;
}

static bool set_camera(const char *text)
{
    float v[7];
    if (!numbers(text, v, 7) || !(v[3] * v[3] + v[4] * v[4] + v[5] * v[5] + v[6] * v[6] > 1e-6f))
        return false;
    settings.camera.position = (XrVector3f){v[0], v[1], v[2]};
    settings.camera.orientation = quat_unit((XrQuaternionf){v[3], v[4], v[5], v[6]});
    return true;
}

static bool set_prediction(const char *text)
{
    float ms;
    if (!numbers(text, &ms, 1) || ms < 0 || ms > 500)
        return false;
    settings.prediction_ns = (int64_t)(ms * (float)BASE_NS_PER_MS);
    return true;
}

static const struct {
    const char *name;
    bool (*set)(const char *text);
    const char *takes;
} variables[] = {
    {"PERCEPT_OPENXR_OVERRIDE", set_override, "0 or 1"},
    {"PERCEPT_OPENXR_FOV", set_field_of_view, "degrees from 10 to 170"},
    {"PERCEPT_OPENXR_CAMERA_SPACE", set_camera_space, "view or local"},
    {"PERCEPT_OPENXR_CAMERA", set_camera,
     "seven numbers: position x y z in metres, orientation x y z w"},
    {"PERCEPT_OPENXR_PREDICTION_MS", set_prediction, "milliseconds from 0 to 500"},
};

static void read_environment(void)
{
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        struct settings before = settings;
        const char *text = getenv(variables[i].name);
        if (!text || variables[i].set(text))
            continue;
        settings = before;
        fprintf(stderr, "XrApiLayer_percept: %s is '%s', which is ignored: it takes %s\n",
                variables[i].name, text, variables[i].takes);
    }
}

const struct settings *settings_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    return &settings;
}
