/* What tests of our own extensions share: an app that enabled them, and samples that come without a
 * daemon, from what is the feed's thread for as long as there is none. */
#ifndef TESTS_OPENXR_PERCEPT_APP_H
#define TESTS_OPENXR_PERCEPT_APP_H

#include "app.h"

#include "openxr/feed_source.h"
#include "openxr/percept_openxr.h"

#include <check.h>
#include <stdbool.h>
#include <string.h>

#define PERCEPT_APP_EXTENSIONS                                          \
    (const char *const[])                                               \
    {                                                                   \
        XR_MND_HEADLESS_EXTENSION_NAME, XR_PERCEPT_TEXT_EXTENSION_NAME, \
            XR_PERCEPT_CAPTIONS_EXTENSION_NAME                          \
    }
#define PERCEPT_APP_EXTENSION_COUNT 3

#define PERCEPT_APP_FUNCTIONS(X)      \
    X(xrCreateTextTrackerPERCEPT)     \
    X(xrDestroyTextTrackerPERCEPT)    \
    X(xrGetTextsPERCEPT)              \
    X(xrLocateTextsPERCEPT)           \
    X(xrCreateCaptionTrackerPERCEPT)  \
    X(xrDestroyCaptionTrackerPERCEPT) \
    X(xrGetCaptionsPERCEPT)

struct percept_app {
    struct app app;
#define X(name) PFN_##name name;
    PERCEPT_APP_FUNCTIONS(X)
#undef X
};

static inline void percept_app_start(struct percept_app *p)
{
    app_start(&p->app, PERCEPT_APP_EXTENSIONS, PERCEPT_APP_EXTENSION_COUNT);
#define X(name) p->name = (PFN_##name)app_function(p->app.instance, #name);
    PERCEPT_APP_FUNCTIONS(X)
#undef X
}

static inline XrTextTrackerPERCEPT percept_app_text(const struct percept_app *p,
                                                    XrTextScopePERCEPT scope)
{
    XrTextTrackerCreateInfoPERCEPT info = {.type = XR_TYPE_TEXT_TRACKER_CREATE_INFO_PERCEPT,
                                           .scope = scope};
    XrTextTrackerPERCEPT tracker;
    ck_assert_int_eq(p->xrCreateTextTrackerPERCEPT(p->app.session, &info, &tracker), XR_SUCCESS);
    return tracker;
}

static inline XrCaptionTrackerPERCEPT percept_app_captions(const struct percept_app *p)
{
    XrCaptionTrackerCreateInfoPERCEPT info = {.type = XR_TYPE_CAPTION_TRACKER_CREATE_INFO_PERCEPT};
    XrCaptionTrackerPERCEPT tracker;
    ck_assert_int_eq(p->xrCreateCaptionTrackerPERCEPT(p->app.session, &info, &tracker), XR_SUCCESS);
    return tracker;
}

static inline void percept_app_feed(const struct feed_source *source, const void *data, size_t size)
{
    const struct percept_sample sample = {.data = data, .size = size};
    source->take(&sample);
}

/* The next event that is not about the session; false: there is none. */
static inline bool percept_app_event(const struct percept_app *p, XrEventDataBuffer *event)
{
    do {
        *event = (XrEventDataBuffer){.type = XR_TYPE_EVENT_DATA_BUFFER};
        if (p->app.xrPollEvent(p->app.instance, event) != XR_SUCCESS)
            return false;
    } while (event->type == XR_TYPE_EVENT_DATA_SESSION_STATE_CHANGED);
    return true;
}

/* Room for all, filled with what is no answer. */
struct percept_app_texts {
    XrTextsGetInfoPERCEPT info;
    XrTextsPERCEPT told;
    XrTextPERCEPT texts[64];
    XrTextActionPERCEPT actions[64];
    char buffer[65536];
};

static inline void percept_app_texts_init(struct percept_app_texts *t)
{
    memset(t, 0xa5, sizeof *t);
    t->info = (XrTextsGetInfoPERCEPT){.type = XR_TYPE_TEXTS_GET_INFO_PERCEPT};
    t->told = (XrTextsPERCEPT){.type = XR_TYPE_TEXTS_PERCEPT,
                               .textCapacityInput = 64,
                               .texts = t->texts,
                               .actionCapacityInput = 64,
                               .actions = t->actions,
                               .bufferCapacityInput = sizeof t->buffer,
                               .buffer = t->buffer};
}

struct percept_app_places {
    XrTextsLocateInfoPERCEPT info;
    XrTextLocationsPERCEPT told;
    XrTextLocationPERCEPT list[64];
};

static inline void percept_app_places_init(struct percept_app_places *l, XrSpace base, XrTime time)
{
    memset(l, 0xa5, sizeof *l);
    l->info = (XrTextsLocateInfoPERCEPT){
        .type = XR_TYPE_TEXTS_LOCATE_INFO_PERCEPT, .baseSpace = base, .time = time};
    l->told = (XrTextLocationsPERCEPT){
        .type = XR_TYPE_TEXT_LOCATIONS_PERCEPT, .locationCapacityInput = 64, .locations = l->list};
}

struct percept_app_captions {
    XrCaptionsGetInfoPERCEPT info;
    XrCaptionsPERCEPT told;
    XrCaptionPERCEPT list[32];
    char buffer[65536];
};

static inline void percept_app_captions_init(struct percept_app_captions *c, uint64_t since)
{
    memset(c, 0xa5, sizeof *c);
    c->info = (XrCaptionsGetInfoPERCEPT){.type = XR_TYPE_CAPTIONS_GET_INFO_PERCEPT,
                                         .sinceSequence = since};
    c->told = (XrCaptionsPERCEPT){.type = XR_TYPE_CAPTIONS_PERCEPT,
                                  .captionCapacityInput = 32,
                                  .captions = c->list,
                                  .bufferCapacityInput = sizeof c->buffer,
                                  .buffer = c->buffer};
}

#endif
