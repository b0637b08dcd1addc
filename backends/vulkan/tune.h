/*
 * Which work-groups are quickest on this device, for the dispatches that have a choice (struct
 * vk_call): found out once for each shape of a layer, when a model is made with time for it
 * (tune_ns in backend.h), and kept in the user's folder for all models. Private to the Vulkan
 * backend.
 *
 * The file is of this device and driver only, sealed, and nothing but a preference: what is in it
 * is looked for among the sizes that a dispatch may have. One that is not whole, not ours or of
 * another device is as none.
 */
#ifndef BACKENDS_VULKAN_TUNE_H
#define BACKENDS_VULKAN_TUNE_H

#include "backends/vulkan/step.h"

struct vk_tuning; /* of one compile; NULL knows nothing and finds out nothing */

/* What is known in the compile's folder. NULL when there is none, or without memory. */
struct vk_tuning *vk_tuning_open(const struct vk_device *device, const struct prt_compile *compile);
void vk_tuning_close(struct vk_tuning *tuning);

/* Put one of its sizes into a call: the one that is known to be the quickest, or the first. True
 * when it is known. */
bool vk_tuning_settle(const struct vk_tuning *tuning, const struct vk_device *device,
                      struct vk_call *call);
/* The segment's last dispatch came of this call, which nothing is known of. */
void vk_tuning_note(struct vk_tuning *tuning, const struct prt_segment *segment,
                    const struct vk_call *call);

/* Find out, while there is time; the segment is ready to run and keeps the best. */
void vk_tuning_run(struct vk_tuning *tuning, struct prt_segment *segment);

#endif
