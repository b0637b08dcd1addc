/* Why: a graph that passes these checks can't be wired wrongly at run time: the engine only copies
 * addresses. */
#include "pipelines/config.h"
#include "pipelines/config_tables.h"

#include "ipc/topic_class.h"
#include "pipelines/publish.h"
#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <stdio.h>
#include <string.h>

struct node_fields {
    const char *node, *name;
    const struct pipe_tree *inputs;
};

const struct pipe_param pipe_node_params[] = {
    {.name = "node",
     .kind = PIPE_PARAM_TEXT,
     .offset = offsetof(struct node_fields, node),
     .required = true,
     .help = "the kind of node"},
    {.name = "name",
     .kind = PIPE_PARAM_NAME,
     .offset = offsetof(struct node_fields, name),
     .help = "what streams call it; default: its kind"},
    {.name = "inputs",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct node_fields, inputs),
     .help = "port: stream"},
    {0},
};

/* ---- nodes, without their wires ---- */

static enum percept_status find_class(const struct pipe_schema_reader *r,
                                      const struct pipe_tree *map,
                                      const struct pipe_node_class **class)
{
    struct node_fields fields = {0};
    enum percept_status status =
        pipe_schema_read_kind(r, map, "a node", pipe_node_params, "node", &fields);
    if (status != PERCEPT_OK)
        return status;
    struct pipe_suggest suggest = {.word = fields.node};
    const struct pipe_node_class *candidate;
    for (size_t i = 0; (candidate = pipe_node_class_at(i)) != NULL; i++) {
        if (strcmp(candidate->name, suggest.word) == 0) {
            *class = candidate;
            return PERCEPT_OK;
        }
        pipe_suggest_add(&suggest, candidate->name);
    }
    char near[128];
    return pipe_schema_fail(r, pipe_tree_find(map, "node")->value, PERCEPT_MALFORMED,
                            "no kind of node '%.60s'%s", suggest.word,
                            pipe_suggest_text(&suggest, near, sizeof near));
}

static enum percept_status check_models(const struct pipe_schema_reader *r,
                                        const struct pipe_config *config,
                                        const struct pipe_node_class *class,
                                        const struct pipe_tree *map)
{
    for (const struct pipe_param *param = class->params; param && param->name; param++) {
        const struct pipe_tree_item *item = pipe_tree_find(map, param->name);
        if (param->kind != PIPE_PARAM_MODEL || !item ||
            pipe_config_find_model(config, item->value->text))
            continue;
        char near[128];
        struct pipe_suggest suggest = {.word = item->value->text};
        for (size_t i = 0; i < config->model_count; i++)
            pipe_suggest_add(&suggest, config->models[i].name);
        return pipe_schema_fail(r, item->value, PERCEPT_MALFORMED, "no model '%s' under models%s",
                                item->value->text, pipe_suggest_text(&suggest, near, sizeof near));
    }
    return PERCEPT_OK;
}

static enum percept_status read_node(const struct pipe_schema_reader *r,
                                     const struct pipe_config *config,
                                     struct pipe_config_pipeline *pipeline,
                                     const struct pipe_tree *map, const struct pipe_tree **inputs)
{
    struct pipe_config_node node = {.place = map};
    struct node_fields fields = {0};
    enum percept_status status = find_class(r, map, &node.class);
    if (status != PERCEPT_OK)
        return status;
    node.params = base_arena_alloc(r->arena, node.class->params_size);
    if (!node.params)
        return pipe_schema_fail(r, map, PERCEPT_NO_MEMORY, "out of memory");
    const struct pipe_schema_part parts[] = {
        {pipe_node_params, &fields},
        {node.class->params, node.params},
    };
    char what[128];
    snprintf(what, sizeof what, "node '%s'", node.class->name);
    status = pipe_schema_read(r, map, what, parts, 2);
    if (status == PERCEPT_OK)
        status = check_models(r, config, node.class, map);
    if (status != PERCEPT_OK)
        return status;
    node.name = fields.name ? fields.name : node.class->name;
    if (strcmp(node.name, "source") == 0)
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED,
                                "a node can't be named 'source': that is the pipeline's source");
    /* A stream is "node.port", so a node's own name has no dot. */
    if (strchr(node.name, '.'))
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED, "a node's name has no '.': '%s'",
                                node.name);
    for (size_t i = 0; i < pipeline->node_count; i++)
        if (strcmp(pipeline->nodes[i].name, node.name) == 0)
            return pipe_schema_fail(r, map, PERCEPT_MALFORMED,
                                    "a second node '%s'; give one of them another name", node.name);
    *inputs = fields.inputs;
    pipeline->nodes[pipeline->node_count++] = node;
    return PERCEPT_OK;
}

/* ---- wires ---- */

static int find_port(const struct pipe_port *ports, const char *name, struct pipe_suggest *suggest)
{
    for (int i = 0; ports[i].name; i++) {
        if (strcmp(ports[i].name, name) == 0)
            return i;
        pipe_suggest_add(suggest, ports[i].name);
    }
    return -1;
}

static enum percept_status find_node(const struct pipe_schema_reader *r,
                                     const struct pipe_config_pipeline *pipeline,
                                     const struct pipe_tree *at, const char *name, int *node)
{
    struct pipe_suggest suggest = {.word = name};
    if (strcmp(name, "source") == 0) {
        *node = PIPE_FROM_SOURCE;
        return PERCEPT_OK;
    }
    pipe_suggest_add(&suggest, "source");
    for (size_t i = 0; i < pipeline->node_count; i++) {
        if (strcmp(pipeline->nodes[i].name, name) == 0) {
            *node = (int)i;
            return PERCEPT_OK;
        }
        pipe_suggest_add(&suggest, pipeline->nodes[i].name);
    }
    char near[128];
    return pipe_schema_fail(r, at, PERCEPT_MALFORMED, "no node '%.60s' in pipeline '%s'%s", name,
                            pipeline->name, pipe_suggest_text(&suggest, near, sizeof near));
}

/* By what a source gives. */
static const struct pipe_port source_ports[PIPE_STREAM_TYPES][2] = {
    [PIPE_FRAME] = {{.name = "frame", .type = PIPE_FRAME}},
    [PIPE_STEREO] = {{.name = "frame", .type = PIPE_STEREO}},
    [PIPE_RGBD] = {{.name = "frame", .type = PIPE_RGBD}},
    [PIPE_AUDIO] = {{.name = "audio", .type = PIPE_AUDIO}},
};

static const struct pipe_port *outputs_of(const struct pipe_config_pipeline *pipeline, int node)
{
    if (node != PIPE_FROM_SOURCE)
        return pipeline->nodes[node].class->outputs;
    return source_ports[pipeline->source->output];
}

/* "palms.detections", or "palms" when there is but one output; {previous: either}. */
static enum percept_status read_stream(const struct pipe_schema_reader *r,
                                       const struct pipe_config_pipeline *pipeline,
                                       const struct pipe_tree *value, bool may_be_previous,
                                       struct pipe_config_stream *out)
{
    struct pipe_config_stream stream = {0};
    const struct pipe_tree_item *previous =
        may_be_previous ? pipe_tree_find(value, "previous") : NULL;
    char got[128], near[128];
    if (previous && value->count == 1) {
        stream.previous = true;
        value = previous->value;
    }
    if (value->kind != PIPE_TREE_TEXT || value->text[0] == '\0')
        return pipe_schema_fail(r, value, PERCEPT_MALFORMED,
                                "expected a stream (node.port)%s, got %s",
                                may_be_previous ? " or {previous: node.port}" : "",
                                pipe_tree_describe(value, got, sizeof got));
    char name[64];
    const char *dot = strchr(value->text, '.');
    snprintf(name, sizeof name, "%.*s", dot ? (int)(dot - value->text) : 63, value->text);
    enum percept_status status = find_node(r, pipeline, value, name, &stream.node);
    if (status != PERCEPT_OK)
        return status;
    const struct pipe_port *ports = outputs_of(pipeline, stream.node);
    struct pipe_suggest suggest = {.word = dot ? dot + 1 : ""};
    if (dot)
        stream.output = find_port(ports, dot + 1, &suggest);
    else if (!ports[0].name || ports[1].name)
        stream.output = -1;
    if (stream.output < 0)
        return pipe_schema_fail(r, value, PERCEPT_MALFORMED, "node '%s' has no output '%.60s'%s",
                                name, suggest.word, pipe_suggest_text(&suggest, near, sizeof near));
    if (stream.previous && stream.node == PIPE_FROM_SOURCE)
        return pipe_schema_fail(r, value, PERCEPT_UNSUPPORTED,
                                "the source's previous frame is not kept");
    *out = stream;
    return PERCEPT_OK;
}

static enum percept_status wire(const struct pipe_schema_reader *r,
                                struct pipe_config_pipeline *pipeline,
                                struct pipe_config_node *node, const struct pipe_tree *inputs)
{
    const struct pipe_port *ports = node->class->inputs;
    for (size_t i = 0; i < PIPE_MAX_PORTS; i++)
        node->inputs[i].node = PIPE_FROM_NOWHERE;
    for (size_t i = 0; inputs && i < inputs->count; i++) {
        const struct pipe_tree_item *item = &inputs->items[i];
        struct pipe_suggest suggest = {.word = item->key->text};
        int port = find_port(ports, item->key->text, &suggest);
        char near[128];
        if (port < 0)
            return pipe_schema_fail(r, item->key, PERCEPT_MALFORMED,
                                    "node '%s' has no input '%.60s'%s", node->name, item->key->text,
                                    pipe_suggest_text(&suggest, near, sizeof near));
        struct pipe_config_stream *stream = &node->inputs[port];
        enum percept_status status = read_stream(r, pipeline, item->value, true, stream);
        if (status != PERCEPT_OK)
            return status;
        enum pipe_stream_type type = outputs_of(pipeline, stream->node)[stream->output].type;
        if (!pipe_stream_type_takes(ports[port].type, type))
            return pipe_schema_fail(
                r, item->value, PERCEPT_MALFORMED,
                "input '%s' of node '%s' takes %s, this stream carries %s", ports[port].name,
                node->name, pipe_stream_type_name(ports[port].type), pipe_stream_type_name(type));
    }
    for (size_t i = 0; ports[i].name; i++)
        if (node->inputs[i].node == PIPE_FROM_NOWHERE && !ports[i].optional)
            return pipe_schema_fail(r, node->place, PERCEPT_MALFORMED,
                                    "input '%s' (%s) of node '%s' is not connected", ports[i].name,
                                    pipe_stream_type_name(ports[i].type), node->name);
    return PERCEPT_OK;
}

/* ---- order ---- */

#define NOBODY SIZE_MAX

/* The first of a node's inputs whose producer has no position yet. */
static size_t waits_for(const struct pipe_config_node *node, const int *position)
{
    for (size_t i = 0; i < PIPE_MAX_PORTS; i++)
        if (node->inputs[i].node >= 0 && !node->inputs[i].previous &&
            position[node->inputs[i].node] < 0)
            return (size_t)node->inputs[i].node;
    return NOBODY;
}

/* Every node that is left waits for another that is left; so as many steps as there are nodes end
 * inside a circle, and going on until the same node comes again shows it. */
static enum percept_status circle(const struct pipe_schema_reader *r,
                                  const struct pipe_config_pipeline *pipeline, const int *position)
{
    size_t start = 0;
    while (position[start] >= 0)
        start++;
    for (size_t step = 0; step < pipeline->node_count; step++)
        start = waits_for(&pipeline->nodes[start], position);
    char path[256];
    size_t at = start, used = (size_t)snprintf(path, sizeof path, "%s", pipeline->nodes[at].name);
    do {
        at = waits_for(&pipeline->nodes[at], position);
        if (used < sizeof path)
            used += (size_t)snprintf(path + used, sizeof path - used, " <- %s",
                                     pipeline->nodes[at].name);
    } while (at != start);
    return pipe_schema_fail(r, pipeline->nodes[start].place, PERCEPT_MALFORMED,
                            "nodes wait for each other: %s; read one of these streams as "
                            "{previous: ...}",
                            path);
}

static enum percept_status sort(const struct pipe_schema_reader *r,
                                struct pipe_config_pipeline *pipeline)
{
    int position[PIPE_MAX_NODES];
    size_t count = pipeline->node_count, done = 0;
    struct pipe_config_node *sorted = base_arena_array(r->arena, count, sizeof *sorted);
    if (!sorted)
        return pipe_schema_fail(r, pipeline->place, PERCEPT_NO_MEMORY, "out of memory");
    memset(position, -1, sizeof position);
    while (done < count) {
        size_t i = 0;
        while (i < count &&
               (position[i] >= 0 || waits_for(&pipeline->nodes[i], position) != NOBODY))
            i++;
        if (i == count)
            return circle(r, pipeline, position);
        position[i] = (int)done;
        sorted[done++] = pipeline->nodes[i];
    }
    for (size_t i = 0; i < count; i++)
        for (size_t port = 0; port < PIPE_MAX_PORTS; port++)
            if (sorted[i].inputs[port].node >= 0)
                sorted[i].inputs[port].node = position[sorted[i].inputs[port].node];
    pipeline->nodes = sorted;
    return PERCEPT_OK;
}

enum percept_status pipe_config_read_nodes(const struct pipe_schema_reader *reader,
                                           const struct pipe_config *config,
                                           struct pipe_config_pipeline *pipeline,
                                           const struct pipe_tree *list)
{
    const struct pipe_tree *inputs[PIPE_MAX_NODES] = {0};
    size_t count = list ? list->count : 0;
    if (count > PIPE_MAX_NODES)
        return pipe_schema_fail(reader, list, PERCEPT_LIMIT, "more than %d nodes", PIPE_MAX_NODES);
    pipeline->nodes = base_arena_array(reader->arena, count, sizeof *pipeline->nodes);
    if (!pipeline->nodes)
        return pipe_schema_fail(reader, pipeline->place, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = PERCEPT_OK;
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++)
        status = read_node(reader, config, pipeline, list->items[i].value, &inputs[i]);
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++)
        status = wire(reader, pipeline, &pipeline->nodes[i], inputs[i]);
    return status == PERCEPT_OK ? sort(reader, pipeline) : status;
}

enum percept_status pipe_config_read_topics(const struct pipe_schema_reader *reader,
                                            struct pipe_config_pipeline *pipeline,
                                            const struct pipe_tree *map)
{
    size_t count = map ? map->count : 0;
    if (count > PIPE_MAX_TOPICS)
        return pipe_schema_fail(reader, map, PERCEPT_LIMIT, "more than %d topics", PIPE_MAX_TOPICS);
    pipeline->topics = base_arena_array(reader->arena, count, sizeof *pipeline->topics);
    if (!pipeline->topics)
        return pipe_schema_fail(reader, pipeline->place, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct pipe_tree_item *item = &map->items[i];
        struct pipe_config_topic topic = {.name = item->key->text, .place = item->key};
        if (!pipe_schema_is_name(topic.name))
            return pipe_schema_fail(reader, item->key, PERCEPT_MALFORMED,
                                    "'%.80s' is no name for a topic: expected up to 63 of a-z "
                                    "0-9 . _ -, the first a letter or digit",
                                    topic.name);
        enum percept_status status =
            read_stream(reader, pipeline, item->value, false, &topic.stream);
        if (status != PERCEPT_OK)
            return status;
        topic.type = outputs_of(pipeline, topic.stream.node)[topic.stream.output].type;
        if (!pipe_publisher_of(topic.type))
            return pipe_schema_fail(reader, item->value, PERCEPT_MALFORMED,
                                    "a stream of %s can't be published; only frames, hands, their "
                                    "presence and tensors can",
                                    pipe_stream_type_name(topic.type));
        const struct ipc_topic_class *named = ipc_topic_class_find(topic.name),
                                     *class = ipc_topic_class_of(
                                         pipe_publisher_schema(pipe_publisher_of(topic.type)));
        /* Permissions name topics and classes alike: who may read "hands" shall not get images. */
        if (named && named != class)
            return pipe_schema_fail(reader, item->key, PERCEPT_MALFORMED,
                                    "topic '%s' is called like a class of topics, but is of the "
                                    "class '%s'",
                                    topic.name, class->name);
        pipeline->topics[pipeline->topic_count++] = topic;
    }
    return PERCEPT_OK;
}
