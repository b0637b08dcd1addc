/* For integers of 64 bits, on devices that have them. */
#define INT64
#include "elementwise.glsl"
