/* What specialisation leaves of a shader. Private to the Vulkan backend. */
#ifndef BACKENDS_VULKAN_PRUNE_H
#define BACKENDS_VULKAN_PRUNE_H

#include <stddef.h>
#include <stdint.h>

/* SPIR-V without what is never run once constant_id i is constants[i]: specialised with these it
 * does the same as the whole. From malloc, of *count words; NULL: take the whole, for there is no
 * memory, or a loop would lose its way back. The shader must be valid. */
uint32_t *vk_prune(const uint32_t *words, size_t *count, const uint32_t *constants,
                   unsigned constant_count);

#endif
