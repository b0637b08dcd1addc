/* Why: which matrices a subgroup multiplies at once, each device has its own list. */
#include "backends/vulkan/matrices.h"

#include <stdlib.h>

enum {
    FEATURES = 1000506000, /* VkStructureType of the extension, number 507 */
    PROPERTIES = 1000506001,
    COMPONENT_F16 = 0, /* VkComponentTypeKHR */
    COMPONENT_F32 = 1,
    COMPONENT_S8 = 3,
    COMPONENT_S32 = 5,
    SCOPE_SUBGROUP = 3, /* VkScopeKHR */
    DEPTH = 32,         /* numbers that matrices.glsl brings together at a time */
    FEW_NUMBERS = 4,    /* that share a word there */
    WORD = 8,           /* halves of one */
};

struct properties { /* VkCooperativeMatrixPropertiesKHR */
    VkStructureType sType;
    void *pNext;
    uint32_t rows, columns, numbers;
    uint32_t x, w, y, result;
    VkBool32 saturates;
    uint32_t scope;
};

typedef VkResult(VKAPI_PTR *list_function)(VkPhysicalDevice, uint32_t *, struct properties *);

void *vk_matrices_chain(struct vk_matrix_chain *chain, void *next)
{
    *chain = (struct vk_matrix_chain){
        .matrices = {.sType = (VkStructureType)FEATURES, .pNext = &chain->memory},
        .memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES,
                   .pNext = &chain->subgroups},
        .subgroups = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                      .pNext = next}};
    return chain;
}

static bool is_of(const struct properties *p, uint32_t from, uint32_t to)
{
    return p->x == from && p->w == from && p->y == to && p->result == to && !p->saturates &&
           p->scope == SCOPE_SUBGROUP && p->numbers && p->numbers <= DEPTH &&
           DEPTH % p->numbers == 0 && p->numbers % FEW_NUMBERS == 0 && p->columns % WORD == 0;
}

static void take_larger(struct vk_matrix_shape *shape, const struct properties *p)
{
    if ((uint64_t)p->rows * p->columns * p->numbers >
        (uint64_t)shape->rows * shape->columns * shape->numbers)
        *shape = (struct vk_matrix_shape){p->rows, p->columns, p->numbers};
}

struct vk_matrix_shapes vk_matrices_find(const struct vk_api *api, VkInstance instance,
                                         VkPhysicalDevice physical,
                                         const struct vk_matrix_chain *chain)
{
    struct vk_matrix_shapes shapes = {0};
    list_function list = (list_function)api->GetInstanceProcAddr(
        instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    uint32_t count = 0;
    if (!list || !chain->matrices.cooperativeMatrix || !chain->memory.vulkanMemoryModel ||
        !chain->memory.vulkanMemoryModelDeviceScope || !chain->subgroups.computeFullSubgroups ||
        list(physical, &count, NULL) != VK_SUCCESS)
        return shapes;
    struct properties *all = calloc((size_t)count + 1, sizeof *all);
    for (uint32_t i = 0; all && i < count; i++)
        all[i].sType = (VkStructureType)PROPERTIES;
    if (all && list(physical, &count, all) >= 0)
        for (uint32_t i = 0; i < count; i++) {
            if (is_of(&all[i], COMPONENT_F16, COMPONENT_F32))
                take_larger(&shapes.halves, &all[i]);
            if (is_of(&all[i], COMPONENT_S8, COMPONENT_S32))
                take_larger(&shapes.codes, &all[i]);
        }
    free(all);
    return shapes;
}
