#include "cli/speak.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WAV_HEADER = 44 };

/* ---- the program ---- */

static enum percept_status told(const char *program, const char *language, int code, int complaint,
                                struct percept_error *error)
{
    char line[256] = "";
    ssize_t size = pread(complaint, line, sizeof line - 1, 0);
    line[size > 0 ? size : 0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strstr(line, "voice"))
        return percept_fail(error, PERCEPT_NOT_FOUND, "%s has no voice for the language '%.16s'",
                            program, language);
    return percept_fail(error, PERCEPT_IO, "%s ended with %d%s%s", program, code,
                        line[0] ? ": " : "", line);
}

/* input and complaint are memfds. */
static enum percept_status run(const char *program, char *const *argv, int input, int complaint,
                               const char *language, struct percept_error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, complaint, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE); /* which this command ignores */
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawnp(&pid, program, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
        return percept_fail(error, PERCEPT_NOT_FOUND,
                            "%s is not there; install it to have text read aloud", program);
    if (failed)
        return percept_fail_errno(error, failed, "%s", program);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return percept_fail_errno(error, errno, "%s", program);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return told(program, language, WIFEXITED(status) ? WEXITSTATUS(status) : -1, complaint,
                    error);
    return PERCEPT_OK;
}

/* It ends well, too, when it could not write. */
static enum percept_status check_written(const char *path, struct percept_error *error)
{
    struct stat state;
    if (stat(path, &state) != 0)
        return percept_fail_errno(error, errno, "%s", path);
    return state.st_size > WAV_HEADER
               ? PERCEPT_OK
               : percept_fail_at(error, PERCEPT_IO, path, 0, 0, "nothing was written");
}

static bool is_language(const char *text)
{
    size_t size = strlen(text);
    return size >= 2 && size <= 16 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
               size &&
           text[0] != '-';
}

enum percept_status cli_speak(const char *text, const char *language, const char *path,
                              struct percept_error *error)
{
    const char *named = getenv("PERCEPT_ESPEAK"), *program = named ? named : "espeak-ng";
    if (!is_language(language))
        return percept_fail(error, PERCEPT_INVALID,
                            "'%.20s' is no language: expected an ISO 639 "
                            "code such as en",
                            language);
    char *argv[] = {(char *)(uintptr_t)program,
                    "-v",
                    (char *)(uintptr_t)language,
                    "--stdin",
                    path ? "-w" : NULL,
                    (char *)(uintptr_t)path,
                    NULL};
    if (path) {
        int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (out < 0)
            return percept_fail_errno(error, errno, "%s", path);
        close(out);
    }
    int input = memfd_create("text", MFD_CLOEXEC), complaint = memfd_create("errors", MFD_CLOEXEC);
    enum percept_status status = PERCEPT_OK;
    if (input < 0 || complaint < 0 || !base_write_all(input, text, strlen(text)) ||
        lseek(input, 0, SEEK_SET) != 0)
        status = percept_fail_errno(error, errno, "a text for %s", program);
    if (status == PERCEPT_OK)
        status = run(program, argv, input, complaint, language, error);
    if (status == PERCEPT_OK && path)
        status = check_written(path, error);
    if (status != PERCEPT_OK && path && access(path, F_OK) == 0)
        unlink(path); /* nothing is better than an empty file */
    if (input >= 0)
        close(input);
    if (complaint >= 0)
        close(complaint);
    return status;
}

/* ---- what to read ---- */

static bool ends(const char *text, size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

static bool add(const struct percept_text_line *line, const struct cli_reading_choice *choice,
                struct cli_reading *reading)
{
    if (!ends(line->text, sizeof line->text) || !ends(line->language, sizeof line->language) ||
        !ends(line->translation, sizeof line->translation) ||
        !ends(line->translation_language, sizeof line->translation_language))
        return false;
    *reading = choice->translation
                   ? (struct cli_reading){line->translation, line->translation_language}
                   : (struct cli_reading){line->text, line->language};
    return reading->text[0] != '\0';
}

enum percept_status cli_speak_choose(const char *schema, const void *sample, size_t size,
                                     const struct cli_reading_choice *choice,
                                     struct cli_reading readings[PERCEPT_TEXT_LINES_MAX],
                                     size_t *count, struct percept_error *error)
{
    bool selected = strcmp(schema, PERCEPT_TEXT_SELECTED_SCHEMA) == 0;
    const struct percept_text *text = sample;
    const struct percept_text_selected *one = sample;
    if (!selected && strcmp(schema, PERCEPT_TEXT_SCHEMA) != 0)
        return percept_fail(error, PERCEPT_UNSUPPORTED,
                            "only text can be read aloud, and a selected text; this is '%.60s'",
                            schema);
    if (size < (selected ? sizeof *one : sizeof *text))
        return percept_fail(error, PERCEPT_MALFORMED, "a sample of %zu bytes", size);
    const struct percept_text_line *lines = selected ? &one->line : text->lines;
    uint32_t line_count = selected ? one->selected != 0 : text->line_count;
    size_t found = 0, made = 0;
    if (line_count > PERCEPT_TEXT_LINES_MAX)
        line_count = PERCEPT_TEXT_LINES_MAX;
    for (uint32_t i = 0; i < line_count; i++) {
        if (choice->line && lines[i].id != choice->line)
            continue;
        found++;
        made += add(&lines[i], choice, &readings[made]);
    }
    if (made) {
        *count = made;
        return PERCEPT_OK;
    }
    return percept_fail(
        error, PERCEPT_NOT_FOUND, "%s",
        found          ? (choice->translation ? "it is not translated" : "there is nothing written")
        : choice->line ? "there is no line of that number"
        : selected     ? "nothing is selected"
                       : "there is no text");
}
