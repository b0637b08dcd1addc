#include "reduce.glsl"
