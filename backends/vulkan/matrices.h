/*
 * Cooperative matrices (VK_KHR_cooperative_matrix): a subgroup multiplies two small matrices as one
 * step. Private to the Vulkan backend. Declared here as the specification has it, for Vulkan's
 * headers of Debian 12 are older.
 */
#ifndef BACKENDS_VULKAN_MATRICES_H
#define BACKENDS_VULKAN_MATRICES_H

#include "backends/vulkan/api.h"

#include <stdbool.h>
#include <stdint.h>

#define VK_MATRICES_EXTENSION "VK_KHR_cooperative_matrix"

struct vk_matrix_features { /* VkPhysicalDeviceCooperativeMatrixFeaturesKHR */
    VkStructureType sType;
    void *pNext;
    VkBool32 cooperativeMatrix, cooperativeMatrixRobustBufferAccess;
};

/* A product of rows * numbers by numbers * columns elements; zeros: there is none. */
struct vk_matrix_shape {
    uint32_t rows, columns, numbers;
};

struct vk_matrix_shapes {
    struct vk_matrix_shape halves; /* added up as floats */
    struct vk_matrix_shape codes;  /* I8, added up as I32 */
};

/* Features to be asked for and then enabled; a part of a chain of them. */
struct vk_matrix_chain {
    struct vk_matrix_features matrices;
    VkPhysicalDeviceVulkanMemoryModelFeatures memory;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroups;
};
void *vk_matrices_chain(struct vk_matrix_chain *chain, void *next);

/* Once the device has filled the features in: what our shaders can use of it. The largest of each
 * kind. */
struct vk_matrix_shapes vk_matrices_find(const struct vk_api *api, VkInstance instance,
                                         VkPhysicalDevice physical,
                                         const struct vk_matrix_chain *chain);

#endif
