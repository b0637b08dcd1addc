/* Why: one list of the kinds of sources. */
#include "pipelines/source.h"

extern const struct pipe_source_class pipe_source_images, pipe_source_video, pipe_source_camera,
    pipe_source_audio_files, pipe_source_stereo_files;

const struct pipe_source_class *const pipe_source_classes[] = {
    &pipe_source_images,      &pipe_source_video,        &pipe_source_camera,
    &pipe_source_audio_files, &pipe_source_stereo_files, NULL,
};
