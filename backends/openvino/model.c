/* Why: a payload becomes a compiled model of OpenVINO and one request, bound to the node's tensors.
 */
#include "backends/openvino/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An input or output. */
struct end {
    uint32_t value;
    int type;
    struct ov_shape shape; /* its sizes are OpenVINO's memory */
    void *bound;           /* where the tensor lies that the request has; NULL: none yet */
    struct ov_tensor *tensor;
};

struct openvino_model {
    struct openvino_library *library;
    struct ov_compiled_model *compiled;
    struct ov_infer_request *request;
    uint32_t input_count, count;
    struct end ends[]; /* inputs, then outputs */
};

static const struct {
    enum prt_dtype dtype;
    enum ov_type type;
} types[] = {
    {PRT_BOOL, OV_BOOL}, {PRT_BF16, OV_BF16}, {PRT_F16, OV_F16}, {PRT_F32, OV_F32},
    {PRT_F64, OV_F64},   {PRT_I8, OV_I8},     {PRT_I16, OV_I16}, {PRT_I32, OV_I32},
    {PRT_I64, OV_I64},   {PRT_U8, OV_U8},     {PRT_U16, OV_U16}, {PRT_U32, OV_U32},
    {PRT_U64, OV_U64},
};

static int type_of(enum prt_dtype dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].dtype == dtype)
            return types[i].type;
    return -1;
}

static const char *type_name(int type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((int)types[i].type == type)
            return prt_dtype_name(types[i].dtype);
    return "elements of an unknown type";
}

/* ---- importing ---- */

static enum percept_status check_origin(const struct openvino_library *library,
                                        const struct openvino_origin *origin,
                                        struct percept_error *error)
{
    if (!origin->version[0] || strcmp(origin->version, library->version) == 0)
        return PERCEPT_OK;
    return percept_fail(error, PERCEPT_VERSION,
                        "openvino: the blob was compiled by OpenVINO %s, but this is OpenVINO %s: "
                        "export the model again, or install %s",
                        origin->version, library->version, origin->version);
}

/* As many threads as others have, which are not tied to processors that those use, too; and floats
 * of 16 bits only where they were asked for. Other devices have no such properties. */
static enum percept_status set_cpu(const struct openvino_library *library,
                                   const struct prt_compile *compile, struct percept_error *error)
{
    char threads[16];
    snprintf(threads, sizeof threads, "%u", compile->threads ? compile->threads : 1);
    if (library->api.core_set_property(library->core, "CPU", "INFERENCE_NUM_THREADS", threads,
                                       NULL) ||
        library->api.core_set_property(library->core, "CPU", "ENABLE_CPU_PINNING", "NO", NULL) ||
        library->api.core_set_property(library->core, "CPU", "INFERENCE_PRECISION_HINT",
                                       compile->half ? "dynamic" : "f32", NULL))
        return openvino_fail(library, PERCEPT_INTERNAL, "the CPU cannot be set up", error);
    return PERCEPT_OK;
}

static enum percept_status import(struct openvino_model *model, const struct prt_compile *compile,
                                  const struct prt_blob_attrs *blob, struct percept_error *error)
{
    struct openvino_library *library = model->library;
    struct openvino_origin origin;
    enum percept_status status = openvino_origin(blob->payload, blob->bytes, &origin, error);
    if (status == PERCEPT_OK)
        status = check_origin(library, &origin, error);
    char device[64];
    if (status == PERCEPT_OK)
        status = openvino_device(library, blob->device ? blob->device : origin.device, device,
                                 sizeof device, error);
    if (status != PERCEPT_OK)
        return status;
    pthread_mutex_lock(&library->import_lock);
    if (strcmp(device, "CPU") == 0)
        status = set_cpu(library, compile, error);
    if (status == PERCEPT_OK &&
        library->api.core_import_model(library->core, blob->payload, blob->bytes, device,
                                       &model->compiled)) {
        char what[224];
        snprintf(what, sizeof what, "OpenVINO %s does not take the blob for %s%s", library->version,
                 device,
                 origin.silent    ? ", which does not say its version: it is from before 2026.4"
                 : !origin.device ? ", which does not say its version"
                                  : "");
        status = openvino_fail(library, PERCEPT_MALFORMED, what, error);
    }
    pthread_mutex_unlock(&library->import_lock);
    return status;
}

/* ---- its inputs and outputs ---- */

static bool is_as(const struct end *end, const struct prt_tensor *tensor)
{
    if (end->type != type_of(tensor->dtype) || end->shape.rank != tensor->rank)
        return false;
    for (unsigned i = 0; i < tensor->rank; i++)
        if (end->shape.sizes[i] != tensor->sizes[i])
            return false;
    return true;
}

static enum percept_status fail_end(const struct end *end, const struct prt_tensor *tensor,
                                    const char *what, uint32_t i, struct percept_error *error)
{
    char ours[160], sizes[160] = "";
    size_t used = 0;
    for (int64_t d = 0; d < end->shape.rank && used < sizeof sizes; d++)
        used += (size_t)snprintf(sizes + used, sizeof sizes - used, "%s%lld", d ? ", " : "",
                                 (long long)end->shape.sizes[d]);
    return percept_fail(error, PERCEPT_MALFORMED, "openvino: %s %u is %s, but in the blob %s[%s]",
                        what, i, prt_tensor_describe(tensor, ours, sizeof ours),
                        type_name(end->type), sizes);
}

static enum percept_status take_end(struct openvino_model *model, const struct prt_graph *graph,
                                    uint32_t index, uint32_t value, struct percept_error *error)
{
    const struct openvino_library *library = model->library;
    const struct ov_api *api = &library->api;
    bool output = index >= model->input_count;
    uint32_t i = output ? index - model->input_count : index;
    struct end *end = &model->ends[index];
    end->value = value;
    struct ov_port *port = NULL;
    if ((output ? api->compiled_model_output_by_index
                : api->compiled_model_input_by_index)(model->compiled, i, &port))
        return openvino_fail(library, PERCEPT_INTERNAL, "a port cannot be read", error);
    int failed = api->port_get_element_type(port, &end->type) ||
                 api->const_port_get_shape(port, &end->shape);
    api->output_const_port_free(port);
    if (failed)
        return openvino_fail(library, PERCEPT_MALFORMED, "a port has no fixed type and sizes",
                             error);
    const struct prt_tensor *tensor = &graph->values[value].tensor;
    return is_as(end, tensor) ? PERCEPT_OK
                              : fail_end(end, tensor, output ? "output" : "input", i, error);
}

static enum percept_status take_ends(struct openvino_model *model, const struct prt_graph *graph,
                                     const struct prt_node *node, struct percept_error *error)
{
    const struct ov_api *api = &model->library->api;
    size_t inputs = 0, outputs = 0;
    if (api->compiled_model_inputs_size(model->compiled, &inputs) ||
        api->compiled_model_outputs_size(model->compiled, &outputs))
        return openvino_fail(model->library, PERCEPT_INTERNAL, "a model has no ports", error);
    if (inputs != node->input_count || outputs != node->output_count)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "openvino: %u inputs and %u outputs, but the blob has %zu and %zu",
                            node->input_count, node->output_count, inputs, outputs);
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < model->count && status == PERCEPT_OK; i++)
        status = take_end(model, graph, i,
                          i < model->input_count ? node->inputs[i]
                                                 : node->outputs[i - model->input_count],
                          error);
    return status;
}

enum percept_status openvino_model_create(struct openvino_library *library,
                                          const struct prt_compile *compile,
                                          const struct prt_node *node,
                                          struct openvino_model **model,
                                          struct percept_error *error)
{
    uint32_t count = (uint32_t)node->input_count + node->output_count;
    struct openvino_model *made = calloc(1, sizeof *made + count * sizeof made->ends[0]);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "openvino: no memory for a model");
    made->library = library;
    made->input_count = node->input_count;
    made->count = count;
    enum percept_status status = import(made, compile, &node->attrs.blob, error);
    if (status == PERCEPT_OK)
        status = take_ends(made, compile->graph, node, error);
    if (status == PERCEPT_OK &&
        library->api.compiled_model_create_infer_request(made->compiled, &made->request))
        status = openvino_fail(library, PERCEPT_INTERNAL, "no request can be made", error);
    if (status == PERCEPT_OK)
        *model = made;
    else
        openvino_model_destroy(made);
    return status;
}

void openvino_model_destroy(struct openvino_model *model)
{
    if (!model)
        return;
    const struct ov_api *api = &model->library->api;
    if (model->request)
        api->infer_request_free(model->request);
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->ends[i].tensor)
            api->tensor_free(model->ends[i].tensor);
        if (model->ends[i].shape.sizes)
            api->shape_free(&model->ends[i].shape);
    }
    if (model->compiled)
        api->compiled_model_free(model->compiled);
    free(model);
}

/* ---- running ---- */

static enum percept_status bind_end(struct openvino_model *model, uint32_t index, void *memory,
                                    struct percept_error *error)
{
    const struct ov_api *api = &model->library->api;
    struct end *end = &model->ends[index];
    struct ov_tensor *tensor = NULL;
    if (api->tensor_create_from_host_ptr(end->type, end->shape, memory, &tensor))
        return openvino_fail(model->library, PERCEPT_INTERNAL, "memory cannot be used", error);
    bool output = index >= model->input_count;
    int failed =
        output ? api->infer_request_set_output_tensor_by_index(model->request,
                                                               index - model->input_count, tensor)
               : api->infer_request_set_input_tensor_by_index(model->request, index, tensor);
    struct ov_tensor *unused = failed ? tensor : end->tensor;
    if (unused)
        api->tensor_free(unused);
    if (failed)
        return openvino_fail(model->library, PERCEPT_INTERNAL, "a tensor cannot be set", error);
    end->tensor = tensor;
    end->bound = memory;
    return PERCEPT_OK;
}

/* Most values lie at one place for good, so this is done once. */
static enum percept_status bind(struct openvino_model *model, void *const *data,
                                struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (uint32_t i = 0; i < model->count && status == PERCEPT_OK; i++)
        if (model->ends[i].bound != data[model->ends[i].value])
            status = bind_end(model, i, data[model->ends[i].value], error);
    return status;
}

enum percept_status openvino_model_run(struct openvino_model *model, void *const *data,
                                       struct percept_error *error)
{
    enum percept_status status = bind(model, data, error);
    if (status == PERCEPT_OK && model->library->api.infer_request_infer(model->request))
        status = openvino_fail(model->library, PERCEPT_INTERNAL, "a run failed", error);
    return status;
}

enum percept_status openvino_model_start(struct openvino_model *model, void *const *data,
                                         struct percept_error *error)
{
    enum percept_status status = bind(model, data, error);
    if (status == PERCEPT_OK && model->library->api.infer_request_start_async(model->request))
        status = openvino_fail(model->library, PERCEPT_INTERNAL, "a run cannot begin", error);
    return status;
}

enum percept_status openvino_model_wait(struct openvino_model *model, struct percept_error *error)
{
    return model->library->api.infer_request_wait(model->request)
               ? openvino_fail(model->library, PERCEPT_INTERNAL, "a run failed", error)
               : PERCEPT_OK;
}
