/* Why: a row that shared memory holds is sorted there; of a longer one, runs are, which are then
 * merged two by two. */
#include "backends/vulkan/elements.h"

/* ROOM: elements that fit into the 16 KiB that every device shares; half as many of 64 bits. */
enum { LOCAL = 128, ROOM = 2048 };

struct sort_params {
    VK_PARAMS_HEAD;
    uint32_t rows, size, inner, wanted, width, unused[3];
};

static const char *argsort_refuses(const struct prt_graph *graph, const struct prt_node *node)
{
    const struct prt_tensor *x = vk_tensor(graph, node, 0), *y = vk_result(graph, node);
    if (!prt_tensor_is_contiguous(x) || !prt_tensor_is_contiguous(y))
        return "a tensor is not row-major";
    if (!vk_is_real(x) && !vk_is_code(x) && !vk_is_integer(x))
        return "floats of 64 bits and unsigned integers of 32 or more are left to the CPU";
    return vk_refuses_large(x);
}

/* One dispatch of a sorting shader; `from` is an order so far. Some have no use for all constants.
 */
static enum percept_status dispatch(const struct vk_emit *emit, enum vk_shader shader,
                                    const struct sort_params *params, uint32_t room,
                                    struct vk_operand to, struct vk_operand from, uint64_t items)
{
    const struct prt_argsort_attrs *attrs = &emit->node->attrs.argsort;
    uint32_t x = emit->node->inputs[0];
    struct vk_call call = {
        .shader = shader,
        .constant_count = 7,
        .constants = {LOCAL, vk_type(emit, x), !vk_is_real(vk_tensor(emit->graph, emit->node, 0)),
                      attrs->descending, attrs->median, room, params->size > room},
        .params = params,
        .params_bytes = sizeof *params,
        .operands = {to, vk_read(x), from}};
    call.operands[0].written = true;
    vk_spread(emit, items, LOCAL, call.groups);
    return vk_dispatch(emit, &call);
}

/* Runs of `room` elements go from one half of the scratch memory to the other, until they are one.
 */
static enum percept_status sort_long(const struct vk_emit *emit, struct sort_params *params,
                                     uint32_t room)
{
    uint64_t items = (uint64_t)params->rows * params->size;
    uint64_t runs = (uint64_t)params->rows * ((params->size + room - 1) / room);
    size_t bytes = items * sizeof(uint32_t);
    struct vk_operand orders[2] = {vk_scratch(emit, 0, bytes), vk_scratch(emit, bytes, bytes)};
    unsigned now = 0;
    enum percept_status status = dispatch(emit, VK_SHADER_argsort, params, room, orders[now],
                                          (struct vk_operand){0}, runs * LOCAL);
    for (uint64_t width = room; width < params->size && status == PERCEPT_OK; width *= 2) {
        params->width = (uint32_t)width;
        status = dispatch(emit, VK_SHADER_argsort_merge, params, room, orders[1 - now], orders[now],
                          items);
        now = 1 - now;
    }
    if (status == PERCEPT_OK)
        status =
            dispatch(emit, VK_SHADER_argsort_take, params, room, vk_write(emit->node->outputs[0]),
                     orders[now], (uint64_t)params->rows * params->wanted);
    return status;
}

static enum percept_status argsort_emit(const struct vk_emit *emit)
{
    const struct prt_argsort_attrs *attrs = &emit->node->attrs.argsort;
    const struct prt_tensor *x = vk_tensor(emit->graph, emit->node, 0),
                            *y = vk_result(emit->graph, emit->node);
    struct sort_params params = {.rows = 1,
                                 .size = (uint32_t)x->sizes[attrs->axis],
                                 .inner = 1,
                                 .wanted = (uint32_t)y->sizes[attrs->axis]};
    for (int i = 0; i < x->rank; i++) {
        params.rows *= i == attrs->axis ? 1 : (uint32_t)x->sizes[i];
        params.inner *= i > attrs->axis ? (uint32_t)x->sizes[i] : 1;
    }
    if (params.size == 0 || prt_tensor_elements(y) == 0)
        return PERCEPT_OK;
    uint32_t room = 2, most = x->dtype == PRT_I64 ? ROOM / 2 : ROOM;
    while (room < params.size && room < most)
        room *= 2;
    if (params.size > room)
        return sort_long(emit, &params, room);
    return dispatch(emit, VK_SHADER_argsort, &params, room, vk_write(emit->node->outputs[0]),
                    (struct vk_operand){0}, (uint64_t)params.rows * LOCAL);
}

const struct vk_kernel vk_argsort = {argsort_refuses, argsort_emit};
