/*
 * What the layer keeps of instances, sessions, and of the handles that it gives out itself. All of
 * it is looked up by handle under a lock that nobody holds while calling down the chain: a handle
 * that is destroyed meanwhile, or was never one, is found out and reaches no memory.
 */
#ifndef OPENXR_OBJECTS_H
#define OPENXR_OBJECTS_H

#include "openxr/graphics.h"
#include "openxr/openxr_declarations.h"

#include <stdatomic.h>
#include <stdbool.h>

/* What an app may enable of the layer's; bits. extensions.c says which extension each is. */
enum feature {
    FEATURE_HANDS = 1 << 0,
    FEATURE_SOURCE = 1 << 1,
    FEATURE_AIM = 1 << 2,
    FEATURE_UNEXTRAPOLATED = 1 << 3,
    FEATURE_DEPTH = 1 << 4,
    FEATURE_DEPTH_MAP = 1 << 5,
    FEATURE_PLANES = 1 << 6,
    FEATURE_TEXT = 1 << 7,
    FEATURE_CAPTIONS = 1 << 8,
};

#define FEATURES_OF_HANDS (FEATURE_HANDS | FEATURE_SOURCE | FEATURE_AIM | FEATURE_UNEXTRAPOLATED)

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
    X(xrBeginFrame)                   \
    X(xrEndFrame)                     \
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
    /* Enabled by the app, and had below, which does not say that any device can do it: the system
     * that a session is for may lack it. */
    unsigned doubtful;
#define X(name) PFN_##name name;
    BELOW(X)
#undef X
};

/* Of the functions that add, each says false when there are too many already. */
bool objects_add_instance(const struct instance *instance);
bool objects_find_instance(XrInstance handle, struct instance *instance);
/* And all that is its. */
void objects_remove_instance(XrInstance handle);

/* What of the instance's features is served and withheld may differ from session to session. */
bool objects_add_session(XrSession session, const struct instance *instance,
                         const struct graphics *graphics);
/* The instance as it serves this session. */
bool objects_find_session(XrSession session, struct instance *instance);
void objects_remove_session(XrSession session);
/* The session's state has changed. */
void objects_note_state(XrSession session, XrSessionState state);
/* False while the session has lost the focus that it had. One that never had it is taken to have
 * it: an app without graphics need not ask for events. */
bool objects_has_focus(XrSession session);
void objects_find_graphics(XrSession session, struct graphics *graphics);
/* A frame has begun, or ended. */
void objects_note_frame(XrSession session, bool begun);
/* Something that may be done once a frame: CALL_ORDER_INVALID outside of one, LIMIT_REACHED the
 * second time. */
XrResult objects_use_frame(XrSession session);

/* ---- handles ---- */

enum object_kind {
    OBJECT_HAND_TRACKER = 1,
    OBJECT_DEPTH_PROVIDER,
    OBJECT_DEPTH_SWAPCHAIN,
    OBJECT_DEPTH_READER,
    OBJECT_PLANE_DETECTOR,
    OBJECT_TEXT_TRACKER,
    OBJECT_CAPTION_TRACKER,
};

/* The first member of whatever stands behind a handle. Filled in by who makes it, but for
 * references; it does not change once it is added. */
struct object {
    uint64_t handle; /* 0: one is made up, and no value is used twice */
    enum object_kind kind;
    XrSession session;
    uint64_t parent; /* the object that takes this one with it; 0: the session alone does */
    struct instance instance;
    void (*destroy)(struct object *object); /* nobody refers to it any more; calls nothing below */
    /* Has it something to tell the app? Then that is the event, and true. NULL: it never has. */
    bool (*tell)(struct object *object, XrEventDataBuffer *event);
    atomic_uint references;
};

/* The table and the caller refer to it then; false, and nothing is changed. */
bool objects_add(struct object *object);
/* NULL when there is none of that kind. Refers to it: objects_put. */
struct object *objects_find(uint64_t handle, enum object_kind kind);
/* One after the other of an instance's, those that may have something to tell; *place starts at 0.
 * NULL: there are no more. Refers to it. */
struct object *objects_next_telling(XrInstance instance, size_t *place);
/* As objects_find, and nobody finds it any more, nor what it takes with it. */
struct object *objects_remove(uint64_t handle, enum object_kind kind);
/* Refer to it no more. NULL is fine. */
void objects_put(struct object *object);

#endif
