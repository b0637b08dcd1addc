/*
 * The picture of sound that Whisper looks at: the power in 80 bands of Slaney's mel scale, every
 * 10 ms of 30 s, as logarithms to base 10 of which the top 8 decades are brought to about -1..1
 * (Radford et al., 2022; openai/whisper, audio.py). Silence fills what is missing of the 30 s.
 */
#ifndef PIPELINES_LOG_MEL_H
#define PIPELINES_LOG_MEL_H

#include "base/status.h"

#include <stddef.h>

#define PIPE_MEL_BANDS   80
#define PIPE_MEL_FRAMES  3000
#define PIPE_MEL_SAMPLES 480000 /* 30 s at 16 kHz */

struct pipe_log_mel; /* one thread at a time */

enum percept_status pipe_log_mel_create(struct pipe_log_mel **mel, struct percept_error *error);
void pipe_log_mel_destroy(struct pipe_log_mel *mel); /* NULL is fine */

/* Other sound begins. */
void pipe_log_mel_reset(struct pipe_log_mel *mel);
/*
 * All of the sound so far, at most PIPE_MEL_SAMPLES, in -1..1, as a picture [80][3000]. What an
 * earlier call since reset was given must be its beginning: only what is new is computed.
 */
void pipe_log_mel_picture(struct pipe_log_mel *mel, const float *samples, size_t count,
                          float *picture);

#endif
