/*
 * Images in Vulkan that depth maps are put into: VK_FORMAT_D16_UNORM, two layers, on the app's
 * device. One thread at a time.
 */
#ifndef OPENXR_DEPTH_IMAGES_H
#define OPENXR_DEPTH_IMAGES_H

#include "openxr/feed_depth.h"
#include "openxr/graphics.h"

enum { DEPTH_IMAGES = 3 };

struct depth_images;

/* FUNCTION_UNSUPPORTED: the session has no Vulkan, or a queue that cannot copy into depth images.
 */
XrResult depth_images_create(const struct graphics *graphics, uint32_t width, uint32_t height,
                             struct depth_images **images);
/* Waits for what the layer itself does with them. NULL is fine. */
void depth_images_destroy(struct depth_images *images);

/* SwapchainImages of XrSwapchainImageVulkanKHR; VALIDATION_FAILURE when one is of another type. */
XrResult depth_images_list(const struct depth_images *images, uint32_t count,
                           XrSwapchainImageBaseHeader *list);

/*
 * Put a map into both layers of the next image, by work on the app's queue behind all that is
 * there: what the app does with the image from then on sees it, in the layout
 * SHADER_READ_ONLY_OPTIMAL. Waits only while the copy into the same image, DEPTH_IMAGES before, is
 * still under way. The same map again is the same image again.
 */
XrResult depth_images_put(struct depth_images *images, const struct feed_depth *depth,
                          uint32_t *index);

#endif
