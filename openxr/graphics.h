/* What a session draws with, as far as the layer makes images for it: Vulkan. */
#ifndef OPENXR_GRAPHICS_H
#define OPENXR_GRAPHICS_H

#include <stdint.h>

/* All NULL: the session draws with something else, or not at all. */
struct graphics {
    void *instance, *physical_device, *device; /* VkInstance and so on: the app's */
    uint32_t family, queue;
};

/* From the chain that an app creates its session by. */
void graphics_find(const void *chain, struct graphics *graphics);

#endif
