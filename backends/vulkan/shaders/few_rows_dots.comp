#define DOTS
#include "few_rows.glsl"
