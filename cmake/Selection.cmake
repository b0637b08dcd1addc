# A runtime with only what some models need: libprt_selected.a, from the sources of the full one without the rows that the
# selection leaves out (tools/select_rows.awk). Small rather than fast: kernels in plain C, optimised for size.
#
#     -DPRT_MODELS="a.pte;b.pte"       what these programs need, asked of `percept model inspect --ops`
#     -DPRT_OPS="aten::add.out;op:BINARY;binary:ADD;type:F32"       or a list of it, as a build for another machine must
#     -DPRT_MESSAGES=OFF               failures have a status and no text

set(PRT_MODELS "" CACHE STRING "Programs that libprt_selected.a is to run")
set(PRT_OPS "" CACHE STRING "What libprt_selected.a is to have; see `percept model inspect --ops`")
option(PRT_MESSAGES "Let failures of libprt_selected.a say what was wrong, not only their status" ON)

# Sources with tables whose rows are selected; all else is compiled as it is.
set(tables runtime/import.c runtime/deferred.c runtime/import_cadence.c runtime/import_cadence_layers.c
    runtime/graph_shapes.c runtime/passes/passes.c
    runtime/import_sizes_moves.c runtime/import_sizes_layers.c runtime/import_sizes_data.c
    backends/cpu/cpu.c backends/cpu/loops_table.inc backends/cpu/wide.c
    backends/cpu/isa.c backends/cpu/kernels.c backends/cpu/loops.c backends/cpu/rows.c)
file(GLOB aten RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/runtime/import_aten_*.c)
list(APPEND tables ${aten})

include(CheckCCompilerFlag)

# percept_selection(NAME prt_selected MODELS a.pte b.pte | WORDS aten::add.out op:BINARY ... [WITHOUT_MESSAGES]) makes
# lib<NAME>.a. Link it with -Wl,--gc-sections, and with -flto for the last tenth.
function(percept_selection)
    cmake_parse_arguments(P "WITHOUT_MESSAGES" "NAME" "MODELS;WORDS" ${ARGN})
    set(folder ${CMAKE_BINARY_DIR}/selected/${P_NAME})
    set(words ${folder}/words)
    if(P_MODELS)
        add_custom_command(OUTPUT ${words} DEPENDS percept_command ${P_MODELS}
            COMMAND percept_command model inspect --ops ${P_MODELS} > ${words} VERBATIM)
    else()
        list(JOIN P_WORDS "\n" text)
        file(CONFIGURE OUTPUT ${words} CONTENT "${text}\n")
    endif()

    set(script ${CMAKE_SOURCE_DIR}/tools/select_rows.awk)
    set(copies)
    foreach(table ${tables})
        get_filename_component(parent ${folder}/${table} DIRECTORY)
        file(MAKE_DIRECTORY ${parent})
        set(select "awk -v words=\"$(tr '\\n' ' ' <${words})\" -f ${script} ${CMAKE_SOURCE_DIR}/${table} >${folder}/${table}")
        add_custom_command(OUTPUT ${folder}/${table} DEPENDS ${words} ${script} ${CMAKE_SOURCE_DIR}/${table}
            COMMAND sh -c "${select}" VERBATIM)
        list(APPEND copies ${folder}/${table})
    endforeach()

    set(sources ${CMAKE_SOURCE_DIR}/backends/backends.c)
    foreach(target percept_base percept_runtime percept_cpu)
        get_target_property(own ${target} SOURCES)
        get_target_property(origin ${target} SOURCE_DIR)
        foreach(source ${own})
            file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${origin}/${source})
            if(path IN_LIST tables)
                list(APPEND sources ${folder}/${path})
            elseif(NOT path MATCHES "_(avx|vnni|amx|neon|dotprod|i8mm)[a-z0-9]*[.]c$")
                list(APPEND sources ${CMAKE_SOURCE_DIR}/${path})
            endif()
        endforeach()
    endforeach()
    add_library(${P_NAME} STATIC EXCLUDE_FROM_ALL ${sources} ${copies})
    # Copies come before what they are copies of.
    target_include_directories(${P_NAME} BEFORE PUBLIC ${folder} ${CMAKE_BINARY_DIR}/include/backends
        ${CMAKE_BINARY_DIR}/include/backends/cpu ${CMAKE_BINARY_DIR}/include/runtime ${CMAKE_BINARY_DIR}/include/base)
    target_link_libraries(${P_NAME} PUBLIC Threads::Threads m)
    target_compile_definitions(${P_NAME} PRIVATE _GNU_SOURCE PERCEPT_RELEASE="${PROJECT_VERSION}" PRT_ONE_BACKEND=1
        BASE_POOL_UNLIMITED=1)
    if(P_WITHOUT_MESSAGES)
        target_compile_definitions(${P_NAME} PRIVATE PERCEPT_WITHOUT_MESSAGES)
    endif()
    check_c_compiler_flag(-Oz oz)
    # No warnings: functions whose rows are gone are unused, which is the point, and all else was compiled with them before.
    target_compile_options(${P_NAME} PRIVATE $<IF:$<BOOL:${oz}>,-Oz,-Os> -w -fno-strict-overflow
        -ffunction-sections -fdata-sections -flto -ffat-lto-objects -fno-pie -fno-asynchronous-unwind-tables -fno-stack-protector)
    target_link_options(${P_NAME} INTERFACE -no-pie -Wl,--gc-sections)
endfunction()

if(PRT_MODELS OR PRT_OPS)
    set(messages)
    if(NOT PRT_MESSAGES)
        set(messages WITHOUT_MESSAGES)
    endif()
    percept_selection(NAME prt_selected MODELS ${PRT_MODELS} WORDS ${PRT_OPS} ${messages})
endif()
