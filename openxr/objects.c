/* Why fixed tables: an app has one instance, one session and a few handles, and no app may make us
 * grow. */
#include "openxr/objects.h"

#include <pthread.h>
#include <string.h>

enum { INSTANCES = 16, SESSIONS = 64, OBJECTS = 128 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct instance instances[INSTANCES];
static struct {
    XrSession handle;
    XrInstance instance;
    unsigned served, withheld;
    struct graphics graphics;
    bool had_focus, has_focus;
    bool in_frame, frame_is_used;
} sessions[SESSIONS];
static struct {
    uint64_t handle;
    struct object *object;
} objects[OBJECTS];
static uint64_t made; /* handles */

/* An element with this handle, 0 or XR_NULL_HANDLE for a free one; NULL when there is none. */
#define FIND(table, of)                                                             \
    ({                                                                              \
        typeof(&(table)[0]) found_ = NULL;                                          \
        for (size_t i_ = 0; !found_ && i_ < sizeof(table) / sizeof(table)[0]; i_++) \
            if ((table)[i_].handle == (of))                                         \
                found_ = &(table)[i_];                                              \
        found_;                                                                     \
    })

/* ---- what goes with something else ---- */

/* Objects that have left the table, but are still referred to by it. */
struct gone {
    size_t count;
    struct object *objects[OBJECTS];
};

/* Those of a session, or of a parent if that is not 0. Under the lock. */
static void take_out(XrSession session, uint64_t parent, struct gone *gone)
{
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].handle == 0 || objects[i].object->session != session ||
            (parent && objects[i].object->parent != parent))
            continue;
        gone->objects[gone->count++] = objects[i].object;
        objects[i].handle = 0;
    }
}

/* Without the lock: they may have to let go of much. */
static void put_all(const struct gone *gone)
{
    for (size_t i = 0; i < gone->count; i++)
        objects_put(gone->objects[i]);
}

/* Under the lock. */
static void drop_session(XrSession session, struct gone *gone)
{
    take_out(session, 0, gone);
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
    struct gone gone = {0};
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < SESSIONS; i++)
        if (sessions[i].handle != XR_NULL_HANDLE && sessions[i].instance == handle)
            drop_session(sessions[i].handle, &gone);
    struct instance *found = FIND(instances, handle);
    if (found)
        found->handle = XR_NULL_HANDLE;
    pthread_mutex_unlock(&lock);
    put_all(&gone);
}

/* ---- sessions ---- */

bool objects_add_session(XrSession session, const struct instance *instance,
                         const struct graphics *graphics)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = FIND(sessions, XR_NULL_HANDLE);
    if (found) {
        memset(found, 0, sizeof *found);
        found->handle = session;
        found->instance = instance->handle;
        found->served = instance->served;
        found->withheld = instance->withheld;
        found->graphics = *graphics;
    }
    pthread_mutex_unlock(&lock);
    return found != NULL;
}

bool objects_find_session(XrSession session, struct instance *instance)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = session == XR_NULL_HANDLE ? NULL : FIND(sessions, session);
    const struct instance *its = found ? FIND(instances, found->instance) : NULL;
    if (its) {
        *instance = *its;
        instance->served = found->served;
        instance->withheld = found->withheld;
    }
    pthread_mutex_unlock(&lock);
    return its != NULL;
}

void objects_remove_session(XrSession session)
{
    struct gone gone = {0};
    pthread_mutex_lock(&lock);
    drop_session(session, &gone);
    pthread_mutex_unlock(&lock);
    put_all(&gone);
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

bool objects_has_focus(XrSession session)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = FIND(sessions, session);
    bool has = found && (found->has_focus || !found->had_focus);
    pthread_mutex_unlock(&lock);
    return has;
}

void objects_find_graphics(XrSession session, struct graphics *graphics)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = FIND(sessions, session);
    *graphics = found ? found->graphics : (struct graphics){.instance = NULL};
    pthread_mutex_unlock(&lock);
}

void objects_note_frame(XrSession session, bool begun)
{
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = session == XR_NULL_HANDLE ? NULL : FIND(sessions, session);
    if (found) {
        found->in_frame = begun;
        found->frame_is_used = false;
    }
    pthread_mutex_unlock(&lock);
}

XrResult objects_use_frame(XrSession session)
{
    XrResult result = XR_ERROR_CALL_ORDER_INVALID;
    pthread_mutex_lock(&lock);
    typeof(&sessions[0]) found = FIND(sessions, session);
    if (found && found->in_frame) {
        result = found->frame_is_used ? XR_ERROR_LIMIT_REACHED : XR_SUCCESS;
        found->frame_is_used = true;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

/* ---- handles ---- */

bool objects_add(struct object *object)
{
    /* No pointer of a process is as high, so none of the runtime's handles is the same. */
    const uint64_t ours = (uint64_t)0x5043 << 48;
    pthread_mutex_lock(&lock);
    typeof(&objects[0]) found = FIND(objects, 0);
    if (found) {
        if (object->handle == 0)
            object->handle = ours | ++made;
        atomic_init(&object->references, 2);
        found->handle = object->handle;
        found->object = object;
    }
    pthread_mutex_unlock(&lock);
    return found != NULL;
}

struct object *objects_find(uint64_t handle, enum object_kind kind)
{
    pthread_mutex_lock(&lock);
    typeof(&objects[0]) found = handle ? FIND(objects, handle) : NULL;
    struct object *object = found && found->object->kind == kind ? found->object : NULL;
    if (object) /* more, by one who sees it referred to: nothing to order */
        atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
    return object;
}

struct object *objects_next_telling(XrInstance instance, size_t *place)
{
    struct object *object = NULL;
    pthread_mutex_lock(&lock);
    while (!object && *place < OBJECTS) {
        typeof(&objects[0]) at = &objects[(*place)++];
        if (at->handle == 0 || !at->object->tell || at->object->instance.handle != instance)
            continue;
        object = at->object;
        atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&lock);
    return object;
}

struct object *objects_remove(uint64_t handle, enum object_kind kind)
{
    struct gone gone = {0};
    pthread_mutex_lock(&lock);
    typeof(&objects[0]) found = handle ? FIND(objects, handle) : NULL;
    struct object *object = found && found->object->kind == kind ? found->object : NULL;
    if (object) {
        found->handle = 0;
        take_out(object->session, handle, &gone);
    }
    pthread_mutex_unlock(&lock);
    put_all(&gone);
    return object;
}

void objects_put(struct object *object)
{
    /* Whoever frees it has seen what all others did with it. */
    if (object && atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) == 1)
        object->destroy(object);
}
