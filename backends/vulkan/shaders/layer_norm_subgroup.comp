#define SUBGROUPS
#include "layer_norm.glsl"
