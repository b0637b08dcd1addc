# One CMake target a folder, and the include rules of docs/architecture.md made physical.
#
# Sources include each other by folder ("base/status.h"). No target has the repository root on its include
# path. Instead each folder F gets a private tree build/include/F holding one link F -> source/F, and a target sees
# only the trees of the folders it USES, and of those that they use. An include that points up the list
# finds no file, so it does not compile.

function(percept_include_tree folder)
    set(tree ${CMAKE_BINARY_DIR}/include/${folder})
    get_filename_component(parent ${tree}/${folder} DIRECTORY)
    file(MAKE_DIRECTORY ${parent})
    if(NOT EXISTS ${tree}/${folder})
        file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${tree}/${folder} SYMBOLIC)
    endif()
endfunction()

# percept_folder(NAME base FOLDER base SOURCES a.c b.c USES percept_x [LIBRARIES PkgConfig::UV ...])
# makes the static library percept_<NAME> from the files of one folder.
function(percept_folder)
    cmake_parse_arguments(P "" "NAME;FOLDER" "SOURCES;USES;LIBRARIES" ${ARGN})
    percept_include_tree(${P_FOLDER})
    add_library(percept_${P_NAME} STATIC ${P_SOURCES})
    target_include_directories(percept_${P_NAME} PUBLIC ${CMAKE_BINARY_DIR}/include/${P_FOLDER})
    target_link_libraries(percept_${P_NAME} PUBLIC percept_flags ${P_USES} ${P_LIBRARIES})
    set_target_properties(percept_${P_NAME} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# percept_program(NAME perceptd SOURCES ... USES ...) makes a command that users run.
function(percept_program)
    cmake_parse_arguments(P "" "NAME" "SOURCES;USES;LIBRARIES" ${ARGN})
    add_executable(${P_NAME} ${P_SOURCES})
    target_link_libraries(${P_NAME} PRIVATE percept_flags ${P_USES} ${P_LIBRARIES})
    set_target_properties(${P_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# percept_test(NAME ring SOURCES test_ring.c USES percept_ipc) makes one Check program and registers it with CTest.
# NO_TSAN: long, and what it tests has no threads of its own; ThreadSanitizer would only make it longer.
# No test watches the clock closely: others run beside it.
function(percept_test)
    cmake_parse_arguments(P "NO_TSAN" "NAME;TIMEOUT" "SOURCES;USES;LIBRARIES" ${ARGN})
    if(NOT PERCEPT_TESTS OR (P_NO_TSAN AND PERCEPT_SANITIZE STREQUAL "thread"))
        return()
    endif()
    if(NOT P_TIMEOUT)
        set(P_TIMEOUT 900)
    endif()
    add_executable(test_${P_NAME} ${P_SOURCES})
    target_link_libraries(test_${P_NAME} PRIVATE percept_flags ${P_USES} ${P_LIBRARIES} PkgConfig::CHECK)
    set_target_properties(test_${P_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${P_NAME} COMMAND test_${P_NAME})
    percept_test_properties(${P_NAME} ${P_TIMEOUT})
endfunction()

# percept_script_test(NAME daemon_life SCRIPT life.sh) registers a shell script that drives the programs; exit 77 says
# that something it needs is not there. It is told when its time is over, so that it can say what it waited for.
function(percept_script_test)
    cmake_parse_arguments(P "" "NAME;SCRIPT;TIMEOUT" "" ${ARGN})
    if(NOT PERCEPT_TESTS)
        return()
    endif()
    if(NOT P_TIMEOUT)
        set(P_TIMEOUT 900)
    endif()
    math(EXPR told "${P_TIMEOUT} - 30")
    add_test(NAME ${P_NAME} COMMAND timeout --foreground ${told} bash ${P_SCRIPT})
    percept_test_properties(${P_NAME} ${P_TIMEOUT})
    set_tests_properties(${P_NAME} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

# CK_DEFAULT_TIMEOUT: Check's own 4 s a test are for machines that are never busy. CK_TIMEOUT_MULTIPLIER: so are those that tests
# set for themselves.
# GALLIVM_PERF: on lavapipe most of a test's time goes into the compiling of shaders that run once.
function(percept_test_properties name timeout)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout}
        ENVIRONMENT "PERCEPT_SOURCE_DIR=${CMAKE_SOURCE_DIR};PERCEPT_MODELS=${PERCEPT_MODELS};PERCEPT_MEDIA=${PERCEPT_MEDIA};PERCEPT_BIN=${CMAKE_BINARY_DIR}/bin;GALLIVM_PERF=nopt;CK_DEFAULT_TIMEOUT=100;CK_TIMEOUT_MULTIPLIER=4;LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0")
endfunction()

# percept_fuzz(NAME program SOURCES fuzz_program.c USES percept_runtime) makes a libFuzzer target (clang, preset "fuzz").
function(percept_fuzz)
    cmake_parse_arguments(P "" "NAME" "SOURCES;USES" ${ARGN})
    if(NOT PERCEPT_FUZZ)
        return()
    endif()
    add_executable(fuzz_${P_NAME} ${P_SOURCES})
    target_link_libraries(fuzz_${P_NAME} PRIVATE percept_flags ${P_USES})
    target_link_options(fuzz_${P_NAME} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz_${P_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    add_dependencies(fuzzers fuzz_${P_NAME})
endfunction()
