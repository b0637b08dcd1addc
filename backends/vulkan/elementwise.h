/* One dispatch of elementwise.comp while it is put together: for elementwise.c and move.c. */
#ifndef BACKENDS_VULKAN_ELEMENTWISE_H
#define BACKENDS_VULKAN_ELEMENTWISE_H

#include "backends/vulkan/step.h"
#include "runtime/nest.h"

/* The shader's uniform block. */
struct vk_map_params {
    VK_PARAMS_HEAD;
    int32_t sizes[VK_MAP_RANK];
    int32_t strides[3][VK_MAP_RANK];
    int32_t start[4];
    int32_t whole[4];
    float real[4];
    float scale[4];
    int32_t zero[4];
    float numbers[4];
    int32_t before[VK_MAP_RANK], within[VK_MAP_RANK];
    uint32_t count, unused[3];
};

struct vk_map {
    const struct vk_emit *emit; /* NULL while it is only asked whether it could be */
    const struct prt_graph *graph;
    const struct prt_node *node;
    struct prt_nest nest; /* operand 0 is y; each other one has a number, 0 for scalars */
    struct vk_map_params params;
    uint32_t values[4]; /* of y, a, b, c; PRT_NO_VALUE for none */
    unsigned operands;  /* without y */
    uint32_t op, kind, integers, scalars, store;
    bool is_wide;     /* some integer has 64 bits */
    bool moves;       /* elements go over as they are: what matters is their size */
    bool is_unmerged; /* PAD, CONCAT: loops are y's dimensions */
};

/*
 * A row of functions that fill a map for a node and return NULL, or why they cannot; `refuses` and
 * `emit` of a kernel both call it. It begins with vk_map_begin and ends with vk_map_finish.
 */
typedef const char *(*vk_map_build)(struct vk_map *map);

void vk_map_begin(struct vk_map *map, uint32_t op);
/* Operand `index` of the node, broadcasting to y, or by its stride for each logical dimension. */
void vk_map_add(struct vk_map *map, unsigned index, const int64_t *strides);
/* Settle types and loops. */
const char *vk_map_finish(struct vk_map *map);

const char *vk_map_refuses(const struct prt_graph *graph, const struct prt_node *node,
                           vk_map_build build);
enum percept_status vk_map_emit(const struct vk_emit *emit, vk_map_build build);
/* What vk_map_emit does after the build. */
enum percept_status vk_map_dispatch(const struct vk_emit *emit, struct vk_map *map);

/* A kernel whose node is one map. */
#define VK_MAP_KERNEL(name)                                                                       \
    static const char *name##_refuses(const struct prt_graph *graph, const struct prt_node *node) \
    {                                                                                             \
        return vk_map_refuses(graph, node, build_##name);                                         \
    }                                                                                             \
    static enum percept_status name##_emit(const struct vk_emit *emit)                            \
    {                                                                                             \
        return vk_map_emit(emit, build_##name);                                                   \
    }                                                                                             \
    const struct vk_kernel vk_##name = {name##_refuses, name##_emit};

#endif
