/* Why: a new pipeline should need no C. Any net runs on frames or on what other nets gave, and its
 * outputs go out as they are. */
#include "pipelines/image_fit.h"
#include "pipelines/node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME, TENSORS }; /* inputs */

struct params {
    const char *model;
    int fit, channels;
    double scale, pad;
    struct pipe_numbers size, mean, std;
    struct pipe_texts outputs;
};

struct output {
    size_t index; /* of the model's */
    char name[64];
};

struct pipe_node {
    struct pipe_model *model;
    struct pipe_fit *fit; /* NULL: no frame */
    size_t first_tensor;  /* input of the model that the first tensor goes to */
    size_t input_count;
    size_t output_count, output_bytes;
    struct output outputs[PERCEPT_TENSORS_MAX];
};

/* ---- making ---- */

/* One number for all channels, or one each. */
static enum percept_status spread(const struct pipe_numbers *numbers, const char *name,
                                  double fallback, double channels[3], struct percept_error *error)
{
    if (numbers->count > 3 || numbers->count == 2)
        return percept_fail(error, PERCEPT_INVALID, "%s: expected 1 or 3 numbers, got %zu", name,
                            numbers->count);
    for (size_t c = 0; c < 3; c++)
        channels[c] = numbers->count == 0   ? fallback
                      : numbers->count == 1 ? numbers->items[0]
                                            : numbers->items[c];
    return PERCEPT_OK;
}

/* An input that may have several sizes gets the one that is wished. */
static enum percept_status choose_size(struct pipe_node *node, const struct params *params,
                                       struct percept_error *error)
{
    struct prt_model *model = pipe_model_prt(node->model);
    const struct prt_tensor *spec = prt_model_input_spec(model, 0);
    const double *size = params->size.items; /* width, height */
    unsigned dimensions[3];
    int32_t sizes[PRT_MAX_RANK];
    if (!params->size.count)
        return PERCEPT_OK;
    for (size_t i = 0; i < params->size.count; i++)
        if (params->size.count != 2 || size[i] != floor(size[i]) || size[i] < 1 || size[i] > 8192)
            return percept_fail(error, PERCEPT_INVALID,
                                "size: expected [width, height], 1 to 8192 pixels");
    if (!pipe_fit_dimensions(spec, dimensions))
        return PERCEPT_OK; /* pipe_fit_create says what is wrong */
    memcpy(sizes, spec->sizes, sizeof sizes);
    sizes[dimensions[1]] = (int32_t)size[1];
    sizes[dimensions[2]] = (int32_t)size[0];
    return pipe_model_resize(node->model, spec->rank, sizes, error);
}

static enum percept_status create_fit(struct pipe_node *node, const struct params *params,
                                      struct base_pool *pool, struct percept_error *error)
{
    if (!prt_model_input_spec(pipe_model_prt(node->model), 0))
        return percept_fail(error, PERCEPT_INVALID, "the model '%s' has no input that is a tensor",
                            params->model);
    enum percept_status status = choose_size(node, params, error);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor *spec = prt_model_input_spec(pipe_model_prt(node->model), 0);
    bool is_float = spec->dtype == PRT_F32 || spec->dtype == PRT_F16;
    struct pipe_fit_options options = {
        .kind = (enum pipe_fit_kind)params->fit,
        .bgr = params->channels == 1,
        .scale = params->scale != 0 ? params->scale
                 : is_float         ? 1 / 255.0
                                    : 1,
        .pad = params->pad,
    };
    status = spread(&params->mean, "mean", 0, options.mean, error);
    if (status == PERCEPT_OK)
        status = spread(&params->std, "std", 1, options.std, error);
    for (int c = 0; c < 3 && status == PERCEPT_OK; c++)
        if (options.std[c] == 0)
            status = percept_fail(error, PERCEPT_INVALID, "std: one of its numbers is 0");
    return status == PERCEPT_OK ? pipe_fit_create(spec, &options, pool, &node->fit, error) : status;
}

static enum percept_status check_inputs(struct pipe_node *node, const struct params *params,
                                        uint32_t connected, struct percept_error *error)
{
    bool frame = connected & 1u << FRAME, tensors = connected & 1u << TENSORS;
    node->input_count = prt_model_input_count(pipe_model_prt(node->model));
    node->first_tensor = frame;
    if (!frame && !tensors)
        return percept_fail(error, PERCEPT_INVALID, "neither 'frame' nor 'tensors' is connected");
    if (frame && !tensors && node->input_count != 1)
        return percept_fail(error, PERCEPT_INVALID,
                            "the model '%s' has %zu inputs: the frame is the first, and 'tensors', "
                            "which has the others, is not connected",
                            params->model, node->input_count);
    if (node->first_tensor + PERCEPT_TENSORS_MAX < node->input_count)
        return percept_fail(error, PERCEPT_LIMIT, "the model '%s' has %zu inputs", params->model,
                            node->input_count);
    for (size_t i = node->first_tensor; i < node->input_count; i++)
        if (!prt_model_input_spec(pipe_model_prt(node->model), i))
            return percept_fail(error, PERCEPT_UNSUPPORTED,
                                "input %zu of the model '%s' is no tensor", i, params->model);
    return PERCEPT_OK;
}

static enum percept_status add_output(struct pipe_node *node, const struct params *params,
                                      size_t index, const char *name, struct percept_error *error)
{
    const struct prt_tensor *spec = prt_model_output_spec(pipe_model_prt(node->model), index);
    const struct prt_tensor *bound = prt_model_output_bound(pipe_model_prt(node->model), index);
    struct output *output = &node->outputs[node->output_count];
    size_t bytes;
    if (!spec || spec->rank > PERCEPT_TENSOR_RANK_MAX)
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "output %zu of the model '%s' is no tensor of up to %d dimensions; "
                            "leave it out with '-' under outputs",
                            index, params->model, PERCEPT_TENSOR_RANK_MAX);
    if (!prt_tensor_bytes(bound ? bound : spec, &bytes) ||
        bytes > SIZE_MAX / 2 - node->output_bytes - PIPE_TENSOR_ALIGNMENT)
        return percept_fail(error, PERCEPT_LIMIT, "output %zu of the model '%s' is too large",
                            index, params->model);
    if (node->output_count == PERCEPT_TENSORS_MAX)
        return percept_fail(error, PERCEPT_LIMIT, "the model '%s' has more than %d outputs",
                            params->model, PERCEPT_TENSORS_MAX);
    for (size_t i = 0; i < node->output_count; i++)
        if (strcmp(node->outputs[i].name, name) == 0)
            return percept_fail(error, PERCEPT_INVALID, "two outputs are named '%s'", name);
    if (strlen(name) >= sizeof output->name)
        return percept_fail(error, PERCEPT_INVALID, "the output's name '%.20s...' is too long",
                            name);
    output->index = index;
    strcpy(output->name, name);
    node->output_count++;
    node->output_bytes +=
        (bytes + PIPE_TENSOR_ALIGNMENT - 1) & ~(size_t)(PIPE_TENSOR_ALIGNMENT - 1);
    return PERCEPT_OK;
}

static enum percept_status add_outputs(struct pipe_node *node, const struct params *params,
                                       struct percept_error *error)
{
    size_t count = prt_model_output_count(pipe_model_prt(node->model));
    size_t named = params->outputs.count;
    enum percept_status status = PERCEPT_OK;
    if (named > count)
        return percept_fail(error, PERCEPT_INVALID,
                            "outputs: %zu names, but the model '%s' has %zu outputs", named,
                            params->model, count);
    for (size_t i = 0; i < (named ? named : count) && status == PERCEPT_OK; i++) {
        char number[32];
        snprintf(number, sizeof number, "output%zu", i);
        const char *name = named ? params->outputs.items[i].text : number;
        if (strcmp(name, "-") != 0)
            status = add_output(node, params, i, name, error);
    }
    return status;
}

static void destroy(struct pipe_node *node)
{
    if (node)
        pipe_fit_destroy(node->fit);
    free(node);
}

static enum percept_status create(const struct pipe_node_setup *setup, struct pipe_node **result,
                                  struct percept_error *error)
{
    const struct params *params = setup->params;
    struct pipe_node *node = calloc(1, sizeof *node);
    if (!node)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = setup->open_model(setup->host, params->model, &node->model, error);
    if (status == PERCEPT_OK)
        status = check_inputs(node, params, setup->connected, error);
    if (status == PERCEPT_OK && setup->connected & 1u << FRAME)
        status = create_fit(node, params, setup->pool, error);
    if (status == PERCEPT_OK)
        status = add_outputs(node, params, error);
    if (status != PERCEPT_OK) {
        destroy(node);
        return status;
    }
    *result = node;
    return PERCEPT_OK;
}

static size_t output_bytes(const struct pipe_node *node, unsigned output)
{
    (void)output;
    return node->output_bytes;
}

/* ---- running ---- */

static bool has_sizes(const struct prt_tensor *spec, const struct pipe_tensor *tensor)
{
    bool same = spec->rank == tensor->rank;
    for (uint32_t d = 0; same && d < tensor->rank; d++)
        same = (uint32_t)spec->sizes[d] == tensor->sizes[d];
    return same;
}

/* Tensors of other sizes than the frame before's, where the model lets them: all at once, since
 * they may have to be alike. */
static enum percept_status take_sizes(struct pipe_node *node, const struct pipe_tensors *tensors,
                                      struct percept_error *error)
{
    struct prt_model *model = pipe_model_prt(node->model);
    struct prt_choice choices[1 + PERCEPT_TENSORS_MAX] = {0};
    size_t count = node->input_count - node->first_tensor, changed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct pipe_tensor *tensor = &tensors->items[i];
        struct prt_choice *choice = &choices[node->first_tensor + i];
        if (has_sizes(prt_model_input_spec(model, node->first_tensor + i), tensor))
            continue;
        choice->sized = true;
        for (uint32_t d = 0; d < tensor->rank; d++)
            choice->sizes[d] = (int32_t)tensor->sizes[d];
        changed++;
    }
    return changed ? prt_model_choose(model, choices, node->input_count, error) : PERCEPT_OK;
}

/* May it be that, at some size? Of one whose shape is fixed, at its own. */
static bool fits(const struct prt_model *model, size_t input, const struct pipe_tensor *tensor)
{
    const struct prt_tensor *spec = prt_model_input_spec(model, input);
    return (uint32_t)spec->dtype == tensor->dtype && spec->rank == tensor->rank &&
           (prt_model_input_bound(model, input) || has_sizes(spec, tensor));
}

static enum percept_status take_tensors(struct pipe_node *node, const struct pipe_tensors *tensors,
                                        struct percept_error *error)
{
    struct prt_model *model = pipe_model_prt(node->model);
    size_t wanted = node->input_count - node->first_tensor;
    if (tensors->count != wanted)
        return percept_fail(error, PERCEPT_INVALID, "expected %zu tensors, got %u", wanted,
                            tensors->count);
    for (size_t i = 0; i < wanted; i++) {
        const struct pipe_tensor *tensor = &tensors->items[i];
        const struct prt_tensor *spec = prt_model_input_spec(model, node->first_tensor + i);
        char text[160];
        if (!fits(model, node->first_tensor + i, tensor))
            return percept_fail(error, PERCEPT_INVALID,
                                "tensor '%s' is not what the model takes: %s", tensor->name,
                                prt_tensor_describe(spec, text, sizeof text));
    }
    enum percept_status status = take_sizes(node, tensors, error);
    for (size_t i = 0; i < wanted && status == PERCEPT_OK; i++)
        status = prt_model_set_input(model, node->first_tensor + i, tensors->items[i].data,
                                     tensors->items[i].bytes, error);
    return status;
}

static enum percept_status give_outputs(const struct pipe_node *node, struct pipe_tensors *out,
                                        struct percept_error *error)
{
    const struct prt_model *model = pipe_model_prt(node->model);
    char *room = (char *)out + PIPE_TENSORS_ROOM;
    size_t used = 0;
    for (size_t i = 0; i < node->output_count; i++) {
        const struct output *output = &node->outputs[i];
        const struct prt_tensor *spec = prt_model_output_spec(model, output->index);
        struct pipe_tensor *tensor = &out->items[i];
        size_t bytes;
        if (!prt_tensor_bytes(spec, &bytes) || bytes > node->output_bytes - used)
            return percept_fail(error, PERCEPT_LIMIT, "output '%s' is larger than it said",
                                output->name);
        *tensor = (struct pipe_tensor){.name = output->name,
                                       .dtype = (uint32_t)spec->dtype,
                                       .rank = spec->rank,
                                       .data = room + used,
                                       .bytes = bytes};
        for (unsigned d = 0; d < spec->rank; d++)
            tensor->sizes[d] = (uint32_t)spec->sizes[d];
        enum percept_status status =
            prt_model_get_output(model, output->index, room + used, bytes, error);
        if (status != PERCEPT_OK)
            return status;
        used += (bytes + PIPE_TENSOR_ALIGNMENT - 1) & ~(size_t)(PIPE_TENSOR_ALIGNMENT - 1);
    }
    out->count = (uint32_t)node->output_count;
    return PERCEPT_OK;
}

static enum percept_status process(struct pipe_node *node, const void *const *inputs,
                                   void *const *outputs, struct percept_error *error)
{
    const struct pipe_frame *frame = inputs[FRAME];
    const struct pipe_tensors *tensors = inputs[TENSORS];
    struct pipe_tensors *out = outputs[0];
    enum percept_status status = PERCEPT_OK;
    if ((node->fit && !frame) || (node->first_tensor < node->input_count && !tensors))
        return percept_fail(error, PERCEPT_NOT_FOUND, "an input is missing for this frame");
    *out = (struct pipe_tensors){0};
    if (tensors) {
        out->capture_ns = tensors->capture_ns;
        out->frame = tensors->frame;
        out->image_width = tensors->image_width;
        out->image_height = tensors->image_height;
        memcpy(out->image_rect, tensors->image_rect, sizeof out->image_rect);
        status = take_tensors(node, tensors, error);
    }
    if (frame) {
        out->capture_ns = frame->capture_ns;
        out->frame = frame->number;
        out->image_width = frame->width;
        out->image_height = frame->height;
        pipe_fit_run(node->fit, frame, prt_model_input_data(pipe_model_prt(node->model), 0),
                     out->image_rect);
    }
    if (status == PERCEPT_OK)
        status = pipe_model_run(node->model, error);
    return status == PERCEPT_OK ? give_outputs(node, out, error) : status;
}

/* ---- the class ---- */

static const char *const fits_text[] = {"stretch", "letterbox", "crop", NULL}; /* pipe_fit_kind */
static const char *const channels_text[] = {"rgb", "bgr", NULL};

static const struct pipe_param params[] = {
    {.name = "model",
     .kind = PIPE_PARAM_MODEL,
     .offset = offsetof(struct params, model),
     .required = true,
     .help = "any model"},
    {.name = "fit",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, fit),
     .choices = fits_text,
     .help = "how the frame becomes the input's size"},
    {.name = "channels",
     .kind = PIPE_PARAM_CHOICE,
     .offset = offsetof(struct params, channels),
     .choices = channels_text,
     .help = "order of the colours in the input"},
    {.name = "scale",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, scale),
     .help = "factor of the channels, 0..255; 0: 1/255 for an input of floats, else 1"},
    {.name = "size",
     .kind = PIPE_PARAM_NUMBERS,
     .offset = offsetof(struct params, size),
     .help = "[width, height] of an input that may have several; default: the largest"},
    {.name = "mean",
     .kind = PIPE_PARAM_NUMBERS,
     .offset = offsetof(struct params, mean),
     .help = "taken from the scaled channels, 1 or 3 numbers; default: 0"},
    {.name = "std",
     .kind = PIPE_PARAM_NUMBERS,
     .offset = offsetof(struct params, std),
     .help = "that the rest is divided by, 1 or 3 numbers; default: 1"},
    {.name = "pad",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct params, pad),
     .max = 255,
     .help = "channels of a letterbox's bars, 0..255"},
    {.name = "outputs",
     .kind = PIPE_PARAM_TEXTS,
     .offset = offsetof(struct params, outputs),
     .help = "names of the model's outputs in their order, '-' to leave one out; default: output0, "
             "..."},
    {0},
};

static const struct pipe_port inputs[] = {
    {.name = "frame", .type = PIPE_FRAME, .optional = true},
    {.name = "tensors", .type = PIPE_TENSORS, .optional = true},
    {0},
};
static const struct pipe_port outputs[] = {{.name = "tensors", .type = PIPE_TENSORS}, {0}};

const struct pipe_node_class pipe_node_model = {
    .version = PIPE_NODE_VERSION,
    .name = "model",
    .summary = "runs any model on frames or tensors",
    .inputs = inputs,
    .outputs = outputs,
    .params = params,
    .params_size = sizeof(struct params),
    .create = create,
    .process = process,
    .destroy = destroy,
    .output_bytes = output_bytes,
};
