/* Run a model on a frame that is in memory already, and have its results in memory that another
 * process can have: nothing is copied where the device can use both where they lie. No daemon: the
 * runtime alone. run_frame build/models/palm_detection_lite.fp32.pte [FRAME]
 *
 * A descriptor of a frame comes from a camera's driver (a dma-buf, VIDIOC_EXPBUF) or from another
 * process by a socket; here shared memory with what is in the file FRAME, or zeros, stands for it.
 */
#include "backends/backends.h"
#include "runtime/prt.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* As many bytes as the input has; -1 when there is no such memory or file. */
static int take_frame(const char *path, size_t bytes)
{
    int fd = memfd_create("frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char part[4096];
    ssize_t got = 0;
    bool good = fd >= 0 && ftruncate(fd, (off_t)bytes) == 0 && (file >= 0 || !path);
    for (size_t at = 0; good && file >= 0 && at < bytes; at += (size_t)got) {
        size_t most = bytes - at < sizeof part ? bytes - at : sizeof part;
        got = read(file, part, most);
        good = got > 0 && pwrite(fd, part, (size_t)got, (off_t)at) == got;
    }
    if (file >= 0)
        close(file);
    if (good)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Outputs lie one after the other, each on a multiple of 64 bytes: where this one does, which moves
 * *end behind it. */
static size_t next_place(const struct prt_model *model, size_t output, size_t *end)
{
    const struct prt_tensor *spec = prt_model_output_spec(model, output);
    size_t at = *end, bytes = 0;
    if (spec && prt_tensor_bytes(spec, &bytes))
        *end += (bytes + 63) / 64 * 64;
    return at;
}

/* Bind the first input to the frame and all outputs to `results`, run, and print. */
static enum percept_status run(struct prt_model *model, struct prt_buffer *frame,
                               struct prt_buffer *results, struct percept_error *error)
{
    size_t end = 0;
    char text[256];
    enum percept_status status = prt_model_bind_input(model, 0, frame, 0, error);
    for (size_t i = 0; i < prt_model_output_count(model) && status == PERCEPT_OK; i++) {
        size_t at = next_place(model, i, &end);
        if (prt_model_output_spec(model, i))
            status = prt_model_bind_output(model, i, results, at, error);
    }
    if (status == PERCEPT_OK)
        status = prt_model_run(model, error);
    if (status == PERCEPT_OK)
        status = prt_buffer_begin(results, false, error); /* the host is about to look */
    if (status != PERCEPT_OK)
        return status;
    end = 0;
    for (size_t i = 0; i < prt_model_output_count(model); i++) {
        const struct prt_tensor *spec = prt_model_output_spec(model, i);
        const char *data = (const char *)prt_buffer_data(results) + next_place(model, i, &end);
        if (spec && spec->dtype == PRT_F32)
            printf("%s begins with %g\n", prt_tensor_describe(spec, text, sizeof text),
                   *(const float *)data);
    }
    return prt_buffer_end(results, false, error);
}

int main(int argc, char **argv)
{
    /* The GPU first, if this build has it; the CPU takes what is left. */
    const struct prt_backend *backends[8] = {NULL};
    size_t count = 0;
    while (count < 7 && percept_known_backends[count])
        count++;
    for (size_t i = 0; i < count; i++)
        backends[i] = percept_known_backends[count - 1 - i];

    const struct prt_model_options options = {.backends = backends};
    struct prt_program *program = NULL;
    struct prt_model *model = NULL;
    struct prt_buffer *frame = NULL, *results = NULL;
    struct percept_error error = {0};
    char text[1024];
    if (prt_program_open(argc > 1 ? argv[1] : "", &program, &error) == PERCEPT_OK &&
        prt_model_create(program, &options, &model, &error) == PERCEPT_OK) {
        const struct prt_tensor *spec = prt_model_input_spec(model, 0);
        size_t frame_bytes = 0, bytes = 0;
        if (spec)
            prt_tensor_bytes(spec, &frame_bytes);
        int fd = take_frame(argc > 2 ? argv[2] : NULL, frame_bytes);
        for (size_t i = 0; i < prt_model_output_count(model); i++)
            next_place(model, i, &bytes);
        if (prt_buffer_import(fd, 0, &frame, &error) == PERCEPT_OK &&
            prt_buffer_create(backends[0], bytes, &results, &error) == PERCEPT_OK)
            run(model, frame, results, &error); /* prt_buffer_export: for another process */
        if (fd >= 0)
            close(fd);
    }
    if (error.status != PERCEPT_OK)
        fprintf(stderr, "%s\n", percept_error_format(&error, text, sizeof text));
    prt_model_destroy(model);
    prt_buffer_destroy(frame);
    prt_buffer_destroy(results);
    prt_program_close(program);
    return error.status == PERCEPT_OK ? 0 : 1;
}
