#include "cli/check_schema.h"

#include "pipelines/config_tables.h"

#include <stdbool.h>
#include <string.h>

/* The rules of pipe_schema_is_name, and of a text that is not known before its variables are. */
#define NAME     "^[a-z0-9][a-z0-9._-]{0,62}$"
#define VARIABLE "\\$\\{[A-Za-z_]"

/* A value, or a text with a variable in it that becomes one. */
static json_t *or_variable(json_t *value)
{
    return json_pack("{s:[o, {s:s, s:s}]}", "anyOf", value, "type", "string", "pattern", VARIABLE);
}

/* One, or a list of them. */
static json_t *one_or_more(json_t *value)
{
    return json_pack("{s:[O, {s:s, s:i, s:o}]}", "anyOf", value, "type", "array", "minItems", 1,
                     "items", value);
}

static json_t *number(const struct pipe_param *param, const char *type)
{
    json_t *value = json_pack("{s:s}", "type", type);
    if (param->min != 0 || param->max != 0) {
        json_object_set_new(value, "minimum", json_real(param->min));
        json_object_set_new(value, "maximum", json_real(param->max));
    }
    return or_variable(value);
}

static json_t *choice(const struct pipe_param *param)
{
    json_t *words = json_array();
    for (int i = 0; param->choices[i]; i++)
        json_array_append_new(words, json_string(param->choices[i]));
    return or_variable(json_pack("{s:o}", "enum", words));
}

static json_t *of_kind(const struct pipe_param *param)
{
    switch (param->kind) {
    case PIPE_PARAM_BOOL:
        return or_variable(json_pack("{s:s}", "type", "boolean"));
    case PIPE_PARAM_INT:
        return number(param, "integer");
    case PIPE_PARAM_NUMBER:
        return number(param, "number");
    case PIPE_PARAM_NUMBERS:
        return one_or_more(number(param, "number"));
    case PIPE_PARAM_CHOICE:
        return choice(param);
    case PIPE_PARAM_TEXT: /* a text may look like a number, which is one to an editor */
        return json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
    case PIPE_PARAM_TEXTS:
        return one_or_more(json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean"));
    case PIPE_PARAM_PATHS:
        return one_or_more(json_pack("{s:s, s:i}", "type", "string", "minLength", 1));
    case PIPE_PARAM_PATH:
        return json_pack("{s:s, s:i}", "type", "string", "minLength", 1);
    case PIPE_PARAM_NAME:
    case PIPE_PARAM_MODEL:
        return or_variable(json_pack("{s:s, s:s}", "type", "string", "pattern", NAME));
    case PIPE_PARAM_LIST:
        return json_pack("{s:s}", "type", "array");
    case PIPE_PARAM_MAP:
    case PIPE_PARAM_KINDS:
        break;
    }
    return json_pack("{s:s}", "type", "object");
}

static void add_params(json_t *properties, const struct pipe_param *params)
{
    for (; params && params->name; params++) {
        json_t *value = of_kind(params);
        if (params->help)
            json_object_set_new(value, "description", json_string(params->help));
        json_object_set_new(properties, params->name, value);
    }
}

static json_t *object_of(json_t *properties)
{
    return json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0, "properties",
                     properties);
}

static json_t *object_by(const struct pipe_param *params)
{
    json_t *properties = json_object();
    add_params(properties, params);
    return object_of(properties);
}

/* A mapping whose keys are names of the user's. */
static json_t *named(json_t *value, const char *help)
{
    return json_pack("{s:s, s:s, s:{s:s}, s:o}", "description", help, "type", "object",
                     "propertyNames", "pattern", NAME, "additionalProperties", value);
}

/* What holds when the key says that it is this kind. */
static json_t *when(const char *key, const char *kind, json_t *then)
{
    return json_pack("{s:{s:{s:{s:s}}, s:[s]}, s:o}", "if", "properties", key, "const", kind,
                     "required", key, "then", then);
}

/* Something of which a key says the kind: the kinds have parameters of their own. */
static json_t *kinds_of(const char *key, json_t *names, json_t *rules)
{
    return json_pack("{s:s, s:{s:{s:o}}, s:o}", "type", "object", "properties", key, "enum", names,
                     "allOf", rules);
}

/* ---- sources ---- */

static json_t *source(void)
{
    json_t *names = json_array(), *rules = json_array();
    for (size_t i = 0; pipe_source_classes[i]; i++) {
        const struct pipe_source_class *class = pipe_source_classes[i];
        json_t *properties = json_object();
        add_params(properties, pipe_source_params);
        add_params(properties, class->params);
        json_array_append_new(names, json_string(class->name));
        json_array_append_new(rules, when("type", class->name, object_of(properties)));
    }
    return kinds_of("type", names, rules);
}

/* ---- nodes ---- */

static json_t *inputs(const struct pipe_port *ports, const char *help)
{
    json_t *properties = json_object(), *required = json_array();
    for (; ports->name; ports++) {
        json_object_set_new(properties, ports->name,
                            json_pack("{s:s}", "$ref", "#/definitions/stream"));
        if (!ports->optional)
            json_array_append_new(required, json_string(ports->name));
    }
    json_t *object = object_of(properties);
    json_object_set_new(object, "required", required);
    json_object_set_new(object, "description", json_string(help));
    return object;
}

static const char *help_of(const struct pipe_param *params, const char *name)
{
    while (params->name && strcmp(params->name, name) != 0)
        params++;
    return params->name ? params->help : "";
}

static json_t *node_rule(const struct pipe_node_class *class)
{
    json_t *properties = json_object(), *required = json_pack("[s]", "node");
    bool needs_inputs = false;
    add_params(properties, pipe_node_params);
    json_object_set_new(properties, "inputs",
                        inputs(class->inputs, help_of(pipe_node_params, "inputs")));
    add_params(properties, class->params);
    for (const struct pipe_param *param = class->params; param && param->name; param++)
        if (param->required)
            json_array_append_new(required, json_string(param->name));
    for (const struct pipe_port *port = class->inputs; port->name; port++)
        needs_inputs |= !port->optional;
    if (needs_inputs)
        json_array_append_new(required, json_string("inputs"));
    json_t *object = object_of(properties);
    json_object_set_new(object, "required", required);
    if (class->summary)
        json_object_set_new(object, "description", json_string(class->summary));
    return when("node", class->name, object);
}

static json_t *node(void)
{
    json_t *names = json_array(), *rules = json_array();
    const struct pipe_node_class *class;
    for (size_t i = 0; (class = pipe_node_class_at(i)) != NULL; i++) {
        json_array_append_new(names, json_string(class->name));
        json_array_append_new(rules, node_rule(class));
    }
    json_t *object = kinds_of("node", names, rules);
    json_object_set_new(object, "required", json_pack("[s]", "node"));
    return object;
}

/* ---- the whole ---- */

static json_t *ladder(void)
{
    json_t *properties = json_object();
    add_params(properties, pipe_step_params);
    json_object_set_new(properties, "models",
                        named(json_pack("{s:s, s:s}", "type", "string", "pattern", NAME),
                              help_of(pipe_step_params, "models")));
    return json_pack("{s:s, s:s, s:o}", "description", help_of(pipe_pipeline_params, "ladder"),
                     "type", "array", "items", object_of(properties));
}

static json_t *pipeline(void)
{
    json_t *properties = json_object();
    add_params(properties, pipe_pipeline_params);
    json_object_set_new(properties, "ladder", ladder());
    json_object_set_new(properties, "source", source());
    json_object_set_new(properties, "nodes",
                        json_pack("{s:s, s:s, s:{s:s}}", "description",
                                  help_of(pipe_pipeline_params, "nodes"), "type", "array", "items",
                                  "$ref", "#/definitions/node"));
    json_object_set_new(properties, "topics",
                        named(json_pack("{s:s, s:i}", "type", "string", "minLength", 1),
                              help_of(pipe_pipeline_params, "topics")));
    return object_of(properties);
}

/* Options of a backend are its own. */
static json_t *backend(void)
{
    json_t *properties = json_object();
    add_params(properties, pipe_backend_params);
    return json_pack("{s:s, s:o, s:{s:[s, s, s]}}", "type", "object", "properties", properties,
                     "additionalProperties", "type", "string", "number", "boolean");
}

static json_t *stream(void)
{
    return json_pack("{s:[{s:s, s:i}, {s:s, s:b, s:[s], s:{s:{s:s, s:i}}}]}", "anyOf", "type",
                     "string", "minLength", 1, "type", "object", "additionalProperties", 0,
                     "required", "previous", "properties", "previous", "type", "string",
                     "minLength", 1);
}

json_t *cli_check_schema(void)
{
    json_t *properties = json_object();
    add_params(properties, pipe_top_params);
    json_object_set_new(properties, "daemon", object_by(pipe_daemon_params));
    json_object_set_new(properties, "scheduler", object_by(pipe_scheduler_params));
    json_object_set_new(properties, "transcript", object_by(pipe_transcript_params));
    json_object_set_new(properties, "backends",
                        named(backend(), help_of(pipe_top_params, "backends")));
    json_object_set_new(properties, "models",
                        named(object_by(pipe_model_params), help_of(pipe_top_params, "models")));
    json_object_set_new(properties, "pipelines",
                        named(pipeline(), help_of(pipe_top_params, "pipelines")));
    json_t *schema = object_of(properties);
    json_object_set_new(schema, "$schema", json_string("http://json-schema.org/draft-07/schema#"));
    json_object_set_new(schema, "title", json_string("A configuration of Percept"));
    json_object_set_new(schema, "definitions",
                        json_pack("{s:o, s:o}", "node", node(), "stream", stream()));
    return schema;
}
