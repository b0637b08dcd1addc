/* Why: one table gives every status its number, its name and its text, so they cannot drift apart.
 */
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *percept_status_text(enum percept_status status)
{
    switch (status) {
#define PERCEPT_STATUS_CASE(name, value, text) \
    case PERCEPT_##name:                       \
        return text;
        PERCEPT_STATUS_TABLE(PERCEPT_STATUS_CASE)
#undef PERCEPT_STATUS_CASE
    }
    return "unknown status";
}

const char *percept_status_name(enum percept_status status)
{
    switch (status) {
#define PERCEPT_STATUS_CASE(name, value, text) \
    case PERCEPT_##name:                       \
        return #name;
        PERCEPT_STATUS_TABLE(PERCEPT_STATUS_CASE)
#undef PERCEPT_STATUS_CASE
    }
    return "UNKNOWN";
}

/* Messages quote what stands in files that may be hostile: no line breaks, no terminal's escapes.
 */
static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static void fill(struct percept_error *error, enum percept_status status, const char *file,
                 unsigned line, unsigned column, const char *format, va_list arguments)
{
    if (!error)
        return;
    /* Format first: an argument may point into *error itself, when a caller adds a prefix. */
    char message[sizeof error->message];
    char place[sizeof error->file];
    vsnprintf(message, sizeof message, format, arguments);
    snprintf(place, sizeof place, "%s", file ? file : "");
    one_line(message);
    one_line(place);
    error->status = status;
    error->line = line;
    error->column = column;
    memcpy(error->message, message, sizeof message);
    memcpy(error->file, place, sizeof place);
}

void percept_error_fill(struct percept_error *error, enum percept_status status, const char *file,
                        unsigned line, unsigned column, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, file, line, column, format, arguments);
    va_end(arguments);
}

enum percept_status percept_error_fill_errno(struct percept_error *error, int errno_value,
                                             const char *format, ...)
{
    enum percept_status status = percept_status_from_errno(errno_value);
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, NULL, 0, 0, format, arguments);
    va_end(arguments);
    if (error) {
        char text[128];
        size_t used = strlen(error->message);
        snprintf(error->message + used, sizeof error->message - used, ": %s",
                 strerror_r(errno_value, text, sizeof text));
    }
    return status;
}

void percept_error_status(struct percept_error *error, enum percept_status status)
{
    if (error)
        *error = (struct percept_error){.status = status};
}

enum percept_status percept_status_from_errno(int errno_value)
{
    static const struct {
        short errno_value;
        signed char status;
    } map[] = {
        {0, PERCEPT_OK},
        {EINVAL, PERCEPT_INVALID},
        {ENOMEM, PERCEPT_NO_MEMORY},
        {ENOENT, PERCEPT_NOT_FOUND},
        {ENODEV, PERCEPT_NOT_FOUND},
        {ENXIO, PERCEPT_NOT_FOUND},
        {ENOTSUP, PERCEPT_UNSUPPORTED},
        {ENOSYS, PERCEPT_UNSUPPORTED},
        {EMFILE, PERCEPT_LIMIT},
        {ENFILE, PERCEPT_LIMIT},
        {ENOSPC, PERCEPT_LIMIT},
        {EFBIG, PERCEPT_LIMIT},
        {EOVERFLOW, PERCEPT_LIMIT},
        {EBUSY, PERCEPT_BUSY},
        {EAGAIN, PERCEPT_BUSY},
        {ETIMEDOUT, PERCEPT_TIMED_OUT},
        {EACCES, PERCEPT_PERMISSION},
        {EPERM, PERCEPT_PERMISSION},
        {EPIPE, PERCEPT_DISCONNECTED},
        {ECONNRESET, PERCEPT_DISCONNECTED},
        {ECONNREFUSED, PERCEPT_DISCONNECTED},
        {ENOTCONN, PERCEPT_DISCONNECTED},
        {EEXIST, PERCEPT_EXISTS},
        {EADDRINUSE, PERCEPT_EXISTS},
        {ECANCELED, PERCEPT_CANCELLED},
    };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (map[i].errno_value == errno_value)
            return (enum percept_status)map[i].status;
    return PERCEPT_IO;
}

char *percept_error_format(const struct percept_error *error, char *buffer, unsigned long size)
{
    char place[320] = "";
    if (error->file[0] && error->line && error->column)
        snprintf(place, sizeof place, "%s:%u:%u: ", error->file, error->line, error->column);
    else if (error->file[0] && error->line)
        snprintf(place, sizeof place, "%s:%u: ", error->file, error->line);
    else if (error->file[0])
        snprintf(place, sizeof place, "%s: ", error->file);
    const char *message = error->message[0] ? error->message : percept_status_text(error->status);
    snprintf(buffer, size, "%s%s", place, message);
    return buffer;
}
