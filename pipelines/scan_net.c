/* Why: addresses of mail and of the web are what people copy from signs by hand. Readers of text
 * like to put spaces around dots, so those are taken where nothing but an address makes sense. */
#include "pipelines/letters.h"
#include "pipelines/scan.h"

#include <string.h>

/* Domains that a name without "www" must end in. A word that also is one of a language ends a
 * sentence as often, where the space after the full stop is missing: `word`. */
static const struct {
    const char *name;
    bool word;
} domains[] = {
    {"com", 0}, {"org", 0}, {"net", 0},    {"edu", 0},    {"gov", 0},   {"info", 0},   {"biz", 0},
    {"io", 0},  {"app", 0}, {"dev", 0},    {"eu", 0},     {"br", 0},    {"pt", 0},     {"de", 1},
    {"fr", 0},  {"es", 1},  {"it", 1},     {"uk", 0},     {"us", 1},    {"ca", 1},     {"cn", 0},
    {"jp", 0},  {"ch", 0},  {"at", 1},     {"be", 1},     {"nl", 0},    {"pl", 0},     {"ru", 0},
    {"in", 1},  {"au", 0},  {"nz", 0},     {"ie", 0},     {"dk", 0},    {"se", 1},     {"no", 1},
    {"fi", 0},  {"cz", 0},  {"gr", 0},     {"tr", 0},     {"kr", 0},    {"mx", 0},     {"ar", 1},
    {"cl", 0},  {"co", 0},  {"pe", 0},     {"tw", 0},     {"hk", 0},    {"sg", 0},     {"tv", 0},
    {"me", 1},  {"ai", 0},  {"xyz", 0},    {"shop", 0},   {"store", 0}, {"online", 0}, {"site", 0},
    {"mil", 0}, {"int", 0}, {"museum", 0}, {"travel", 0}, {"cat", 1},   {"ly", 0},
};

static bool is_label(uint32_t c)
{
    return pipe_scan_is_word(c) || c == '-';
}

static bool is_local(uint32_t c)
{
    return (c < 0x80 && pipe_scan_is_word(c)) || (c && c < 0x80 && strchr("._%+-", (int)c));
}

static const int NO_DOMAIN = -1;

static int domain_of(const struct pipe_scan *s, size_t at, size_t end)
{
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++)
        if (strlen(domains[i].name) == end - at && pipe_scan_word(s, at, domains[i].name))
            return (int)i;
    return NO_DOMAIN;
}

/* A dot between labels, with at most one space on each side if those are allowed; 0: none. */
static size_t dot(const struct pipe_scan *s, size_t at, bool spaces)
{
    size_t before = spaces && s->c[at] == ' ' ? 1 : 0;
    if (s->c[at + before] != '.')
        return 0;
    size_t after = spaces && s->c[at + before + 1] == ' ' ? 1 : 0;
    return before + 1 + after;
}

struct host {
    size_t end;    /* behind the last label that is a domain */
    size_t labels; /* up to there */
    int domain;
    bool letters; /* in its labels but for the last */
};

/* label (. label)*, as far as it ends in a known domain; appended to the value without spaces. */
static bool read_host(const struct pipe_scan *s, size_t at, bool spaces, struct pipe_found *found,
                      struct host *host)
{
    struct pipe_found longest = *found, so_far = *found;
    bool letters = false, any = false;
    *host = (struct host){.domain = NO_DOMAIN};
    for (size_t labels = 0, step = 0;; at += step) {
        size_t end = at;
        while (is_label(s->c[end]))
            end++;
        if (end == at || s->c[at] == '-' || s->c[end - 1] == '-')
            break;
        labels++;
        pipe_scan_append(&so_far, s, at, end);
        int domain = labels > 1 ? domain_of(s, at, end) : NO_DOMAIN;
        if (domain != NO_DOMAIN) {
            *host = (struct host){end, labels, domain, letters};
            longest = so_far;
            any = true;
        }
        for (size_t i = at; i < end; i++)
            letters |= pipe_scan_is_letter(s->c[i]);
        /* Behind a domain a space ends it: what follows is the next sentence. */
        step = dot(s, end, spaces && !any);
        if (!step)
            break;
        pipe_scan_append(&so_far, s, end + (s->c[end] == ' '), end + (s->c[end] == ' ') + 1);
        at = end;
    }
    *found = longest;
    return any && letters;
}

bool pipe_scan_email(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    size_t end = at;
    struct host host;
    if (!is_local(s->c[at]) || s->c[at] == '.' || (at > 0 && is_local(s->c[at - 1])))
        return false;
    while (is_local(s->c[end]))
        end++;
    size_t space = s->c[end] == ' ' ? 1 : 0;
    if (s->c[end + space] != '@' || s->c[end - 1] == '.')
        return false;
    pipe_scan_append(found, s, at, end);
    pipe_scan_append(found, s, end + space, end + space + 1);
    size_t from = end + space + 1 + (s->c[end + space + 1] == ' ');
    if (!read_host(s, from, true, found, &host))
        return false;
    for (char *c = found->value; *c; c++) /* mail is delivered whatever the case */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    found->end = host.end;
    return true;
}

static bool is_path(uint32_t c)
{
    return (c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", (int)c)) || pipe_scan_is_letter(c);
}

/* From behind the host: port, path, query. What ends a sentence does not belong to it. */
static size_t read_path(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    size_t end = at;
    if (s->c[at] != '/' && s->c[at] != '?' &&
        !(s->c[at] == ':' && pipe_scan_is_digit(s->c[at + 1])))
        return at;
    while (is_path(s->c[end]))
        end++;
    while (end > at && s->c[end - 1] < 0x80 && strchr(".,;:!?')\"", (int)s->c[end - 1]))
        end--;
    pipe_scan_append(found, s, at, end);
    return end;
}

static bool is_alone(const struct pipe_scan *s, size_t at, size_t end)
{
    for (size_t i = 0; i < at; i++)
        if (s->c[i] != ' ')
            return false;
    while (s->c[end] == ' ' || s->c[end] == '.')
        end++;
    return end == s->count;
}

static void lower_host(char *value)
{
    char *c = strstr(value, "://");
    for (c = c ? c + 3 : value; *c && !strchr("/?:", *c); c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
}

bool pipe_scan_url(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    static const char *const schemes[] = {"https://", "http://", "https: //", "http: //"};
    size_t from = at, taken = 0;
    struct host host;
    if (!pipe_scan_begins(s, at) || !pipe_scan_is_word(s->c[at]) || (at > 0 && s->c[at - 1] == '@'))
        return false;
    bool http = false;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && !taken; i++) {
        taken = pipe_scan_word(s, at, schemes[i]);
        http = taken && schemes[i][4] == ':';
    }
    from += taken;
    bool www = pipe_scan_word(s, from, "www") && dot(s, from + 3, true);
    strcpy(found->value, http ? "http://" : "https://");
    if (!read_host(s, from, taken || www, found, &host))
        return false;
    if (www && host.labels < 3)
        return false;
    size_t end = read_path(s, host.end, found);
    if (!taken && !www && domains[host.domain].word && end == host.end && !is_alone(s, at, end))
        return false;
    if (end == host.end && (is_label(s->c[end]) || s->c[end] == '@'))
        return false;
    lower_host(found->value);
    found->end = end;
    return true;
}
