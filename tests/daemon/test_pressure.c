/* How the device is, from trees of files like those of Linux. */
#include "daemon/pressure.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/percept-pressure-XXXXXX";

/* A file of the tree, with the folders above it. */
static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + sizeof root; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void end(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
    memcpy(root + sizeof root - 7, "XXXXXX", 6);
}

static void expect(unsigned level, const char *cause)
{
    struct pressure seen = pressure_look(root);
    ck_assert_str_eq(seen.cause, cause);
    ck_assert_uint_eq(seen.level, level);
}

#define ZONE "sys/class/thermal/thermal_zone0/"
static void zone(const char *temperature)
{
    put(ZONE "type", "cpu-thermal\n");
    put(ZONE "temp", temperature);
    put(ZONE "trip_point_0_type", "active\n");
    put(ZONE "trip_point_0_temp", "40000\n");
    put(ZONE "trip_point_1_type", "critical\n");
    put(ZONE "trip_point_1_temp", "105000\n");
    put(ZONE "trip_point_2_type", "passive\n");
    put(ZONE "trip_point_2_temp", "85000\n");
    put(ZONE "trip_point_3_type", "hot\n");
    put(ZONE "trip_point_3_temp", "95000\n");
}

START_TEST(a_device_that_says_nothing_is_well)
{
    expect(0, "");
    struct pressure seen = pressure_look("/nowhere");
    ck_assert_uint_eq(seen.level, 0);
}
END_TEST

START_TEST(trip_points_say_what_is_hot)
{
    zone("84999\n");
    expect(0, "");
    zone("85000\n");
    expect(1, "cpu-thermal is at 85 degrees");
    zone("96000\n");
    expect(2, "cpu-thermal is at 96 degrees");
    zone("105000\n");
    expect(3, "cpu-thermal is at 105 degrees");
}
END_TEST

#define BATTERY "sys/class/power_supply/BAT0/"
START_TEST(a_battery_counts_while_it_discharges)
{
    put("sys/class/power_supply/AC/type", "Mains\n");
    put(BATTERY "type", "Battery\n");
    put(BATTERY "status", "Discharging\n");
    put(BATTERY "capacity", "21\n");
    expect(0, "");
    put(BATTERY "capacity", "20\n");
    expect(1, "the battery is at 20 %");
    put(BATTERY "capacity", "4\n");
    expect(3, "the battery is at 4 %");
    put(BATTERY "status", "Charging\n");
    expect(0, "");
}
END_TEST

START_TEST(the_slowest_processor_counts)
{
    static const char *const names[] = {"cpu0", "cpu1", "cpufreq"};
    for (int i = 0; i < 3; i++) {
        char name[128];
        snprintf(name, sizeof name, "sys/devices/system/cpu/%s/cpufreq/cpuinfo_max_freq", names[i]);
        put(name, "2000000\n");
        snprintf(name, sizeof name, "sys/devices/system/cpu/%s/cpufreq/scaling_max_freq", names[i]);
        put(name, i == 1 ? "1000000\n" : "2000000\n");
    }
    expect(2, "cpu1 may run at 50 % of its speed");
}
END_TEST

START_TEST(memory_is_short_when_somebody_waits)
{
    put("proc/pressure/memory", "some avg10=9.99 avg60=80.00 avg300=80.00 total=1\nfull avg10=0\n");
    expect(0, "");
    put("proc/pressure/memory", "some avg10=33.10 avg60=0.00 avg300=0.00 total=1\n");
    expect(2, "memory is short 33 % of the time");
}
END_TEST

START_TEST(the_worst_is_what_counts)
{
    zone("86000\n");
    put("proc/pressure/memory", "some avg10=61.00 avg60=0.00 avg300=0.00 total=1\n");
    put(BATTERY "type", "Battery\n");
    put(BATTERY "status", "Discharging\n");
    put(BATTERY "capacity", "9\n");
    expect(3, "memory is short 61 % of the time");
}
END_TEST

START_TEST(nonsense_says_nothing)
{
    static const char *const values[] = {"",      "\n",      "hot\n", "nan\n",
                                         "inf\n", "1e999\n", "-1\n",  "9 9\n"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        zone(values[i]);
        put(ZONE "trip_point_2_temp", "0\n"); /* some drivers have such a one that is not used */
        put(BATTERY "type", "Battery\n");
        put(BATTERY "status", "Discharging\n");
        put(BATTERY "capacity", values[i]);
        put("proc/pressure/memory", values[i]);
        put("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", values[i]);
        put("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "1\n");
        expect(0, "");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pressure");
    TCase *tests = tcase_create("device");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_device_that_says_nothing_is_well);
    tcase_add_test(tests, trip_points_say_what_is_hot);
    tcase_add_test(tests, a_battery_counts_while_it_discharges);
    tcase_add_test(tests, the_slowest_processor_counts);
    tcase_add_test(tests, memory_is_short_when_somebody_waits);
    tcase_add_test(tests, the_worst_is_what_counts);
    tcase_add_test(tests, nonsense_says_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
