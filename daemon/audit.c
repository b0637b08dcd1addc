/* Why: permissions say who may; this says who did. */
#include "daemon/audit.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES ((off_t)4 << 20)
#define PAGE       500 /* records of an answer */
#define LINE_START "{\"n\":"

struct audit {
    struct state_folder folder; /* path and fd alone */
    uint64_t last;              /* number of the newest record */
    bool failing;
};

/* ---- writing ---- */

static void file_name(char name[64], const struct ipc_peer *peer, const char *suffix)
{
    if (peer)
        snprintf(name, 64, "%u%s.jsonl", peer->uid, suffix);
    else
        snprintf(name, 64, "daemon%s.jsonl", suffix);
}

static json_t *safe_string(const char *text)
{
    json_t *string = json_string(text);
    return string ? string : json_string("?"); /* no UTF-8 */
}

static char *make_line(uint64_t number, const char *event, const struct ipc_peer *peer,
                       const char *topic, const char *text)
{
    char when[64], executable[4096];
    struct timespec now;
    struct tm t;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    size_t length = strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(when + length, sizeof when - length, ".%03ldZ", now.tv_nsec / 1000000);
    json_t *row =
        json_pack("{s:I, s:s, s:s}", "n", (json_int_t)number, "time", when, "event", event);
    if (peer) {
        json_object_set_new(row, "uid", json_integer(peer->uid));
        json_object_set_new(row, "pid", json_integer(peer->pid));
        ipc_peer_executable(peer, executable, sizeof executable);
        json_object_set_new(row, "executable", safe_string(executable));
    }
    if (topic[0])
        json_object_set_new(row, "topic", safe_string(topic));
    if (text[0])
        json_object_set_new(row, "text", safe_string(text));
    char *line = json_dumps(row, JSON_COMPACT);
    json_decref(row);
    return line;
}

static bool append(struct audit *audit, const struct ipc_peer *peer, const char *line)
{
    char name[64], old[64];
    struct stat status;
    file_name(name, peer, "");
    file_name(old, peer, ".old");
    if (fstatat(audit->folder.fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_size >= FILE_BYTES &&
        renameat(audit->folder.fd, name, audit->folder.fd, old) != 0)
        return false;
    int fd =
        openat(audit->folder.fd, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    /* What a crash or a full disk has cut short is a line of its own, which is skipped. */
    char last;
    bool is_cut = fstat(fd, &status) == 0 && status.st_size > 0 &&
                  pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n';
    bool written = dprintf(fd, "%s%s\n", is_cut ? "\n" : "", line) > 0;
    int cause = errno;
    close(fd);
    errno = cause;
    return written;
}

void audit_write(struct audit *audit, const char *event, const struct ipc_peer *peer,
                 const char *topic, const char *text)
{
    char *line = make_line(audit->last + 1, event, peer, topic, text);
    errno = ENOMEM;
    bool written = line && append(audit, peer, line);
    if (written)
        audit->last++;
    else if (!audit->failing)
        base_log(BASE_LOG_ERROR, "audit record in '%s': %s", audit->folder.path, strerror(errno));
    audit->failing = !written;
    free(line);
}

/* ---- reading ---- */

struct record {
    uint64_t number;
    char *line;
};

/* The records with the lowest numbers that have been found. */
struct page {
    uint64_t after;
    size_t count;
    struct record records[PAGE];
};

static void add(struct page *page, uint64_t number, const char *line, size_t length)
{
    if (page->count == PAGE && number >= page->records[PAGE - 1].number)
        return;
    char *copy = strndup(line, length);
    if (!copy)
        return;
    size_t at = page->count;
    while (at > 0 && page->records[at - 1].number > number)
        at--;
    if (page->count == PAGE)
        free(page->records[--page->count].line);
    memmove(&page->records[at + 1], &page->records[at],
            (page->count - at) * sizeof page->records[0]);
    page->records[at] = (struct record){number, copy};
    page->count++;
}

/* Lines that a crash has cut short, or a disk has damaged, are skipped. */
static void read_lines(const char *text, uint64_t *last, struct page *page)
{
    const size_t start = strlen(LINE_START);
    for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (strncmp(line, LINE_START, start) != 0)
            continue;
        char *rest;
        uint64_t number = strtoull(line + start, &rest, 10);
        if (*rest != ',' || end[-1] != '}')
            continue;
        if (number > *last)
            *last = number;
        if (page && number > page->after)
            add(page, number, line, (size_t)(end - line));
    }
}

static void read_files(struct audit *audit, uint64_t *last, struct page *page)
{
    int fd = openat(audit->folder.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    while (directory && (entry = readdir(directory)) != NULL) {
        char *text;
        const char *dot = strrchr(entry->d_name, '.');
        /* One line may go over the limit of the file. */
        if (!dot || strcmp(dot, ".jsonl") != 0 ||
            state_read(&audit->folder, entry->d_name, (size_t)FILE_BYTES + 65536, &text, NULL))
            continue;
        read_lines(text, last, page);
        free(text);
    }
    if (directory)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
}

char *audit_json(struct audit *audit, uint64_t after)
{
    struct page *page = calloc(1, sizeof *page);
    uint64_t last = after, ignored = 0;
    json_t *list = json_array();
    if (!page)
        return NULL;
    page->after = after;
    if (after < audit->last)
        read_files(audit, &ignored, page);
    for (size_t i = 0; i < page->count; i++) {
        json_t *record = json_loads(page->records[i].line, 0, NULL);
        if (record)
            json_array_append_new(list, record);
        last = page->records[i].number;
        free(page->records[i].line);
    }
    free(page);
    json_t *root = json_pack("{s:o, s:I}", "records", list, "last", (json_int_t)last);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return text;
}

/* ---- opening ---- */

enum percept_status audit_open(const struct state_folder *folder, struct audit **result,
                               struct percept_error *error)
{
    struct audit *audit = calloc(1, sizeof *audit);
    if (!audit)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    mkdirat(folder->fd, "audit", 0700); /* what is wrong, opening will say */
    audit->folder = (struct state_folder){.lock_fd = -1};
    audit->folder.fd = openat(folder->fd, "audit", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (audit->folder.fd < 0 || asprintf(&audit->folder.path, "%s/audit", folder->path) < 0) {
        int cause = errno;
        free(audit);
        return percept_fail_errno(error, cause, "%s/audit", folder->path);
    }
    read_files(audit, &audit->last, NULL);
    *result = audit;
    return PERCEPT_OK;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    state_close(&audit->folder);
    free(audit);
}
