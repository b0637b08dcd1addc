/*
 * Status codes and error detail, shared by every part of Percept.
 *
 * Convention: a function that can fail returns enum percept_status: 0 is success, anything negative
 * is an error. Where a person may have to act on the failure, the function also takes a struct
 * percept_error *, which may be NULL, and fills it on failure only. Out-parameters are never
 * touched on failure.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdarg.h>

/* One row a status: name, value, what a user reads. Values are part of the client ABI and of the
 * control protocol; never renumber. */
#define PERCEPT_STATUS_TABLE(X)             \
    X(OK, 0, "success")                     \
    X(INVALID, -1, "invalid argument")      \
    X(NO_MEMORY, -2, "out of memory")       \
    X(IO, -3, "input/output error")         \
    X(NOT_FOUND, -4, "not found")           \
    X(UNSUPPORTED, -5, "not supported")     \
    X(MALFORMED, -6, "malformed data")      \
    X(LIMIT, -7, "limit exceeded")          \
    X(BUSY, -8, "busy")                     \
    X(TIMED_OUT, -9, "timed out")           \
    X(PERMISSION, -10, "permission denied") \
    X(DISCONNECTED, -11, "disconnected")    \
    X(EXISTS, -12, "already exists")        \
    X(VERSION, -13, "incompatible version") \
    X(CANCELLED, -14, "cancelled")          \
    X(END, -15, "end of stream")            \
    X(INTERNAL, -16, "internal error")

enum percept_status {
#define PERCEPT_STATUS_ENUM(name, value, text) PERCEPT_##name = (value),
    PERCEPT_STATUS_TABLE(PERCEPT_STATUS_ENUM)
#undef PERCEPT_STATUS_ENUM
};

/* Detail of a failure. Plain data, no ownership; one error a struct, the last one wins. */
struct percept_error {
    enum percept_status status;
    unsigned line;     /* 1-based line of the input at fault, 0 when it has none */
    unsigned column;   /* 1-based column, 0 when unknown */
    char file[256];    /* the file, device or peer at fault; "" when there is none */
    char message[512]; /* what was wrong and what was expected; one line, no control characters */
};

/* Text of a status from the table; "unknown status" for a number that is not in it. Never NULL. */
const char *percept_status_text(enum percept_status status);

/* The symbolic name ("NOT_FOUND"); "UNKNOWN" for a number that is not in the table. */
const char *percept_status_name(enum percept_status status);

/* What percept_fail and those below do before they yield the status. */
void percept_error_fill(struct percept_error *error, enum percept_status status, const char *file,
                        unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
enum percept_status percept_error_fill_errno(struct percept_error *error, int errno_value,
                                             const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void percept_error_status(struct percept_error *error, enum percept_status status); /* no text */

/* A status as a value that may be ignored. */
static inline enum percept_status percept_failed(enum percept_status status)
{
    return status;
}

/*
 * Fill *error (if not NULL) and yield status, so that a failure is one statement:
 *     return percept_fail(error, PERCEPT_NOT_FOUND, "no topic '%s'", name);
 * Macros, so that the compiler and the analyzer see that what is returned is not PERCEPT_OK.
 */
#define percept_fail(error, status, ...) percept_fail_at(error, status, NULL, 0, 0, __VA_ARGS__)

#ifndef PERCEPT_WITHOUT_MESSAGES
/* As percept_fail, with the place in an input; file may be NULL, line and column 0. */
#define percept_fail_at(error, status, file, line, column, ...) \
    (percept_error_fill(error, status, file, line, column, __VA_ARGS__), percept_failed(status))

/* As percept_fail, with ": " and the text of errno_value appended. The status is derived from
 * errno_value. */
#define percept_fail_errno(error, errno_value, ...) \
    percept_failed(percept_error_fill_errno(error, errno_value, __VA_ARGS__))

/* As percept_fail, by a function that fills what of a `context` is its error. */
#define percept_fail_by(fill, context, status, ...) \
    (fill(context, status, __VA_ARGS__), percept_failed(status))
#else
/* A build in which texts and what they tell take too much room: docs/selection.md. */
#define percept_fail_at(error, status, ...) \
    (percept_error_status(error, status), percept_failed(status))
#define percept_fail_errno(error, errno_value, ...) \
    percept_fail_status(error, percept_status_from_errno(errno_value))
static inline enum percept_status percept_fail_status(struct percept_error *error,
                                                      enum percept_status status)
{
    return percept_fail_at(error, status);
}
#define percept_fail_by(fill, context, status, ...) percept_fail_at((context)->error, status)
#endif

/* Map an errno to the closest status. */
enum percept_status percept_status_from_errno(int errno_value);

/*
 * Write "file:line:column: message" (the parts that are known) into buffer, always terminated.
 * Returns buffer.
 */
char *percept_error_format(const struct percept_error *error, char *buffer, unsigned long size);

#endif
