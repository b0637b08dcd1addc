#include "elementwise.glsl"
