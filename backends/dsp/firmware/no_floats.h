/* Included last by what runs on the processor, which has none: a float is then an error of the
 * compiler's. */
#ifndef BACKENDS_DSP_FIRMWARE_NO_FLOATS_H
#define BACKENDS_DSP_FIRMWARE_NO_FLOATS_H

#pragma GCC poison float double

#endif
