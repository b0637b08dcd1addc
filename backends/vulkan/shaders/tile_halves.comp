#define HALVES
#include "tile.glsl"
