#define SUBGROUPS
#include "reduce.glsl"
