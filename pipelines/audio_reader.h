/* The sound of a file, whatever format, rate and channels it has, as the engine takes it: mono at
 * PIPE_AUDIO_RATE. libav decodes and resamples. */
#ifndef PIPELINES_AUDIO_READER_H
#define PIPELINES_AUDIO_READER_H

#include "base/status.h"

#include <stddef.h>

struct pipe_audio_reader;

/* Takes over the descriptor. MALFORMED: no sound that libav knows; the error has no file name. */
enum percept_status pipe_audio_open(int fd, struct pipe_audio_reader **reader,
                                    struct percept_error *error);
void pipe_audio_close(struct pipe_audio_reader *reader); /* NULL is fine */

/* The next samples, -1..1: at most `most`, fewer than that only at the end. END: there is no more.
 * MALFORMED: it ends here, but should not. */
enum percept_status pipe_audio_read(struct pipe_audio_reader *reader, float *samples, size_t most,
                                    size_t *count, struct percept_error *error);

#endif
