#define DOTS
#include "tile.glsl"
