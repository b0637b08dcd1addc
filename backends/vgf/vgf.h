/*
 * Runs VgfBackend payloads by VK_ARM_tensors and VK_ARM_data_graph: neural processors and GPUs
 * whose Vulkan driver has both, or Arm's emulation layer over any other. See docs/vgf.md.
 */
#ifndef BACKENDS_VGF_VGF_H
#define BACKENDS_VGF_VGF_H

#include "runtime/backend.h"

extern const struct prt_backend prt_vgf_backend;

#endif
