/* Why: who meets a payload that this machine cannot run wants to know what to install. */
#include "runtime/delegates.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *id, *what, *needs;
} known[] = {
    {"VgfBackend", "a VGF file",
     "the backend 'vgf' and a device with VK_ARM_tensors and VK_ARM_data_graph (docs/vgf.md)"},
    {"QnnBackend", "a context binary for a Qualcomm NPU",
     "Qualcomm AI Engine Direct (libQnnHtp.so, libQnnSystem.so), and a backend that loads it"},
    {"EthosUBackend", "a Vela command stream for an Arm Ethos-U NPU",
     "the NPU with its kernel driver and libethosu, and a backend that hands streams to it"},
    {"OpenvinoBackend", "a model compiled by OpenVINO",
     "the backend 'openvino' and OpenVINO (libopenvino_c.so) with the device that it was compiled "
     "for "
     "(docs/openvino.md)"},
    {"CoreMLBackend", "a Core ML model", "Apple's Core ML"},
    {"MPSBackend", "a Metal Performance Shaders graph", "Apple's Metal"},
    {"MetalBackend", "a library of Metal kernels", "Apple's Metal"},
    {"MLXBackend", "an MLX graph", "Apple's MLX"},
    {"CudaBackend", "a library of CUDA kernels", "an NVIDIA GPU with CUDA"},
    {"NeuropilotBackend", "a model compiled for a MediaTek NPU", "MediaTek NeuroPilot"},
    {"EnnBackend", "a model compiled for a Samsung NPU", "Samsung's Exynos AI runtime"},
    {"NeutronBackend", "a microcode for an NXP Neutron NPU", "NXP eIQ's Neutron driver"},
};

enum percept_status prt_delegate_unplaced(const struct prt_blob_attrs *blob,
                                          struct percept_error *error)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].id, blob->delegate) == 0)
            return percept_fail(error, PERCEPT_UNSUPPORTED,
                                "no backend of the list runs delegate '%s': it is %s and needs %s",
                                known[i].id, known[i].what, known[i].needs);
    return percept_fail(error, PERCEPT_UNSUPPORTED,
                        "no backend of the list runs delegate '%.64s', which nothing here knows",
                        blob->delegate);
}
