/* Why: one table says which topics are private. */
#include "ipc/topic_class.h"

#include "ipc/topics.h"

#include <string.h>

static const struct ipc_topic_class classes[] = {
    {"camera", {PERCEPT_FRAME_SCHEMA}, true, false, "camera images"},
    {"audio", {NULL}, true, false, "sound"},
    {"push", {NULL}, true, false, "sound that somebody pushes"},
    {"transcript", {PERCEPT_CAPTIONS_SCHEMA}, true, false, "what is said"},
    {"depth", {PERCEPT_DEPTH_SCHEMA, PERCEPT_PLANES_SCHEMA}, true, false, "the shape of the room"},
    {"hands", {PERCEPT_HANDS_SCHEMA}, false, false, "the joints of hands"},
    {"hands.presence", {PERCEPT_HANDS_PRESENCE_SCHEMA}, false, false, "how many hands there are"},
    {"text",
     {PERCEPT_TEXT_SCHEMA, PERCEPT_TEXT_SELECTED_SCHEMA},
     false,
     false,
     "text that the camera sees"},
    {"text.presence", {PERCEPT_TEXT_PRESENCE_SCHEMA}, false, false, "whether there is text"},
    {"indicator", {PERCEPT_INDICATOR_SCHEMA}, false, true, "which sensors are live"},
    {"other", {NULL}, true, false, "what this daemon has no class for"}, /* the last */
};
#define CLASSES (sizeof classes / sizeof classes[0])

const struct ipc_topic_class *ipc_topic_class_at(size_t index)
{
    return index < CLASSES ? &classes[index] : NULL;
}

const struct ipc_topic_class *ipc_topic_class_find(const char *name)
{
    for (size_t i = 0; i < CLASSES; i++)
        if (strcmp(classes[i].name, name) == 0)
            return &classes[i];
    return NULL;
}

const struct ipc_topic_class *ipc_topic_class_of(const char *schema)
{
    for (size_t i = 0; i < CLASSES; i++)
        for (size_t s = 0; s < sizeof classes[i].schemas / sizeof classes[i].schemas[0]; s++)
            if (classes[i].schemas[s] && strcmp(classes[i].schemas[s], schema) == 0)
                return &classes[i];
    return &classes[CLASSES - 1];
}
