/* Why: one list of the kinds of nodes, and one place where a class from outside is checked. */
#include "pipelines/node.h"
#include "pipelines/schema.h"

#include <string.h>

#define MAX_REGISTERED 64

/* A row each, in the order in which they are listed to people. */
#define CLASSES(X)         \
    X(hand_tracker)        \
    X(palm_detector)       \
    X(hand_regions)        \
    X(hand_landmarks)      \
    X(hand_presence)       \
    X(one_euro)            \
    X(model)               \
    X(voice_activity)      \
    X(speech_recognizer)   \
    X(translate_text)      \
    X(translate_captions)  \
    X(text_detector)       \
    X(text_reader)         \
    X(text_presence)       \
    X(text_actions)        \
    X(text_pointer)        \
    X(stereo_depth)        \
    X(measured_depth)      \
    X(depth_without_hands) \
    X(planes)

#define DECLARE(name) extern const struct pipe_node_class pipe_node_##name;
CLASSES(DECLARE)

#define POINT(name) &pipe_node_##name,
const struct pipe_node_class *const pipe_node_classes[] = {CLASSES(POINT) NULL};

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
        if (outputs && pipe_stream_type_takes(PIPE_FRAME, ports[count].type))
            return "an output of type frame; only sources make frames";
    }
    return NULL;
}

/* Bytes of the field that a parameter fills (param.h). */
static const size_t field_sizes[PIPE_PARAM_KINDS] = {
    [PIPE_PARAM_BOOL] = sizeof(bool),
    [PIPE_PARAM_INT] = sizeof(int64_t),
    [PIPE_PARAM_NUMBER] = sizeof(double),
    [PIPE_PARAM_TEXT] = sizeof(char *),
    [PIPE_PARAM_NAME] = sizeof(char *),
    [PIPE_PARAM_CHOICE] = sizeof(int),
    [PIPE_PARAM_PATH] = sizeof(char *),
    [PIPE_PARAM_TEXTS] = sizeof(struct pipe_texts),
    [PIPE_PARAM_PATHS] = sizeof(struct pipe_texts),
    [PIPE_PARAM_NUMBERS] = sizeof(struct pipe_numbers),
    [PIPE_PARAM_MODEL] = sizeof(char *),
    [PIPE_PARAM_LIST] = sizeof(struct pipe_tree *),
    [PIPE_PARAM_MAP] = sizeof(struct pipe_tree *),
};

static const char *wrong_param(const struct pipe_param *param, size_t params_size, bool plugin)
{
    static const char *const reserved[] = {"node", "name", "inputs"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(param->name, reserved[i]) == 0)
            return "a parameter with a reserved name";
    if ((unsigned)param->kind >= PIPE_PARAM_KINDS)
        return "a parameter of unknown kind";
    if (plugin && (param->kind == PIPE_PARAM_LIST || param->kind == PIPE_PARAM_MAP))
        return "a parameter of a kind that plugins may not have";
    if (param->offset > params_size || field_sizes[param->kind] > params_size - param->offset)
        return "a parameter outside its struct";
    if (param->kind == PIPE_PARAM_CHOICE && (!param->choices || !param->choices[0]))
        return "a parameter with no choices";
    return plugin && !param->help ? "a parameter without help" : NULL;
}

static const char *wrong(const struct pipe_node_class *class, bool plugin)
{
    const char *problem = NULL;
    if (!class->name || !class->create || !class->process || !class->destroy)
        return "no name or a function missing";
    if (!pipe_schema_is_name(class->name))
        return "its name: expected up to 63 of a-z 0-9 . _ -, the first a letter or digit";
    for (const struct pipe_param *param = class->params; param && param->name && !problem; param++)
        problem = wrong_param(param, class->params_size, plugin);
    if (!problem)
        problem = wrong_ports(class->inputs, false);
    if (!problem)
        problem = wrong_ports(class->outputs, true);
    for (const struct pipe_port *port = class->outputs; !problem && port->name; port++)
        if (pipe_stream_type_room(port->type) && !class->output_bytes)
            problem = "an output of tensors or depth and no function output_bytes";
    return problem;
}

enum percept_status pipe_node_check(const struct pipe_node_class *class, bool plugin,
                                    struct percept_error *error)
{
    if (class->version != PIPE_NODE_VERSION)
        return percept_fail(error, PERCEPT_VERSION, "node class of version %u; this is version %d",
                            class->version, PIPE_NODE_VERSION);
    const char *problem = wrong(class, plugin);
    if (problem)
        return percept_fail(error, PERCEPT_INVALID, "node class '%.80s': %s",
                            class->name ? class->name : "?", problem);
    if (pipe_node_class_find(class->name))
        return percept_fail(error, PERCEPT_EXISTS, "node class '%s' exists", class->name);
    return PERCEPT_OK;
}

enum percept_status pipe_node_register(const struct pipe_node_class *class,
                                       struct percept_error *error)
{
    enum percept_status status = pipe_node_check(class, false, error);
    if (status != PERCEPT_OK)
        return status;
    if (registered_count == MAX_REGISTERED)
        return percept_fail(error, PERCEPT_LIMIT, "more than %d node classes", MAX_REGISTERED);
    registered[registered_count++] = class;
    return PERCEPT_OK;
}
