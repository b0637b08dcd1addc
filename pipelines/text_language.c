/* Why: a line cannot be translated before it is known from what. */
#include "pipelines/text_language.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- letters ---- */

enum script {
    NONE,
    LATIN,
    HAN,
    KANA,
    HANGUL,
    CYRILLIC,
    GREEK,
    ARABIC,
    HEBREW,
    THAI,
    DEVANAGARI,
    SCRIPTS
};

static const struct {
    uint32_t first, last;
    enum script script;
} ranges[] = {
    {'A', 'Z', LATIN},        {'a', 'z', LATIN},          {0xc0, 0x24f, LATIN},
    {0x370, 0x3ff, GREEK},    {0x400, 0x52f, CYRILLIC},   {0x590, 0x5ff, HEBREW},
    {0x600, 0x6ff, ARABIC},   {0x900, 0x97f, DEVANAGARI}, {0xe00, 0xe7f, THAI},
    {0x1100, 0x11ff, HANGUL}, {0x1e00, 0x1eff, LATIN},    {0x3041, 0x30ff, KANA},
    {0x3130, 0x318f, HANGUL}, {0x3400, 0x9fff, HAN},      {0xac00, 0xd7af, HANGUL},
    {0xf900, 0xfaff, HAN},    {0xff66, 0xff9f, KANA},     {0x20000, 0x3134f, HAN},
};

static enum script script_of(uint32_t character)
{
    if (character == 0xd7 || character == 0xf7) /* times and divide, amid the letters */
        return NONE;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return ranges[i].script;
    return NONE;
}

/* The next character, small if it is a Latin or Cyrillic capital; 0 at the end. What is no UTF-8
 * comes byte by byte, as U+FFFD. */
static uint32_t next(const char **text)
{
    uint32_t value;
    size_t size = strnlen(*text, BASE_UTF8_MOST);
    if (size == 0)
        return 0;
    *text += base_utf8_next(*text, size, &value);
    if ((value >= 'A' && value <= 'Z') || (value >= 0xc0 && value <= 0xde && value != 0xd7) ||
        (value >= 0x410 && value <= 0x42f))
        return value + 32;
    if (value >= 0x400 && value <= 0x40f)
        return value + 80;
    return value;
}

/* ---- Latin script ---- */

enum { EN, PT, ES, FR, DE, IT, LANGUAGES };
static const char *const codes[LANGUAGES] = {"en", "pt", "es", "fr", "de", "it"};
#define L(language) (1u << (language))

/* Words in lower case, and the languages for which they speak. */
static const struct {
    const char *word;
    unsigned languages;
} words[] = {
    {"the", L(EN)},
    {"of", L(EN)},
    {"and", L(EN)},
    {"to", L(EN)},
    {"is", L(EN)},
    {"are", L(EN)},
    {"for", L(EN)},
    {"you", L(EN)},
    {"your", L(EN)},
    {"with", L(EN)},
    {"not", L(EN)},
    {"this", L(EN)},
    {"please", L(EN)},
    {"open", L(EN)},
    {"closed", L(EN)},
    {"exit", L(EN)},
    {"entrance", L(EN)},
    {"street", L(EN)},
    {"road", L(EN)},
    {"stop", L(EN)},
    {"push", L(EN)},
    {"pull", L(EN)},
    {"keep", L(EN)},
    {"left", L(EN)},
    {"right", L(EN)},
    {"way", L(EN)},
    {"only", L(EN)},
    {"parking", L(EN)},
    {"welcome", L(EN)},
    {"from", L(EN)},
    {"at", L(EN)},
    {"by", L(EN)},
    {"house", L(EN)},
    {"water", L(EN)},
    {"free", L(EN)},
    {"sale", L(EN)},
    {"warning", L(EN)},
    {"danger", L(EN)},
    {"in", L(EN) | L(DE) | L(IT)},
    {"no", L(EN) | L(ES) | L(PT)},
    {"a", L(EN) | L(PT) | L(ES) | L(IT)},
    {"do", L(EN) | L(PT)},
    {"on", L(EN) | L(FR)},
    {"me", L(EN) | L(PT) | L(ES)},

    {"da", L(PT) | L(IT)},
    {"os", L(PT)},
    {"as", L(PT) | L(EN)},
    {"uma", L(PT)},
    {"um", L(PT) | L(DE)},
    {"não", L(PT)},
    {"nao", L(PT)},
    {"com", L(PT)},
    {"em", L(PT)},
    {"na", L(PT)},
    {"ao", L(PT)},
    {"dos", L(PT)},
    {"das", L(PT) | L(DE)},
    {"rua", L(PT)},
    {"saída", L(PT)},
    {"saida", L(PT)},
    {"aberto", L(PT)},
    {"fechado", L(PT)},
    {"proibido", L(PT)},
    {"obrigado", L(PT)},
    {"você", L(PT)},
    {"são", L(PT)},
    {"e", L(PT) | L(IT)},
    {"o", L(PT) | L(ES) | L(IT)},
    {"para", L(PT) | L(ES)},
    {"por", L(PT) | L(ES)},
    {"que", L(PT) | L(ES) | L(FR)},
    {"entrada", L(PT) | L(ES)},
    {"de", L(PT) | L(ES) | L(FR)},

    {"el", L(ES)},
    {"los", L(ES)},
    {"las", L(ES)},
    {"una", L(ES) | L(IT)},
    {"un", L(ES) | L(FR) | L(IT)},
    {"y", L(ES) | L(FR)},
    {"del", L(ES) | L(IT)},
    {"con", L(ES) | L(IT)},
    {"calle", L(ES)},
    {"salida", L(ES)},
    {"abierto", L(ES)},
    {"cerrado", L(ES)},
    {"prohibido", L(ES)},
    {"gracias", L(ES)},
    {"la", L(ES) | L(FR) | L(IT)},
    {"en", L(ES) | L(FR)},
    {"al", L(ES) | L(IT)},
    {"se", L(ES) | L(PT) | L(FR)},

    {"le", L(FR) | L(IT)},
    {"les", L(FR)},
    {"des", L(FR) | L(DE)},
    {"et", L(FR)},
    {"du", L(FR) | L(DE)},
    {"une", L(FR)},
    {"est", L(FR)},
    {"rue", L(FR)},
    {"sortie", L(FR)},
    {"ouvert", L(FR)},
    {"fermé", L(FR)},
    {"entrée", L(FR)},
    {"pour", L(FR)},
    {"avec", L(FR)},
    {"vous", L(FR)},
    {"interdit", L(FR)},
    {"merci", L(FR)},
    {"pas", L(FR)},

    {"der", L(DE)},
    {"die", L(DE)},
    {"und", L(DE)},
    {"ist", L(DE)},
    {"nicht", L(DE)},
    {"mit", L(DE)},
    {"für", L(DE)},
    {"von", L(DE)},
    {"zu", L(DE)},
    {"den", L(DE)},
    {"ein", L(DE)},
    {"eine", L(DE)},
    {"auf", L(DE)},
    {"straße", L(DE)},
    {"strasse", L(DE)},
    {"ausgang", L(DE)},
    {"eingang", L(DE)},
    {"geschlossen", L(DE)},
    {"bitte", L(DE)},
    {"verboten", L(DE)},
    {"offen", L(DE)},

    {"il", L(IT) | L(FR)},
    {"lo", L(IT) | L(ES)},
    {"gli", L(IT)},
    {"di", L(IT)},
    {"che", L(IT)},
    {"non", L(IT) | L(FR)},
    {"per", L(IT)},
    {"della", L(IT)},
    {"uscita", L(IT)},
    {"aperto", L(IT)},
    {"chiuso", L(IT)},
    {"ingresso", L(IT)},
    {"vietato", L(IT)},
    {"grazie", L(IT)},
    {"via", L(IT)},
};

static const struct {
    uint32_t letter;
    unsigned languages;
} letters[] = {
    {0xe3, L(PT)},         {0xf5, L(PT)},                        /* a, o with a tilde */
    {0xf1, L(ES)},         {0xbf, L(ES)},         {0xa1, L(ES)}, /* n with a tilde, ¿, ¡ */
    {0xdf, L(DE)},         {0xe4, L(DE)},         {0xf6, L(DE)}, /* sharp s, a, o umlaut */
    {0xfc, L(DE)},         {0xe7, L(PT) | L(FR)}, {0xea, L(PT) | L(FR)}, /* c cedilla, e^ */
    {0xe8, L(FR) | L(IT)}, {0xf9, L(IT) | L(FR)}, {0xf2, L(IT)},         /* e, u, o grave */
    {0xec, L(IT)},         {0xf4, L(PT) | L(FR)}, {0xee, L(FR)},         /* i grave, o^, i^ */
    {0x153, L(FR)},        {0xeb, L(FR)},         {0xe2, L(PT) | L(FR)},
    {0xed, L(PT) | L(ES)}, {0xf3, L(PT) | L(ES)}, {0xfa, L(PT) | L(ES)}, /* i, o, u acute */
};

static void count_for(unsigned languages, unsigned weight, unsigned votes[LANGUAGES])
{
    for (unsigned i = 0; i < LANGUAGES; i++)
        votes[i] += languages & L(i) ? weight : 0;
}

static void count_word(const char *word, size_t length, unsigned votes[LANGUAGES])
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i].word) == length && memcmp(words[i].word, word, length) == 0)
            /* Of long words few are mistaken. */
            count_for(words[i].languages, length < 3 ? 1 : 2, votes);
}

static void count_letter(uint32_t letter, unsigned votes[LANGUAGES])
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == letter)
            count_for(letters[i].languages, 1, votes);
}

static const char *latin(const char *text)
{
    unsigned votes[LANGUAGES] = {0};
    char word[32];
    size_t length = 0;
    bool fits = true;
    for (bool more = true; more;) {
        uint32_t c = next(&text);
        more = c != 0;
        count_letter(c, votes);
        if (script_of(c) == LATIN) {
            size_t size = fits ? base_utf8_put(c, word + length, sizeof word - length) : 0;
            fits = size > 0;
            length += size;
            continue;
        }
        if (length && fits)
            count_word(word, length, votes);
        length = 0;
        fits = true;
    }
    unsigned best = 0;
    bool alone = true;
    for (unsigned i = 1; i < LANGUAGES; i++) {
        alone = votes[i] > votes[best] || (alone && votes[i] != votes[best]);
        best = votes[i] > votes[best] ? i : best;
    }
    return votes[best] && alone ? codes[best] : "";
}

/* ---- all ---- */

const char *pipe_text_language(const char *text)
{
    static const char *const of_script[SCRIPTS] = {
        [GREEK] = "el",  [ARABIC] = "ar",   [HEBREW] = "he", [THAI] = "th", [DEVANAGARI] = "hi",
        [HANGUL] = "ko", [CYRILLIC] = "ru", [HAN] = "zh",    [KANA] = "ja",
    };
    unsigned counts[SCRIPTS] = {0};
    bool ukrainian = false;
    for (const char *at = text;;) {
        uint32_t c = next(&at);
        if (!c)
            break;
        counts[script_of(c)]++;
        ukrainian = ukrainian || c == 0x456 || c == 0x457 || c == 0x454 || c == 0x491;
    }
    unsigned eastern = counts[HAN] + counts[KANA];
    enum script most = LATIN;
    for (enum script s = HAN; s < SCRIPTS; s++)
        most = counts[s] > counts[most] ? s : most;
    /* A name in Latin letters amid others is common, one the other way round is not. */
    if (eastern && 2 * eastern >= counts[most])
        return counts[KANA] ? "ja" : "zh";
    if (most == LATIN)
        return counts[LATIN] ? latin(text) : "";
    return most == CYRILLIC && ukrainian ? "uk" : of_script[most];
}
