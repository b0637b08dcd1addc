#define SGM_KERNELS sgm_kernels_plain
#include "pipelines/sgm_kernels.inc"
