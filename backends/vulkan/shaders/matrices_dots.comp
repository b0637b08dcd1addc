#define DOTS
#include "matrices.glsl"
