/*
 * What a topic tells about people: its class, which permissions are given for. Follows from the
 * schema, whatever the topic is called.
 */
#ifndef IPC_TOPIC_CLASS_H
#define IPC_TOPIC_CLASS_H

#include <stdbool.h>
#include <stddef.h>

struct ipc_topic_class {
    const char *name;
    const char *schemas[2]; /* NULL: no topic of it yet */
    bool sensitive;         /* nobody may read it who was not allowed to */
    bool everyone;          /* anybody may read it */
    const char *shows;      /* as in "topic 'frames' shows camera images" */
};

/* Those that there are; NULL past the last. */
const struct ipc_topic_class *ipc_topic_class_at(size_t index);
/* NULL when there is none of this name. */
const struct ipc_topic_class *ipc_topic_class_find(const char *name);
/* Never NULL: a schema that nobody has classed is of the class "other", which is sensitive. */
const struct ipc_topic_class *ipc_topic_class_of(const char *schema);

#endif
