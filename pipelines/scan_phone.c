/*
 * Why: numbers are everywhere, and most are no telephone's. One is when it says so (a word before
 * it, a plus), or when its groups of digits are those in which a country writes them.
 */
#include "pipelines/letters.h"
#include "pipelines/scan.h"

#include <string.h>

enum { MOST_GROUPS = 7, LEAST_DIGITS = 7, MOST_DIGITS = 15 };

/* Words that announce one, small. */
static const char *const words[] = {
    "tel",      "tél",     "telefon", "telefone", "teléfono", "téléphone", "telephone", "phone",
    "fone",     "call",    "fax",     "mobile",   "mobil",    "cel",       "celular",   "móvil",
    "whatsapp", "whats",   "sms",     "ruf",      "hotline",  "sac",       "handy",     "portable",
    "ligue",    "llame",   "appelez", "電話",     "电话",     "手机",      "热线",      "携帯",
    "ph",       "contact", "contato", "☎",        "📞",        "✆",
};

/* How groups of digits are written without a word before them: a digit or # for each group's
 * length, and which digits may be the first. */
static const struct {
    const char *groups, *first;
} forms[] = {
    {"334", "23456789"},  /* North America: 555-123-4567; 400-123-4567 in China */
    {"1334", "1"},        /* 1 800 555 1234 */
    {"254", "123456789"}, /* Brazil: 11 98765-4321 */
    {"244", "123456789"}, /* 11 3456-7890 */
    {"54", "9"},          /* 98765-4321 */
    {"434", "0"},         /* 0800 123 4567 */
    {"22222", "0"},       /* France: 01 23 45 67 89 */
    {"2322", "89"},       /* Spain: 91 123 45 67 */
    {"3222", "6789"},     /* 612 34 56 78 */
    {"344", "01"},        /* Japan 090-1234-5678, China 138 1234 5678, Britain 020 7946 0958 */
    {"244", "0"},         /* Japan 03-1234-5678 */
    {"424", "0"},         /* 0120-12-3456 */
    {"433", "0"},         /* Japan 0120-123-456 */
    {"38", "0"},          /* China 010-12345678 */
    {"48", "0"},          /* 0755-12345678 */
    {"47", "0"},          /* 0571-1234567 */
    {"37", "0"},          /* Germany: 030 1234567 */
    {"36", "0"},          {"46", "0"},   {"56", "0"},   {"45", "0"},
    {"55", "0"},          {"4222", "0"}, {"3222", "0"}, {"32222", "0"},
};

struct number {
    char digits[MOST_DIGITS + 2]; /* may begin with a plus */
    char groups[MOST_GROUPS + 1];
    size_t digit_count, group_count, end;
    bool plus, brackets, broken; /* broken: other characters, or too much */
    bool lines;                  /* a dash somewhere */
};

static size_t separators(const struct pipe_scan *s, size_t at)
{
    size_t count = 0;
    while (count < 3 && s->c[at + count] && s->c[at + count] < 0x80 &&
           strchr(" -./()", (int)s->c[at + count]))
        count++;
    return count;
}

static void add_group(struct number *n, const struct pipe_scan *s, size_t at, size_t count)
{
    if (n->group_count == MOST_GROUPS || n->digit_count + count > MOST_DIGITS || count > 12) {
        n->broken = true;
        return;
    }
    n->groups[n->group_count++] = (char)(count < 10 ? '0' + count : '#');
    for (size_t i = 0; i < count; i++)
        n->digits[n->digit_count++] = (char)s->c[at + i];
}

static void read_number(const struct pipe_scan *s, size_t at, struct number *n)
{
    if (s->c[at] == '+') {
        n->plus = true;
        at += 1 + pipe_scan_spaces(s, at + 1);
    }
    for (;;) {
        n->brackets |= s->c[at] == '(';
        at += s->c[at] == '(' ? 1 + pipe_scan_spaces(s, at + 1) : 0;
        size_t count = 0;
        while (pipe_scan_is_digit(s->c[at + count]))
            count++;
        if (count == 0)
            break;
        /* +49 (0)30: the zero is for calls within the country. */
        bool inner = n->plus && n->group_count > 0 && count == 1 && s->c[at] == '0' &&
                     s->c[at - 1] == '(' && s->c[at + 1] == ')';
        if (!inner)
            add_group(n, s, at, count);
        if (n->broken)
            return;
        n->end = at + count;
        size_t between = separators(s, n->end);
        at = n->end + between;
        if (between == 0 || (!pipe_scan_is_digit(s->c[at]) && s->c[at] != '('))
            break;
        n->lines |= s->c[n->end] == '-';
        if (s->c[at - 1] == '(')
            at--, n->brackets = true;
    }
    n->end += n->group_count == 1 && s->c[n->end] == ')';
    n->broken |= pipe_scan_is_letter(s->c[n->end]) || s->c[n->end] == '%';
}

/* Does a word that announces a number end just before? */
static bool is_announced(const struct pipe_scan *s, size_t at)
{
    size_t end = at;
    while (end > 0 && at - end < 4 && s->c[end - 1] < 0x80 && strchr(" .:;/-(", (int)s->c[end - 1]))
        end--;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (size_t begin = end; begin > 0 && end - begin < 12;) {
            begin--;
            if (pipe_scan_word(s, begin, words[i]) == end - begin &&
                (!pipe_scan_is_letter(s->c[begin]) || pipe_scan_begins(s, begin)))
                return true;
        }
    return false;
}

static bool is_form(const struct number *n)
{
    if (n->group_count == 2 && strcmp(n->groups, "54") == 0 && !n->lines)
        return false;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i].groups, n->groups) == 0 && strchr(forms[i].first, n->digits[0]))
            return true;
    return false;
}

static bool is_phone(const struct pipe_scan *s, size_t at, const struct number *n)
{
    if (n->broken || n->digit_count > MOST_DIGITS)
        return false;
    if (n->plus)
        return n->digit_count >= 8 && n->digits[0] != '0';
    if (is_announced(s, at))
        return n->digit_count >= 5;
    if (n->digit_count < LEAST_DIGITS)
        return false;
    if (strncmp(n->digits, "00", 2) == 0)
        return n->digits[2] != '0' && n->digit_count >= 11 && n->group_count >= 2;
    if (n->brackets && n->group_count >= 2)
        return s->c[at] == '(' && n->groups[0] <= '5' && n->groups[0] >= '2' && n->digit_count >= 8;
    return n->group_count >= 2 && is_form(n);
}

bool pipe_scan_phone(const struct pipe_scan *s, size_t at, struct pipe_found *found)
{
    struct number n = {0};
    uint32_t before = at > 0 ? s->c[at - 1] : 0;
    if (s->c[at] != '+' && s->c[at] != '(' && !pipe_scan_is_digit(s->c[at]))
        return false;
    bool inside = (before && before < 0x80 && strchr("+$.,/-#(", (int)before)) ||
                  (before == ' ' && at > 1 && pipe_scan_is_digit(s->c[at - 2]) && s->c[at] != '+');
    if (!pipe_scan_begins(s, at) || (inside && !is_announced(s, at)))
        return false;
    read_number(s, at, &n);
    if (!is_phone(s, at, &n))
        return false;
    bool international = !n.plus && n.digit_count > 9 && strncmp(n.digits, "00", 2) == 0;
    strcpy(found->value, n.plus || international ? "+" : "");
    strcat(found->value, n.digits + (international ? 2 : 0));
    found->end = n.end;
    return true;
}
