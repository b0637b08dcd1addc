#define SUBGROUPS
#include "softmax.glsl"
