/* Why: a grant is a promise about somebody's camera, so it is never longer than it was given for,
 * and a file that can't be believed gives nothing. */
#include "daemon/grants.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME  "grants.json"
#define FILE_BYTES ((size_t)2 << 20) /* paths of 4096 bytes, escaped */

struct grant {
    char *what, *executable;
    int64_t uid;
    int64_t end_ns;  /* CLOCK_BOOTTIME; GRANTS_FOREVER */
    int64_t given_s; /* CLOCK_REALTIME, for people */
    int64_t by;      /* uid */
};

struct grants {
    const struct state_folder *folder;
    char boot[40]; /* id of this boot */
    size_t count;
    struct grant items[GRANTS_MAX];
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * BASE_NS_PER_S + t.tv_nsec;
}

static void read_boot(char boot[40])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, boot, 36) : -1;
    boot[length > 0 ? length : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static void free_grant(struct grant *grant)
{
    free(grant->what);
    free(grant->executable);
    *grant = (struct grant){0};
}

static void remove_at(struct grants *grants, size_t i)
{
    free_grant(&grants->items[i]);
    grants->items[i] = grants->items[--grants->count];
    grants->items[grants->count] = (struct grant){0};
}

/* ---- the file ---- */

static json_t *to_json(const struct grant *grant)
{
    return json_pack("{s:s, s:I, s:s, s:I, s:I, s:I}", "what", grant->what, "uid",
                     (json_int_t)grant->uid, "executable", grant->executable, "end_ns",
                     (json_int_t)grant->end_ns, "given_s", (json_int_t)grant->given_s, "by",
                     (json_int_t)grant->by);
}

static enum percept_status save(const struct grants *grants, struct percept_error *error)
{
    if (!grants->folder)
        return PERCEPT_OK;
    json_t *list = json_array();
    for (size_t i = 0; i < grants->count; i++)
        json_array_append_new(list, to_json(&grants->items[i]));
    json_t *root = json_pack("{s:i, s:s, s:o}", "version", 1, "boot", grants->boot, "grants", list);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    enum percept_status status = text ? state_write(grants->folder, FILE_NAME, text, error)
                                      : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    free(text);
    json_decref(root);
    return status;
}

static bool plain_text(const char *text, size_t most)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    json_t *string = json_string(text); /* NULL for what is no UTF-8 and so can't be kept */
    bool valid = string != NULL;
    json_decref(string);
    return valid && length <= most;
}

static bool sound(const struct grant *grant)
{
    return plain_text(grant->what, 63) && grant->what[0] && plain_text(grant->executable, 4096) &&
           (grant->executable[0] == '\0' || grant->executable[0] == '/') && grant->uid >= -1 &&
           grant->uid < UINT32_MAX && (grant->uid >= 0 || grant->executable[0]) &&
           grant->end_ns >= 0 && grant->by >= 0;
}

static bool take_item(struct grants *grants, json_t *item, bool same_boot)
{
    const char *what, *executable;
    json_int_t uid, end_ns, given_s, by;
    if (json_unpack(item, "{s:s, s:I, s:s, s:I, s:I, s:I !}", "what", &what, "uid", &uid,
                    "executable", &executable, "end_ns", &end_ns, "given_s", &given_s, "by",
                    &by) != 0 ||
        grants->count == GRANTS_MAX)
        return false;
    struct grant grant = {.what = (char *)what,
                          .executable = (char *)executable,
                          .uid = uid,
                          .end_ns = end_ns,
                          .given_s = given_s,
                          .by = by};
    if (!sound(&grant))
        return false;
    if (grant.end_ns != GRANTS_FOREVER &&
        (!same_boot || grant.end_ns <= now_ns() ||
         grant.end_ns - now_ns() > (int64_t)GRANTS_SECONDS_MAX * BASE_NS_PER_S))
        return true; /* over */
    grant.what = strdup(what);
    grant.executable = strdup(executable);
    grants->items[grants->count++] = grant;
    return grant.what && grant.executable;
}

static bool take_all(struct grants *grants, const char *text)
{
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *list = NULL, *item;
    const char *boot = "";
    int version = 0;
    size_t i;
    bool good = json_unpack(root, "{s:i, s:s, s:o !}", "version", &version, "boot", &boot, "grants",
                            &list) == 0 &&
                version == 1 && json_is_array(list);
    bool same_boot = grants->boot[0] && strcmp(boot, grants->boot) == 0;
    if (good)
        json_array_foreach(list, i, item) good = good && take_item(grants, item, same_boot);
    json_decref(root);
    return good;
}

struct grants *grants_open(const struct state_folder *folder, struct percept_error *error)
{
    struct grants *grants = calloc(1, sizeof *grants);
    char *text;
    *error = (struct percept_error){0};
    if (!grants)
        return NULL;
    grants->folder = folder;
    read_boot(grants->boot);
    if (!folder)
        return grants;
    enum percept_status status = state_read(folder, FILE_NAME, FILE_BYTES, &text, error);
    if (status == PERCEPT_NOT_FOUND)
        *error = (struct percept_error){0};
    if (status != PERCEPT_OK)
        return grants;
    if (!take_all(grants, text)) {
        while (grants->count)
            remove_at(grants, 0);
        percept_fail(error, PERCEPT_MALFORMED, "%s/" FILE_NAME " is damaged: nothing is granted",
                     folder->path);
    }
    free(text);
    return grants;
}

void grants_close(struct grants *grants)
{
    while (grants && grants->count)
        remove_at(grants, 0);
    free(grants);
}

/* ---- giving and taking ---- */

enum percept_status grants_add(struct grants *grants, const struct percept_grant *terms, uid_t by,
                               struct percept_error *error)
{
    size_t at = 0;
    while (at < grants->count && (strcmp(grants->items[at].what, terms->what) != 0 ||
                                  grants->items[at].uid != terms->uid ||
                                  strcmp(grants->items[at].executable, terms->executable) != 0))
        at++;
    if (at == GRANTS_MAX)
        return percept_fail(error, PERCEPT_LIMIT, "there are %d grants, the most there may be",
                            GRANTS_MAX);
    struct grant fresh = {.what = strdup(terms->what),
                          .executable = strdup(terms->executable),
                          .uid = terms->uid,
                          .given_s = time(NULL),
                          .by = by};
    if (terms->seconds)
        fresh.end_ns = now_ns() + (int64_t)terms->seconds * BASE_NS_PER_S;
    struct grant before = grants->items[at];
    size_t count = grants->count;
    grants->items[at] = fresh;
    grants->count += at == count;
    enum percept_status status = PERCEPT_OK;
    if (!fresh.what || !fresh.executable)
        status = percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    else if (!sound(&fresh))
        status = percept_fail(error, PERCEPT_INVALID,
                              "a grant is to a user or a full path, in UTF-8 without control "
                              "characters");
    else
        status = save(grants, error);
    if (status != PERCEPT_OK) {
        free_grant(&fresh);
        grants->items[at] = before;
        grants->count = count;
        return status;
    }
    free_grant(&before);
    return PERCEPT_OK;
}

static bool fits(const struct grant *grant, const struct percept_grant *terms)
{
    return (!terms->what[0] || strcmp(grant->what, terms->what) == 0) &&
           (terms->uid == -1 || grant->uid == terms->uid) &&
           (!terms->executable[0] || strcmp(grant->executable, terms->executable) == 0);
}

enum percept_status grants_remove(struct grants *grants, const struct percept_grant *terms,
                                  struct percept_error *error)
{
    size_t before = grants->count;
    for (size_t i = grants->count; i-- > 0;)
        if (fits(&grants->items[i], terms))
            remove_at(grants, i);
    if (grants->count == before)
        return percept_fail(error, PERCEPT_NOT_FOUND, "no such grant (percept grants lists them)");
    return save(grants, error);
}

bool grants_allow(const struct grants *grants, const struct ipc_peer *peer, const char *topic,
                  const struct ipc_topic_class *class)
{
    for (size_t i = 0; i < grants->count; i++) {
        const struct grant *grant = &grants->items[i];
        if (strcmp(grant->what, topic) != 0 && strcmp(grant->what, class->name) != 0)
            continue;
        if (grant->uid != -1 && grant->uid != peer->uid)
            continue;
        if (grant->end_ns != GRANTS_FOREVER && grant->end_ns <= now_ns())
            continue;
        if (!grant->executable[0] || ipc_peer_runs(peer, grant->executable))
            return true;
    }
    return false;
}

int64_t grants_next_end(const struct grants *grants)
{
    int64_t next = GRANTS_FOREVER;
    for (size_t i = 0; i < grants->count; i++) {
        int64_t end = grants->items[i].end_ns;
        if (end != GRANTS_FOREVER && (next == GRANTS_FOREVER || end < next))
            next = end;
    }
    return next;
}

void grants_expire(struct grants *grants,
                   void (*over)(void *context, const struct percept_grant *grant), void *context)
{
    size_t before = grants->count;
    for (size_t i = grants->count; i-- > 0;) {
        const struct grant *grant = &grants->items[i];
        if (grant->end_ns == GRANTS_FOREVER || grant->end_ns > now_ns())
            continue;
        const struct percept_grant terms = {
            .what = grant->what, .uid = grant->uid, .executable = grant->executable};
        over(context, &terms);
        remove_at(grants, i);
    }
    if (grants->count != before)
        (void)save(grants, NULL); /* one that stays in the file is over all the same */
}

json_t *grants_json(const struct grants *grants)
{
    json_t *list = json_array();
    for (size_t i = 0; i < grants->count; i++) {
        const struct grant *grant = &grants->items[i];
        const struct passwd *user = grant->uid >= 0 ? getpwuid((uid_t)grant->uid) : NULL;
        char given[40];
        struct tm t;
        time_t seconds = grant->given_s;
        strftime(given, sizeof given, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &t) ? &t : NULL);
        json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:I}", "what", grant->what, "user",
                                user ? user->pw_name : "", "executable", grant->executable, "given",
                                given, "by", (json_int_t)grant->by);
        json_object_set_new(row, "uid", grant->uid >= 0 ? json_integer(grant->uid) : json_null());
        json_object_set_new(row, "seconds_left",
                            grant->end_ns == GRANTS_FOREVER
                                ? json_null()
                                : json_integer((grant->end_ns - now_ns()) / BASE_NS_PER_S));
        json_array_append_new(list, row);
    }
    return list;
}
