#define SGM_KERNELS sgm_kernels_avx2
#include "pipelines/sgm_kernels.inc"
