/* What the files of the Vulkan importer share. Private to them. */
#ifndef RUNTIME_IMPORT_VULKAN_H
#define RUNTIME_IMPORT_VULKAN_H

#include "runtime/import.h"
#include "runtime/import_aten.h"

/* Source of the format: backends/vulkan/serialization/schema.fbs of ExecuTorch v1.4.1. */

/* Operators that only Vulkan blobs have; named as there. */
extern const struct prt_aten_table prt_vulkan_ops; /* import_vulkan_ops.c */

extern const struct prt_aten_table prt_vulkan_quant;  /* import_vulkan_quant.c: on codes */
extern const struct prt_aten_table prt_vulkan_packed; /* import_vulkan_packed.c: of 4 bits */
extern const struct prt_aten_table prt_vulkan_rotary; /* import_vulkan_rotary.c */

/* Values after the blob's own, for arguments that a call needs in another form. */
enum { PRT_VULKAN_SPARE = 2 * PRT_CALL_ARGS };

/* Translate a call of the blob. args: values of import, which are the blob's; spare: the first of
 * PRT_VULKAN_SPARE more. import_vulkan_calls.c. */
enum percept_status prt_vulkan_call(struct prt_import *import, struct prt_fb_table call,
                                    uint32_t spare);

#endif
