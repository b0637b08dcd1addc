#include "softmax.glsl"
