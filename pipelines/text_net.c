/* Why: lines of text are of all lengths, and so are the pictures that these nets are given. */
#include "pipelines/text_net.h"

#include <string.h>

static enum percept_status read_input(struct pipe_text_net *net, struct percept_error *error)
{
    struct prt_model *model = pipe_model_prt(net->model);
    const struct prt_tensor *spec = prt_model_input_spec(model, 0);
    int64_t strides[PRT_MAX_RANK];
    char text[160];
    if (!spec || prt_model_input_count(model) != 1)
        return percept_fail(error, PERCEPT_INVALID, "model '%s': expected one input, a picture",
                            net->name);
    if (spec->dtype != PRT_F32 || spec->rank != 4 || spec->sizes[0] != 1 || spec->sizes[1] != 3 ||
        spec->sizes[2] < 1 || spec->sizes[3] < 1)
        return percept_fail(error, PERCEPT_INVALID,
                            "model '%s': expected an input float32[1, 3, height, width], it is %s",
                            net->name, prt_tensor_describe(spec, text, sizeof text));
    prt_tensor_strides(spec, strides);
    net->input = (struct pipe_picture){
        .data = prt_model_input_data(model, 0),
        .width = (uint32_t)spec->sizes[3],
        .height = (uint32_t)spec->sizes[2],
        .step_x = strides[3],
        .step_y = strides[2],
        .step_channel = strides[1],
    };
    return PERCEPT_OK;
}

enum percept_status pipe_text_net_open(const struct pipe_node_setup *setup, const char *name,
                                       struct pipe_text_net *result, struct percept_error *error)
{
    struct pipe_text_net net = {.name = name};
    enum percept_status status = setup->open_model(setup->host, name, &net.model, error);
    if (status == PERCEPT_OK)
        status = read_input(&net, error);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_tensor *bound = prt_model_input_bound(pipe_model_prt(net.model), 0);
    net.fixed = !bound;
    net.most_width = bound ? (uint32_t)bound->sizes[3] : net.input.width;
    net.most_height = bound ? (uint32_t)bound->sizes[2] : net.input.height;
    *result = net;
    return PERCEPT_OK;
}

enum percept_status pipe_text_net_resize(struct pipe_text_net *net, uint32_t width, uint32_t height,
                                         struct percept_error *error)
{
    const int32_t sizes[4] = {1, 3, (int32_t)height, (int32_t)width};
    if (width != net->input.width || height != net->input.height) {
        enum percept_status status = pipe_model_resize(net->model, 4, sizes, error);
        if (status != PERCEPT_OK)
            return status;
    }
    return read_input(net, error);
}

enum percept_status pipe_text_net_output(const struct pipe_text_net *net, unsigned rank,
                                         uint32_t sizes[4], const float **data,
                                         struct percept_error *error)
{
    const struct prt_model *model = pipe_model_prt(net->model);
    const struct prt_tensor *spec = prt_model_output_spec(model, 0);
    char text[160];
    if (!spec || prt_model_output_count(model) != 1)
        return percept_fail(error, PERCEPT_INVALID, "model '%s': expected one output", net->name);
    if (spec->dtype != PRT_F32 || spec->rank != rank || rank > 4 || !prt_tensor_is_contiguous(spec))
        return percept_fail(
            error, PERCEPT_INVALID,
            "model '%s': expected an output of float32 in %u dimensions, row-major, "
            "it is %s",
            net->name, rank, prt_tensor_describe(spec, text, sizeof text));
    for (unsigned d = 0; d < rank; d++)
        sizes[d] = (uint32_t)spec->sizes[d];
    *data = prt_model_output_data(model, 0);
    return PERCEPT_OK;
}
