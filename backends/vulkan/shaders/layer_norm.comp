#include "layer_norm.glsl"
