/* Why: one list of the kinds of nodes, and one place where a class from outside is checked. */
#include "pipelines/node.h"

#include <string.h>

#define MAX_REGISTERED 64

extern const struct pipe_node_class pipe_node_hand_landmarks, pipe_node_hand_presence,
    pipe_node_hand_regions, pipe_node_hand_tracker, pipe_node_one_euro, pipe_node_palm_detector;

const struct pipe_node_class *const pipe_node_classes[] = {
    &pipe_node_hand_tracker,
    &pipe_node_palm_detector,
    &pipe_node_hand_regions,
    &pipe_node_hand_landmarks,
    &pipe_node_hand_presence,
    &pipe_node_one_euro,
    NULL,
};

static const struct pipe_node_class *registered[MAX_REGISTERED];
static size_t registered_count;

const struct pipe_node_class *pipe_node_class_at(size_t index)
{
    for (size_t i = 0; pipe_node_classes[i]; i++, index--)
        if (index == 0)
            return pipe_node_classes[i];
    return index < registered_count ? registered[index] : NULL;
}

const struct pipe_node_class *pipe_node_class_find(const char *name)
{
    const struct pipe_node_class *class;
    for (size_t i = 0; (class = pipe_node_class_at(i)) != NULL; i++)
        if (strcmp(class->name, name) == 0)
            break;
    return class;
}

static const char *wrong_ports(const struct pipe_port *ports, bool outputs)
{
    size_t count = 0;
    if (!ports)
        return "no port table";
    for (; ports[count].name; count++) {
        if (count == PIPE_MAX_PORTS)
            return "too many ports";
        if (ports[count].type >= PIPE_STREAM_TYPES)
            return "a port of unknown type";
        if (outputs && ports[count].type == PIPE_FRAME)
            return "an output of type frame; only sources make frames";
    }
    return NULL;
}

static const char *wrong(const struct pipe_node_class *class)
{
    static const char *const reserved[] = {"node", "name", "inputs"};
    if (!class->name || !class->create || !class->process || !class->destroy)
        return "no name or a function missing";
    for (const struct pipe_param *param = class->params; param && param->name; param++) {
        for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
            if (strcmp(param->name, reserved[i]) == 0)
                return "a parameter with a reserved name";
        if (param->offset >= class->params_size)
            return "a parameter outside its struct";
    }
    const char *problem = wrong_ports(class->inputs, false);
    return problem ? problem : wrong_ports(class->outputs, true);
}

enum percept_status pipe_node_register(const struct pipe_node_class *class,
                                       struct percept_error *error)
{
    if (class->version != PIPE_NODE_VERSION)
        return percept_fail(error, PERCEPT_VERSION, "node class of version %u; this is version %d",
                            class->version, PIPE_NODE_VERSION);
    const char *problem = wrong(class);
    if (problem)
        return percept_fail(error, PERCEPT_INVALID, "node class '%s': %s",
                            class->name ? class->name : "?", problem);
    if (pipe_node_class_find(class->name))
        return percept_fail(error, PERCEPT_EXISTS, "node class '%s' exists", class->name);
    if (registered_count == MAX_REGISTERED)
        return percept_fail(error, PERCEPT_LIMIT, "more than %d node classes", MAX_REGISTERED);
    registered[registered_count++] = class;
    return PERCEPT_OK;
}
