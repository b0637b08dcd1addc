/*
 * What the layer keeps of instances, sessions and hand trackers. All of it is looked up by handle
 * and copied out, under a lock that nobody holds while calling down the chain: a handle that is
 * destroyed meanwhile, or was never one, is found out and reaches no memory.
 */
#ifndef OPENXR_OBJECTS_H
#define OPENXR_OBJECTS_H

#include "openxr/openxr_declarations.h"

#include <stdbool.h>

/* What an app may enable of the layer's; bits. */
enum feature {
    FEATURE_HANDS = 1,
    FEATURE_SOURCE = 2,
    FEATURE_AIM = 4,
    FEATURE_UNEXTRAPOLATED = 8,
};

/* The functions below the layer; those of extensions may be NULL. */
#define BELOW(X)                      \
    X(xrDestroyInstance)              \
    X(xrPollEvent)                    \
    X(xrCreateSession)                \
    X(xrDestroySession)               \
    X(xrGetSystemProperties)          \
    X(xrCreateReferenceSpace)         \
    X(xrDestroySpace)                 \
    X(xrLocateSpace)                  \
    X(xrConvertTimespecTimeToTimeKHR) \
    X(xrConvertTimeToTimespecTimeKHR) \
    X(xrCreateHandTrackerEXT)         \
    X(xrDestroyHandTrackerEXT)        \
    X(xrLocateHandJointsEXT)

struct instance {
    XrInstance handle;
    PFN_xrGetInstanceProcAddr get;
    unsigned served;   /* enum feature: by the layer */
    unsigned withheld; /* enabled by the app, but neither served nor had below */
#define X(name) PFN_##name name;
    BELOW(X)
#undef X
};

struct tracker {
    XrHandTrackerEXT handle;
    XrSession session;
    struct instance instance;
    bool ours; /* else it is of the runtime, and what follows means nothing */
    bool fed;  /* holds the feed */
    XrHandEXT hand;
    bool told_sources;   /* the app said which sources it takes */
    bool takes_cameras;  /* and such as ours is among them, or it did not say */
    XrSpace view, world; /* world is the LOCAL space: it keeps still while a head moves */
};

/* Of the functions that add, each says false when there are too many already. */
bool objects_add_instance(const struct instance *instance);
bool objects_find_instance(XrInstance handle, struct instance *instance);
/* And all that is its. */
void objects_remove_instance(XrInstance handle);

bool objects_add_session(XrSession session, const struct instance *instance);
bool objects_find_session(XrSession session, struct instance *instance);
void objects_remove_session(XrSession session);
/* The session's state has changed. */
void objects_note_state(XrSession session, XrSessionState state);

/* False while the tracker's session has lost the focus that it had. One that never had it is taken
 * to have it: an app without graphics need not ask for events. */
bool objects_tracker_has_focus(const struct tracker *tracker);

/* A handle of ours is made up: no value is used twice. */
bool objects_add_tracker(struct tracker *tracker);
bool objects_find_tracker(XrHandTrackerEXT handle, struct tracker *tracker);
/* Also copies it; false when there is none. */
bool objects_remove_tracker(XrHandTrackerEXT handle, struct tracker *tracker);

#endif
