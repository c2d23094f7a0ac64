# A slice is a folder: its sources join the library, its tests become one program.
#
#   lyceum_slice(op softmax)      src/ops/softmax   -> objects, test program op_softmax_test, labels "op;softmax"
#
# Files whose names end in _test.cpp are tests; everything else is the library's. A test that says "Needs the family NAME." in a
# comment at its top is left out where LYCEUM_MODELS has no such family.
include_guard(GLOBAL)

set(LYCEUM_SLICES "" CACHE INTERNAL "")

# Under sanitizers these are compiled by -O0, in half the time (14.2 s become 7.8); tests spend theirs in the others, and in those that
# are taken out again.
set(LYCEUM_LIGHT_SLICES task model api train_recipe train_objective train_run)
set(LYCEUM_BUSY_SLICES task_cluster task_common task_mine)

function(lyceum_slice kind name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  lyceum_add_slice(${kind} ${name} "${sources}")
endfunction()

# The same for a folder that is one slice by itself (src/base).
function(lyceum_folder_slice kind)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  lyceum_add_slice(${kind} "" "${sources}")
endfunction()

function(lyceum_add_slice kind name sources)
  set(id ${kind})
  if(name)
    set(id ${kind}_${name})
  endif()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  foreach(source ${sources})  # a source that is compiled once for each instruction set stands alone, also in a unity build
    file(STRINGS ${source} each_target REGEX "hwy/foreach_target\\.h")
    if(each_target)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
  if(sources)
    add_library(${id} OBJECT ${sources})
    target_link_libraries(${id} PRIVATE lyceum_library_options)
    set_target_properties(${id} PROPERTIES UNITY_BUILD ${LYCEUM_UNITY})
    if(LYCEUM_SANITIZE AND (kind IN_LIST LYCEUM_LIGHT_SLICES OR id IN_LIST LYCEUM_LIGHT_SLICES) AND NOT id IN_LIST LYCEUM_BUSY_SLICES)
      target_compile_options(${id} PRIVATE -O0)
    endif()
    set_property(GLOBAL APPEND PROPERTY LYCEUM_OBJECTS ${id})
  endif()
  if(tests AND LYCEUM_TESTS)
    lyceum_test(${id}_test LABELS ${kind} ${name} SOURCES ${tests})
  endif()
endfunction()

# The sources among these tests whose families are there.
function(lyceum_possible_tests out)
  set(possible)
  foreach(source ${ARGN})
    file(STRINGS ${source} needs LIMIT_COUNT 1 REGEX "^//.*Needs the family [a-z0-9_]+\\.")
    string(REGEX REPLACE ".*Needs the family ([a-z0-9_]+)\\..*" "\\1" family "${needs}")
    if(NOT needs OR family IN_LIST LYCEUM_MODELS)
      list(APPEND possible ${source})
    endif()
  endforeach()
  set(${out} "${possible}" PARENT_SCOPE)
endfunction()

# Tests run for a second or two, and the optimiser takes longer over them than it saves: of one file with Clang's sanitizers 16.4 s
# become 8.1 by -O0; in the release build 10.3 s become 7.4 by -O1, and -O0 gains no more.
add_library(lyceum_test_options INTERFACE)
target_link_libraries(lyceum_test_options INTERFACE lyceum_options GTest::gtest_main)
if(LYCEUM_SANITIZE)
  target_compile_options(lyceum_test_options INTERFACE -O0)
else()
  target_compile_options(lyceum_test_options INTERFACE $<$<CONFIG:Release>:-O1>)
endif()

# The program whose precompiled headers the others use: an executable as they are, since position independence is part of the match.
function(lyceum_precompile_test_headers)
  file(WRITE ${PROJECT_BINARY_DIR}/test_headers.cpp "")
  add_executable(lyceum_test_headers EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/test_headers.cpp)
  target_link_libraries(lyceum_test_headers PRIVATE lyceum_test_options)
  target_precompile_headers(lyceum_test_headers PRIVATE <gtest/gtest.h> <nlohmann/json.hpp> <fmt/format.h> <filesystem> <fstream>
                            <functional> <map> <sstream> <thread>)
endfunction()

# A test program over the whole library and what tests share (check/); none where no source is left.
function(lyceum_test target)
  cmake_parse_arguments(ARG "" "" "LABELS;SOURCES" ${ARGN})
  lyceum_possible_tests(sources ${ARG_SOURCES})
  if(NOT sources)
    return()
  endif()
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE lyceum_test_options lyceum lyceum_check)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${LYCEUM_UNITY} UNITY_BUILD_BATCH_SIZE 0)  # most of a test's compilation are headers
  if(LYCEUM_PCH)
    target_precompile_headers(${target} REUSE_FROM lyceum_test_headers)
  endif()
  target_compile_definitions(${target} PRIVATE LYCEUM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
endfunction()
