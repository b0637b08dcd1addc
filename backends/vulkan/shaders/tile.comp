#include "tile.glsl"
