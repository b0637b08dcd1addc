/* Which lines of text can be acted on, and which only look like it. */
#include "pipelines/node.h"
#include "pipelines/scan.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

struct row {
    const char *language, *text;
    const char *wanted; /* "kind value; kind value", "" for none */
};

static const struct row rows[] = {
    /* ---- web ---- */
    {"en", "https://example.com/menu", "url https://example.com/menu"},
    {"en", "http://example.com:8080/a?b=1&c=2#d", "url http://example.com:8080/a?b=1&c=2#d"},
    {"en", "Visit www.example.com.", "url https://www.example.com"},
    {"en", "WWW.EXAMPLE.COM", "url https://www.example.com"},
    {"pt", "www.exemplo.com.br", "url https://www.exemplo.com.br"},
    {"pt", "Acesse exemplo.com.br/promo", "url https://exemplo.com.br/promo"},
    {"de", "Mehr unter www.beispiel.de/Tickets.", "url https://www.beispiel.de/Tickets"},
    {"de", "beispiel.de", "url https://beispiel.de"},
    {"fr", "www.mairie-exemple.fr", "url https://www.mairie-exemple.fr"},
    {"es", "ejemplo.es/ofertas", "url https://ejemplo.es/ofertas"},
    {"zh", "官网：www.example.cn", "url https://www.example.cn"},
    {"ja", "ｗｗｗ．ｅｘａｍｐｌｅ．ｊｐ", "url https://www.example.jp"},
    {"en", "www . example . com", "url https://www.example.com"},
    {"en", "www. example.com/x", "url https://www.example.com/x"},
    {"en", "http: //example.org", "url http://example.org"},
    {"en", "(see example.org)", "url https://example.org"},
    {"en", "example.com, example.org", "url https://example.com; url https://example.org"},
    {"en", "shop.example.co.uk", "url https://shop.example.co.uk"},
    {"en", "get it at example.io!", "url https://example.io"},
    {"en", "Open 24 hours. It is free.", ""},
    {"en", "We are closed.It is late", ""},
    {"pt", "fechado.de segunda a sexta", ""},
    {"en", "version 2.0.1", ""},
    {"en", "e.g. this one", ""},
    {"en", "etc.", ""},
    {"en", "3.5 in", ""},
    {"en", "St. Mary's", ""},
    {"en", "node.js and main.py", ""},
    {"en", "U.S. Mail", ""},
    {"en", "a.m. - p.m.", ""},
    {"en", "www", ""},
    {"en", "www.", ""},
    {"en", "https://", ""},
    {"en", "...", ""},
    /* ---- mail ---- */
    {"en", "info@example.com", "email info@example.com"},
    {"en", "Write to John.Doe+xr@mail.example.org.", "email john.doe+xr@mail.example.org"},
    {"pt", "contato@exemplo.com.br", "email contato@exemplo.com.br"},
    {"de", "E-Mail: kontakt@beispiel.de", "email kontakt@beispiel.de"},
    {"fr", "accueil@exemple.fr", "email accueil@exemple.fr"},
    {"en", "info @ example . com", "email info@example.com"},
    {"en", "info@ example.com", "email info@example.com"},
    {"zh", "邮箱：ｉｎｆｏ＠ｅｘａｍｐｌｅ．ｃｏｍ", "email info@example.com"},
    {"en", "INFO@EXAMPLE.COM", "email info@example.com"},
    {"en", "sales_team@example-shop.net", "email sales_team@example-shop.net"},
    {"en", "info@example.com www.example.com",
     "email info@example.com; url https://www.example.com"},
    {"en", "meet me @ noon", ""},
    {"en", "@example", ""},
    {"en", "2 @ 5 each", ""},
    {"en", "user@localhost", ""},
    {"en", "@", ""},
    /* ---- telephone ---- */
    {"en", "+1 555 123 4567", "phone +15551234567"},
    {"en", "Call 555-123-4567", "phone 5551234567"},
    {"en", "(555) 123-4567", "phone 5551234567"},
    {"en", "555.123.4567", "phone 5551234567"},
    {"en", "1-800-555-0199", "phone 18005550199"},
    {"en", "Tel: 020 7946 0958", "phone 02079460958"},
    {"en", "020 7946 0958", "phone 02079460958"},
    {"en", "Phone 5550199", "phone 5550199"},
    {"en", "+44 (0)20 7946 0958", "phone +442079460958"},
    {"pt", "(11) 98765-4321", "phone 11987654321"},
    {"pt", "11 98765-4321", "phone 11987654321"},
    {"pt", "(21) 3456-7890", "phone 2134567890"},
    {"pt", "Tel.: (11) 3456-7890", "phone 1134567890"},
    {"pt", "WhatsApp 98765-4321", "phone 987654321"},
    {"pt", "98765-4321", "phone 987654321"},
    {"pt", "0800 123 4567", "phone 08001234567"},
    {"pt", "+55 11 98765 4321", "phone +5511987654321"},
    {"pt", "telefone 210 123 456", "phone 210123456"},
    {"de", "030 1234567", "phone 0301234567"},
    {"de", "Tel. 089/123456", "phone 089123456"},
    {"de", "+49 (0)30 123456-78", "phone +493012345678"},
    {"de", "0049 30 1234567", "phone +49301234567"},
    {"de", "0171 1234567", "phone 01711234567"},
    {"fr", "01 23 45 67 89", "phone 0123456789"},
    {"fr", "Tél : 01.23.45.67.89", "phone 0123456789"},
    {"fr", "+33 1 23 45 67 89", "phone +33123456789"},
    {"es", "91 123 45 67", "phone 911234567"},
    {"es", "Teléfono 912 345 678", "phone 912345678"},
    {"es", "612 34 56 78", "phone 612345678"},
    {"ja", "03-1234-5678", "phone 0312345678"},
    {"ja", "電話：０３－１２３４－５６７８", "phone 0312345678"},
    {"ja", "090-1234-5678", "phone 09012345678"},
    {"ja", "0120-123-456", "phone 0120123456"},
    {"zh", "电话：010-12345678", "phone 01012345678"},
    {"zh", "138 1234 5678", "phone 13812345678"},
    {"zh", "热线 400-123-4567", "phone 4001234567"},
    {"zh", "手机13812345678", "phone 13812345678"},
    {"en", "Room 1234", ""},
    {"en", "10:30 - 18:00", ""},
    {"en", "9-17", ""},
    {"en", "1234 5678 9012 3456", ""},
    {"en", "ISBN 978-3-16-148410-0", ""},
    {"en", "1 000 000", ""},
    {"en", "No. 12345678", ""},
    {"en", "60 km/h", ""},
    {"en", "2024 - 2026", ""},
    {"en", "100% cotton", ""},
    {"en", "12 34 56", ""},
    {"pt", "CEP 01310-200", ""},
    {"pt", "CNPJ 12.345.678/0001-90", ""},
    {"de", "IBAN DE89 3704 0044 0532 0130 00", ""},
    {"en", "A4 210 x 297", ""},
    {"en", "192.168.0.1", ""},
    {"en", "3.14159", ""},
    {"en", "450 g", ""},
    {"en", "Gate 22", ""},
    {"en", "recall 12345", ""},
    /* ---- date ---- */
    {"en", "2026-03-12", "date 2026-03-12"},
    {"en", "2026/03/12", "date 2026-03-12"},
    {"en", "March 12, 2026", "date 2026-03-12"},
    {"en", "12 March 2026", "date 2026-03-12"},
    {"en", "12th of March 2026", "date 2026-03-12"},
    {"en", "Mar 12", "date --03-12"},
    {"en", "Sept. 3, 2026", "date 2026-09-03"},
    {"en", "March 2026", "date 2026-03"},
    {"en", "25/12/2026", "date 2026-12-25"},
    {"en", "12/25/2026", "date 2026-12-25"},
    {"en", "3/4/2026", "date 2026-04-03"},
    {"en", "12-Mar-26", "date 2026-03-12"},
    {"en", "Sale ends 31 Oct.", "date --10-31"},
    {"en", "Expires 01.02.27", "date 2027-02-01"},
    {"en", "12 . 03 . 2026", "date 2026-03-12"},
    {"en", "29 February 2028", "date 2028-02-29"},
    {"pt", "12/03/2026", "date 2026-03-12"},
    {"pt", "3/4/2026", "date 2026-04-03"},
    {"pt", "12 de março de 2026", "date 2026-03-12"},
    {"pt", "1º de maio", "date --05-01"},
    {"pt", "Val.: 05/11/26", "date 2026-11-05"},
    {"pt", "março de 2026", "date 2026-03"},
    {"de", "12.03.2026", "date 2026-03-12"},
    {"de", "12. März 2026", "date 2026-03-12"},
    {"de", "am 3. Oktober", "date --10-03"},
    {"fr", "12 mars 2026", "date 2026-03-12"},
    {"fr", "1er août 2026", "date 2026-08-01"},
    {"fr", "14 juillet", "date --07-14"},
    {"es", "12 de marzo de 2026", "date 2026-03-12"},
    {"es", "5 de enero del 2027", "date 2027-01-05"},
    {"zh", "2026年3月12日", "date 2026-03-12"},
    {"zh", "3月12日", "date --03-12"},
    {"zh", "２０２６年３月", "date 2026-03"},
    {"ja", "2026 年 3 月 12 日", "date 2026-03-12"},
    {"en", "from 1 May 2026 to 3 May 2026", "date 2026-05-01; date 2026-05-03"},
    {"en", "32/13/2026", ""},
    {"en", "30 February 2026", ""},
    {"en", "29 February 2027", ""},
    {"en", "12/2026 units", ""},
    {"en", "1/2", ""},
    {"en", "May I help you?", ""},
    {"en", "March on", ""},
    {"en", "16:9", ""},
    {"en", "10.5.3.2", ""},
    {"en", "Mart 12", ""},
    {"en", "May 10% off", ""},
    {"en", "the 3 marches", ""},
    {"en", "0/0/2026", ""},
    {"zh", "13月12日", ""},
    /* ---- price ---- */
    {"en", "$12.50", "price USD 12.50"},
    {"en", "$ 5", "price USD 5"},
    {"en", "$1,234.56", "price USD 1234.56"},
    {"en", "\u00a33.99 each", "price GBP 3.99"},
    {"en", "only 20 USD", "price USD 20"},
    {"en", "\u20ac9.99", "price EUR 9.99"},
    {"en", "US$ 100", "price USD 100"},
    {"en", "C$15", "price CAD 15"},
    {"en", "50 euros", "price EUR 50"},
    {"en", "$ 12 . 50", "price USD 12.50"},
    {"pt", "R$ 12,90", "price BRL 12.90"},
    {"pt", "R$12,90", "price BRL 12.90"},
    {"pt", "R$ 1.234,56", "price BRL 1234.56"},
    {"pt", "R $ 7,50", "price BRL 7.50"},
    {"pt", "por 10 reais", "price BRL 10"},
    {"pt", "R$ 12 , 90", "price BRL 12.90"},
    {"de", "12,50 \u20ac", "price EUR 12.50"},
    {"de", "1.234,56 EUR", "price EUR 1234.56"},
    {"de", "12,- \u20ac", "price EUR 12"},
    {"de", "CHF 1'234.50", "price CHF 1234.50"},
    {"fr", "1 234,56 \u20ac", "price EUR 1234.56"},
    {"fr", "12\u20ac50", "price EUR 12.50"},
    {"es", "9,95\u20ac", "price EUR 9.95"},
    {"ja", "\u00a51,200", "price JPY 1200"},
    {"ja", "1,200円", "price JPY 1200"},
    {"ja", "￥５００", "price JPY 500"},
    {"zh", "\u00a5 25.80", "price CNY 25.80"},
    {"zh", "25元", "price CNY 25"},
    {"sv", "149 kr", "price SEK 149"},
    {"en", "Coffee $3 Tea $2.50", "price USD 3; price USD 2.50"},
    {"en", "$", ""},
    {"en", "$5m", ""},
    {"en", "$HOME", ""},
    {"en", "50% off", ""},
    {"en", "20 kr", ""},
    {"en", "12.50", ""},
    {"en", "EUR", ""},
    {"en", "Europe 2026", ""},
    {"en", "5 dollarsigns", ""},
    /* ---- address ---- */
    {"en", "123 Main Street", "address 123 Main Street"},
    {"en", "221B Baker Street, London NW1 6XE", "address 221B Baker Street, London NW1 6XE"},
    {"en", "1600 Amphitheatre Parkway, Mountain View, CA 94043",
     "address 1600 Amphitheatre Parkway, Mountain View, CA 94043"},
    {"en", "Visit us: 45 West 25th St.", "address 45 West 25th St."},
    {"pt", "Rua Augusta, 1508", "address Rua Augusta, 1508"},
    {"pt", "Av. Paulista, 1578 - São Paulo, 01310-200",
     "address Av. Paulista, 1578 - São Paulo, 01310-200"},
    {"pt", "Praça da Sé, nº 10", "address Praça da Sé, nº 10"},
    {"de", "Hauptstraße 12a", "address Hauptstraße 12a"},
    {"de", "Berliner Str. 5, 10115 Berlin", "address Berliner Str. 5, 10115 Berlin"},
    {"fr", "12 rue de Rivoli, 75001 Paris", "address 12 rue de Rivoli, 75001 Paris"},
    {"fr", "3 bis avenue Foch", "address 3 bis avenue Foch"},
    {"es", "Calle Mayor 5", "address Calle Mayor 5"},
    {"es", "C/ Alcalá, 42, 28014 Madrid", "address C/ Alcalá, 42, 28014 Madrid"},
    {"zh", "南京东路100号", "address 南京东路100号"},
    {"ja", "〒100-0001 東京都千代田区千代田1-1", "address 〒100-0001 東京都千代田区千代田1-1"},
    {"en", "the street is closed", ""},
    {"en", "Main Street", ""},
    {"en", "2 way traffic", ""},
    {"en", "3 lane road", ""},
    {"pt", "Rua sem saída", ""},
    {"de", "Marktplatz", ""},
    {"de", "Ring frei", ""},
    {"fr", "en route", ""},
    {"es", "calle cortada", ""},
    /* ---- anything else ---- */
    {"", "", ""},
    {"", " ", ""},
    {"", "EXIT", ""},
    {"", "\xff\xfe+", ""},
    {"", "((((((((((((((((((((", ""},
    {"", "++++++++++1", ""},
    {"", "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", ""},
    {"", "a@a@a@a@a@a", ""},
    {"en", "Tel 555-123-4567, $5, 2026-03-12, a@b.com",
     "phone 5551234567; price USD 5; date 2026-03-12; email a@b.com"},
};

static const char *const kinds[] = {"other", "url", "phone", "email", "address", "date", "price"};

static void describe(const char *text, const struct percept_text_action *actions, size_t count,
                     char *to, size_t room)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_lt(actions[i].begin, actions[i].end);
        ck_assert_uint_le(actions[i].end, strlen(text));
        ck_assert(i == 0 || actions[i - 1].end <= actions[i].begin);
        used += (size_t)snprintf(to + used, room - used, "%s%s %s", i ? "; " : "",
                                 kinds[actions[i].kind], actions[i].value);
    }
}

START_TEST(lines_have_the_actions_that_they_should)
{
    char wrong[8192] = "", got[1024];
    size_t used = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct percept_text_action actions[8];
        size_t count = pipe_scan_actions(rows[i].text, rows[i].language, false, 0, actions, 8);
        describe(rows[i].text, actions, count, got, sizeof got);
        if (strcmp(got, rows[i].wanted) != 0 && used < sizeof wrong - 600)
            used += (size_t)snprintf(wrong + used, sizeof wrong - used, "\n  '%s': '%s', not '%s'",
                                     rows[i].text, got, rows[i].wanted);
    }
    ck_assert_msg(used == 0, "%s", wrong);
}
END_TEST

START_TEST(who_writes_the_month_first_says_so)
{
    struct percept_text_action actions[1];
    ck_assert_uint_eq(pipe_scan_actions("3/4/2026", "en", true, 0, actions, 1), 1);
    ck_assert_str_eq(actions[0].value, "2026-03-04");
    ck_assert_uint_eq(pipe_scan_actions("3/4/2026", "pt", true, 0, actions, 1), 1);
    ck_assert_str_eq(actions[0].value, "2026-04-03");
}
END_TEST

/* The bytes are those of the line as it stands, not as it was read. */
START_TEST(a_place_is_in_bytes_of_the_text)
{
    static const char text[] = "電話：０３－１２３４－５６７８ まで";
    struct percept_text_action action;
    ck_assert_uint_eq(pipe_scan_actions(text, "ja", false, 7, &action, 1), 1);
    ck_assert_uint_eq(action.line, 7);
    ck_assert_uint_eq(action.begin, 9);
    ck_assert_mem_eq(text + action.begin, "０３－１２３４－５６７８", action.end - action.begin);
    ck_assert_uint_eq(action.end - action.begin, 12 * 3);
}
END_TEST

START_TEST(what_does_not_fit_its_value_is_none)
{
    struct percept_text_action action;
    char text[256] = "www.example.com/";
    memset(text + strlen(text), 'a', 127 - 8 - strlen(text));
    ck_assert_uint_eq(pipe_scan_actions(text, "", false, 0, &action, 1), 1);
    ck_assert_uint_eq(strlen(action.value), sizeof action.value - 1);
    strcat(text, "a");
    ck_assert_uint_eq(pipe_scan_actions(text, "", false, 0, &action, 1), 0);
}
END_TEST

/* Whatever the bytes are, places stay inside and do not overlap (describe looks). */
START_TEST(noise_does_no_harm)
{
    static const char alphabet[] = "0123456789+-. ,/@:()$wWcom\xe2\x82\xac\xc3\xa9\xff#Rua SteMay";
    uint32_t state = 1;
    for (int round = 0; round < 3000; round++) {
        char text[300], got[4096];
        size_t size = round % (int)(sizeof text - 1);
        for (size_t i = 0; i < size; i++) {
            state = state * 1664525 + 1013904223;
            text[i] = alphabet[(state >> 16) % (sizeof alphabet - 1)];
        }
        text[size] = '\0';
        struct percept_text_action actions[16];
        describe(text, actions, pipe_scan_actions(text, "en", false, 0, actions, 16), got,
                 sizeof got);
    }
}
END_TEST

START_TEST(the_node_fills_what_there_is_room_for)
{
    const struct pipe_node_class *class = pipe_node_class_find("text_actions");
    unsigned char params[64] = {0};
    struct pipe_node *node;
    static struct percept_text in, out;
    ck_assert_int_eq(class->create(&(struct pipe_node_setup){.params = params}, &node, NULL),
                     PERCEPT_OK);
    in.line_count = PERCEPT_TEXT_LINES_MAX;
    for (uint32_t i = 0; i < in.line_count; i++)
        strcpy(in.lines[i].text, i % 2 ? "$1 $2 $3" : "nothing");
    in.action_count = 5; /* somebody's before: found anew */
    const void *inputs[] = {&in};
    void *outputs[] = {&out};
    ck_assert_int_eq(class->process(node, inputs, outputs, NULL), PERCEPT_OK);
    ck_assert_uint_eq(out.action_count, PERCEPT_TEXT_ACTIONS_MAX);
    ck_assert_str_eq(out.actions[4].value, "USD 2");
    ck_assert_uint_eq(out.actions[4].line, 3);
    in.line_count = 1;
    ck_assert_int_eq(class->process(node, inputs, outputs, NULL), PERCEPT_OK);
    ck_assert_uint_eq(out.action_count, 0);
    ck_assert_str_eq(out.actions[0].value, "");
    class->destroy(node);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text actions");
    TCase *tcase = tcase_create("text actions");
    tcase_set_timeout(tcase, 100); /* a sanitizer on a busy machine */
    tcase_add_test(tcase, lines_have_the_actions_that_they_should);
    tcase_add_test(tcase, who_writes_the_month_first_says_so);
    tcase_add_test(tcase, a_place_is_in_bytes_of_the_text);
    tcase_add_test(tcase, what_does_not_fit_its_value_is_none);
    tcase_add_test(tcase, noise_does_no_harm);
    tcase_add_test(tcase, the_node_fills_what_there_is_room_for);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
