/*
 * How a node of the graph becomes dispatches of a segment. Private to the Vulkan backend.
 *
 * Each op has one row: `supports` is exact, and `emit` adds the dispatches that compute a node.
 *
 * On the device a value lies as in the plan, but its elements may be of another type there:
 * vk_type says which (shaders/codes.h). Buffers are rows of 32-bit words to shaders, so 8- and
 * 16-bit elements need no extension; whoever writes such elements writes whole words, and may write
 * beyond the last element to the end of its word.
 */
#ifndef BACKENDS_VULKAN_STEP_H
#define BACKENDS_VULKAN_STEP_H

#include "backends/vulkan/device.h"
#include "backends/vulkan/pipelines.h"
#include "backends/vulkan/shaders/codes.h"
#include "runtime/backend.h"

struct vk_emit {
    struct vk_device *device;
    struct prt_segment *segment;
    const struct prt_graph *graph;
    const struct prt_node *node;
    uint32_t step; /* the node's place in the segment */
    struct percept_error *error;
};

/* What a binding of a dispatch is bound to. */
enum vk_source { VK_UNBOUND, VK_VALUE, VK_PACKED, VK_SCRATCH, VK_FAULTS };
struct vk_operand {
    enum vk_source source;
    uint32_t value; /* VK_VALUE: id of a tensor, constants included; VK_PACKED: of its piece */
    size_t offset;  /* VK_PACKED, VK_SCRATCH: in the piece or the memory */
    size_t bytes;   /* likewise */
    bool written;   /* else only read. One that is read and written is written. */
};

static inline struct vk_operand vk_read(uint32_t value)
{
    return (struct vk_operand){.source = value == UINT32_MAX ? VK_UNBOUND : VK_VALUE,
                               .value = value};
}
static inline struct vk_operand vk_write(uint32_t value)
{
    return (struct vk_operand){.source = VK_VALUE, .value = value, .written = true};
}

/* Where a shader notes an index that is outside of a tensor: shaders/fault.glsl. */
static inline struct vk_operand vk_faults(void)
{
    return (struct vk_operand){.source = VK_FAULTS};
}

/* The same for a dispatch that writes what others read, and for those: they wait for each other. */
static inline struct vk_operand vk_faults_in_order(bool written)
{
    return (struct vk_operand){.source = VK_FAULTS, .bytes = sizeof(uint32_t), .written = written};
}

/* One of the work-groups that a dispatch may have: constants 0 and 12 to 14, and how many. */
enum { VK_SIZES = 8 };
struct vk_size {
    uint32_t local, constants[3], groups[3];
};

struct vk_call {
    enum vk_shader shader;
    bool unnamed; /* profiles name the step after another of its dispatches */
    unsigned constant_count;
    uint32_t constants[VK_CONSTANTS]; /* of the shader; 0 is local_size_x */
    const void *params; /* the shader's uniform block, which begins with VK_PARAMS_HEAD */
    size_t params_bytes;
    struct vk_operand operands[VK_OPERANDS]; /* bindings 1, 2, .. */
    uint32_t groups[3];                      /* workgroups; 0 counts as 1 */
    /* Where tune.c has a choice, the size that is most likely the quickest first; else none. Their
     * time depends on constants 1 to 11 and on so many bytes of the parameters after the head. */
    struct vk_size sizes[VK_SIZES];
    unsigned size_count;
    size_t shape_bytes;
};

/* Offsets of the operands in their bindings, in words; filled in when the commands are recorded. */
#define VK_PARAMS_HEAD uint32_t base[8]

enum percept_status vk_dispatch(const struct vk_emit *emit, const struct vk_call *call);

/* Room for constant data of the segment: filled by the caller until `emit` returns. NULL without
 * memory, with the error filled. */
void *vk_pack(const struct vk_emit *emit, size_t bytes, struct vk_operand *operand);

/* Device memory for what dispatches of the node tell each other: a piece of it, from `offset` on.
 * Other nodes have the same. */
struct vk_operand vk_scratch(const struct vk_emit *emit, size_t offset, size_t bytes);

/* Type code of a value's elements on the device. */
uint32_t vk_type(const struct vk_emit *emit, uint32_t value);

/* May weights lose bits as values do? */
bool vk_is_half(const struct vk_emit *emit);
/* Do two values begin at one place? */
bool vk_same_place(const struct vk_emit *emit, uint32_t a, uint32_t b);
/* Does a value lie where a state does? */
bool vk_in_state(const struct vk_emit *emit, uint32_t value);

/* Workgroups of `local` invocations for `items`, in two dimensions when one does not do: shaders
 * count by vk's item() in common.glsl. */
void vk_spread(const struct vk_emit *emit, uint64_t items, uint32_t local, uint32_t groups[3]);

struct vk_kernel {
    /* NULL when it can run the node; else why not, static text. */
    const char *(*refuses)(const struct prt_graph *graph, const struct prt_node *node);
    enum percept_status (*emit)(const struct vk_emit *emit);
};

extern const struct vk_kernel vk_unary, vk_binary, vk_prelu, vk_where, vk_convert, vk_layout,
    vk_view, vk_permute, vk_slice, vk_pad, vk_concat, vk_full;
extern const struct vk_kernel vk_conv, vk_linear, vk_matmul, vk_round_rows, vk_dynamic_linear;
extern const struct vk_kernel vk_softmax, vk_layer_norm, vk_reduce, vk_argmax, vk_cumsum, vk_pool2d,
    vk_resize2d, vk_attention, vk_gather, vk_scatter, vk_embedding_bag, vk_grid_sample, vk_pool3d,
    vk_conv3d, vk_distance, vk_argsort, vk_table, vk_expect;
extern const struct vk_kernel vk_rescale, vk_integer_conv, vk_integer_matmul, vk_integer_pool,
    vk_scaled_resize;

/* ---- what kernels ask of the graph ---- */

/* The tensor of operand `index`, NULL when it is absent or a scalar. */
static inline const struct prt_tensor *vk_tensor(const struct prt_graph *graph,
                                                 const struct prt_node *node, unsigned index)
{
    if (index >= node->input_count || node->inputs[index] == PRT_NO_VALUE)
        return NULL;
    const struct prt_value *value = &graph->values[node->inputs[index]];
    return value->kind == PRT_VALUE_TENSOR ? &value->tensor : NULL;
}

static inline const struct prt_tensor *vk_result(const struct prt_graph *graph,
                                                 const struct prt_node *node)
{
    return &graph->values[node->outputs[0]].tensor;
}

#endif
