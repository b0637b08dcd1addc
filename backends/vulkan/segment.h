/* A run of nodes on the GPU. Private to the Vulkan backend; kernels see step.h. */
#ifndef BACKENDS_VULKAN_SEGMENT_H
#define BACKENDS_VULKAN_SEGMENT_H

#include "backends/vulkan/step.h"
#include "backends/vulkan/weights.h"

/* Where on the device the bytes of a root (plan.h) are, and who else uses them. By value id. */
struct vk_root {
    bool used, written; /* by this segment */
    bool enters;        /* somebody wrote it before the segment runs */
    bool leaves;        /* somebody reads it after */
    bool is_half;       /* its elements are F16 here, F32 to the graph */
    bool all_float;     /* every value in it is F32 */
    size_t bytes;
    size_t offset;            /* in the segment's own memory */
    VkBuffer buffer;          /* while recorded: where it is */
    size_t at;                /* and from which byte on */
    bool is_of_others;        /* other devices may use the buffer's memory, too */
    size_t staged;            /* offset in the staging buffer */
    struct vk_operand packed; /* of a constant, once a dispatch has asked for it as it is */
};

struct vk_dispatch {
    uint32_t step; /* index among the segment's nodes */
    VkPipeline pipeline;
    struct vk_operand operands[VK_OPERANDS];
    size_t params; /* offset in the parameters */
    size_t params_bytes;
    uint32_t groups[3];
};

struct prt_segment {
    struct vk_device *device;
    const struct prt_graph *graph;
    const uint32_t *nodes;
    uint32_t node_count;
    bool half;
    struct prt_place *own_places; /* when the compile has none */
    const struct prt_place *places;
    struct vk_root *roots; /* by value id; meaningful for roots */
    uint32_t *touched;     /* the roots in use */
    uint32_t touched_count;
    size_t own_bytes; /* of the segment's own memory, should it need that */

    struct vk_dispatch *dispatches;
    uint32_t dispatch_count, dispatch_capacity;
    const char **kernels;  /* by node: the last shader, for profiles */
    unsigned char *params; /* all parameters, which are copied to the device when recorded */
    size_t params_bytes, params_capacity;
    struct vk_weights weights;
    size_t scratch_bytes;
    struct vk_tuning *tuning; /* while compiling */
    uint32_t tuned;           /* dispatches whose size was found out */
    void *saved;              /* pipelines from the cache; a piece of a slab, or NULL */
    size_t saved_bytes;

    /* All below: under the lock, one run at a time. */
    pthread_mutex_t lock;
    struct vk_buffer parameters, scratch;
    struct vk_buffer fault;   /* as codes.h has it; then what unused bindings are bound to */
    struct vk_buffer own;     /* device memory, when the host's is not shared */
    struct vk_buffer staging; /* the host's side of it */
    VkCommandPool pool;
    VkCommandBuffer commands; /* those that are being recorded */
    VkCommandBuffer *pieces;  /* all, in order; room for as many as there are dispatches */
    uint32_t piece_count;
    VkDescriptorPool descriptors;
    VkQueryPool queries;
    void **recorded_for;  /* by touched root: the addresses of the run that is recorded */
    uint64_t recorded_at; /* the age of shared memory then */
    bool is_recorded, is_profiled, is_cut;
    struct vk_work work;
    struct vk_run {
        bool in_flight;
        void *const *data;
        struct prt_step_time *times; /* or NULL */
        int64_t begun_ns;
        uint32_t submissions; /* of the last run that has ended */
    } run;
};

/* roots.c: where the values of a compile's nodes lie, and which of them go in and out. */
enum percept_status vk_find_roots(struct prt_segment *segment, const struct prt_compile *compile,
                                  struct percept_error *error);
bool vk_is_constant(const struct prt_segment *segment, uint32_t root);

/* record.c: commands for data at these addresses; cut: in pieces of some dispatches each, so that
 * others may come between. Under the lock. */
enum percept_status vk_record(struct prt_segment *segment, void *const *data, bool profile,
                              bool cut, struct percept_error *error);
/* Copy between the host's memory and what the device sees of it; nothing where they are one. */
void vk_bring_in(const struct prt_segment *segment, void *const *data);
void vk_bring_out(const struct prt_segment *segment, void *const *data, bool with_states);

/* Bytes that both of them move for a run. */
size_t vk_copied_bytes(const struct prt_segment *segment);

/* The row of an op; NULL when there is none. */
const struct vk_kernel *vk_kernel_of(enum prt_op op);

#endif
