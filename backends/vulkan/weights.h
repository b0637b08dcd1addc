/*
 * Constant data of a segment on the device, in pieces. A large piece has a buffer of its own, which
 * all segments that have a piece of the same bytes share: variants of a model, and models of one
 * program. Small ones are together in blocks. What is not on the device yet is one block and the
 * pieces of one node. Private to the Vulkan backend.
 */
#ifndef BACKENDS_VULKAN_WEIGHTS_H
#define BACKENDS_VULKAN_WEIGHTS_H

#include "backends/vulkan/device.h"

struct vk_weight_piece {
    VkBuffer buffer; /* none while a large piece is being filled */
    size_t offset, bytes;
    struct vk_large_weight *large; /* NULL: it is in a block */
};

/* Of one segment, which is made by one thread; zeroed at first. */
struct vk_weights {
    struct vk_weight_piece *pieces;
    uint32_t count, capacity;
    uint32_t settled;               /* pieces before it are */
    struct vk_weight_block *blocks; /* the last one first */
    size_t bytes;                   /* on the device, without what others had brought there */
};

/* Room for one more piece, zeroed, to be filled until vk_weights_settle. Its index is count - 1.
 * NULL on failure. */
void *vk_weights_add(struct vk_weights *weights, struct vk_device *device, size_t bytes,
                     struct percept_error *error);
/* All pieces so far are filled. After the last one, `finish`: nothing is added any more. */
enum percept_status vk_weights_settle(struct vk_weights *weights, struct vk_device *device,
                                      bool finish, struct percept_error *error);
void vk_weights_free(struct vk_weights *weights, struct vk_device *device);

#endif
