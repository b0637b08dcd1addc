#include "matrices.glsl"
