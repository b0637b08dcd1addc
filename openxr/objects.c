/* Why fixed tables: an app has one instance, one session and two trackers, and no app may make us
 * grow. */
#include "openxr/objects.h"

#include "openxr/feed.h"

#include <pthread.h>

enum { INSTANCES = 16, SESSIONS = 64, TRACKERS = 128 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct instance instances[INSTANCES];
static struct {
    XrSession handle;
    XrInstance instance;
    bool had_focus, has_focus;
} sessions[SESSIONS];
static struct tracker trackers[TRACKERS];
static uint64_t made; /* handles of trackers */

/* An element with this handle, XR_NULL_HANDLE for a free one; NULL when there is none. */
#define FIND(table, of)                                                             \
    ({                                                                              \
        typeof(&(table)[0]) found_ = NULL;                                          \
        for (size_t i_ = 0; !found_ && i_ < sizeof(table) / sizeof(table)[0]; i_++) \
            if ((table)[i_].handle == (of))                                         \
                found_ = &(table)[i_];                                              \
        found_;                                                                     \
    })

/* ---- what goes with something else; under the lock ---- */

static void drop_tracker(struct tracker *tracker)
{
    if (tracker->fed)
        feed_release();
    *tracker = (struct tracker){.handle = XR_NULL_HANDLE};
}

static void drop_session(XrSession session)
{
    for (size_t i = 0; i < TRACKERS; i++)
        if (trackers[i].handle != XR_NULL_HANDLE && trackers[i].session == session)
            drop_tracker(&trackers[i]);
    for (size_t i = 0; i < SESSIONS; i++)
        if (sessions[i].handle == session)
            sessions[i].handle = XR_NULL_HANDLE;
}

/* ---- instances ---- */

bool objects_add_instance(const struct instance *instance)
{
    pthread_mutex_lock(&lock);
    struct instance *found = FIND(instances, XR_NULL_HANDLE);
    if (found)
        *found = *instance;
    pthread_mutex_unlock(&lock);
    return found != NULL;
}

bool objects_find_instance(XrInstance handle, struct instance *instance)
{
    pthread_mutex_lock(&lock);
    const struct instance *found = handle == XR_NULL_HANDLE ? NULL : FIND(instances, handle);
    if (found)
        *instance = *found;
    pthread_mutex_unlock(&lock);
    return found != NULL;
}

void objects_remove_instance(XrInstance handle)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < SESSIONS; i++)
        if (sessions[i].handle != XR_NULL_HANDLE && sessions[i].instance == handle)
            drop_session(sessions[i].handle);
    struct instance *found = FIND(instances, handle);
    if (found)
        found->handle = XR_NULL_HANDLE;
    pthread_mutex_unlock(&lock);
}

/* ---- sessions ---- */

bool objects_add_session(XrSession session, const struct instance *instance)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = FIND(sessions, XR_NULL_HANDLE);
    if (found) {
        found->handle = session;
        found->instance = instance->handle;
        found->had_focus = found->has_focus = false;
    }
    pthread_mutex_unlock(&lock);
    return found != NULL;
}

bool objects_find_session(XrSession session, struct instance *instance)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = session == XR_NULL_HANDLE ? NULL : FIND(sessions, session);
    const struct instance *its = found ? FIND(instances, found->instance) : NULL;
    if (its)
        *instance = *its;
    pthread_mutex_unlock(&lock);
    return its != NULL;
}

void objects_remove_session(XrSession session)
{
    pthread_mutex_lock(&lock);
    drop_session(session);
    pthread_mutex_unlock(&lock);
}

void objects_note_state(XrSession session, XrSessionState state)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = session == XR_NULL_HANDLE ? NULL : FIND(sessions, session);
    if (found) {
        found->has_focus = state == XR_SESSION_STATE_FOCUSED;
        found->had_focus |= found->has_focus;
    }
    pthread_mutex_unlock(&lock);
}

/* ---- trackers ---- */

bool objects_tracker_has_focus(const struct tracker *tracker)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = FIND(sessions, tracker->session);
    bool has = found && (found->has_focus || !found->had_focus);
    pthread_mutex_unlock(&lock);
    return has;
}

bool objects_add_tracker(struct tracker *tracker)
{
    /* No pointer of a process is as high, so none of the runtime's handles is the same. */
    const uint64_t ours = (uint64_t)0x5043 << 48;
    pthread_mutex_lock(&lock);
    struct tracker *found = FIND(trackers, XR_NULL_HANDLE);
    if (found) {
        if (tracker->ours)
            tracker->handle = (XrHandTrackerEXT)(ours | ++made);
        *found = *tracker;
    }
    pthread_mutex_unlock(&lock);
    return found != NULL;
}

bool objects_find_tracker(XrHandTrackerEXT handle, struct tracker *tracker)
{
    pthread_mutex_lock(&lock);
    const struct tracker *found = handle == XR_NULL_HANDLE ? NULL : FIND(trackers, handle);
    if (found)
        *tracker = *found;
    pthread_mutex_unlock(&lock);
    return found != NULL;
}

bool objects_remove_tracker(XrHandTrackerEXT handle, struct tracker *tracker)
{
    pthread_mutex_lock(&lock);
    struct tracker *found = handle == XR_NULL_HANDLE ? NULL : FIND(trackers, handle);
    if (found) {
        *tracker = *found;
        drop_tracker(found);
    }
    pthread_mutex_unlock(&lock);
    return found != NULL;
}
