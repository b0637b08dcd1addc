/* A VGF file on the device, ready to run. Private to the VGF backend. */
#ifndef BACKENDS_VGF_MODEL_H
#define BACKENDS_VGF_MODEL_H

#include "backends/vgf/device.h"
#include "runtime/vgf.h"

struct vgf_model;

/* Everything that a run needs: tensors with their memory, pipelines, sessions, the recorded
 * commands. The file must outlive the call only. */
enum percept_status vgf_model_create(struct vgf_device *device, const struct prt_vgf *file,
                                     struct vgf_model **model, struct percept_error *error);
void vgf_model_destroy(struct vgf_model *model); /* NULL is fine */

/* Copy the inputs in, run, copy the outputs out. Addresses in the file's order, each of as many
 * bytes as its resource has. One run at a time; others wait. */
enum percept_status vgf_model_run(struct vgf_model *model, const void *const *inputs,
                                  void *const *outputs, struct percept_error *error);

/* Of its tensors and sessions. */
size_t vgf_model_bytes(const struct vgf_model *model);
/* In and out, by a run. */
size_t vgf_model_copied(const struct vgf_model *model);

#endif
