/* Why: apart from the default list, so that a program that links statically and wants the CPU alone
 * does not get the other backends with it. */
#include "backends/backends.h"

#include "backends/cpu/cpu.h"
#include "backends/dsp/dsp.h"
#ifdef PERCEPT_VULKAN
#include "backends/vulkan/vulkan.h"
#endif
#ifdef PERCEPT_VGF
#include "backends/vgf/vgf.h"
#endif
#ifdef PERCEPT_OPENVINO
#include "backends/openvino/openvino.h"
#endif

#include <stddef.h>

const struct prt_backend *const percept_known_backends[] = {
    &prt_cpu_backend,
#ifdef PERCEPT_VULKAN
    &prt_vulkan_backend,
#endif
#ifdef PERCEPT_VGF
    &prt_vgf_backend,
#endif
#ifdef PERCEPT_OPENVINO
    &prt_openvino_backend,
#endif
    &prt_dsp_backend,      NULL,
};
